"""Copies that convert: samples with their border, and sums as they are stored."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...problem import dtypes
from ...problem.boundary import MANY

__all__ = ["cast", "pad", "store"]

Selection = tuple[slice, slice | NDArray[np.int64]]


@np.errstate(all="ignore")
def pad(out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float) -> None:
    if any((table[:, 2] < 0).any() for table in runs):
        out[...] = cval
    for combination in product(*map(_selections, runs)):
        to, samples = zip(*combination, strict=True) if combination else ((), ())
        out[(..., *to)] = _take(x, samples)


def _selections(runs: NDArray[np.int64]) -> list[Selection]:
    """Where each run goes, and the samples that it takes: slices, or one index map for many."""
    inside = runs[runs[:, 2] >= 0]
    if len(inside) == len(runs) > MANY:
        starts, lengths, firsts, steps = runs.T
        into = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        index = np.repeat(firsts, lengths) + np.repeat(steps, lengths) * into
        return [(slice(0, index.size), index)]
    return [
        (slice(start, start + length), _slice(first, length, step))
        for start, length, first, step in inside.tolist()
    ]


def _slice(first: int, length: int, step: int) -> slice:
    if step == 0:
        return slice(first, first + 1)
    stop = first + step * length
    return slice(first, stop if stop >= 0 else None, step)


def _take(x: NDArray, of: tuple[slice | NDArray[np.int64], ...]) -> NDArray:
    """Samples selected along each filtered axis: by slices at once, by index maps in turn."""
    slices: list[Any] = [part if isinstance(part, slice) else slice(None) for part in of]
    samples = x[(..., *slices)]
    for axis, part in enumerate(of, -len(of)):
        if not isinstance(part, slice):
            samples = samples.take(part, axis)
    return samples


@np.errstate(all="ignore")
def store(out: NDArray, sums: NDArray) -> None:
    dtypes.store(out, sums)


@np.errstate(all="ignore")
def cast(out: NDArray, sums: NDArray) -> None:
    dtypes.cast(out, sums)
