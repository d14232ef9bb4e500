"""What the weights of a kernel allow: products of 1-D factors, or sums that need no products."""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import lowrank
from .problem import Form

__all__ = ["form", "has_no_form", "no_form"]

LEAST = 4
"""Taps along each of two axes from which on a product of factors may be the shorter sum."""


def form(
    w: tuple[NDArray, ...], x_dtype: np.dtype, compute: np.dtype, *, factors: bool, most: int
) -> Form:
    """The form of a kernel ``(groups, channels out, channels in, *taps)``, or of its factors.

    Up to ``most`` products are looked for, in what the kernel is calculated in.  Integers times
    integers stay exact: there it is one product of integers, or none.
    """
    if w[0].shape[1:3] != (1, 1):
        return no_form(w[0])
    uniform = all(bool(np.all((part == _first(part)) & np.isfinite(part))) for part in w)
    nonzero = prod(int(np.count_nonzero((part != 0).any(axis=0))) for part in w)
    rank = 1 if factors else _rank(w[0], x_dtype, compute, most)
    pattern = None
    if 2 * nonzero <= prod(max(part.shape[3 + axis] for part in w) for axis in range(w[0].ndim - 3)):
        used = reduce(np.multiply, w)[:, 0, 0].astype(bool).any(axis=0)
        pattern, nonzero = np.packbits(used).tobytes(), int(np.count_nonzero(used))
    return Form(factors, rank, uniform, nonzero, pattern)


def no_form(w: NDArray) -> Form:
    """What is said of a kernel whose weights allow nothing."""
    taps = prod(w.shape[3:])
    apart = w.shape[1:3] == (1, 1)
    return Form(False, None, uniform=apart and taps == 1, nonzero=taps if apart else None)


def has_no_form(w: NDArray, x_dtype: np.dtype, compute: np.dtype) -> bool:
    """Whether `form` is sure to say so, whatever it looks for; False may mean that nobody knows."""
    if w.shape[1:3] != (1, 1):
        return True
    if w.size == 0 or not w.all():
        return False
    corner, opposite = (0,) * w.ndim, (0, *(-1,) * (w.ndim - 1))
    if w[0].size > 1 and w[corner] == w[opposite]:  # other groups may tell
        return False
    return _rank(w[:1], x_dtype, compute, lowrank.MOST) is None


def _first(w: NDArray) -> NDArray:
    """The first weight of each group, with all axes."""
    corner: tuple[slice, ...] = (slice(1),) * w.ndim
    return w[(slice(None), *corner[1:])]


def _rank(w: NDArray, x_dtype: np.dtype, compute: np.dtype, most: int) -> int | None:
    """Products that sum up to the kernel of every group."""
    if sum(k >= LEAST for k in w.shape[3:]) < 2 or w.dtype.kind == "c" or x_dtype.kind == "c":
        return None
    if w.ndim != 5:  # several products travel from one pass to one other
        most = 1
    exact = w.dtype.kind != "f" and x_dtype.kind != "f"
    rank = 0
    for kernel in w.astype(object if exact else compute):
        products = lowrank.factors(kernel, most)
        if products is None:
            return None
        rank = max(rank, len(products))
    return rank
