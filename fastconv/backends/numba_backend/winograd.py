"""The transforms of Winograd's convolution, written in the vectors of LLVM.

A vector of neighbouring channels goes through a tile or a kernel at a time; the last vector of a
tile reaches back over channels that are done, and writes the same again.  The instructions follow
from `points.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..points import OUTPUTS, SAMPLES, WEIGHTS
from .on_disk import compile_kept
from .vectors import VECTOR_BYTES, Vectors, data, integer, loop

__all__ = ["compiled"]

LANES = VECTOR_BYTES // 4

INT = types.intp
ITEM = types.float32


class _Transform(Vectors):
    """Products of small matrices and vectors."""

    def times(self, matrix: NDArray, values: list[ir.Value]) -> list[ir.Value]:
        """The product of a matrix and a column of vectors."""
        return [self.dot(row, values) for row in matrix.tolist()]

    def dot(self, factors: list[float], values: list[ir.Value]) -> ir.Value:
        """A sum of products; those by one come first, where LLVM leaves them out."""
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
    """The vectors of a tile, at its points and in a plane, into a builder.

    ``points`` are memory, where the tile begins there, and the step to the next point; ``plane`` is
    memory, the tile's corner, the steps of rows and columns, how many of each are left, and the
    number of channels.  ``size`` samples or outputs of a row and of a column belong to the tile.
    """

    def __init__(
        self,
        builder: ir.IRBuilder,
        m: int,
        size: int,
        points: tuple[ir.Value, ...],
        plane: tuple[ir.Value, ...],
        beyond: ir.Value,
    ) -> None:
        super().__init__(builder, ir.FloatType(), LANES)
        self.side, self.beyond = m + 2, beyond
        self.points, self.tile, self.step = points
        self.plane, self.corner, self.row, self.col, down, across, self.channels = plane
        below = [builder.icmp_signed("<", integer(i), down) for i in range(size)]
        before = [builder.icmp_signed("<", integer(j), across) for j in range(size)]
        self.inside = [[builder.and_(i, j) for j in before] for i in below]

    def channel_loops(self) -> Iterator[ir.Value]:
        """Loops over vectors of channels: for a tile inside of the plane, and for one at an edge.

        The places below are those of the loop that is being emitted.
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

    def at_point(self, i: int, j: int) -> ir.Value:
        """Where the value at a point lies; what holds for all tiles comes first, to be kept."""
        builder = self.builder
        point = builder.gep(self.points, [builder.mul(integer(i * self.side + j), self.step)])
        return builder.gep(point, [builder.add(self.tile, self.channel)])

    def in_plane(self, i: int, j: int) -> ir.Value:
        """Where a sample or an output lies, or what stands for all that lie beyond the edges."""
        builder = self.builder
        offset = builder.add(builder.mul(integer(i), self.row), builder.mul(integer(j), self.col))
        pixel = builder.gep(self.plane, [offset])
        place = builder.gep(pixel, [builder.add(self.corner, self.channel)])
        return builder.select(self.inside[i][j], place, self.beyond) if self.at_edge else place

    def mixed(self, values: list[ir.Value]) -> list[ir.Value]:
        """Sums and differences of what belongs to two points that differ in their sign."""
        builder = self.builder
        result = values[:1]
        for a, b in zip(values[1:-1:2], values[2:-1:2], strict=True):
            result += [builder.fadd(a, b), builder.fsub(a, b)]
        return result + values[-1:]


def _unmixed(side: int) -> NDArray:
    """The inverse of `mixed` as a matrix."""
    matrix = np.eye(side)
    for p in range(1, side - 1, 2):
        matrix[p : p + 2, p : p + 2] = [[0.5, 0.5], [0.5, -0.5]]
    return matrix


