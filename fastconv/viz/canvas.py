"""Shared parts of pictures: figures without pyplot, colours, and grids of cells with numbers.

Matplotlib is imported when the first picture is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Grid", "axes_of", "blank_axes", "figure", "pixels", "short"]

INK, MUTED, LINE, PAPER = "#1b1f24", "#5f6873", "#b8c0cc", "#ffffff"
SAMPLE, BEYOND = "#eef2f7", "#ffffff"
"""Colours of cells of the input, and of its border."""
WINDOW, WINDOW_BEYOND, WINDOW_EDGE = "#ffd37a", "#fff0cf", "#b35c00"
"""Colours of these cells under the kernel, and of the frame around the window."""
POSITIVE, ZERO, NEGATIVE = "#fbd5a0", "#ffffff", "#b5d5f5"
OUTPUT, CURRENT, OUTPUT_EDGE = "#c3e6da", "#5cc2a0", "#00573f"
"""Colours of outputs, of the one that is being computed, and of its frame."""
ORANGE = "#e69f00"
"""A colour that the colour-blind can distinguish from the others (Okabe & Ito)."""
FONT = "DejaVu Sans"
"""The font, which comes with Matplotlib."""
DIGIT_WIDTH = 0.64
"""The width of a digit in that font, in units of its size."""


def figure(width: float, height: float, dpi: int = 100) -> Figure:
    """An empty figure, in inches.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("Matplotlib is not installed: pip install 'fastconv[plot]'") from None
    return Figure(figsize=(width, height), dpi=dpi, facecolor=PAPER)


def axes_of(ax: Axes | None, width: float, height: float) -> tuple[Figure, Axes]:
    """The given axes and their figure, or new ones."""
    if ax is None:
        drawn = figure(width, height)
        drawn.set_layout_engine("constrained")
        return drawn, drawn.add_subplot()
    whole: Any = ax.figure
    return whole, ax


def blank_axes(drawn: Figure, width: float, height: float) -> Axes:
    """Axes that fill a figure, without ticks: ``width`` by ``height`` units, y downwards."""
    ax = drawn.add_axes((0, 0, 1, 1))
    ax.set_axis_off()
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    return ax


def pixels(drawn: Figure) -> np.ndarray:
    """A figure as ``(H, W, 3)`` of uint8."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(drawn)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def short(value: Any) -> str:
    """A number as text: integers below a million in full, others with three digits."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int):
        return str(value) if abs(value) < 1_000_000 else f"{value:.1e}"
    return f"{value + 0.0:.3g}"


def sign_color(value: Any) -> str:
    """Orange for positive numbers, blue for negative ones."""
    if isinstance(value, complex) or value != value or value == 0:
        return ZERO
    return POSITIVE if value > 0 else NEGATIVE


def font_size(texts: Sequence[str], points: float, most: float = 11) -> float:
    """The size at which the longest of some texts fits into a cell of ``points``."""
    longest = max(map(len, texts), default=1)
    return min(most, 0.88 * points / (DIGIT_WIDTH * max(longest, 1)))


class Grid:
    """Square cells with a number in each, whose appearance may change in each frame.

    Texts have the gid ``"NAME row column"``.
    """

    def __init__(
        self, ax: Axes, name: str, left: float, top: float, rows: int, columns: int, size: float
    ) -> None:
        from matplotlib.patches import Rectangle

        self.left, self.top, self.rows, self.columns = left, top, rows, columns
        self._cells: dict[tuple[int, ...], tuple[Any, Any]] = {}
        for row, column in np.ndindex(rows, columns):
            cell = Rectangle((left + column, top + row), 1, 1, facecolor=PAPER, lw=0.8)
            ax.add_patch(cell)
            text = ax.text(
                left + column + 0.5,
                top + row + 0.52,
                "",
                ha="center",
                va="center",
                fontsize=size,
                family=FONT,
                gid=f"{name} {row} {column}",
            )
            self._cells[row, column] = cell, text

    def show(
        self,
        place: tuple[int, ...],
        text: str = "",
        fill: str = PAPER,
        *,
        edge: str = LINE,
        dashed: bool = False,
        faint: bool = False,
        visible: bool = True,
    ) -> None:
        """Change the cell in a row and a column."""
        cell, label = self._cells[place]
        cell.set(
            facecolor=fill,
            edgecolor=edge,
            linestyle=(0, (2, 2)) if dashed else "-",
            visible=visible,
            linewidth=0.8 if edge == LINE else 2,
            zorder=1 if edge == LINE else 2,
        )
        label.set(
            text=text,
            color=MUTED if faint else INK,
            style="italic" if faint else "normal",
            visible=visible,
            zorder=3,
        )
