"""Fourier transforms, written in the vectors of LLVM like the tile, and the loops around them.

A vector holds as many columns; each butterfly is an intrinsic that emits its instructions, and the
passes over a buffer of butterflies are ordinary loops.  Passes of radix 4 with twiddles, then one
without, leave the frequencies in the order in which the same passes, transposed, take them back
(`fourier.py`).  Swapping the real and the imaginary plane turns a transform into its inverse.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi, sin
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.extending import intrinsic

from .on_disk import compile_kept
from .vectors import VECTOR_BYTES, Vectors

__all__ = ["compiled"]

LINE = 64
"""Bytes of a line of the cache: columns that are transformed at a time."""
INT = types.intp


class _Emitter:
    """Vectors at places of arrays, and arithmetic with them."""

    def __init__(self, context: Any, builder: ir.IRBuilder, item: Any, vector_bytes: int) -> None:
        self.context = context
        self.builder = builder
        self.lanes = max(1, vector_bytes // (item.bitwidth // 8))
        self.vectors = Vectors(builder, context.get_value_type(item), self.lanes)

    def data(self, kind: Any, array: ir.Value) -> ir.Value:
        return self.context.make_array(kind)(self.context, self.builder, array).data

    def place(self, data: ir.Value, at: ir.Value) -> ir.Value:
        return self.builder.gep(data, [at])

    def load(self, place: ir.Value) -> _Value:
        return _Value(self, self.vectors.load(place))

    def store(self, value: _Value, place: ir.Value) -> None:
        self.vectors.store(value.ir, place)

    def splat(self, value: ir.Value) -> _Value:
        return _Value(self, self.vectors.splat(value))

    def number(self, data: ir.Value, at: ir.Value, offset: int) -> _Value:
        """An item of an array in all lanes."""
        at = self.builder.add(at, ir.Constant(at.type, offset))
        return self.splat(self.builder.load(self.builder.gep(data, [at])))


class _Value:
    """A vector; products may be fused with sums."""

    def __init__(self, emitter: _Emitter, value: ir.Value) -> None:
        self.emitter = emitter
        self.ir = value

    def _with(self, name: str, other: _Value) -> _Value:
        emit = getattr(self.emitter.builder, name)
        return _Value(self.emitter, emit(self.ir, other.ir, flags=("contract",)))

    def __add__(self, other: _Value) -> _Value:
        return self._with("fadd", other)

    def __sub__(self, other: _Value) -> _Value:
        return self._with("fsub", other)

    def __mul__(self, other: _Value | float) -> _Value:
        if isinstance(other, float):
            other = self.emitter.splat(ir.Constant(self.emitter.vectors.item, other))
        return self._with("fmul", other)


Pair = tuple[_Value, _Value]
"""Real and imaginary parts."""


def _times(a: Pair, b: Pair) -> Pair:
    return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[0], a[1] - b[1]


def _minus_i(a: Pair, b: Pair) -> Pair:
    """``a - ib``."""
    return a[0] + b[1], a[1] - b[0]


def _plus_i(a: Pair, b: Pair) -> Pair:
    """``a + ib``."""
    return a[0] - b[1], a[1] + b[0]


def _scaled(a: Pair, factor: float) -> Pair:
    return a[0] * factor, a[1] * factor


def _dft(x: list[Pair]) -> list[Pair]:
    """The transform of a few items."""
    n, half = len(x), len(x) // 2
    if n == 1:
        return x
    low, high = [x[0]] * n, [x[0]] * n
    if n % 2 == 0:
        even, odd = _dft(x[::2]), _dft(x[1::2])
        for k, (a, b) in enumerate(zip(even, odd, strict=True)):
            if 4 * k == n:
                low[k], low[k + half] = _minus_i(a, b), _plus_i(a, b)
                continue
            if k:
                re, im = cos(2 * pi * k / n), -sin(2 * pi * k / n)
                b = b[0] * re - b[1] * im, b[0] * im + b[1] * re
            low[k], low[k + half] = _plus(a, b), _minus(a, b)
        return low
    for m in range(1, half + 1):
        low[m], high[m] = _plus(x[m], x[n - m]), _minus(x[m], x[n - m])
    found = [x[0]] * n
    for m in range(1, half + 1):
        found[0] = _plus(found[0], low[m])
    for k in range(1, half + 1):
        a, b = x[0], _scaled(high[1], sin(2 * pi * k / n))
        for m in range(1, half + 1):
            a = _plus(a, _scaled(low[m], cos(2 * pi * k * m / n)))
            if m > 1:
                b = _plus(b, _scaled(high[m], sin(2 * pi * k * m / n)))
        found[k], found[n - k] = _minus_i(a, b), _plus_i(a, b)
    return found


def make_pass(split: bool) -> Any:
    """A function for Numba: a butterfly of radix 4 between four rows of ``x`` and of ``out``.

    To ``split``, twiddles come after it and rows of ``x`` from ``rows`` on count as zeros; to join,
    they come before it and rows of ``out`` from ``rows`` on are left alone.  ``spare`` is where a
    vector of zeros, or room for one, lies in ``w``'s neighbour ``room``.
    """

    @intrinsic
    def butterfly(
        typing_context: Any,
        out: Any, out_re: Any, out_im: Any, out_step: Any,
        x: Any, x_re: Any, x_im: Any, x_step: Any,
        row: Any, quarter: Any, rows: Any, w: Any, w_at: Any, room: Any, spare: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(
            out, INT, INT, INT, x, INT, INT, INT, INT, INT, INT, w, INT, room, INT
        )

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            kinds = signature.args
            emitter = _Emitter(context, builder, kinds[0].dtype, VECTOR_BYTES)
            out, x, w, room = (emitter.data(kinds[i], args[i]) for i in (0, 4, 11, 13))
            _, out_re, out_im, out_step, _, x_re, x_im, x_step = args[:8]
            row, quarter, rows, _, w_at, _, spare = args[8:]
            elsewhere = emitter.place(room, spare)

            def rows_of(data: ir.Value, at: ir.Value, step: ir.Value, some: bool) -> list[ir.Value]:
                places = []
                number = row
                for _ in range(4):
                    place = emitter.place(data, at)
                    if some:
                        inside = builder.icmp_signed("<", number, rows)
                        place = builder.select(inside, place, elsewhere)
                    places.append(place)
                    at, number = builder.add(at, step), builder.add(number, quarter)
                return places

            twiddles = [
                (emitter.number(w, w_at, 2 * k), emitter.number(w, w_at, 2 * k + 1))
                for k in range(3)
            ]
            re, im = rows_of(x, x_re, x_step, split), rows_of(x, x_im, x_step, split)
            values = [(emitter.load(r), emitter.load(i)) for r, i in zip(re, im, strict=True)]
            if not split:
                values[1:] = [_times(a, b) for a, b in zip(values[1:], twiddles, strict=True)]
            values = _dft(values)
            if split:
                values[1:] = [_times(a, b) for a, b in zip(values[1:], twiddles, strict=True)]
            re = rows_of(out, out_re, out_step, not split)
            im = rows_of(out, out_im, out_step, not split)
            for value, r, i in zip(values, re, im, strict=True):
                emitter.store(value[0], r)
                emitter.store(value[1], i)
            return context.get_dummy_value()

        return signature, emit

    return butterfly


NOTHING, SAME, WIDE = 0, 1, 2


def make_turn(radix: int, factors: int) -> Any:
    """A function for Numba: the butterfly without twiddles, in place.

    With ``factors``, the same in all lanes or not, there, multiplied by them, and back.
    """

    @intrinsic
    def turn(
        typing_context: Any, x: Any, re: Any, im: Any, step: Any,
        s: Any, s_re: Any, s_im: Any, s_step: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(x, INT, INT, INT, s, INT, INT, INT)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            kinds = signature.args
            emitter = _Emitter(context, builder, kinds[0].dtype, VECTOR_BYTES)
            x, s = emitter.data(kinds[0], args[0]), emitter.data(kinds[4], args[4])
            _, re, im, step, _, s_re, s_im, s_step = args
            places, factor = [], []
            for _ in range(radix):
                places.append((emitter.place(x, re), emitter.place(x, im)))
                re, im = builder.add(re, step), builder.add(im, step)
                if factors == WIDE:
                    there = emitter.place(s, s_re), emitter.place(s, s_im)
                    factor.append((emitter.load(there[0]), emitter.load(there[1])))
                elif factors == SAME:
                    factor.append((emitter.number(s, s_re, 0), emitter.number(s, s_im, 0)))
                s_re, s_im = builder.add(s_re, s_step), builder.add(s_im, s_step)
            values = _dft([(emitter.load(r), emitter.load(i)) for r, i in places])
            if factors:
                values = [_times(a, b) for a, b in zip(values, factor, strict=True)]
                values = [(r, i) for i, r in _dft([(i, r) for r, i in values])]
            for value, place in zip(values, places, strict=True):
                emitter.store(value[0], place[0])
                emitter.store(value[1], place[1])
            return context.get_dummy_value()

        return signature, emit

    return turn


def make_move(vector_bytes: int) -> Any:
    """A function for Numba: copy a vector."""

    @intrinsic
    def move(typing_context: Any, out: Any, to: Any, x: Any, at: Any) -> Any:
        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            kinds = signature.args
            emitter = _Emitter(context, builder, kinds[0].dtype, vector_bytes)
            out, x = emitter.data(kinds[0], args[0]), emitter.data(kinds[2], args[2])
            emitter.store(emitter.load(emitter.place(x, args[3])), emitter.place(out, args[1]))
            return context.get_dummy_value()

        return types.void(out, INT, x, INT), emit

    return move


@intrinsic
def transpose(
    typing_context: Any, out: Any, to: Any, out_step: Any, x: Any, at: Any, step: Any
) -> Any:
    """Copy a square of 16 bytes a row, its rows becoming columns."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        kinds = signature.args
        emitter = _Emitter(context, builder, kinds[0].dtype, 16)
        out, x = emitter.data(kinds[0], args[0]), emitter.data(kinds[3], args[3])
        _, to, out_step, _, at, step = args
        rows = []
        for _ in range(emitter.lanes):
            rows.append(emitter.load(emitter.place(x, at)).ir)
            at = builder.add(at, step)

        def pick(a: ir.Value, b: ir.Value, *lanes: int) -> ir.Value:
            mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
            return builder.shuffle_vector(a, b, mask)

        if len(rows) == 2:
            columns = [pick(*rows, 0, 2), pick(*rows, 1, 3)]
        else:
            a, b, c, d = rows
            low, high = pick(a, b, 0, 4, 1, 5), pick(c, d, 0, 4, 1, 5)
            columns = [pick(low, high, 0, 1, 4, 5), pick(low, high, 2, 3, 6, 7)]
            low, high = pick(a, b, 2, 6, 3, 7), pick(c, d, 2, 6, 3, 7)
            columns += [pick(low, high, 0, 1, 4, 5), pick(low, high, 2, 3, 6, 7)]
        for column in columns:
            emitter.store(_Value(emitter, column), emitter.place(out, to))
            to = builder.add(to, out_step)
        return context.get_dummy_value()

    return types.void(out, INT, INT, x, INT, INT), emit


