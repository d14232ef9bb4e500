"""Sums of windows, compiled for a dtype when it is first seen.

A window is rows by columns of weighted samples.  Down the columns, blocks of as many rows as a
window has: a window that begins in one block ends in the next, so it is the sum of the last rows of
the one and of the first rows of the other, and nothing is ever subtracted.  Along the rows, sums of
twice the length: ``2 w`` items are two times ``w`` items, side by side.  Each loop adds rows of a
strip that stays in the cache, in vectors: LLVM cannot know that rows of the same memory are apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from .loops import count, offsets
from .on_disk import array, compile_kept
from .vectors import VECTOR_BYTES, Vectors, blocks, data

__all__ = ["along_row", "compiled"]

# mypy: disable-error-code="no-untyped-def"

INT = types.int64
Body = Callable[["_Row"], None]


class _Row:
    """A vector or an item of each row, which begin at some places."""

    def __init__(self, emitter: Vectors, at: ir.Value) -> None:
        self.emitter, self.at = emitter, at

    def get(self, row: ir.Value) -> ir.Value:
        return self.emitter.load(self.emitter.builder.gep(row, [self.at]))

    def put(self, row: ir.Value, value: ir.Value) -> None:
        self.emitter.store(value, self.emitter.builder.gep(row, [self.at]))

    def fetch(self, row: ir.Value) -> None:
        """Bring what is soon read nearer."""
        builder, byte = self.emitter.builder, ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] + [ir.IntType(32)] * 3)
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        place = builder.bitcast(builder.gep(row, [self.at]), byte)
        builder.call(prefetch, [place, *(ir.Constant(ir.IntType(32), n) for n in (0, 3, 1))])

    def sum(self, *values: ir.Value) -> ir.Value:
        builder, whole = self.emitter.builder, isinstance(self.emitter.item, ir.IntType)
        total, *others = values
        for value in others:
            total = builder.add(total, value) if whole else builder.fadd(total, value)
        return total

    def product(self, value: ir.Value, factor: ir.Value) -> ir.Value:
        builder, factor = self.emitter.builder, self.emitter.splat(factor)
        whole = isinstance(self.emitter.item, ir.IntType)
        return builder.mul(value, factor) if whole else builder.fmul(value, factor)


def _along(context: Any, builder: ir.IRBuilder, item: Any, n: ir.Value, body: Body) -> None:
    """Emit a body for all items of rows: as vectors, and the last ones one by one."""
    kind = context.get_value_type(item)
    some = VECTOR_BYTES * 8 // item.bitwidth
    blocks(builder, some, n, lambda at, lanes: body(_Row(Vectors(builder, kind, lanes), at)))


@intrinsic
def weigh(
    typing_context: Any, room: Any, to: Any, x: Any, at: Any, weight: Any, further: Any, n: Any
) -> Any:
    """A row of weighted samples, which are added to others if they are further ones."""
    signature = types.void(room, INT, x, INT, weight, types.boolean, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        room, x = data(context, builder, signature, args, (0, 2))
        _, to, _, at, weight, further, n = args
        row, samples = builder.gep(room, [to]), builder.gep(x, [at])

        def first(each: _Row) -> None:
            each.put(row, each.product(each.get(samples), weight))

        def more(each: _Row) -> None:
            each.put(row, each.sum(each.get(row), each.product(each.get(samples), weight)))

        with builder.if_else(further) as (then, otherwise):
            with then:
                _along(context, builder, signature.args[0].dtype, n, more)
            with otherwise:
                _along(context, builder, signature.args[0].dtype, n, first)
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def weigh_and_add(
    typing_context: Any,
    room: Any, to: Any, firsts: Any, lasts: Any, both: Any, x: Any, at: Any, ahead: Any,
    weight: Any, n: Any,
) -> Any:  # fmt: skip
    """A row of weighted samples, the first rows of a block with it, and these with the last rows of
    the block before.
    """
    signature = types.void(room, INT, INT, INT, INT, x, INT, INT, weight, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        room, x = data(context, builder, signature, args, (0, 5))
        rows = [builder.gep(room, [start]) for start in args[1:5]]
        samples, following = (builder.gep(x, [start]) for start in args[6:8])
        weight, n = args[8:]

        def body(each: _Row) -> None:
            to, firsts, lasts, both = rows
            each.fetch(following)
            sample = each.product(each.get(samples), weight)
            first = each.sum(each.get(firsts), sample)
            last = each.get(lasts)
            each.put(to, sample)
            each.put(firsts, first)
            each.put(both, each.sum(last, first))

        _along(context, builder, signature.args[0].dtype, n, body)
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def add_rows(
    typing_context: Any,
    out: Any, to: Any, room: Any, first: Any, second: Any, third: Any, bias: Any, odd: Any, n: Any,
) -> Any:  # fmt: skip
    """The sum of two rows, or of three if they are an odd number, and a bias."""
    signature = types.void(out, INT, room, INT, INT, INT, bias, types.boolean, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, room = data(context, builder, signature, args, (0, 2))
        to, bias, odd, n = builder.gep(out, [args[1]]), args[6], args[7], args[8]
        rows = [builder.gep(room, [start]) for start in args[3:6]]

        def body(rows: list[ir.Value]) -> Body:
            return lambda each: each.put(
                to, each.sum(*map(each.get, rows), each.emitter.splat(bias))
            )

        with builder.if_else(odd) as (then, otherwise):
            with then:
                _along(context, builder, signature.args[0].dtype, n, body(rows))
            with otherwise:
                _along(context, builder, signature.args[0].dtype, n, body(rows[:2]))
        return context.get_dummy_value()

    return signature, emit


@numba.njit(nogil=True)
def weigh_planes(room, to, x, at, step, weight, planes, n):
    """A row of weighted samples; those of several planes are summed."""
    for plane in range(len(planes)):
        start = at + planes[plane, 0]
        if step == 1:
            weigh(room, to, x, start, weight, plane > 0, n)
        else:
            for i in range(n):
                sample = x[start + i * step] * weight
                room[to + i] = room[to + i] + sample if plane else sample


@numba.njit(nogil=True)
def along_row(out, to, room, row, spare, bias, size, tap, n):
    """Sums of ``size`` items of a row, ``tap`` apart."""
    length, bit = 1, 1
    while 2 * bit <= size:
        bit *= 2
    if bit == 1:
        for i in range(n):
            out[to + i] = room[row + i] + bias
    sums, zero = row, out.dtype.type(0)
    while bit > 1:
        bit //= 2
        odd = 1 if size & bit else 0
        width = n + (size - 2 * length - odd) * tap
        after, one = sums + length * tap, row + 2 * length * tap
        if bit == 1:
            add_rows(out, to, room, sums, after, one, bias, odd == 1, width)
        else:
            add_rows(room, spare, room, sums, after, one, zero, odd == 1, width)
        length = 2 * length + odd
        sums = spare


@numba.njit(nogil=True)
def slab(out, o, x, i, weight, bias, planes, nest, room, strip, relu):
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
            weigh_planes(room, row * longest, x, start, col_x, weight, planes, width)
        for row in range(rows):
            into = row % kh
            fresh = (into - 1) % kh * longest
            start = at + (row + kh - 1) * row_x
            sums = both if into else 0
            if into and col_x == 1 and len(planes) == 1:
                lasts, start = into * longest, start + planes[0, 0]
                weigh_and_add(
                    room, fresh, firsts, lasts, both, x, start, start + row_x, weight, width
                )
            else:
                weigh_planes(room, fresh, x, start, col_x, weight, planes, width)
                if into:
                    lasts = into * longest
                    weigh_and_add(room, fresh, firsts, lasts, both, room, fresh, fresh, one, width)
                else:
                    for above in range((kh - 2) * longest, -1, -longest):
                        add_rows(room, above, room, above, above + longest, 0, zero, False, width)
                    room[firsts : firsts + width] = 0
            to = o + row * row_out + left * col_out
            if col_out == 1:
                along_row(out, to, room, sums, spare, bias, kw, tap, length)
                if relu:
                    for c in range(to, to + length):
                        if out[c] < 0:
                            out[c] = 0
            else:
                along_row(room, spare, room, sums, spare, bias, kw, tap, length)
                for c in range(length):
                    done = room[spare + c]
                    out[to + c * col_out] = zero if relu and done < 0 else done


def box(out, x, w, bias, room, loops, planes, nest, strip, relu):
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
        room, operand, operand, operand, room, table, table, numbers, types.int64, types.boolean
    )
    return compile_kept(box, signature)
