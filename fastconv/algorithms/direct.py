"""Direct: the definition.  Every output is the sum over all taps of weight times sample."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backends
from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm

__all__ = ["algorithm"]

APART = 2
"""Relative time of a multiply-add if outputs read every second sample."""
ONE_BY_ONE = 4
"""Relative time of a multiply-add if outputs read samples that are farther apart."""
START = 40
"""Fixed cost of each tap of a row, in multiply-adds."""
ALONE = 1.5
"""Relative time of a multiply-add if rows of outputs share no rows of samples."""
BEGUN_ALONE = 5
"""Relative fixed cost of a tap in that case."""
BYTE_PRODUCT, WIDE_BYTE_PRODUCT = 0.55, 1.1
"""Relative time of a multiply-add of bytes, with 16-bit and with 32-bit sums."""
MOST_SHORT = 257
"""The largest sum of weights for which sums of bytes fit 16 bits."""
STORED = tuple(map(np.dtype, ("u1", "i2", "i4", "f4")))
"""The dtypes in which kernels store results of bytes."""


class Direct(Algorithm):
    """The plain sum."""

    name = "direct"

    def refuses(self, problem: Problem) -> None:
        """None: it can solve every problem."""

    def cost(self, problem: Problem, backend: str) -> float:
        """Includes empty lanes due to strides, a fixed cost for each row and tap, and copies that
        separate the channels of pixels.
        """
        each, last = self.macs(problem), problem.axes[-1]
        if _takes_bytes(problem, backends.load(backend)):
            short = (problem.form.whole or 0) <= MOST_SHORT
            product = BYTE_PRODUCT if short else WIDE_BYTE_PRODUCT
            share = problem.x_dtype.itemsize / problem.compute.itemsize
            return costs.seconds(problem, backend, each * product, share)
        rows = problem.outputs // max(last.out, 1)
        starts = rows * prod(problem.taps) * min(last.stride, 2)
        apart: float = 1 if last.stride == 1 else APART if last.stride == 2 else ONE_BY_ONE
        if [axis for axis in problem.axes[:-1] if axis.taps > 1 and axis.dilation > axis.stride]:
            apart *= ALONE
            starts *= BEGUN_ALONE
        begun = starts * START * rates.of(backend).product
        return costs.seconds(problem, backend, each * apart, costs.row_passes(problem)) + begun

    def is_tile_invariant(self, problem: Problem, backend: Backend) -> bool:
        """True without strides, if the backend sums in order.

        With strides, vectors run along the longest axis of a tile, which changes the order of the
        taps.  A matrix library may use any order.
        """
        return backend.sums_in_order and all(axis.stride == 1 for axis in problem.axes)

    def storage(self, problem: Problem, backend: Backend) -> np.dtype:
        """Bytes if their sums are exact integers."""
        return problem.x_dtype if _takes_bytes(problem, backend) else problem.compute

    def results(self, problem: Problem, backend: Backend) -> np.dtype:
        """For bytes, the dtype of the result if kernels store it; otherwise the compute dtype."""
        if _takes_bytes(problem, backend) and problem.dtype in STORED and not problem.casts:
            return problem.dtype
        return problem.compute

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
        program.correlate(out, x, weights[0], bias, walk.stride, walk.dilation, problem.relu)


def _takes_bytes(problem: Problem, backend: Backend) -> bool:
    """Whether kernels multiply bytes by the weights, which needs a border of bytes as well."""
    if problem.form.whole is None or not backend.multiplies_bytes:
        return False
    dense = all(axis.stride == axis.dilation == 1 for axis in problem.axes)
    beyond = any(axis.boundary == "constant" for axis in problem.axes)
    limits = np.iinfo(problem.x_dtype)
    return dense and (not beyond or problem.cval in range(int(limits.min), int(limits.max) + 1))


algorithm = Direct()
