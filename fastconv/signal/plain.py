"""Convolution by its definition, in NumPy, for dtypes that the engine does not support."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.boundary import index_map

__all__ = ["convolved"]


def convolved(
    a: NDArray,
    b: NDArray,
    axes: Sequence[int],
    before: tuple[int, ...],
    outputs: tuple[int, ...],
    dtype: np.dtype,
    boundary: str = "constant",
    cval: complex = 0,
) -> NDArray:
    """The convolution along some axes of arrays that are broadcast along the others."""
    samples = a.astype(dtype)
    for axis, first, count in zip(axes, before, outputs, strict=True):
        index = index_map(boundary, -first, count + b.shape[axis] - 1 - first, a.shape[axis])
        taken = samples.take(np.maximum(index, 0), axis)
        np.moveaxis(taken, axis, -1)[..., index < 0] = cval
        samples = taken
    sums: Any = 0
    for tap in np.ndindex(*[b.shape[axis] for axis in axes]):
        reads: list[Any] = [slice(None)] * a.ndim
        weight: list[Any] = [slice(None)] * a.ndim
        for axis, k, count in zip(axes, tap, outputs, strict=True):
            start = b.shape[axis] - 1 - k
            reads[axis] = slice(start, start + count)
            weight[axis] = slice(k, k + 1)
        sums = sums + samples[tuple(reads)] * b[tuple(weight)]
    return np.asarray(sums, dtype)
