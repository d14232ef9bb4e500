"""Log-step box sums: the sum of 2n neighbours is that of n, twice, side by side."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...problem import dtypes
from .copy import store

__all__ = ["box", "part"]

BAND_OUTPUTS = 1 << 16
"""Outputs of a band of rows: as many intermediate sums stay in a cache."""


@np.errstate(all="ignore")
def box(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    rank = len(size)
    rows, beyond = out.shape[-rank], size[0] - 1
    band = max(BAND_OUTPUTS * rows // out.size, beyond, 1)
    for top in range(0, rows, band):
        height = min(band, rows - top)
        samples, sums = part(x, -rank, top, height + beyond), part(out, -rank, top, height)
        if out.dtype == w.dtype:
            _box(sums, samples, w, bias, size, relu)
        else:
            wide = dtypes.exact_dtype(prod(size) * dtypes.largest(x.dtype))
            exact, ones = np.empty(sums.shape, wide), (1,) * rank
            _box(exact, samples, np.ones_like(w, wide), np.zeros_like(bias, wide), size, False)
            weighed = exact.astype(w.dtype, copy=False)
            weighed *= w.reshape(*w.shape, *ones)
            weighed += bias.reshape(*bias.shape, *ones)
            store(sums, weighed)


def _box(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    """All windows of a band of rows, with intermediate sums of its size."""
    ones = (1,) * len(size)
    sums = x * w.reshape(*w.shape, *ones)
    for axis, length in enumerate(size, -len(size)):
        sums = _sums_of(length, sums, axis)
    np.add(sums, bias.reshape(*bias.shape, *ones), out=out)
    if relu:
        np.maximum(out, 0, out=out)


def _sums_of(length: int, x: NDArray, axis: int) -> NDArray:
    """Sums of adjacent items along an axis."""
    if length == 1:
        return x
    half = _sums_of(length // 2, x, axis)
    outputs = x.shape[axis] - length + 1
    sums: NDArray = part(half, axis, 0, outputs) + part(half, axis, length // 2, outputs)
    if length % 2:
        sums += part(x, axis, length - 1, outputs)
    return sums


def part(x: NDArray, axis: int, start: int, length: int) -> NDArray:
    """Some neighbours along an axis, which is counted from the last one."""
    where: list[Any] = [..., slice(start, start + length), *(slice(None),) * (-1 - axis)]
    part: NDArray = x[tuple(where)]
    return part
