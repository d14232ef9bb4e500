"""Box sums of 8 and 16 bits.  They are exact, so samples that leave a window are subtracted.

Columns of bytes, and windows that are small enough, have running sums of 16 bits; other sums have
32.  A sum is weighted once, and rounded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.extending import intrinsic

from ..geometry.box import MOST_BYTES
from .box_rows import along_row
from .compile import array, compiled
from .host import VECTOR_BYTES
from .loops import count, offsets
from .vectors import Vectors, blocks, data

__all__ = ["code"]

# mypy: disable-error-code="no-untyped-def"

INT = types.int64
WORD, FLOAT = ir.IntType(32), ir.FloatType()
FLOATS = VECTOR_BYTES // 4
DIGITS = 1.5 * 2**23
"""Adding this to a float32 and subtracting it again rounds to an integer."""


@intrinsic
def next_columns(
    typing_context: Any, sums: Any, x: Any, fresh: Any, old: Any, first: Any, n: Any
) -> Any:
    """Update the column sums from those of the row above: add a row of samples and, unless the
    window is not full yet (``first``), subtract another one.
    """
    signature = types.void(sums, x, INT, INT, types.boolean, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        sums, x = data(context, builder, signature, args, (0, 1))
        entering, leaving = (builder.gep(x, [start]) for start in args[2:4])
        first, n = args[4:]
        item, sample = sums.type.pointee, x.type.pointee
        width = 8 * VECTOR_BYTES // item.width

        def body(at: ir.Value, lanes: int, leave: bool) -> None:
            totals, column = Vectors(builder, item, lanes), builder.gep(sums, [at])

            def samples(row: ir.Value) -> ir.Value:
                loaded = Vectors(builder, sample, lanes).load(builder.gep(row, [at]))
                return builder.zext(loaded, totals.vector)

            total = builder.add(totals.load(column), samples(entering))
            totals.store(builder.sub(total, samples(leaving)) if leave else total, column)

        with builder.if_else(first) as (then, otherwise):
            with then:
                blocks(builder, width, n, lambda at, lanes: body(at, lanes, False))
            with otherwise:
                blocks(builder, width, n, lambda at, lanes: body(at, lanes, True))
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def as_floats(
    typing_context: Any, to: Any, sums: Any, start: Any, weight: Any, bias: Any, n: Any
) -> Any:
    """Sums as floats, weighted."""
    signature = types.void(to, sums, INT, weight, bias, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        to, sums = data(context, builder, signature, args, (0, 1))
        sums, n = builder.gep(sums, [args[2]]), args[5]
        whole = isinstance(sums.type.pointee, ir.IntType)

        def body(at: ir.Value, lanes: int) -> None:
            floats = Vectors(builder, FLOAT, lanes)
            value = Vectors(builder, sums.type.pointee, lanes).load(builder.gep(sums, [at]))
            if whole:
                value = builder.uitofp(value, floats.vector)
            weighted = floats.multiply_add(value, *map(floats.splat, args[3:5]))
            floats.store(weighted, builder.gep(to, [at]))

        blocks(builder, FLOATS, n, body)
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def as_samples(typing_context: Any, out: Any, to: Any, step: Any, sums: Any, n: Any) -> Any:
    """Floats as small integers: rounded half to even and saturated, NaN as 0."""
    signature = types.void(out, INT, INT, sums, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, sums = data(context, builder, signature, args, (0, 3))
        item = out.type.pointee
        out, step, n = builder.gep(out, [args[1]]), args[2], args[4]

        def body(at: ir.Value, lanes: int) -> None:
            floats = Vectors(builder, FLOAT, lanes)
            least, most, digits = (
                floats.splat(ir.Constant(FLOAT, number))
                for number in (0, 2**item.width - 1, DIGITS)
            )
            value = floats.load(builder.gep(sums, [at]))
            value = builder.select(builder.fcmp_ordered(">", value, least), value, least)
            value = builder.select(builder.fcmp_ordered("<", value, most), value, most)
            value = builder.fsub(builder.fadd(value, digits), digits)
            words, narrow = Vectors(builder, WORD, lanes), Vectors(builder, item, lanes)
            value = builder.trunc(builder.fptosi(value, words.vector), narrow.vector)
            narrow.store(value, builder.gep(out, [builder.mul(at, step)]))

        near = builder.icmp_signed("==", step, ir.Constant(step.type, 1))
        with builder.if_else(near) as (then, otherwise):
            with then:
                blocks(builder, FLOATS, n, body)
            with otherwise:
                blocks(builder, 1, n, body)
        return context.get_dummy_value()

    return signature, emit


@numba.njit(nogil=True)
def sum_windows(out, o, x, i, weight, bias, planes, nest, wide, sums, columns, strip, few):
    """All windows of a slab, in strips of columns."""
    rows, row_out, row_x, kh = nest[0], nest[1], nest[2], nest[3]
    cols, col_out, col_x, kw, tap = nest[6], nest[7], nest[8], nest[9], nest[10]
    longest = strip + (kw - 1) * tap
    one, zero, nothing = np.float32(1), np.float32(0), columns.dtype.type(0)
    for left in range(0, cols, strip):
        length = min(strip, cols - left)
        width = length + (kw - 1) * tap
        columns[:width] = 0
        for row in range(1 - kh, rows):
            for plane in range(len(planes)):
                old = i + planes[plane, 0] + left * col_x + (row - 1) * row_x
                fresh = old + kh * row_x
                if col_x == 1:
                    next_columns(columns, x, fresh, old, row <= 0, width)
                else:
                    for c in range(width):
                        leaves = x[old + c * col_x] if row > 0 else 0
                        columns[c] += x[fresh + c * col_x] - leaves
            if row < 0:
                continue
            if few:
                along_row(columns, longest, columns, 0, longest, nothing, kw, tap, length)
                as_floats(sums, columns, longest, weight, bias, length)
            else:
                as_floats(wide, columns, 0, one, zero, width)
                along_row(wide, longest, wide, 0, longest, zero, kw, tap, length)
                as_floats(sums, sums, 0, weight, bias, length)
            as_samples(out, o + row * row_out + left * col_out, col_out, sums, length)


def sum_bytes(out, x, w, bias, memory, loops, planes, nest, strip, relu):
    """All slabs; results are never negative, so ``relu`` has no effect."""
    longest = strip + (nest[9] - 1) * nest[10]
    items = memory.view(np.uint8)
    wide = items[: 8 * longest].view(np.float32)
    columns = items[8 * longest : 12 * longest].view(np.uint16)
    sums, few = wide[longest:], len(planes) * nest[3] * nest[9] <= MOST_BYTES
    for number in range(count(loops)):
        o, i, j, b = offsets(loops, number)
        sum_windows(out, o, x, i, w[j], bias[b], planes, nest, wide, sums, columns, strip, few)


def sum_shorts(out, x, w, bias, memory, loops, planes, nest, strip, relu):
    """The same for 16 bits."""
    longest = strip + (nest[9] - 1) * nest[10]
    items = memory.view(np.uint8)
    wide = items[: 4 * longest].view(np.float32)
    columns = items[4 * longest : 12 * longest].view(np.uint32)
    for number in range(count(loops)):
        o, i, j, b = offsets(loops, number)
        sum_windows(out, o, x, i, w[j], bias[b], planes, nest, wide, wide, columns, strip, True)


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    operand, weights = array(item), array(types.float32)
    numbers, table = array(types.int64), array(types.int64, 2)
    written = array(item, readonly=False)
    signature = types.void(
        written, operand, weights, weights, written, table, table, numbers, types.int64,
        types.boolean,
    )  # fmt: skip
    return compiled(sum_bytes if dtype == np.uint8 else sum_shorts, signature)
