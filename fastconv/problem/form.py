"""Structure in the weights of a kernel that algorithms exploit: low rank, equal weights, zeros."""

from __future__ import annotations

from cmath import isfinite
from functools import lru_cache, reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import lowrank
from .problem import Form

__all__ = ["form", "has_no_form", "no_form", "whole_sum"]

MIN_TAPS = 4
"""Taps along each of two axes from which on factors may need fewer multiply-adds."""
MAX_LISTED = 64
"""Weights up to which a list is faster to examine than an array."""
MAX_REMEMBERED_BYTES = 1 << 12
"""Bytes of the largest kernel whose rank is cached."""
BYTES = np.dtype("u1"), np.dtype("i1")
MOST_WHOLE = 512
"""Taps of the largest kernel that is examined for whole weights."""
MAX_WHOLE = 2**15 - 1
"""The largest magnitude of a weight, in units."""
MAX_WHOLE_SUM = 2**24 // 255
"""The largest sum of magnitudes for which float32 holds sums of products with bytes exactly."""
MAX_UNITS = 2**24
"""The largest reciprocal of a unit."""


def form(
    w: tuple[NDArray, ...], x_dtype: np.dtype, compute: np.dtype, *, factors: bool, most: int
) -> Form:
    """The form of a kernel ``(groups, channels out, channels in, *taps)``, or of its factors.

    Up to ``most`` products of 1-D factors are looked for, to the precision of ``compute``.  If
    samples and weights are integers, the factors must be integers as well: one exact product, or
    none.
    """
    if w[0].shape[1:3] != (1, 1):
        return no_form(w[0])
    uniform, nonzero = True, 1
    for part in w:
        part_uniform, part_nonzero = _uniform_and_nonzero(part)
        uniform = uniform and part_uniform
        nonzero *= part_nonzero
    taps = w[0].size // len(w[0]) if len(w) == 1 else prod([part.size for part in w])
    listed = 2 * nonzero <= taps and not _is_slope(w, compute)
    pattern = _pattern(w) if listed else None
    rank = 1 if factors else _rank(w[0], x_dtype, compute, most)
    return Form(factors, rank, uniform, nonzero, pattern)


def no_form(w: NDArray) -> Form:
    """The form of a kernel without structure."""
    taps = prod(w.shape[3:])
    single = w.shape[1:3] == (1, 1)
    return Form(False, None, uniform=single and taps == 1, nonzero=taps if single else None)


def has_no_form(w: NDArray, x_dtype: np.dtype, compute: np.dtype) -> bool:
    """Whether `form` certainly equals `no_form`; False if that is not cheap to find out."""
    if w.shape[1:3] != (1, 1):
        return True
    if w.size == 0 or not w.all():
        return False
    corner, opposite = (0,) * w.ndim, (0, *(-1,) * (w.ndim - 1))
    if w[0].size > 1 and w[corner] == w[opposite]:  # weights may be equal
        return False
    return _rank(w[:1], x_dtype, compute, lowrank.MOST) is None


def whole_sum(w: tuple[NDArray, ...], x_dtype: np.dtype, compute: np.dtype) -> int | None:
    """`Form.whole` of a kernel, or of the product of its factors."""
    taps = prod([part.size for part in w])
    if x_dtype not in BYTES or compute != np.float32 or w[0].dtype.kind == "c" or taps > MOST_WHOLE:
        return None
    kernel: NDArray = reduce(np.multiply, [part.astype(np.float64) for part in w])
    weights = kernel.ravel().tolist()
    units = 1
    for weight in weights:
        if weight.is_integer():
            continue
        if not isfinite(weight):
            return None
        units = max(units, weight.as_integer_ratio()[1])
        if units > MAX_UNITS:
            return None
    magnitudes = [abs(weight) * units for weight in weights]
    total = sum(magnitudes)
    return int(total) if max(magnitudes) <= MAX_WHOLE and total <= MAX_WHOLE_SUM else None


def _uniform_and_nonzero(w: NDArray) -> tuple[bool, int]:
    """Whether the weights of each group are equal and finite, and the number of taps that are not
    zero in at least one group.
    """
    groups, taps = len(w), w.size // len(w)
    if w.size <= MAX_LISTED and groups == 1:
        values = w.ravel().tolist()
        first = values[0]
        return values.count(first) == taps and isfinite(first), taps - values.count(0)
    differs = w.item(0) != w.item(taps - 1) or w.item(0) != w.item(taps // 2)
    nonzero = taps if w.all() else int(np.count_nonzero((w != 0).any(axis=0)))
    return not differs and bool(np.all((w == _first(w)) & np.isfinite(w))), nonzero


def _first(w: NDArray) -> NDArray:
    """The first weight of each group, with all axes."""
    corner: tuple[slice, ...] = (slice(1),) * w.ndim
    return w[(slice(None), *corner[1:])]


def _pattern(w: tuple[NDArray, ...]) -> bytes:
    """`Form.pattern` of a kernel, or of the product of its factors."""
    used: NDArray = reduce(np.multiply, [(part != 0).any(axis=(0, 1, 2)) for part in w])
    return np.packbits(used).tobytes()


def _is_slope(w: tuple[NDArray, ...], compute: np.dtype) -> bool:
    """Whether weights are antisymmetric floats along a single axis: the sum over all taps, zeros
    included, is exactly zero for flat samples.
    """
    kinds = compute.kind + w[0].dtype.kind
    if len(w) > 1 or max(w[0].shape[3:]) * len(w[0]) < w[0].size or kinds not in ("ff", "fi"):
        return False
    line = w[0].reshape(len(w[0]), -1).astype(compute)
    return bool((line == -line[:, ::-1]).all())


def _rank(w: NDArray, x_dtype: np.dtype, compute: np.dtype, most: int) -> int | None:
    """The number of products of 1-D factors that sum up to the kernel of each group, or None."""
    if sum([k >= MIN_TAPS for k in w.shape[3:]]) < 2 or w.dtype.kind == "c" or x_dtype.kind == "c":
        return None
    if w.ndim != 5:  # only two passes, along two axes, can carry several products
        most = 1
    exact = w.dtype.kind != "f" and x_dtype.kind != "f"
    dtype = np.dtype(object) if exact else compute
    if w.nbytes <= MAX_REMEMBERED_BYTES:
        return _remembered_rank(w.tobytes(), w.dtype, w.shape, dtype, most)
    return _rank_as(w, dtype, most)


@lru_cache(maxsize=256)
def _remembered_rank(
    weights: bytes, w_dtype: np.dtype, shape: tuple[int, ...], dtype: np.dtype, most: int
) -> int | None:
    """`_rank_as` with a cache, as the same kernel is used for samples of many shapes."""
    return _rank_as(np.frombuffer(weights, w_dtype).reshape(shape), dtype, most)


def _rank_as(w: NDArray, dtype: np.dtype, most: int) -> int | None:
    rank = 0
    for kernel in w.astype(dtype):
        products = lowrank.factors(kernel, most)
        if products is None:
            return None
        rank = max(rank, len(products))
    return rank
