"""What compiled kernels run over: a nest of loops with steps in flat memory.

To a compiled kernel an array is a pointer to its first item, and every axis is a loop with an
extent and a step in each operand.  Two loops become a tile (rows and columns, each with its
taps); the others run around it.  What is summed beyond the taps of the tile, that is the channels
and the taps of other axes, is a list of planes: pairs of offsets into ``x`` and ``w``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

__all__ = ["LoopNest", "flat", "loop_nest"]


class LoopNest(NamedTuple):
    """Extents and steps, in items, as the compiled kernels read them."""

    loops: NDArray[np.int64]
    """``(n, 5)``: extent and the steps in out, x, w and bias of each outer loop."""
    planes: NDArray[np.int64]
    """``(n, 2)``: offsets into x and w."""
    tile: NDArray[np.int64]
    """For rows, then for columns: extent, steps in out and x, taps, steps of a tap in x and w."""


@dataclass(frozen=True, slots=True)
class _Loop:
    extent: int
    out: int = 0
    x: int = 0
    w: int = 0
    bias: int = 0
    taps: int = 1
    tap_x: int = 0
    tap_w: int = 0


def flat(array: NDArray) -> NDArray:
    """The memory of an array without negative strides, from its first item on, in one dimension."""
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
    """The loops of a slab; arrays of the same shapes and strides share them."""
    return _loop_nest(
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
def _loop_nest(
    out_shape: tuple[int, ...],
    reduced: tuple[int, ...],
    out_strides: tuple[int, ...],
    x_strides: tuple[int, ...],
    w_strides: tuple[int, ...],
    bias_strides: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    itemsize: int,
) -> LoopNest:
    def items(strides: Sequence[int]) -> list[int]:
        return [step // itemsize for step in strides]

    out, x, w, bias = items(out_strides), items(x_strides), items(w_strides), items(bias_strides)
    rank = len(stride)
    batch = len(out_shape) - rank - 2
    channels, *taps = reduced

    loops = [_Loop(out_shape[i], out[i], x[i]) for i in range(batch)]
    loops.append(_Loop(out_shape[batch], out[batch], x[batch], w[0], bias[0]))
    loops.append(_Loop(out_shape[batch + 1], out[batch + 1], 0, w[1], bias[1]))
    for i in range(rank):
        at = batch + 2 + i
        step, tap = x[at] * stride[i], x[at] * dilation[i]
        loops.append(_Loop(out_shape[at], out[at], step, taps=taps[i], tap_x=tap, tap_w=w[3 + i]))
    loops = _merge([loop for loop in loops if loop.extent > 1 or loop.taps > 1])

    columns = _take(loops, _best_columns)
    rows = _take(loops, _best_rows)
    reductions = [(channels, x[batch + 1], w[2])]
    reductions += [(loop.taps, loop.tap_x, loop.tap_w) for loop in loops]
    tile = [
        (loop.extent, loop.out, loop.x, loop.taps, loop.tap_x, loop.tap_w)
        for loop in (rows, columns)
    ]
    around = [(loop.extent, loop.out, loop.x, loop.w, loop.bias) for loop in loops]
    return LoopNest(
        np.array(around, np.int64).reshape(-1, 5),
        np.stack([_offsets(reductions, 1), _offsets(reductions, 2)], axis=-1),
        np.array(tile, np.int64).ravel(),
    )


def _merge(loops: list[_Loop]) -> list[_Loop]:
    """Join pairs of loops that walk as one: an inner one without taps, ending where the outer
    one's next step begins, in x and out alike (the colours of a pixel and the pixels of a row).
    """
    for outer in loops:
        for inner in loops:
            if (
                outer is not inner
                and inner.taps == 1
                and not (inner.w or inner.bias or outer.w or outer.bias)
                and outer.x == inner.extent * inner.x
                and outer.out == inner.extent * inner.out
            ):
                merged = replace(
                    outer, extent=outer.extent * inner.extent, out=inner.out, x=inner.x
                )
                rest = [loop for loop in loops if loop is not outer and loop is not inner]
                return _merge([*rest, merged])
    return loops


def _take(loops: list[_Loop], best: object) -> _Loop:
    """Remove and return the loop for a place in the tile, or one that runs once."""
    able = [loop for loop in loops if not (loop.w or loop.bias)]
    if not able:
        return _Loop(1)
    chosen = max(able, key=best)  # type: ignore[call-overload]
    loops.remove(chosen)
    return chosen


def _best_columns(loop: _Loop) -> tuple[bool, bool, int]:
    return loop.out == 1 and loop.x == 1, loop.out == 1, loop.extent


def _best_rows(loop: _Loop) -> tuple[int, int]:
    return loop.taps, loop.extent


def _offsets(reductions: list[tuple[int, int, int]], operand: int) -> NDArray[np.int64]:
    """Offsets of all combinations of reduced indices, the first varying slowest."""
    total = np.zeros(1, np.int64)
    for reduction in reductions:
        steps = np.arange(reduction[0], dtype=np.int64) * reduction[operand]
        total = (total[:, None] + steps).ravel()
    return total
