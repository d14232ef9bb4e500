"""Blurs of bytes in fixed point: a mean along one axis, then along the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...problem import fixed
from .box import BAND_OUTPUTS, part

__all__ = ["blur"]


def blur(out: NDArray, x: NDArray, w: NDArray) -> None:
    weights, rows = w.ravel().tolist(), out.shape[-2]
    half = (x.shape[-2] - rows) // 2
    down, across = weights[: half + 1], weights[half + 1 :]
    added = fixed.around(len(weights))
    band = max(BAND_OUTPUTS * rows // out.size, 2 * half, 1)
    for top in range(0, rows, band):
        height = min(band, rows - top)
        numbers = np.left_shift(part(x, -2, top, height + 2 * half), 8, dtype=np.uint32)
        means = _mean(_mean(numbers, down, -2), across, -1)
        means += added
        part(out, -2, top, height)[...] = means >> 8


def _mean(numbers: NDArray, weights: list[int], axis: int) -> NDArray:
    """The weighted mean of neighbours along an axis."""
    half = len(weights) - 1
    outputs = numbers.shape[axis] - 2 * half
    total: NDArray = part(numbers, axis, half, outputs) * weights[0]
    total >>= 16
    mean = np.empty_like(total)
    for distance, weight in enumerate(weights[1:], 1):
        before = part(numbers, axis, half - distance, outputs)
        np.add(before, part(numbers, axis, half + distance, outputs), out=mean)
        mean += 1
        mean >>= 1
        mean *= weight
        mean >>= 16
        total += mean
    return total
