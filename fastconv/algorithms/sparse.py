"""Sparse: sums over the nonzero taps of kernels whose taps are mostly zero.

Since zero times NaN or infinity is NaN, floating-point samples are checked, and tiles that contain
NaN or infinity are summed directly.
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
    """Sums over a list of nonzero taps."""

    name = "sparse"
    in_place: ClassVar[InPlace] = "nothing"
    """A halo stays in the cache while it is checked and read once for each tap."""

    def refuses(self, problem: Problem) -> str | None:
        """It needs enough zeros, and one input and one output channel."""
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
        """The check of samples is one more pass."""
        slow_products = self.macs(problem) * rates.of(backend).sparse
        return costs.seconds(problem, backend, slow_products, 1 + _checks(problem))

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The weights of nonzero taps, ``(groups, 1, taps)``, and the dense kernel."""
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
        offsets, checks = np.argwhere(_used(problem)), _checks(problem)
        if checks:
            program.in_range(x, inf)
        program.correlate_sparse(out, x, listed, offsets, bias, *steps, problem.relu)
        if checks:
            with program.redo():
                program.correlate(out, x, kernel, bias, *steps, problem.relu)


def _checks(problem: Problem) -> bool:
    """Whether samples may be NaN or infinite, and have to be checked."""
    return problem.x_dtype.kind == "f" or not np.isfinite(problem.cval)


def _used(problem: Problem) -> NDArray[np.bool_]:
    """A mask of the taps that are not zero in at least one group."""
    pattern = np.frombuffer(problem.form.pattern or b"", np.uint8)
    return np.unpackbits(pattern, count=prod(problem.taps)).reshape(problem.taps).astype(bool)


algorithm = Sparse()