split, join = make_pass(split=True), make_pass(split=False)
move, move_item = make_move(VECTOR_BYTES), make_move(0)


@numba.njit(nogil=True)
def copy(out, to, row_out, col_out, x, at, row_x, col_x, rows, cols):  # type: ignore[no-untyped-def]
    """Copy rows and columns, from any steps to any others."""
    lanes, quad = VECTOR_BYTES // out.itemsize, 16 // out.itemsize
    row = 0
    if cols == lanes and col_out == 1 and col_x == 1:
        while row < rows:
            move(out, to + row * row_out, x, at + row * row_x)
            row += 1
    elif cols == lanes and col_out == 1 and row_x == 1:
        while row + quad <= rows:
            for col in range(0, lanes, quad):
                start = at + row + col * col_x
                transpose(out, to + row * row_out + col, row_out, x, start, col_x)
            row += quad
    elif cols == lanes and row_out == 1 and col_x == 1:
        while row + quad <= rows:
            for col in range(0, lanes, quad):
                start = at + row * row_x + col
                transpose(out, to + row + col * col_out, col_out, x, start, row_x)
            row += quad
    while row < rows:
        for col in range(cols):
            move_item(out, to + row * row_out + col * col_out, x, at + row * row_x + col * col_x)
        row += 1


def make_turns(radix: int) -> Any:
    """A function for Numba: the pass without twiddles."""
    plain, same, wide = (make_turn(radix, factors) for factors in (NOTHING, SAME, WIDE))

    @numba.njit(nogil=True)
    def turns(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both):  # type: ignore[no-untyped-def]
        for row in range(0, n, radix):
            at, factor = row * step, row * s_row
            if not both:
                plain(x, re + at, im + at, step, s, s_re, s_im, s_row)
            elif s_col == 0:
                same(x, re + at, im + at, step, s, s_re + factor, s_im + factor, s_row)
            else:
                wide(x, re + at, im + at, step, s, s_re + factor, s_im + factor, s_row)

    return turns


