"""Passes: correlations that are summed and stored as SciPy does it, planned by the engine.

SciPy sums in double precision and casts each sum to the dtype of the result as C does: integers
lose their fraction and wrap.  A filter of several passes casts after each of them.  Here passes run
as one separable correlation where that gives the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import accumulate
from math import isfinite, prod
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import lower
from ..api.options import AlgorithmName
from ..config import BackendName
from ..plan.choose import make_plan
from ..plan.plan import Plan
from ..problem import dtypes

__all__ = ["Options", "Pass", "are_one", "plans"]

NARROW = frozenset("?bBhHfF")
"""Letters of the dtypes that float32 holds every value of."""
MAX_SMALL = 1024
"""Samples of an array that gains nothing from passes at once; apart, they have the same bits as
calls of their own."""
MAX_NARROW_WEIGHT, MAX_EXACT_WEIGHT = 2.0**64, 2.0**53
DYADIC = 2.0**20
"""Products of integers and multiples of its inverse are exact in double precision."""


class Options(NamedTuple):
    """What fastconv's own keywords say."""

    algorithm: AlgorithmName
    backend: BackendName | None
    threads: int | None


class Pass(NamedTuple):
    """A correlation along some axes."""

    weights: NDArray
    """float64 or complex128, with an axis for each of ``axes``."""
    axes: tuple[int, ...]
    borders: tuple[str, ...]
    """By our names."""
    origins: tuple[int, ...]


def plans(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    passes: Sequence[Pass],
    result: np.dtype,
    cval: complex,
    options: Options,
) -> tuple[Plan, ...]:
    """Plans that run after each other; bool counts as uint8."""
    given, result = _as_bytes(dtype), _as_bytes(result)
    exact = are_one(given, passes, result, cval)
    small = not exact and prod(shape) <= MAX_SMALL
    if len(passes) > 1 and _reads_zeros(passes, cval) and (exact or result.kind in "fc"):
        if not small or options.algorithm != "auto":
            together = sorted(passes, key=attrgetter("axes"))
            return (_plan(name, shape, given, together, result, cval, options),)
    made = []
    for step in passes:
        made.append(_plan(name, shape, given, [step], result, cval, options))
        given = result
    return tuple(made)


def _reads_zeros(passes: Sequence[Pass], cval: complex) -> bool:
    """Whether nothing lies beyond the edges that one pass makes, and the next one reads anew."""
    return cval == 0 or not _reads_constant(passes)


def _reads_constant(passes: Sequence[Pass]) -> bool:
    return any("constant" in step.borders for step in passes)


def _as_bytes(dtype: np.dtype) -> np.dtype:
    dtype = dtypes.canonical(dtype)
    return np.dtype(np.uint8) if dtype.kind == "b" else dtype


def _plan(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    passes: Sequence[Pass],
    result: np.dtype,
    cval: complex,
    options: Options,
) -> Plan:
    casts = result.kind in "iu"
    if not _reads_constant(passes):
        cval = 0
    if _are_integers(dtype, passes, cval):
        weights = [step.weights.astype(np.int64) for step in passes]
        cval = int(cval.real)
        casts = casts and not _fits(dtype, passes, result)
    else:
        weights = [step.weights for step in passes]
        if _are_narrow(dtype, weights, result):
            weights = [_single(w) for w in weights]
        elif casts:
            weights = [_nudged(w) for w in weights]
    axes, borders, origins = (
        sum([getattr(step, field) for step in passes], ()) for field in Pass._fields[1:]
    )
    return make_plan(
        lower.correlation,
        (name, shape, dtype),
        (weights[0] if len(passes) == 1 else tuple(weights),),
        {
            "flip": False,
            "axes": axes,
            "mode": "same",
            "boundary": borders,
            "cval": cval,
            "origin": origins,
            "stride": 1,
            "dilation": 1,
            "out_dtype": None,
            "dtype": result,
            "casts": casts,
        },
        *options,
        once=False,
    )


def _are_integers(dtype: np.dtype, passes: Sequence[Pass], cval: complex) -> bool:
    """Whether all products are those of integers, which the engine sums exactly."""
    if dtype.kind not in "iu":
        return False
    if _reads_constant(passes):
        info = np.iinfo(dtype)
        if not (isfinite(cval.real) and cval == int(cval.real)):
            return False
        if not info.min <= cval.real <= info.max:
            return False
    return all(
        w.dtype.kind == "f" and bool(np.all((w == np.rint(w)) & (np.abs(w) <= MAX_EXACT_WEIGHT)))
        for w, *_ in passes
    )


def are_one(dtype: np.dtype, passes: Sequence[Pass], result: np.dtype, cval: complex) -> bool:
    """Whether integers that are cast after each pass are those that are cast once.

    All sums have to be whole numbers, and either fit the result or wrap as C casts them: those of
    up to 31 bits, to results of fewer bits.
    """
    dtype, result = _as_bytes(dtype), _as_bytes(result)
    if not _are_integers(dtype, passes, cval):
        return False
    held = np.iinfo(np.int32 if result.itemsize < 4 else result) if result.kind in "iu" else None
    ranges = accumulate(passes, _range_after, initial=_range(dtype))
    return held is None or all(held.min <= low and high <= held.max for low, high in ranges)


def _fits(dtype: np.dtype, passes: Sequence[Pass], result: np.dtype) -> bool:
    """Whether the result can hold every sum."""
    (low, high), (least, most) = reduce(_range_after, passes, _range(dtype)), _range(result)
    return least <= low and high <= most


def _range(dtype: np.dtype) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max)


def _range_after(samples: tuple[int, int], step: Pass) -> tuple[int, int]:
    """The smallest and the largest sum that a pass makes of samples in some range."""
    low, high = samples
    w = step.weights
    up, down = int(w[w > 0].sum()), int(w[w < 0].sum())
    return up * low + down * high, up * high + down * low


def _are_narrow(dtype: np.dtype, weights: Sequence[NDArray], result: np.dtype) -> bool:
    """Whether sums may be float32, which the result is."""
    if dtype.char not in NARROW or result.char not in "fF":
        return False
    largest = [float(np.abs(w).max()) for w in weights if w.size]
    return all(1 / MAX_NARROW_WEIGHT < most < MAX_NARROW_WEIGHT for most in largest)


def _single(w: NDArray) -> NDArray:
    """Weights in single precision.  Those of a mean are rounded, from the largest to the smallest,
    such that they sum up to what they did: an image keeps its brightness.
    """
    if w.dtype.kind == "c":
        return w.astype(np.complex64)
    single = w.astype(np.float32)
    if w.ndim > 1 or not np.array_equal(w, w[::-1]) or w.min() <= 0 or w.min() == w.max():
        return single
    error, middle = 0.0, len(w) // 2
    for i in range(middle, len(w)):
        copies = 1 if i == middle and len(w) % 2 else 2
        single[i] = single[~i] = w[i] + error / copies
        error += copies * (w[i] - float(single[i]))
    return single


def _nudged(w: NDArray) -> NDArray:
    """Weights so much larger that a sum that is whole but for rounding is cast to that number."""
    if np.array_equal(w * DYADIC, np.rint(w * DYADIC)):
        return w
    return w * (1 + (w.size + 2) * np.finfo(np.float64).epsneg)
