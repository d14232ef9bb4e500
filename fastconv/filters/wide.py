"""Means of 64-bit integers that double precision cannot represent, to the nearest integer.

A sample is split into ``high * 2**32 + low``, and a weight into a multiple of ``2**-30`` and a
rest of at most ``2**-31``.  The products of high halves and multiples are integers and summed
exactly.  All other products are so small that double precision computes their sums to a fraction of
one.  Passes along several axes hand on the halves of their results, with the fraction in the low
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem import dtypes

__all__ = ["is_wide", "mean"]

MAX_PLAIN_SUM = 1 << 51
"""The largest sample times the number of taps for which double precision is accurate enough."""
HALF_BITS = 32
WEIGHT_BITS = 30
"""Bits of the exact part of a weight: its product with a half sample fits a signed integer."""
FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)


def is_wide(samples: NDArray, border: complex, taps: int) -> bool:
    """Whether means over a number of samples, and a constant border, need more than doubles."""
    dtype = samples.dtype
    if dtype.kind not in "iu" or dtype.itemsize < 8:
        return False
    info = np.iinfo(dtype)
    if isinstance(border, complex) or not isfinite(border) or not info.min <= border <= info.max:
        return False
    return max(dtypes.largest_value(samples), abs(border)) * taps > MAX_PLAIN_SUM


def mean(call: Any, passes: Sequence[tuple[NDArray, tuple[int, ...]]], border: float) -> NDArray:
    """The image under one kernel after the other, each with its axes, rounded half to even."""
    dtype = call.samples.dtype
    half = np.dtype(np.int32 if dtype.kind == "i" else np.uint32)
    high = (call.samples >> HALF_BITS).astype(half)
    low = (call.samples & (1 << HALF_BITS) - 1).astype(FLOAT64)
    high_border = floor(border) >> HALF_BITS
    low_border = float(border - (high_border << HALF_BITS))
    for w, axes in passes:
        coarse, fine, whole = _split(w)
        exact = call.correlate(
            coarse, INT64, axes, samples=high, cval=high_border, algorithm="auto"
        )
        rest = call.correlate(fine, FLOAT64, axes, samples=high, cval=high_border)
        rest *= 1 << HALF_BITS
        rest += call.correlate(whole, FLOAT64, axes, samples=low, cval=low_border)
        high, low = _halves(exact, rest, half)
    return _joined(high, low, dtype)


def _split(w: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Weights whose sum is exactly one: multiples of ``2**-30`` as integers, rests, and both."""
    from fractions import Fraction

    weights = [Fraction(weight) for weight in w.ravel().tolist()]
    total = sum(weights)
    exact = [weight / total for weight in weights]
    coarse = [round(weight * (1 << WEIGHT_BITS)) for weight in exact]
    fine = [float(a - Fraction(b, 1 << WEIGHT_BITS)) for a, b in zip(exact, coarse, strict=True)]
    return (
        np.array(coarse, np.int32).reshape(w.shape),
        np.array(fine).reshape(w.shape),
        np.array([float(weight) for weight in exact]).reshape(w.shape),
    )


def _halves(exact: NDArray, rest: NDArray, half: np.dtype) -> tuple[NDArray, NDArray]:
    """The halves of ``exact * 2**(32 - 30) + rest``, within the range of the samples."""
    scale = 1 << HALF_BITS
    low = (exact & (1 << WEIGHT_BITS) - 1).astype(FLOAT64)
    low *= scale >> WEIGHT_BITS
    low += rest
    carry = np.floor(low / scale)
    low -= carry * scale
    high = (exact >> WEIGHT_BITS) + carry.astype(INT64)
    info = np.iinfo(half)
    low[high < info.min] = 0
    low[high > info.max] = scale - 1
    return np.clip(high, info.min, info.max).astype(half), low


def _joined(high: NDArray, low: NDArray, dtype: np.dtype) -> NDArray:
    """The integers of two halves, the low one rounded."""
    top = high == np.iinfo(high.dtype).max
    rounded = np.rint(low)
    rounded[top] = np.minimum(rounded[top], (1 << HALF_BITS) - 1)
    result: NDArray = high.astype(dtype) << HALF_BITS
    result += rounded.astype(dtype)
    return result
