"""Separable: one pass of a 1-D kernel along each axis, k + k products instead of k · k.

It works on the slab that it is given, borders included, so that nothing between two passes is
larger than the slab.  A kernel that is the sum of several products of factors takes as many
channels from the first pass to the second, which sums them up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..problem import lowrank
from . import rates
from ..run import workspace
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
SUMMED = 1.5
"""Times that a product takes where the results of several products of factors are summed."""
DEEP = 2
"""Times that all of it takes where planes lie between the rows that a pass reads."""


def refuses(problem: Problem) -> str | None:
    """It needs the factors of the kernel."""
    if problem.form.rank is None:
        return "the kernel is not known as a product, or a sum of a few products, of 1-D factors"
    return None


def products(problem: Problem) -> int:
    """One a tap of each factor."""
    return (problem.form.rank or 1) * sum(problem.taps) * problem.parts**2


def grain(problem: Problem) -> tuple[int, ...]:
    """Pieces much longer than the taps, for neighbours filter the rows between them twice."""
    return tuple(4 * (axis.extent - 1) // axis.stride + 1 for axis in problem.axes)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    rank = problem.form.rank or 1
    slow_products = products(problem) * rates.of(backend).one_row
    if rank > 1:
        slow_products *= SUMMED
    passes = len(problem.axes) + rank - 1
    seconds = costs.seconds(problem, backend, slow_products, passes)
    return seconds * DEEP if len(problem.axes) > 2 else seconds


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """The factors as they were given; or those that are found.

    Several products are two factors and the dense kernel.  The second factor is
    ``(groups, 1, products, *taps)`` there, for plans cut weights along their channels out.
    """
    if problem.form.factors:
        return Prepared(tuple(np.ascontiguousarray(pairs.as_real(factor)) for factor in w))
    rank = problem.form.rank or 1
    found = [lowrank.factors(kernel, rank) or [] for kernel in w[0]]
    tapped = [axis for axis, k in enumerate(problem.taps) if k > 1]
    stacked = []
    for axis, k in enumerate(problem.taps):
        shape = [k if i == axis else 1 for i in range(len(problem.taps))]
        factor = np.ones((problem.groups, 1, rank, *shape), w[0].dtype)
        if k > 1:
            factor[...] = 0  # of groups with fewer products
            for group, several in enumerate(found):
                for number, product in enumerate(several):
                    factor[group, 0, number] = product[tapped.index(axis)].reshape(shape)
        stacked.append(factor)
    kernels = stacked if rank == 1 else (*stacked, w[0])
    return Prepared(tuple(map(pairs.as_real, kernels)))


def repeats(problem: Problem) -> bool:
    """Unless it looks for what is not finite."""
    return problem.form.rank == 1


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Filter one slab; directly where infinities of opposite products cancelled to NaN."""
    if weights[0].shape[2] == x.shape[-1 - len(walk.stride)]:
        _passes(backend, out, x, weights, bias, walk, relu)
        return
    first, second, dense = weights
    _passes(backend, out, x, (first, second.swapaxes(1, 2)), bias, walk, relu)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(out.min()) and np.isfinite(out.max())
    if not finite:
        backend.correlate(out, x, dense, bias, walk.stride, walk.dilation, relu)


def _passes(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Filter along each axis in turn, the last one first."""
    rank = len(walk.stride)
    first = x.ndim - rank
    ones = (1,) * rank
    for position in reversed(range(rank)):
        w = weights[position]
        steps = (*ones[:position], walk.stride[position], *ones[position + 1 :])
        gaps = (*ones[:position], walk.dilation[position], *ones[position + 1 :])
        if position == 0:
            backend.correlate(out, x, w, bias, steps, gaps, relu)
            return
        shape = list(x.shape)
        shape[first - 1], shape[first + position] = w.shape[1], out.shape[first + position]
        target = _room(x, shape)
        backend.correlate(target, x, w, np.zeros(w.shape[:2], x.dtype), steps, gaps, False)
        x = target


def _room(x: NDArray, shape: list[int]) -> NDArray:
    """An array that lies as another one, but for rows a power of two apart: their items would evict
    each other from the nearest cache.
    """
    if x.strides[-1] != x.itemsize or shape[-1] == 1:
        return workspace.empty_like(x, shape)
    lines = -(-shape[-1] * x.itemsize // workspace.LINE) | 1
    width = lines * workspace.LINE // x.itemsize
    return workspace.empty((*shape[:-1], width), x.dtype)[..., : shape[-1]]
