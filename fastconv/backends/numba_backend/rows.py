"""Items on their way from one array to another, compiled for two dtypes when they are first seen.

Samples become what sums are made of, and sums become results.  All of it is written in the
instructions of LLVM, which takes less than half of the time to compile that loops for Numba take.
Steps are in bytes, so arrays may have any strides and alignment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .on_disk import compile_kept
from .steps import RANK

__all__ = ["compiled"]

LANES = 16
"""Neighbours that are converted at once."""
INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32")
FLOATS = ("float32", "float64")
SUMS = (*FLOATS, "int64")
SAMPLES = ("bool", *INTEGERS, "int64", "uint64")


def _make_fill(read: Any = None, written: Any = None) -> Any:
    """An intrinsic that takes items as those of another type, for halves are integers to Numba."""

    @intrinsic
    def fill(typing_context: Any, out: Any, x: Any, tables: Any, cval: Any) -> Any:
        """All items of ``out``: along each axis by the runs of a table, see `boundary.runs`."""

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            target, source = (
                context.make_array(kind)(context, builder, array)
                for kind, array in zip((out, x), args, strict=False)
            )
            runs = [
                context.make_array(tables.dtype)(context, builder, table)
                for table in cgutils.unpack_tuple(builder, args[2])
            ]
            kinds = written or out.dtype, read or x.dtype
            _Emitter(builder, *kinds, target, source, runs, args[3]).emit()
            return context.get_dummy_value()

        return types.void(out, x, tables, cval), emit

    return fill


fill = _make_fill()
fill_from_half = _make_fill(read=types.float16)
fill_to_half = _make_fill(written=types.float16)


def copy(out, x, tables, cval):  # type: ignore[no-untyped-def]
    """Call the machine code."""
    fill(out, x, tables, cval)


def copy_from_half(out, x, tables, cval):  # type: ignore[no-untyped-def]
    """Call the machine code for halves."""
    fill_from_half(out, x, tables, cval)


def copy_to_half(out, x, tables, cval):  # type: ignore[no-untyped-def]
    """Call the machine code for results that are halves."""
    fill_to_half(out, x, tables, cval)


def _int(value: int) -> ir.Constant:
    return ir.Constant(ir.IntType(64), value)


class _Emitter:
    """Instructions of a copy between two dtypes, into a builder."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        to: Any,
        source: Any,
        out: Any,
        x: Any,
        runs: list[Any],
        cval: ir.Value,
    ) -> None:
        self.builder = builder
        self.to, self.source = to, source
        self.out, self.x = out, x
        self.out_steps = cgutils.unpack_tuple(builder, out.strides)
        self.x_steps = cgutils.unpack_tuple(builder, x.strides)
        self.runs = runs
        self.cval = cval

    def emit(self) -> None:
        byte = ir.IntType(8).as_pointer()
        out, x = (self.builder.bitcast(array.data, byte) for array in (self.out, self.x))
        self.axis(0, out, x, cgutils.true_bit)

    def axis(self, depth: int, out: ir.Value, x: ir.Value, inside: ir.Value) -> None:
        """The runs of an axis, and of those after it."""
        builder, table = self.builder, self.runs[depth]
        with cgutils.for_range(builder, builder.extract_value(table.shape, 0)) as loop:
            row = builder.gep(table.data, [builder.mul(loop.index, _int(4))])
            place, length, first, step = (
                builder.load(builder.gep(row, [_int(column)])) for column in range(4)
            )
            within = builder.and_(inside, builder.icmp_signed(">=", first, _int(0)))
            to, of = self.out_steps[depth], self.x_steps[depth]
            out = builder.gep(out, [builder.mul(place, to)])
            x = builder.gep(x, [builder.mul(first, of)])
            of = builder.mul(step, of)
            if depth < RANK - 1:
                done = _int(0)
                if depth == RANK - 2 and self.to == self.source and self.to.name in FLOATS:
                    for lanes in (8, 4) if self.to.bitwidth == 32 else (4, 2):
                        none = builder.icmp_signed("==", done, _int(0))
                        able = builder.and_(within, none)
                        turned = self.turned(out, x, to, of, length, able, lanes)
                        done = builder.add(done, turned)
                with cgutils.for_range_slice(builder, done, length, _int(1)) as (item, _):
                    here, there = self.step(out, item, to), self.step(x, item, of)
                    self.axis(depth + 1, here, there, within)
            else:
                with builder.if_else(within) as (samples, constant):
                    with samples:
                        self.row(out, x, to, of, length)
                    with constant, cgutils.for_range(builder, length) as item:
                        self.store(self.cval, self.step(out, item.index, to))

    def turned(
        self,
        out: ir.Value,
        x: ir.Value,
        to: ir.Value,
        of: ir.Value,
        length: ir.Value,
        able: ir.Value,
        lanes: int,
    ) -> ir.Value:
        """How many items of the axis before the last one are done, all or none: where they are
        neighbours in ``x``, and those of the last axis in ``out``, squares of items change rows for
        columns.  The last squares reach back over items that are already right.
        """
        builder, table, item = self.builder, self.runs[-1], _int(_bytes(self.to))
        last_to, last_of = self.out_steps[-1], self.x_steps[-1]
        for step in (last_to, of):
            able = builder.and_(able, builder.icmp_signed("==", step, item))
        able = builder.and_(able, builder.icmp_signed(">=", length, _int(lanes)))
        done = builder.select(able, length, _int(0))
        with cgutils.for_range_slice(builder, _int(0), done, _int(lanes)) as (row, _):
            at = self.least(row, builder.sub(length, _int(lanes)))
            here, there = self.step(out, at, to), self.step(x, at, of)
            rows = [self.step(here, _int(row), to) for row in range(lanes)]
            with cgutils.for_range(builder, builder.extract_value(table.shape, 0)) as loop:
                run = builder.gep(table.data, [builder.mul(loop.index, _int(4))])
                place, count, first, step = (
                    builder.load(builder.gep(run, [_int(column)])) for column in range(4)
                )
                samples = self.step(there, first, last_of)
                step = builder.mul(step, last_of)
                within = builder.icmp_signed(">=", first, _int(0))
                whole = builder.icmp_signed(">=", count, _int(lanes))
                whole = builder.select(builder.and_(within, whole), count, _int(0))
                with cgutils.for_range_slice(builder, _int(0), whole, _int(lanes)) as (ahead, _):
                    col = self.least(ahead, builder.sub(count, _int(lanes)))
                    start = self.step(samples, col, step)
                    square = [
                        self.load(self.step(start, _int(i), step), lanes) for i in range(lanes)
                    ]
                    target = builder.mul(builder.add(place, col), item)
                    for row, values in zip(rows, self.transposed(square), strict=True):
                        self.store(values, builder.gep(row, [target]))
                with cgutils.for_range_slice(builder, whole, count, _int(1)) as (col, _):
                    start = self.step(samples, col, step)
                    target = builder.mul(builder.add(place, col), item)
                    for i, row in enumerate(rows):
                        with builder.if_else(within) as (sample, constant):
                            with sample:
                                value = self.load(self.step(start, _int(i), of), 1)
                                self.store(value, builder.gep(row, [target]))
                            with constant:
                                self.store(self.cval, builder.gep(row, [target]))
        return done

    def least(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def transposed(self, square: list[ir.Value]) -> list[ir.Value]:
        """The columns of a square of items, from its rows: halves of vectors trade places, then
        quarters within the halves, and so on.
        """
        n = len(square)
        size = n // 2
        while size:
            for first in range(n):
                if first & size:
                    continue
                pair = square[first], square[first + size]
                for half, row in enumerate((first, first + size)):
                    places = [
                        (lane & ~size) + half * size + (n if lane & size else 0)
                        for lane in range(n)
                    ]
                    mask = ir.Constant(ir.VectorType(ir.IntType(32), n), places)
                    square[row] = self.builder.shuffle_vector(*pair, mask)
            size //= 2
        return square

    def row(self, out: ir.Value, x: ir.Value, to: ir.Value, of: ir.Value, length: ir.Value) -> None:
        """Items some bytes apart: vectors of neighbours, or one by one.

        The last vector reaches back over items that are already right, and writes the same again.
        """
        builder = self.builder
        vectors = builder.and_(
            builder.icmp_signed(">=", length, _int(LANES)),
            builder.and_(
                builder.icmp_signed("==", to, _int(_bytes(self.to))),
                builder.icmp_signed("==", of, _int(_bytes(self.source))),
            ),
        )
        lanes = builder.select(vectors, _int(LANES), _int(1))
        last = builder.sub(length, lanes)
        with cgutils.for_range_slice(builder, _int(0), length, lanes) as (start, _):
            at = self.least(start, last)
            here, there = self.step(out, at, to), self.step(x, at, of)
            with builder.if_else(vectors) as (many, one):
                with many:
                    self.store(self.converted(self.load(there, LANES), LANES), here)
                with one:
                    self.store(self.converted(self.load(there, 1), 1), here)

    def step(self, pointer: ir.Value, index: ir.Value, step: ir.Value) -> ir.Value:
        return self.builder.gep(pointer, [self.builder.mul(index, step)])

    def load(self, pointer: ir.Value, lanes: int) -> ir.Value:
        pointer = self.builder.bitcast(pointer, _vector(_memory(self.source), lanes).as_pointer())
        return self.builder.load(pointer, align=1)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer()), align=1)

    def converted(self, value: ir.Value, lanes: int) -> ir.Value:
        """Samples as what sums are made of, or sums as items of a result."""
        builder, source, to = self.builder, self.source, self.to
        goal = _vector(_memory(to), lanes)
        if source == to:
            return value
        if to.name in INTEGERS:
            return self.saturated(value, lanes, goal)
        if source == types.float16:
            return self.from_half(value, goal)
        if to == types.float16:
            return self.to_half(value, goal)
        if source == types.boolean:
            value = builder.icmp_unsigned("!=", value, _constant(value.type, 0))
        signed = source != types.boolean and getattr(source, "signed", True)
        if to.name in FLOATS:
            if source.name in FLOATS:
                grows = source.bitwidth < to.bitwidth
                return builder.fpext(value, goal) if grows else builder.fptrunc(value, goal)
            return builder.sitofp(value, goal) if signed else builder.uitofp(value, goal)
        if source == types.uint64:
            return value
        return builder.sext(value, goal) if signed else builder.zext(value, goal)

    def from_half(self, value: ir.Value, goal: ir.Type) -> ir.Value:
        """Halves: scaled by 2**112, those without an implicit one are right, too."""
        builder, whole = self.builder, _like(goal, ir.IntType(32))
        bits = builder.zext(value, whole)
        magnitude = builder.and_(bits, _constant(whole, 0x7FFF))
        scaled = builder.bitcast(builder.shl(magnitude, _constant(whole, 13)), goal)
        scaled = builder.bitcast(builder.fmul(scaled, _constant(goal, 2.0**112)), whole)
        beyond = builder.icmp_unsigned(">=", magnitude, _constant(whole, 0x7C00))
        beyond = builder.and_(builder.sext(beyond, whole), _constant(whole, 0x7F800000))
        sign = builder.shl(builder.and_(bits, _constant(whole, 0x8000)), _constant(whole, 16))
        return builder.bitcast(builder.or_(builder.or_(scaled, beyond), sign), goal)

    def to_half(self, value: ir.Value, goal: ir.Type) -> ir.Value:
        """The nearest halves: adding one half leaves the digits of a small number at the end of the
        significand.
        """
        builder, kind, whole = self.builder, value.type, _like(goal, ir.IntType(32))

        def number(value: int) -> ir.Constant:
            return _constant(whole, value)

        bits = builder.bitcast(value, whole)
        magnitude = builder.and_(bits, number(0x7FFFFFFF))
        small = builder.fadd(builder.bitcast(magnitude, kind), _constant(kind, 0.5))
        small = builder.sub(builder.bitcast(small, whole), number(0x3F000000))
        even = builder.and_(builder.lshr(magnitude, number(13)), number(1))
        normal = builder.sub(builder.add(magnitude, even), number(0x38000000 - 0xFFF))
        normal = builder.lshr(normal, number(13))
        nan = builder.icmp_unsigned(">", magnitude, number(0x7F800000))
        beyond = builder.or_(number(0x7C00), builder.and_(builder.sext(nan, whole), number(0x200)))
        large = builder.icmp_unsigned(">=", magnitude, number(0x47800000))
        tiny = builder.icmp_unsigned("<", magnitude, number(0x38800000))
        half = builder.select(tiny, small, builder.select(large, beyond, normal))
        sign = builder.and_(builder.lshr(bits, number(16)), number(0x8000))
        return builder.trunc(builder.or_(half, sign), goal)

    def saturated(self, value: ir.Value, lanes: int, goal: ir.Type) -> ir.Value:
        """Integers that are near: halves go to the even one, NaN to 0."""
        builder, to = self.builder, self.to
        whole = self.source.name not in FLOATS
        if self.source == types.float32 and to.bitwidth == 32:
            # float32 has fewer digits.
            value = builder.fpext(value, _vector(ir.DoubleType(), lanes))
        less = builder.icmp_signed if whole else builder.fcmp_ordered
        if not whole:
            number = builder.fcmp_ordered("ord", value, value)
            value = builder.select(number, value, _constant(value.type, 0))
        for bound, beyond in ((to.minval, "<"), (to.maxval, ">")):
            limit = _constant(value.type, bound)
            value = builder.select(less(beyond, value, limit), limit, value)
        if whole:
            return builder.trunc(value, goal)
        bits = 32 if value.type in (ir.FloatType(), _vector(ir.FloatType(), lanes)) else 64
        name = f"llvm.rint.f{bits}" if lanes == 1 else f"llvm.rint.v{lanes}f{bits}"
        kind = ir.FunctionType(value.type, [value.type])
        rint = cgutils.get_or_insert_function(builder.module, kind, name)
        value = builder.call(rint, [value])
        if to == types.uint32:
            return builder.fptoui(value, goal)
        value = builder.fptosi(value, _vector(ir.IntType(32), lanes))
        return builder.trunc(value, goal) if to.bitwidth < 32 else value


