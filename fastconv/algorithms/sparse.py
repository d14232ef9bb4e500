"""Sparse: of kernels most of whose taps are zero, the products that are not.

Zero times NaN or infinity is NaN.  So samples that are floats are looked at, and tiles that have
such are summed directly.
"""

from __future__ import annotations

from math import inf, prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm, InPlace, Weights, dense, real_shape

__all__ = ["algorithm"]


class Sparse(Algorithm):
    """Sums over listed taps."""

    name = "sparse"
    in_place: ClassVar[InPlace] = "nothing"
    """A copy is near while one tap after the other reads it; its look is, too."""

    def refuses(self, problem: Problem) -> str | None:
        """It needs zeros, for one channel in and one out."""
        if problem.form.nonzero is None:
            return "it takes one channel in and one out of a group"
        if problem.form.pattern is None:
            return (
                "more than half of the taps are not zero, or they are antisymmetric along one axis"
            )
        if problem.complex:
            return "it does not sum complex numbers"
        return None

    def macs(self, problem: Problem) -> int:
        """One for each tap that is not zero."""
        return problem.form.nonzero or 0

    def cost(self, problem: Problem, backend: str) -> float:
        """A look is one more pass."""
        slow_products = self.macs(problem) * rates.of(backend).sparse
        return costs.seconds(problem, backend, slow_products, 1 + _looks(problem))

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The weights other than zero, ``(groups, 1, taps)``, and the dense kernel, which the
        offsets of the taps lie in.
        """
        listed = Weights((problem.groups, 1, self.macs(problem)), problem.compute)
        return listed, Weights(real_shape(problem), problem.compute)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray, NDArray]:
        kernel = np.ascontiguousarray(dense(w))
        return np.ascontiguousarray(kernel[:, :, 0][..., _used(problem)]), kernel

    def run(
        self,
        program: Any,
        problem: Problem,
        out: NDArray,
        x: NDArray,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        walk: Walk,
    ) -> None:
        listed, kernel = weights
        steps = walk.stride, walk.dilation
        offsets, looks = np.argwhere(_used(problem)), _looks(problem)
        if looks:
            program.in_range(x, inf)
        program.correlate_sparse(out, x, listed, offsets, bias, *steps, problem.relu)
        if looks:
            with program.redo():
                program.correlate(out, x, kernel, bias, *steps, problem.relu)


def _looks(problem: Problem) -> bool:
    """Whether samples may be other than finite."""
    return problem.x_dtype.kind == "f" or not np.isfinite(problem.cval)


def _used(problem: Problem) -> NDArray[np.bool_]:
    """Which taps are not zero in all groups."""
    pattern = np.frombuffer(problem.form.pattern or b"", np.uint8)
    return np.unpackbits(pattern, count=prod(problem.taps)).reshape(problem.taps).astype(bool)


algorithm = Sparse()
