"""Pointwise: kernels of one tap are a matrix product of weights and planes, as they lie."""

from __future__ import annotations

from functools import reduce
from math import gcd, prod

import numpy as np
from numpy.typing import NDArray

from . import rates
from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import InPlace, Layout, Prepared, costs, gemm, items, pairs

__all__ = [
    "IN_PLACE",
    "LAYOUT",
    "cost",
    "grain",
    "items",
    "prepare",
    "products",
    "refuses",
    "repeats",
    "run",
]

LAYOUT: Layout = "planes"
IN_PLACE: InPlace = "interior"
VECTORS = 16
"""Outputs that are computed together, needed or not."""


def refuses(problem: Problem) -> str | None:
    """It needs one tap that reads every sample of planes."""
    if any(axis.taps > 1 for axis in problem.axes):
        return "the kernel has more than one tap"
    if any(axis.stride > 1 or axis.before or axis.out != axis.size for axis in problem.axes):
        return "it takes no stride and no padding"
    if max(problem.order) not in problem.order[-len(problem.axes) :]:
        return "channels are neighbours, not samples"
    return gemm.refuses(problem)


def products(problem: Problem) -> int:
    """One a channel."""
    return problem.in_channels * problem.parts**2


def grain(problem: Problem) -> tuple[int, ...]:
    """Rows of outputs that fill vectors together."""
    *others, last = (axis.out for axis in problem.axes)
    if not others:
        return (VECTORS,)
    return (*(1 for _ in others[1:]), VECTORS // gcd(VECTORS, last), last)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    outputs = prod(axis.out for axis in problem.axes)
    whole, rest = divmod(outputs, VECTORS)
    filled = (whole + (rest > 0) / 2 + (rest > VECTORS // 2) / 2) * VECTORS / max(outputs, 1)
    rate = rates.of(backend)
    return costs.contraction_seconds(problem, rate, products(problem) * filled, passes=1)


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """The weights as a matrix, ``(groups, channels out, channels in)``."""
    dense = pairs.as_real(reduce(np.multiply, w))
    return Prepared((dense.reshape(dense.shape[:3]),))


def repeats(problem: Problem) -> bool:
    """Always: one call."""
    return True


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Sum one slab."""
    rank = len(walk.stride)
    planes = _flat if _lie_as_one(out, rank) and _lie_as_one(x, rank) else _rows
    backend.pointwise(planes(out, rank), planes(x, rank), weights[0], bias, relu)


def _lie_as_one(array: NDArray, rank: int) -> bool:
    """Whether the last axes can be walked as one."""
    lengths, steps = array.shape[-rank:], array.strides[-rank:]
    return all(steps[i] == steps[i + 1] * lengths[i + 1] for i in range(rank - 1))


def _flat(array: NDArray, rank: int) -> NDArray:
    return array.reshape(*array.shape[:-rank], -1)


def _rows(array: NDArray, rank: int) -> NDArray:
    """All but the last axis with those of the batch."""
    return np.moveaxis(array, range(-rank, -1), range(rank - 1))
