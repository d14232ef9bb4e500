"""Box sums: sums of weighted samples in a window, from which nothing is ever subtracted.

Along columns, rows are grouped in blocks as high as a window.  A window that begins in one block
ends in the next, so it is the sum of the last rows of the first and the first rows of the second.
Along rows, sums double in length: a sum of ``2 n`` items is that of two adjacent sums of ``n``.
All rows belong to a strip that stays in the cache.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numba
import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from ...run import workspace
from ..geometry.box import window_nest
from ..geometry.nest import flat
from . import box_integers
from .box_rows import add_rows, along_row, weigh, weigh_and_add
from .compile import array, compiled, start
from .loops import count, offsets

__all__ = ["box", "code"]

# mypy: disable-error-code="no-untyped-def"


def box(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    nest, strip, items = window_nest(out, x, w, bias, size)
    machine_code = (code if out.dtype == w.dtype else box_integers.code)(out.dtype)
    block = workspace.take(items * out.itemsize)
    sums = block[: items * out.itemsize].view(out.dtype)
    machine_code(start(out), start(x), flat(w), flat(bias), sums, *nest, strip, relu)
    workspace.give_back(block)


@numba.njit(nogil=True)
def weigh_planes(memory, to, x, at, step, weight, planes, n):
    """Fill a row with weighted samples, summed over planes."""
    for plane in range(len(planes)):
        start = at + planes[plane, 0]
        if step == 1:
            weigh(memory, to, x, start, weight, plane > 0, n)
        else:
            for i in range(n):
                sample = x[start + i * step] * weight
                memory[to + i] = memory[to + i] + sample if plane else sample


@numba.njit(nogil=True)
def sum_windows(out, o, x, i, weight, bias, planes, nest, memory, strip, relu):
    """All windows of a slab, in strips of columns."""
    rows, row_out, row_x, kh = nest[0], nest[1], nest[2], nest[3]
    cols, col_out, col_x, kw, tap = nest[6], nest[7], nest[8], nest[9], nest[10]
    longest = strip + (kw - 1) * tap
    firsts, both, spare = kh * longest, (kh + 1) * longest, (kh + 2) * longest
    zero, one = out.dtype.type(0), out.dtype.type(1)
    for left in range(0, cols, strip):
        length = min(strip, cols - left)
        width = length + (kw - 1) * tap
        at = i + left * col_x
        for row in range(kh - 1):
            start = at + row * row_x
            weigh_planes(memory, row * longest, x, start, col_x, weight, planes, width)
        for row in range(rows):
            into = row % kh
            fresh = (into - 1) % kh * longest
            start = at + (row + kh - 1) * row_x
            sums = both if into else 0
            if into and col_x == 1 and len(planes) == 1:
                lasts, start = into * longest, start + planes[0, 0]
                weigh_and_add(
                    memory, fresh, firsts, lasts, both, x, start, start + row_x, weight, width
                )
            else:
                weigh_planes(memory, fresh, x, start, col_x, weight, planes, width)
                if into:
                    lasts = into * longest
                    weigh_and_add(
                        memory, fresh, firsts, lasts, both, memory, fresh, fresh, one, width
                    )
                else:
                    for above in range((kh - 2) * longest, -1, -longest):
                        below = above + longest
                        add_rows(memory, above, memory, above, below, 0, zero, False, width)
                    memory[firsts : firsts + width] = 0
            to = o + row * row_out + left * col_out
            if col_out == 1:
                along_row(out, to, memory, sums, spare, bias, kw, tap, length)
                if relu:
                    for c in range(to, to + length):
                        if out[c] < 0:
                            out[c] = 0
            else:
                along_row(memory, spare, memory, sums, spare, bias, kw, tap, length)
                for c in range(length):
                    done = memory[spare + c]
                    out[to + c * col_out] = zero if relu and done < 0 else done


def sum_slabs(out, x, w, bias, memory, loops, planes, nest, strip, relu):
    """All slabs."""
    for number in range(count(loops)):
        o, i, j, b = offsets(loops, number)
        sum_windows(out, o, x, i, w[j], bias[b], planes, nest, memory, strip, relu)


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    operand, numbers, table = array(item), array(types.int64), array(types.int64, 2)
    written = array(item, readonly=False)
    signature = types.void(
        written, operand, operand, operand, written, table, table, numbers, types.int64,
        types.boolean,
    )  # fmt: skip
    return compiled(sum_slabs, signature)
