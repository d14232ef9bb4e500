"""The border table: how arrays are extended beyond their edges.

All borders are defined here.  A border maps any integer coordinate to a coordinate in ``0 … n-1``,
or to `OUTSIDE`, for which the constant ``cval`` is used.  Maps are valid at any distance from the
edge, so kernels may be wider than the array.  To add a border, add a row to :data:`TABLE`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["LIBRARIES", "MANY", "OUTSIDE", "TABLE", "Border", "index_map", "runs"]

OUTSIDE = -2
"""Stands for no coordinate; not -1, which would continue a run that ends at 0."""
MANY = 8
"""Runs beyond an edge, or along an axis, above which handling them one by one is slow."""

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
    """The array ``a b c d`` with its extension on either side."""
    names: Mapping[str, tuple[str, ...]]
    """Its names in other libraries, the most common one first."""
    index_map: Callable[[int, int], int]
    """Maps any coordinate to one inside an axis of ``n`` samples, or to ``OUTSIDE``."""


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
"""The libraries in the rows of :data:`TABLE`.  Names are those of ``numpy.pad``, the filters of
``scipy.ndimage``, ``scipy.signal.convolve2d``, OpenCV's constants, ``torch``'s ``pad`` and
``padding_mode``, Dask's ``overlap``, ``astropy.convolution``, ONNX's Pad and GIMP's convolution
matrix."""

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
    """The index that each coordinate of ``start … stop-1`` reads on an axis of ``n`` samples."""
    at, counts, firsts, steps = runs(name, (start,), stop - start, n).T
    places = np.arange(stop - start, dtype=np.intp)
    return np.repeat(firsts - steps * at, counts) + np.repeat(steps, counts) * places


@lru_cache(maxsize=4096)
def runs(name: str, starts: tuple[int, ...], length: int, n: int) -> NDArray[np.int64]:
    """The indices that ranges of coordinates read on an axis of ``n`` samples, as a table of runs.

    Each range begins at an item of ``starts`` and has ``length`` coordinates; the ranges are laid
    end to end.  A row of the table is a run of equally spaced indices: its position in the ranges,
    its length, the first index (``OUTSIDE`` for the constant) and the step.  Index maps are
    piecewise linear with steps 1, -1 and 0, so a few runs describe a border.
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
    """The runs of coordinates beyond an edge; if they are many, one for each coordinate."""
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
    """The end of the run with the given step that begins at coordinate ``start``.

    A map that has left a line does not come back to it, so strides may grow exponentially.
    """
    inside, stride = start + 1, 1
    while stride:
        ahead = inside + stride
        if ahead < stop and border(ahead, n) == first + (ahead - start) * step:
            inside, stride = ahead, 2 * stride
        else:
            stride //= 2
    return inside + 1
