"""Samples without those that are missing, and sums over the shares of weight that are left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["divide", "select"]


def select(out: NDArray, x: NDArray, valid: NDArray[np.uint8]) -> None:
    bits = f"u{x.itemsize}"  # times one or zero: no branch for each sample
    np.multiply(x.view(bits), valid, out=out.view(bits))


@np.errstate(all="ignore")
def divide(out: NDArray, shares: NDArray, full: float, least: float) -> None:
    partly = ~(shares >= full)
    np.divide(out, shares, out=out, where=partly)
    np.copyto(out, np.nan, where=shares < least)
