"""Elementwise functions, called on blocks of arrays that fit a core's cache, on several threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from . import threads

__all__ = ["elementwise"]

BLOCK_ITEMS = 1 << 16
"""Items of a block, such that blocks of several arrays fit a core's cache."""
MIN_THREAD_ITEMS = 1 << 17
"""Items for each thread, at least."""


def elementwise(function: Callable[..., None], arrays: Sequence[NDArray], count: int) -> None:
    """Call a function on corresponding blocks of arrays, on at most ``count`` threads.

    All arrays must have the shape of the first one, or broadcast to it.  Arrays of equal shape in C
    order are flattened before they are cut; otherwise, the last axis stays whole unless it is the
    only one.
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
