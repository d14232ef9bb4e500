"""The question that every call comes down to, and the numbers that it is answered in."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..problem import dtypes
from ..problem.problem import Axis, Problem
from .arguments import brief, refuse, result_dtype

__all__ = ["LONGEST", "Question", "numbers", "walk"]

LONGEST = int(np.iinfo(np.intp).max)
"""Samples that an axis of a result can have."""


class Question(NamedTuple):
    """A problem with the numbers of its kernel."""

    problem: Problem
    w: tuple[NDArray, ...]
    """One array ``(groups, channels out, channels in, *taps)``, or one of them for each factor."""
    bias: NDArray | None
    """``(groups, channels out)``."""


def walk(
    name: str,
    size: int,
    taps: int,
    stride: int,
    dilation: int,
    before: int,
    out: int,
    boundary: str,
) -> Axis:
    """One filtered axis, on which steps that are never taken have length 1."""
    if out > LONGEST:
        raise ValueError(f"{name}: the result would have {out} samples along an axis")
    stride, dilation = stride if out > 1 else 1, dilation if taps > 1 else 1
    return Axis(size, taps, stride, dilation, before, out, boundary)


def numbers(
    name: str,
    x_dtype: np.dtype,
    rows: list[NDArray],
    bias: NDArray | None,
    cval: complex,
    dtype: DTypeLike | None,
    out_dtype: np.dtype | None,
) -> dict[str, Any]:
    """The fields of a problem that follow from its dtypes and weights.

    ``rows`` is the kernel, or each of its factors, as one row of weights an output channel.
    """
    offsets = [] if bias is None else [bias]
    operands = dtypes.result_dtype(x_dtype, *(values.dtype for values in (*rows, *offsets)))
    result = _result(name, operands, dtype, out_dtype)
    safe = None
    exact = all(each.kind in "biu" for each in (x_dtype, *(v.dtype for v in (*rows, *offsets))))
    if not exact:
        compute = dtypes.compute_dtype(operands, result)
        fill = _inexact_cval(name, cval, operands, compute)
    else:
        fill = _integer_cval(name, cval, x_dtype)
        weights = prod(_largest_sum(row) for row in rows)
        offset = sum(dtypes.largest_value(values) for values in offsets)
        compute = dtypes.exact_dtype(dtypes.largest(x_dtype) * weights + offset)
        if compute == dtypes.OBJECT:
            compute = np.dtype(np.int64)
            safe = (dtypes.largest(compute) - 1 - offset) // weights
            if abs(fill) > safe:
                safe = -1
    return {
        "dtype": result,
        "compute": compute,
        "exact": exact,
        "complex": operands.kind == "c",
        "cval": fill,
        "safe": safe,
    }


def _result(
    name: str, operands: np.dtype, dtype: DTypeLike | None, out_dtype: np.dtype | None
) -> np.dtype:
    complex_sums = operands.kind == "c"
    if dtype is not None:
        operands = result_dtype(dtype, f"{name}: dtype", complex_sums)
    if out_dtype is None:
        return operands
    result_dtype(out_dtype, f"{name}: out", complex_sums)
    if dtype is not None and out_dtype != operands:
        allowed = f"{operands}, which dtype= asks for"
        refuse(ValueError, f"{name}: out", f"dtype {out_dtype}", allowed)
    return out_dtype


def _inexact_cval(name: str, cval: complex, operands: np.dtype, compute: np.dtype) -> complex:
    """The constant as the kernels read it, infinite where it exceeds their range."""
    sample = np.result_type(compute, np.complex64) if operands.kind == "c" else compute
    try:
        with np.errstate(over="ignore", under="ignore"):
            fill: complex = sample.type(cval).item()
            return fill
    except (TypeError, OverflowError):
        kind = "complex" if operands.kind == "c" else "real"
        refuse(TypeError, f"{name}: cval", brief(cval), f"a {kind} number for {operands}")


def _integer_cval(name: str, cval: complex, x_dtype: np.dtype) -> int:
    info = np.iinfo(np.uint8 if x_dtype.kind == "b" else x_dtype)
    high = 1 if x_dtype.kind == "b" else int(info.max)
    whole = isinstance(cval, int) or (isinstance(cval, float) and cval.is_integer())
    if not (whole and info.min <= cval.real <= high):
        allowed = f"a whole number that {x_dtype} can hold"
        refuse(ValueError, f"{name}: cval", brief(cval), allowed)
    return int(cval.real)


def _largest_sum(rows: NDArray) -> int:
    """The largest sum of magnitudes in a row, at least 1."""
    wide = rows.astype(np.int64 if rows.dtype.itemsize < 8 else object)
    return max(int(np.abs(wide).sum(axis=-1).max()), 1)
