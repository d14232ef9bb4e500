"""What tests of pictures look for: texts that are legible, cells by their names."""

from __future__ import annotations

from itertools import combinations
from typing import Any


def texts(figure: Any) -> list[Any]:
    """All texts of a figure that can be seen."""
    from matplotlib.text import Text

    hidden = beyond_the_axes(figure)
    found = figure.findobj(Text)
    return [t for t in found if t.get_visible() and t.get_text().strip() and t not in hidden]


def beyond_the_axes(figure: Any) -> set[Any]:
    """Labels of ticks that lie outside of the range that is drawn."""
    found = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low <= tick.get_loc() <= high:
                    found |= {tick.label1, tick.label2}
    return found


def assert_legible(figure: Any) -> None:
    """Fail if a text reaches beyond the figure or touches another one."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure).draw()
    whole = figure.bbox.padded(1)
    boxes = []
    for text in texts(figure):
        box = text.get_window_extent()
        words = text.get_text()
        assert whole.x0 <= box.x0, f"{words!r} is cut off on the left"
        assert box.x1 <= whole.x1, f"{words!r} is cut off on the right"
        assert whole.y0 <= box.y0, f"{words!r} is cut off below"
        assert box.y1 <= whole.y1, f"{words!r} is cut off above"
        boxes.append((box.padded(-1), words))
    for (one, words), (other, others) in combinations(boxes, 2):
        assert not one.overlaps(other), f"{words!r} covers {others!r}"


def cells(figure: Any, name: str) -> dict[tuple[int, ...], str]:
    """The visible numbers of the grid with a name, by row and column."""
    found = {}
    for text in figure.findobj(lambda artist: hasattr(artist, "get_text")):
        words = (text.get_gid() or "").rsplit(" ", 2)
        if words[0] == name and len(words) == 3 and text.get_visible():
            found[int(words[1]), int(words[2])] = text.get_text()
    return found
