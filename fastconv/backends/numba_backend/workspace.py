"""Memory that a kernel works in, kept by each thread: new pages cost as much as the work.

A block is taken and given back.  A call from a signal handler or a finalizer inside another call
takes a block of its own, and a call that is interrupted loses nothing but the block.
"""

from __future__ import annotations

import threading

import numpy as np
from numpy.typing import NDArray

__all__ = ["give_back", "take"]

CACHE_LINE = 64
MAX_KEPT_BYTES = 1 << 22


class _Kept(threading.local):
    block = np.empty(0, np.uint8)


_kept = _Kept()


def take(nbytes: int) -> NDArray[np.uint8]:
    """A block of at least so many bytes that begins on a cache line."""
    block, _kept.block = _kept.block, _Kept.block
    if block.size < nbytes:
        memory = np.empty(nbytes + CACHE_LINE, np.uint8)
        block = memory[-memory.ctypes.data % CACHE_LINE :]
    return block


def give_back(block: NDArray[np.uint8]) -> None:
    """Keep a block for the next call of this thread, unless it is large."""
    if block.size <= MAX_KEPT_BYTES:
        _kept.block = block