def _memory(kind: Any) -> ir.Type:
    """An item as it lies in memory."""
    if kind.name in FLOATS:
        return ir.FloatType() if kind.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(8 * _bytes(kind))


def _bytes(kind: Any) -> int:
    return 1 if kind == types.boolean else int(kind.bitwidth) // 8


def _vector(item: ir.Type, lanes: int) -> ir.Type:
    return item if lanes == 1 else ir.VectorType(item, lanes)


def _like(kind: ir.Type, item: ir.Type) -> ir.Type:
    """As many of these items as a type has."""
    return ir.VectorType(item, kind.count) if isinstance(kind, ir.VectorType) else item


def _constant(kind: ir.Type, value: float) -> ir.Constant:
    if isinstance(kind, ir.VectorType):
        return ir.Constant(kind, [value] * kind.count)
    return ir.Constant(kind, value)


def compiled(source: np.dtype, to: np.dtype) -> Callable[..., Any] | None:
    """The machine code for two dtypes, from disk or compiled now, or None: those are for NumPy."""
    if not (source.isnative and to.isnative):
        return None
    if "float16" in (source.name, to.name):
        able = "float32" in (source.name, to.name)
    elif to.name in SUMS:
        able = source.name in SAMPLES or (source.name in FLOATS and to.name in FLOATS)
    else:
        able = to.name in INTEGERS and (source.name in SUMS or source == to == np.uint8)
    if not able:
        return None
    halves = {source.name: copy_from_half, to.name: copy_to_half}
    item, sample = (
        types.uint16 if dtype.name == "float16" else numba.from_dtype(dtype)
        for dtype in (to, source)
    )
    signature = types.void(
        types.Array(item, RANK, "A", aligned=False),
        types.Array(sample, RANK, "A", readonly=True, aligned=False),
        types.UniTuple(types.Array(types.int64, 2, "C", readonly=True), RANK),
        item,
    )
    return compile_kept(halves.get("float16", copy), signature)
