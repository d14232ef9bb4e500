"""Samples without those that are missing, and sums over the shares of weight that are left."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from .. import load
from .compile import array, compiled

__all__ = ["code", "divide", "select"]

# mypy: disable-error-code="no-untyped-def"

BYTE = np.dtype(np.uint8)


def select(out: NDArray, x: NDArray, valid: NDArray[np.uint8]) -> None:
    arrays = out, x, valid
    if not all(a.flags.c_contiguous and a.flags.aligned for a in arrays):
        load("numpy").select(out, x, valid)
        return
    whole = f"u{x.itemsize}"
    flat = [a.reshape(-1) for a in arrays]
    code("select", x.dtype)(flat[0].view(whole), flat[1].view(whole), flat[2])


def divide(out: NDArray, shares: NDArray, full: float, least: float) -> None:
    if not all(a.flags.c_contiguous and a.flags.aligned for a in (out, shares)):
        load("numpy").divide(out, shares, full, least)
        return
    code("divide", out.dtype)(out.reshape(-1), shares.reshape(-1), full, least)


def select_bits(out, bits, valid):
    """Fill ``out``, the bits of the result."""
    for i in range(len(out)):
        out[i] = bits[i] * valid[i]


def divide_sums(out, shares, full, least):
    """Divide sums in place."""
    for i in range(len(out)):
        share = shares[i]
        part = np.nan if share < least else out[i] / share
        out[i] = out[i] if share >= full else part


@cache
def code(kernel: str, dtype: np.dtype) -> Callable[..., object]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    if kernel == "divide":
        number = array(item, readonly=False), array(item), item, item
        return compiled(divide_sums, types.void(*number))
    whole = from_dtype(np.dtype(f"u{dtype.itemsize}"))
    operands = array(whole, readonly=False), array(whole), array(from_dtype(BYTE))
    return compiled(select_bits, types.void(*operands))
