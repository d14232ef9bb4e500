"""Butterflies of Fourier transforms, in LLVM vectors, with a column in each lane.

Swapping the real and the imaginary plane turns a transform into its inverse.
"""

from __future__ import annotations

from math import cos, pi, sin
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from .host import VECTOR_BYTES
from .vectors import Vectors

__all__ = ["NO_FACTORS", "ONE_COLUMN", "WIDE", "make_dft", "make_move", "make_pass", "transpose"]

INT = types.intp
NO_FACTORS, ONE_COLUMN, WIDE = 0, 1, 2
"""Factors of a spectrum: none, the same in all lanes, or one for each lane."""


class _Emitter:
    """Vectors in arrays, and arithmetic with them."""

    def __init__(self, context: Any, builder: ir.IRBuilder, item: Any, vector_bytes: int) -> None:
        self.context = context
        self.builder = builder
        self.lanes = max(1, vector_bytes // (item.bitwidth // 8))
        self.vectors = Vectors(builder, context.get_value_type(item), self.lanes)

    def data(self, kind: Any, array: ir.Value) -> ir.Value:
        return self.context.make_array(kind)(self.context, self.builder, array).data

    def address(self, data: ir.Value, at: ir.Value) -> ir.Value:
        return self.builder.gep(data, [at])

    def load(self, address: ir.Value) -> _Value:
        return _Value(self, self.vectors.load(address))

    def store(self, value: _Value, address: ir.Value) -> None:
        self.vectors.store(value.ir, address)

    def splat(self, value: ir.Value) -> _Value:
        return _Value(self, self.vectors.splat(value))

    def number(self, data: ir.Value, at: ir.Value, offset: int) -> _Value:
        """An item of an array, broadcast to all lanes."""
        at = self.builder.add(at, ir.Constant(at.type, offset))
        return self.splat(self.builder.load(self.builder.gep(data, [at])))


class _Value:
    """A vector; its products may be fused with sums."""

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
    """The discrete Fourier transform of a few items."""
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

    With ``split``, twiddles are applied after it, and rows of ``x`` from ``rows`` on are zeros.
    Otherwise they are applied before it, and rows of ``out`` from ``rows`` on are not written.  A
    vector at ``spare`` in ``memory`` takes the place of these rows.
    """

    @intrinsic
    def butterfly(
        typing_context: Any,
        out: Any, out_re: Any, out_im: Any, out_step: Any,
        x: Any, x_re: Any, x_im: Any, x_step: Any,
        row: Any, quarter: Any, rows: Any, w: Any, w_at: Any, memory: Any, spare: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(
            out, INT, INT, INT, x, INT, INT, INT, INT, INT, INT, w, INT, memory, INT
        )

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            kinds = signature.args
            emitter = _Emitter(context, builder, kinds[0].dtype, VECTOR_BYTES)
            out, x, w, memory = (emitter.data(kinds[i], args[i]) for i in (0, 4, 11, 13))
            _, out_re, out_im, out_step, _, x_re, x_im, x_step = args[:8]
            row, quarter, rows, _, w_at, _, spare = args[8:]
            elsewhere = emitter.address(memory, spare)

            def rows_of(data: ir.Value, at: ir.Value, step: ir.Value, some: bool) -> list[ir.Value]:
                addresses = []
                number = row
                for _ in range(4):
                    address = emitter.address(data, at)
                    if some:
                        inside = builder.icmp_signed("<", number, rows)
                        address = builder.select(inside, address, elsewhere)
                    addresses.append(address)
                    at, number = builder.add(at, step), builder.add(number, quarter)
                return addresses

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


def make_dft(radix: int, factors: int) -> Any:
    """A function for Numba: a transform of ``radix`` rows, in place.

    With ``factors``, the transform, a product with them, and the inverse transform.
    """

    @intrinsic
    def dft(
        typing_context: Any, x: Any, re: Any, im: Any, step: Any,
        s: Any, s_re: Any, s_im: Any, s_step: Any,
    ) -> Any:  # fmt: skip
        signature = types.void(x, INT, INT, INT, s, INT, INT, INT)

        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            kinds = signature.args
            emitter = _Emitter(context, builder, kinds[0].dtype, VECTOR_BYTES)
            x, s = emitter.data(kinds[0], args[0]), emitter.data(kinds[4], args[4])
            _, re, im, step, _, s_re, s_im, s_step = args
            rows, factor = [], []
            for _ in range(radix):
                rows.append((emitter.address(x, re), emitter.address(x, im)))
                re, im = builder.add(re, step), builder.add(im, step)
                if factors == WIDE:
                    there = emitter.address(s, s_re), emitter.address(s, s_im)
                    factor.append((emitter.load(there[0]), emitter.load(there[1])))
                elif factors == ONE_COLUMN:
                    factor.append((emitter.number(s, s_re, 0), emitter.number(s, s_im, 0)))
                s_re, s_im = builder.add(s_re, s_step), builder.add(s_im, s_step)
            values = _dft([(emitter.load(r), emitter.load(i)) for r, i in rows])
            if factors:
                values = [_times(a, b) for a, b in zip(values, factor, strict=True)]
                values = [(r, i) for i, r in _dft([(i, r) for r, i in values])]
            for value, (r, i) in zip(values, rows, strict=True):
                emitter.store(value[0], r)
                emitter.store(value[1], i)
            return context.get_dummy_value()

        return signature, emit

    return dft


def make_move(vector_bytes: int) -> Any:
    """A function for Numba: copy a vector."""

    @intrinsic
    def move(typing_context: Any, out: Any, to: Any, x: Any, at: Any) -> Any:
        def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
            kinds = signature.args
            emitter = _Emitter(context, builder, kinds[0].dtype, vector_bytes)
            out, x = emitter.data(kinds[0], args[0]), emitter.data(kinds[2], args[2])
            emitter.store(emitter.load(emitter.address(x, args[3])), emitter.address(out, args[1]))
            return context.get_dummy_value()

        return types.void(out, INT, x, INT), emit

    return move


@intrinsic
def transpose(
    typing_context: Any, out: Any, to: Any, out_step: Any, x: Any, at: Any, step: Any
) -> Any:
    """Transpose a square of items with rows of 16 bytes."""

    def emit(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> ir.Constant:
        kinds = signature.args
        emitter = _Emitter(context, builder, kinds[0].dtype, 16)
        out, x = emitter.data(kinds[0], args[0]), emitter.data(kinds[3], args[3])
        _, to, out_step, _, at, step = args
        rows = []
        for _ in range(emitter.lanes):
            rows.append(emitter.load(emitter.address(x, at)).ir)
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
            emitter.store(_Value(emitter, column), emitter.address(out, to))
            to = builder.add(to, out_step)
        return context.get_dummy_value()

    return types.void(out, INT, INT, x, INT, INT), emit
