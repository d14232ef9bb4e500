"""Functions of the items of arrays, called on blocks that fit a core's cache, on threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from . import threads

__all__ = ["elementwise"]

BLOCK_ITEMS = 1 << 16
"""Items of a block: some arrays of it fit a core's cache."""
MIN_THREAD_ITEMS = 1 << 17
"""Items that are worth a thread of their own."""


def elementwise(function: Callable[..., None], arrays: Sequence[NDArray], count: int) -> None:
    """Call a function on blocks of arrays, on at most so many threads.

    The first array is not broadcast; all others have its shape, or one that broadcasts to it.
    Arrays in C order that have one shape are flattened, and all others keep their last axis whole,
    unless it is their only one.
    """
    shape, size = arrays[0].shape, arrays[0].size
    blocks = -(-size // BLOCK_ITEMS)
    if blocks > 1 and all(a.shape == shape and a.flags.c_contiguous for a in arrays):
        shape, arrays = (size,), [a.reshape(-1) for a in arrays]
    else:
        arrays = [a if a.shape == shape else np.broadcast_to(a, shape) for a in arrays]
    if blocks <= 1:
        with np.errstate(all="ignore"):
            function(*arrays)
        return
    outer = shape[:-1] or shape
    axis = next((axis for axis, n in enumerate(outer) if n >= blocks), int(np.argmax(outer)))
    step = max(BLOCK_ITEMS * shape[axis] // size, 1)
    lead = (slice(None),) * axis

    def block(number: int) -> None:
        where = (*lead, slice(number * step, (number + 1) * step))
        with np.errstate(all="ignore"):
            function(*[array[where] for array in arrays])

    threads.run(block, -(-shape[axis] // step), min(count, size // MIN_THREAD_ITEMS))
