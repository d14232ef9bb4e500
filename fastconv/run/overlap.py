"""Where a result goes: to the caller's array, unless that shares memory with what is read."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["shares_memory", "target"]

MAX_WORK = 10_000
"""Steps that finding out may take; what is still unknown then counts as shared."""


def target(out: NDArray, reads: Iterable[NDArray | None]) -> tuple[NDArray, bool]:
    """``out`` and True, or False and a new array that is to be copied to ``out`` in the end.

    Kernels write to aligned arrays of native byte order that nothing is read from.
    """
    plain = out.flags.aligned and out.dtype.isnative
    for read in reads:
        if read is not None and shares_memory(out, read):
            plain = False
    if not plain:
        return np.empty(out.shape, out.dtype.newbyteorder("=")), False
    return out if type(out) is np.ndarray else out.view(np.ndarray), True


def shares_memory(a: NDArray, b: NDArray) -> bool:
    """True where the arrays share a byte, or where finding out would take too long."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=MAX_WORK)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
