"""Separable: one pass of a 1-D kernel along each axis, k + k products instead of k · k.

The passes run band by band: what lies between them stays in a core's cache, and rows that two bands
read are filtered once.  A kernel that is the sum of several products of factors takes as many
channels from the first pass to the second, which sums them up.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from .. import lowrank, rates
from ..backends._protocol import Backend
from ..problem import Problem
from . import costs

__all__ = ["IN_PLACE", "cost", "grain", "prepare", "products", "refuses", "run"]

IN_PLACE = True

LINE = 64
"""Bytes of a line of a cache."""
BAND = 1 << 30
"""Bytes between two passes that stay in a core's cache."""
STEP = 8
"""Rows of a band that kernels like to work on at once."""


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
    slow_products = products(problem) * rates.of(backend).one_row
    passes = len(problem.axes) + (problem.form.rank or 1) - 1
    return costs.seconds(problem, backend, slow_products, passes)


def prepare(problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
    """The factors as they were given; or those that are found.

    Several products are two factors and the dense kernel.  The second factor is
    ``(groups, 1, products, *taps)`` there, for plans cut weights along their channels out.
    """
    if problem.form.factors:
        return w
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
    return tuple(stacked) if rank == 1 else (*stacked, w[0])


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    """Filter one slab; directly where infinities of opposite products cancelled to NaN."""
    if weights[0].shape[2] == x.shape[-1 - len(stride)]:
        _passes(backend, out, x, weights, bias, stride, dilation, relu)
        return
    first, second, dense = weights
    _passes(backend, out, x, (first, second.swapaxes(1, 2)), bias, stride, dilation, relu)
    with np.errstate(invalid="ignore"):
        finite = np.isfinite(out.min()) and np.isfinite(out.max())
    if not finite:
        backend.correlate(out, x, dense, bias, stride, dilation, relu)


def _passes(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    """Filter along each axis in turn, the last one first, a band of rows at a time."""
    rank, first = len(stride), x.ndim - len(stride)
    if rank == 1:
        backend.correlate(out, x, weights[0], bias, stride, dilation, relu)
        return
    step, reach = stride[0], (weights[0].shape[3] - 1) * dilation[0] + 1
    shared = max(reach - step, 0)
    shape = (*x.shape[: first - 1], weights[0].shape[2], x.shape[first], *out.shape[first + 1 :])
    row_bytes = prod(shape) // shape[first] * x.itemsize
    height = min(max(BAND // row_bytes, shared // step, STEP), out.shape[first])
    band = _room(x, (*shape[:first], (height - 1) * step + reach, *shape[first + 1 :]))
    lead = (slice(None),) * first
    ones = (1,) * (rank - 1)
    steps, gaps = (step, *ones), (dilation[0], *ones)
    for start in range(0, out.shape[first], height):
        stop = min(start + height, out.shape[first])
        have = shared if start else 0
        if have:
            band[(*lead, slice(0, have))] = band[
                (*lead, slice(height * step, height * step + have))
            ]
        end = (stop - start - 1) * step + reach
        fresh = slice(start * step + have, start * step + end)
        _inner(
            backend, band[(*lead, slice(have, end))], x[(*lead, fresh)], weights, stride, dilation
        )
        filtered, target = band[(*lead, slice(0, end))], out[(*lead, slice(start, stop))]
        backend.correlate(target, filtered, weights[0], bias, steps, gaps, relu)


def _inner(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    """Filter along all axes but the first, the last one first."""
    rank = len(stride)
    ones = (1,) * rank
    no_bias = np.zeros(weights[-1].shape[:2], x.dtype)
    for position in range(rank - 1, 0, -1):
        steps = (*ones[:position], stride[position], *ones[position + 1 :])
        gaps = (*ones[:position], dilation[position], *ones[position + 1 :])
        axis = x.ndim - rank + position
        shape = (*x.shape[:axis], out.shape[axis], *x.shape[axis + 1 :])
        target = _room(x, shape) if position > 1 else out
        backend.correlate(target, x, weights[position], no_bias, steps, gaps, False)
        x = target


def _room(x: NDArray, shape: tuple[int, ...]) -> NDArray:
    """An array that lies as another one, but for rows a power of two apart: their items would evict
    each other from the nearest cache.
    """
    if x.strides[-1] != x.itemsize or shape[-1] == 1:
        return np.empty_like(x, shape=shape)
    lines = -(-shape[-1] * x.itemsize // LINE) | 1
    return np.empty((*shape[:-1], lines * LINE // x.itemsize), x.dtype)[..., : shape[-1]]
