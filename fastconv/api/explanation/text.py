"""An explanation as text."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from numpy.typing import NDArray

from .layout import Plane, border_note, geometry, heading, number, planes, rest, shown
from .model import Arithmetic

__all__ = ["text"]

GAP = "   "
"""The space between adjacent tables."""


def text(e: Arithmetic) -> str:
    """An explanation as plain text."""
    parts = [heading(e)]
    if e.exists:
        for plane in planes(e):
            table = _columns(plane) if plane.rows is None else _side_by_side(plane, e.call)
            parts.append("\n".join([*([f"{plane.title}:"] if plane.title else []), *table]))
        notes = [rest(e), f"( ): {note}" if (note := border_note(e)) else ""]
        parts[-1] += "".join(f"\n{note}" for note in notes if note)
        rows = [[step.name, number(step.value)] for step in e.steps]
        parts.append("\n".join(_aligned(rows, left=1)))
    lines = []
    for formula, remarks in geometry(e):
        lines += [formula, *(f"  {remark}" for remark in remarks)]
    parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _columns(plane: Plane) -> list[str]:
    """The table of a signal, with a column for each tap."""
    picked = shown(plane.samples.shape[1])
    coordinates = plane.columns.coordinates
    rows = [
        ["coordinate", *("…" if i is None else str(coordinates[i]) for i in picked)],
        ["sample", *_row(plane.samples[0], picked, plane.outside[0])],
        ["weight", *_row(plane.weights[0], picked)],
        ["product", *_row(plane.products[0], picked)],
    ]
    return _aligned(rows, left=1)


def _side_by_side(plane: Plane, call: str) -> list[str]:
    """The tables of an image: window, kernel and products side by side."""
    assert plane.rows is not None
    row_names = [f"{i}" for i in plane.rows.coordinates]
    picked = shown(plane.samples.shape[1])
    picked_rows = shown(plane.samples.shape[0])
    coordinates = plane.columns.coordinates
    window = [["", *("…" if i is None else f"{coordinates[i]}" for i in picked)]]
    window += [
        ["…", *("…" for _ in picked)]
        if r is None
        else [row_names[r], *_row(plane.samples[r], picked, plane.outside[r])]
        for r in picked_rows
    ]
    tables = [["window", *_aligned(window, left=0)]]
    for title, values in (
        ("kernel, flipped" if call == "convolve" else "kernel", plane.weights),
        ("products", plane.products),
    ):
        cells = [
            ["…" for _ in picked] if r is None else _row(values[r], picked) for r in picked_rows
        ]
        tables.append([title, "", *_aligned(cells, left=0)])
    widths = [max(map(len, table)) for table in tables]
    return [
        GAP.join(f"{line:<{width}}" for line, width in zip(lines, widths, strict=True)).rstrip()
        for lines in zip_longest(*tables, fillvalue="")
    ]


def _row(
    values: NDArray, picked: Sequence[int | None], outside: NDArray | None = None
) -> list[str]:
    found = []
    for i in picked:
        cell = "…" if i is None else number(values[i])
        found.append(f"({cell})" if i is not None and outside is not None and outside[i] else cell)
    return found


def _aligned(rows: Sequence[Sequence[str]], left: int) -> list[str]:
    """Rows of cells as lines; the first ``left`` columns are left-aligned, others right-aligned.

    A closing bracket does not count for the alignment.
    """
    if any(cell.endswith(")") and cell.startswith("(") for row in rows for cell in row[left:]):
        rows = [
            [*row[:left], *(c if c.startswith("(") else f"{c} " for c in row[left:])]
            for row in rows
        ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:<{width}}" if i < left else f"{cell:>{width}}"
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
