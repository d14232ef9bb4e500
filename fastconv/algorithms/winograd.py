"""Winograd: tiles of outputs of 3x3 kernels from fewer products, 36 for 4x4 and 16 for 2x2 of them.

Samples and weights are evaluated as polynomials at a few points, multiplied there, which is one
matrix product a point, and interpolated again: a 4x4 tile takes a quarter of the products, a 2x2
tile less than half.  Source: S. Winograd, *Arithmetic Complexity of Computations*, 1980; A. Lavin
and S. Gray, *Fast Algorithms for Convolutional Neural Networks*, 2015, for the points.

It rounds more than a plain sum, relative to the largest of samples and weights and not to each
sum, so ``precision="strict"`` refuses it.  What is not finite spreads over a tile, and where a sum
overflows it does so too early: those outputs are summed directly.
"""

from __future__ import annotations

from functools import lru_cache, reduce
from math import ceil, isqrt, prod

import numpy as np
from numpy.typing import NDArray

from .. import rates, scratch
from ..backends._protocol import Backend, Rates
from ..backends.points import WEIGHTS
from ..problem import Problem
from ..recorded import Piece
from . import Layout, Prepared, costs, gemm

__all__ = [
    "IN_PLACE",
    "LAYOUT",
    "cost",
    "grain",
    "prepare",
    "products",
    "refuses",
    "repeats",
    "run",
]

LAYOUT: Layout = "channels"
IN_PLACE = True
FEWEST = 16
"""Channels, in and out, that make the transforms worth it."""
FROM_MEMORY = 3
"""Times that a byte of weights takes as long as one of samples, which are nearer."""
PREPARED = 5
"""Products that making a weight at a point takes: 20, once a plan, which is used some times."""
TURNS = 3
"""Passes that the transform of a component takes."""
USUAL = Rates(*(0.0,) * len(Rates._fields))._replace(contracted=2e-11, byte=2e-11)
"""Rates that decide upon the size of tiles, which weights and pieces depend on."""
ROOM = 1 << 21
"""Bytes of the tiles of a band, both of samples and of products."""
PAD = 16
"""Items between the components of tiles, lest all of them fall into the same sets of a cache."""


def refuses(problem: Problem) -> str | None:
    """It has tiles for 3x3 taps, and rounds more than a plain sum."""
    if problem.strict:
        return "it rounds more than a plain sum, which precision='strict' or the call rules out"
    if problem.compute != np.float32 or problem.complex or problem.exact:
        return "it computes in float32, and rounds"
    if problem.taps != (3, 3) or any(axis.stride > 1 or axis.dilation > 1 for axis in problem.axes):
        return "its tiles are for 3x3 taps without stride and dilation"
    if min(problem.in_channels, problem.out_channels) < FEWEST:
        return f"its transforms pay from {FEWEST} channels on, in and out"
    return None


def products(problem: Problem) -> int:
    """Those of whole tiles."""
    m = _side(problem)
    return ceil(problem.in_channels * (m + 2) ** 2 / m**2)


def grain(problem: Problem) -> tuple[int, ...]:
    """Whole tiles."""
    return (_side(problem),) * 2


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    rate, m = rates.of(backend), _side(problem)
    weights = problem.groups * (m + 2) ** 2 * problem.in_channels * problem.out_channels
    return _cost(problem, rate, m) + weights * rate.contracted * PREPARED


def _side(problem: Problem) -> int:
    """Outputs of a tile, down and across: as many as cost least, for the rates of most backends."""
    return min(WEIGHTS, key=lambda m: _cost(problem, USUAL, m))


