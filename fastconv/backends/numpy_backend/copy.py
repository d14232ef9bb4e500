"""Copies with conversion: samples with their border, and sums to results."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from ...problem import dtypes
from ...problem.boundary import MANY

__all__ = ["cast", "pad", "store"]

Selection = tuple[slice, slice, NDArray[np.int64] | None]
"""Where samples are written, where they are read, and an index map if runs are many."""


@np.errstate(all="ignore")
def pad(out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float) -> None:
    if any((table[:, 2] < 0).any() for table in runs):
        out[...] = cval
    for combination in product(*map(_selections, runs)):
        to, reads, maps = zip(*combination, strict=True) if combination else ((), (), ())
        samples = x[(..., *reads)]
        for axis, index in enumerate(maps, -len(maps)):
            if index is not None:
                samples = samples.take(index, axis)
        out[(..., *to)] = samples


def _selections(runs: NDArray[np.int64]) -> list[Selection]:
    """A selection for each run, or a single one if runs are many."""
    inside = runs[runs[:, 2] >= 0]
    if len(inside) == len(runs) > MANY:
        starts, lengths, firsts, steps = runs.T
        into = np.arange(lengths.sum()) - np.repeat(starts, lengths)
        index = np.repeat(firsts, lengths) + np.repeat(steps, lengths) * into
        return [(slice(0, index.size), slice(None), index)]
    return [
        (slice(start, start + length), _slice(first, length, step), None)
        for start, length, first, step in inside.tolist()
    ]


def _slice(first: int, length: int, step: int) -> slice:
    if step == 0:
        return slice(first, first + 1)
    stop = first + step * length
    return slice(first, stop if stop >= 0 else None, step)


@np.errstate(all="ignore")
def store(out: NDArray, sums: NDArray) -> None:
    dtypes.store(out, sums)


@np.errstate(all="ignore")
def cast(out: NDArray, sums: NDArray) -> None:
    dtypes.cast(out, sums)
