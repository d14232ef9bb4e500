"""The border table: what lies beyond the edge of an array.

This is the only place that knows borders.  A border is a map from any integer coordinate to a
coordinate inside ``0 … n-1``, or to "outside" where the constant ``cval`` is used.  The maps hold
for any distance from the edge, kernels wider than the array included.  Adding a border means
adding one row to :data:`TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

__all__ = ["TABLE", "Border", "Segment", "index_map", "segments"]

OUTSIDE = -2
"""No coordinate, and no neighbour of one."""
MANY = 8
"""Runs along an axis above which slices lose against fancy indexing."""


def _constant(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return np.where((i >= 0) & (i < n), i, OUTSIDE)


def _nearest(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return np.clip(i, 0, n - 1)


def _symmetric(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return np.minimum(i % (2 * n), -(i + 1) % (2 * n))


def _mirror(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    period = max(2 * n - 2, 1)
    return np.minimum(i % period, -i % period)


def _wrap(i: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    return i % n


@dataclass(frozen=True, slots=True)
class Border:
    """One row of the border table."""

    picture: str
    """The array ``a b c d`` with what lies on either side of it."""
    elsewhere: str
    """The names that other libraries give to it."""
    index_map: Callable[[NDArray[np.intp], int], NDArray[np.intp]]
    """From any coordinate to one inside an axis of ``n`` samples, or to ``OUTSIDE``."""


TABLE = {
    "constant": Border(
        "k k | a b c d | k k",
        "NumPy, SciPy, OpenCV, Dask: constant; torch: zeros; signal.convolve2d: fill",
        _constant,
    ),
    "nearest": Border(
        "a a | a b c d | d d",
        "NumPy: edge; OpenCV, torch: replicate; astropy: extend",
        _nearest,
    ),
    "symmetric": Border(
        "b a | a b c d | d c",
        "NumPy: symmetric; scipy.ndimage, Dask: reflect; OpenCV: REFLECT; signal.convolve2d: symm",
        _symmetric,
    ),
    "mirror": Border(
        "c b | a b c d | c b",
        "NumPy, torch, ONNX: reflect; scipy.ndimage: mirror; OpenCV: REFLECT_101",
        _mirror,
    ),
    "wrap": Border(
        "c d | a b c d | a b",
        "NumPy, SciPy, OpenCV: wrap; torch: circular; Dask: periodic",
        _wrap,
    ),
}


def index_map(name: str, start: int, stop: int, n: int) -> NDArray[np.intp]:
    """Where each coordinate of ``start … stop-1`` reads on an axis of ``n`` samples."""
    return TABLE[name].index_map(np.arange(start, stop, dtype=np.intp), n)


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of coordinates that one selection of the array fills: ``target[to] = source[frm]``."""

    to: slice
    frm: slice | NDArray[np.intp] | None
    """A slice of the source (of length 1 where one sample is repeated), or an index map where
    slices would be many; None for ``cval``."""


def segments(name: str, starts: tuple[int, ...], length: int, n: int) -> tuple[Segment, ...]:
    """Cut stretches of ``length`` coordinates, laid end to end, into runs of ``n`` samples."""
    few = _slices(name, starts, length, n)
    if few:
        return few
    index = [index_map(name, start, start + length, n) for start in starts]
    return (Segment(slice(0, length * len(starts)), np.concatenate(index)),)


@lru_cache(maxsize=4096)
def _slices(name: str, starts: tuple[int, ...], length: int, n: int) -> tuple[Segment, ...]:
    """The runs as slices, or none where they would be many.

    Index maps climb, fall or rest, so a few slices copy a whole border at the speed of memory,
    where fancy indexing would pay for each sample.
    """
    found = []
    for at, start in zip(count(0, length), starts, strict=False):
        stop = start + length
        inside = max(start, 0), min(stop, n)
        if inside[0] < inside[1]:
            to = slice(at + inside[0] - start, at + inside[1] - start)
            found.append(Segment(to, slice(*inside)))
        for low, high in ((start, min(stop, 0)), (max(start, n), stop)):
            runs = _runs(index_map(name, low, high, n))
            if runs is None:
                return ()
            shift = at + low - start
            found += [Segment(slice(shift + to.start, shift + to.stop), frm) for to, frm in runs]
    many = len(found) > MANY and all(segment.frm is not None for segment in found)
    return () if many else tuple(found)


def _runs(index: NDArray[np.intp]) -> list[tuple[slice, slice | None]] | None:
    """Where an index map goes on by the same step, and the samples there; None for many runs."""
    steps = np.diff(index, append=2 * OUTSIDE)
    turns = np.flatnonzero(np.diff(steps)) + 1
    if turns.size > MANY:
        return None
    runs = []
    first = 0
    while first < index.size:
        step = int(steps[first])
        stop = 1 + (int(turns[turns > first][0]) if abs(step) <= 1 else first)
        runs.append((slice(first, stop), _slice(int(index[first]), step, stop - first)))
        first = stop
    return runs


def _slice(first: int, step: int, length: int) -> slice | None:
    if first == OUTSIDE:
        return None
    if step == 0 or length == 1:
        return slice(first, first + 1)
    stop = first + step * length
    return slice(first, stop if stop >= 0 else None, step)
