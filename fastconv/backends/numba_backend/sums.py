"""Operations on whole arrays of sums and samples: bias epilogue, range check, accumulation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, reduce
from math import inf
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from .. import load
from .compile import array, compiled
from .host import VECTOR_BYTES
from .vectors import Vectors, data, integer, loop

__all__ = ["accumulate", "at_most", "epilogue", "epilogue_code", "in_range", "in_range_code"]

# mypy: disable-error-code="no-untyped-def"

BLOCK = 16
"""Rows and columns of a block in `in_range`."""
INT = types.intp


def epilogue(out: NDArray, bias: NDArray, relu: bool) -> bool:
    if out.dtype.kind != "f":
        return load("numpy").epilogue(out, bias, relu)
    channels_last = out.strides[0] < out.strides[3] and out.shape[0] > 1
    rows = out.transpose(1, 2, 3, 0) if channels_last else out
    return bool(epilogue_code(out.dtype)(rows, bias, channels_last, relu))


def in_range(x: NDArray, limit: float) -> bool:
    if not x.size:
        return True
    found, has_zeros = np.array([0, inf], x.dtype), False
    bits, measure = found.view(f"i{x.itemsize}"), in_range_code(x.dtype)
    for planes in _planes(x):
        has_zeros |= measure(planes, bits)
    largest, least = found.tolist()
    if not largest < inf:
        return False
    return limit == inf or (
        least >= largest / limit and (largest <= limit * limit or not has_zeros)
    )


def accumulate(out: NDArray, x: NDArray) -> None:
    with np.errstate(all="ignore"):
        np.add(out, x, out=out)  # a vectorised loop without the GIL already


def at_most(out: NDArray, ceiling: float) -> None:
    with np.errstate(all="ignore"):
        np.minimum(out, out.dtype.type(ceiling), out=out)


def _planes(x: NDArray) -> Iterator[NDArray]:
    """Views with three axes that cover an array of any rank; contiguous axes become rows."""
    x = x[(None,) * (3 - x.ndim)]
    if abs(x.strides[-2]) < abs(x.strides[-1]):
        x = x.swapaxes(-1, -2)
    if x.flags.c_contiguous:
        x = x.reshape(-1, *x.shape[-2:])
    for index in np.ndindex(x.shape[:-3]):
        yield x[index]


def _along(
    builder: ir.IRBuilder,
    item: ir.Type,
    n: ir.Value,
    step: ir.Value,
    body: Callable[[Vectors, ir.Value], None],
) -> None:
    """Emit a body for ``n`` items: for vectors of them if they are contiguous, then for each that
    is left.
    """
    lanes = VECTOR_BYTES // Vectors(builder, item, 1).bytes
    contiguous = builder.icmp_signed("==", step, integer(1))
    whole = builder.select(contiguous, builder.udiv(n, integer(lanes)), integer(0))
    done = builder.mul(whole, integer(lanes))
    with loop(builder, whole) as number:
        body(Vectors(builder, item, lanes), builder.mul(number, integer(lanes)))
    with loop(builder, builder.sub(n, done)) as number:
        body(Vectors(builder, item, 1), builder.add(done, number))


def make_add_to_row(by_channel: bool) -> Any:
    """A function for Numba that adds to each sum of a row one bias, or the bias of its channel.

    ``checks`` are two vectors that stay zero while all sums are finite, before ``relu``.
    """

    @intrinsic
    def add_to_row(
        typing_context: Any, out: Any, at: Any, step: Any, n: Any, bias: Any, channel: Any,
        checks: Any, relu: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(out, INT, INT, INT, bias, INT, checks, types.boolean)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            out, bias, checks = data(context, builder, signature, args, (0, 4, 6))
            _, at, step, n, _, channel, _, relu = args
            out, bias = builder.gep(out, [at]), builder.gep(bias, [channel])
            item = context.get_value_type(signature.args[0].dtype)
            lanes = VECTOR_BYTES // Vectors(builder, item, 1).bytes
            checked = {}
            for vectors in (Vectors(builder, item, lanes), Vectors(builder, item, 1)):
                start = builder.gep(checks, [integer(lanes if vectors.lanes == 1 else 0)])
                value = cgutils.alloca_once_value(builder, vectors.load(start))
                checked[vectors.lanes] = vectors, start, value

            def body(vectors: Vectors, index: ir.Value) -> None:
                to = builder.gep(out, [builder.mul(index, step)])
                if by_channel:
                    added = vectors.load(builder.gep(bias, [index]))
                else:
                    added = vectors.splat(builder.load(bias))
                total = builder.fadd(vectors.load(to), added)
                zero, check = vectors.splat(ir.Constant(item, 0)), checked[vectors.lanes][2]
                builder.store(vectors.multiply_add(total, zero, builder.load(check)), check)
                vectors.store(vectors.at_least(vectors.floor(relu), total), to)

            _along(builder, item, n, step, body)
            for vectors, start, value in checked.values():
                vectors.store(builder.load(value), start)
            return context.get_dummy_value()

        return signature, emit

    return add_to_row


add_to_row, add_to_channels = make_add_to_row(by_channel=False), make_add_to_row(by_channel=True)


def add_bias(out, bias, channels_last, relu):
    """Add the bias to all sums, and return whether they are finite.

    Channels are the first or the last axis.
    """
    item, biases = out.itemsize, bias.copy()
    checks = np.zeros(2 * VECTOR_BYTES // item, out.dtype)
    step, n = out.strides[3] // item, out.shape[3]
    for i, j, k in np.ndindex(out.shape[:3]):
        at = (i * out.strides[0] + j * out.strides[1] + k * out.strides[2]) // item
        if channels_last:
            add_to_channels(out, at, step, n, biases, 0, checks, relu)
        else:
            add_to_row(out, at, step, n, biases, i, checks, relu)
    return checks.sum() == 0


@cache
def epilogue_code(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    out, bias = array(item, 4, "A", readonly=False), array(item, 1, "A")
    return compiled(add_bias, types.boolean(out, bias, types.boolean, types.boolean))


def make_largest(width: int) -> Any:
    """A function for Numba: the bits of the largest magnitude in rows of ``width`` contiguous
    floats; NaN is largest.
    """

    @intrinsic
    def largest(typing_context: Any, x: Any, at: Any, step: Any, rows: Any) -> Any:
        result = types.Integer.from_bitwidth(x.dtype.bitwidth, signed=True)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Value:
            (x,) = data(context, builder, signature, args, (0,))
            bits = context.get_value_type(result)
            row = builder.gep(builder.bitcast(x, bits.as_pointer()), [args[1]])
            lanes = min(width, VECTOR_BYTES * 8 // bits.width)
            vectors = Vectors(builder, bits, lanes)
            magnitude = vectors.splat(ir.Constant(bits, 2 ** (bits.width - 1) - 1))
            most = [
                cgutils.alloca_once_value(builder, ir.Constant(vectors.vector, None))
                for _ in range(width // lanes)
            ]
            with loop(builder, args[3]) as number:
                start = builder.gep(row, [builder.mul(number, args[2])])
                for v, total in enumerate(most):
                    value = vectors.load(builder.gep(start, [integer(v * lanes)]))
                    value = builder.and_(value, magnitude)
                    builder.store(vectors.at_least(builder.load(total), value), total)
            found = reduce(vectors.at_least, map(builder.load, most))
            if lanes == 1:
                return found
            items = [builder.extract_element(found, integer(lane)) for lane in range(lanes)]
            return reduce(Vectors(builder, bits, 1).at_least, items)

        return result(x, INT, INT, INT), emit

    return largest


largest_in_block, largest_in_column = make_largest(BLOCK), make_largest(1)


def measure_blocks(planes, found):
    """Update the largest magnitude, the smallest of a nonzero block, and if any block is zero."""
    item, (n, rows, cols), has_zeros = planes.itemsize, planes.shape, False
    row_step, step = planes.strides[1] // item, planes.strides[2] // item
    for plane in range(n):
        for top in range(0, rows, BLOCK):
            height = min(BLOCK, rows - top)
            start = plane * planes.strides[0] // item + top * row_step
            for left in range(0, cols, BLOCK):
                width = min(BLOCK, cols - left)
                if step == 1 and width == BLOCK:
                    most = largest_in_block(planes, start + left, row_step, height)
                else:
                    most = found.dtype.type(0)
                    for col in range(left, left + width):
                        at = start + col * step
                        most = max(most, largest_in_column(planes, at, row_step, height))
                has_zeros |= most == 0
                found[0] = max(found[0], most)
                if most:
                    found[1] = min(found[1], most)
    return has_zeros


@cache
def in_range_code(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype."""
    bits = types.Integer.from_bitwidth(8 * dtype.itemsize, signed=True)
    operand = array(from_dtype(dtype), 3, "A")
    return compiled(measure_blocks, types.boolean(operand, array(bits, readonly=False)))
