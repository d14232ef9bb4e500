"""The border table: what lies beyond the edge of an array.

This is the only place that knows borders.  A border is a map from any integer coordinate to a
coordinate inside ``0 … n-1``, or to "outside" where the constant ``cval`` is used.  The maps hold
for any distance from the edge, kernels wider than the array included.  Adding a border means
adding one row to :data:`TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import count

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIBRARIES", "MANY", "OUTSIDE", "TABLE", "Border", "index_map", "runs"]

OUTSIDE = -2
"""No coordinate, and no neighbour of one."""
MANY = 8
"""Runs beyond an edge, or along an axis, that are dear to look at one by one."""


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
    names: Mapping[str, tuple[str, ...]]
    """The names that other libraries give to it, the usual one first."""
    index_map: Callable[[NDArray[np.intp], int], NDArray[np.intp]]
    """From any coordinate to one inside an axis of ``n`` samples, or to ``OUTSIDE``."""


LIBRARIES = (
    "numpy",
    "scipy.ndimage",
    "scipy.signal",
    "opencv",
    "torch",
    "dask",
    "astropy",
    "onnx",
    "gimp",
)
"""Whose names the rows of :data:`TABLE` know: those of ``numpy.pad``, of the filters of
``scipy.ndimage``, of ``scipy.signal.convolve2d``, of OpenCV's constants, of ``torch``'s ``pad`` and
``padding_mode``, of Dask's ``overlap``, of ``astropy.convolution``, of ONNX's Pad, and of GIMP's
convolution matrix."""

TABLE = {
    "constant": Border(
        "k k | a b c d | k k",
        {
            "numpy": ("constant",),
            "scipy.ndimage": ("constant", "grid-constant"),
            "scipy.signal": ("fill", "pad"),
            "opencv": ("BORDER_CONSTANT",),
            "torch": ("constant", "zeros"),
            "astropy": ("fill",),
            "onnx": ("constant",),
        },
        _constant,
    ),
    "nearest": Border(
        "a a | a b c d | d d",
        {
            "numpy": ("edge",),
            "scipy.ndimage": ("nearest",),
            "opencv": ("BORDER_REPLICATE",),
            "torch": ("replicate",),
            "dask": ("nearest",),
            "astropy": ("extend",),
            "onnx": ("edge",),
            "gimp": ("Extend",),
        },
        _nearest,
    ),
    "symmetric": Border(
        "b a | a b c d | d c",
        {
            "numpy": ("symmetric",),
            "scipy.ndimage": ("reflect", "grid-mirror"),
            "scipy.signal": ("symm", "symmetric"),
            "opencv": ("BORDER_REFLECT",),
            "dask": ("reflect",),
        },
        _symmetric,
    ),
    "mirror": Border(
        "c b | a b c d | c b",
        {
            "numpy": ("reflect",),
            "scipy.ndimage": ("mirror",),
            "opencv": ("BORDER_REFLECT_101", "BORDER_REFLECT101", "BORDER_DEFAULT"),
            "torch": ("reflect",),
            "onnx": ("reflect",),
        },
        _mirror,
    ),
    "wrap": Border(
        "c d | a b c d | a b",
        {
            "numpy": ("wrap",),
            "scipy.ndimage": ("wrap", "grid-wrap"),
            "scipy.signal": ("wrap", "circular"),
            "opencv": ("BORDER_WRAP",),
            "torch": ("circular",),
            "dask": ("periodic",),
            "astropy": ("wrap",),
            "onnx": ("wrap",),
            "gimp": ("Wrap",),
        },
        _wrap,
    ),
}


def index_map(name: str, start: int, stop: int, n: int) -> NDArray[np.intp]:
    """Where each coordinate of ``start … stop-1`` reads on an axis of ``n`` samples."""
    return TABLE[name].index_map(np.arange(start, stop, dtype=np.intp), n)


@lru_cache(maxsize=4096)
def runs(name: str, starts: tuple[int, ...], length: int, n: int) -> NDArray[np.int64]:
    """Where stretches of ``length`` coordinates, laid end to end, read on an axis of ``n`` samples.

    A row is a run of coordinates that follow each other by one step: its place among the
    stretches, its length, the first sample (``OUTSIDE`` for the constant) and the step.  Index maps
    climb, fall or rest, so a few runs say a whole border.
    """
    found = []
    for at, start in zip(count(0, length), starts, strict=False):
        stop = start + length
        low, high = max(start, 0), min(stop, n)
        if low < high:
            found.append(np.array([[at + low - start, high - low, low, 1]]))
        for low, high in ((start, min(stop, 0)), (max(start, n), stop)):
            if low < high:
                beyond = _runs(index_map(name, low, high, n))
                beyond[:, 0] += at + low - start
                found.append(beyond)
    table = np.concatenate(found).astype(np.int64)
    table = np.ascontiguousarray(table[np.argsort(table[:, 0])])
    table.flags.writeable = False
    return table


def _runs(index: NDArray[np.intp]) -> NDArray[np.intp]:
    """The runs of an index map; where they are many, every coordinate is one."""
    steps = np.diff(index, append=2 * OUTSIDE)
    turns = np.flatnonzero(np.diff(steps)) + 1
    if turns.size > MANY:
        places, ones = np.arange(index.size), np.ones_like(index)
        return np.stack([places, ones, index, ones], axis=-1)
    found = []
    first = 0
    while first < index.size:
        step = int(steps[first])
        stop = 1 + (int(turns[turns > first][0]) if abs(step) <= 1 else first)
        found.append((first, stop - first, int(index[first]), step if stop - first > 1 else 1))
        first = stop
    return np.array(found)
