"""Where a result is written: the caller's array, or a temporary one if that overlaps an input."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["shares_memory", "target"]

MAX_WORK = 10_000
"""Steps of NumPy's overlap search; arrays count as overlapping if it needs more."""


def target(out: NDArray, reads: Iterable[NDArray | None]) -> tuple[NDArray, bool]:
    """``out`` and True, or a temporary array, to be copied to ``out`` in the end, and False.

    Kernels can only write to an aligned array of native byte order that overlaps none of ``reads``.
    """
    plain = out.flags.aligned and out.dtype.isnative
    for read in reads:
        if read is not None and shares_memory(out, read):
            plain = False
    if not plain:
        return np.empty(out.shape, out.dtype.newbyteorder("=")), False
    return out if type(out) is np.ndarray else out.view(np.ndarray), True


def shares_memory(a: NDArray, b: NDArray) -> bool:
    """True if the arrays share a byte, or if finding out would take too long."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=MAX_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
