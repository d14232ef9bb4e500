"""Loops of a slab and workspace of a strip, for compiled kernels that sum windows."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from numpy.typing import NDArray

from .nest import LoopNest, make_nest

__all__ = ["MOST_BYTES", "MOST_SUM", "WindowNest", "window_nest"]

STRIP = 512
"""Columns of a strip, at least, so that 60 rows fit a cache; more for small integers."""
MOST_BYTES = 257
"""The number of bytes whose sum always fits 16 bits."""
MOST_SUM = {1: 2**24, 2: 2**31 - 1}
"""The largest sum of a window of small integers, by their item size."""
NARROW_BYTES = 12
"""Bytes of the sums of small integers, for each column."""
BEYOND = 4
"""Columns of a strip for each column that its windows read beyond it, at least."""


class WindowNest(NamedTuple):
    """The loops of `nest.py`, except that columns keep their taps, with steps in columns."""

    nest: LoopNest
    strip: int
    """Columns that are summed at a time."""
    room: int
    """Items of workspace: five more rows of a strip than a window has, or a few for small integers.
    """


def window_nest(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...]
) -> WindowNest:
    """The loops of a slab with windows of a size, cached for the same shapes and strides."""
    item = out.itemsize
    weights = (tuple([step // a.itemsize * item for step in a.strides]) for a in (w, bias))
    return _window_nest(out.shape, out.strides, x.strides, *weights, size, item)


@lru_cache(maxsize=1024)
def _window_nest(
    out_shape: tuple[int, ...],
    out_strides: tuple[int, ...],
    x_strides: tuple[int, ...],
    w_strides: tuple[int, ...],
    bias_strides: tuple[int, ...],
    size: tuple[int, ...],
    itemsize: int,
) -> WindowNest:
    ones, same = (1,) * len(size), (0,) * (1 + len(size))
    nest = make_nest(
        out_shape,
        (1, *size),
        out_strides,
        x_strides,
        (*w_strides, *same),
        bias_strides,
        ones,
        ones,
        itemsize,
        windows=True,
    )
    tile = nest.tile.copy()
    kh, columns, col_x, kw, tap_x = (int(tile[i]) for i in (3, 6, 8, 9, 10))
    tap = tile[10] = tap_x // col_x if kw > 1 and col_x else 1
    beyond = (kw - 1) * tap
    strip = min(columns, max(STRIP * max(4 // itemsize, 1), BEYOND * beyond))
    rows = kh + 5 if itemsize > 2 else NARROW_BYTES // itemsize
    return WindowNest(nest._replace(tile=tile), strip, rows * (strip + beyond))
