"""LLVM vectors, for kernels that emit their own instructions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .host import HAS_FMA

__all__ = ["Vectors", "blocks", "data", "integer", "loop"]

_SIZES = {ir.FloatType: 4, ir.DoubleType: 8}


class Vectors:
    """Emits instructions on vectors of contiguous items; with one lane, on single items."""

    def __init__(self, builder: ir.IRBuilder, item: ir.Type, lanes: int) -> None:
        self.builder = builder
        self.item = item
        self.lanes = lanes
        self.vector = ir.VectorType(item, lanes) if lanes > 1 else item
        self.bytes = item.width // 8 if isinstance(item, ir.IntType) else _SIZES[type(item)]

    def load(self, pointer: ir.Value) -> ir.Value:
        """Load the vector that begins at an item, of any alignment."""
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        return self.builder.load(pointer, align=self.bytes)

    def load_even(self, pointer: ir.Value) -> ir.Value:
        """Load a vector of every other item, without reading beyond the last of them."""
        lanes = self.lanes
        first, second = (
            self.load(pointer),
            self.load(self.builder.gep(pointer, [integer(lanes - 1)])),
        )
        taken = [*range(0, lanes, 2), *range(lanes + 1, 2 * lanes, 2)]
        mask = ir.Constant(ir.VectorType(ir.IntType(32), lanes), taken)
        return self.builder.shuffle_vector(first, second, mask)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        pointer = self.builder.bitcast(pointer, self.vector.as_pointer())
        self.builder.store(value, pointer, align=self.bytes)

    def splat(self, value: ir.Value) -> ir.Value:
        """An item, broadcast to all lanes."""
        if self.lanes == 1:
            return value
        nothing = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(nothing, value, integer(0))
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, nothing, mask)

    def multiply_add(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        builder = self.builder
        if isinstance(self.item, ir.IntType):
            return builder.add(builder.mul(a, b), c)
        if not HAS_FMA:
            return builder.fadd(builder.fmul(a, b), c)
        bits = 8 * self.bytes
        name = f"llvm.fma.v{self.lanes}f{bits}" if self.lanes > 1 else f"llvm.fma.f{bits}"
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), [a, b, c])

    def floor(self, relu: ir.Value) -> ir.Value:
        """The lower limit of outputs: zero or, without ``relu``, minus infinity."""
        whole = isinstance(self.item, ir.IntType)
        lowest = ir.Constant(self.item, -(2**63) if whole else -inf)
        return self.splat(self.builder.select(relu, ir.Constant(self.item, 0), lowest))

    def at_least(self, floor: ir.Value, value: ir.Value) -> ir.Value:
        """The larger number; NaN is kept."""
        whole = isinstance(self.item, ir.IntType)
        less = self.builder.icmp_signed if whole else self.builder.fcmp_ordered
        return self.builder.select(less("<", value, floor), floor, value)


def integer(value: int) -> ir.Constant:
    return ir.Constant(ir.IntType(64), value)


def data(
    context: Any, builder: ir.IRBuilder, signature: Any, args: Any, numbers: tuple[int, ...]
) -> list[ir.Value]:
    """The addresses of the arrays among an intrinsic's arguments, at the indices ``numbers``."""
    return [context.make_array(signature.args[i])(context, builder, args[i]).data for i in numbers]


@contextmanager
def loop(builder: ir.IRBuilder, stop: ir.Value, start: int = 0) -> Iterator[ir.Value]:
    """Emit a loop over ``range(start, stop)`` that LLVM does not unroll.

    Unrolling these loops would triple the machine code without making it faster.
    """
    before = builder.block
    body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
    builder.cbranch(builder.icmp_signed("<", integer(start), stop), body, after)
    builder.position_at_end(body)
    index = builder.phi(ir.IntType(64))
    index.add_incoming(integer(start), before)
    yield index
    following = builder.add(index, integer(1))
    index.add_incoming(following, builder.block)
    branch = builder.cbranch(builder.icmp_signed("<", following, stop), body, after)
    hint = builder.module.add_metadata(["llvm.loop.unroll.disable"])
    loop_id = builder.module.add_metadata([hint])
    loop_id.operands = (loop_id, hint)  # LLVM wants itself first
    branch.set_metadata("llvm.loop", loop_id)
    builder.position_at_end(after)


def blocks(
    builder: ir.IRBuilder, lanes: int, n: ir.Value, body: Callable[[ir.Value, int], None]
) -> None:
    """Emit a body for ``n`` items: ``body(at, lanes)`` for vectors of them, then for each that is
    left.
    """
    whole = builder.udiv(n, integer(lanes))
    with loop(builder, whole) as number:
        body(builder.mul(number, integer(lanes)), lanes)
    done = builder.mul(whole, integer(lanes))
    with loop(builder, builder.sub(n, done)) as number:
        body(builder.add(done, number), 1)
