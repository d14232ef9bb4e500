"""Sums over taps where every channel has its own: neighbouring channels are a vector.

``contraction.py`` says what the tables and the numbers are; a run is a tap here.  The last vectors
reach back over channels that are done, and write the same again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic

from .on_disk import array, compile_kept
from .vectors import VECTOR_BYTES, Vectors, data, integer, loop

__all__ = ["compiled"]

ROWS = 6
HEIGHTS = (ROWS, 3, 1)
"""Rows of tiles: the gradient of 3x3 weights has nine rows."""
VECTORS = 2
NEAR_ITEMS = 4096
"""Items of as many rows of channels as are filtered at a time."""

INT = types.intp


@intrinsic
def add_taps(
    typing_context: Any,
    out: Any, x: Any, w: Any, bias: Any, rows: Any, runs: Any, taps: Any,
    row: Any, height: Any, col: Any, columns: Any, relu: Any,
) -> Any:  # fmt: skip
    """Filter ``height`` rows of as many columns as one or two vectors have, or of one column."""
    signature = types.void(
        out, x, w, bias, rows, runs, INT, INT, INT, INT, INT, types.boolean
    )  # fmt: skip

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, x, w, bias, rows, runs = data(context, builder, signature, args, (0, 1, 2, 3, 4, 5))
        taps, row, height, col, columns, relu = args[6:]
        out, x, w, bias = (builder.gep(start, [col]) for start in (out, x, w, bias))
        item = signature.args[0].dtype
        lanes = VECTOR_BYTES * 8 // item.bitwidth
        for width, vectors in ((lanes, VECTORS), (lanes, 1), (1, 1)):
            emitter = Vectors(builder, context.get_value_type(item), width)
            tile = _Tile(emitter, vectors, out, x, w, bias, runs, taps, relu)
            with builder.if_then(builder.icmp_signed("==", columns, integer(width * vectors))):
                at, left = builder.gep(rows, [builder.mul(row, integer(3))]), height
                for tall in HEIGHTS:
                    tiles = builder.udiv(left, integer(tall))
                    with loop(builder, tiles) as index:
                        tile.emit(builder.gep(at, [builder.mul(index, integer(3 * tall))]), tall)
                    at = builder.gep(at, [builder.mul(tiles, integer(3 * tall))])
                    left = builder.urem(left, integer(tall))
        return context.get_dummy_value()

    return signature, emit


class _Tile:
    """Instructions of tiles of some vectors of columns, into a builder."""

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

    def at(self, start: ir.Value, entry: ir.Value, place: int) -> ir.Value:
        """An address that an entry of a table says."""
        offset = self.builder.load(self.builder.gep(entry, [integer(place)]))
        return self.builder.gep(start, [offset])

    def places(self, start: ir.Value) -> list[ir.Value]:
        """Where each vector begins."""
        lanes = self.emitter.lanes
        return [self.builder.gep(start, [integer(v * lanes)]) for v in range(self.vectors)]

    def emit(self, rows: ir.Value, height: int) -> None:
        """One tile, from the bias to its outputs."""
        builder, emitter = self.builder, self.emitter
        entries = [builder.gep(rows, [integer(3 * r)]) for r in range(height)]
        samples = [self.at(self.x, entry, 1) for entry in entries]
        starts = [emitter.load(place) for place in self.places(self.bias)]
        sums = [[cgutils.alloca_once(builder, emitter.vector) for _ in starts] for _ in entries]
        for totals in sums:
            for start, total in zip(starts, totals, strict=True):
                builder.store(start, total)
        with loop(builder, self.taps) as index:
            tap = builder.gep(self.runs, [builder.mul(index, integer(3))])
            weights = [emitter.load(place) for place in self.places(self.at(self.w, tap, 1))]
            for row, totals in zip(samples, sums, strict=True):
                places = self.places(self.at(row, tap, 0))
                for place, weight, total in zip(places, weights, totals, strict=True):
                    added = emitter.multiply_add(emitter.load(place), weight, builder.load(total))
                    builder.store(added, total)
        for entry, totals in zip(entries, sums, strict=True):
            places = self.places(self.at(self.out, entry, 0))
            for place, total in zip(places, totals, strict=True):
                emitter.store(emitter.at_least(self.floor, builder.load(total)), place)


def contract_taps(out, x, w, bias, rows, runs, numbers, relu):  # type: ignore[no-untyped-def]
    """All rows, some at a time, so that the samples of their taps stay near for all channels."""
    cols, lanes = numbers[0], VECTOR_BYTES // out.itemsize
    near = max(NEAR_ITEMS // cols // ROWS, 1) * ROWS
    for row in range(0, len(rows), near):
        height = min(near, len(rows) - row)
        col = 0
        while col < cols:
            columns = VECTORS * lanes
            if cols - col < columns:
                columns = lanes if cols >= lanes else 1
                col = min(col, cols - columns)
            add_taps(out, x, w, bias, rows, runs, len(runs), row, height, col, columns, relu)
            col += columns


def compiled(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items = from_dtype(dtype)
    operand, numbers, table = array(items, 1), array(types.int64, 1), array(types.int64, 2)
    signature = types.void(
        array(items, 1, readonly=False), operand, operand, operand, table, table, numbers,
        types.boolean,
    )  # fmt: skip
    return compile_kept(contract_taps, signature)
