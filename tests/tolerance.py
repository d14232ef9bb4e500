"""How far a result may lie from the oracle: a bound from arithmetic, never one that felt right.

A sum of `terms` rounded products errs by at most `eps * terms * sum |w| |x|`, whatever its order;
storing it adds one rounding in the result's own dtype. Integers have no such excuse and must be
equal.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from oracle import Expected

ROUNDINGS_OUTSIDE_THE_SUM = 4  # of a product of factors, of a pass between them, of the oracle


def assert_close(actual: np.ndarray, expected: Expected, *, compute: Any = None) -> None:
    """Fail unless `actual` is what rounding in `compute` (or its own dtype) makes of `expected`."""
    assert actual.shape == expected.values.shape, f"{actual.shape} is not {expected.values.shape}"
    wanted = stored_as(expected.values, actual.dtype)
    if actual.dtype.kind in "iu":
        np.testing.assert_array_equal(actual, wanted)
        return
    stored = np.finfo(actual.dtype)
    computed = np.finfo(np.result_type(actual.dtype if compute is None else compute, np.float32))
    terms = expected.terms + ROUNDINGS_OUTSIDE_THE_SUM
    with np.errstate(invalid="ignore", over="ignore"):
        bound = (
            float(computed.eps) * terms * expected.magnitude
            + float(stored.eps) * np.abs(wanted)
            + float(stored.smallest_subnormal) * terms
        )
    regular = np.isfinite(wanted)
    np.testing.assert_array_equal(actual[~regular], wanted[~regular])
    error = np.abs(actual[regular].astype(wanted.dtype) - wanted[regular])
    excess = error - bound[regular]
    assert np.all(np.isfinite(error)), "finite numbers were expected"
    assert not np.any(excess > 0), (
        f"off by up to {excess.max():.3g} more than {terms} terms in {computed.dtype} allow"
    )


def stored_as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """What exact `values` become: integers round half to even and saturate, floats stay doubles.

    Float results are compared as doubles, except where their dtype overflows to infinity.
    """
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        stored = [_saturated(value, limits) for value in np.ravel(values).tolist()]
        return np.array(stored, dtype=dtype).reshape(np.shape(values))
    wide = np.asarray(values).astype(np.result_type(dtype, np.float64))
    with np.errstate(over="ignore"):
        return np.where(np.isinf(wide.astype(dtype)), wide.astype(dtype), wide)


def _saturated(value: Any, limits: np.iinfo) -> int:
    if value != value:
        return 0
    if value in (float("inf"), float("-inf")):
        return limits.max if value > 0 else limits.min
    return min(max(round(value), limits.min), limits.max)