@intrinsic
def evaluate(
    typing_context: Any,
    points: Any, tile: Any, step: Any, x: Any, corner: Any, row: Any, col: Any, down: Any,
    across: Any, channels: Any, zeros: Any, m: Any,
) -> Any:  # fmt: skip
    """Evaluate a tile of samples at its points."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        points, x, zeros = data(context, builder, signature, args, (0, 3, 10))
        _, tile, step, _, *place, _, size = args
        for m in SAMPLES:
            with builder.if_then(builder.icmp_signed("==", size, integer(m))):
                places = _Tile(builder, m, m + 2, (points, tile, step), (x, *place), zeros)
                _evaluate(places, _unmixed(m + 2) @ SAMPLES[m])
        return context.get_dummy_value()

    return types.void(points, INT, INT, x, *(INT,) * 6, zeros, INT), emit


def _evaluate(tile: _Tile, matrix: NDArray) -> None:
    side = range(tile.side)
    for _ in tile.channel_loops():
        rows = []
        for i in side:
            row = [tile.load(tile.in_plane(i, j)) for j in side]
            rows.append(tile.mixed(tile.times(matrix, row)))
        for j in side:
            col = tile.mixed(tile.times(matrix, [row[j] for row in rows]))
            for i in side:
                tile.store(col[i], tile.at_point(i, j))


@intrinsic
def evaluate_kernels(
    typing_context: Any, points: Any, at: Any, step: Any, taps: Any, m: Any
) -> Any:
    """Evaluate kernels at their points: a vector of them, whose taps follow each other."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        points, taps = data(context, builder, signature, args, (0, 3))
        _, at, step, _, size = args
        transform = _Transform(builder, ir.FloatType(), LANES)
        weights = [transform.load(builder.gep(taps, [integer(t * LANES)])) for t in range(9)]
        for m, matrix in WEIGHTS.items():
            with builder.if_then(builder.icmp_signed("==", size, integer(m))):
                rows = [transform.times(matrix, weights[r : r + 3]) for r in (0, 3, 6)]
                cols = [transform.times(matrix, list(col)) for col in zip(*rows, strict=True)]
                values = [value for row in zip(*cols, strict=True) for value in row]
                for place, value in enumerate(values):
                    offset = builder.add(at, builder.mul(integer(place), step))
                    transform.store(value, builder.gep(points, [offset]))
        return context.get_dummy_value()

    return types.void(points, INT, INT, taps, INT), emit


