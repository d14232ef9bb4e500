"""Conversions between dtypes, in LLVM vectors: samples to sums, and sums to results.

A result is rounded half to even and saturates, and NaN becomes 0, as in `problem.dtypes.store`.
Numba has no float16; half-precision numbers are integers and converted bit by bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils

__all__ = ["FLOATS", "bytes_of", "cast", "constant", "convert", "converts", "stored", "vector"]

SHORT_INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32")
FLOATS = ("float32", "float64")
SUMS = (*FLOATS, "int64")
SAMPLES = ("bool", *SHORT_INTEGERS, "int64", "uint64")


def converts(source: np.dtype, to: np.dtype) -> bool:
    """Whether there is a conversion between two dtypes."""
    if not (source.isnative and to.isnative):
        return False
    if source == to:
        return source.name in (*SAMPLES, *FLOATS)
    if source.name == "float16":
        return to.name in FLOATS
    if to.name == "float16":
        return source.name == "float32"
    if to.name in SUMS:
        return source.name in SAMPLES or (source.name in FLOATS and to.name in FLOATS)
    return to.name in SHORT_INTEGERS and source.name in SUMS


def convert(builder: ir.IRBuilder, source: Any, to: Any, value: ir.Value, lanes: int) -> ir.Value:
    """Convert items between two of Numba's types."""
    goal = vector(stored(to), lanes)
    if source == to:
        return value
    if to.name in SHORT_INTEGERS:
        return _saturated(builder, source, to, value, lanes)
    if source == types.float16:
        single = _from_half(builder, value, vector(ir.FloatType(), lanes))
        return single if to == types.float32 else builder.fpext(single, goal)
    if to == types.float16:
        return _to_half(builder, value, goal)
    if source == types.boolean:
        value = builder.icmp_unsigned("!=", value, constant(value.type, 0))
    signed = source != types.boolean and getattr(source, "signed", True)
    if to.name in FLOATS:
        if source.name in FLOATS:
            grows = source.bitwidth < to.bitwidth
            return builder.fpext(value, goal) if grows else builder.fptrunc(value, goal)
        return builder.sitofp(value, goal) if signed else builder.uitofp(value, goal)
    if source == types.uint64:
        return value
    return builder.sext(value, goal) if signed else builder.zext(value, goal)


def _from_half(builder: ir.IRBuilder, value: ir.Value, goal: ir.Type) -> ir.Value:
    """Half-precision numbers as float32; the factor 2**112 handles subnormal numbers as well."""
    whole = _like(goal, ir.IntType(32))
    bits = builder.zext(value, whole)
    magnitude = builder.and_(bits, constant(whole, 0x7FFF))
    scaled = builder.bitcast(builder.shl(magnitude, constant(whole, 13)), goal)
    scaled = builder.bitcast(builder.fmul(scaled, constant(goal, 2.0**112)), whole)
    beyond = builder.icmp_unsigned(">=", magnitude, constant(whole, 0x7C00))
    beyond = builder.and_(builder.sext(beyond, whole), constant(whole, 0x7F800000))
    sign = builder.shl(builder.and_(bits, constant(whole, 0x8000)), constant(whole, 16))
    return builder.bitcast(builder.or_(builder.or_(scaled, beyond), sign), goal)


def _to_half(builder: ir.IRBuilder, value: ir.Value, goal: ir.Type) -> ir.Value:
    """The nearest half-precision numbers.  Adding 0.5 moves the digits of a subnormal number to the
    end of the significand.
    """
    kind, whole = value.type, _like(goal, ir.IntType(32))

    def number(value: int) -> ir.Constant:
        return constant(whole, value)

    bits = builder.bitcast(value, whole)
    magnitude = builder.and_(bits, number(0x7FFFFFFF))
    small = builder.fadd(builder.bitcast(magnitude, kind), constant(kind, 0.5))
    small = builder.sub(builder.bitcast(small, whole), number(0x3F000000))
    even = builder.and_(builder.lshr(magnitude, number(13)), number(1))
    normal = builder.sub(builder.add(magnitude, even), number(0x38000000 - 0xFFF))
    normal = builder.lshr(normal, number(13))
    nan = builder.icmp_unsigned(">", magnitude, number(0x7F800000))
    beyond = builder.or_(number(0x7C00), builder.and_(builder.sext(nan, whole), number(0x200)))
    large = builder.icmp_unsigned(">=", magnitude, number(0x47800000))
    tiny = builder.icmp_unsigned("<", magnitude, number(0x38800000))
    half = builder.select(tiny, small, builder.select(large, beyond, normal))
    sign = builder.and_(builder.lshr(bits, number(16)), number(0x8000))
    return builder.trunc(builder.or_(half, sign), goal)


def _saturated(
    builder: ir.IRBuilder, source: Any, to: Any, value: ir.Value, lanes: int
) -> ir.Value:
    """The nearest integers."""
    goal = vector(stored(to), lanes)
    whole = source.name not in FLOATS
    if source == types.float32 and to.bitwidth == 32:
        # float32 cannot hold the largest one.
        value = builder.fpext(value, vector(ir.DoubleType(), lanes))
    less = builder.icmp_signed if whole else builder.fcmp_ordered
    if not whole:
        number = builder.fcmp_ordered("ord", value, value)
        value = builder.select(number, value, constant(value.type, 0))
    for bound, beyond in ((to.minval, "<"), (to.maxval, ">")):
        limit = constant(value.type, bound)
        value = builder.select(less(beyond, value, limit), limit, value)
    if whole:
        return builder.trunc(value, goal)
    bits = 32 if value.type in (ir.FloatType(), vector(ir.FloatType(), lanes)) else 64
    name = f"llvm.rint.f{bits}" if lanes == 1 else f"llvm.rint.v{lanes}f{bits}"
    kind = ir.FunctionType(value.type, [value.type])
    rint = cgutils.get_or_insert_function(builder.module, kind, name)
    value = builder.call(rint, [value])
    if to == types.uint32:
        return builder.fptoui(value, goal)
    value = builder.fptosi(value, vector(ir.IntType(32), lanes))
    return builder.trunc(value, goal) if to.bitwidth < 32 else value


def cast(builder: ir.IRBuilder, source: Any, to: Any, value: ir.Value, lanes: int) -> ir.Value:
    """Sums as integers of up to 32 bits, as in C: towards zero, and without the higher bits."""
    if source.name in FLOATS:
        bits = 64 if to == types.uint32 else 32
        value = builder.fptosi(value, vector(ir.IntType(bits), lanes))
    goal = vector(stored(to), lanes)
    return value if value.type == goal else builder.trunc(value, goal)


def stored(kind: Any) -> ir.Type:
    """An item in its representation in memory."""
    if kind.name in FLOATS:
        return ir.FloatType() if kind.bitwidth == 32 else ir.DoubleType()
    return ir.IntType(8 * bytes_of(kind))


def bytes_of(kind: Any) -> int:
    return 1 if kind == types.boolean else int(kind.bitwidth) // 8


def vector(item: ir.Type, lanes: int) -> ir.Type:
    return item if lanes == 1 else ir.VectorType(item, lanes)


def _like(kind: ir.Type, item: ir.Type) -> ir.Type:
    """As many of these items as a type has."""
    return ir.VectorType(item, kind.count) if isinstance(kind, ir.VectorType) else item


def constant(kind: ir.Type, value: float) -> ir.Constant:
    if isinstance(kind, ir.VectorType):
        return ir.Constant(kind, [value] * kind.count)
    return ir.Constant(kind, value)
