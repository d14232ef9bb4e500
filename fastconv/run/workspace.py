"""Memory for intermediate results: between two steps of a tile, or inside a kernel.

Each thread keeps a block for its tiles and one for the kernels that run in them, because new pages
cost as much as the work done in them.  A block is *taken* and *given back*, and belongs
to one call in between.  A call from a signal handler or a finalizer inside another call thus gets a
block of its own, and a call that is interrupted loses only its block.
"""

from __future__ import annotations

import threading
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINE", "aligned", "give_back", "lines_of", "take"]

LINE = 64
"""Bytes of a cache line."""
MAX_KEPT_BYTES = 1 << 23
"""The largest block that a thread keeps."""
MAX_KEPT_BLOCKS = 2
"""Blocks that a thread keeps: one for a tile, one for the kernel inside it."""
_NOTHING = np.empty(0, np.uint8)


class _Kept(threading.local):
    def __init__(self) -> None:
        self.blocks: list[NDArray[np.uint8]] = []


_kept = _Kept()


def take(nbytes: int) -> NDArray[np.uint8]:
    """A block of at least ``nbytes`` bytes that begins on a cache line."""
    try:
        block = _kept.blocks.pop()
    except IndexError:
        block = _NOTHING
    if block.size < nbytes:
        grown = max(nbytes, min(2 * nbytes, MAX_KEPT_BYTES))
        block = aligned((grown,), np.dtype(np.uint8))
    return block


def give_back(block: NDArray[np.uint8]) -> None:
    """Keep a block for the next call of this thread, unless it is large."""
    if block.size <= MAX_KEPT_BYTES and len(_kept.blocks) < MAX_KEPT_BLOCKS:
        _kept.blocks.append(block)


def lines_of(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of the cache lines that an array fills if it begins on one."""
    return -(-prod(shape) * dtype.itemsize // LINE) * LINE


def aligned(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """A new array in C order that begins on a cache line."""
    memory = np.empty(prod(shape) * dtype.itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % LINE)
