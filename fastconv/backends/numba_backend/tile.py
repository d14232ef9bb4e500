"""The register tile, written in LLVM's vectors.

LLVM's vectorizer does not find this tile; it would keep the sums in memory.  Therefore each tile is
an intrinsic that emits its instructions.  The sums of ``rows`` by ``vectors`` vectors of outputs
stay in registers from the bias to the store.  If rows of outputs are as far apart as rows of taps,
each vector is loaded once for all rows of outputs that read it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .vectors import Vectors, integer, loop

__all__ = ["Operands", "Slab", "lanes_of", "make_slab_3x3", "make_tile", "on_operands"]


def make_tile(
    vector_bytes: int, rows: int, vectors: int, taps: tuple[int, int] | None = None, step: int = 1
) -> Any:
    """A function for Numba that computes one tile.

    With ``vector_bytes=0`` a vector is one item, and columns may lie any steps apart.  Otherwise
    outputs are contiguous, and samples ``step`` items apart, one or two.  With ``taps`` (rows and
    columns, which are contiguous) there are no loops over them.
    """

    @on_operands
    def tile(builder: ir.IRBuilder, operands: Operands) -> None:
        item = operands.bias.type
        lanes = lanes_of(vector_bytes, item)
        _Emitter(builder, item, lanes, rows, vectors, step, operands.nest).emit(operands, taps)

    return tile


def make_slab_3x3(vector_bytes: int) -> Any:
    """A function for Numba that fills a slab of one plane of 3x3 contiguous taps.

    Tiles are three rows by two vectors, so that weights and sums stay in registers.  The slab has
    at least three rows and is at least a vector wide.
    """

    @on_operands
    def slab(builder: ir.IRBuilder, operands: Operands) -> None:
        item = operands.bias.type
        _Slab3x3(builder, item, lanes_of(vector_bytes, item)).emit(operands)

    return slab


def lanes_of(vector_bytes: int, item: ir.Type) -> int:
    """The number of items of a vector."""
    return max(1, vector_bytes // (4 if isinstance(item, ir.FloatType) else 8))


class Operands(NamedTuple):
    """The addresses of the operands of a tile, and its other arguments."""

    out: ir.Value
    x: ir.Value
    w: ir.Value
    bias: ir.Value
    planes: ir.Value
    n_planes: ir.Value
    nest: list[ir.Value]
    relu: ir.Value


def on_operands(write: Callable[[ir.IRBuilder, Operands], None]) -> Any:
    """A function for Numba whose instructions ``write`` emits."""

    @intrinsic
    def function(
        typing_context: Any,
        out: Any,
        out_at: Any,
        x: Any,
        x_at: Any,
        w: Any,
        w_at: Any,
        bias: Any,
        planes: Any,
        nest: Any,
        relu: Any,
    ) -> Any:
        signature = types.void(
            out, types.intp, x, types.intp, w, types.intp, out.dtype, planes, nest,
            types.boolean,
        )  # fmt: skip

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            out, out_at, x, x_at, w, w_at, bias, planes, nest, relu = args
            out, x, w, planes, nest = (
                context.make_array(signature.args[i])(context, builder, array)
                for i, array in ((0, out), (2, x), (4, w), (7, planes), (8, nest))
            )
            write(
                builder,
                Operands(
                    builder.gep(out.data, [out_at]),
                    builder.gep(x.data, [x_at]),
                    builder.gep(w.data, [w_at]),
                    bias,
                    planes.data,
                    builder.extract_value(planes.shape, 0),
                    [builder.load(builder.gep(nest.data, [integer(i)])) for i in range(12)],
                    relu,
                ),
            )
            return context.get_dummy_value()

        return signature, emit

    return function


class _Emitter(Vectors):
    """Emits one tile."""

    def __init__(
        self,
        builder: ir.IRBuilder,
        item: ir.Type,
        lanes: int,
        rows: int,
        vectors: int,
        step: int,
        nest: list[ir.Value],
    ) -> None:
        super().__init__(builder, item, lanes)
        self.rows = rows
        self.vectors = vectors
        self.step = step
        (_, self.row_out, _, self.kh, self.tap_row_x, self.tap_row_w,
         _, self.col_out, self.col_x, self.kw, self.tap_col_x, self.tap_col_w) = nest  # fmt: skip

    def emit(self, operands: Operands, taps: tuple[int, int] | None) -> None:
        builder = self.builder
        out, x, w, bias, planes, n_planes, _, relu = operands
        self.sums = [
            [cgutils.alloca_once_value(builder, self.splat(bias)) for _ in range(self.vectors)]
            for _ in range(self.rows)
        ]
        with loop(builder, n_planes) as plane:
            pair = builder.mul(plane, integer(2))
            x_plane = builder.gep(x, [builder.load(builder.gep(planes, [pair]))])
            after = builder.add(pair, integer(1))
            w_plane = builder.gep(w, [builder.load(builder.gep(planes, [after]))])
            if taps:
                self.tap_col_x = self.tap_col_w = integer(1)
                self.add_few_rows(x_plane, w_plane, *taps)
            else:
                self.add_rows(x_plane, w_plane)
        floor = self.floor(relu)
        for r in range(self.rows):
            for v in range(self.vectors):
                total = builder.load(self.sums[r][v])
                to = self.at(out, r, self.row_out, v, self.col_out)
                self.store(self.at_least(floor, total), to)

    def add_rows(self, x: ir.Value, w: ir.Value) -> None:
        """Add all rows of samples of a plane, for any number of taps."""
        builder = self.builder
        if self.rows == 1:
            with loop(builder, self.kh) as index:
                self.add_row(x, w, index, 0, 1, self.kw)
            return
        with builder.if_else(builder.icmp_signed("<", self.kh, integer(self.rows - 1))) as (
            few,
            many,
        ):
            with few:
                for kh in range(2, self.rows - 1):
                    with builder.if_then(builder.icmp_signed("==", self.kh, integer(kh))):
                        self.add_few_rows(x, w, kh, self.kw)
            with many:
                for row in range(self.rows - 1):
                    self.add_row(x, w, integer(row), 0, row + 1, self.kw)
                with loop(builder, self.kh, start=self.rows - 1) as index:
                    self.add_row(x, w, index, 0, self.rows, self.kw)
                for row in range(1, self.rows):
                    at = builder.add(self.kh, integer(row - 1))
                    self.add_row(x, w, at, row, self.rows, self.kw)

    def add_few_rows(self, x: ir.Value, w: ir.Value, kh: int, kw: int | ir.Value) -> None:
        """Add all rows of samples of a plane, for a known number of rows of taps."""
        for row in range(self.rows - 1 + kh):
            first, last = max(0, row - kh + 1), min(self.rows, row + 1)
            self.add_row(x, w, integer(row), first, last, kw)

    def add_row(
        self, x: ir.Value, w: ir.Value, row: ir.Value, first: int, last: int, kw: int | ir.Value
    ) -> None:
        """Add one row of samples to all rows of outputs that read it."""
        builder = self.builder
        x = builder.gep(x, [builder.mul(row, self.tap_row_x)])
        rows_of_taps = [
            builder.gep(w, [builder.mul(builder.sub(row, integer(r)), self.tap_row_w)])
            for r in range(first, last)
        ]
        if isinstance(kw, int):
            for col in range(kw):
                self.add_tap(x, rows_of_taps, integer(col), first)
        else:
            with loop(builder, kw) as index:
                self.add_tap(x, rows_of_taps, index, first)

    def add_tap(self, x: ir.Value, rows_of_taps: list[ir.Value], col: ir.Value, first: int) -> None:
        builder = self.builder
        x = builder.gep(x, [builder.mul(col, self.tap_col_x)])
        load = self.load if self.step == 1 else self.load_even
        starts = (self.at(x, 0, integer(0), self.step * v, self.col_x) for v in range(self.vectors))
        samples = [load(start) for start in starts]
        at = builder.mul(col, self.tap_col_w)
        for r, taps in enumerate(rows_of_taps, first):
            weight = self.splat(builder.load(builder.gep(taps, [at])))
            for v, sample in enumerate(samples):
                total = builder.load(self.sums[r][v])
                builder.store(self.multiply_add(sample, weight, total), self.sums[r][v])

    def at(
        self, pointer: ir.Value, row: int, row_step: ir.Value, v: int, col: ir.Value
    ) -> ir.Value:
        """Where vector ``v`` of a row begins."""
        builder = self.builder
        offset = builder.mul(integer(row), row_step)
        column = builder.mul(integer(v), col) if self.lanes == 1 else integer(v * self.lanes)
        return builder.gep(pointer, [builder.add(offset, column)])


class Slab(Vectors):
    """Emits all rows and columns of a slab."""

    def at(self, pointer: ir.Value, row: int, step: ir.Value, col: ir.Value) -> ir.Value:
        builder = self.builder
        return builder.gep(pointer, [builder.add(builder.mul(integer(row), step), col)])

    def smaller(self, a: ir.Value, b: ir.Value) -> ir.Value:
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def parts(self, whole: ir.Value, part: ir.Value) -> ir.Value:
        """The number of parts that cover a length; the last one overlaps its neighbour."""
        builder = self.builder
        return builder.sdiv(builder.sub(builder.add(whole, part), integer(1)), part)


class _Slab3x3(Slab):
    """Emits all tiles of a slab."""

    def emit(self, operands: Operands) -> None:
        builder = self.builder
        out, x, w, bias, planes, _, nest, relu = operands
        rows, row_out, row_x, _, _, tap_row_w, cols, *_ = nest
        x = builder.gep(x, [builder.load(planes)])
        w = builder.gep(w, [builder.load(builder.gep(planes, [integer(1)]))])
        weights = [
            [self.splat(builder.load(self.at(w, r, tap_row_w, integer(c)))) for c in range(3)]
            for r in range(3)
        ]
        start, floor = self.splat(bias), self.floor(relu)
        second = self.smaller(integer(self.lanes), builder.sub(cols, integer(self.lanes)))
        width = builder.add(second, integer(self.lanes))
        height = integer(3)
        with loop(builder, self.parts(rows, height)) as down:
            top = self.smaller(builder.mul(down, height), builder.sub(rows, height))
            line = builder.gep(x, [builder.mul(top, row_x)])
            line_out = builder.gep(out, [builder.mul(top, row_out)])
            with loop(builder, self.parts(cols, width)) as across:
                left = self.smaller(builder.mul(across, width), builder.sub(cols, width))
                pair = left, builder.add(left, second)
                sums = [[start, start] for _ in range(3)]
                for row in range(5):
                    for c in range(3):
                        for v, col in enumerate(pair):
                            at = self.at(line, row, row_x, builder.add(col, integer(c)))
                            sample = self.load(at)
                            for r in range(max(0, row - 2), min(3, row + 1)):
                                weight = weights[row - r][c]
                                sums[r][v] = self.multiply_add(sample, weight, sums[r][v])
                for r, totals in enumerate(sums):
                    for total, col in zip(totals, pair, strict=True):
                        self.store(self.at_least(floor, total), self.at(line_out, r, row_out, col))
