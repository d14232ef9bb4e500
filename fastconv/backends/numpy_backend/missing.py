"""Missing samples: replace them by zeros, deduct their weights, and divide sums by shares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["below", "deduct", "divide", "drop"]


def drop(
    x: NDArray, valid: NDArray[np.uint8], missing: NDArray[np.int64], nan: bool, told: bool
) -> None:
    if not told:
        valid.fill(1)
    if nan:
        np.logical_and(valid, x == x, out=valid.view(bool))
    missing[0] = valid.size - int(np.count_nonzero(valid))
    if missing[0]:
        bits = x.view(f"u{x.itemsize}")  # times one or zero: no branch for each sample
        np.multiply(bits, valid, out=bits)


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
    places = np.flatnonzero(valid == 0)
    kept = True
    for start, row in zip(starts, w, strict=True):
        for at in range(width):
            shares[places + (start + at)] -= row[at]
            kept = kept and bool((shares[places + (start + at)] >= least).all())
    return kept


@np.errstate(all="ignore")
def divide(
    out: NDArray, shares: NDArray, missing: NDArray[np.int64], full: float, least: float
) -> None:
    if missing[0]:
        partly = ~(shares >= full)
        np.divide(out, shares, out=out, where=partly)
        np.copyto(out, np.nan, where=shares < least)


def below(out: NDArray, x: NDArray, missing: NDArray[np.int64], least: float) -> None:
    if missing[0]:
        out[...] = x < least
