"""What compiled kernels run over to sum channels: the rows, columns and terms of a matrix product.

An output is a row and a column: ``out[r, c] = bias + sum over t of a[r, t] * b[t, c]``.  Columns
are neighbours in ``out`` and in ``b``; rows and terms lie anywhere in flat memory, and are lists of
offsets.  Which axes of a convolution become rows, columns and terms depends on what is asked:

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
"""Terms of a block: their vectors of columns stay in the nearest cache for all rows."""
MOST_OUTSIDE = 63
"""Taps of kernels that may reach beyond the edges: a row has a bit for each."""


class Contraction(NamedTuple):
    """Loops, rows and terms, in items, as the compiled kernels read them."""

    loops: NDArray[np.int64]
    """``(n, 5)``: extent and the steps in out, a, b and bias of each loop around the product."""
    rows: NDArray[np.int64]
    """``(n, 3)``: where a row begins in out, a and bias; for `taps`, whose bias has no rows, a bit
    for each tap that lies beyond the edges, where zeros are."""
    runs: NDArray[np.int64]
    """``(n, 3)``: where some terms begin in a and b, and how many they are."""
    blocks: NDArray[np.int64]
    """The first run of each block, and the end."""
    numbers: NDArray[np.int64]
    """Columns, the steps of a term in a and b, the step from a panel of columns to the next (0
    where b has none), the step of a column in bias, tiles of columns that a block has room for, the
    step of a column in a: 0, for products of rows and columns, or 1, and in that case the rows and
    the runs that follow each other along the last axis."""


class Layout(NamedTuple):
    """Extents of an array, and its steps in items."""

    shape: tuple[int, ...]
    steps: tuple[int, ...]


Axis = tuple[int, ...]
"""An extent and steps."""
Build = Callable[..., Contraction]


def contraction(build: Build, arrays: tuple[NDArray, ...], *extra: tuple[int, ...]) -> Contraction:
    """The product of some arrays; those of the same shapes and strides share it."""
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
    """Channels are neighbours; ``w`` comes in panels, ``(G, panels, *T, C, width)``."""
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
    """Groups of one channel in and one out are neighbours, in ``w``, too, ``(G, *T)``."""
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
    """For each output of an image, a bit for each tap that lies beyond the edges."""
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
    """A row for each output, in out and in x."""
    batch = len(out.shape) - len(stride) - 2
    axes = [(i, 1) for i in range(batch)] + [*enumerate(stride, batch + 2)]
    return [(out.shape[i], out.steps[i], x.steps[i] * step, 0) for i, step in axes]


def planes(out: Layout, x: Layout, w: Layout, bias: Layout) -> Contraction:
    """Outputs are neighbours, and the kernel has one tap; ``w`` is ``(G, K, C)``.

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
    """Channels out are neighbours in ``gradient`` and in ``out``, which is ``(G, K, C, *T)``."""
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
    """Rows are extents and steps in out, a and bias; terms in a and b."""
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
            some = min(left, BLOCK_TERMS - filled)
            done = length - left
            runs.append((a + done * step_a, b + done * step_b, some))
            left, filled = left - some, filled + some
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
    """``(n, operands)``: offsets of all combinations of indices, the first varying slowest."""
    total = np.zeros((1, operands), np.int64)
    for extent, *steps in axes:
        walk = np.arange(extent, dtype=np.int64)[:, None] * np.array(steps, np.int64)
        total = (total[:, None] + walk).reshape(-1, operands)
    return total
