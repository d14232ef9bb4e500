"""The gradient of the weights of a convolution: long sums over all outputs, for each weight.

The gradient under a tap is a matrix product: the gradients of the outputs, a row for each output
channel, times the samples that the tap reads for them, a column for each input channel.  It is
taken in slabs of outputs, one after the other, so that neither memory nor errors grow with the
image.  A block of the result is one thread's from its first slab to its last, which makes the bits
the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import backends, config, parallel, scratch
from .boundary import runs
from .problem import Axis, Problem

__all__ = ["weight_gradient"]

SLAB = 1 << 12
"""Outputs of a slab at most."""
CHANNELS = 64
"""Channels on each side of a matrix product."""
SERIAL = 1 << 18
"""Products of a matrix product that OpenBLAS computes on the calling thread."""
SERIAL_VECTOR = 1 << 13
"""The same where one of the matrices is a vector."""
SHARED = 1 << 22
"""Products from which on threads share the work."""

Box = tuple[slice, ...]
Extend = Callable[[NDArray, NDArray, tuple[NDArray[np.int64], ...], float], None]


def weight_gradient(
    problem: Problem, x: NDArray, gy: NDArray, backend: str, threads: int | None
) -> NDArray:
    """For each weight, the sum over all outputs of ``gy`` times the conjugate of the sample.

    Parameters
    ----------
    problem : Problem
        The convolution.
    x, gy : ndarray
        What it read, and the gradient of what it made of that, of any strides.
    backend : str
        The backend that extends samples by their border.
    threads : int, optional
        As in every call.

    Returns
    -------
    ndarray
        ``(K, C // groups, *taps)``, in the numbers that `problem` is calculated in.
    """
    batch, rank = len(problem.batch), len(problem.axes)
    images = prod(problem.batch)
    samples = problem.view_x(x).reshape(images, *problem.canonical_x[batch:])
    gradients = problem.view_out(gy).reshape(images, *problem.canonical_out[batch:])
    dtype = np.result_type(problem.compute, *([np.complex64] if problem.complex else []))
    shape = (*problem.taps, problem.groups, problem.out_channels, problem.in_channels)
    sums = np.zeros(shape, dtype)
    blocks = _boxes((problem.groups, problem.in_channels), CHANNELS)
    tasks = list(product(np.ndindex(problem.taps), blocks))
    slabs = _boxes((images, *gradients.shape[3:]), SLAB)
    extend = backends.load(backend).extend

    def run(number: int) -> None:
        tap, (groups, channels) = tasks[number]
        axes = [
            replace(axis, taps=1, before=axis.before - t * axis.dilation)
            for axis, t in zip(problem.axes, tap, strict=True)
        ]
        its = sums[(*tap, groups, slice(None), channels)]
        for image, *region in slabs:
            mark = scratch.mark()
            try:
                y = gradients[(image, groups, slice(None), *region)]
                x = _seen(axes, region, samples[image, groups, channels], extend, dtype)
                _add_products(its, _rows(y.astype(dtype, copy=False)), _rows(x))
            finally:
                scratch.release(mark)

    shared = sums.size * images * prod(gradients.shape[3:]) > SHARED
    parallel.run(run, len(tasks), config.resolve_threads(threads) if shared else 1)
    weights = np.moveaxis(sums, range(rank), range(-rank, 0))
    return weights.reshape(-1, *weights.shape[2:])


def _boxes(lengths: tuple[int, ...], most: int) -> list[Box]:
    """Boxes of at most so many items that together are everything, in order."""
    steps = []
    for n in reversed(lengths):
        steps.append(max(min(n, most), 1))
        most //= steps[-1]
    spans = [
        [slice(start, min(start + step, n)) for start in range(0, n, step)]
        for n, step in zip(lengths, reversed(steps), strict=True)
    ]
    return list(product(*spans))


def _seen(
    axes: Sequence[Axis], region: Sequence[slice], x: NDArray, extend: Extend, dtype: np.dtype
) -> NDArray:
    """What the outputs of a region read, under one tap, which is all that the axes have."""
    reads = [axis.reads(span.start, span.stop) for axis, span in zip(axes, region, strict=True)]
    strides = [axis.stride for axis in axes]
    bounds = list(zip(axes, reads, strict=True))
    if x.dtype == dtype and all(a >= 0 and b <= axis.size for axis, (a, b) in bounds):
        inside: Any = (..., *map(slice, *zip(*reads, strict=True), strides))
        return np.asarray(x[inside])
    images, *channels = x.shape[:3]
    lengths = [b - a for a, b in reads]
    if x.strides[2] < x.strides[-1]:
        copy = np.moveaxis(scratch.empty((images, *lengths, *channels), dtype), (-2, -1), (1, 2))
    else:
        copy = np.moveaxis(scratch.empty((*channels, images, *lengths), dtype), 2, 0)
    tables = tuple(runs(axis.boundary, (a,), b - a, axis.size) for axis, (a, b) in bounds)
    if dtype.kind == "c":
        extend(copy.real, x.real, tables, 0.0)
        extend(copy.imag, x.imag, tables, 0.0)
    else:
        extend(copy, x, tables, 0.0)
    taken: Any = (..., *(slice(None, None, stride) for stride in strides))
    return np.asarray(copy[taken])


def _rows(values: NDArray) -> NDArray:
    """A row for each group and channel, from ``(images, groups, channels, *region)``."""
    rows = values.transpose(1, 2, 0, *range(3, values.ndim))
    return rows.reshape(*rows.shape[:2], -1)


def _add_products(sums: NDArray, y: NDArray, x: NDArray) -> None:
    """Add ``y`` times ``x`` conjugated and transposed, in parts that BLAS gives to no threads."""
    (channels, outputs), columns = y.shape[1:], x.shape[1]
    x = x.conj().swapaxes(1, 2)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for top in range(0, channels, CHANNELS):
            rows = slice(top, min(top + CHANNELS, channels))
            height = rows.stop - top
            inner = SERIAL // (height * columns)
            if height == 1 or columns == 1:
                inner = SERIAL_VECTOR // max(height, columns)
            for start in range(0, outputs, inner):
                part = slice(start, start + inner)
                sums[:, rows] += np.matmul(y[:, rows, part], x[:, part])
