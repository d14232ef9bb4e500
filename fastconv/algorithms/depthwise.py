"""Depthwise: every channel has a kernel of its own, and neighbouring channels make a vector.

Samples lie with their channels last, so that neither strides nor short rows leave lanes empty.
"""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import rates
from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import InPlace, Layout, Prepared, costs, items

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

LAYOUT: Layout = "channels"
IN_PLACE: InPlace = "edges"
FEWEST = 8
"""Channels that fill a vector."""
SLOWER = 1.7
"""Times that a product takes as long as where a sample serves several vectors."""
TURNED = 3
"""Passes over data whose groups are not neighbours."""


def refuses(problem: Problem) -> str | None:
    """It needs many groups, each with a channel in and a channel out."""
    if problem.compute.kind != "f" or problem.complex:
        return "it sums real floating-point numbers"
    if problem.in_channels > 1 or problem.out_channels > 1 or problem.groups < FEWEST:
        return f"it takes {FEWEST} groups or more of one channel in and one out"
    return None


def products(problem: Problem) -> int:
    """One a tap."""
    return prod(problem.taps)


def grain(problem: Problem) -> tuple[int, ...]:
    """Pieces of any size: no product is made twice."""
    return (1,) * len(problem.axes)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread; samples are laid out anew where groups are not neighbours."""
    rate, slow_products = rates.of(backend), products(problem) * SLOWER
    passes = TURNED if costs.ends_with_rows(problem) else 1
    return costs.contraction_seconds(problem, rate, slow_products, passes) + rate.call


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """One dense kernel, ``(groups, 1, *taps)``, in which groups are neighbours."""
    dense = reduce(np.multiply, w)[:, :, 0]
    last = dense.ndim - 1
    neighbours = np.ascontiguousarray(dense.transpose(*range(1, last + 1), 0))
    return Prepared((neighbours.transpose(last, *range(last)),))


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
    backend.depthwise(out, x, weights[0][:, 0], bias, *walk, relu)
