"""The loop nest of compiled kernels, with steps in flat memory.

To a compiled kernel, an array is a pointer to its first item, and every axis is a loop with an
extent and a step in each operand.  Two loops become a tile (rows and columns, each with its taps);
the others run around it.  Channels, and taps of other axes, are summed by a list of planes: pairs
of offsets into ``x`` and ``w``.  Sums run over channels, then over the taps of each axis in turn;
if a kernel is long along the last axis only, its taps may have another order.  The order depends on
the kernel alone, and so do the bits of a result.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

__all__ = ["LONG", "LoopNest", "flat", "loop_nest", "make_nest"]


LONG = 64
"""Items of a row from which on vectors run at full speed."""


class LoopNest(NamedTuple):
    """Extents and steps of loops, in items, as compiled kernels read them."""

    loops: NDArray[np.int64]
    """``(n, 5)``: the extent of each outer loop, and its steps in out, x, w and bias."""
    planes: NDArray[np.int64]
    """``(n, 2)``: offsets into x and w."""
    tile: NDArray[np.int64]
    """For rows, then for columns: the extent, steps in out and x, the number of taps, and steps of
    a tap in x and w.  The last number tells whether columns are the last axis."""


class _Loop(NamedTuple):
    extent: int
    out: int = 0
    x: int = 0
    taps: int = 1
    tap_x: int = 0
    tap_w: int = 0
    w: int = 0
    bias: int = 0
    last: bool = False


def flat(array: NDArray) -> NDArray:
    """A 1-D view of the memory of an array, which has no negative strides."""
    if array.flags.c_contiguous:
        return array.reshape(-1)
    item = array.itemsize
    last = sum(
        (n - 1) * stride // item for n, stride in zip(array.shape, array.strides, strict=True)
    )
    return as_strided(array, (last + 1,), (item,))


def loop_nest(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> LoopNest:
    """The loops of a slab, cached for arrays of the same shapes and strides."""
    return make_nest(
        out.shape,
        w.shape[2:],
        out.strides,
        x.strides,
        w.strides,
        bias.strides,
        stride,
        dilation,
        out.itemsize,
    )


@lru_cache(maxsize=1024)
def make_nest(
    out_shape: tuple[int, ...],
    reduced: tuple[int, ...],
    out_strides: tuple[int, ...],
    x_strides: tuple[int, ...],
    w_strides: tuple[int, ...],
    bias_strides: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    itemsize: int,
    windows: bool = False,
) -> LoopNest:
    """The loops for shapes and strides.

    With ``windows``, which are summed in any order, columns keep their taps, and rows of outputs
    are as far apart as rows of taps.
    """
    out, x = [n // itemsize for n in out_strides], [n // itemsize for n in x_strides]
    w, bias = [n // itemsize for n in w_strides], [n // itemsize for n in bias_strides]
    batch = len(out_shape) - len(stride) - 2
    channels, *taps = reduced
    loops = [_Loop(out_shape[i], out[i], x[i]) for i in range(batch) if out_shape[i] > 1]
    if out_shape[batch] > 1:
        loops.append(_Loop(out_shape[batch], out[batch], x[batch], w=w[0], bias=bias[0]))
    if out_shape[batch + 1] > 1:
        loops.append(_Loop(out_shape[batch + 1], out[batch + 1], w=w[1], bias=bias[1]))
    for axis, k in enumerate(taps):
        at = batch + 2 + axis
        if out_shape[at] > 1 or k > 1:
            step, gap = x[at] * stride[axis], x[at] * dilation[axis]
            last = axis == len(taps) - 1
            loops.append(_Loop(out_shape[at], out[at], step, k, gap, w[3 + axis], last=last))
    if len(loops) > 1:
        loops = _merge(loops, windows)

    columns, rows = _tile(loops)
    innermost = rows
    for loop in loops:
        if loop.taps > 1:
            innermost = loop
    in_order = windows or columns is innermost  # taps of columns may be summed in the tile
    reductions = [] if channels == 1 else [(channels, x[batch + 1], w[2])]
    around = []
    for loop in loops:
        if loop.taps > 1 and loop is not rows and not (in_order and loop is columns):
            reductions.append((loop.taps, loop.tap_x, loop.tap_w))
        if loop is not columns and loop is not rows:
            around.append((loop.extent, loop.out, loop.x, loop.w, loop.bias))
    if columns.taps > 1 and not in_order:
        columns = columns._replace(taps=1)
    return LoopNest(
        np.array(around, np.int64).reshape(-1, 5),
        _planes(reductions),
        np.array([*rows[:6], *columns[:6], columns.last], np.int64),
    )


def _merge(loops: list[_Loop], windows: bool) -> list[_Loop]:
    """Merge pairs of loops that are contiguous in x and out (colours of a pixel, pixels of a row).

    The inner loop must not have taps.  If the outer one has taps, long rows are not merged, since
    rows share samples.
    """
    for outer in loops:
        for inner in loops:
            if (
                outer is not inner
                and inner.taps == 1
                and (outer.taps == 1 or inner.extent < LONG)
                and (outer.taps == 1 or not windows or inner.x == inner.out == 1)
                and not (inner.w or inner.bias or outer.w or outer.bias)
                and outer.x == inner.extent * inner.x
                and outer.out == inner.extent * inner.out
            ):
                merged = outer._replace(
                    extent=outer.extent * inner.extent, out=inner.out, x=inner.x
                )
                rest = [merged if loop is outer else loop for loop in loops if loop is not inner]
                return _merge(rest, windows)
    return loops


def _tile(loops: list[_Loop]) -> tuple[_Loop, _Loop]:
    """The loops that become the columns and the rows of the tile.

    Columns are the loop with contiguous items, if there is one.  Rows are the innermost loop with
    taps among the others, so that the order of sums is that of the axes for any memory layout.
    """
    columns = rows = _Loop(1)
    best: tuple[bool, bool, int] = (False, False, 0)
    for loop in loops:
        rank = loop.out == 1 and loop.x == 1, loop.out == 1, loop.extent
        if rank > best and not (loop.w or loop.bias):
            columns, best = loop, rank
    for loop in loops:
        if loop is columns or loop.w or loop.bias:
            continue
        if loop.taps > 1 or (rows.taps == 1 and loop.extent > rows.extent):
            rows = loop
    return columns, rows


def _planes(reductions: list[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Pairs of offsets into x and w."""
    if not reductions:
        return np.zeros((1, 2), np.int64)
    return np.stack([_offsets(reductions, 1), _offsets(reductions, 2)], axis=-1)


def _offsets(reductions: list[tuple[int, int, int]], operand: int) -> NDArray[np.int64]:
    """The offsets of all combinations of summed indices, with the first index varying slowest."""
    total = np.zeros(1, np.int64)
    for reduction in reductions:
        steps = np.arange(reduction[0], dtype=np.int64) * reduction[operand]
        total = (total[:, None] + steps).ravel()
    return total
