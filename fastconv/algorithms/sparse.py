"""Sparse: of kernels most of whose taps are zero, the products that are not.

Zero times NaN or infinity is NaN.  So samples that are floats are looked at, and slabs that have
such are summed directly.
"""

from __future__ import annotations

from functools import reduce
from math import isfinite, prod

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

LAYOUT: Layout = "rows"
IN_PLACE: InPlace = "nothing"
"""A copy is near while one tap after the other reads it; its look is, too."""
MOST = 0.5
"""Share of the taps that may be other than zero."""


def refuses(problem: Problem) -> str | None:
    """It needs zeros, for one channel in and one out."""
    nonzero = problem.form.nonzero
    if nonzero is None:
        return "it takes one channel in and one out of a group"
    if nonzero > MOST * prod(problem.taps):
        return "more than half of the taps are not zero"
    if problem.complex:
        return "it does not sum complex numbers"
    return None


def products(problem: Problem) -> int:
    """One a tap that is not zero."""
    return problem.form.nonzero or 0


def grain(problem: Problem) -> tuple[int, ...]:
    """Pieces of any size: no product is made twice."""
    return (1,) * len(problem.axes)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread: a look is one more pass."""
    rate, looks = rates.of(backend), _looks(problem)
    slow_products = products(problem) * rate.sparse
    seconds = costs.seconds(problem, backend, slow_products, 1 + looks)
    return seconds + looks * costs.WALKED * rate.call


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """The weights other than zero of each group, ``(G, 1, taps)``, and their places, ``(G, 1, taps,
    axes)``; where samples are looked at, the dense kernel, too.
    """
    dense = reduce(np.multiply, w)
    used = (dense != 0).any(axis=(0, 1, 2))
    places = np.argwhere(used)
    listed = np.ascontiguousarray(dense[..., used][:, :, 0])
    everywhere = np.tile(places, (problem.groups, 1, 1, 1))
    if not _looks(problem):
        return Prepared((listed, everywhere))
    return Prepared((listed, everywhere, np.ascontiguousarray(dense)))


def _looks(problem: Problem) -> bool:
    """Whether samples may be other than finite."""
    return problem.x_dtype.kind == "f" or not np.isfinite(problem.cval)


def repeats(problem: Problem) -> bool:
    """Unless it looks for what is not finite."""
    return not _looks(problem)


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Sum one slab; directly where zeros meet what is not finite."""
    listed, places, *dense = weights
    if dense and not _finite(x):
        backend.correlate(out, x, dense[0], bias, walk.stride, walk.dilation, relu)
    else:
        backend.correlate_sparse(
            out, x, listed, places[0, 0], bias, walk.stride, walk.dilation, relu
        )


def _finite(x: NDArray) -> bool:
    """Whether all samples are: those whose sum is, or else one by one.

    `einsum` sums in a quarter of the time of `sum`, which rounds less.
    """
    with np.errstate(all="ignore"):
        return isfinite(np.einsum(x, range(x.ndim), ())) or bool(np.isfinite(x).all())
