"""The loops around a slab: a table with the extent of each loop and its steps in four operands."""

from __future__ import annotations

from typing import Any

import numba

__all__ = ["count", "offsets"]


@numba.njit(nogil=True)
def count(loops: Any) -> Any:
    """The number of slabs."""
    slabs = 1
    for extent in loops[:, 0]:
        slabs *= extent
    return slabs


@numba.njit(nogil=True)
def offsets(loops: Any, slab: Any) -> Any:
    """The offsets of the operands of a slab: ``out``, ``x``, ``w`` and ``bias``."""
    o = i = j = b = 0
    for depth in range(len(loops) - 1, -1, -1):
        index = slab % loops[depth, 0]
        slab //= loops[depth, 0]
        o += index * loops[depth, 1]
        i += index * loops[depth, 2]
        j += index * loops[depth, 3]
        b += index * loops[depth, 4]
    return o, i, j, b
