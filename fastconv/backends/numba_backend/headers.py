"""What NumPy keeps at the head of an array object, read in machine code.

The fields are part of NumPy's binary interface, and lie alike in all of its versions.  By way of
Python, a look at two arrays takes longer than a small filter.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from .atomics import get
from .on_disk import array, compile_kept
from .team import STARTS

__all__ = ["MOST", "begin", "expected"]

MOST = 3
"""Arrays that are looked at."""
DATA, RANK, EXTENTS, STEPS, FLAGS = (object.__basicsize__ + 8 * word for word in (0, 1, 2, 3, 6))
"""Where an object has the address of its items, their axes' number, extents and strides, and what
else is said of it."""
SHORT = 0xFFFFFFFF
"""Of a word, where a field is half of it."""
ALIGNED, WRITEABLE = 0x100, 0x400
FIRST = STARTS + 1
"""The word of a job that tells where the result begins."""


def expected(arrays: tuple[NDArray, ...]) -> NDArray[np.int64]:
    """How arrays lie, in words: for each its bytes, rank, extents and strides, and whether it is
    one at all.
    """
    words: list[int] = []
    for each in arrays:
        words += 1, each.nbytes, each.ndim, *each.shape, *each.strides
    return np.array([*words, *[0] * (MOST + 1 - len(arrays))], np.int64)


@njit
def _starts_as(head, words, flags):  # type: ignore[no-untyped-def]
    """Where the items of an array begin, or -1 if it does not lie as the words say."""
    rank, extents, strides = words[2], get(head + EXTENTS), get(head + STEPS)
    if get(head + RANK) & SHORT != rank or get(head + FLAGS) & flags != flags:
        return -1
    for axis in range(rank):
        if get(extents + 8 * axis) != words[3 + axis]:
            return -1
        if get(strides + 8 * axis) != words[3 + rank + axis]:
            return -1
    return get(head + DATA)


def headers_begin(memory, job, words, first, second, third):  # type: ignore[no-untyped-def]
    """Write down a job and where its arrays begin, and say where it lies; 0 unless they lie as
    expected, can be read, the first one written, and share no memory with it.
    """
    written = memory[: 8 * job.size].view(np.int64)
    written[:] = job
    at, lowest, highest = 0, 0, 0
    for number, head in enumerate((first, second, third)):
        if words[at] == 0:
            break
        start = _starts_as(head, words[at:], ALIGNED | (0 if number else WRITEABLE))
        if start == -1:
            return 0
        written[FIRST + number] = start
        if number == 0:
            lowest, highest = start, start + words[at + 1]
        elif start < highest and lowest < start + words[at + 1]:
            return 0
        at += 3 + 2 * words[at + 2]
    return written.ctypes.data


@cache
def begin() -> Callable[..., int]:
    """The machine code of that, compiled when it is first asked for.

    It keeps the GIL, so that nobody changes an array meanwhile.
    """
    memory, words = array(types.uint8, 1, readonly=False), array(types.int64, 1, readonly=False)
    signature = types.int64(memory, words, words, *(types.intp,) * MOST)
    compiled: Any = compile_kept(headers_begin, signature, nogil=False)
    (overload,) = compiled.overloads.values()
    run: Callable[..., int] = overload.entry_point
    return run
