"""Memory between two steps of a piece, kept by each thread: new pages cost as much as the work.

Memory is handed out like a stack.  What was handed out after a `mark` is taken back by `release`,
in the end by whoever runs a piece, and must not be used any more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEPT", "NoRoomError", "apart", "empty", "empty_like", "lined_up", "mark", "release"]

KEPT = 1 << 23
"""Bytes that a thread keeps at most."""
SMALL = 1 << 15
"""Bytes that the system has at hand faster."""
LINE = 64
"""Bytes of a line of a cache."""


def lined_up(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """A new array in C order that begins where a line of a cache does.

    Where neighbours are written at other times, a line that both of them reach comes from memory
    twice.
    """
    memory = np.empty(prod(shape) * dtype.itemsize + LINE, np.uint8)
    return np.ndarray(shape, dtype, memory, -memory.ctypes.data % LINE)


class NoRoomError(Exception):
    """A stack `apart` has no room for an array."""


class _Stack(threading.local):
    memory = np.empty(0, np.uint8)
    used = 0
    least = SMALL
    apart = False


_stack = _Stack()


def mark() -> int:
    """How much is handed out to this thread."""
    return _stack.used


def release(used: int) -> None:
    """Take back what was handed out since a mark."""
    _stack.used = used


def empty(shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """An array of anything, in C order."""
    nbytes = prod(shape) * dtype.itemsize
    if nbytes < _stack.least or dtype.hasobject:
        return np.empty(shape, dtype)
    start = _stack.used
    stop = start + -(-nbytes // LINE) * LINE
    if stop > KEPT:
        if _stack.apart:
            raise NoRoomError
        return np.empty(shape, dtype)
    if stop > _stack.memory.size:
        memory = np.empty(min(2 * stop, KEPT) + LINE, np.uint8)
        _stack.memory = memory[-memory.ctypes.data % LINE :]
    _stack.used = stop
    return np.ndarray(shape, dtype, _stack.memory, start)


@contextmanager
def apart() -> Iterator[NDArray]:
    """Hand out all from one stack of its own, small arrays too, and say which that is.

    What does not fit raises `NoRoomError`.  Its pages become memory when they are touched.
    """
    from mmap import mmap

    kept = _stack.memory, _stack.used
    _stack.memory, _stack.used = np.frombuffer(mmap(-1, KEPT), np.uint8), 0
    _stack.least, _stack.apart = 0, True
    try:
        yield _stack.memory
    finally:
        _stack.memory, _stack.used = kept
        _stack.least, _stack.apart = SMALL, False


def empty_like(array: NDArray, shape: Sequence[int]) -> NDArray:
    """An array whose axes lie in the order of another one's."""
    if array.flags.c_contiguous:
        return empty(tuple(shape), array.dtype)
    order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
    memory = empty(tuple(shape[axis] for axis in order), array.dtype)
    return memory.transpose([order.index(axis) for axis in range(array.ndim)])
