"""Pointwise: for kernels of one tap, a matrix product of weights and planes, read in place."""

from __future__ import annotations

from math import gcd, prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm, Layout, Weights, as_real, dense, real_shape

__all__ = ["algorithm", "refusal"]

VECTORS = 16
"""Outputs are computed in multiples of this."""


def refusal(problem: Problem) -> str | None:
    """The reason why a problem is not a matrix product of floats, or None if it is."""
    if problem.compute.kind != "f":
        return "integers are summed in 64 bits, which few processors multiply in vectors"
    if problem.in_channels * problem.parts == 1 and problem.out_channels * problem.parts == 1:
        return "each channel of the result is made of one channel"
    return None


class Pointwise(Algorithm):
    """A matrix product of weights and planes."""

    name = "pointwise"
    layout: ClassVar[Layout] = "planes"

    def refuses(self, problem: Problem) -> str | None:
        """It needs a single tap that reads every sample, and contiguous planes."""
        if any(axis.taps > 1 for axis in problem.axes):
            return "the kernel has more than one tap"
        if any(axis.stride > 1 or axis.before or axis.out != axis.size for axis in problem.axes):
            return "it takes no stride and no padding"
        if max(problem.order) not in problem.order[-len(problem.axes) :]:
            return "channels are contiguous, not samples"
        return refusal(problem)

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """As many rows of outputs as fill whole vectors."""
        *others, last = (axis.out for axis in problem.axes)
        if not others:
            return (VECTORS,)
        return (*(1 for _ in others[1:]), VECTORS // gcd(VECTORS, last), last)

    def cost(self, problem: Problem, backend: str) -> float:
        outputs = prod(axis.out for axis in problem.axes)
        whole, rest = divmod(outputs, VECTORS)
        filled = (whole + (rest > 0) / 2 + (rest > VECTORS // 2) / 2) * VECTORS / max(outputs, 1)
        macs = self.macs(problem) * filled
        return costs.contraction_seconds(problem, rates.of(backend), macs, passes=1)

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """A matrix, ``(groups, channels out, channels in)``."""
        return (Weights(real_shape(problem)[:3], problem.compute),)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray]:
        kernel = as_real(dense(w))
        return (np.ascontiguousarray(kernel.reshape(kernel.shape[:3])),)

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
        rank = len(walk.stride)
        planes = _flat if _merge(out, rank) and _merge(x, rank) else _rows
        program.pointwise(planes(out, rank), planes(x, rank), weights[0], bias, problem.relu)


def _merge(array: NDArray, rank: int) -> bool:
    """Whether the filtered axes can be merged into one without a copy."""
    lengths, steps = array.shape[-rank:], array.strides[-rank:]
    return all(steps[i] == steps[i + 1] * lengths[i + 1] for i in range(rank - 1))


def _flat(array: NDArray, rank: int) -> NDArray:
    return array.reshape(*array.shape[:-rank], -1)


def _rows(array: NDArray, rank: int) -> NDArray:
    """A view with all filtered axes but the last moved before the others, as batch axes."""
    return np.moveaxis(array, range(-rank, -1), range(rank - 1))


algorithm = Pointwise()
