"""Box: window sums, for kernels whose weights are all equal.  Their cost hardly grows with size.

Each sample is multiplied by the weight before it is summed, so that sums overflow only if the plain
sum does, and NaN and infinity meet the weight.  Nothing is ever subtracted from a sum: there is no
rounding drift, and a NaN stays inside its window.  Sums of 8-bit and 16-bit images with results of
the same dtype are exact integers, and are multiplied by the weight at the end.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backends
from ..backends.geometry.box import MOST_BYTES, MOST_SUM
from ..backends.protocol import Backend
from ..problem import dtypes
from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm, Weights, dense

__all__ = ["algorithm"]

FUSED_AXES = 2
"""Axes along which a kernel sums at once."""
BYTE, SHORT = np.dtype("u1"), np.dtype("u2")


class Box(Algorithm):
    """Log-step sums of windows."""

    name = "box"

    def refuses(self, problem: Problem) -> str | None:
        """It needs equal weights at adjacent taps."""
        if not problem.form.uniform:
            return "the weights of the kernel are not all equal, for one channel in and one out"
        if problem.complex:
            return "it does not sum complex numbers"
        if any(axis.stride > 1 or axis.dilation > 1 for axis in problem.axes):
            return "it takes no strides and no dilation"
        return None

    def macs(self, problem: Problem) -> int:
        return 1

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """Much longer than a window, since neighbouring tiles both sum the rows they share."""
        return tuple(4 * axis.taps - 3 for axis in problem.axes)

    def is_tile_invariant(self, problem: Problem, backend: Backend) -> bool:
        """True for small integers, which are summed exactly.

        Sums of floats are built from partial sums that depend on where a tile begins.
        """
        return self.storage(problem, backend) != problem.compute

    def storage(self, problem: Problem, backend: Backend) -> np.dtype:
        """The dtype of 8-bit and 16-bit samples and results if kernels sum these exactly."""
        stay = problem.x_dtype == problem.dtype and problem.dtype in (BYTE, SHORT)
        if not stay or problem.casts or problem.compute != np.float32:
            return problem.compute
        *down, _ = problem.taps
        most = dtypes.largest(problem.dtype)
        fit = (
            prod(problem.taps) * most <= MOST_SUM[problem.dtype.itemsize]
            and sum(k > 1 for k in problem.taps) <= FUSED_AXES
        )
        columns_fit = prod(down) <= MOST_BYTES or problem.dtype == SHORT
        beyond = any(axis.boundary == "constant" for axis in problem.axes)
        border = not beyond or problem.cval in range(1 + most)
        return problem.dtype if fit and columns_fit and border else problem.compute

    def cost(self, problem: Problem, backend: str) -> float:
        passes = costs.row_passes(problem) + max(0, sum(k > 1 for k in problem.taps) - FUSED_AXES)
        itemsize = self.storage(problem, backends.load(backend)).itemsize
        share = itemsize / problem.compute.itemsize
        rows = sum(k.bit_length() for k in problem.taps) * problem.outputs
        additions = rows * itemsize / 4 * rates.of(backend).addition
        return costs.seconds(problem, backend, 0, passes * share) + additions

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The weight of each group."""
        return (Weights((problem.groups, 1), problem.compute),)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray]:
        """The product of the first weights of all factors."""
        first = tuple(factor.reshape(len(factor), 1, -1)[..., 0] for factor in w)
        return (np.ascontiguousarray(dense(first)),)

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
        """Sum the windows of one tile, along the last two axes at once."""
        rank = len(walk.stride)
        (weight,) = weights
        lengths = zip(x.shape[-rank:], out.shape[-rank:], strict=True)
        size = [n - outputs + 1 for n, outputs in lengths]
        tapped = [axis for axis, k in enumerate(size) if k > 1]
        for axis in tapped[:-FUSED_AXES]:
            shape = list(x.shape)
            shape[axis - rank] = out.shape[axis - rank]
            sums = program.empty_like(x, shape)
            window = tuple(k if i == axis else 1 for i, k in enumerate(size))
            program.box(sums, x, weight, np.zeros(bias.shape, bias.dtype), window, False)
            x, weight, size[axis] = sums, np.ones(weight.shape, weight.dtype), 1
        program.box(out, x, weight, bias, tuple(size), problem.relu)


algorithm = Box()
