"""Fourier transforms of columns: passes of butterflies, and the loops around them.

The vectors of `butterflies.py` hold a column in each lane.  Passes of radix 4 with twiddles, and a
last one without, leave frequencies in the order that the transposed passes of the inverse read
(`geometry/fourier.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from ...run import workspace
from ..geometry.fourier import twiddles
from .butterflies import (
    NO_FACTORS,
    ONE_COLUMN,
    WIDE,
    make_dft,
    make_move,
    make_pass,
    transpose,
)
from .compile import array, compiled
from .host import VECTOR_BYTES

__all__ = ["code", "filter_columns", "transform"]

# mypy: disable-error-code="no-untyped-def"

CACHE_LINE = 64
"""Bytes of the columns that are transformed at a time."""


def transform(out: NDArray, x: NDArray, inverse: bool, negacyclic: bool = False) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    _run(out, x, x, n, not inverse, inverse, negacyclic)


def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray, negacyclic: bool = False) -> None:
    _run(out, x, spectrum, spectrum.shape[1], True, True, negacyclic)


def _run(
    out: NDArray,
    x: NDArray,
    spectrum: NDArray,
    n: int,
    forward: bool,
    inverse: bool,
    negacyclic: bool,
) -> None:
    """Run the machine code, with workspace of this thread."""
    # A cache line of each plane for each row, as many factors, and one pair more.
    nbytes = (4 * n + 2) * CACHE_LINE
    block = workspace.take(nbytes)
    memory, w = block[:nbytes].view(out.dtype), twiddles(n, out.dtype.name)
    code(out.dtype)(out, x, spectrum, w, memory, n, forward, inverse, negacyclic)
    workspace.give_back(block)


split, join = make_pass(split=True), make_pass(split=False)
move, move_item = make_move(VECTOR_BYTES), make_move(0)


@numba.njit(nogil=True)
def copy(out, to, row_out, col_out, x, at, row_x, col_x, rows, cols):
    """Copy rows and columns between any strides."""
    lanes, quad = VECTOR_BYTES // out.itemsize, 16 // out.itemsize
    row = 0
    if cols == lanes and col_out == 1 and col_x == 1:
        while row < rows:
            move(out, to + row * row_out, x, at + row * row_x)
            row += 1
    elif cols == lanes and col_out == 1 and row_x == 1:
        while row + quad <= rows:
            for col in range(0, lanes, quad):
                start = at + row + col * col_x
                transpose(out, to + row * row_out + col, row_out, x, start, col_x)
            row += quad
    elif cols == lanes and row_out == 1 and col_x == 1:
        while row + quad <= rows:
            for col in range(0, lanes, quad):
                start = at + row * row_x + col
                transpose(out, to + row + col * col_out, col_out, x, start, row_x)
            row += quad
    while row < rows:
        for col in range(cols):
            move_item(out, to + row * row_out + col * col_out, x, at + row * row_x + col * col_x)
        row += 1


@numba.njit(nogil=True)
def turn(memory, start, step, vectors, lanes, n, w, sign):
    """Multiply rows by ``w``, or by its conjugate."""
    for row in range(n):
        c, s = w[2 * row], sign * w[2 * row + 1]
        for v in range(vectors):
            at = start + row * step + 2 * lanes * v
            for re in range(at, at + lanes):
                a, b = memory[re], memory[re + lanes]
                memory[re] = a * c - b * s
                memory[re + lanes] = a * s + b * c


def make_last_pass(radix: int) -> Any:
    """A function for Numba: the pass without twiddles."""
    plain, same, wide = (make_dft(radix, factors) for factors in (NO_FACTORS, ONE_COLUMN, WIDE))

    @numba.njit(nogil=True)
    def last_pass(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both):
        for row in range(0, n, radix):
            at, factor = row * step, row * s_row
            if not both:
                plain(x, re + at, im + at, step, s, s_re, s_im, s_row)
            elif s_col == 0:
                same(x, re + at, im + at, step, s, s_re + factor, s_im + factor, s_row)
            else:
                wide(x, re + at, im + at, step, s, s_re + factor, s_im + factor, s_row)

    return last_pass


last_3, last_4, last_5, last_6, last_8 = (make_last_pass(radix) for radix in (3, 4, 5, 6, 8))


@numba.njit(nogil=True)
def run_last_pass(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both, radix):
    if radix == 3:
        last_3(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    elif radix == 4:
        last_4(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    elif radix == 5:
        last_5(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    elif radix == 6:
        last_6(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    else:
        last_8(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)


def transform_columns(out, x, s, w, memory, n, forward, inverse, negacyclic):
    """Transform columns; forward and inverse, block after block of their rows, times ``s``."""
    item = out.itemsize
    lanes = VECTOR_BYTES // item
    plane_x, row_x, col_x = x.strides[0] // item, x.strides[1] // item, x.strides[2] // item
    plane_o, row_o, col_o = out.strides[0] // item, out.strides[1] // item, out.strides[2] // item
    plane_s, row_s, col_s = s.strides[0] // item, s.strides[1] // item, s.strides[2] // item
    rows_x, rows_out, all_cols = x.shape[1], out.shape[1], out.shape[2]
    both = forward and inverse
    block = n - rows_x + rows_out if both else n
    spare, start = 0, 2 * lanes
    factors = start + 2 * lanes * n
    memory[:start] = 0
    col = 0
    while col < all_cols:
        # Rows of an image are so far apart that cache lines are evicted before they are read again:
        # a transform in one direction takes the columns of a whole line at a time.
        vectors = 1 if both or (all_cols - col) * item < CACHE_LINE else CACHE_LINE // VECTOR_BYTES
        cols = min(lanes, all_cols - col)
        step = 2 * lanes * vectors
        if cols < lanes:
            memory[start:] = 0
        for row in range(0, rows_out, block):
            samples, outputs = min(n, rows_x - row), min(block, rows_out - row)
            direct_in = forward and cols == lanes and col_x == 1 and not negacyclic
            direct_out = inverse and cols == lanes and col_o == 1 and not negacyclic
            x_at, o_at = row * row_x + col * col_x, row * row_o + col * col_o
            if not direct_in:
                for v in range(vectors):
                    re, at = start + 2 * lanes * v, x_at + v * lanes * col_x
                    copy(memory, re, step, 1, x, at, row_x, col_x, samples, cols)
                    copy(memory, re + lanes, step, 1, x, at + plane_x, row_x, col_x, samples, cols)
            if forward and negacyclic:
                turn(memory, start, step, vectors, lanes, samples, w, 1)
            w_at = 2 * n
            length = n
            while length > 8:
                quarter = length // 4
                if forward:
                    first = length == n
                    for top in range(0, n, length):
                        for j in range(quarter):
                            r = top + j
                            t = w_at + 6 * j
                            for v in range(vectors):
                                o = start + r * step + 2 * lanes * v
                                if first and direct_in:
                                    i = x_at + r * row_x + v * lanes
                                    split(
                                        memory, o, o + lanes, quarter * step, x, i, i + plane_x,
                                        quarter * row_x, r, quarter, samples, w, t, memory, spare,
                                    )  # fmt: skip
                                else:
                                    split(
                                        memory, o, o + lanes, quarter * step, memory, o, o + lanes,
                                        quarter * step, r, quarter, samples if first else n,
                                        w, t, memory, spare,
                                    )  # fmt: skip
                w_at += 6 * quarter
                length = quarter
            swap = lanes if inverse and not both else 0
            if both and cols < lanes and col_s:
                at = col * col_s
                copy(memory, factors, step, 1, s, at, row_s, 1, n, cols)
                copy(memory, factors + lanes, step, 1, s, at + plane_s, row_s, 1, n, cols)
                run_last_pass(
                    memory, start, start + lanes, step, n, memory, factors, factors + lanes, step,
                    col_s, both, length,
                )  # fmt: skip
            else:
                for v in range(vectors):
                    re, at = start + 2 * lanes * v, col * col_s
                    run_last_pass(
                        memory, re + swap, re + lanes - swap, step, n, s, at, at + plane_s, row_s,
                        col_s, both, length,
                    )  # fmt: skip
            while inverse and length < n:
                quarter = length
                length *= 4
                w_at -= 6 * quarter
                last = length == n
                for top in range(0, n, length):
                    for j in range(quarter):
                        r = top + j
                        t = w_at + 6 * j
                        for v in range(vectors):
                            i = start + r * step + 2 * lanes * v
                            if last and direct_out:
                                o = o_at + r * row_o + v * lanes
                                join(
                                    out, o + plane_o, o, quarter * row_o, memory, i + lanes, i,
                                    quarter * step, r, quarter, outputs, w, t, memory,
                                    spare + lanes,
                                )  # fmt: skip
                            else:
                                join(
                                    memory, i + lanes, i, quarter * step, memory, i + lanes, i,
                                    quarter * step, r, quarter, n, w, t, memory, spare + lanes,
                                )  # fmt: skip
            if inverse and negacyclic:
                turn(memory, start, step, vectors, lanes, outputs, w, -1)
            if not direct_out:
                for v in range(vectors):
                    re, at = start + 2 * lanes * v, o_at + v * lanes * col_o
                    im, at_im = re + lanes, at + plane_o
                    copy(out, at, row_o, col_o, memory, re, step, 1, outputs, cols)
                    copy(out, at_im, row_o, col_o, memory, im, step, 1, outputs, cols)
        col += lanes * vectors


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    operand, written = array(item, 3, "A"), array(item, readonly=False)
    signature = types.void(
        array(item, 3, "A", readonly=False), operand, operand, array(item), written, types.intp,
        types.boolean, types.boolean, types.boolean,
    )  # fmt: skip
    return compiled(transform_columns, signature)
