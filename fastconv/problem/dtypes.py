"""The number rules: which dtypes are taken, what is calculated in, how a result is stored.

Integer times integer is exact.  Where the largest possible sum fits the significand of a float,
the float kernels calculate it without any rounding; else 64-bit integers do; and where even those
could overflow, Python's.  A result is rounded half to even and saturates: it never wraps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
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
"""NumPy's letters for what is taken everywhere; some platforms have other names for the same."""


def supported(dtype: np.dtype) -> bool:
    """True for bool, (u)int8 to (u)int64, float16 to float64, complex64 and complex128."""
    return dtype.char in SUPPORTED or (dtype.kind in "fc" and dtype.itemsize <= 8 * _parts(dtype))


def _parts(dtype: np.dtype) -> int:
    return 2 if dtype.kind == "c" else 1


def result_dtype(*operands: DTypeLike) -> np.dtype:
    """NumPy's promotion of all operands, with bool counting as uint8."""
    dtypes = [np.dtype(operand) for operand in operands]
    return np.result_type(*(np.uint8 if dtype.kind == "b" else dtype for dtype in dtypes))


def compute_dtype(operands: np.dtype, result: np.dtype) -> np.dtype:
    """What floating-point operands are calculated in: float32 or float64."""
    wider = np.result_type(operands, result) if result.kind in "fc" else operands
    real = wider.itemsize // _parts(wider)
    return np.dtype(np.float64 if real == 8 else np.float32)


def widened(values: NDArray) -> NDArray:
    """Floating-point numbers in what they are calculated in: float16 as float32."""
    return values.astype(compute_dtype(values.dtype, values.dtype), copy=False)


def exact_dtype(bound: int) -> np.dtype:
    """What integer sums of magnitude at most ``bound`` are calculated in, exactly."""
    for dtype, limit in ((np.float32, 2**24), (np.float64, 2**53), (np.int64, 2**63 - 1)):
        if bound <= limit:
            return np.dtype(dtype)
    return OBJECT


def largest(dtype: np.dtype) -> int:
    """The largest magnitude of an integer or bool dtype."""
    if dtype.kind == "b":
        return 1
    info = np.iinfo(dtype)
    return max(-int(info.min), int(info.max))


def largest_value(values: NDArray) -> int:
    """The largest magnitude among whole numbers, 0 if there are none."""
    if not values.size:
        return 0
    return max(int(values.max()), -int(values.min()))


def store(out: NDArray, acc: NDArray) -> None:
    """Write sums into ``out``: float to integer rounds half to even, NaN to 0, all saturate.

    ``acc`` may be overwritten.
    """
    if out.dtype.kind in "iu":
        if acc.dtype.kind == "f":
            _store_rounded(out, acc)
        else:
            _store_clipped(out, acc)
    else:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            np.copyto(out, acc, casting="unsafe")


def stored(sums: NDArray, dtype: np.dtype, out: NDArray | None) -> NDArray:
    """Sums in ``out``, or in an array of ``dtype``, which may be their own; they may be lost."""
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
