"""Windows that slide along one axis: the building blocks of pooling and its gradients.

Axes are pooled one after the other: windows of k × l samples take k + l steps, each of them one
operation on whole arrays.  Padding is never stored: a tap skips windows where it lies on padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import config
from ..problem import dtypes
from ..problem.problem import Axis
from ..run import threads
from .masks import as_bits, mask

__all__ = [
    "largest",
    "largest_in_stages",
    "means",
    "pooled_shape",
    "scatter_to_peaks",
    "shared_out",
]

SHARED_BYTES = 1 << 20
"""Bytes of samples from which on several threads are used."""
PIECE_BYTES = 1 << 19
"""Bytes of samples that are pooled at a time."""


def _taps(axis: Axis) -> Iterator[tuple[slice, slice]]:
    """For each tap, the windows in which it lies on a sample, and these samples."""
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
    """The shape of the result, from that of the samples."""
    return tuple(axes[along].out if along in axes else n for along, n in enumerate(shape))


def means(samples: NDArray, axes: dict[int, Axis], padded: bool) -> NDArray:
    """The mean of each window, in which zeros of the padding may count."""
    result = dtypes.widened(samples)
    with np.errstate(all="ignore"):
        for along, axis in axes.items():
            result = _sums(result, along, axis)
        result /= _areas(axes, samples.ndim, padded, result.dtype)
    return dtypes.stored(result, samples.dtype, None)


def shared_out(grads: NDArray, axes: dict[int, Axis], padded: bool) -> NDArray:
    """The gradient of `means`: each window's gradient is distributed over its samples."""
    shares = dtypes.widened(grads)
    with np.errstate(all="ignore"):
        shares = shares / _areas(axes, grads.ndim, padded, shares.dtype)
        for along, axis in axes.items():
            shares = _scatter(shares, along, axis)
    return dtypes.stored(shares, grads.dtype, None)


def largest_in_stages(x: NDArray, axes: dict[int, Axis]) -> list[NDArray]:
    """The samples, then the largest of windows along the last axis, then along the last two, …"""
    stages = [x]
    for along, axis in reversed(axes.items()):
        stages.append(_largest(stages[-1], along, axis))
    return stages


