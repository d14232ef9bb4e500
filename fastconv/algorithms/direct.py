"""Direct: the definition.  Every output is the sum over all taps of weight times sample."""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import rates
from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import InPlace, Layout, Prepared, costs, items, pairs

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

LAYOUT: Layout = "rows"
IN_PLACE: InPlace = "interior"
APART = 2
"""Times that a product takes where outputs read every second sample."""
ONE_BY_ONE = 4
"""Times that a product takes where outputs read samples that are farther apart."""
START = 40
"""Products that a tap of a row costs to begin with."""
ALONE = 1.5
"""Times that a product takes where rows of outputs read no rows together."""
BEGUN_ALONE = 5
"""Times that beginning takes there."""


def refuses(problem: Problem) -> None:
    """Never: every problem has a definition."""


def products(problem: Problem) -> int:
    """One a channel and tap."""
    return problem.in_channels * prod(problem.taps) * problem.parts**2


def grain(problem: Problem) -> tuple[int, ...]:
    """Pieces of any size: no work is done twice."""
    return (1,) * len(problem.axes)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread: a stride leaves vectors empty, every row begins with all taps, and the
    channels of a pixel have to be parted.
    """
    rate, each = rates.of(backend), products(problem)
    stride = problem.axes[-1].stride
    starts = prod(problem.canonical_out[:-1]) * prod(problem.taps) * min(stride, 2)
    apart: float = 1 if stride == 1 else APART if stride == 2 else ONE_BY_ONE
    if any(axis.taps > 1 and axis.dilation > axis.stride for axis in problem.axes[:-1]):
        apart *= ALONE
        starts *= BEGUN_ALONE
    begun = starts * START * rate.product
    return costs.seconds(problem, backend, each * apart, costs.row_passes(problem)) + begun


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """One dense kernel; factors are multiplied out."""
    return Prepared((np.ascontiguousarray(pairs.as_real(reduce(np.multiply, w))),))


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
    backend.correlate(out, x, weights[0], bias, walk.stride, walk.dilation, relu)
