"""Operations on sums in place, and checks of samples and sums."""

from __future__ import annotations

from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

__all__ = ["accumulate", "at_most", "epilogue", "in_range"]

BLOCK = 16
"""Samples along each axis of a block in `in_range`."""


@np.errstate(all="ignore")
def epilogue(out: NDArray, bias: NDArray, relu: bool) -> bool:
    out += bias[:, None, None, None]
    finite = bool(np.isfinite(out).all())
    if relu:
        np.maximum(out, 0, out=out)
    return finite


@np.errstate(all="ignore")
def in_range(x: NDArray, limit: float) -> bool:
    if limit == inf:
        return bool(np.isfinite(x).all())
    blocks = np.abs(x)
    for axis in range(-min(x.ndim, 2), 0):
        blocks = np.maximum.reduceat(blocks, np.arange(0, x.shape[axis], BLOCK), axis)
    largest = float(blocks.max())
    if not isfinite(largest):
        return False
    if largest > limit**2 and not blocks.all():
        return False
    return float(blocks.min(initial=largest, where=blocks > 0)) >= largest / limit


@np.errstate(all="ignore")
def accumulate(out: NDArray, x: NDArray) -> None:
    np.add(out, x, out=out)


@np.errstate(all="ignore")
def at_most(out: NDArray, ceiling: float) -> None:
    np.minimum(out, out.dtype.type(ceiling), out=out)
