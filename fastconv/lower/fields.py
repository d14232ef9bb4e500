"""Parts that all calls share: the geometry of an axis, and the dtypes and constants of a sum."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..problem import dtypes
from ..problem.problem import Axis, Problem
from .arguments import brief, refuse
from .arrays import result_dtype

__all__ = [
    "MAX_SAMPLES",
    "Kernel",
    "Question",
    "axis_of",
    "check_reach",
    "largest_sum",
    "number_fields",
]

MAX_SAMPLES = int(np.iinfo(np.intp).max)
"""Samples of an axis of a result, at most."""
MAX_REACH = MAX_SAMPLES // 2
"""The largest distance from the first sample of an array to a sample that an output reads."""
MAX_LISTED = 256
"""Weights up to which a list is summed faster than an array."""


class Question(NamedTuple):
    """A problem with the weights of its kernel."""

    problem: Problem
    w: tuple[NDArray, ...]
    """One array ``(groups, channels out, channels in, *taps)``, or one for each factor."""
    bias: NDArray | None
    """``(groups, channels out)``."""


class Kernel(NamedTuple):
    """A checked kernel with all options of a call, for samples of any shape."""

    w: tuple[NDArray, ...]
    """As in `Question`."""
    bias: NDArray | None
    problem: Callable[[tuple[int, ...]], Problem]
    """Makes the problem for a shape of samples, which must have the number of axes that was
    checked."""


def axis_of(
    name: str,
    size: int,
    taps: int,
    stride: int,
    dilation: int,
    before: int,
    out: int,
    boundary: str,
) -> Axis:
    """A filtered axis; a stride with one output, or a dilation with one tap, becomes 1."""
    if out > MAX_SAMPLES:
        raise ValueError(f"{name}: the result would have {brief(out)} samples along an axis")
    if out <= 1:
        stride = 1
    if taps <= 1:
        dilation = 1
    check_reach(name, before, (out - 1) * stride + (taps - 1) * dilation - before)
    return Axis(size, taps, stride, dilation, before, out, boundary)


def check_reach(name: str, before: int, last: int) -> None:
    """Refuse an axis along which coordinates of samples would overflow."""
    if before > MAX_REACH or last > MAX_REACH:
        far = brief(max(before, last))
        raise ValueError(f"{name}: an output would read {far} samples beyond the array")


def number_fields(
    name: str,
    x_dtype: np.dtype,
    rows: list[NDArray],
    bias: NDArray | None,
    cval: complex,
    reads_cval: bool,
    dtype: DTypeLike | None,
    out_dtype: np.dtype | None,
) -> dict[str, Any]:
    """The fields of a problem that follow from its dtypes and weights.

    ``rows`` holds the kernel, or each of its factors, as one row of weights for each output
    channel.  Their values matter only if they are integers.
    """
    given = rows if bias is None else [*rows, bias]
    operands, exact = _operands(x_dtype, *[values.dtype for values in given])
    is_complex = operands.kind == "c"
    result = operands
    if dtype is not None or (out_dtype is not None and out_dtype != operands):
        result = _result(name, operands, dtype, out_dtype)
    if type(cval) is complex and not is_complex:
        refuse(TypeError, f"{name}: cval", brief(cval), f"a real number for {operands}")
    safe = None
    fill: complex = 0j if is_complex else 0 if exact else 0.0
    if not exact:
        compute = dtypes.compute_dtype(operands, result)
        if reads_cval:
            fill = _inexact_cval(name, cval, operands, compute)
    else:
        if reads_cval:
            fill = _integer_cval(name, cval, x_dtype)
        weights = prod([largest_sum(row) for row in rows])
        offset = 0 if bias is None else dtypes.largest_value(bias)
        compute = dtypes.exact_dtype(dtypes.largest(x_dtype) * weights + offset)
        if compute is dtypes.OBJECT:
            compute = np.dtype(np.int64)
            safe = (dtypes.largest(compute) - 1 - offset) // weights
            if abs(fill) > safe:
                safe = -1
    return {
        "dtype": result,
        "compute": compute,
        "exact": exact,
        "complex": is_complex,
        "cval": fill,
        "safe": safe,
    }


@lru_cache(maxsize=256)
def _operands(*given: np.dtype) -> tuple[np.dtype, bool]:
    """The dtype that operands are promoted to, and whether all of them are integers."""
    return dtypes.result_dtype(*given), all(dtype.kind in "biu" for dtype in given)


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
        allowed = f"{operands}, the dtype= of the call"
        refuse(ValueError, f"{name}: out", f"dtype {out_dtype}", allowed)
    return out_dtype


def _inexact_cval(name: str, cval: complex, operands: np.dtype, compute: np.dtype) -> complex:
    """The constant in the compute dtype; infinite, if it exceeds its range."""
    if type(cval) is float and operands.kind != "c" and cval.is_integer() and abs(cval) <= 1 << 24:
        return cval
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


def largest_sum(rows: NDArray) -> int:
    """The largest sum of magnitudes in a row, at least 1."""
    if rows.size <= MAX_LISTED:
        most: int = max([sum(map(abs, row)) for row in rows.tolist()])
        return max(most, 1)
    fits = dtypes.largest_value(rows) * rows.shape[-1] < 1 << 63
    wide = rows.astype(np.int64 if fits else object)
    return max(int(np.abs(wide).sum(axis=-1).max()), 1)
