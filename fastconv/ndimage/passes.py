"""Passes: correlations that are summed and stored as SciPy does it, planned by the engine.

SciPy sums in double precision and casts each sum to the dtype of the result as C does: integers
lose their fraction and wrap.  A filter with several passes casts after each of them.  Here, passes
run as one separable correlation if the result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import accumulate
from math import isfinite, prod
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import lower
from ..api.options import Options
from ..plan.choose import make_plan
from ..problem import dtypes

__all__ = ["Pass", "Run", "are_one", "correlation", "plans", "whole_sums"]

NARROW = frozenset("?bBhHfF")
"""Letters of the dtypes whose values float32 represents exactly."""
MAX_SMALL = 1024
"""Samples of an array up to which merging passes gains nothing; separate passes have the same bits
as separate calls."""
INT64 = np.dtype(np.int64)
MAX_NARROW_WEIGHT, MAX_EXACT = 2.0**64, 2.0**53
EIGHT = 8
"""A factor of sums that will be divided, which leaves three bits for rounding: quotients become
slightly larger than they are, but not as large as the next number."""
DYADIC = 2.0**20
"""Products of integers and multiples of its inverse are exact in double precision."""


Run = Callable[[NDArray, NDArray | None], NDArray]
"""From samples in native bytes, and the array that receives the result or None, to the result."""


class Pass(NamedTuple):
    """A correlation along some axes."""

    weights: NDArray
    """The weights in float64 or complex128, with an axis for each of ``axes``."""
    axes: tuple[int, ...]
    borders: tuple[str, ...]
    """The borders, by fastconv's names."""
    origins: tuple[int, ...]


def plans(
    name: str,
    shape: tuple[int, ...],
    dtype: np.dtype,
    passes: Sequence[Pass],
    result: np.dtype,
    cval: complex,
    options: Options,
) -> tuple[Run, ...]:
    """The runs of consecutive passes; bool counts as uint8."""
    given, result = _as_bytes(dtype), _as_bytes(result)
    exact = are_one(given, passes, result, cval)
    alike = _reads_zeros(passes, cval) and (exact or result.kind in "fc")
    worth = exact or prod(shape) > MAX_SMALL or options.algorithm != "auto"
    if len(passes) > 1 and alike and worth:
        together = sorted(passes, key=attrgetter("axes"))
        return (_plan(name, shape, given, together, result, cval, options),)
    made: list[Run] = []
    for step in passes:
        divisor = _divisor([step.weights]) if given == INT64 and result.kind in "iu" else None
        if divisor is None:
            made.append(_plan(name, shape, given, [step], result, cval, options))
        else:
            ones = step._replace(weights=np.ones_like(step.weights))
            sums = _plan(name, shape, given, [ones], INT64, cval, options)
            made.append(partial(_quotients, sums, divisor, result))
        given = result
    return tuple(made)


def _quotients(
    sums: Run, divisor: int, result: np.dtype, x: NDArray, out: NDArray | None
) -> NDArray:
    """Sums of 64-bit integers, which may need all of these, divided in double precision."""
    exact = sums(x, None)
    if out is None:
        out = exact if result == INT64 else np.empty(exact.shape, result)
    dtypes.cast(out, exact / divisor)
    return out


def _reads_zeros(passes: Sequence[Pass], cval: complex) -> bool:
    """Whether padding the result of a pass is the same as padding the input."""
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
) -> Run:
    """The run of one plan, for passes that are one problem."""
    terms = _terms(dtype, passes, result, cval if _reads_constant(passes) else 0)
    _, arguments = correlation(passes, terms.cval)
    arguments |= {"dtype": result, "casts": terms.casts, "scale": terms.scale}
    weights = terms.weights[0] if len(passes) == 1 else terms.weights
    return make_plan(
        lower.correlation, (name, shape, dtype), (weights,), arguments, *options, once=False
    )._run


