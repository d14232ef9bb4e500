"""Temporary memory for the steps of a tile and inside kernels.

Fresh pages cost as much as the work done in them.  Therefore each thread keeps three blocks: for
strips with missing data, for tiles, and for the kernels that run in these.  A block is *taken* and
*given back*, and belongs to the holder in between.  A call from a signal handler or a finalizer
inside another call thus gets a different block, and an interrupted call only loses its block.
"""

from __future__ import annotations

import threading
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINE", "Workspace", "aligned", "give_back", "lines_of", "take"]

LINE = 64
"""Bytes of a cache line."""
MAX_KEPT_BYTES = 1 << 23
"""Bytes of the largest block that a thread keeps."""
MAX_KEPT_BLOCKS = 3
"""Blocks that a thread keeps, since their uses are nested."""
_NOTHING = np.empty(0, np.uint8)


class _Kept(threading.local):
    def __init__(self) -> None:
        self.blocks: list[NDArray[np.uint8]] = []


_kept = _Kept()


def take(nbytes: int) -> NDArray[np.uint8]:
    """Take a block of at least ``nbytes`` bytes, aligned to a cache line."""
    try:
        block = _kept.blocks.pop()
    except IndexError:
        block = _NOTHING
    if block.size < nbytes:
        grown = max(nbytes, min(2 * nbytes, MAX_KEPT_BYTES))
        block = aligned((grown,), np.dtype(np.uint8))
    return block


def give_back(block: NDArray[np.uint8]) -> None:
    """Return a block, which this thread keeps for later unless it is large."""
    if block.size <= MAX_KEPT_BYTES and len(_kept.blocks) < MAX_KEPT_BLOCKS:
        _kept.blocks.append(block)


def lines_of(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of an array in C order, rounded up to whole cache lines."""
    return -(-prod(shape) * dtype.itemsize // LINE) * LINE


class Workspace:
    """A block in which arrays are allocated as on a stack."""

    def __init__(self, nbytes: int) -> None:
        self._block = take(nbytes)
        self._used = 0

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
        """Allocate an array in C order."""
        start = self._used
        self._used += lines_of(shape, dtype)
        return np.ndarray(shape, dtype, self._block, start)

    def mark(self) -> int:
        """The number of bytes in use."""
        return self._used

    def release(self, mark: int) -> None:
        """Free all arrays allocated since a mark."""
        self._used = mark

    def give_back(self) -> None:
        """Give back the block."""
        give_back(self._block)


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """A new array in C order, aligned to a cache line."""
    memory = np.empty(prod(shape) * dtype.itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % LINE)
