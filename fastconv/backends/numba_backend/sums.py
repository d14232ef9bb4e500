"""What is done to whole arrays of sums and samples: the bias epilogue, range checks, and sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from math import inf
from typing import Any

import numba
import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from .compile import array, compiled

__all__ = ["accumulate", "epilogue", "epilogue_code", "in_range", "in_range_code"]

# mypy: disable-error-code="no-untyped-def"

BLOCK = 16
"""Rows and columns of samples whose largest magnitude is compared with that of all."""


def epilogue(out: NDArray, bias: NDArray, relu: bool) -> bool:
    by_channel = out.strides[0] < out.strides[3] and out.shape[0] > 1
    rows = out.transpose(1, 2, 3, 0) if by_channel else out
    floor = 0 if relu else -inf if out.dtype.kind == "f" else np.iinfo(out.dtype).min
    return bool(epilogue_code(out.dtype)(rows, bias, floor, by_channel))


def in_range(x: NDArray, limit: float) -> bool:
    if not x.size:
        return True
    code, bits = in_range_code(x.dtype), np.dtype(f"i{x.itemsize}")
    found = np.array([0, inf], x.dtype)
    has_zeros = False
    for planes in _planes(x):
        has_zeros |= code(planes.view(bits), found.view(bits))
    largest, least = found.tolist()
    if not largest < inf:
        return False
    return limit == inf or (least >= largest / limit and (largest <= limit or not has_zeros))


def accumulate(out: NDArray, x: NDArray) -> None:
    with np.errstate(all="ignore"):
        np.add(out, x, out=out)  # already a vectorised loop without the GIL


def _planes(x: NDArray) -> Iterator[NDArray]:
    """Arrays of three axes that make up one of any rank; rows are contiguous if columns are."""
    x = x[(None,) * (3 - x.ndim)]
    if x.strides[-2] < x.strides[-1]:
        x = x.swapaxes(-1, -2)
    if x.flags.c_contiguous:
        x = x.reshape(-1, *x.shape[-2:])
    for index in np.ndindex(x.shape[:-3]):
        yield x[index]


@numba.njit(nogil=True)
def add_to_row(sums, bias, floor):
    """Add a bias to some sums, and say whether all of them are finite."""
    finite = True
    for i in range(len(sums)):
        total = sums[i] + bias
        finite &= np.abs(total) < np.inf
        sums[i] = floor if total < floor else total
    return finite


@numba.njit(nogil=True)
def add_to_channels(sums, bias, floor):
    """Add to each sum the bias of its channel, and say whether all of them are finite."""
    finite = True
    for i in range(len(sums)):
        total = sums[i] + bias[i]
        finite &= np.abs(total) < np.inf
        sums[i] = floor if total < floor else total
    return finite


def add_bias(out, bias, floor, by_channel):
    """Add the bias; channels are the last axis, or the first one."""
    finite = True
    for i, j, k in np.ndindex(out.shape[:3]):
        if by_channel:
            finite &= add_to_channels(out[i, j, k], bias, floor)
        else:
            finite &= add_to_row(out[i, j, k], bias[i], floor)
    return finite


@cache
def epilogue_code(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    out, bias = array(item, 4, "A", readonly=False), array(item, 1, "A")
    return compiled(add_bias, types.boolean(out, bias, item, types.boolean))


@numba.njit(nogil=True)
def keep_larger(columns, row):
    """The magnitudes of a row of floats, by their bits, where they are larger; NaN is largest."""
    sign = row.dtype.type(1) << row.dtype.type(row.itemsize * 8 - 1)
    for i in range(len(columns)):
        columns[i] = max(columns[i], row[i] & ~sign)


@numba.njit(nogil=True)
def largest_of(numbers):
    """The largest of some numbers that are not negative."""
    most = numbers.dtype.type(0)
    for i in range(len(numbers)):
        most = max(most, numbers[i])
    return most


def measure_blocks(planes, found):
    """Raise the largest magnitude that was found, lower the smallest one of a block that has any,
    and say whether some block is all zeros.
    """
    columns, has_zeros = np.empty(planes.shape[2], planes.dtype), False
    for plane in range(planes.shape[0]):
        for top in range(0, planes.shape[1], BLOCK):
            columns[:] = 0
            for row in range(top, min(top + BLOCK, planes.shape[1])):
                keep_larger(columns, planes[plane, row])
            for left in range(0, len(columns), BLOCK):
                most = largest_of(columns[left : left + BLOCK])
                has_zeros |= most == 0
                found[0] = max(found[0], most)
                if most:
                    found[1] = min(found[1], most)
    return has_zeros


@cache
def in_range_code(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for the bits of a dtype."""
    bits = types.Integer.from_bitwidth(8 * dtype.itemsize, signed=True)
    return compiled(measure_blocks, types.boolean(array(bits, 3, "A"), array(bits, readonly=False)))
