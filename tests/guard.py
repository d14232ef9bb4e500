"""Memory between two pages that nobody may touch: who reads one byte too far dies of it.

For Linux; the interpreter dies, so that this belongs into one of its own.
"""

from __future__ import annotations

import ctypes
import mmap
import weakref
from math import prod

import numpy as np
import numpy.typing

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]


def memory(size: int, end: bool) -> np.ndarray:
    """So many bytes, which begin right behind a page that must not be read, or end before one."""
    pages = max(-(-size // PAGE), 1)
    whole = (pages + 2) * PAGE
    nothing, private = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    start = _libc.mmap(None, whole, nothing, private, -1, 0)
    if start is None or start == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    for guard in (start, start + whole - PAGE):
        if _libc.mprotect(guard, PAGE, 0):
            raise OSError(ctypes.get_errno(), "mprotect")
    first = start + PAGE + (pages * PAGE - size if end else 0)
    held = (ctypes.c_char * size).from_address(first)
    weakref.finalize(held, _libc.munmap, start, whole)
    return np.frombuffer(held, np.uint8)


def empty(
    shape: tuple[int, ...], dtype: np.typing.DTypeLike, end: bool, layout: str = "C"
) -> np.ndarray:
    """An array of anything that fills such memory to its end.

    Its items lie in C order, with the second axis innermost ("channels"), or apart ("gaps").
    """
    dtype = np.dtype(dtype)
    order = [*range(len(shape))]
    if layout == "channels" and len(shape) > 2:
        order.append(order.pop(1))
    gap = 2 if layout == "gaps" else 1
    items = max((prod(shape) - 1) * gap + 1, 0) if prod(shape) else 0
    held = memory(items * dtype.itemsize, end)
    strides, step = [0] * len(shape), gap * dtype.itemsize
    for axis in reversed(order):
        strides[axis], step = step, step * shape[axis]
    return np.ndarray(shape, dtype, held.data if items else None, 0, strides)


def copied(array: np.ndarray, end: bool, layout: str = "C") -> np.ndarray:
    """A copy in such memory."""
    copy = empty(array.shape, array.dtype, end, layout)
    copy[...] = array
    return copy
