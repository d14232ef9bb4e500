"""Kernels of one row of a few taps, in which only adjacent outputs share samples.

Most vectors of samples would straddle two cache lines.  Instead of loading them, they are shuffled
from two vectors that are loaded anyway.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .tile import Operands, Slab, lanes_of, on_operands
from .vectors import integer, loop

__all__ = ["make_row_filter"]


def make_row_filter(vector_bytes: int, taps: int) -> Any:
    """A function for Numba that fills a slab of one plane and one row of contiguous taps.

    The last tap is at most a vector away from the first.  The slab is at least a vector wide.
    """

    @on_operands
    def slab(builder: ir.IRBuilder, operands: Operands) -> None:
        item = operands.bias.type
        lanes = lanes_of(vector_bytes, item)
        if taps <= lanes + 1:  # or else it is never called
            _RowFilter(builder, item, lanes).emit(operands, taps)

    return slab


class _RowFilter(Slab):
    """Emits all rows of a slab."""

    def emit(self, operands: Operands, taps: int) -> None:
        builder, lanes = self.builder, integer(self.lanes)
        out, x, w, bias, planes, _, nest, relu = operands
        rows, row_out, row_x, _, _, _, cols, *_ = nest
        x = builder.gep(x, [builder.load(planes)])
        w = builder.gep(w, [builder.load(builder.gep(planes, [integer(1)]))])
        self.weights = [
            self.splat(builder.load(builder.gep(w, [integer(tap)]))) for tap in range(taps)
        ]
        self.start = self.splat(bias)
        floor = self.floor(relu)
        last = builder.sub(cols, lanes)
        paired = builder.sdiv(builder.sub(builder.add(cols, integer(taps - 1)), lanes), lanes)
        with loop(builder, rows) as row:
            line = builder.gep(x, [builder.mul(row, row_x)])
            line_out = builder.gep(out, [builder.mul(row, row_out)])
            with loop(builder, paired) as vector:
                col = builder.mul(vector, lanes)
                total = self.total(builder.gep(line, [col]), True)
                self.store(self.at_least(floor, total), builder.gep(line_out, [col]))
            with loop(builder, builder.sub(self.parts(cols, lanes), paired)) as vector:
                col = builder.mul(builder.add(vector, paired), lanes)
                col = self.smaller(col, last)
                total = self.total(builder.gep(line, [col]), False)
                self.store(self.at_least(floor, total), builder.gep(line_out, [col]))

    def total(self, x: ir.Value, paired: bool) -> ir.Value:
        """A vector of outputs; ``paired`` if the vector after its samples may be loaded as well."""
        first = self.load(x)
        second = self.load(self.after(x, self.lanes)) if paired else first
        total = self.start
        for tap, weight in enumerate(self.weights):
            alone = not paired or (self.lanes > 4 and tap % 4 == 2)
            sample = self.load(self.after(x, tap)) if alone else self.shifted(first, second, tap)
            total = self.multiply_add(sample, weight, total)
        return total

    def after(self, x: ir.Value, items: int) -> ir.Value:
        return self.builder.gep(x, [integer(items)])

    def shifted(self, a: ir.Value, b: ir.Value, by: int) -> ir.Value:
        """The vector that begins some items after ``a``, which is followed by ``b``."""
        lanes = [by + lane for lane in range(self.lanes)]
        return self.builder.shuffle_vector(
            a, b, ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), lanes)
        )
