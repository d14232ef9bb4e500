"""Sums over channels as implicit matrix products, in LLVM's vectors, and the loops around them.

`geometry/gemm.py` says what the tables and the numbers are.  A tile is up to six rows by two
vectors of columns, whose sums stay in registers; a vector of ``b`` serves all rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from ..geometry.gemm import BLOCK_TERMS, Contraction, channels, contraction, outputs, planes
from .compile import array, compiled, start
from .host import PANEL_VECTORS, VECTOR_BYTES
from .loops import count, offsets
from .mix import mix
from .vectors import Vectors, data, integer, loop

__all__ = ["code", "gemm", "pointwise", "weight_gradient"]

# mypy: disable-error-code="no-untyped-def"

ROWS = 6

# What lies in the workspace, in rows of a tile: the terms of a block, outputs of a tile whose last
# vector is not full, and a bias for each column.
EDGE = BLOCK_TERMS
BIAS = EDGE + ROWS
WORKSPACE = BIAS + 1

INT = types.intp


def gemm(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    arrays = out, x, w, bias
    _run(arrays, contraction(channels, arrays, stride, dilation), relu)


def pointwise(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
    beside = x.strides[-1] == out.strides[-1] == x.itemsize
    if out.dtype != w.dtype or (not beside and x.shape[-1] > 1):
        mix(out, x, w, bias, relu)
        return
    _run((out, w, x, bias), contraction(planes, (out, x, w, bias)), relu)


def weight_gradient(
    out: NDArray,
    x: NDArray,
    gradient: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    arrays = out, x, gradient
    product = contraction(outputs, arrays, stride, dilation)
    _run((*arrays, _zero(out.dtype)), product, False)


def _run(arrays: tuple[NDArray, ...], product: Contraction, relu: bool) -> None:
    """Run the machine code of a product on ``out``, ``a``, ``b`` and ``bias``."""
    code(arrays[0].dtype)(*map(start, arrays), *product, relu)


@cache
def _zero(dtype: np.dtype) -> NDArray:
    """The bias of sums that have none."""
    return np.zeros(1, dtype)


def _vectors(context: Any, builder: ir.IRBuilder, signature: Any) -> Vectors:
    """Vectors of the items of the first array."""
    item = signature.args[0].dtype
    return Vectors(builder, context.get_value_type(item), VECTOR_BYTES * 8 // item.bitwidth)


@intrinsic
def add_products(
    typing_context: Any,
    out: Any, o: Any, a: Any, i: Any, b: Any, j: Any, bias: Any, k: Any, workspace: Any,
    rows: Any, first: Any, height: Any, tiles: Any, runs: Any, run: Any, end: Any, numbers: Any,
    columns: Any, fresh: Any, relu: Any,
) -> Any:  # fmt: skip
    """Add the terms of some runs to tiles of ``height`` rows below each other.

    Sums start from the bias if they are ``fresh``, else from what outputs hold.
    """
    signature = types.void(
        out, INT, a, INT, b, INT, bias, INT, workspace,
        rows, INT, INT, INT, runs, INT, INT, numbers, INT, types.boolean, types.boolean,
    )  # fmt: skip

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        vectors = _vectors(context, builder, signature)
        arrays = (0, 2, 4, 6, 8, 9, 13, 16)
        starts = data(context, builder, signature, args, arrays)
        others = [arg for number, arg in enumerate(args) if number not in arrays]
        _Tiles(vectors, *starts, *others).emit()
        return context.get_dummy_value()

    return signature, emit


class _Tiles:
    """Emits tiles of all sizes."""

    def __init__(
        self,
        vectors: Vectors,
        out: ir.Value,
        a: ir.Value,
        b: ir.Value,
        bias: ir.Value,
        workspace: ir.Value,
        rows: ir.Value,
        runs: ir.Value,
        numbers: ir.Value,
        o: ir.Value,
        i: ir.Value,
        j: ir.Value,
        k: ir.Value,
        first: ir.Value,
        height: ir.Value,
        tiles: ir.Value,
        run: ir.Value,
        end: ir.Value,
        columns: ir.Value,
        fresh: ir.Value,
        relu: ir.Value,
    ) -> None:
        self.vectors = vectors
        self.builder = builder = vectors.builder
        self.width = PANEL_VECTORS * vectors.lanes
        self.height, self.tiles, self.columns, self.fresh = height, tiles, columns, fresh
        self.step_a, panel, bias_col = (self.number(numbers, index) for index in (1, 3, 4))
        packed = builder.icmp_signed("==", panel, integer(0))
        self.out, self.a = builder.gep(out, [o]), builder.gep(a, [i])
        self.b = builder.gep(builder.select(packed, workspace, b), [j])
        self.bias = builder.gep(bias, [k])
        self.edge = builder.gep(workspace, [integer(EDGE * self.width)])
        self.by_column = builder.gep(workspace, [integer(BIAS * self.width)])
        self.rows, self.runs = self.entry(rows, first), self.entry(runs, run)
        self.n_runs = builder.sub(end, run)
        self.by_row = builder.and_(fresh, builder.icmp_signed("==", bias_col, integer(0)))
        rest = builder.and_(columns, integer(vectors.lanes - 1))
        self.partial = builder.icmp_signed("!=", rest, integer(0))
        self.floor = vectors.floor(relu)

    def entry(self, table: ir.Value, index: ir.Value) -> ir.Value:
        """Where an entry of three numbers begins in a table."""
        return self.builder.gep(table, [self.builder.mul(index, integer(3))])

    def number(self, numbers: ir.Value, index: int) -> ir.Value:
        return self.builder.load(self.builder.gep(numbers, [integer(index)]))

    def at(self, pointer: ir.Value, vector: int) -> ir.Value:
        """Where a vector of a row begins."""
        return self.builder.gep(pointer, [integer(vector * self.vectors.lanes)])

    def emit(self) -> None:
        """Tiles of the height and width of the arguments."""
        builder = self.builder
        after = builder.append_basic_block("after")
        wide = builder.icmp_signed(">", self.columns, integer(self.vectors.lanes))
        size = builder.add(self.height, builder.select(wide, integer(ROWS), integer(0)))
        sizes = builder.switch(size, after)
        for vectors in range(1, PANEL_VECTORS + 1):
            for height in range(1, ROWS + 1):
                block = builder.append_basic_block(f"tiles_{height}x{vectors}")
                sizes.add_case(integer(height + ROWS * (vectors - 1)), block)
                builder.position_at_end(block)
                with loop(builder, self.tiles) as tile:
                    rows = self.entry(self.rows, builder.mul(tile, integer(height)))
                    self.tile(rows, height, vectors)
                builder.branch(after)
        builder.position_at_end(after)

    def tile(self, rows: ir.Value, height: int, vectors: int) -> None:
        """One tile, from what its sums start from to its outputs."""
        builder, emit = self.builder, self.vectors
        entries = [self.entry(rows, integer(r)) for r in range(height)]
        edges = [self.at(self.edge, r * PANEL_VECTORS) for r in range(height)]
        outs = [builder.gep(self.out, [self.number(entry, 0)]) for entry in entries]
        outs = [builder.select(self.partial, *pair) for pair in zip(edges, outs, strict=True)]
        sums = [[cgutils.alloca_once(builder, emit.vector) for _ in range(vectors)] for _ in outs]
        with builder.if_then(builder.and_(self.partial, builder.not_(self.fresh))):
            self.copy_edges(rows, height, back=False)
        with builder.if_else(self.by_row) as (by_row, from_memory):
            with by_row:
                for entry, row in zip(entries, sums, strict=True):
                    bias = builder.load(builder.gep(self.bias, [self.number(entry, 2)]))
                    for total in row:
                        builder.store(emit.splat(bias), total)
            with from_memory:
                for out, row in zip(outs, sums, strict=True):
                    start = builder.select(self.fresh, self.by_column, out)
                    for v, total in enumerate(row):
                        builder.store(emit.load(self.at(start, v)), total)
        self.add_runs([builder.gep(self.a, [self.number(entry, 1)]) for entry in entries], sums)
        for out, row in zip(outs, sums, strict=True):
            for v, total in enumerate(row):
                emit.store(emit.at_least(self.floor, builder.load(total)), self.at(out, v))
        with builder.if_then(self.partial):
            self.copy_edges(rows, height, back=True)

    def add_runs(self, rows: list[ir.Value], sums: list[list[ir.Value]]) -> None:
        """The terms of all runs: a factor of each row times vectors of columns."""
        builder, emit = self.builder, self.vectors
        terms = cgutils.alloca_once_value(builder, self.b)
        width = integer(self.width)
        with loop(builder, self.n_runs) as index:
            run = self.entry(self.runs, index)
            factors = [builder.gep(row, [self.number(run, 0)]) for row in rows]
            n, b = self.number(run, 2), builder.load(terms)
            with loop(builder, n) as term:
                at = builder.gep(b, [builder.mul(term, width)])
                values = [emit.load(self.at(at, v)) for v in range(len(sums[0]))]
                offset = builder.mul(term, self.step_a)
                for start, row in zip(factors, sums, strict=True):
                    factor = emit.splat(builder.load(builder.gep(start, [offset])))
                    for value, total in zip(values, row, strict=True):
                        added = emit.multiply_add(value, factor, builder.load(total))
                        builder.store(added, total)
            builder.store(builder.gep(b, [builder.mul(n, width)]), terms)

    def copy_edges(self, rows: ir.Value, height: int, back: bool) -> None:
        """Copy outputs whose last vector is not full to the workspace, or back."""
        builder = self.builder
        with loop(builder, integer(height)) as r:
            edge = builder.gep(self.edge, [builder.mul(r, integer(self.width))])
            out = builder.gep(self.out, [self.number(self.entry(rows, r), 0)])
            target, source = (out, edge) if back else (edge, out)
            _copy(self.vectors, target, source, self.columns, self.width // 2)


def _copy(vectors: Vectors, target: ir.Value, source: ir.Value, items: ir.Value, most: int) -> None:
    """Copy contiguous items, at most ``2 * most - 1`` of them, in vectors of powers of two."""
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
    """Copy contiguous items, at most a row of a tile."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        vectors = _vectors(context, builder, signature)
        target, source = data(context, builder, signature, args, (0, 2))
        target, source = builder.gep(target, [args[1]]), builder.gep(source, [args[3]])
        _copy(vectors, target, source, args[4], PANEL_VECTORS * vectors.lanes)
        return context.get_dummy_value()

    return types.void(out, INT, x, INT, INT), emit


