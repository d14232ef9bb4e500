"""Named kernels: one table, with one row for each kernel.

The numbers are cross-correlation weights, as `fastconv.correlate` takes them: the kernel is placed
on the image with its first row on top.  ``sobel_x`` is therefore positive where the image gets
brighter to the right.  (A convolution rotates the kernel by 180 degrees first.)

Kernels of whole numbers are int8, so that integer images are filtered exactly and float32 images
stay float32; kernels of fractions are float32 by default.

There are two kinds of kernels.  A *spatial* kernel weighs the neighbours of a pixel within one
channel.  A *color* kernel is a matrix ``(channels out, channels in)`` that mixes the channels of
one pixel: a 1×1 convolution, ``fc.conv2d(photo, sepia[..., None, None], layout="NHWC")``.  Its
``bias`` is in units of white (255 for uint8, 1.0 for floats).

A new kernel is a new row.  Filters with parameters (any sigma, any length) are in
`fastconv.filters`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["Kernel", "get", "info", "names", "picture"]


@dataclass(frozen=True)
class Kernel:
    """One row of the table: the array is ``weights / divisor``."""

    name: str
    weights: tuple[tuple[float, ...], ...]
    summary: str
    source: str
    divisor: int = 1
    kind: Literal["spatial", "color"] = "spatial"
    bias: float = 0.0

    def array(self, dtype: DTypeLike | None = None) -> NDArray[Any]:
        """A new array of the weights, as `get` returns it."""
        if self.divisor == 1 and all(isinstance(w, int) for row in self.weights for w in row):
            exact: NDArray[Any] = np.array(self.weights, np.int8)
            wanted = np.dtype(dtype or np.int8)
        else:
            exact = np.array(self.weights) / self.divisor
            wanted = np.dtype(dtype or np.float32)
        if not np.can_cast(exact.dtype, wanted, "same_kind"):
            numbers = "signed whole numbers" if exact.dtype == np.int8 else "fractions"
            raise TypeError(f"dtype: got {wanted}, but kernel {self.name!r} holds {numbers}")
        return exact.astype(wanted)


WIKIPEDIA = "Wikipedia, Kernel (image processing)"
GIMP = "GIMP manual, Convolution Matrix"
GONZALEZ = "Gonzalez & Woods, Digital Image Processing"
SOBEL = "Sobel & Feldman 1968, A 3x3 isotropic gradient operator for image processing"
PREWITT = "Prewitt 1970, Object enhancement and extraction"
SCHARR = "Scharr 2000, Optimale Operatoren in der digitalen Bildverarbeitung"
ROBERTS = "Roberts 1963, Machine perception of three-dimensional solids"
KIRSCH = "Kirsch 1971, Computer determination of the constituent structure of biological images"
FARID = "Farid & Simoncelli 2004, Differentiation of discrete multidimensional signals"
TOUB = "Toub 2005, Sepia tone, MSDN Magazine"
BT601 = "ITU-R BT.601"

_FARID_SMOOTH = (0.037659, 0.249153, 0.426375, 0.249153, 0.037659)
_FARID_SLOPE = (-0.109604, -0.276691, 0.0, 0.276691, 0.109604)


def _products(rows: Sequence[float], columns: Sequence[float]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(row * column for column in columns) for row in rows)


# fmt: off
_ROWS = (
    # The picture as it is, softer, crisper, in relief
    Kernel("identity", ((0, 0, 0), (0, 1, 0), (0, 0, 0)),
           "Leaves the image as it is.", WIKIPEDIA),
    Kernel("box_blur", ((1, 1, 1),) * 3,
           "The mean of 3×3 pixels.", WIKIPEDIA, divisor=9),
    Kernel("box_blur_5x5", ((1, 1, 1, 1, 1),) * 5,
           "The mean of 5×5 pixels.", WIKIPEDIA, divisor=25),
    Kernel("gaussian_blur", ((1, 2, 1), (2, 4, 2), (1, 2, 1)),
           "A soft blur: binomial weights, close to a Gaussian of sigma 0.7.",
           WIKIPEDIA, divisor=16),
    Kernel("gaussian_blur_5x5",
           ((1, 4, 6, 4, 1), (4, 16, 24, 16, 4), (6, 24, 36, 24, 6), (4, 16, 24, 16, 4),
            (1, 4, 6, 4, 1)),
           "A soft blur: binomial weights, close to a Gaussian of sigma 1.",
           WIKIPEDIA, divisor=256),
    Kernel("motion_blur", ((1, 1, 1, 1, 1, 1, 1, 1, 1),),
           "The mean along nine pixels of a row, as if the camera had moved sideways.",
           GONZALEZ, divisor=9),
    Kernel("sharpen", ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
           "The image plus its ridges: each pixel moves away from its four neighbours.",
           WIKIPEDIA),
    Kernel("unsharp_5x5",
           ((-1, -4, -6, -4, -1), (-4, -16, -24, -16, -4), (-6, -24, 476, -24, -6),
            (-4, -16, -24, -16, -4), (-1, -4, -6, -4, -1)),
           "Unsharp masking: twice the image less its 5×5 Gaussian blur.",
           WIKIPEDIA, divisor=256),
    Kernel("emboss", ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
           "Relief: the image as if lit from the upper left.", GIMP),

    # Edges in every direction
    Kernel("ridge", ((0, -1, 0), (-1, 4, -1), (0, -1, 0)),
           "Bright points and ridges: a pixel against its four neighbours.", WIKIPEDIA),
    Kernel("edge_detect", ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1)),
           "Edges of any direction: a pixel against its eight neighbours.", WIKIPEDIA),
    Kernel("laplace", ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
           "The sum of the second derivatives along rows and columns.", GONZALEZ),
    Kernel("laplace_diagonal", ((1, 1, 1), (1, -8, 1), (1, 1, 1)),
           "The second derivatives along rows, columns and both diagonals: minus edge_detect.",
           GONZALEZ),

    # Edges of one direction: first derivatives
    Kernel("edge_enhance", ((0, 0, 0), (-1, 1, 0), (0, 0, 0)),
           "A pixel less its left neighbour: the plainest derivative.", GIMP),
    Kernel("sobel_x", ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),
           "The slope to the right, smoothed by 1 2 1 down the columns.", SOBEL),
    Kernel("sobel_y", ((-1, -2, -1), (0, 0, 0), (1, 2, 1)),
           "The slope downwards, smoothed by 1 2 1 along the rows.", SOBEL),
    Kernel("prewitt_x", ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1)),
           "The slope to the right, averaged over three rows.", PREWITT),
    Kernel("prewitt_y", ((-1, -1, -1), (0, 0, 0), (1, 1, 1)),
           "The slope downwards, averaged over three columns.", PREWITT),
    Kernel("scharr_x", ((-3, 0, 3), (-10, 0, 10), (-3, 0, 3)),
           "The slope to the right, tuned for the same answer to edges of any angle.", SCHARR),
    Kernel("scharr_y", ((-3, -10, -3), (0, 0, 0), (3, 10, 3)),
           "The slope downwards, tuned for the same answer to edges of any angle.", SCHARR),
    Kernel("roberts_x", ((1, 0), (0, -1)),
           "The Roberts cross: the fall along the falling diagonal.", ROBERTS),
    Kernel("roberts_y", ((0, 1), (-1, 0)),
           "The Roberts cross: the rise along the rising diagonal.", ROBERTS),
    Kernel("farid_x", _products(_FARID_SMOOTH, _FARID_SLOPE),
           "The slope to the right over 5×5 pixels, smoothed so that it turns with the image.",
           FARID),
    Kernel("farid_y", _products(_FARID_SLOPE, _FARID_SMOOTH),
           "The slope downwards over 5×5 pixels, smoothed so that it turns with the image.",
           FARID),

    # Edges by compass direction, named after the bright side
    Kernel("kirsch_n", ((5, 5, 5), (-3, 0, -3), (-3, -3, -3)),
           "Edges that are brighter to the north.", KIRSCH),
    Kernel("kirsch_ne", ((-3, 5, 5), (-3, 0, 5), (-3, -3, -3)),
           "Edges that are brighter to the north-east.", KIRSCH),
    Kernel("kirsch_e", ((-3, -3, 5), (-3, 0, 5), (-3, -3, 5)),
           "Edges that are brighter to the east.", KIRSCH),
    Kernel("kirsch_se", ((-3, -3, -3), (-3, 0, 5), (-3, 5, 5)),
           "Edges that are brighter to the south-east.", KIRSCH),
    Kernel("kirsch_s", ((-3, -3, -3), (-3, 0, -3), (5, 5, 5)),
           "Edges that are brighter to the south.", KIRSCH),
    Kernel("kirsch_sw", ((-3, -3, -3), (5, 0, -3), (5, 5, -3)),
           "Edges that are brighter to the south-west.", KIRSCH),
    Kernel("kirsch_w", ((5, -3, -3), (5, 0, -3), (5, -3, -3)),
           "Edges that are brighter to the west.", KIRSCH),
    Kernel("kirsch_nw", ((5, 5, -3), (5, 0, -3), (-3, -3, -3)),
           "Edges that are brighter to the north-west.", KIRSCH),

    # Lines one pixel wide
    Kernel("line_vertical", ((-1, 2, -1), (-1, 2, -1), (-1, 2, -1)),
           "Bright lines that stand upright.", GONZALEZ),
    Kernel("line_horizontal", ((-1, -1, -1), (2, 2, 2), (-1, -1, -1)),
           "Bright lines that lie flat.", GONZALEZ),
    Kernel("line_diagonal_down", ((2, -1, -1), (-1, 2, -1), (-1, -1, 2)),
           "Bright lines that fall from the upper left to the lower right.", GONZALEZ),
    Kernel("line_diagonal_up", ((-1, -1, 2), (-1, 2, -1), (2, -1, -1)),
           "Bright lines that rise from the lower left to the upper right.", GONZALEZ),

    # Matrices over the channels red, green, blue
    Kernel("sepia", ((393, 769, 189), (349, 686, 168), (272, 534, 131)),
           "The brown of an old photograph.", TOUB, divisor=1000, kind="color"),
    Kernel("invert", ((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
           "The negative: white less the image.", "the definition", kind="color", bias=1.0),
    Kernel("grayscale", ((299, 587, 114),),
           "Brightness: one channel from three.", BT601, divisor=1000, kind="color"),
)
# fmt: on

_TABLE = {row.name: row for row in _ROWS}


def names() -> tuple[str, ...]:
    """Names of all kernels, in the order of the table.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> from fastconv import kernels
    >>> "sharpen" in kernels.names()
    True
    """
    return tuple(_TABLE)


def info(name: str) -> Kernel:
    """Look up a kernel: its weights, what it does, its kind, its bias and its source.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Kernel

    Raises
    ------
    ValueError
        No kernel has this name; the message lists similar names.

    Examples
    --------
    >>> from fastconv import kernels
    >>> kernels.info("invert").summary
    'The negative: white less the image.'
    """
    if name in _TABLE:
        return _TABLE[name]
    from difflib import get_close_matches

    close = get_close_matches(str(name), _TABLE)
    hint = f" (did you mean {' or '.join(close)}?)" if close else ""
    raise ValueError(f"no kernel is named {name!r}{hint}")


def get(name: str, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """The weights of a kernel as a new array.

    Parameters
    ----------
    name : str
        One of `names`.
    dtype : dtype, optional
        By default, int8 for whole numbers and float32 for fractions.  float64 holds fractions such
        as 1/9 more precisely.

    Returns
    -------
    ndarray
        ``(height, width)``, or ``(channels out, channels in)`` for a colour matrix.

    Raises
    ------
    ValueError
        No kernel has this name.
    TypeError
        The dtype cannot hold the numbers: fractions as integers, signed ones as unsigned.

    Examples
    --------
    >>> from fastconv import kernels
    >>> kernels.get("sharpen")
    array([[ 0, -1,  0],
           [-1,  5, -1],
           [ 0, -1,  0]], dtype=int8)
    """
    return info(name).array(dtype)


def picture(weights: ArrayLike, *, ascii_only: bool = False) -> str:
    """Draw a kernel as text: blocks for positive weights, strokes for negative ones, dots for zero.

    Parameters
    ----------
    weights : array_like
        A 2-D kernel.
    ascii_only : bool, optional
        Draw with ASCII characters only.

    Returns
    -------
    str
        One line for each row; the more ink, the larger the weight.

    Examples
    --------
    >>> from fastconv import kernels
    >>> print(kernels.picture(kernels.get("sobel_x")))
    == ·· ▒▒
    ≡≡ ·· ██
    == ·· ▒▒
    """
    zero, positive, negative = (".", "+*#", "-=%") if ascii_only else ("·", "░▒█", "-=≡")
    values = np.asarray(weights, np.float64)
    levels = np.ceil(3 * np.abs(values) / (np.abs(values).max() or 1)).astype(int)
    ink = np.where(
        values < 0, np.array([zero, *negative])[levels], np.array([zero, *positive])[levels]
    )
    return "\n".join(" ".join(2 * mark for mark in row) for row in ink)
