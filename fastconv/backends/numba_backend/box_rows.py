"""Rows of box sums: sums and products of rows, in LLVM vectors.

They are emitted, because these rows share an array, and LLVM cannot infer that they do not overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .host import VECTOR_BYTES
from .vectors import Vectors, blocks, data

__all__ = ["add_rows", "along_row", "weigh", "weigh_and_add"]

# mypy: disable-error-code="no-untyped-def"

INT = types.int64
Body = Callable[["_Row"], None]


class _Row:
    """A vector or an item of each row, at offset ``at`` from the beginning of the row."""

    def __init__(self, emitter: Vectors, at: ir.Value) -> None:
        self.emitter, self.at = emitter, at

    def get(self, row: ir.Value) -> ir.Value:
        return self.emitter.load(self.emitter.builder.gep(row, [self.at]))

    def put(self, row: ir.Value, value: ir.Value) -> None:
        self.emitter.store(value, self.emitter.builder.gep(row, [self.at]))

    def fetch(self, row: ir.Value) -> None:
        """Prefetch items that will be read soon."""
        builder, byte = self.emitter.builder, ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.VoidType(), [byte] + [ir.IntType(32)] * 3)
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0i8")
        address = builder.bitcast(builder.gep(row, [self.at]), byte)
        builder.call(prefetch, [address, *(ir.Constant(ir.IntType(32), n) for n in (0, 3, 1))])

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
    """Emit a body for all items of rows."""
    kind = context.get_value_type(item)
    some = VECTOR_BYTES * 8 // item.bitwidth
    blocks(builder, some, n, lambda at, lanes: body(_Row(Vectors(builder, kind, lanes), at)))


@intrinsic
def weigh(
    typing_context: Any, memory: Any, to: Any, x: Any, at: Any, weight: Any, further: Any, n: Any
) -> Any:
    """A row of weighted samples, or ``further`` ones, which are added to those that are there."""
    signature = types.void(memory, INT, x, INT, weight, types.boolean, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        memory, x = data(context, builder, signature, args, (0, 2))
        _, to, _, at, weight, further, n = args
        row, samples = builder.gep(memory, [to]), builder.gep(x, [at])

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
    memory: Any, to: Any, firsts: Any, lasts: Any, both: Any, x: Any, at: Any, ahead: Any,
    weight: Any, n: Any,
) -> Any:  # fmt: skip
    """A row of weighted samples, the first rows of a block with it, and these with the last rows of
    the block before.
    """
    signature = types.void(memory, INT, INT, INT, INT, x, INT, INT, weight, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        memory, x = data(context, builder, signature, args, (0, 5))
        rows = [builder.gep(memory, [start]) for start in args[1:5]]
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
    out: Any, to: Any, memory: Any, first: Any, second: Any, third: Any, bias: Any, odd: Any,
    n: Any,
) -> Any:  # fmt: skip
    """The sum of two rows, or of three if they are an odd number, and a bias."""
    signature = types.void(out, INT, memory, INT, INT, INT, bias, types.boolean, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, memory = data(context, builder, signature, args, (0, 2))
        to, bias, odd, n = builder.gep(out, [args[1]]), args[6], args[7], args[8]
        rows = [builder.gep(memory, [start]) for start in args[3:6]]

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
def along_row(out, to, memory, row, spare, bias, size, tap, n):
    """Sums of ``size`` items of a row, ``tap`` apart."""
    length, bit = 1, 1
    while 2 * bit <= size:
        bit *= 2
    if bit == 1:
        for i in range(n):
            out[to + i] = memory[row + i] + bias
    sums, zero = row, out.dtype.type(0)
    while bit > 1:
        bit //= 2
        odd = 1 if size & bit else 0
        width = n + (size - 2 * length - odd) * tap
        after, one = sums + length * tap, row + 2 * length * tap
        if bit == 1:
            add_rows(out, to, memory, sums, after, one, bias, odd == 1, width)
        else:
            add_rows(memory, spare, memory, sums, after, one, zero, odd == 1, width)
        length = 2 * length + odd
        sums = spare
