"""The rules for dtypes: which are accepted, in which one sums are computed, how these are stored.

Sums of integer products are exact.  They are computed in a float dtype if its significand holds the
largest possible sum, else in 64-bit integers, or in Python's integers if those could overflow.
Results are rounded half to even and saturate; they never wrap.
"""

from __future__ import annotations

from functools import lru_cache
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "activated",
    "canonical",
    "cast",
    "compute_dtype",
    "exact_dtype",
    "largest",
    "largest_value",
    "result_dtype",
    "store",
    "stored",
    "supported",
    "widened",
]

OBJECT = np.dtype(object)
SUPPORTED = frozenset("?bBhHiIlLqQefdFD")
"""NumPy's letters for the accepted dtypes, except platform-specific aliases."""
EXACT = (
    (np.dtype(np.float32), 2**24),
    (np.dtype(np.float64), 2**53),
    (np.dtype(np.int64), 2**63 - 1),
)
"""Dtypes of sums, with the magnitude up to which each represents all integers."""
BOOL, UINT8 = np.dtype(bool), np.dtype(np.uint8)


def supported(dtype: np.dtype) -> bool:
    """True for bool, (u)int8 to (u)int64, float16 to float64, complex64 and complex128."""
    return dtype.char in SUPPORTED or (dtype.kind in "fc" and dtype.itemsize <= 8 * _parts(dtype))


@lru_cache(maxsize=256)
def canonical(dtype: np.dtype) -> np.dtype:
    """The dtype in native byte order, as NumPy's own object for it.

    Files and other libraries have dtypes that compare equal but differ in the buffer protocol: with
    an explicit byte order, as a C ``long long``, or with metadata.
    """
    return np.dtype(dtype.newbyteorder("=").str)


def _parts(dtype: np.dtype) -> int:
    return 2 if dtype.kind == "c" else 1


@lru_cache(maxsize=256)
def result_dtype(*operands: np.dtype) -> np.dtype:
    """The promoted dtype of all operands, by NumPy's rules, with bool as uint8."""
    return canonical(np.result_type(*(UINT8 if dtype == BOOL else dtype for dtype in operands)))


@lru_cache(maxsize=256)
def compute_dtype(operands: np.dtype, result: np.dtype) -> np.dtype:
    """The dtype in which sums of floating-point operands are computed: float32 or float64."""
    wider = np.result_type(operands, result) if result.kind in "fc" else operands
    real = wider.itemsize // _parts(wider)
    return np.dtype(np.float64 if real == 8 else np.float32)


def widened(values: NDArray) -> NDArray:
    """Values in the dtype in which they are computed: float16 becomes float32."""
    return values.astype(compute_dtype(values.dtype, values.dtype), copy=False)


def exact_dtype(bound: int) -> np.dtype:
    """The dtype in which integer sums of magnitude at most ``bound`` are exact."""
    for dtype, limit in EXACT:
        if bound <= limit:
            return dtype
    return OBJECT


@lru_cache(maxsize=64)
def largest(dtype: np.dtype) -> int:
    """The largest magnitude of an integer or bool dtype."""
    if dtype.kind == "b":
        return 1
    info = np.iinfo(dtype)
    return max(-int(info.min), int(info.max))


def largest_value(values: NDArray) -> int:
    """The largest magnitude in an array of integers, or 0 if it is empty."""
    if not values.size:
        return 0
    return max(int(values.max()), -int(values.min()))


def activated(sums: NDArray, relu: bool, ceiling: float) -> NDArray:
    """Sums clipped to at least zero, if ``relu``, and to at most ``ceiling``; NaN is kept."""
    if relu:
        sums = np.maximum(sums, 0)
    return sums if ceiling == inf else np.minimum(sums, ceiling)


def store(out: NDArray, acc: NDArray) -> None:
    """Write the sums ``acc`` into ``out``, rounded half to even and saturated.

    NaN becomes 0 in integers.  ``acc`` may be overwritten.
    """
    if out.dtype.kind in "iu":
        if acc.dtype.kind == "b":
            np.copyto(out, acc)
        elif acc.dtype.kind == "f":
            acc = widened(acc)  # float16 does not reach the largest uint16
            _store_rounded(out, acc)
        else:
            _store_clipped(out, acc)
    else:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            np.copyto(out, acc, casting="unsafe")


def cast(out: NDArray, acc: NDArray) -> None:
    """Write sums into integers as a C cast does: truncated, and modulo ``2**bits``.

    NaN, and numbers beyond 32 bits (64 bits for results of 32 bits and more), become an unspecified
    integer.
    """
    bits = 8 * out.itemsize
    if acc.dtype == OBJECT:
        acc = (acc % (1 << bits)).astype(np.uint64)
    elif acc.dtype.kind == "f":
        if out.dtype == np.uint64:
            acc = np.where(acc >= 2**63, acc - 2**64, acc)
        narrow = bits < 32 or out.dtype == np.int32
        acc = acc.astype(np.int32 if narrow else np.int64)
    np.copyto(out, acc, casting="unsafe")


def stored(sums: NDArray, dtype: np.dtype, out: NDArray | None) -> NDArray:
    """Store sums in ``out`` or, if that is None, return them as ``dtype``.

    ``sums`` may be returned itself, or overwritten.
    """
    if out is None:
        if sums.dtype == dtype:
            return sums
        out = np.empty(sums.shape, dtype)
    if out is not sums:
        store(out, sums)
    return out


def _store_rounded(out: NDArray, acc: NDArray) -> None:
    info = np.iinfo(out.dtype)
    top = acc.dtype.type(info.max)
    below = top if int(top) <= info.max else np.nextafter(top, acc.dtype.type(0))
    too_large = acc >= top if below < top else None
    np.copyto(acc, 0, where=np.isnan(acc))
    np.rint(acc, out=acc)
    np.clip(acc, info.min, below, out=acc)
    np.copyto(out, acc, casting="unsafe")
    if too_large is not None:
        np.copyto(out, info.max, where=too_large)


def _store_clipped(out: NDArray, acc: NDArray) -> None:
    low, high = _integer_range(out.dtype)
    if acc.dtype != OBJECT:
        sums = _integer_range(acc.dtype)
        low, high = max(low, sums[0]), min(high, sums[1])
    np.copyto(out, np.clip(acc, low, high), casting="unsafe")


def _integer_range(dtype: np.dtype) -> tuple[Any, Any]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)