turns_3, turns_4, turns_5, turns_6, turns_8 = (make_turns(radix) for radix in (3, 4, 5, 6, 8))


@numba.njit(nogil=True)
def turn_all(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both, radix):  # type: ignore[no-untyped-def]
    if radix == 3:
        turns_3(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    elif radix == 4:
        turns_4(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    elif radix == 5:
        turns_5(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    elif radix == 6:
        turns_6(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)
    else:
        turns_8(x, re, im, step, n, s, s_re, s_im, s_row, s_col, both)


def fourier(out, x, s, w, room, n, forward, inverse):  # type: ignore[no-untyped-def]
    """Transform columns; with both ways, block after block of their rows, times ``s``."""
    item = out.itemsize
    lanes = VECTOR_BYTES // item
    plane_x, row_x, col_x = x.strides[0] // item, x.strides[1] // item, x.strides[2] // item
    plane_o, row_o, col_o = out.strides[0] // item, out.strides[1] // item, out.strides[2] // item
    plane_s, row_s, col_s = s.strides[0] // item, s.strides[1] // item, s.strides[2] // item
    rows_x, rows_out, all_cols = x.shape[1], out.shape[1], out.shape[2]
    both = forward and inverse
    block = n - rows_x + rows_out if both else n
    spare, start = 0, 2 * lanes
    factors = start + 2 * lanes * n
    room[:start] = 0
    col = 0
    while col < all_cols:
        # Rows of an image are so far apart that lines of the cache are gone before they are asked
        # for again: one way takes the columns of a whole line at a time.
        vectors = 1 if both or (all_cols - col) * item < LINE else LINE // VECTOR_BYTES
        cols = min(lanes, all_cols - col)
        step = 2 * lanes * vectors
        if cols < lanes:
            room[start:] = 0
        for row in range(0, rows_out, block):
            samples, outputs = min(n, rows_x - row), min(block, rows_out - row)
            direct_in = forward and cols == lanes and col_x == 1
            direct_out = inverse and cols == lanes and col_o == 1
            x_at, o_at = row * row_x + col * col_x, row * row_o + col * col_o
            if not direct_in:
                for v in range(vectors):
                    re, at = start + 2 * lanes * v, x_at + v * lanes * col_x
                    copy(room, re, step, 1, x, at, row_x, col_x, samples, cols)
                    copy(room, re + lanes, step, 1, x, at + plane_x, row_x, col_x, samples, cols)
            w_at = 0
            length = n
            while length > 8:
                quarter = length // 4
                if forward:
                    first = length == n
                    for top in range(0, n, length):
                        for j in range(quarter):
                            r = top + j
                            t = w_at + 6 * j
                            for v in range(vectors):
                                o = start + r * step + 2 * lanes * v
                                if first and direct_in:
                                    i = x_at + r * row_x + v * lanes
                                    split(
                                        room, o, o + lanes, quarter * step, x, i, i + plane_x,
                                        quarter * row_x, r, quarter, samples, w, t, room, spare,
                                    )  # fmt: skip
                                else:
                                    split(
                                        room, o, o + lanes, quarter * step, room, o, o + lanes,
                                        quarter * step, r, quarter, samples if first else n,
                                        w, t, room, spare,
                                    )  # fmt: skip
                w_at += 6 * quarter
                length = quarter
            swap = lanes if inverse and not both else 0
            if both and cols < lanes and col_s:
                at = col * col_s
                copy(room, factors, step, 1, s, at, row_s, 1, n, cols)
                copy(room, factors + lanes, step, 1, s, at + plane_s, row_s, 1, n, cols)
                turn_all(
                    room, start, start + lanes, step, n, room, factors, factors + lanes, step,
                    col_s, both, length,
                )  # fmt: skip
            else:
                for v in range(vectors):
                    re, at = start + 2 * lanes * v, col * col_s
                    turn_all(
                        room, re + swap, re + lanes - swap, step, n, s, at, at + plane_s, row_s,
                        col_s, both, length,
                    )  # fmt: skip
            while inverse and length < n:
                quarter = length
                length *= 4
                w_at -= 6 * quarter
                last = length == n
                for top in range(0, n, length):
                    for j in range(quarter):
                        r = top + j
                        t = w_at + 6 * j
                        for v in range(vectors):
                            i = start + r * step + 2 * lanes * v
                            if last and direct_out:
                                o = o_at + r * row_o + v * lanes
                                join(
                                    out, o + plane_o, o, quarter * row_o, room, i + lanes, i,
                                    quarter * step, r, quarter, outputs, w, t, room, spare + lanes,
                                )  # fmt: skip
                            else:
                                join(
                                    room, i + lanes, i, quarter * step, room, i + lanes, i,
                                    quarter * step, r, quarter, n, w, t, room, spare + lanes,
                                )  # fmt: skip
            if not direct_out:
                for v in range(vectors):
                    re, at = start + 2 * lanes * v, o_at + v * lanes * col_o
                    copy(out, at, row_o, col_o, room, re, step, 1, outputs, cols)
                    copy(out, at + plane_o, row_o, col_o, room, re + lanes, step, 1, outputs, cols)
        col += lanes * vectors


def compiled(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items = from_dtype(dtype)
    out = types.Array(items, 3, "A")
    operand = types.Array(items, 3, "A", readonly=True)
    twiddles = types.Array(items, 1, "C", readonly=True)
    room = types.Array(items, 1, "C")
    ways = types.boolean, types.boolean
    signature = types.void(out, operand, operand, twiddles, room, types.intp, *ways)
    return compile_kept(fourier, signature)
