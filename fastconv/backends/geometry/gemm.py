"""The rows, columns and terms of a matrix product, for compiled kernels that sum channels.

An output has a row and a column: ``out[r, c] = bias + sum over t of a[r, t] * b[t, c]``.  Columns
are contiguous in ``out`` and in ``b``; rows and terms may be anywhere in flat memory, and are given
by lists of offsets.  There are four ways to map the axes of a convolution to them:

============  ==========================  ==================  =============  ==================
              ``a``                       rows                columns        terms
============  ==========================  ==================  =============  ==================
`channels`    samples                     batch, outputs      channels out   taps, channels in
`taps`        samples                     batch, outputs      groups         taps
`planes`      weights                     channels out        outputs        channels in
`outputs`     samples                     channels in, taps   channels out   batch, outputs
============  ==========================  ==================  =============  ==================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BLOCK_TERMS",
    "MOST_OUTSIDE",
    "Contraction",
    "channels",
    "contraction",
    "outputs",
    "planes",
    "taps",
]

BLOCK_TERMS = 512
"""Terms of a block, such that their vectors of columns stay in the L1 cache for all rows."""
MOST_OUTSIDE = 63
"""Taps of a kernel that reads edges in place, at most: each row has a bit for each tap."""


class Contraction(NamedTuple):
    """Loops, rows and terms, in items, as compiled kernels read them."""

    loops: NDArray[np.int64]
    """``(n, 5)``: the extent of each loop around the product, and its steps in out, a, b and bias.
    """
    rows: NDArray[np.int64]
    """``(n, 3)``: the offsets of each row in out, a and bias.  For `taps`, whose bias has no rows,
    the last number has a bit for each tap that reads a zero beyond the edges."""
    runs: NDArray[np.int64]
    """``(n, 3)``: the offsets of a run of terms in a and b, and their number."""
    blocks: NDArray[np.int64]
    """The first run of each block, and the end."""
    numbers: NDArray[np.int64]
    """The number of columns, the steps of a term in a and b, the step from one panel of columns to
    the next (0 if b has no panels), the step of a column in bias, the number of tiles of columns
    that fit a block, and the step of a column in a.  The last is 0 for products of rows and
    columns, or 1 for `taps`; then the numbers of consecutive rows and runs along the last axis
    follow."""


class Layout(NamedTuple):
    """Extents of an array, and its steps in items."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]


Axis = tuple[int, ...]
"""An extent, and a step in each operand."""
Build = Callable[..., Contraction]


def contraction(build: Build, arrays: tuple[NDArray, ...], *extra: tuple[int, ...]) -> Contraction:
    """The product of arrays, cached for the same shapes and strides."""
    geometry = tuple((array.shape, array.strides) for array in arrays)
    return _contraction(build, geometry, arrays[0].itemsize, *extra)


