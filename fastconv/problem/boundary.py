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

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIBRARIES", "MANY", "OUTSIDE", "TABLE", "Border", "index_map", "runs"]

OUTSIDE = -2
"""No coordinate, and no neighbour of one."""
MANY = 8
"""Runs beyond an edge, or along an axis, that are dear to look at one by one."""

Run = tuple[int, int, int, int]
"""A row of `runs`."""


def _constant(i: int, n: int) -> int:
    return i if 0 <= i < n else OUTSIDE


def _nearest(i: int, n: int) -> int:
    return min(max(i, 0), n - 1)


def _symmetric(i: int, n: int) -> int:
    return min(i % (2 * n), -(i + 1) % (2 * n))


def _mirror(i: int, n: int) -> int:
    period = max(2 * n - 2, 1)
    return min(i % period, -i % period)


def _wrap(i: int, n: int) -> int:
    return i % n


@dataclass(frozen=True, slots=True)
class Border:
    """One row of the border table."""

    picture: str
    """The array ``a b c d`` with what lies on either side of it."""
    names: Mapping[str, tuple[str, ...]]
    """The names that other libraries give to it, the usual one first."""
    index_map: Callable[[int, int], int]
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
    at, counts, firsts, steps = runs(name, (start,), stop - start, n).T
    places = np.arange(stop - start, dtype=np.intp)
    return np.repeat(firsts - steps * at, counts) + np.repeat(steps, counts) * places


@lru_cache(maxsize=4096)
def runs(name: str, starts: tuple[int, ...], length: int, n: int) -> NDArray[np.int64]:
    """Where stretches of ``length`` coordinates, laid end to end, read on an axis of ``n`` samples.

    A row is a run of coordinates that follow each other by one step: its place among the
    stretches, its length, the first sample (``OUTSIDE`` for the constant) and the step.  Index maps
    climb, fall or rest, so a few runs say a whole border.
    """
    border = TABLE[name].index_map
    found: list[Run] = []
    for number, start in enumerate(starts):
        stop, origin = start + length, start - number * length
        low, high = max(start, 0), min(stop, n)
        if start < 0:
            found += _beyond(border, start, min(stop, 0), n, origin)
        if low < high:
            found.append((low - origin, high - low, low, 1))
        if stop > n:
            found += _beyond(border, max(start, n), stop, n, origin)
    table = np.array(found, np.int64).reshape(-1, 4)
    table.setflags(write=False)
    return table


def _beyond(
    border: Callable[[int, int], int], start: int, stop: int, n: int, origin: int
) -> list[Run]:
    """The runs of coordinates beyond an edge; where they are many, every coordinate is one."""
    if border(start, n) == border(stop - 1, n) == OUTSIDE:
        return [(start - origin, stop - start, OUTSIDE, 0)]
    found: list[Run] = []
    i = start
    while i < stop:
        if len(found) > MANY:
            return [(i - origin, 1, border(i, n), 1) for i in range(start, stop)]
        first, step, end = border(i, n), 1, i + 1
        if end < stop and abs(climb := border(end, n) - first) <= 1:
            step = climb
            end = _end(border, i, stop, n, first, step)
        found.append((i - origin, end - i, first, step))
        i = end
    return found


def _end(
    border: Callable[[int, int], int], start: int, stop: int, n: int, first: int, step: int
) -> int:
    """Where the run of a step that begins at a coordinate ends: looked for in ever longer strides,
    for once a map has left a line it does not come back to it.
    """
    inside, stride = start + 1, 1
    while stride:
        ahead = inside + stride
        if ahead < stop and border(ahead, n) == first + (ahead - start) * step:
            inside, stride = ahead, 2 * stride
        else:
            stride //= 2
    return inside + 1
