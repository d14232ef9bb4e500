"""Line charts with logarithmic axes on a dark page; each line has its name at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from ..viz.canvas import FONT, figure
from .contact_sheet import BRIGHT, DIM, FRAME, PAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["HEIGHT", "WIDTH", "Chart", "Line", "Point", "draw"]

WIDTH, HEIGHT = 1200, 800
"""Pixels of a chart."""
DPI = 100
LEFT, BOTTOM, RIGHT, TOP = 0.08, 0.1, 0.81, 0.81
"""The frame of the plot, as fractions of the chart."""
BEYOND = "#1e2127"
"""The area above the limit."""
MIN_SPACING = 25
"""Pixels between two names."""
MANY_DECADES = 4.5
"""Powers of ten on an axis from which on only these are written."""

Point = tuple[float, float]


class Line(NamedTuple):
    """One line of a chart."""

    name: str
    color: str
    points: Sequence[Point]
    """From left to right; all coordinates are positive."""
    mark: Literal["disc", "square"] = "disc"


class Chart(NamedTuple):
    """One chart: up to three remarks, a few lines, and a limit from left to right."""

    heading: str
    remarks: Sequence[str]
    x_name: str
    y_name: str
    lines: Sequence[Line]
    limit: Line


def draw(charts: Sequence[Chart]) -> Figure:
    """Charts below each other, 1200×800 pixels each.

    Raises
    ------
    ImportError
        Matplotlib is not installed.
    """
    count = len(charts)
    page = figure(WIDTH / DPI, count * HEIGHT / DPI, DPI)
    page.set_facecolor(PAGE)
    for number, chart in enumerate(charts):
        bottom = 1 - (number + 1) / count
        place = (LEFT, bottom + BOTTOM / count, RIGHT - LEFT, (TOP - BOTTOM) / count)
        _draw(page.add_axes(place), chart)
        top = bottom + 1 / count
        texts = [(chart.heading, 0.025, BRIGHT, 20.0)]
        texts += [(text, 0.075 + 0.027 * row, DIM, 10.5) for row, text in enumerate(chart.remarks)]
        for text, down, color, size in texts:
            y = top - down / count
            page.text(0.023, y, text, va="top", color=color, fontsize=size, family=FONT)
    return page


def _draw(ax: Axes, chart: Chart) -> None:
    lines = (*chart.lines, chart.limit)
    heights = [height for line in lines for _, height in line.points]
    low, high = min(heights) / 1.3, max(heights) * 1.6
    limit_x, limit_y = zip(*chart.limit.points, strict=True)
    ax.set_facecolor(PAGE)
    ax.set(xscale="log", yscale="log", xlim=(limit_x[0], limit_x[-1]), ylim=(low, high))
    ax.fill_between(limit_x, limit_y, high, color=BEYOND, linewidth=0)
    ax.plot(limit_x, limit_y, color=chart.limit.color, linewidth=2.4)
    for line in chart.lines:
        x, y = zip(*line.points, strict=True)
        mark = "o" if line.mark == "disc" else "s"
        ax.plot(x, y, color=line.color, linewidth=2.4, marker=mark, markersize=7, mec=PAGE)
    _draw_ticks(ax, sorted({x for line in chart.lines for x, _ in line.points}), low, high)
    ax.set_xlabel(chart.x_name, color=BRIGHT, fontsize=11, family=FONT)
    ax.set_title(chart.y_name, color=BRIGHT, fontsize=11, family=FONT, loc="left")
    _draw_names(ax, lines)


def _draw_ticks(ax: Axes, columns: Sequence[float], low: float, high: float) -> None:
    from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

    digits = (1.0, 2.0, 5.0) if high < low * 10**MANY_DECADES else (1.0,)
    ax.yaxis.set_major_locator(LogLocator(subs=digits))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())
    labelled: list[float] = []
    for value in columns:  # kernel sizes, unless they would overlap
        if not labelled or value > labelled[-1] * (columns[-1] / columns[0]) ** 0.035:
            labelled.append(value)
    ax.set_xticks(labelled, [f"{value:g}" for value in labelled])
    ax.xaxis.set_minor_locator(FixedLocator(list(columns)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.grid(axis="y", color=FRAME, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(which="both", color=DIM, labelcolor=DIM, labelsize=11)
    for side in ax.spines.values():
        side.set_color(DIM)


def _draw_names(ax: Axes, lines: Sequence[Line]) -> None:
    """Each name next to the last point of its line, moved if names would overlap."""
    ends = {line.name: ax.transData.transform(line.points[-1]) for line in lines}
    ordered = sorted(lines, key=lambda line: -ends[line.name][1])
    box = ax.bbox
    downward = [float(box.y1 - ends[line.name][1]) for line in ordered]
    for line, down in zip(ordered, _spread(downward, MIN_SPACING, box.height), strict=True):
        ax.annotate(
            line.name,
            line.points[-1],
            (box.x1 + 30, box.y1 - down),
            textcoords="figure pixels",
            va="center",
            color=line.color,
            fontsize=12,
            family=FONT,
            arrowprops={"arrowstyle": "-", "color": line.color, "linewidth": 1, "shrinkB": 6},
            annotation_clip=False,
        )


def _spread(positions: Sequence[float], spacing: float, last: float) -> list[float]:
    """Ascending positions, at least ``spacing`` apart, none beyond ``last``."""
    spread: list[float] = []
    for position in positions:
        spread.append(max(position, spread[-1] + spacing) if spread else position)
    for i in reversed(range(len(spread))):
        spread[i] = min(spread[i], last)
        last = spread[i] - spacing
    return spread
