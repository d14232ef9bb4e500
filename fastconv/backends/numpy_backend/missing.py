"""Missing samples: zeros in their place, the shares of weight that are left, and sums over them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["deduct", "divide", "drop"]


def drop(x: NDArray, valid: NDArray[np.uint8], nan: bool) -> int:
    if nan:
        np.logical_and(valid, x == x, out=valid.view(bool))
    missing = valid.size - int(np.count_nonzero(valid))
    if missing:
        bits = x.view(f"u{x.itemsize}")  # times one or zero: no branch for each sample
        np.multiply(bits, valid, out=bits)
    return missing


def deduct(
    shares: NDArray,
    valid: NDArray[np.uint8],
    w: NDArray,
    starts: NDArray[np.int64],
    width: int,
    least: float,
) -> bool:
    places = np.flatnonzero(valid == 0)
    kept = True
    for start, row in zip(starts, w, strict=True):
        for at in range(width):
            shares[places + (start + at)] -= row[at]
            kept = kept and bool((shares[places + (start + at)] >= least).all())
    return kept


@np.errstate(all="ignore")
def divide(out: NDArray, shares: NDArray, full: float, least: float) -> None:
    partly = ~(shares >= full)
    np.divide(out, shares, out=out, where=partly)
    np.copyto(out, np.nan, where=shares < least)
