"""SVG drawings: trends over commits, large and small, and ratios to other libraries."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape

COLORS = {
    "cython": "#ffb03b",
    "numba": "#ff6f61",
    "numpy": "#c9a27a",
    "OpenCV": "#4da3ff",
    "SciPy": "#b28dff",
    "PyTorch": "#3ecf9b",
    "onnxruntime": "#e6e154",
}
"""Colours of backends and libraries, as in the pictures of `fastconv bench`."""
FRAME, DIM = "#3a3f48", "#9aa1ac"

WIDTH, HEIGHT = 1080, 300
LEFT, RIGHT, TOP, BOTTOM = 64, 84, 16, 40
LABEL, ROW = 190, 22


def trend(lines: Mapping[str, Sequence[float]], names: Sequence[str], titles: Sequence[str]) -> str:
    """Draw lines over commits on a logarithmic scale.

    Parameters
    ----------
    lines : mapping of str to sequence of float
        Values by the name of the line; NaN where there is none.
    names, titles : sequence of str
        The label below each commit, and its tooltip.
    """
    values = [value for line in lines.values() for value in line if math.isfinite(value)]
    low, high = min(values) / 1.15, max(values) * 1.15
    step = (WIDTH - LEFT - RIGHT) / max(len(names) - 1, 1)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - _part(value, low, high) * (HEIGHT - TOP - BOTTOM)

    parts = []
    for value in _round_numbers(low, high):
        parts.append(_line(LEFT, y(value), WIDTH - RIGHT, y(value), FRAME))
        parts.append(_text(LEFT - 8, y(value) + 4, f"{value:g}×", DIM, "end"))
    for i, name in enumerate(names):
        parts.append(_text(LEFT + i * step, HEIGHT - BOTTOM + 20, name, DIM, "middle"))
    ends: list[tuple[float, str]] = []
    for name, line in lines.items():
        points = [
            (LEFT + i * step, y(value), titles[i], value)
            for i, value in enumerate(line)
            if math.isfinite(value)
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{down:.1f}" for x, down, *_ in points)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{COLORS[name]}" stroke-width="2"/>'
        )
        for x, down, title, value in points:
            parts.append(_dot(x, down, COLORS[name], True, f"{title}: {name} {value:.2f}×"))
        ends.append((points[-1][1], name))
    for (_, name), place in zip(sorted(ends), _spread(sorted(ends)), strict=True):
        parts.append(_text(WIDTH - RIGHT + 10, place + 4, name, COLORS[name]))
    return _svg(WIDTH, HEIGHT, parts)


def ratios(rows: Mapping[str, Mapping[tuple[str, str], float]]) -> str:
    """Draw the speed-ups of each case, by ``(peer, backend)``, as a row of dots.

    Filled dots are the cython backend, rings the numba backend.
    """
    values = [value for row in rows.values() for value in row.values()]
    low, high = min(0.5, min(values) / 1.2), max(values) * 1.2
    height = TOP + ROW * len(rows) + BOTTOM
    span = WIDTH - LABEL - RIGHT

    def x(value: float) -> float:
        return LABEL + _part(value, low, high) * span

    parts = [
        f'<rect x="{LABEL}" y="{TOP}" width="{x(1) - LABEL:.1f}" height="{ROW * len(rows)}" '
        'fill="#2a1f22"/>'
    ]
    for value in _round_numbers(low, high):
        color = "#f2f3f5" if value == 1 else FRAME
        parts.append(_line(x(value), TOP, x(value), TOP + ROW * len(rows), color))
        parts.append(_text(x(value), TOP + ROW * len(rows) + 20, f"{value:g}×", DIM, "middle"))
    for i, (case, row) in enumerate(rows.items()):
        middle = TOP + ROW * (i + 0.5)
        parts.append(_text(LABEL - 12, middle + 4, case, "#f2f3f5", "end"))
        for (peer, backend), value in row.items():
            title = f"{case}, {backend}: {value:.2f} times as fast as {peer}"
            parts.append(_dot(x(value), middle, COLORS[peer], backend == "cython", title))
    return _svg(WIDTH, height, parts)


def spark(lines: Mapping[str, Sequence[float]]) -> str:
    """Draw the trend of one case as a sparkline, with a line for each backend."""
    width, height = 110, 26
    values = [value for line in lines.values() for value in line if math.isfinite(value)]
    if not values:
        return ""
    low, high = min(values) / 1.05, max(values) * 1.05
    parts = []
    for name, line in lines.items():
        points = [
            f"{2 + i * (width - 4) / max(len(line) - 1, 1):.1f},"
            f"{height - 2 - _part(value, low, high) * (height - 4):.1f}"
            for i, value in enumerate(line)
            if math.isfinite(value)
        ]
        path = " ".join(points)
        if path:
            parts.append(f'<polyline points="{path}" fill="none" stroke="{COLORS[name]}"/>')
    return _svg(width, height, parts)


def bar(share: float, color: str) -> str:
    """Draw a share of a limit, which may exceed one."""
    width, height = 60, 6
    inner = min(share, 1) * width
    parts = [
        f'<rect width="{width}" height="{height}" fill="{FRAME}"/>',
        f'<rect width="{inner:.1f}" height="{height}" fill="{color}"/>',
    ]
    return _svg(width, height, parts)


def _part(value: float, low: float, high: float) -> float:
    """The position of a value between two others on a logarithmic scale, from 0 to 1."""
    return math.log(value / low) / math.log(high / low)


def _round_numbers(low: float, high: float) -> Iterator[float]:
    """1, 2, 5, 10 and so on."""
    for exponent in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1):
        for digit in (1, 2, 5):
            if low <= digit * 10.0**exponent <= high:
                yield digit * 10.0**exponent


def _spread(ends: Sequence[tuple[float, str]]) -> list[float]:
    """Heights of names, at least a line apart, none below the plot."""
    places: list[float] = []
    for height, _ in ends:
        places.append(max(height, places[-1] + 16) if places else height)
    below = max(places[-1] - (HEIGHT - BOTTOM), 0) if places else 0
    return [place - below for place in places]


def _line(x1: float, y1: float, x2: float, y2: float, color: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}"/>'


def _text(x: float, y: float, text: str, color: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{color}">{escape(text)}</text>'


def _dot(x: float, y: float, color: str, filled: bool, title: str) -> str:
    fill = color if filled else "none"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{color}" '
        f'stroke-width="1.5"><title>{escape(title)}</title></circle>'
    )


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'
