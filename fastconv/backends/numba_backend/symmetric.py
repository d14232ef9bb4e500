"""One line of taps along a single axis, whose weights are symmetric or antisymmetric.

Taps before the middle and taps after it are summed separately, from the ends inwards.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils

from .tile import Operands, Slab, lanes_of, on_operands
from .vectors import integer, loop

__all__ = ["MOST_SYMMETRIC", "has_halves", "make_halves"]

# mypy: disable-error-code="no-untyped-def"

MOST_SYMMETRIC = 17
"""The most taps of symmetric weights that are summed in halves; antisymmetric ones always are."""


@numba.njit(nogil=True)
def has_halves(w, at, taps, step):
    """Whether weights are antisymmetric, or symmetric and few."""
    even = taps <= MOST_SYMMETRIC
    odd = True
    for tap in range(taps // 2 + 1):
        before, after = w[at + tap * step], w[at + (taps - 1 - tap) * step]
        even = even and before == after
        odd = odd and before == -after
    return even or odd


def make_halves(vector_bytes: int, rows: int, vectors: int, step: int = 1) -> Any:
    """A function for Numba that computes one tile, as by `tile.make_tile`."""

    @on_operands
    def tile(builder: ir.IRBuilder, operands: Operands) -> None:
        item = operands.bias.type
        lanes = lanes_of(vector_bytes, item)
        _Halves(builder, item, lanes).emit(operands, rows, vectors, step)

    return tile


class _Halves(Slab):
    """Emits one tile."""

    def emit(self, operands: Operands, rows: int, vectors: int, step: int) -> None:
        builder = self.builder
        out, x, w, bias, planes, _, nest, relu = operands
        (_, row_out, row_x, kh, tap_row_x, tap_row_w,
         _, col_out, col_x, kw, tap_col_x, tap_col_w) = nest  # fmt: skip
        down = builder.icmp_signed(">", kh, integer(1))
        taps = builder.select(down, kh, kw)
        step_x = builder.select(down, tap_row_x, tap_col_x)
        step_w = builder.select(down, tap_row_w, tap_col_w)
        x = builder.gep(x, [builder.load(planes)])
        w = builder.gep(w, [builder.load(builder.gep(planes, [integer(1)]))])
        half, end = builder.sdiv(taps, integer(2)), builder.sub(taps, integer(1))
        load = self.load if step == 1 else self.load_even

        def place(v: int, col: ir.Value, apart: int = 1) -> ir.Value:
            if self.lanes == 1:
                return builder.mul(integer(v), col)
            return integer(v * self.lanes * apart)

        def weight(tap: ir.Value) -> ir.Value:
            return builder.load(builder.gep(w, [builder.mul(tap, step_w)]))

        def samples(tap: ir.Value, r: int, v: int) -> ir.Value:
            line = builder.gep(x, [builder.mul(tap, step_x)])
            return load(self.at(line, r, row_x, place(v, col_x, step)))

        tile = [(r, v) for r in range(rows) for v in range(vectors)]
        add = builder.add if isinstance(self.item, ir.IntType) else builder.fadd
        zero = ir.Constant(self.vector, None)
        before = [cgutils.alloca_once_value(builder, zero) for _ in tile]
        after = [cgutils.alloca_once_value(builder, zero) for _ in tile]
        with loop(builder, half) as tap:
            for sums, at in ((before, tap), (after, builder.sub(end, tap))):
                factor = self.splat(weight(at))
                for total, (r, v) in zip(sums, tile, strict=True):
                    added = self.multiply_add(samples(at, r, v), factor, builder.load(total))
                    builder.store(added, total)
        for first, second in zip(before, after, strict=True):
            builder.store(add(builder.load(first), builder.load(second)), first)
        odd = builder.icmp_signed("!=", builder.mul(half, integer(2)), taps)
        with builder.if_then(odd):
            center = self.splat(weight(half))
            for total, (r, v) in zip(before, tile, strict=True):
                added = self.multiply_add(samples(half, r, v), center, builder.load(total))
                builder.store(added, total)
        start, floor = self.splat(bias), self.floor(relu)
        for total, (r, v) in zip(before, tile, strict=True):
            value = add(builder.load(total), start)
            self.store(self.at_least(floor, value), self.at(out, r, row_out, place(v, col_out)))