def _cost(problem: Problem, rate: Rates, m: int) -> float:
    """The products of all points, or the weights on their way from memory, and the transforms."""
    tiles = prod(problem.batch) * problem.groups * prod(ceil(a.out / m) for a in problem.axes)
    points = (m + 2) ** 2
    weights = points * problem.in_channels * problem.out_channels
    read = problem.groups * weights * 4 * rate.byte * FROM_MEMORY
    turned = tiles * points * (problem.in_channels + problem.out_channels)
    return (
        costs.contraction_seconds(problem, rate, 0)
        + max(tiles * weights * rate.contracted, read)
        + turned * 4 * rate.byte * TURNS
    )


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """The weights at the points of a tile, ``(groups, panels, points, channels in, channels of a
    panel)``, and as they are, for sums that are not finite.
    """
    dense = reduce(np.multiply, w)
    groups, out_channels, in_channels, *taps = dense.shape
    width = backend.panel(dense.dtype)
    count, points = ceil(out_channels / width), (_side(problem) + 2) ** 2
    if count * width > out_channels:
        padded = np.zeros((groups, count * width, in_channels, *taps), dense.dtype)
        padded[:, :out_channels] = dense
        dense = padded
    kernels = dense.reshape(groups, count, width, in_channels, *taps)
    each = in_channels * width
    room = np.empty((groups, count, points, each + PAD), dense.dtype)
    values = room[..., :each].reshape(groups, count, points, in_channels, width)

    def fill(span: slice, backend: Backend) -> None:
        backend.winograd_weights(values[:, span], kernels[:, span])

    def pieces() -> list[Piece]:
        return gemm.spans(fill, count, room.nbytes)

    return Prepared((values, kernels), pieces, (room,), (kernels,))


def repeats(problem: Problem) -> bool:
    """Always: a recording notices sums that are not finite."""
    return True


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
    """Sum one slab, in bands whose tiles take little room; directly where that is not finite."""
    at_points, kernels = weights
    outs, xs = _batch(out), _batch(x)
    height = _band(outs.shape, xs.shape[2], at_points.shape[2])
    finite = True
    for top in range(0, outs.shape[3], height):
        rows, reads = slice(top, top + height), slice(top, top + height + 2)
        mark = scratch.mark()
        finite &= _tiles(backend, outs[:, :, :, rows], xs[:, :, :, reads], at_points, bias, relu)
        scratch.release(mark)
    if not finite:
        plain = scratch.empty_like(out, out.shape)
        panels = gemm.Panels(kernels.reshape(kernels.shape[0], -1, *kernels.shape[3:]), backend)
        panels.fill(slice(0, panels.count), backend)
        backend.contract_channels(plain, x, panels.packed, bias, stride, dilation, relu)
        np.copyto(out, plain, where=~np.isfinite(out))


def _batch(array: NDArray) -> NDArray:
    """The array with one batch axis."""
    return array if array.ndim == 5 else array.reshape(-1, *array.shape[-4:])


def _band(out: tuple[int, ...], in_channels: int, points: int) -> int:
    """Rows of a band: whole tiles."""
    m = _outputs_of(points)
    batch, groups, out_channels, _, cols = out
    tiles = batch * groups * ceil(cols / m)
    return m * max(1, ROOM // (tiles * points * (in_channels + out_channels) * 4))


def _outputs_of(points: int) -> int:
    """Outputs of a tile, down and across."""
    return isqrt(points) - 2


def _tiles(
    backend: Backend, out: NDArray, x: NDArray, weights: NDArray, bias: NDArray, relu: bool
) -> bool:
    """Sum a slab with one batch axis, and say whether it is finite."""
    groups, points = weights.shape[0], weights.shape[2]
    m = _outputs_of(points)
    batch, _, out_channels, rows, cols = out.shape
    down, across = ceil(rows / m), ceil(cols / m)
    samples = _room((points, groups, batch, down, across, x.shape[2]))
    sums = _room((points, groups, batch, down, across, out_channels))
    backend.winograd_samples(samples, x)
    # Points are groups that do not see each other, and tiles are outputs of kernels of one tap.
    for group in range(groups):
        backend.contract_channels(
            _by_channels(sums[:, group]),
            _by_channels(samples[:, group]),
            weights[group].swapaxes(0, 1)[:, :, None],
            _zeros(points, out_channels),
            (1,),
            (1,),
            False,
        )
    return backend.winograd_outputs(out, sums, bias, relu)


@lru_cache(maxsize=64)
def _zeros(*shape: int) -> NDArray:
    return np.broadcast_to(np.float32(0), shape)


def _room(shape: tuple[int, ...]) -> NDArray:
    """An array whose first axis is apart by some more than its others take."""
    each = prod(shape[1:])
    rows = scratch.empty((shape[0], each + PAD), np.dtype(np.float32))
    return rows[:, :each].reshape(shape)


def _by_channels(tiles: NDArray) -> NDArray:
    """Points, batches, tiles and channels as groups, channels and outputs."""
    flat = tiles.reshape(tiles.shape[0], -1, tiles.shape[-1])
    return flat.swapaxes(1, 2)
