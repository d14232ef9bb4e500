"""Depthwise filters: a vector holds contiguous channels, each with taps of its own.

`geometry/gemm.py` says what the tables and the numbers are; a run is a tap here, and a column is a
channel.  The last vectors reach back over channels that are done, and write the same again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..geometry.gemm import contraction, taps
from .compile import array, compiled, start
from .host import VECTOR_BYTES
from .vectors import Vectors, data, integer, loop

__all__ = ["code", "depthwise"]

# mypy: disable-error-code="no-untyped-def"

ROWS = 6
HEIGHTS = (ROWS, 3, 1)
"""Rows of tiles: the gradient of 3x3 weights has nine rows."""
VECTORS = 2
MAX_BLOCK_ITEMS = 4096
"""Items of the rows of channels that are filtered at a time: their samples stay in a cache."""
LINES = ((3, 1), (3, 2), (5, 1), (5, 2))
"""Taps and strides for which outputs next to each other share samples."""
SIZES = ((4, 2), (4, 2), (7, 1), (7, 1))
"""Outputs and vectors of channels of a tile, for each of the lines above."""
MIN_LINE = 7
"""Outputs that a line has at least."""

INT = types.intp


def depthwise(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pad_before: tuple[int, ...],
    relu: bool,
) -> None:
    arrays = out, x, w, bias
    product = contraction(taps, arrays, stride, dilation, pad_before)
    tables = product.rows, product.runs, product.numbers
    code(out.dtype)(*map(start, arrays), *tables, relu)


@intrinsic
def add_taps(
    typing_context: Any,
    out: Any, x: Any, w: Any, bias: Any, rows: Any, runs: Any, taps: Any,
    row: Any, height: Any, col: Any, columns: Any, relu: Any,
) -> Any:  # fmt: skip
    """Filter ``height`` rows of as many columns as one or two vectors have, or of one column."""
    signature = types.void(out, x, w, bias, rows, runs, INT, INT, INT, INT, INT, types.boolean)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, x, w, bias, rows, runs = data(context, builder, signature, args, (0, 1, 2, 3, 4, 5))
        taps, row, height, col, columns, relu = args[6:]
        out, x, w, bias = (builder.gep(start, [col]) for start in (out, x, w, bias))
        item = signature.args[0].dtype
        lanes = VECTOR_BYTES * 8 // item.bitwidth
        for width, vectors in ((lanes, VECTORS), (lanes, 1), (1, 1)):
            with builder.if_then(builder.icmp_signed("==", columns, integer(width * vectors))):
                emitter = Vectors(builder, context.get_value_type(item), width)
                tile = _Tile(emitter, vectors, out, x, w, bias, runs, taps, relu)
                at, left = builder.gep(rows, [builder.mul(row, integer(3))]), height
                for tall in HEIGHTS:
                    tiles = builder.udiv(left, integer(tall))
                    with loop(builder, tiles) as index:
                        tile.emit(builder.gep(at, [builder.mul(index, integer(3 * tall))]), tall)
                    at = builder.gep(at, [builder.mul(tiles, integer(3 * tall))])
                    left = builder.urem(left, integer(tall))
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def add_line(
    typing_context: Any,
    out: Any, x: Any, w: Any, bias: Any, rows: Any, runs: Any, taps: Any,
    row: Any, kind: Any, col: Any, relu: Any,
) -> Any:  # fmt: skip
    """Filter outputs next to each other, from a row on, of a line of some kind."""
    signature = types.void(out, x, w, bias, rows, runs, INT, INT, INT, INT, types.boolean)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, x, w, bias, rows, runs = data(context, builder, signature, args, (0, 1, 2, 3, 4, 5))
        taps, row, kind, col, relu = args[6:]
        out, x, w, bias = (builder.gep(start, [col]) for start in (out, x, w, bias))
        item = signature.args[0].dtype
        emitter = Vectors(builder, context.get_value_type(item), VECTOR_BYTES * 8 // item.bitwidth)
        first = builder.gep(rows, [builder.mul(row, integer(3))])
        for number, (outputs, vectors) in enumerate(SIZES):
            with builder.if_then(builder.icmp_signed("==", kind, integer(number))):
                tile = _Tile(emitter, vectors, out, x, w, bias, runs, taps, relu)
                tile.emit_line(first, outputs, *LINES[number])
        return context.get_dummy_value()

    return signature, emit


class _Tile:
    """Emits tiles of some vectors of columns."""

    def __init__(
        self,
        emitter: Vectors,
        vectors: int,
        out: ir.Value,
        x: ir.Value,
        w: ir.Value,
        bias: ir.Value,
        runs: ir.Value,
        taps: ir.Value,
        relu: ir.Value,
    ) -> None:
        self.emitter, self.builder, self.vectors = emitter, emitter.builder, vectors
        self.out, self.x, self.w, self.bias = out, x, w, bias
        self.runs, self.taps = runs, taps
        self.floor = emitter.floor(relu)
        zeros = ir.Constant(ir.ArrayType(emitter.vector, vectors), None)
        self.zeros = self.builder.bitcast(cgutils.alloca_once_value(self.builder, zeros), x.type)

    def at(self, start: ir.Value, entry: ir.Value, column: int) -> ir.Value:
        """The address whose offset is in a column of a table."""
        offset = self.builder.load(self.builder.gep(entry, [integer(column)]))
        return self.builder.gep(start, [offset])

    def vectors_at(self, start: ir.Value) -> list[ir.Value]:
        """Where each vector begins."""
        lanes = self.emitter.lanes
        return [self.builder.gep(start, [integer(v * lanes)]) for v in range(self.vectors)]

    def inside(self, start: ir.Value, outside: ir.Value, tap: ir.Value) -> ir.Value:
        """Where the samples of a tap begin, or zeros if it is among those outside."""
        builder = self.builder
        bit = builder.lshr(outside, builder.and_(tap, integer(63)))
        return builder.select(builder.trunc(bit, ir.IntType(1)), self.zeros, start)

    def entries(self, rows: ir.Value, height: int) -> list[ir.Value]:
        """Some rows of the table."""
        return [self.builder.gep(rows, [integer(3 * r)]) for r in range(height)]

    def outside(self, entries: list[ir.Value]) -> list[ir.Value]:
        """Bits of taps that are outside, for some rows."""
        return [self.builder.load(self.builder.gep(entry, [integer(2)])) for entry in entries]

    def begun(self, entries: list[ir.Value]) -> list[list[ir.Value]]:
        """Sums of some rows that begin with the bias."""
        builder, emitter = self.builder, self.emitter
        starts = [emitter.load(vector) for vector in self.vectors_at(self.bias)]
        sums = [[cgutils.alloca_once(builder, emitter.vector) for _ in starts] for _ in entries]
        for totals in sums:
            for value, total in zip(starts, totals, strict=True):
                builder.store(value, total)
        return sums

    def add(self, total: ir.Value, sample: ir.Value, weight: ir.Value) -> None:
        """Add a product to a sum."""
        product = self.emitter.multiply_add(sample, weight, self.builder.load(total))
        self.builder.store(product, total)

    def store(self, entries: list[ir.Value], sums: list[list[ir.Value]]) -> None:
        """Write the sums of some rows."""
        for entry, totals in zip(entries, sums, strict=True):
            vectors = self.vectors_at(self.at(self.out, entry, 0))
            for vector, total in zip(vectors, totals, strict=True):
                value = self.emitter.at_least(self.floor, self.builder.load(total))
                self.emitter.store(value, vector)

    def emit_line(self, rows: ir.Value, outputs: int, taps: int, stride: int) -> None:
        """Outputs of a line: a sample that is loaded once serves all that read it."""
        builder, emitter = self.builder, self.emitter
        entries = self.entries(rows, outputs)
        outside, sums = self.outside(entries), self.begun(entries)
        start = self.at(self.x, entries[0], 1)
        first, second = (builder.load(builder.gep(self.runs, [integer(i)])) for i in (0, 3))
        step = builder.sub(second, first)
        with loop(builder, builder.udiv(self.taps, integer(taps))) as line:
            number = builder.mul(line, integer(taps))
            run = builder.gep(self.runs, [builder.mul(number, integer(3))])
            weights = [
                [emitter.load(vector) for vector in self.vectors_at(self.at(self.w, entry, 1))]
                for entry in self.entries(run, taps)
            ]
            sample = self.at(start, run, 0)
            for col in range((outputs - 1) * stride + taps):
                reader = max((col - taps) // stride + 1, 0)
                tap = builder.add(number, integer(col - reader * stride))
                vectors = self.vectors_at(self.inside(sample, outside[reader], tap))
                for v, vector in enumerate(vectors):
                    value = emitter.load(vector)
                    for r, totals in enumerate(sums):
                        if 0 <= col - r * stride < taps:
                            self.add(totals[v], value, weights[col - r * stride][v])
                sample = builder.gep(sample, [step])
        self.store(entries, sums)

    def emit(self, rows: ir.Value, height: int) -> None:
        """One tile, from the bias to its outputs."""
        builder, emitter = self.builder, self.emitter
        entries = self.entries(rows, height)
        outside, sums = self.outside(entries), self.begun(entries)
        samples = [self.at(self.x, entry, 1) for entry in entries]
        with loop(builder, self.taps) as index:
            tap = builder.gep(self.runs, [builder.mul(index, integer(3))])
            weights = [emitter.load(vector) for vector in self.vectors_at(self.at(self.w, tap, 1))]
            for row, bits, totals in zip(samples, outside, sums, strict=True):
                vectors = self.vectors_at(self.inside(self.at(row, tap, 0), bits, index))
                for vector, weight, total in zip(vectors, weights, totals, strict=True):
                    self.add(total, emitter.load(vector), weight)
        self.store(entries, sums)


@njit(nogil=True)
def _kind(rows, runs, numbers, lanes):
    """The kind of lines that rows are made of, or -1."""
    cols, line, line_taps = numbers[0], numbers[7], numbers[8]
    if line < MIN_LINE or cols < 2 * lanes or line_taps < 2:
        return -1
    step, tap = rows[1, 1] - rows[0, 1], runs[1, 0] - runs[0, 0]
    for kind in range(len(LINES)):
        taps, stride = LINES[kind]
        if line_taps == taps and step == stride * tap:
            return kind
    return -1


def filter_channels(out, x, w, bias, rows, runs, numbers, relu):
    """All lines; or all rows, in blocks whose samples stay in a cache for all channels."""
    cols, lanes = numbers[0], VECTOR_BYTES // out.itemsize
    kind = _kind(rows, runs, numbers, lanes)
    if kind >= 0:
        line, (outputs, columns) = numbers[7], SIZES[kind]
        columns *= lanes
        for first in range(0, len(rows), line):
            for after in range(0, line, outputs):
                row = first + min(after, line - outputs)
                for col in range(0, cols, columns):
                    col = min(col, cols - columns)
                    add_line(out, x, w, bias, rows, runs, len(runs), row, kind, col, relu)
        return
    block = max(MAX_BLOCK_ITEMS // cols // ROWS, 1) * ROWS
    for row in range(0, len(rows), block):
        height = min(block, len(rows) - row)
        col = 0
        while col < cols:
            columns = VECTORS * lanes
            if cols - col < columns:
                columns = lanes if cols >= lanes else 1
                col = min(col, cols - columns)
            add_taps(out, x, w, bias, rows, runs, len(runs), row, height, col, columns, relu)
            col += columns


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    operand, numbers, table = array(item), array(types.int64), array(types.int64, 2)
    signature = types.void(
        array(item, readonly=False), operand, operand, operand, table, table, numbers,
        types.boolean,
    )  # fmt: skip
    return compiled(filter_channels, signature)
