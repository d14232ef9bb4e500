"""Missing samples: replace them by zeros, deduct their weights, and divide sums by shares."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from .. import load
from .compile import array, compiled

__all__ = ["below", "code", "deduct", "divide", "drop"]

# mypy: disable-error-code="no-untyped-def"

BYTE = from_dtype(np.dtype(np.uint8))


def drop(
    x: NDArray, valid: NDArray[np.uint8], missing: NDArray[np.int64], nan: bool, told: bool
) -> None:
    if not told:
        valid.fill(1)
    count: Any = code("drop", x.dtype)(x.reshape(-1), valid.reshape(-1), nan)
    missing[0] = count


def deduct(
    shares: NDArray,
    valid: NDArray[np.uint8],
    missing: NDArray[np.int64],
    w: NDArray,
    starts: NDArray[np.int64],
    width: int,
    most: int,
    least: float,
) -> bool:
    if missing[0] == 0:
        return True
    if missing[0] > most:
        return False
    shares.fill(1)
    deducted = code("deduct", shares.dtype)
    return bool(deducted(shares, valid.reshape(-1), w, starts, width, least))


def divide(
    out: NDArray, shares: NDArray, missing: NDArray[np.int64], full: float, least: float
) -> None:
    if missing[0]:
        for index in np.ndindex(out.shape[:-2]):
            rows = [a[index][(None,) * (2 - a[index].ndim)] for a in (out, shares)]
            code("divide", out.dtype)(*rows, full, least)


def below(out: NDArray, x: NDArray, missing: NDArray[np.int64], least: float) -> None:
    load("numpy").below(out, x, missing, least)


def drop_items(x, valid, nan):
    """Put zeros in the place of missing samples and return how many there are."""
    missing = 0
    for i in range(len(x)):
        kept = valid[i] & (not nan or x[i] == x[i])
        valid[i] = kept
        x[i] = x[i] if kept else 0
        missing += 1 - kept
    return missing


def deduct_weights(shares, valid, w, starts, width, least):
    """Subtract the weights of missing samples and return whether shares stay at least the least."""
    kept = True
    for i in range(len(valid)):
        if valid[i]:
            continue
        for row in range(len(w)):
            first = i + starts[row]
            for at in range(width):
                share = shares[first + at] - w[row, at]
                shares[first + at] = share
                kept &= share >= least
    return kept


def divide_sums(out, shares, full, least):
    """Divide sums in place."""
    for row in range(out.shape[0]):
        for i in range(out.shape[1]):
            share = shares[row, i]
            part = np.nan if share < least else out[row, i] / share
            out[row, i] = out[row, i] if share >= full else part


@cache
def code(kernel: str, dtype: np.dtype) -> Callable[..., object]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    filled, read = array(item, readonly=False), array(BYTE)
    if kernel == "drop":
        known = array(BYTE, readonly=False)
        return compiled(drop_items, types.int64(filled, known, types.boolean))
    if kernel == "deduct":
        rows, starts = array(item, 2), array(types.int64)
        operands = filled, read, rows, starts, types.int64, item
        return compiled(deduct_weights, types.boolean(*operands))
    sums, shares = array(item, 2, "A", readonly=False), array(item, 2, "A")
    return compiled(divide_sums, types.void(sums, shares, item, item))
