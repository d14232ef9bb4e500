"""Sums of windows, compiled for a dtype when it is first seen.

A window is rows by columns of weighted samples.  Down the columns, blocks of as many rows as a
window has: a window that begins in one block ends in the next, so it is the sum of the last rows of
the one and of the first rows of the other, and nothing is ever subtracted.  Along the rows, sums of
twice the length: ``2 w`` items are two times ``w`` items, side by side.  Each loop adds rows of a
strip that stays in the cache, and the compiler makes vectors of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import from_dtype, types

from .loops import count, offsets
from .on_disk import array, compile_kept

__all__ = ["compiled"]

# mypy: disable-error-code="no-untyped-def"


@numba.njit(nogil=True)
def weigh(row, x, at, step, weight, planes):
    """One row of weighted samples; those of several planes are summed."""
    for plane in range(len(planes)):
        start = at + planes[plane, 0]
        if step == 1:
            samples = x[start : start + len(row)]
            if plane:
                for i in range(len(row)):
                    row[i] += samples[i] * weight
            else:
                for i in range(len(row)):
                    row[i] = samples[i] * weight
        else:
            for i in range(len(row)):
                sample = x[start + i * step] * weight
                row[i] = row[i] + sample if plane else sample


@numba.njit(nogil=True)
def weigh_and_add(row, firsts, samples, weight):
    """One row of weighted samples, which are added to the first rows of a block, too."""
    for i in range(len(row)):
        sample = samples[i] * weight
        row[i] = sample
        firsts[i] += sample


@numba.njit(nogil=True)
def accumulate(out, row):
    """Add a row to another."""
    for i in range(len(out)):
        out[i] += row[i]


@numba.njit(nogil=True)
def add(out, first, second, bias):
    """The sum of two rows."""
    for i in range(len(out)):
        out[i] = first[i] + second[i] + bias


@numba.njit(nogil=True)
def add_odd(out, first, second, third, bias):
    """The sum of three rows."""
    for i in range(len(out)):
        out[i] = first[i] + second[i] + third[i] + bias


@numba.njit(nogil=True)
def along_row(out, row, spare, other, bias, size, tap):
    """Sums of ``size`` items of a row, ``tap`` apart."""
    length, bit = 1, 1
    while 2 * bit <= size:
        bit *= 2
    if bit == 1:
        for i in range(len(out)):
            out[i] = row[i] + bias
    sums = row
    while bit > 1:
        bit //= 2
        odd = 1 if size & bit else 0
        width = len(out) + (size - 2 * length - odd) * tap
        shift = length * tap
        to, offset = (out, bias) if bit == 1 else (spare[:width], out.dtype.type(0))
        after = sums[shift : shift + width]
        if odd:
            add_odd(to, sums, after, row[2 * shift : 2 * shift + width], offset)
        else:
            add(to, sums, after, offset)
        length = 2 * length + odd
        sums = spare
        spare, other = other, spare


@numba.njit(nogil=True)
def slab(out, o, x, i, weight, bias, planes, nest, room, strip, relu):
    """All windows of a slab, in strips of columns."""
    rows, row_out, row_x, kh = nest[0], nest[1], nest[2], nest[3]
    cols, col_out, col_x, kw, tap = nest[6], nest[7], nest[8], nest[9], nest[10]
    longest = strip + (kw - 1) * tap
    block = room[: kh * longest].reshape(kh, longest)
    firsts = room[kh * longest : (kh + 1) * longest]
    both = room[(kh + 1) * longest : (kh + 2) * longest]
    spare = room[(kh + 2) * longest : (kh + 3) * longest]
    other = room[(kh + 3) * longest : (kh + 4) * longest]
    far = room[(kh + 4) * longest : (kh + 5) * longest]
    zero = out.dtype.type(0)
    for left in range(0, cols, strip):
        length = min(strip, cols - left)
        width = length + (kw - 1) * tap
        at = i + left * col_x
        for row in range(kh - 1):
            weigh(block[row, :width], x, at + row * row_x, col_x, weight, planes)
        for row in range(rows):
            into = row % kh
            fresh = block[(into - 1) % kh, :width]
            start = at + (row + kh - 1) * row_x
            if into == 0:
                weigh(fresh, x, start, col_x, weight, planes)
                for above in range(kh - 2, -1, -1):
                    accumulate(block[above, :width], block[above + 1])
                firsts[:width] = 0
                sums = block[0]
            else:
                if col_x == 1 and len(planes) == 1:
                    start += planes[0, 0]
                    weigh_and_add(fresh, firsts, x[start : start + width], weight)
                else:
                    weigh(fresh, x, start, col_x, weight, planes)
                    accumulate(firsts[:width], fresh)
                add(both[:width], block[into], firsts, zero)
                sums = both
            to = o + row * row_out + left * col_out
            done = out[to : to + length] if col_out == 1 else far[:length]
            along_row(done, sums, spare, other, bias, kw, tap)
            if relu:
                for c in range(length):
                    if done[c] < 0:
                        done[c] = 0
            if col_out != 1:
                for c in range(length):
                    out[to + c * col_out] = done[c]


def window_sums(out, x, w, bias, loops, planes, nest, room, strip, relu):
    """Run the outer loops, and a slab inside the last one."""
    for number in range(count(loops)):
        o, i, j, b = offsets(loops, number)
        slab(out, o, x, i, w[j], bias[b], planes, nest, room, strip, relu)


def compiled(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items = from_dtype(dtype)
    operand, numbers, table = array(items, 1), array(types.int64, 1), array(types.int64, 2)
    room = array(items, 1, readonly=False)
    signature = types.void(
        room, operand, operand, operand, table, table, numbers, room, types.int64, types.boolean
    )
    return compile_kept(window_sums, signature)
