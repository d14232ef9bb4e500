"""The transforms of Winograd's convolution, in LLVM vectors.

A tile or a kernel is transformed for a vector of contiguous channels at a time.  The last vector
overlaps channels that are done, and writes the same values again.  If all channels are fewer than a
vector, they are copied to a full one and back.  The instructions follow the matrices of
`geometry/winograd.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..geometry.winograd import BLOCK, OUTPUTS, SAMPLES, TILES, WEIGHTS
from .compile import array, compiled
from .host import VECTOR_BYTES
from .vectors import Vectors, data, integer, loop

__all__ = ["code", "winograd_outputs", "winograd_samples", "winograd_weights"]

# mypy: disable-error-code="no-untyped-def"

LANES = VECTOR_BYTES // 4

INT = types.intp
ITEM = types.float32


def winograd_weights(values: NDArray, w: NDArray) -> None:
    code("weights")(values, w)


def winograd_samples(tiles: NDArray, x: NDArray) -> None:
    if x.shape[2] < LANES:
        wide = _with_channels(tiles, 5)
        code("samples")(wide, _with_channels(x, 2, fill=True))
        tiles[...] = wide[..., : x.shape[2]]
    else:
        code("samples")(tiles, x)


def winograd_outputs(out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
    channels = out.shape[2]
    if channels < LANES:
        wide = _with_channels(out, 2)
        operands = _with_channels(tiles, 5, fill=True), _with_channels(bias, 1, fill=True)
        finite = code("outputs")(wide, *operands, relu)
        out[...] = wide[:, :, :channels]
    else:
        finite = code("outputs")(out, tiles, bias, relu)
    return bool(finite)


def _with_channels(a: NDArray, axis: int, fill: bool = False) -> NDArray:
    """A copy of an array, or memory for one, with contiguous channels, padded with zeros to a
    vector.
    """
    moved = np.moveaxis(a, axis, -1)
    wide = np.zeros((*moved.shape[:-1], LANES), a.dtype)
    if fill:
        wide[..., : moved.shape[-1]] = moved
    return np.moveaxis(wide, -1, axis)


class _Transform(Vectors):
    """Products of small matrices and vectors."""

    def times(self, matrix: NDArray, values: list[ir.Value]) -> list[ir.Value]:
        """The product of a matrix and a column of vectors."""
        return [self.dot(row, values) for row in matrix.tolist()]

    def dot(self, factors: list[float], values: list[ir.Value]) -> ir.Value:
        """A sum of products, with factors of one first, so that LLVM omits these products."""
        terms = [term for term in zip(factors, values, strict=True) if term[0]]
        terms.sort(key=lambda term: term[0] != 1)
        (factor, value), *others = terms
        total = self.builder.fmul(value, self.constant(factor))
        for factor, value in others:
            total = self.multiply_add(value, self.constant(factor), total)
        return total

    def constant(self, value: float) -> ir.Constant:
        return ir.Constant(self.vector, [value] * LANES)


class _Tile(_Transform):
    """Emits the vectors of a tile, at its points and in a plane.

    ``points`` are memory, where the tile begins in it, and the step to the next point.  ``plane``
    is memory, the corner of the tile, the steps of rows and columns, how many of them are left, and
    the number of channels.  ``size`` has the samples or outputs of the tile, down and across.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        size: tuple[int, int],
        points: tuple[ir.Value, ...],
        plane: tuple[ir.Value, ...],
        beyond: ir.Value,
    ) -> None:
        super().__init__(builder, ir.FloatType(), LANES)
        self.beyond = beyond
        self.points, self.tile, self.step = points
        self.plane, self.corner, self.row, self.col, down, across, self.channels = plane
        below = [builder.icmp_signed("<", integer(i), down) for i in range(size[0])]
        before = [builder.icmp_signed("<", integer(j), across) for j in range(size[1])]
        self.inside = [[builder.and_(i, j) for j in before] for i in below]

    def channel_loops(self) -> Iterator[ir.Value]:
        """Loops over vectors of channels: for a tile inside the plane, and for one at an edge.

        The addresses below are those of the loop that is being emitted.
        """
        builder = self.builder
        last = builder.sub(self.channels, integer(LANES))
        vectors = builder.udiv(builder.add(last, integer(2 * LANES - 1)), integer(LANES))
        with builder.if_else(self.inside[-1][-1]) as cases:
            for case, self.at_edge in zip(cases, (False, True), strict=True):
                with case, loop(builder, vectors) as vector:
                    channel = builder.mul(vector, integer(LANES))
                    ends = builder.icmp_signed("<", channel, last)
                    self.channel = builder.select(ends, channel, last)
                    yield self.channel

    def at_point(self, number: int) -> ir.Value:
        """The address of the value at a point; LLVM keeps the part common to all tiles."""
        builder = self.builder
        point = builder.gep(self.points, [builder.mul(integer(number), self.step)])
        return builder.gep(point, [builder.add(self.tile, self.channel)])

    def in_plane(self, i: int, j: int) -> ir.Value:
        """The address of a sample or an output; all beyond the edges share one address."""
        builder = self.builder
        offset = builder.add(builder.mul(integer(i), self.row), builder.mul(integer(j), self.col))
        pixel = builder.gep(self.plane, [offset])
        address = builder.gep(pixel, [builder.add(self.corner, self.channel)])
        return builder.select(self.inside[i][j], address, self.beyond) if self.at_edge else address


