"""The loops around a kernel: a table with the extent of each, and its steps in four operands."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["count", "offsets"]


@numba.njit(nogil=True)
def count(loops: Any) -> Any:
    """How often the kernel is to run."""
    runs = 1
    for extent in loops[:, 0]:
        runs *= extent
    return runs


@numba.njit(nogil=True)
def offsets(loops: Any, run: Any) -> Any:
    """Where the operands of a run begin."""
    o = i = j = b = 0
    for depth in range(len(loops) - 1, -1, -1):
        index = run % loops[depth, 0]
        run //= loops[depth, 0]
        o += index * loops[depth, 1]
        i += index * loops[depth, 2]
        j += index * loops[depth, 3]
        b += index * loops[depth, 4]
    return o, i, j, b
