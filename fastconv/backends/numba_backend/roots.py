"""Lengths of vectors of two components, compiled for a dtype when it is first seen."""

from __future__ import annotations

from collections.abc import Callable
from math import hypot
from typing import Any

import numba
import numpy as np
from numba import from_dtype, types

from .on_disk import array, compile_kept

__all__ = ["compiled"]

# mypy: disable-error-code="no-untyped-def"


@numba.njit(nogil=True)
def squares_of(squares, x, y):
    """The sums of squares of some vectors."""
    for i in range(len(squares)):
        squares[i] = x[i] * x[i] + y[i] * y[i]


@numba.njit(nogil=True)
def largest(bits):
    """The largest of some numbers that are not below zero, by their bits; NaN is beyond all."""
    most = bits.dtype.type(0)
    for i in range(len(bits)):
        most = max(most, bits[i] & ~(bits.dtype.type(1) << bits.dtype.type(bits.itemsize * 8 - 1)))
    return most


@numba.njit(nogil=True)
def roots(out, squares):
    """The roots of some numbers."""
    for i in range(len(out)):
        out[i] = np.sqrt(squares[i])


def lengths(out, x, y, room, bits, x_bits, y_bits, least, infinite):
    """Fill ``out``, which may be ``x`` or ``y``.

    ``room`` is for so many items that go one way or the other together, and ``bits`` are its own.
    """
    for start in range(0, len(out), len(room)):
        stop = min(start + len(room), len(out))
        some = stop - start
        squares_of(room[:some], x[start:stop], y[start:stop])
        most = largest(bits[:some])
        if least < most < infinite:
            roots(out[start:stop], room[:some])
        elif largest(x_bits[start:stop]) == 0 and largest(y_bits[start:stop]) == 0:
            out[start:stop] = 0
        else:
            for i in range(start, stop):
                out[i] = hypot(x[i], y[i])


def compiled(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items, whole = from_dtype(dtype), types.Integer.from_bitwidth(8 * dtype.itemsize, signed=True)
    operand, numbers = array(items, 1), array(whole, 1)
    result = array(items, 1, readonly=False)
    signature = types.void(
        result, operand, operand, result, numbers, numbers, numbers, whole, whole
    )
    return compile_kept(lengths, signature)
