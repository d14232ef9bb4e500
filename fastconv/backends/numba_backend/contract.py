"""Sums over channels: matrix products in the vectors of LLVM, and the loops around them.

``contraction.py`` says what the tables and the numbers are.  A tile is up to six rows by two
vectors of columns, whose sums stay in registers; a vector of ``b`` serves all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from ..contraction import BLOCK_TERMS
from .loops import count, offsets
from .on_disk import array, compile_kept
from .vectors import VECTOR_BYTES, Vectors, integer, loop

__all__ = ["VECTORS", "compiled"]

ROWS = 6
VECTORS = 2

# What lies in `room`, in rows of a tile: the terms of a block, outputs of a tile whose last vector
# is not full, and a bias for each column.
EDGE = BLOCK_TERMS
BIAS = EDGE + ROWS
ROOM = BIAS + 1

INT = types.intp


def _vectors(context: Any, builder: ir.IRBuilder, signature: Any) -> Vectors:
    """Vectors of what the first array holds."""
    item = signature.args[0].dtype
    return Vectors(builder, context.get_value_type(item), VECTOR_BYTES * 8 // item.bitwidth)


def _data(
    context: Any, builder: ir.IRBuilder, signature: Any, args: Any, places: tuple[int, ...]
) -> list[ir.Value]:
    """Where the arrays at these places of the arguments begin."""
    return [context.make_array(signature.args[i])(context, builder, args[i]).data for i in places]


@intrinsic
def tile(
    typing_context: Any,
    out: Any, o: Any, a: Any, i: Any, b: Any, j: Any, bias: Any, k: Any, room: Any,
    rows: Any, first: Any, height: Any, runs: Any, run: Any, end: Any, numbers: Any,
    columns: Any, fresh: Any, relu: Any,
) -> Any:  # fmt: skip
    """Add the terms of some runs to ``height`` rows of outputs.

    Sums start from the bias if they are ``fresh``, else from what outputs hold.  Where the last
    vector is not full, outputs are those in ``room``.
    """
    signature = types.void(
        out, INT, a, INT, b, INT, bias, INT, room,
        rows, INT, INT, runs, INT, INT, numbers, INT, types.boolean, types.boolean,
    )  # fmt: skip

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, a, b, bias, room, rows, runs, numbers = (
            context.make_array(signature.args[at])(context, builder, args[at]).data
            for at in (0, 2, 4, 6, 8, 9, 12, 15)
        )
        _, o, _, i, _, j, _, k, _, _, first, height, _, run, end, _, columns, fresh, relu = args
        item = context.get_value_type(signature.args[0].dtype)
        emitter = _Emitter(builder, item, VECTOR_BYTES * 8 // signature.args[0].dtype.bitwidth)
        emitter.emit(
            builder.gep(out, [o]), builder.gep(a, [i]), b, j,
            builder.gep(bias, [k]), room, emitter.entry(rows, first), height,
            emitter.entry(runs, run), builder.sub(end, run), numbers, columns, fresh, relu,
        )  # fmt: skip
        return context.get_dummy_value()

    return signature, emit


class _Emitter(Vectors):
    """Instructions of tiles of all sizes, into a builder."""

    def entry(self, table: ir.Value, index: ir.Value) -> ir.Value:
        """Where an entry of three numbers begins in a table."""
        return self.builder.gep(table, [self.builder.mul(index, integer(3))])

    def number(self, numbers: ir.Value, index: int) -> ir.Value:
        return self.builder.load(self.builder.gep(numbers, [integer(index)]))

    def place(self, pointer: ir.Value, vector: int) -> ir.Value:
        return self.builder.gep(pointer, [integer(vector * self.lanes)])

    def emit(
        self,
        out: ir.Value,
        a: ir.Value,
        b: ir.Value,
        terms: ir.Value,
        bias: ir.Value,
        room: ir.Value,
        rows: ir.Value,
        height: ir.Value,
        runs: ir.Value,
        n_runs: ir.Value,
        numbers: ir.Value,
        columns: ir.Value,
        fresh: ir.Value,
        relu: ir.Value,
    ) -> None:
        builder = self.builder
        self.a, self.bias, self.least = a, bias, self.floor(relu)
        self.runs, self.n_runs = runs, n_runs
        self.step_a, panel, bias_col = (self.number(numbers, index) for index in (1, 3, 4))
        packed = builder.icmp_signed("==", panel, integer(0))
        self.b = builder.gep(builder.select(packed, room, b), [terms])
        by_row = builder.icmp_signed("==", bias_col, integer(0))
        self.by_row = builder.and_(fresh, by_row)
        full = builder.icmp_signed("==", builder.and_(columns, integer(self.lanes - 1)), integer(0))
        wide = builder.icmp_signed(">", columns, integer(self.lanes))
        size = builder.add(height, builder.select(wide, integer(ROWS), integer(0)))
        after = builder.append_basic_block("after")
        sizes = builder.switch(size, after)
        for vectors in range(1, VECTORS + 1):
            for n in range(1, ROWS + 1):
                block = builder.append_basic_block(f"tile_{n}x{vectors}")
                sizes.add_case(integer(n + ROWS * (vectors - 1)), block)
                builder.position_at_end(block)
                entries = [builder.gep(rows, [integer(3 * r)]) for r in range(n)]
                outs = []
                for r, entry in enumerate(entries):
                    edge = self.place(room, (EDGE + r) * VECTORS)
                    there = builder.gep(out, [self.number(entry, 0)])
                    outs.append(builder.select(full, there, edge))
                by_column = self.place(room, BIAS * VECTORS)
                starts = [builder.select(fresh, by_column, there) for there in outs]
                self.add_products(entries, outs, starts, vectors)
                builder.branch(after)
        builder.position_at_end(after)

    def add_products(
        self, entries: list[ir.Value], outs: list[ir.Value], starts: list[ir.Value], vectors: int
    ) -> None:
        """One tile, from where its sums start to its outputs."""
        builder = self.builder
        sums = [
            [cgutils.alloca_once(builder, self.vector) for _ in range(vectors)] for _ in entries
        ]
        with builder.if_else(self.by_row) as (by_row, from_memory):
            with by_row:
                for entry, row in zip(entries, sums, strict=True):
                    bias = builder.load(builder.gep(self.bias, [self.number(entry, 2)]))
                    for place in row:
                        builder.store(self.splat(bias), place)
            with from_memory:
                for start, row in zip(starts, sums, strict=True):
                    for v, place in enumerate(row):
                        builder.store(self.load(self.place(start, v)), place)
        factors = [builder.gep(self.a, [self.number(entry, 1)]) for entry in entries]
        terms = cgutils.alloca_once_value(builder, self.b)
        with loop(builder, self.n_runs) as index:
            run = self.entry(self.runs, index)
            a = [builder.gep(row, [self.number(run, 0)]) for row in factors]
            n, b = self.number(run, 2), builder.load(terms)
            width = integer(VECTORS * self.lanes)
            with loop(builder, n) as term:
                at = builder.gep(b, [builder.mul(term, width)])
                values = [self.load(self.place(at, v)) for v in range(vectors)]
                place = builder.mul(term, self.step_a)
                for start, row in zip(a, sums, strict=True):
                    factor = self.splat(builder.load(builder.gep(start, [place])))
                    for value, total in zip(values, row, strict=True):
                        added = self.multiply_add(value, factor, builder.load(total))
                        builder.store(added, total)
            builder.store(builder.gep(b, [builder.mul(n, width)]), terms)
        for to, row in zip(outs, sums, strict=True):
            for v, total in enumerate(row):
                self.store(self.at_least(self.least, builder.load(total)), self.place(to, v))


def _copy(
    vectors: Vectors, target: ir.Value, source: ir.Value, items: ir.Value, most: int
) -> None:
    """Copy neighbours, ``most`` of them at most, in vectors of powers of two."""
    builder = vectors.builder
    while most:
        some = builder.and_(items, integer(most))
        with builder.if_then(builder.icmp_signed("!=", some, integer(0))):
            part = Vectors(builder, vectors.item, most)
            part.store(part.load(source), target)
        source, target = builder.gep(source, [some]), builder.gep(target, [some])
        most //= 2


@intrinsic
def move(typing_context: Any, out: Any, to: Any, x: Any, at: Any, items: Any) -> Any:
    """Copy neighbours, as many as a row of a tile has, or fewer."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        vectors = _vectors(context, builder, signature)
        target, source = _data(context, builder, signature, args, (0, 2))
        target, source = builder.gep(target, [args[1]]), builder.gep(source, [args[3]])
        _copy(vectors, target, source, args[4], VECTORS * vectors.lanes)
        return context.get_dummy_value()

    return types.void(out, INT, x, INT, INT), emit