@intrinsic
def interpolate(
    typing_context: Any,
    points: Any, tile: Any, step: Any, out: Any, corner: Any, row: Any, col: Any, down: Any,
    across: Any, channels: Any, room: Any, m: Any, bias: Any, offset: Any, relu: Any,
) -> Any:  # fmt: skip
    """Make a tile of outputs of products at its points.

    ``room`` has a vector for outputs beyond the edges, and one of zeros unless sums are not finite.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        points, out, room, bias = data(context, builder, signature, args, (0, 3, 10, 12))
        _, tile, step, _, *place, _, size, _, offset, relu = args
        bias, zeros = builder.gep(bias, [offset]), builder.gep(room, [integer(LANES)])
        for m in OUTPUTS:
            with builder.if_then(builder.icmp_signed("==", size, integer(m))):
                places = _Tile(builder, m, m, (points, tile, step), (out, *place), room)
                _interpolate(places, OUTPUTS[m] @ _unmixed(m + 2), bias, relu, zeros)
        return context.get_dummy_value()

    signature = types.void(
        points, INT, INT, out, *(INT,) * 6, room, INT, bias, INT, types.boolean
    )  # fmt: skip
    return signature, emit


def _interpolate(
    tile: _Tile, matrix: NDArray, bias: ir.Value, relu: ir.Value, zeros: ir.Value
) -> None:
    builder, side = tile.builder, range(tile.side)
    floor, zero = tile.floor(relu), tile.constant(0)
    finite = cgutils.alloca_once(builder, tile.vector)
    builder.store(tile.load(zeros), finite)
    for channel in tile.channel_loops():
        offset = tile.load(builder.gep(bias, [channel]))
        cols = []
        for j in side:
            col = [tile.load(tile.at_point(i, j)) for i in side]
            cols.append(tile.times(matrix, tile.mixed(col)))
        for i in range(len(matrix)):
            row = tile.times(matrix, tile.mixed([col[i] for col in cols]))
            for j, value in enumerate(row):
                total = builder.fadd(value, offset)
                builder.store(tile.multiply_add(total, zero, builder.load(finite)), finite)
                tile.store(tile.at_least(floor, total), tile.in_plane(i, j))
    tile.store(builder.load(finite), zeros)


def winograd_weights(values, w):  # type: ignore[no-untyped-def]
    groups, panels, points, channels, width = values.shape
    m, item = 4 if points == 36 else 2, values.itemsize
    step = values.strides[2] // item
    taps = np.empty(9 * LANES, w.dtype)
    for g, p, first in np.ndindex(groups, panels, width // LANES):
        at = (g * values.strides[0] + p * values.strides[1]) // item + first * LANES
        for c in range(channels):
            for k in range(LANES):
                for t in range(9):
                    taps[t * LANES + k] = w[g, p, first * LANES + k, c, t // 3, t % 3]
            evaluate_kernels(values, at, step, taps, m)
            at += values.strides[3] // item


def winograd_samples(tiles, x):  # type: ignore[no-untyped-def]
    points, groups, batch, tiles_down, tiles_across, channels = tiles.shape
    m, item = 4 if points == 36 else 2, x.itemsize
    step, row, col = tiles.strides[0] // item, x.strides[3] // item, x.strides[4] // item
    zeros = np.zeros(LANES, x.dtype)
    for g, b, ty in np.ndindex(groups, batch, tiles_down):
        tile = (g * tiles.strides[1] + b * tiles.strides[2] + ty * tiles.strides[3]) // item
        corner = (b * x.strides[0] + g * x.strides[1]) // item + ty * m * row
        for tx in range(tiles_across):
            evaluate(
                tiles, tile, step, x, corner, row, col, x.shape[3] - ty * m, x.shape[4] - tx * m,
                channels, zeros, m,
            )  # fmt: skip
            tile += tiles.strides[4] // item
            corner += m * col


def winograd_outputs(out, tiles, bias, relu):  # type: ignore[no-untyped-def]
    points, groups, batch, tiles_down, tiles_across, channels = tiles.shape
    m, item = 4 if points == 36 else 2, out.itemsize
    step, row, col = tiles.strides[0] // item, out.strides[3] // item, out.strides[4] // item
    room = np.zeros(2 * LANES, out.dtype)
    for g, b, ty in np.ndindex(groups, batch, tiles_down):
        tile = (g * tiles.strides[1] + b * tiles.strides[2] + ty * tiles.strides[3]) // item
        corner = (b * out.strides[0] + g * out.strides[1]) // item + ty * m * row
        for tx in range(tiles_across):
            interpolate(
                tiles, tile, step, out, corner, row, col, out.shape[3] - ty * m,
                out.shape[4] - tx * m, channels, room, m, bias, g * bias.strides[0] // item, relu,
            )  # fmt: skip
            tile += tiles.strides[4] // item
            corner += m * col
    return room[LANES:].sum() == 0


def compiled(kernel: str) -> Callable[..., Any]:
    """The machine code of a kernel: from disk, or compiled now and left there."""
    tiles, tiles_read, plane, plane_read, bias = (
        types.Array(ITEM, ndim, "A", readonly=readonly)
        for ndim, readonly in ((6, False), (6, True), (5, False), (5, True), (2, True))
    )
    if kernel == "weights":
        values, w = (types.Array(ITEM, ndim, "A", readonly=ndim == 6) for ndim in (5, 6))
        return compile_kept(winograd_weights, types.void(values, w))
    if kernel == "samples":
        return compile_kept(winograd_samples, types.void(tiles, plane_read))
    signature = types.boolean(plane, tiles_read, bias, types.boolean)
    return compile_kept(winograd_outputs, signature)