@intrinsic
def pack(
    typing_context: Any, workspace: Any, b: Any, at: Any, runs: Any, run: Any, end: Any, step: Any,
    columns: Any, size: Any,
) -> Any:  # fmt: skip
    """Copy the terms of a block in the order of the runs, for tiles of columns ``size`` apart.

    Columns beyond the last one are filled with zeros.
    """

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        vectors = _vectors(context, builder, signature)
        workspace, b, runs = data(context, builder, signature, args, (0, 1, 3))
        _, _, at, _, run, end, step, columns, size = args
        width = PANEL_VECTORS * vectors.lanes
        tiles, rest = (divide(columns, integer(width)) for divide in (builder.udiv, builder.urem))
        wide = Vectors(builder, vectors.item, width)
        b, terms = builder.gep(b, [at]), cgutils.alloca_once_value(builder, workspace)
        with loop(builder, builder.sub(end, run)) as index:
            entry = builder.gep(runs, [builder.mul(builder.add(run, index), integer(3))])
            begin, n = (builder.load(builder.gep(entry, [integer(column)])) for column in (1, 2))
            start, to = builder.gep(b, [begin]), builder.load(terms)
            with loop(builder, n) as term:
                source = builder.gep(start, [builder.mul(term, step)])
                target = builder.gep(to, [builder.mul(term, integer(width))])
                with loop(builder, tiles) as tile:
                    value = wide.load(builder.gep(source, [builder.mul(tile, integer(width))]))
                    wide.store(value, builder.gep(target, [builder.mul(tile, size)]))
                source = builder.gep(source, [builder.mul(tiles, integer(width))])
                target = builder.gep(target, [builder.mul(tiles, size)])
                with builder.if_then(builder.icmp_signed("!=", rest, integer(0))):
                    wide.store(ir.Constant(wide.vector, None), target)
                    _copy(vectors, target, source, rest, width // 2)
            builder.store(builder.gep(to, [builder.mul(n, integer(width))]), terms)
        return context.get_dummy_value()

    return types.void(workspace, b, INT, runs, INT, INT, INT, INT, INT), emit


def multiply(out, a, b, bias, loops, rows, runs, blocks, numbers, relu):
    """Run the loops, and the product inside the innermost one."""
    cols, step_b, panel, bias_col = numbers[0], numbers[2], numbers[3], numbers[4]
    width = PANEL_VECTORS * VECTOR_BYTES // out.itemsize
    tiles, last = 1 if panel else numbers[5], len(blocks) - 2
    size = BLOCK_TERMS // tiles * width
    # Rows in tiles that differ by one at most: the taller ones, and the others.
    parts = (len(rows) + ROWS - 1) // ROWS
    height, taller = len(rows) // parts, len(rows) % parts
    workspace = np.empty(WORKSPACE * width, out.dtype)
    workspace[EDGE * width :] = 0
    for number in range(count(loops)):
        o, i, j, k = offsets(loops, number)
        for left in range(0, cols, tiles * width):
            right = min(left + tiles * width, cols)
            for block in range(last + 1):
                run, end = blocks[block], blocks[block + 1]
                terms = j + left // width * panel + runs[run, 1]
                if panel == 0:
                    pack(workspace, b, j + left, runs, run, end, step_b, right - left, size)
                    terms = 0
                fresh = block == 0
                for col in range(left, right, width):
                    columns = min(width, right - col)
                    if bias_col and fresh:
                        move(workspace, BIAS * width, bias, k + col, columns)
                    for part in range(2):
                        add_products(
                            out, o + col, a, i, b, terms, bias, k, workspace,
                            rows, part * taller * (height + 1), height + 1 - part,
                            parts - taller if part else taller, runs, run, end,
                            numbers, columns, fresh, relu and block == last,
                        )  # fmt: skip
                    terms += size


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    operand, numbers, table = array(item), array(types.int64), array(types.int64, 2)
    signature = types.void(
        array(item, readonly=False), operand, operand, operand, table, table, table, numbers,
        numbers, types.boolean,
    )  # fmt: skip
    return compiled(multiply, signature)