def correlation(
    passes: Sequence[Pass], cval: complex
) -> tuple[NDArray | tuple[NDArray, ...], dict[str, Any]]:
    """The weights and the arguments of one correlation for passes in the order of their axes."""
    axes, borders, origins = (
        sum([getattr(step, field) for step in passes], ()) for field in Pass._fields[1:]
    )
    weights = tuple([step.weights for step in passes])
    return weights[0] if len(passes) == 1 else weights, {
        "flip": False,
        "axes": axes,
        "mode": "same",
        "boundary": borders,
        "cval": cval,
        "origin": origins,
        "stride": 1,
        "dilation": 1,
        "out_dtype": None,
    }


class Terms(NamedTuple):
    """The terms of sums, and how the sums are stored."""

    weights: tuple[NDArray, ...]
    cval: complex
    casts: bool
    scale: float = 1.0


def _terms(dtype: np.dtype, passes: Sequence[Pass], result: np.dtype, cval: complex) -> Terms:
    """The terms: integers if sums are integers, or fractions with one divisor; otherwise floats."""
    weights = tuple([step.weights for step in passes])
    casts = result.kind in "iu"
    if dtype.kind in "iu" and _is_sample(cval, dtype, passes):
        if all(map(_are_whole, weights)):
            whole = tuple([w.astype(np.int64) for w in weights])
            return Terms(whole, int(cval.real), casts and not _fits(dtype, passes, result))
        divisor = _divisor(weights) if casts else None
        if divisor is not None:
            eighths = np.full(weights[0].shape, EIGHT)
            compute = dtypes.exact_dtype(EIGHT * eighths.size * dtypes.largest(dtype))
            if compute.kind == "f":
                scale = (1 + 2 * float(np.finfo(compute).epsneg)) / (EIGHT * divisor)
                return Terms((eighths,), int(cval.real), True, scale)
    if _are_narrow(dtype, weights, result):
        return Terms(tuple(map(_single, weights)), cval, False)
    return Terms(tuple(map(_nudged, weights)) if casts else weights, cval, casts)


def _is_sample(cval: complex, dtype: np.dtype, passes: Sequence[Pass]) -> bool:
    """Whether the constant beyond the edges could be a sample."""
    if not _reads_constant(passes):
        return True
    low, high = _range(dtype)
    return isfinite(cval.real) and cval == int(cval.real) and low <= cval.real <= high


def _are_whole(w: NDArray) -> bool:
    return w.dtype.kind == "f" and bool(np.all((w == np.rint(w)) & (np.abs(w) <= MAX_EXACT)))


def _divisor(weights: Sequence[NDArray]) -> int | None:
    """The divisor n of a kernel whose weights all equal 1 / n, or None."""
    (w, *others) = weights
    first = w.flat[0]
    if others or w.dtype.kind != "f" or not 0 < first < 1 or not np.all(w == first):
        return None
    divisor = round(1 / first)
    return divisor if 1 / divisor == first else None


def are_one(dtype: np.dtype, passes: Sequence[Pass], result: np.dtype, cval: complex) -> bool:
    """Whether casting after each pass gives the same integers as casting once.

    All sums must be integers, and either fit the result or wrap as in C, which requires sums of up
    to 31 bits and results of fewer bits.
    """
    dtype, result = _as_bytes(dtype), _as_bytes(result)
    if dtype.kind not in "iu" or not _is_sample(cval, dtype, passes):
        return False
    if not all(_are_whole(step.weights) for step in passes):
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
    """The smallest and the largest sum of a pass over samples in a given range."""
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
    so that their sum is unchanged: an image keeps its brightness.
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
    """Slightly larger weights: a sum that is an integer but for rounding is then cast to it."""
    if np.array_equal(w * DYADIC, np.rint(w * DYADIC)):
        return w
    return w * whole_sums(w.size)


def whole_sums(taps: int) -> float:
    """A factor above one, for sums that are integers except for rounding to be cast to these."""
    return 1 + (taps + 2) * float(np.finfo(np.float64).epsneg)
