"""Which samples are valid, and arrays without those that are not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import backends, config
from ..run.elementwise import elementwise
from .plan import Plan

__all__ = ["valid_samples", "without"]


def valid_samples(
    samples: NDArray, invalid: NDArray | None, nan: bool, threads: int | None
) -> NDArray[np.bool_] | None:
    """Which samples are neither ``invalid`` nor, with ``nan``, NaN; None if all are valid.

    As of ``invalid``, batch axes may have length 1.
    """
    valid: NDArray[np.bool_] | None = None if invalid is None else np.logical_not(invalid)
    if nan and samples.dtype.kind in "fc":
        gaps = np.empty(samples.shape, bool)

        def find(out: NDArray, x: NDArray) -> None:
            np.isnan(x, out=out)

        elementwise(find, (gaps, samples), config.resolve_threads(threads))
        if gaps.any():
            numbers = np.logical_not(gaps, out=gaps)
            valid = numbers if valid is None else numbers & valid
    return valid


def without(samples: NDArray, valid: NDArray[np.bool_], plan: Plan) -> NDArray:
    """The samples with zeros in the place of those that are not valid."""
    filled = np.empty(samples.shape, samples.dtype)
    parts = [(filled, samples)]
    if samples.dtype.kind == "c":
        parts = [(filled.real, samples.real), (filled.imag, samples.imag)]
    in_floats = samples.dtype in (np.float32, np.float64)
    backend = backends.load(plan.backend if in_floats else "numpy")
    count = config.resolve_threads(plan._threads)
    for part in parts:
        elementwise(backend.select, (*part, valid.view(np.uint8)), count)
    return filled
