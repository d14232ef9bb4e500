"""Loops of the compiled kernels that blur bytes, and the size of their workspace."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...problem.fixed import around
from ...problem.problem import MOST_COLORS

__all__ = ["BlurNest", "blur_nest"]

STRIP = 1024
"""The least number of columns in a strip; the rows that an output row reads fit the L1 cache."""
BEYOND = 4
"""Columns of a strip for each column that its windows read beyond it."""
BLOCK = 128
"""Rows of the workspace are padded to a multiple of this many items."""


class BlurNest(NamedTuple):
    """Extents, and steps in bytes."""

    loops: NDArray[np.int64]
    """``(n, 5)``: extent and the steps in out and x of each outer loop, as in `LoopNest`."""
    slab: NDArray[np.int64]
    """For rows, then for columns: extent, steps in out and x, and taps on either side of the
    middle.  Then: columns from one tap to the next, whether columns are the first axis, columns of
    a strip, items of a workspace row, and the number to add before truncation.
    """
    room: int
    """Workspace in items of two bytes: the rows of a window, and two more."""


class _Loop(NamedTuple):
    extent: int
    out: int
    x: int
    half: int = 0


def blur_nest(out: NDArray, x: NDArray) -> BlurNest:
    """The loops of a slab; equal slabs share them."""
    return _blur_nest(out.shape, x.shape, out.strides, x.strides)


@lru_cache(maxsize=1024)
def _blur_nest(
    out_shape: tuple[int, ...],
    x_shape: tuple[int, ...],
    out_strides: tuple[int, ...],
    x_strides: tuple[int, ...],
) -> BlurNest:
    halves = [(n - m) // 2 for n, m in zip(x_shape, out_shape, strict=True)]
    *loops, first, last = map(_Loop, out_shape, out_strides, x_strides, halves)
    loops = [loop for loop in loops if loop.extent > 1]
    first_axis = first.x < last.x
    columns, rows = (first, last) if first_axis else (last, first)
    run, inner = 1, []
    for loop in sorted(loops, key=lambda loop: loop.x):
        if loop.x == loop.out == run:
            run *= loop.extent
            inner.append(loop)
    if columns.x == columns.out == run <= MOST_COLORS:  # colours and pixels form one row
        columns = _Loop(run * columns.extent, 1, 1, columns.half)
        loops = [loop for loop in loops if loop not in inner]
    else:
        run = 1
    beyond = 2 * columns.half * run
    strip = min(columns.extent, max(STRIP, BEYOND * beyond))
    pitch = -(-strip // BLOCK) * BLOCK + -(-beyond // BLOCK) * BLOCK + BLOCK
    added = around(rows.half + columns.half + 2)
    return BlurNest(
        np.array([(*loop[:3], 0, 0) for loop in loops], np.int64).reshape(-1, 5),
        np.array([*rows, *columns, run, first_axis, strip, pitch, added], np.int64),
        (2 * rows.half + 3) * pitch,
    )