class _Axis:
    """The transform along an axis of a tile, by one of the matrices.

    Values at two points of opposite sign are the sum and the difference of the same two terms,
    which are computed once: when points are evaluated (``of_sums``), or else when products are
    interpolated.  The axis across a line has no points, and keeps its values.
    """

    def __init__(self, matrix: NDArray, of_sums: bool) -> None:
        self._of_sums, side = of_sums, len(matrix) if of_sums else matrix.shape[1]
        unmixed = np.eye(side)
        for p in range(1, side - 1, 2):
            unmixed[p : p + 2, p : p + 2] = [[0.5, 0.5], [0.5, -0.5]]
        self._matrix = unmixed @ matrix if of_sums else matrix @ unmixed

    @classmethod
    def of(cls, matrices: dict[int, NDArray], m: int, of_sums: bool) -> _Axis:
        return cls(matrices[m] if m > 1 else np.ones((1, 1)), of_sums)

    @property
    def lengths(self) -> tuple[int, int]:
        """The number of values before and after the transform."""
        return self._matrix.shape[1], self._matrix.shape[0]

    def apply(self, transform: _Transform, values: list[ir.Value]) -> list[ir.Value]:
        if self._of_sums:
            return self._mixed(transform.builder, transform.times(self._matrix, values))
        return transform.times(self._matrix, self._mixed(transform.builder, values))

    def _mixed(self, builder: ir.IRBuilder, values: list[ir.Value]) -> list[ir.Value]:
        """Sums and differences of the terms of two points of opposite sign."""
        result = values[:1]
        for a, b in zip(values[1:-1:2], values[2:-1:2], strict=True):
            result += [builder.fadd(a, b), builder.fsub(a, b)]
        return result + values[1:][-1:]


