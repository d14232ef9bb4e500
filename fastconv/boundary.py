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

import numpy as np
from numpy.typing import NDArray

__all__ = ["TABLE", "Border", "Segment", "index_map", "segments"]

OUTSIDE = -1


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
    """A run of coordinates that one slice of the array fills: ``target[to] = source[frm]``."""

    to: slice
    frm: slice | None
    """The slice of the source (of length 1 where one sample is repeated), None for ``cval``."""


@lru_cache(maxsize=4096)
def segments(name: str, start: int, stop: int, n: int) -> tuple[Segment, ...]:
    """Cut the coordinates ``start … stop-1`` into the fewest slices of an axis of ``n`` samples.

    Index maps climb, fall or rest, so a few slices copy a whole border at the speed of memory,
    where fancy indexing would pay for each sample.
    """
    if start >= 0 and stop <= n:
        return (Segment(slice(0, stop - start), slice(start, stop)),)
    index = index_map(name, start, stop, n)
    found = []
    first = 0
    while first < index.size:
        rest = index[first:]
        if rest[0] == OUTSIDE:
            length = _run_length(rest == OUTSIDE)
            found.append(Segment(slice(first, first + length), None))
        else:
            step = int(rest[1] - rest[0]) if rest.size > 1 else 1
            step = step if abs(step) <= 1 and rest[-1 if rest.size == 1 else 1] != OUTSIDE else 1
            length = _run_length(rest == rest[0] + step * np.arange(rest.size))
            found.append(Segment(slice(first, first + length), _slice(int(rest[0]), step, length)))
        first += length
    return tuple(found)


def _run_length(holds: NDArray[np.bool_]) -> int:
    return holds.size if holds.all() else int(holds.argmin())


def _slice(first: int, step: int, length: int) -> slice:
    if step == 0:
        return slice(first, first + 1)
    stop = first + step * length
    return slice(first, stop if stop >= 0 else None, step)
