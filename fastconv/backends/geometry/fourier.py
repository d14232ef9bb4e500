"""What the Fourier kernels share: the lengths they know, their twiddles, the order of frequencies.

A transform of n samples is passes of radix 4 with twiddles, then one of radix 3, 4, 5, 6 or 8
without.  A negacyclic one transforms real columns of 2n samples, of which the two planes are the
halves: products of such spectra are sums that wrap around with the opposite sign.  To that end,
sample j of n is multiplied by ``exp(πi j / 2n)``, and by its conjugate on the way back.

Frequencies come out in the order in which those passes leave them: nobody has to
read a spectrum in order, and sorting it would cost another pass there and one back.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["LENGTHS", "order", "quarter_turn", "room", "twiddles"]

_LAST = (3, 4, 5, 6, 8)
"""Radices of the pass without twiddles."""
LENGTHS = tuple(sorted(last * 4**passes for last in _LAST for passes in range(1, 7)))
"""Samples that can be transformed: 12, 16, 20, 24, 32, 48, ... 32768."""


@lru_cache(maxsize=len(LENGTHS))
def order(n: int) -> NDArray[np.intp]:
    """Which frequency stands at each place of a spectrum of ``n``."""
    if n in _LAST:
        return np.arange(n)
    quarter = order(n // 4)
    return np.concatenate([4 * quarter + k for k in range(4)])


@lru_cache(maxsize=2 * len(LENGTHS))
def twiddles(n: int, dtype: str) -> NDArray:
    """Real and imaginary parts: of `quarter_turn`, and then of ``exp(-2πi jk / length)``, for each
    pass, j and k = 1, 2, 3.
    """
    tables = [quarter_turn(n).view(np.float64)]
    length = n
    while length not in _LAST:
        turns = np.outer(np.arange(length // 4), (1, 2, 3)) / length
        tables.append(np.exp(-2j * np.pi * turns).ravel().view(np.float64))
        length //= 4
    return np.concatenate(tables).astype(dtype)


def quarter_turn(n: int) -> NDArray[np.complex128]:
    """The factors ``exp(πi j / 2n)`` of a negacyclic transform."""
    turns: NDArray[np.complex128] = np.exp(0.5j * np.pi / n * np.arange(n))
    return turns


def room(n: int, dtype: np.dtype) -> tuple[tuple[int], np.dtype]:
    """The shape and dtype of what a transform of ``n`` needs beside its arrays: ``n`` pairs of the
    widest vectors, as many factors, and one more pair.
    """
    return ((4 * n + 2) * 64 // dtype.itemsize,), dtype