@intrinsic
def evaluate(
    typing_context: Any,
    points: Any, tile: Any, step: Any, x: Any, corner: Any, row: Any, col: Any, down: Any,
    across: Any, channels: Any, zeros: Any, count: Any,
) -> Any:  # fmt: skip
    """Evaluate a tile of samples at its points; ``count`` is their number."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        points, x, zeros = data(context, builder, signature, args, (0, 3, 10))
        _, tile, step, _, *plane, _, count = args
        for number, outputs in TILES.items():
            with builder.if_then(builder.icmp_signed("==", count, integer(number))):
                down, across = (_Axis.of(SAMPLES, m, True) for m in outputs)
                size = down.lengths[0], across.lengths[0]
                tiles = _Tile(builder, size, (points, tile, step), (x, *plane), zeros)
                _evaluate(tiles, down, across)
        return context.get_dummy_value()

    return types.void(points, INT, INT, x, *(INT,) * 6, zeros, INT), emit


def _evaluate(tile: _Tile, down: _Axis, across: _Axis) -> None:
    (rows, side), (cols, wide) = down.lengths, across.lengths
    for _ in tile.channel_loops():
        values = []
        for i in range(rows):
            row = [tile.load(tile.in_plane(i, j)) for j in range(cols)]
            values.append(across.apply(tile, row))
        for j in range(wide):
            col = down.apply(tile, [row[j] for row in values])
            for i in range(side):
                tile.store(col[i], tile.at_point(i * wide + j))


@intrinsic
def evaluate_block(
    typing_context: Any, points: Any, at: Any, step: Any, taps: Any, count: Any
) -> Any:
    """Evaluate blocks of taps at their points: a vector of blocks, tap after tap."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        points, taps = data(context, builder, signature, args, (0, 3))
        _, at, step, _, count = args
        transform = _Transform(builder, ir.FloatType(), LANES)
        for number, (m, across) in TILES.items():
            with builder.if_then(builder.icmp_signed("==", count, integer(number))):
                wide = BLOCK if across > 1 else 1
                starts = [builder.gep(taps, [integer(t * LANES)]) for t in range(BLOCK * wide)]
                weights = [transform.load(start) for start in starts]
                cols = [transform.times(WEIGHTS[m], weights[j::wide]) for j in range(wide)]
                values = [list(row) for row in zip(*cols, strict=True)]
                if across > 1:
                    values = [transform.times(WEIGHTS[m], row) for row in values]
                for point, value in enumerate(value for row in values for value in row):
                    offset = builder.add(at, builder.mul(integer(point), step))
                    transform.store(value, builder.gep(points, [offset]))
        return context.get_dummy_value()

    return types.void(points, INT, INT, taps, INT), emit