def largest(x: NDArray, axes: dict[int, Axis]) -> NDArray:
    """The largest sample of each window.

    The last axis, along which steps are expensive, comes last, when the other axes have left fewer
    samples.  Pieces that fit in a near cache are distributed over threads.
    """
    lead = min(axes)
    rows = prod(x.shape[:lead])
    each = x.nbytes // max(rows, 1)
    if not rows or x.nbytes < SHARED_BYTES or not x.flags.c_contiguous:
        return _largest_of_all(x, axes)
    out = np.empty(pooled_shape(x.shape, axes), x.dtype)
    pieces = x.reshape(rows, *x.shape[lead:])
    results = out.reshape(rows, *out.shape[lead:])
    within = {along - lead + 1: axis for along, axis in axes.items()}
    step = max(PIECE_BYTES // max(each, 1), 1)
    first = within[1]
    bands = min(max(each // PIECE_BYTES, 1), first.out)

    def task(number: int) -> None:
        number, band = divmod(number, bands)
        some = slice(number * step, (number + 1) * step)
        start, stop = (first.out * edge // bands for edge in (band, band + 1))
        samples, axis = _part(first, start, stop)
        reads = pieces[some, samples]
        results[some, start:stop] = _largest_of_all(reads, {**within, 1: axis})

    threads.run(task, -(-rows // step) * bands, config.resolve_threads(None))
    return out


def _part(axis: Axis, start: int, stop: int) -> tuple[slice, Axis]:
    """The samples of some windows, and the axis with these alone."""
    first, end = axis.reads(start, stop)
    low, high = max(first, 0), min(end, axis.size)
    return slice(low, high), axis._replace(size=high - low, before=low - first, out=stop - start)


def _largest_of_all(x: NDArray, axes: dict[int, Axis]) -> NDArray:
    for along, axis in axes.items():
        x = _largest(x, along, axis)
    return x


def scatter_to_peaks(grads: NDArray, stages: list[NDArray], axes: dict[int, Axis]) -> NDArray:
    """The gradient of the last stage: each window's goes to its largest sample, and to the first
    one in row order if several are the largest.
    """
    for (along, axis), peaks, x in zip(axes.items(), stages[:0:-1], stages[-2::-1], strict=True):
        grads = _scatter_to_first(grads, x, peaks, along, axis)
    return grads


def _sums(x: NDArray, along: int, axis: Axis) -> NDArray:
    """The sum of each window."""
    return _gathered(np.add, x, along, axis, 0)


def _largest(x: NDArray, along: int, axis: Axis) -> NDArray:
    """The largest sample of each window."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    return _gathered(np.maximum, x, along, axis, lowest)


def _gathered(combine: np.ufunc, x: NDArray, along: int, axis: Axis, neutral: Any) -> NDArray:
    shape = pooled_shape(x.shape, {along: axis})
    samples = np.moveaxis(x, along, 0)
    taps = list(_taps(axis))
    whole = [tap for tap in taps if tap[0] == slice(0, axis.out)]
    if len(whole) > 1:  # all windows have these two, and need nothing to begin with
        out = np.empty(shape, x.dtype)
        results = np.moveaxis(out, along, 0)
        first, second = whole[:2]
        combine(samples[first[1]], samples[second[1]], out=results)
        taps = [tap for tap in taps if tap not in (first, second)]
    else:
        out = np.full(shape, neutral, x.dtype)
        results = np.moveaxis(out, along, 0)
    for windows, under in taps:
        combine(results[windows], samples[under], out=results[windows])
    return out


def _scatter(values: NDArray, along: int, axis: Axis) -> NDArray:
    """Add the value of each window to all of its samples: the adjoint of `_sums`."""
    out = np.zeros((*values.shape[:along], axis.size, *values.shape[along + 1 :]), values.dtype)
    samples, results = np.moveaxis(out, along, 0), np.moveaxis(values, along, 0)
    for windows, under in _taps(axis):
        samples[under] += results[windows]
    return out


def _scatter_to_first(
    values: NDArray, x: NDArray, peaks: NDArray, along: int, axis: Axis
) -> NDArray:
    """Add the value of each window to the first of its samples that is the largest."""
    in_pairs = (axis.taps, axis.stride, axis.dilation, axis.before) == (2, 2, 1, 0)
    in_pairs = in_pairs and axis.size == 2 * axis.out
    out = (np.empty if in_pairs else np.zeros)(x.shape, values.dtype)
    bits = as_bits(values)
    received, samples, rest, highest = (
        np.moveaxis(array, along, 0) for array in (out, x, bits, peaks)
    )
    unknown = np.isnan(peaks).any()
    if in_pairs:
        first, second = as_bits(received)[::2], as_bits(received)[1::2]
        found = _found(samples[::2], highest, unknown)
        np.bitwise_and(rest, mask(found), out=first)
        np.bitwise_xor(rest, first, out=second)
        return out
    rest = rest.copy()
    for windows, under in _taps(axis):
        taken = rest[windows] & mask(_found(samples[under], highest[windows], unknown))
        rest[windows] ^= taken
        received[under] += taken.view(values.dtype)
    return out


def _found(samples: NDArray, highest: NDArray, unknown: bool) -> NDArray:
    """A mask of the samples that equal the largest of their window, or are NaN."""
    found: NDArray = samples == highest
    if unknown:
        found |= np.isnan(samples)
    return found


def _areas(axes: dict[int, Axis], rank: int, padded: bool, dtype: np.dtype) -> NDArray:
    """The number of samples of each window, with or without those of the padding."""
    area = np.ones((1,) * rank)
    for along, axis in axes.items():
        start = np.arange(axis.out) * axis.stride - axis.before
        stop = np.minimum(start + axis.extent, axis.size + padded * axis.before)
        length = stop - (start if padded else np.maximum(start, 0))
        area = area * np.expand_dims(length, [other for other in range(rank) if other != along])
    return area.astype(dtype)
