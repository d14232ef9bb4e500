"""Copies with borders (`pad`) and stores of results (`store`), for arrays of any strides.

Steps are in bytes, so that arrays need not be aligned.  All code is emitted, which takes less than
half the time in which Numba compiles such loops.  Conversions are in `convert.py`; the NumPy
backend copies dtypes without one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .. import load
from .compile import array, compiled
from .convert import FLOATS, bytes_of, convert, converts, stored, vector
from .convert import cast as casted
from .vectors import integer

__all__ = ["cast", "code", "pad", "store"]

# mypy: disable-error-code="no-untyped-def"

RANK = 5
"""Axes of the arrays that machine code copies."""
LANES = 16
"""Contiguous items that are converted at once."""
MIN_ROW = 64
"""Items of a row from which on it is copied by itself; shorter rows are merged if possible."""


def pad(out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float) -> None:
    if out.dtype.kind in "iu":
        cval = _in_range(cval, np.iinfo(out.dtype))
    if not _copy(out, x, runs, cval):
        load("numpy").pad(out, x, runs, cval)


def store(out: NDArray, sums: NDArray) -> None:
    if not _copy(out, sums, (), 0):
        load("numpy").store(out, sums)


def cast(out: NDArray, sums: NDArray) -> None:
    if out.itemsize > 4 or not _copy(out, sums, (), 0, casts=True):
        load("numpy").cast(out, sums)


def _in_range(cval: float, integers: np.iinfo) -> int:
    """A number in the range of the argument of machine code, which may not use it."""
    if cval != cval:
        return 0
    return round(min(max(cval, int(integers.min)), int(integers.max)))


def _copy(
    out: NDArray,
    x: NDArray,
    runs: tuple[NDArray[np.int64], ...],
    cval: float,
    casts: bool = False,
) -> bool:
    """Copy all items; returns whether there is machine code for these arrays."""
    run = code(x.dtype, out.dtype, casts)
    if run is None or len(runs) > RANK:
        return False
    if out.ndim > RANK:
        return all(_copy(*parts, runs, cval, casts) for parts in zip(out, x, strict=True))
    out, x = (a.view(np.uint16) if a.dtype == np.float16 else a for a in (out, x))
    missing = RANK - out.ndim
    tables = [_all(1)] * missing
    tables += map(_all, out.shape[: out.ndim - len(runs)])
    tables += runs
    if missing:
        out, x = out[(None,) * missing], x[(None,) * missing]
    order = [*range(RANK)]
    for a in x, out:  # contiguous axes come last
        axis = _contiguous_axis(a)
        if axis is not None:
            order.append(order.pop(order.index(axis)))
    if order != [*range(RANK)]:
        out, x, tables = out.transpose(order), x.transpose(order), [tables[i] for i in order]
    n = out.shape[-1]
    whole = n < MIN_ROW and order[-1] < RANK - len(runs)
    if whole and _joined(out, n) and _joined(x, n) and (tables[-2][:, 3] == 1).all():
        tables = [_all(1), *tables[:-2], tables[-2] * (n, n, n, 1)]
        out, x = (a.reshape(1, *a.shape[:-2], a.shape[-2] * n) for a in (out, x))
    run(out, x, tuple(tables), cval)
    return True


def _contiguous_axis(a: NDArray) -> int | None:
    """The axis with contiguous items, if there is one."""
    item, strides, shape = a.itemsize, a.strides, a.shape
    return next((i for i in range(a.ndim) if strides[i] == item and shape[i] > 1), None)


def _joined(a: NDArray, n: int) -> bool:
    """Whether rows of contiguous items are adjacent in memory."""
    item = a.itemsize
    return a.strides[-2:] == (n * item, item)


@lru_cache(maxsize=4096)
def _all(n: int) -> NDArray[np.int64]:
    """The run of all items of an axis."""
    return np.array([[0, n, 0, 1]])


def _make_fill(read: Any = None, written: Any = None, converted: Any = convert) -> Any:
    """A function for Numba that copies.  Items may be read or written as another type than Numba's,
    to which halves are integers.
    """

    @intrinsic
    def fill(typing_context: Any, out: Any, x: Any, tables: Any, cval: Any) -> Any:
        """Fill ``out``, along each axis by the runs of a table; see `boundary.runs`."""

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
            _Emitter(builder, *kinds, target, source, runs, args[3], converted).emit()
            return context.get_dummy_value()

        return types.void(out, x, tables, cval), emit

    return fill


fill = _make_fill()
fill_from_half = _make_fill(read=types.float16)
fill_to_half = _make_fill(written=types.float16)
fill_cast = _make_fill(converted=casted)


def copy(out, x, tables, cval):
    """Call the machine code."""
    fill(out, x, tables, cval)


def copy_from_half(out, x, tables, cval):
    """Call the machine code for halves."""
    fill_from_half(out, x, tables, cval)


def copy_to_half(out, x, tables, cval):
    """Call the machine code for results that are halves."""
    fill_to_half(out, x, tables, cval)


def copy_cast(out, x, tables, cval):
    """Call the machine code for integers that are cast."""
    fill_cast(out, x, tables, cval)


class _Emitter:
    """Emits a copy between two dtypes."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        to: Any,
        source: Any,
        out: Any,
        x: Any,
        runs: list[Any],
        cval: ir.Value,
        convert: Callable[..., ir.Value],
    ) -> None:
        self.builder = builder
        self.to, self.source = to, source
        self.out, self.x = out, x
        self.out_steps = cgutils.unpack_tuple(builder, out.strides)
        self.x_steps = cgutils.unpack_tuple(builder, x.strides)
        self.runs = runs
        self.cval = cval
        self.convert = convert

    def emit(self) -> None:
        byte = ir.IntType(8).as_pointer()
        out, x = (self.builder.bitcast(array.data, byte) for array in (self.out, self.x))
        self.axis(0, out, x, cgutils.true_bit)

    def axis(self, depth: int, out: ir.Value, x: ir.Value, inside: ir.Value) -> None:
        """The runs of an axis, and of those after it."""
        builder, table = self.builder, self.runs[depth]
        with cgutils.for_range(builder, builder.extract_value(table.shape, 0)) as loop:
            row = builder.gep(table.data, [builder.mul(loop.index, integer(4))])
            begin, length, first, step = (
                builder.load(builder.gep(row, [integer(column)])) for column in range(4)
            )
            within = builder.and_(inside, builder.icmp_signed(">=", first, integer(0)))
            to, of = self.out_steps[depth], self.x_steps[depth]
            out = builder.gep(out, [builder.mul(begin, to)])
            x = builder.gep(x, [builder.mul(first, of)])
            of = builder.mul(step, of)
            if depth < RANK - 1:
                done = integer(0)
                if depth == RANK - 2 and self.to == self.source and self.to.name in FLOATS:
                    for lanes in (8, 4) if self.to.bitwidth == 32 else (4, 2):
                        none = builder.icmp_signed("==", done, integer(0))
                        able = builder.and_(within, none)
                        rows = self.transposed(out, x, to, of, length, able, lanes)
                        done = builder.add(done, rows)
                with cgutils.for_range_slice(builder, done, length, integer(1)) as (item, _):
                    here, there = self.step(out, item, to), self.step(x, item, of)
                    self.axis(depth + 1, here, there, within)
            else:
                with builder.if_else(within) as (samples, constant):
                    with samples:
                        self.row(out, x, to, of, length)
                    with constant, cgutils.for_range(builder, length) as item:
                        self.store(self.cval, self.step(out, item.index, to))

    def transposed(
        self,
        out: ir.Value,
        x: ir.Value,
        to: ir.Value,
        of: ir.Value,
        length: ir.Value,
        able: ir.Value,
        lanes: int,
    ) -> ir.Value:
        """Copy by transposing squares; returns how many items of the last axis but one are done.

        This is possible if that axis is contiguous in ``x`` and the last one in ``out``; then all
        items are done, otherwise none.  The last squares overlap items that are already done.
        """
        builder, table, zero = self.builder, self.runs[-1], integer(0)
        item = integer(bytes_of(self.to))
        last_to, last_of = self.out_steps[-1], self.x_steps[-1]
        for step in (last_to, of):
            able = builder.and_(able, builder.icmp_signed("==", step, item))
        able = builder.and_(able, builder.icmp_signed(">=", length, integer(lanes)))
        done = builder.select(able, length, zero)
        with cgutils.for_range_slice(builder, zero, done, integer(lanes)) as (row, _):
            at = self.least(row, builder.sub(length, integer(lanes)))
            here, there = self.step(out, at, to), self.step(x, at, of)
            rows = [self.step(here, integer(row), to) for row in range(lanes)]
            with cgutils.for_range(builder, builder.extract_value(table.shape, 0)) as loop:
                run = builder.gep(table.data, [builder.mul(loop.index, integer(4))])
                begin, count, first, step = (
                    builder.load(builder.gep(run, [integer(column)])) for column in range(4)
                )
                samples = self.step(there, first, last_of)
                step = builder.mul(step, last_of)
                within = builder.icmp_signed(">=", first, zero)
                whole = builder.icmp_signed(">=", count, integer(lanes))
                whole = builder.select(builder.and_(within, whole), count, zero)
                with cgutils.for_range_slice(builder, zero, whole, integer(lanes)) as (ahead, _):
                    col = self.least(ahead, builder.sub(count, integer(lanes)))
                    start = self.step(samples, col, step)
                    square = [
                        self.load(self.step(start, integer(i), step), lanes) for i in range(lanes)
                    ]
                    target = builder.mul(builder.add(begin, col), item)
                    for row, values in zip(rows, _columns(builder, square), strict=True):
                        self.store(values, builder.gep(row, [target]))
                with cgutils.for_range_slice(builder, whole, count, integer(1)) as (col, _):
                    start = self.step(samples, col, step)
                    target = builder.mul(builder.add(begin, col), item)
                    for i, row in enumerate(rows):
                        with builder.if_else(within) as (sample, constant):
                            with sample:
                                value = self.load(self.step(start, integer(i), of), 1)
                                self.store(value, builder.gep(row, [target]))
                            with constant:
                                self.store(self.cval, builder.gep(row, [target]))
        return done

    def least(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def row(self, out: ir.Value, x: ir.Value, to: ir.Value, of: ir.Value, length: ir.Value) -> None:
        """Items some bytes apart: vectors of them if they are contiguous, or else one by one.

        The last vector reaches back over items that are done, and writes the same again.
        """
        builder = self.builder
        vectors = builder.and_(
            builder.icmp_signed(">=", length, integer(LANES)),
            builder.and_(
                builder.icmp_signed("==", to, integer(bytes_of(self.to))),
                builder.icmp_signed("==", of, integer(bytes_of(self.source))),
            ),
        )
        lanes = builder.select(vectors, integer(LANES), integer(1))
        last = builder.sub(length, lanes)
        with cgutils.for_range_slice(builder, integer(0), length, lanes) as (start, _):
            at = self.least(start, last)
            here, there = self.step(out, at, to), self.step(x, at, of)
            with builder.if_else(vectors) as (many, one):
                with many:
                    self.store(self.converted(there, LANES), here)
                with one:
                    self.store(self.converted(there, 1), here)

    def step(self, pointer: ir.Value, index: ir.Value, step: ir.Value) -> ir.Value:
        return self.builder.gep(pointer, [self.builder.mul(index, step)])

    def load(self, pointer: ir.Value, lanes: int) -> ir.Value:
        pointer = self.builder.bitcast(pointer, vector(stored(self.source), lanes).as_pointer())
        return self.builder.load(pointer, align=1)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        self.builder.store(value, self.builder.bitcast(pointer, value.type.as_pointer()), align=1)

    def converted(self, pointer: ir.Value, lanes: int) -> ir.Value:
        value = self.load(pointer, lanes)
        return self.convert(self.builder, self.source, self.to, value, lanes)


def _columns(builder: ir.IRBuilder, square: list[ir.Value]) -> list[ir.Value]:
    """The columns of a square of items, from its rows: halves of vectors are exchanged, then
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
                lanes = [
                    (lane & ~size) + half * size + (n if lane & size else 0) for lane in range(n)
                ]
                mask = ir.Constant(ir.VectorType(ir.IntType(32), n), lanes)
                square[row] = builder.shuffle_vector(*pair, mask)
        size //= 2
    return square


@cache
def code(source: np.dtype, to: np.dtype, casts: bool = False) -> Callable[..., None] | None:
    """The machine code for two dtypes, or None: NumPy copies those."""
    if not converts(source, to):
        return None
    halves = {source.name: copy_from_half, to.name: copy_to_half}
    item, sample = (
        types.uint16 if dtype.name == "float16" else from_dtype(dtype) for dtype in (to, source)
    )
    signature = types.void(
        array(item, RANK, "A", readonly=False, aligned=False),
        array(sample, RANK, "A", aligned=False),
        types.UniTuple(array(types.int64, 2), RANK),
        item,
    )
    return compiled(copy_cast if casts else halves.get("float16", copy), signature)