@lru_cache(maxsize=256)
def _contraction(
    build: Build,
    geometry: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...],
    itemsize: int,
    *extra: tuple[int, ...],
) -> Contraction:
    layouts = (
        Layout(shape, tuple(step // itemsize for step in strides)) for shape, strides in geometry
    )
    return build(*layouts, *extra)


def channels(
    out: Layout,
    x: Layout,
    w: Layout,
    bias: Layout,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Contraction:
    """Columns are output channels, which are contiguous; ``w`` is ``(G, panels, *T, C, width)``."""
    batch = len(out.shape) - len(stride) - 2
    filtered = range(batch + 2, len(out.shape))
    group = (out.shape[batch], out.steps[batch], x.steps[batch], w.steps[0], bias.steps[0])
    terms = [
        (w.shape[2 + i], x.steps[axis] * dilation[i], w.steps[2 + i])
        for i, axis in enumerate(filtered)
    ]
    terms.append((x.shape[batch + 1], x.steps[batch + 1], w.steps[-2]))
    rows = _rows(out, x, stride)
    return _product([group], rows, terms, out.shape[batch + 1], w.steps[1], bias.steps[1])


def taps(
    out: Layout,
    x: Layout,
    w: Layout,
    bias: Layout,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    before: tuple[int, ...],
) -> Contraction:
    """Columns are groups of one channel in and one out, contiguous also in ``w``, ``(G, *T)``."""
    batch = len(out.shape) - len(stride) - 2
    filtered = range(batch + 2, len(out.shape))
    terms = [
        (w.shape[1 + i], x.steps[axis] * dilation[i], w.steps[1 + i])
        for i, axis in enumerate(filtered)
    ]
    line = (out.shape[-1], w.shape[-1])
    rows = _rows(out, x, stride)
    product = _product([(1, 0, 0, 0, 0)], rows, terms, out.shape[batch], 0, 1, 1, line)
    product.rows[:, 1] -= sum(n * x.steps[axis] for n, axis in zip(before, filtered, strict=True))
    outside = _outside(out.shape[batch + 2 :], x.shape[batch + 2 :], w, stride, dilation, before)
    product.rows[:, 2] = np.tile(outside, prod(out.shape[:batch]))
    return product


def _outside(
    out: tuple[int, ...],
    x: tuple[int, ...],
    w: Layout,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    before: tuple[int, ...],
) -> NDArray[np.int64]:
    """For each output of an image, a bit mask of the taps that lie beyond the edges."""
    beyond = np.zeros((1, 1), bool)
    for outs, size, taps, *walk in zip(out, x, w.shape[1:], stride, dilation, before, strict=True):
        step, gap, zeros = walk
        places = np.arange(outs)[:, None] * step + np.arange(taps) * gap - zeros
        along = (places < 0) | (places >= size)
        beyond = (beyond[:, None, :, None] | along[:, None]).reshape(len(beyond) * outs, -1)
    bits = np.zeros(len(beyond), np.int64)
    for tap in np.flatnonzero(beyond.any(axis=0)):
        bits |= beyond[:, tap].astype(np.int64) << tap
    return bits


def _rows(out: Layout, x: Layout, stride: tuple[int, ...]) -> list[Axis]:
    """The axes of rows, one for each output, in out and x."""
    batch = len(out.shape) - len(stride) - 2
    axes = [(i, 1) for i in range(batch)] + [*enumerate(stride, batch + 2)]
    return [(out.shape[i], out.steps[i], x.steps[i] * step, 0) for i, step in axes]


def planes(out: Layout, x: Layout, w: Layout, bias: Layout) -> Contraction:
    """Columns are outputs, which are contiguous, for kernels with one tap; ``w`` is ``(G, K, C)``.

    ``out`` and ``x`` have one axis for the outputs, the last one.
    """
    batch = len(out.shape) - 3
    loops = [(out.shape[i], out.steps[i], 0, x.steps[i], 0) for i in range(batch)]
    loops.append((out.shape[batch], out.steps[batch], w.steps[0], x.steps[batch], bias.steps[0]))
    rows = [(out.shape[batch + 1], out.steps[batch + 1], w.steps[1], bias.steps[1])]
    terms = [(w.shape[2], w.steps[2], x.steps[batch + 1])]
    return _product(loops, rows, terms, out.shape[-1], 0, 0)


def outputs(
    out: Layout,
    x: Layout,
    gradient: Layout,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> Contraction:
    """Columns are output channels, contiguous in ``gradient`` and in ``out``, ``(G, K, C, *T)``."""
    batch = len(x.shape) - len(stride) - 2
    group = (out.shape[0], out.steps[0], x.steps[batch], gradient.steps[batch], 0)
    rows = [(out.shape[2], out.steps[2], x.steps[batch + 1], 0)]
    rows += [
        (out.shape[3 + i], out.steps[3 + i], x.steps[batch + 2 + i] * gap, 0)
        for i, gap in enumerate(dilation)
    ]
    terms = [(x.shape[i], x.steps[i], gradient.steps[i]) for i in range(batch)]
    terms += [
        (gradient.shape[i], x.steps[i] * stride[i - batch - 2], gradient.steps[i])
        for i in range(batch + 2, len(x.shape))
    ]
    return _product([group], rows, terms, out.shape[1], 0, 0)


def _product(
    loops: Sequence[Axis],
    rows: Sequence[Axis],
    terms: Sequence[Axis],
    cols: int,
    panel: int,
    bias_col: int,
    col_a: int = 0,
    line: tuple[int, int] = (1, 1),
) -> Contraction:
    """The product for axes of rows, with steps in out, a and bias, and of terms, in a and b."""
    length, step_a, step_b = (1, 1, 1)
    apart = [term for term in terms if term[0] > 1]
    if apart and not col_a:
        length, step_a, step_b = apart.pop()
    while apart and not col_a and apart[-1][1:] == (length * step_a, length * step_b):
        length *= apart.pop()[0]
    starts = _offsets(apart, 2)
    runs, blocks, filled = [], [0], 0
    for a, b in starts.tolist():
        left = length
        while left:
            count = min(left, BLOCK_TERMS - filled)
            done = length - left
            runs.append((a + done * step_a, b + done * step_b, count))
            left, filled = left - count, filled + count
            if filled == BLOCK_TERMS:
                blocks.append(len(runs))
                filled = 0
    tiles = BLOCK_TERMS // filled if len(blocks) == 1 else 1
    if filled:
        blocks.append(len(runs))
    return Contraction(
        np.array(loops, np.int64),
        _offsets(rows, 3),
        np.array(runs, np.int64),
        np.array(blocks, np.int64),
        np.array((cols, step_a, step_b, panel, bias_col, tiles, col_a, *line), np.int64),
    )


def _offsets(axes: Sequence[Axis], operands: int) -> NDArray[np.int64]:
    """The offsets of all combinations of indices, ``(n, operands)``, the first varying slowest."""
    total = np.zeros((1, operands), np.int64)
    for extent, *steps in axes:
        walk = np.arange(extent, dtype=np.int64)[:, None] * np.array(steps, np.int64)
        total = (total[:, None] + walk).reshape(-1, operands)
    return total
