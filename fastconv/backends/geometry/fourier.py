"""Lengths, twiddle factors and the order of frequencies, shared by all Fourier kernels.

A transform of n samples consists of passes of radix 4 with twiddles, and a last pass of radix 3, 4,
5, 6 or 8 without.  A negacyclic transform takes real columns of 2n samples, with their halves in
the two planes; products of such spectra are sums that wrap around with the opposite sign.  For
that, sample j of n is multiplied by ``exp(πi j / 2n)``, and by its conjugate in the inverse.

Frequencies stay in the order in which the passes leave them.  No kernel depends on their order, and
sorting them would cost a pass in each direction.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["LENGTHS", "order", "quarter_turn", "room", "twiddles"]

_LAST = (3, 4, 5, 6, 8)
"""Radices of the last pass, which has no twiddles."""
LENGTHS = tuple(sorted(last * 4**passes for last in _LAST for passes in range(1, 7)))
"""The supported lengths of transforms: 12, 16, 20, 24, 32, 48, ... 32768."""


@lru_cache(maxsize=len(LENGTHS))
def order(n: int) -> NDArray[np.intp]:
    """The frequency at each index of a spectrum of length ``n``."""
    if n in _LAST:
        return np.arange(n)
    quarter = order(n // 4)
    return np.concatenate([4 * quarter + k for k in range(4)])


@lru_cache(maxsize=2 * len(LENGTHS))
def twiddles(n: int, dtype: str) -> NDArray:
    """Real and imaginary parts: of `quarter_turn`, followed by those of ``exp(-2πi jk / length)``
    for each pass, each j, and k = 1, 2, 3.
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
    """The shape and dtype of the workspace of a transform of ``n``: ``n`` pairs of the widest
    vectors, as many factors, and one more pair.
    """
    return ((4 * n + 2) * 64 // dtype.itemsize,), dtype
