"""A contact sheet: labelled pictures of one size on a dark page.

Feature maps are signed and unbounded; :func:`shown` brings them to 8 bits in one of four ways,
and each says in words what it did, so that a label can repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Cell", "Look", "draw", "shown"]

Look = Literal["as it is", "magnitude", "positive part", "signed, grey is 0"]

MARGIN, GAP, LABEL = 32, 18, 58
PAGE, FRAME, BRIGHT, DIM = "#14161a", "#3a3f48", "#f2f3f5", "#9aa1ac"


class Cell(NamedTuple):
    """One picture and what is written under it."""

    title: str
    note: str
    image: NDArray[np.uint8]
    """``(H, W)`` or ``(H, W, 3)``, the same height and width in all cells."""


def shown(values: NDArray[Any], look: Look) -> NDArray[np.uint8]:
    """Bring an image from 0 to 1, or a feature map of any range, to 8 bits.

    Feature maps are stretched so that one sample in two hundred saturates.
    """
    if look != "as it is":
        peak = np.quantile(np.abs(values), 0.995) or 1.0
        values = values / peak
    if look == "magnitude":
        values = np.abs(values)
    elif look == "signed, grey is 0":
        values = (values + 1) / 2
    return np.asarray(np.rint(np.clip(values, 0, 1) * 255), np.uint8)


def draw(heading: str, remark: str, cells: Sequence[Cell], columns: int) -> Image:
    """The sheet: a heading, and the cells in rows of ``columns``."""
    from PIL import Image, ImageDraw, ImageFont

    height, width = cells[0].image.shape[:2]
    rows = -(-len(cells) // columns)
    top = MARGIN + 72
    size = (
        2 * MARGIN + columns * width + (columns - 1) * GAP,
        top + rows * (height + LABEL) + MARGIN - GAP,
    )
    sheet = Image.new("RGB", size, PAGE)
    pen = ImageDraw.Draw(sheet)
    large, medium, small = (ImageFont.load_default(points) for points in (30, 19, 15))
    pen.text((MARGIN, MARGIN - 6), heading, BRIGHT, large)
    pen.text((MARGIN, MARGIN + 34), remark, DIM, small)
    for i, cell in enumerate(cells):
        row, column = divmod(i, columns)
        x = MARGIN + column * (width + GAP)
        y = top + row * (height + LABEL)
        pen.rectangle((x - 1, y - 1, x + width, y + height), outline=FRAME)
        sheet.paste(Image.fromarray(cell.image), (x, y))
        pen.text((x, y + height + 7), cell.title, BRIGHT, medium)
        pen.text((x, y + height + 30), cell.note, DIM, small)
    return sheet
