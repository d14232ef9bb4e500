"""Blurs of bytes in fixed point: a mean along one axis, then along the other.

Rows of samples are widened once, and stay in a ring of as many rows as a window has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from ...run import workspace
from ..geometry.blur import blur_nest
from .compile import array, compiled, start
from .host import VECTOR_BYTES
from .loops import count, offsets
from .vectors import Vectors, blocks, data

__all__ = ["blur", "code"]

# mypy: disable-error-code="no-untyped-def"

INT = types.int64
BYTE, SHORT, PRODUCT = ir.IntType(8), ir.IntType(16), ir.IntType(32)
LANES = VECTOR_BYTES // 2


def blur(out: NDArray, x: NDArray, w: NDArray) -> None:
    loops, slab, items = blur_nest(out, x)
    block = workspace.take(2 * items)
    room = block[: 2 * items].view(np.uint16)
    code()(start(out), start(x), w.reshape(-1), room, loops, slab)
    workspace.give_back(block)


@intrinsic
def weigh_pair(
    typing_context: Any, room: Any, to: Any, before: Any, after: Any, weight: Any, n: Any
) -> Any:
    """Add the weighted means of two rows of the room to a third one."""
    signature = types.void(room, INT, INT, INT, types.uint16, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        (room,) = data(context, builder, signature, args, (0,))
        to, before, after = (builder.gep(room, [first]) for first in args[1:4])

        def body(at: ir.Value, lanes: int) -> None:
            shorts, products = Vectors(builder, SHORT, lanes), Vectors(builder, PRODUCT, lanes)

            def wide(row: ir.Value) -> ir.Value:
                return builder.zext(shorts.load(builder.gep(row, [at])), products.vector)

            def splat(number: int) -> ir.Value:
                return products.splat(ir.Constant(PRODUCT, number))

            pair = builder.add(builder.add(wide(before), wide(after)), splat(1))
            mean = builder.lshr(pair, splat(1))
            weight = builder.zext(shorts.splat(args[4]), products.vector)
            high = builder.lshr(builder.mul(mean, weight), splat(16))
            total = builder.add(
                shorts.load(builder.gep(to, [at])), builder.trunc(high, shorts.vector)
            )
            shorts.store(total, builder.gep(to, [at]))

        blocks(builder, LANES, args[5], body)
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def widen(typing_context: Any, room: Any, to: Any, x: Any, at: Any, n: Any) -> Any:
    """Samples with a fraction of zero."""
    signature = types.void(room, INT, x, INT, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        room, x = data(context, builder, signature, args, (0, 2))
        to, at = builder.gep(room, [args[1]]), builder.gep(x, [args[3]])

        def body(place: ir.Value, lanes: int) -> None:
            shorts, samples = Vectors(builder, SHORT, lanes), Vectors(builder, BYTE, lanes)
            number = builder.zext(samples.load(builder.gep(at, [place])), shorts.vector)
            eight = shorts.splat(ir.Constant(SHORT, 8))
            shorts.store(builder.shl(number, eight), builder.gep(to, [place]))

        blocks(builder, LANES, args[4], body)
        return context.get_dummy_value()

    return signature, emit


@intrinsic
def cut_off(
    typing_context: Any, out: Any, at: Any, room: Any, means: Any, added: Any, n: Any
) -> Any:
    """Whole numbers of means."""
    signature = types.void(out, INT, room, INT, types.uint16, INT)

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        out, room = data(context, builder, signature, args, (0, 2))
        to, means = builder.gep(out, [args[1]]), builder.gep(room, [args[3]])

        def body(place: ir.Value, lanes: int) -> None:
            shorts, samples = Vectors(builder, SHORT, lanes), Vectors(builder, BYTE, lanes)
            number = shorts.load(builder.gep(means, [place]))
            number = builder.add(number, shorts.splat(args[4]))
            number = builder.lshr(number, shorts.splat(ir.Constant(SHORT, 8)))
            samples.store(builder.trunc(number, samples.vector), builder.gep(to, [place]))

        blocks(builder, LANES, args[5], body)
        return context.get_dummy_value()

    return signature, emit


@numba.njit(nogil=True)
def down(room, to, row, kh, pitch, weights, n):
    """The mean of the rows of a ring that begin with a row."""
    half = kh // 2
    room[to : to + n] = 0
    for distance in range(half + 1):
        before = (row + half - distance) % kh * pitch
        after = (row + half + distance) % kh * pitch
        weigh_pair(room, to, before, after, weights[distance], n)


@numba.njit(nogil=True)
def along(room, to, start, half, tap, weights, n):
    """The mean of neighbours in a row."""
    room[to : to + n] = 0
    middle = start + half * tap
    for distance in range(half + 1):
        reach = distance * tap
        weigh_pair(room, to, middle - reach, middle + reach, weights[distance], n)


@numba.njit(nogil=True)
def blur_slab(out, o, x, i, w, room, slab):
    """All outputs of a slab, in strips of columns."""
    rows, row_out, row_x, row_half, cols, col_out, col_x, col_half, tap = slab[:9]
    first, strip, pitch, around = slab[9:13]
    kh, beyond = 2 * row_half + 1, 2 * col_half * tap
    wide, done = kh * pitch, (kh + 1) * pitch
    across = w[: col_half + 1] if first else w[row_half + 1 :]
    below = w[col_half + 1 :] if first else w[: row_half + 1]
    for left in range(0, cols, strip):
        length = min(strip, cols - left)
        width = length + beyond
        for row in range(1 - kh, rows):
            fresh = row + kh - 1
            to, at = fresh % kh * pitch, i + fresh * row_x + left * col_x
            grown = wide if first else to
            if col_x == 1:
                widen(room, grown, x, at, width)
            else:
                for c in range(width):
                    room[grown + c] = x[at + c * col_x] << 8
            if first:
                along(room, to, wide, col_half, tap, across, length)
            if row < 0:
                continue
            if first:
                down(room, done, row, kh, pitch, below, length)
            else:
                down(room, wide, row, kh, pitch, below, width)
                along(room, done, wide, col_half, tap, across, length)
            to = o + row * row_out + left * col_out
            if col_out == 1:
                cut_off(out, to, room, done, around, length)
            else:
                for c in range(length):
                    out[to + c * col_out] = (room[done + c] + around) >> 8


def blur_slabs(out, x, w, room, loops, slab):
    """All slabs."""
    for number in range(count(loops)):
        o, i, _, _ = offsets(loops, number)
        blur_slab(out, o, x, i, w, room, slab)


@cache
def code() -> Callable[..., None]:
    """The machine code."""
    sample, short = types.uint8, types.uint16
    numbers, table = array(types.int64), array(types.int64, 2)
    signature = types.void(
        array(sample, readonly=False), array(sample), array(short), array(short, readonly=False),
        table, numbers,
    )  # fmt: skip
    return compiled(blur_slabs, signature)
