"""Filters: the loops around the register tiles of `tile.py` and `row_filter.py`.

`geometry/nest.py` says what the numbers in ``loops``, ``planes`` and ``nest`` are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numba
import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from ..geometry.nest import LoopNest, flat, loop_nest
from .compile import array, compiled, start
from .host import TILE_ROWS, TILE_VECTORS, VECTOR_BYTES
from .loops import count, offsets
from .row_filter import make_row_filter
from .symmetric import has_halves, make_halves
from .tile import make_slab_3x3, make_tile

__all__ = ["code", "correlate", "run"]

# mypy: disable-error-code="no-untyped-def"

NARROW_BYTES = 16
"""Bytes of the vectors for rows that are shorter than the widest one."""


def correlate(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    run(out, x, w, bias, loop_nest(out, x, w, bias, stride, dilation), relu)


def run(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, nest: LoopNest, relu: bool) -> None:
    """Run the machine code for a nest of loops."""
    code(out.dtype)(start(out), start(x), start(w), flat(bias), *nest, relu)


def make_slab(
    vector_bytes: int,
    height: int,
    vectors: int,
    taps: tuple[int, int] | None = None,
    step: int = 1,
    halves: bool = False,
) -> Any:
    """A function for Numba that fills a slab with tiles of ``height`` rows, of a line of taps in
    ``halves`` or of any.

    The slab has at least these rows and is at least a vector wide.  The last tiles of a row and of
    a column reach back over outputs that are done, and write the same again.
    """
    make = make_halves if halves else partial(make_tile, taps=taps)
    wide = make(vector_bytes, height, vectors, step=step)
    one = make(vector_bytes, height, 1, step=step)

    @numba.njit(nogil=True)
    def slab(out, o, x, i, w, j, bias, planes, nest, relu):
        rows, row_out, row_x = nest[0], nest[1], nest[2]
        cols, col_out, col_x = nest[6], nest[7], nest[8]
        lanes = max(1, vector_bytes // out.itemsize)
        width = vectors * lanes
        whole = cols - cols % width
        for top in range(0, rows, height):
            row = min(top, rows - height)
            to, at = o + row * row_out, i + row * row_x
            for c in range(0, whole, width):
                wide(out, to + c * col_out, x, at + c * col_x, w, j, bias, planes, nest, relu)
            for left in range(whole, cols, lanes):
                c = min(left, cols - lanes)
                one(out, to + c * col_out, x, at + c * col_x, w, j, bias, planes, nest, relu)

    return slab


wide_tall = make_slab(VECTOR_BYTES, TILE_ROWS, TILE_VECTORS)
wide_flat = make_slab(VECTOR_BYTES, 1, 8)
wide_lone = make_slab(VECTOR_BYTES, 1, 8, (1, 1))
# Small kernels wait for memory.  With more than two rows at a time, cache lines would evict each
# other from a cache of eight ways where rows are a power of two apart.
wide_3x3 = make_slab(VECTOR_BYTES, 2, 4, (3, 3))
wide_even = make_slab(VECTOR_BYTES, 1, 4, step=2)
slab_3x3 = make_slab_3x3(VECTOR_BYTES)
slab_1x3, slab_1x5, slab_1x7, slab_1x9 = (make_row_filter(VECTOR_BYTES, n) for n in (3, 5, 7, 9))
wide_5x5 = make_slab(VECTOR_BYTES, 2, 5, (5, 5))
narrow_tall = make_slab(NARROW_BYTES, TILE_ROWS, 1)
narrow_flat = make_slab(NARROW_BYTES, 1, 1)
narrow_even = make_slab(NARROW_BYTES, 1, 1, step=2)
single_tall = make_slab(0, TILE_ROWS, TILE_VECTORS)
single_flat = make_slab(0, 1, 8)
wide_halves = make_slab(VECTOR_BYTES, 1, 6, halves=True)
tall_halves = make_slab(VECTOR_BYTES, 4, 1, halves=True)
even_halves = make_slab(VECTOR_BYTES, 1, 6, step=2, halves=True)
single_halves = make_slab(0, 1, 6, halves=True)


def filter_slabs(out, x, w, bias, loops, planes, nest, relu):
    """Fill all slabs, each with the tile that suits its shape and strides."""
    rows, row_x, kh, tap_row_x = nest[0], nest[2], nest[3], nest[4]
    cols, col_out, col_x = nest[6], nest[7], nest[8]
    kw, tap_col_x, tap_col_w = nest[9], nest[10], nest[11]
    row_bytes = cols * out.itemsize if col_out == 1 and col_x == 1 else 0
    even_bytes = cols * out.itemsize if col_out == 1 and col_x == 2 else 0
    tall = rows >= TILE_ROWS and kh > 1 and row_x == tap_row_x
    row_filter = kh == 1 and len(planes) == 1 and tap_col_x == 1 and tap_col_w == 1
    if kw > VECTOR_BYTES // out.itemsize + 1:
        row_filter = False
    dense = tall and kh == kw and tap_col_x == 1 and tap_col_w == 1
    line = len(planes) == 1 and min(kh, kw) == 1 < max(kh, kw)
    step_w = nest[5] if kh > 1 else tap_col_w
    for slab in range(count(loops)):
        o, i, j, b = offsets(loops, slab)
        if line and has_halves(w, j + planes[0, 1], kh * kw, step_w):
            if row_bytes >= VECTOR_BYTES and tall:
                tall_halves(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif row_bytes >= VECTOR_BYTES:
                wide_halves(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif even_bytes >= VECTOR_BYTES:
                even_halves(out, o, x, i, w, j, bias[b], planes, nest, relu)
            else:
                single_halves(out, o, x, i, w, j, bias[b], planes, nest, relu)
        elif row_bytes >= VECTOR_BYTES:
            if row_filter and kw == 3:
                slab_1x3(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif row_filter and kw == 5:
                slab_1x5(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif row_filter and kw == 7:
                slab_1x7(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif row_filter and kw == 9:
                slab_1x9(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif dense and kh == 3 and len(planes) == 1:
                slab_3x3(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif dense and kh == 3:
                wide_3x3(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif dense and kh == 5:
                wide_5x5(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif tall:
                wide_tall(out, o, x, i, w, j, bias[b], planes, nest, relu)
            elif kh == 1 and kw == 1:
                wide_lone(out, o, x, i, w, j, bias[b], planes, nest, relu)
            else:
                wide_flat(out, o, x, i, w, j, bias[b], planes, nest, relu)
        elif even_bytes >= VECTOR_BYTES:
            wide_even(out, o, x, i, w, j, bias[b], planes, nest, relu)
        elif even_bytes >= NARROW_BYTES:
            narrow_even(out, o, x, i, w, j, bias[b], planes, nest, relu)
        elif row_bytes >= NARROW_BYTES:
            if tall:
                narrow_tall(out, o, x, i, w, j, bias[b], planes, nest, relu)
            else:
                narrow_flat(out, o, x, i, w, j, bias[b], planes, nest, relu)
        elif tall:
            single_tall(out, o, x, i, w, j, bias[b], planes, nest, relu)
        else:
            single_flat(out, o, x, i, w, j, bias[b], planes, nest, relu)


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    operand, numbers, table = array(item), array(types.int64), array(types.int64, 2)
    signature = types.void(
        array(item, readonly=False), operand, operand, operand, table, table, numbers,
        types.boolean,
    )  # fmt: skip
    return compiled(filter_slabs, signature)
