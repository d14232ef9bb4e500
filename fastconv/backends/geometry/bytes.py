"""Loops of a slab and workspace of a strip, for compiled kernels that correlate bytes."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from numpy.typing import NDArray

from .nest import LoopNest, make_nest

__all__ = ["ByteNest", "byte_nest"]

RING_BYTES = 1 << 14
"""Bytes of joined rows, in which samples may have 16 bits, that stay in the L1 cache."""
MIN_STRIP = 128
"""Columns of a strip, at least."""
BEYOND = 4
"""Columns of a strip for each column that its windows read beyond it, at least."""
PAIR_BYTES = 32
WEIGHT_BYTES = 4
JOINED_BYTES = 4
"""Bytes of a column of two joined rows, at most."""
PADDING = 96
"""Columns of a joined row beyond its samples, at most."""
LINE = 64


class ByteNest(NamedTuple):
    """The loops of `nest.py`, except that columns keep their taps."""

    nest: LoopNest
    strip: int
    """Columns of a strip, which are joined at a time."""
    room: int
    """Bytes of workspace for the weights and the joined rows of a strip."""


def byte_nest(out: NDArray, x: NDArray, w: NDArray, bias: NDArray) -> ByteNest:
    """The loops of a slab, cached for slabs of the same shapes and strides."""
    strides = [tuple([step // a.itemsize for step in a.strides]) for a in (out, x, w, bias)]
    return _byte_nest(out.shape, w.shape[2:], *strides)


@lru_cache(maxsize=1024)
def _byte_nest(
    out_shape: tuple[int, ...],
    reduced: tuple[int, ...],
    out: tuple[int, ...],
    x: tuple[int, ...],
    w: tuple[int, ...],
    bias: tuple[int, ...],
) -> ByteNest:
    ones = (1,) * (len(reduced) - 1)
    nest = make_nest(out_shape, reduced, out, x, w, bias, ones, ones, 1, windows=True)
    kh, columns, col_x, kw, tap_x = (int(nest.tile[i]) for i in (3, 6, 8, 9, 10))
    beyond = (kw - 1) * (tap_x // col_x if col_x else 1)
    planes = len(nest.planes)
    rings = planes * (kh // 2 + 1)
    fits = RING_BYTES // (rings * JOINED_BYTES) // LINE * LINE
    strip = min(columns, max(fits, MIN_STRIP, BEYOND * beyond))
    weights = rings * kw * PAIR_BYTES + planes * (kh + 3) * kw * WEIGHT_BYTES
    joined = rings * (strip + beyond + PADDING) * JOINED_BYTES
    return ByteNest(nest, strip, weights + LINE + joined)
