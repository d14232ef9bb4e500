"""Magnitudes of vectors of two components."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import hypot

import numba
import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from .. import load
from .compile import array, compiled

__all__ = ["code", "magnitude"]

# mypy: disable-error-code="no-untyped-def"

BLOCK = 1024
"""Items whose squares stay in the L1 cache."""


def magnitude(out: NDArray, parts: Sequence[NDArray]) -> None:
    plain = all(a.flags.c_contiguous and a.flags.aligned for a in (out, *parts))
    if not plain or len(parts) != 2 or out.dtype not in (np.float32, np.float64):
        load("numpy").magnitude(out, parts)
        return
    floats, whole = np.finfo(out.dtype), f"i{out.itemsize}"
    limits = np.array([floats.tiny / floats.eps**2, np.inf], out.dtype).view(whole)
    items = [a.reshape(-1) for a in (out, *parts)]
    code(out.dtype)(*items, *(a.view(whole) for a in items[1:]), *limits)


@numba.njit(nogil=True)
def square(squares, x, y):
    """The sums of two squares."""
    for i in range(len(squares)):
        squares[i] = x[i] * x[i] + y[i] * y[i]


@numba.njit(nogil=True)
def largest(bits):
    """The bits of the largest magnitude; NaN is above all others."""
    most, sign = bits.dtype.type(0), bits.dtype.type(1) << bits.dtype.type(bits.itemsize * 8 - 1)
    for i in range(len(bits)):
        most = max(most, bits[i] & ~sign)
    return most


@numba.njit(nogil=True)
def take_roots(out, squares):
    """The square roots of some numbers."""
    for i in range(len(out)):
        out[i] = np.sqrt(squares[i])


def fill_magnitudes(out, x, y, x_bits, y_bits, least, infinite):
    """Fill ``out``, which may be ``x`` or ``y``, by squares if in range, and else by `hypot`."""
    squares = np.empty(BLOCK, out.dtype)
    bits = squares.view(x_bits.dtype)
    for first in range(0, len(out), BLOCK):
        last = min(first + BLOCK, len(out))
        some = last - first
        square(squares[:some], x[first:last], y[first:last])
        most = largest(bits[:some])
        if least < most < infinite:
            take_roots(out[first:last], squares[:some])
        elif largest(x_bits[first:last]) == 0 and largest(y_bits[first:last]) == 0:
            out[first:last] = 0
        else:
            for i in range(first, last):
                out[i] = hypot(x[i], y[i])


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item, whole = from_dtype(dtype), types.Integer.from_bitwidth(8 * dtype.itemsize, signed=True)
    operand, bits = array(item), array(whole)
    signature = types.void(array(item, readonly=False), operand, operand, bits, bits, whole, whole)
    return compiled(fill_magnitudes, signature)