@intrinsic
def pack(
    typing_context: Any, room: Any, b: Any, at: Any, runs: Any, run: Any, end: Any, step: Any,
    columns: Any, size: Any,
) -> Any:  # fmt: skip
    """Copy the terms of a block in the order of the runs, for tiles of columns ``size`` apart.

    Columns that miss are left alone.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        vectors = _vectors(context, builder, signature)
        room, b, runs = _data(context, builder, signature, args, (0, 1, 3))
        _, _, at, _, run, end, step, columns, size = args
        width = VECTORS * vectors.lanes
        tiles, rest = (
            divide(columns, integer(width)) for divide in (builder.udiv, builder.urem)
        )
        wide = Vectors(builder, vectors.item, width)
        b, terms = builder.gep(b, [at]), cgutils.alloca_once_value(builder, room)
        with loop(builder, builder.sub(end, run)) as index:
            entry = builder.gep(runs, [builder.mul(builder.add(run, index), integer(3))])
            begin, n = (builder.load(builder.gep(entry, [integer(place)])) for place in (1, 2))
            start, to = builder.gep(b, [begin]), builder.load(terms)
            with loop(builder, n) as term:
                source = builder.gep(start, [builder.mul(term, step)])
                target = builder.gep(to, [builder.mul(term, integer(width))])
                with loop(builder, tiles) as tile:
                    value = wide.load(builder.gep(source, [builder.mul(tile, integer(width))]))
                    wide.store(value, builder.gep(target, [builder.mul(tile, size)]))
                source = builder.gep(source, [builder.mul(tiles, integer(width))])
                target = builder.gep(target, [builder.mul(tiles, size)])
                _copy(vectors, target, source, rest, width // 2)
            builder.store(builder.gep(to, [builder.mul(n, integer(width))]), terms)
        return context.get_dummy_value()

    return types.void(room, b, INT, runs, INT, INT, INT, INT, INT), emit


@numba.njit(nogil=True)
def contract_rows(
    out, o, a, i, b, terms, bias, k, room, rows, runs, run, end, numbers, columns, fresh, relu
):  # type: ignore[no-untyped-def]  # fmt: skip
    """All rows of a tile of columns, for a block of terms, in tiles that differ by a row at most."""
    width, full = VECTORS * VECTOR_BYTES // out.itemsize, columns % (VECTOR_BYTES // out.itemsize) == 0
    tiles, first = (len(rows) + ROWS - 1) // ROWS, 0
    for left in range(tiles, 0, -1):
        height = (len(rows) - first) // left
        if not full and not fresh:
            for r in range(height):
                move(room, (EDGE + r) * width, out, o + rows[first + r, 0], columns)
        tile(
            out, o, a, i, b, terms, bias, k, room, rows, first, height, runs, run, end, numbers,
            columns, fresh, relu,
        )  # fmt: skip
        if not full:
            for r in range(height):
                move(out, o + rows[first + r, 0], room, (EDGE + r) * width, columns)
        first += height


def contract(out, a, b, bias, loops, rows, runs, blocks, numbers, adds, relu):  # type: ignore[no-untyped-def]
    """Run the loops, and the product inside the last one; it ``adds`` to what ``out`` holds."""
    cols, step_b, panel, bias_col = numbers[0], numbers[2], numbers[3], numbers[4]
    width = VECTORS * VECTOR_BYTES // out.itemsize
    tiles, last = 1 if panel else numbers[5], len(blocks) - 2
    size = BLOCK_TERMS // tiles * width
    room = np.zeros(ROOM * width, out.dtype)
    for number in range(count(loops)):
        o, i, j, k = offsets(loops, number)
        for left in range(0, cols, tiles * width):
            right = min(left + tiles * width, cols)
            for block in range(last + 1):
                run, end = blocks[block], blocks[block + 1]
                terms = j + left // width * panel + runs[run, 1]
                if panel == 0:
                    pack(room, b, j + left, runs, run, end, step_b, right - left, size)
                    terms = 0
                fresh = block == 0 and not adds
                for col in range(left, right, width):
                    columns = min(width, right - col)
                    if bias_col and fresh:
                        move(room, BIAS * width, bias, k + col, columns)
                    contract_rows(
                        out, o + col, a, i, b, terms, bias, k, room, rows, runs, run, end, numbers,
                        columns, fresh, relu and block == last,
                    )  # fmt: skip
                    terms += size


@cache
def compiled(dtype: str) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items = getattr(types, dtype)
    operand, numbers, table = array(items, 1), array(types.int64, 1), array(types.int64, 2)
    signature = types.void(
        array(items, 1, readonly=False), operand, operand, operand, table, table, table, numbers,
        numbers, types.boolean, types.boolean,
    )  # fmt: skip
    return compile_kept(contract, signature)