@intrinsic
def interpolate(
    typing_context: Any,
    points: Any, tile: Any, step: Any, out: Any, corner: Any, row: Any, col: Any, down: Any,
    across: Any, channels: Any, memory: Any, count: Any, bias: Any, offset: Any, relu: Any,
) -> Any:  # fmt: skip
    """A tile of outputs from the products at its points; ``count`` is their number.

    ``memory`` has a vector for outputs beyond the edges, and one that stays zero while all sums are
    finite, before ``relu``.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        points, out, memory, bias = data(context, builder, signature, args, (0, 3, 10, 12))
        _, tile, step, _, *plane, _, count, _, offset, relu = args
        bias, zeros = builder.gep(bias, [offset]), builder.gep(memory, [integer(LANES)])
        for number, size in TILES.items():
            with builder.if_then(builder.icmp_signed("==", count, integer(number))):
                down, across = (_Axis.of(OUTPUTS, m, False) for m in size)
                tiles = _Tile(builder, size, (points, tile, step), (out, *plane), memory)
                _interpolate(tiles, down, across, bias, relu, zeros)
        return context.get_dummy_value()

    signature = types.void(
        points, INT, INT, out, *(INT,) * 6, memory, INT, bias, INT, types.boolean
    )  # fmt: skip
    return signature, emit


def _interpolate(
    tile: _Tile, down: _Axis, across: _Axis, bias: ir.Value, relu: ir.Value, zeros: ir.Value
) -> None:
    builder = tile.builder
    (side, rows), (wide, cols) = down.lengths, across.lengths
    floor, zero = tile.floor(relu), tile.constant(0)
    finite = cgutils.alloca_once(builder, tile.vector)
    builder.store(tile.load(zeros), finite)
    for channel in tile.channel_loops():
        offset = tile.load(builder.gep(bias, [channel]))
        values = []
        for j in range(wide):
            col = [tile.load(tile.at_point(i * wide + j)) for i in range(side)]
            values.append(down.apply(tile, col))
        for i in range(rows):
            row = across.apply(tile, [col[i] for col in values])
            for j in range(cols):
                total = builder.fadd(row[j], offset)
                checked = total
                if tile.at_edge:
                    checked = builder.select(tile.inside[i][j], total, zero)
                builder.store(tile.multiply_add(checked, zero, builder.load(finite)), finite)
                tile.store(tile.at_least(floor, total), tile.in_plane(i, j))
    tile.store(builder.load(finite), zeros)


def evaluate_weights(values, w):
    groups, panels, count, blocks, channels, width = values.shape
    rows, cols, item = w.shape[4], w.shape[5], values.itemsize
    wide, across = BLOCK if count in (36, 16) else 1, -(-cols // BLOCK)
    step = values.strides[2] // item
    taps = np.empty(BLOCK * BLOCK * LANES, w.dtype)
    for g, p, first in np.ndindex(groups, panels, width // LANES):
        for block, c in np.ndindex(blocks, channels):
            top, left = block // across * BLOCK, block % across * BLOCK
            taps[:] = 0
            for i, j in np.ndindex(min(BLOCK, rows - top), min(wide, cols - left)):
                for k in range(LANES):
                    weight = w[g, p, first * LANES + k, c, top + i, left + j]
                    taps[(i * wide + j) * LANES + k] = weight
            at = g * values.strides[0] + p * values.strides[1]
            at += block * values.strides[3] + c * values.strides[4]
            evaluate_block(values, at // item + first * LANES, step, taps, count)


def evaluate_samples(tiles, x):
    count, groups, batch, tiles_down, tiles_across, channels = tiles.shape
    m, item = 4 if count in (36, 6) else 2, x.itemsize
    across = m if count in (36, 16) else 1
    step, row, col = tiles.strides[0] // item, x.strides[3] // item, x.strides[4] // item
    zeros = np.zeros(LANES, x.dtype)
    for g, b, ty in np.ndindex(groups, batch, tiles_down):
        tile = (g * tiles.strides[1] + b * tiles.strides[2] + ty * tiles.strides[3]) // item
        corner = (b * x.strides[0] + g * x.strides[1]) // item + ty * m * row
        for tx in range(tiles_across):
            evaluate(
                tiles, tile, step, x, corner, row, col, x.shape[3] - ty * m,
                x.shape[4] - tx * across, channels, zeros, count,
            )  # fmt: skip
            tile += tiles.strides[4] // item
            corner += across * col


def interpolate_outputs(out, tiles, bias, relu):
    count, groups, batch, tiles_down, tiles_across, channels = tiles.shape
    m, item = 4 if count in (36, 6) else 2, out.itemsize
    across = m if count in (36, 16) else 1
    step, row, col = tiles.strides[0] // item, out.strides[3] // item, out.strides[4] // item
    memory = np.zeros(2 * LANES, out.dtype)
    for g, b, ty in np.ndindex(groups, batch, tiles_down):
        tile = (g * tiles.strides[1] + b * tiles.strides[2] + ty * tiles.strides[3]) // item
        corner = (b * out.strides[0] + g * out.strides[1]) // item + ty * m * row
        for tx in range(tiles_across):
            interpolate(
                tiles, tile, step, out, corner, row, col, out.shape[3] - ty * m,
                out.shape[4] - tx * across, channels, memory, count, bias,
                g * bias.strides[0] // item, relu,
            )  # fmt: skip
            tile += tiles.strides[4] // item
            corner += across * col
    return memory[LANES:].sum() == 0


@cache
def code(kernel: str) -> Callable[..., Any]:
    """The machine code for ``"weights"``, ``"samples"`` or ``"outputs"``."""
    tiles, plane = (array(ITEM, ndim, "A", readonly=False) for ndim in (6, 5))
    tiles_read, plane_read, bias = (array(ITEM, ndim, "A") for ndim in (6, 5, 2))
    if kernel == "weights":
        return compiled(evaluate_weights, types.void(tiles, tiles_read))
    if kernel == "samples":
        return compiled(evaluate_samples, types.void(tiles, plane_read))
    signature = types.boolean(plane, tiles_read, bias, types.boolean)
    return compiled(interpolate_outputs, signature)
