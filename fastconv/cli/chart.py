"""A line chart with logarithmic axes on a dark page; each line has its name at its end.

The chart is drawn larger than it will be, so that lines and letters are smooth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

from .contact_sheet import BRIGHT, DIM, FRAME, PAGE

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["Line", "Point", "draw"]

WIDTH, HEIGHT = 1200, 800
LEFT, TOP, RIGHT, BOTTOM = 96, 150, 968, 720
"""The frame of the plot."""
FINE = 3
"""How many times larger the chart is while it is drawn."""
BEYOND = "#1e2127"
"""The area above the limit."""
MIN_SPACING = 25
"""Pixels between two names."""

Point = tuple[float, float]


class Line(NamedTuple):
    """One line of the chart."""

    name: str
    color: str
    points: Sequence[Point]
    """From left to right; all coordinates are positive."""
    mark: Literal["disc", "square"] = "disc"


class _Axis(NamedTuple):
    """A logarithmic axis: the values at its ends, and their pixels."""

    low: float
    high: float
    start: float
    stop: float

    def __call__(self, value: float) -> float:
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return FINE * (self.start + part * (self.stop - self.start))


def draw(
    heading: str,
    remarks: Sequence[str],
    x_name: str,
    y_name: str,
    lines: Sequence[Line],
    limit: Line,
) -> Image:
    """The chart, 1200×800: up to three remarks, a few lines, and a limit.

    The limit spans the plot from left to right.
    """
    import PIL.Image
    import PIL.ImageDraw
    import PIL.ImageFont

    page = PIL.Image.new("RGB", (FINE * WIDTH, FINE * HEIGHT), PAGE)
    pen = PIL.ImageDraw.Draw(page)
    large, medium, small = (PIL.ImageFont.load_default(FINE * size) for size in (28, 18, 15))

    heights = [height for line in (*lines, limit) for _, height in line.points]
    x = _Axis(limit.points[0][0], limit.points[-1][0], LEFT, RIGHT)
    y = _Axis(min(heights) / 1.3, max(heights) * 1.6, BOTTOM, TOP)

    roof = [(x(a), y(b)) for a, b in limit.points]
    corners = [(roof[-1][0], FINE * TOP), (roof[0][0], FINE * TOP)]
    pen.polygon([*roof, *corners], BEYOND)
    _draw_axes(pen, x, y, sorted({a for line in lines for a, _ in line.points}), small)
    pen.line(roof, limit.color, 3 * FINE, joint="curve")
    for line in lines:
        _draw_line(pen, [(x(a), y(b)) for a, b in line.points], line)
    _draw_names(pen, x, y, (*lines, limit), medium)

    pen.text((FINE * 28, FINE * 20), heading, BRIGHT, large)
    for row, remark in enumerate(remarks):
        pen.text((FINE * 28, FINE * (58 + 21 * row)), remark, DIM, small)
    pen.text((FINE * LEFT, FINE * (TOP - 8)), y_name, BRIGHT, small, "ls")
    middle = FINE * (LEFT + RIGHT) / 2
    pen.text((middle, FINE * (BOTTOM + 52)), x_name, BRIGHT, small, "ms")
    return page.resize((WIDTH, HEIGHT), PIL.Image.Resampling.LANCZOS)


def _draw_axes(
    pen: ImageDraw,
    x: _Axis,
    y: _Axis,
    columns: Sequence[float],
    font: FreeTypeFont | ImageFont,
) -> None:
    left, right, top, bottom = (FINE * edge for edge in (LEFT, RIGHT, TOP, BOTTOM))
    for value in _round_numbers(y.low, y.high):
        pen.line([(left, y(value)), (right, y(value))], FRAME, FINE)
        pen.text((left - FINE * 10, y(value)), f"{value:g}", DIM, font, "rm")
    free = 0.0
    for value in columns:
        pen.line([(x(value), bottom), (x(value), bottom + FINE * 6)], DIM, FINE)
        half = pen.textlength(f"{value:g}", font) / 2
        if x(value) - half >= free:
            pen.text((x(value), bottom + FINE * 24), f"{value:g}", DIM, font, "ms")
            free = x(value) + half + FINE * 8
    pen.rectangle((left, top, right, bottom), outline=DIM, width=FINE)


def _round_numbers(low: float, high: float) -> Iterator[float]:
    """1, 2, 5, 10 and so on, or only powers of ten if there would be many."""
    few = math.log10(high / low) < 4.5
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5) if few else (1,):
            if low <= digit * 10.0**exponent <= high:
                yield digit * 10.0**exponent


def _draw_line(pen: ImageDraw, path: Sequence[Point], line: Line) -> None:
    pen.line(path, line.color, 3 * FINE, joint="curve")
    for across, down in path:
        radius = 5 * FINE
        box = (across - radius, down - radius, across + radius, down + radius)
        if line.mark == "disc":
            pen.ellipse(box, line.color, PAGE, FINE)
        else:
            pen.rectangle(box, line.color, PAGE, FINE)


def _draw_names(
    pen: ImageDraw, x: _Axis, y: _Axis, lines: Sequence[Line], font: FreeTypeFont | ImageFont
) -> None:
    """Each name next to the last point of its line, moved if names would overlap."""
    ordered = sorted(lines, key=lambda line: -line.points[-1][1])
    ends = [(x(line.points[-1][0]), y(line.points[-1][1])) for line in ordered]
    positions = _spread([down for _, down in ends], FINE * MIN_SPACING, FINE * BOTTOM)
    for line, (across, down), position in zip(ordered, ends, positions, strict=True):
        edge = FINE * RIGHT
        leader = [(across + FINE * 7, down), (edge, down), (edge + FINE * 24, position)]
        pen.line(leader, line.color, FINE)
        pen.text((edge + FINE * 30, position), line.name, line.color, font, "lm")


def _spread(positions: Sequence[float], spacing: float, last: float) -> list[float]:
    """Ascending positions, at least ``spacing`` apart, none beyond ``last``."""
    spread: list[float] = []
    for position in positions:
        spread.append(max(position, spread[-1] + spacing) if spread else position)
    for i in reversed(range(len(spread))):
        spread[i] = min(spread[i], last)
        last = spread[i] - spacing
    return spread
