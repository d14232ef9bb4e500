"""Windows that slide along one axis: the parts of pooling, and of its gradients.

Results of windows along one axis are gathered again along the other: k + l steps for windows of
k × l samples, each of them one operation on whole arrays.  Padding is never stored: a tap skips the
windows in which no sample lies under it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.problem import Axis
from .masks import as_bits, mask

__all__ = ["areas", "largest", "pooled_shape", "scatter", "scatter_to_first", "sums"]


def _taps(axis: Axis) -> Iterator[tuple[slice, slice]]:
    """For each tap, the windows in which it finds a sample, and these samples."""
    last_start = (axis.out - 1) * axis.stride
    first = max(-((last_start - axis.before) // axis.dilation), 0)
    last = min((axis.size - 1 + axis.before) // axis.dilation, axis.taps - 1)
    for tap in range(first, last + 1):
        ahead = tap * axis.dilation - axis.before
        start = max(-(ahead // axis.stride), 0)
        stop = min((axis.size - 1 - ahead) // axis.stride + 1, axis.out)
        if start < stop:
            last = (stop - 1) * axis.stride + ahead
            yield slice(start, stop), slice(start * axis.stride + ahead, last + 1, axis.stride)


def pooled_shape(shape: tuple[int, ...], axes: dict[int, Axis]) -> tuple[int, ...]:
    """The shape of an array with one number for each window, from that of the samples."""
    return tuple(axes[along].out if along in axes else n for along, n in enumerate(shape))


def sums(x: NDArray, along: int, axis: Axis) -> NDArray:
    """The sum of each window."""
    return _gathered(np.add, x, along, axis, 0)


def largest(x: NDArray, along: int, axis: Axis) -> NDArray:
    """The largest sample of each window."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _gathered(np.maximum, x, along, axis, lowest)


def _gathered(combine: np.ufunc, x: NDArray, along: int, axis: Axis, neutral: Any) -> NDArray:
    out = np.full(pooled_shape(x.shape, {along: axis}), neutral, x.dtype)
    results, samples = np.moveaxis(out, along, 0), np.moveaxis(x, along, 0)
    for windows, under in _taps(axis):
        combine(results[windows], samples[under], out=results[windows])
    return out


def scatter(values: NDArray, along: int, axis: Axis) -> NDArray:
    """Add the value of each window to all of its samples: the adjoint of `sums`."""
    out = np.zeros((*values.shape[:along], axis.size, *values.shape[along + 1 :]), values.dtype)
    samples, results = np.moveaxis(out, along, 0), np.moveaxis(values, along, 0)
    for windows, under in _taps(axis):
        samples[under] += results[windows]
    return out


def scatter_to_first(
    values: NDArray, x: NDArray, peaks: NDArray, along: int, axis: Axis
) -> NDArray:
    """Add the value of each window to the first of its samples that is the largest."""
    out, bits = np.zeros(x.shape, values.dtype), as_bits(values).copy()
    received, samples, rest, highest = (
        np.moveaxis(array, along, 0) for array in (out, x, bits, peaks)
    )
    unknown = np.isnan(peaks).any()
    for windows, under in _taps(axis):
        found = samples[under] == highest[windows]
        if unknown:
            found |= np.isnan(samples[under])
        taken = rest[windows] & mask(found, rest.dtype)
        rest[windows] ^= taken
        received[under] += taken.view(values.dtype)
    return out


def areas(axes: dict[int, Axis], rank: int, padded: bool, dtype: np.dtype) -> NDArray:
    """The samples of each window, those of the padding with them or not."""
    area = np.ones((1,) * rank)
    for along, axis in axes.items():
        start = np.arange(axis.out) * axis.stride - axis.before
        stop = np.minimum(start + axis.extent, axis.size + padded * axis.before)
        length = stop - (start if padded else np.maximum(start, 0))
        area = area * np.expand_dims(length, [other for other in range(rank) if other != along])
    return area.astype(dtype)
