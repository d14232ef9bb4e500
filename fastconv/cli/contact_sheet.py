"""A contact sheet: labelled pictures of one size on a dark page, each with its kernel.

Feature maps are signed and unbounded.  :func:`shown` converts them to 8 bits in one of several
ways; their names are printed as labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

__all__ = ["Cell", "Look", "draw", "shown"]

Look = Literal["clipped to 0..1", "magnitude", "positive part"]

MARGIN, GAP, LABEL, GLYPH = 28, 16, 70, 40
PAGE, FRAME, BRIGHT, DIM = "#14161a", "#3a3f48", "#f2f3f5", "#9aa1ac"
NEGATIVE, ZERO, POSITIVE = (64, 148, 255), (44, 48, 56), (255, 170, 70)


class Cell(NamedTuple):
    """One picture and its caption."""

    title: str
    note: str
    image: NDArray[np.uint8]
    """``(H, W)`` or ``(H, W, 3)``, the same height and width in all cells."""
    weights: NDArray[Any] | None = None
    """Drawn small: orange where positive, blue where negative."""


def shown(values: NDArray[Any], look: Look) -> NDArray[np.uint8]:
    """Convert an image from 0 to 1, or a feature map of any range, to 8 bits.

    Feature maps are scaled so that one sample in fifty saturates.
    """
    if look != "clipped to 0..1":
        values = np.abs(values) if look == "magnitude" else np.maximum(values, 0)
        values = values / (np.quantile(values, 0.98) or 1)
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def draw(heading: str, remark: str, cells: Sequence[Cell], columns: int) -> Image:
    """The sheet: a heading, and the cells in rows of ``columns``."""
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    height, width = cells[0].image.shape[:2]
    rows = -(-len(cells) // columns)
    top = MARGIN + 72
    size = (
        2 * MARGIN + columns * width + (columns - 1) * GAP,
        top + rows * (height + LABEL) + MARGIN - GAP,
    )
    sheet = PIL.Image.new("RGB", size, PAGE)
    pen = PIL.ImageDraw.Draw(sheet)
    large, medium, small = (PIL.ImageFont.load_default(points) for points in (28, 18, 14))
    pen.text((MARGIN, MARGIN - 6), heading, BRIGHT, large)
    pen.text((MARGIN, MARGIN + 34), remark, DIM, small)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        x = MARGIN + column * (width + GAP)
        y = top + row * (height + LABEL)
        pen.rectangle((x - 1, y - 1, x + width, y + height), outline=FRAME)
        sheet.paste(PIL.Image.fromarray(cell.image), (x, y))
        pen.text((x, y + height + 7), cell.title, BRIGHT, medium)
        pen.text((x, y + height + 30), cell.note, DIM, small)
        if cell.weights is not None:
            _draw_kernel(pen, x + width, y + height + 10, cell.weights)
    return sheet


def _draw_kernel(pen: ImageDraw, right: int, top: int, weights: NDArray[Any]) -> None:
    tap = GLYPH // max(weights.shape)
    left = right - tap * weights.shape[1] + 1
    strength = np.sqrt(np.abs(weights) / np.abs(weights).max())
    for (row, column), part in np.ndenumerate(strength):
        hue = POSITIVE if weights[row, column] > 0 else NEGATIVE
        color = tuple(round(z + part * (h - z)) for z, h in zip(ZERO, hue, strict=True))
        x, y = left + column * tap, top + row * tap
        pen.rectangle((x, y, x + tap - 2, y + tap - 2), color)
