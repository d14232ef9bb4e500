"""An explanation as HTML, for notebooks: tables without scripts, on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from numpy.typing import NDArray

from .layout import Plane, border_note, geometry, heading, number, planes, rest, shown
from .model import Arithmetic

__all__ = ["html"]

STYLE = """
.fastconv-explained { font-variant-numeric: tabular-nums; line-height: 1.4 }
.fastconv-explained table { border-collapse: collapse; color: inherit;
  font-size: inherit; margin: 0.2em 0; width: auto }
.fastconv-explained td, .fastconv-explained th {
  background: none; border: 1px solid rgba(127, 127, 127, .45); color: inherit;
  min-width: 2em; padding: .2em .55em; text-align: right; white-space: nowrap }
.fastconv-explained th { border: none; font-size: 85%; font-weight: normal; opacity: .7 }
.fastconv-explained td.outside { border-style: dashed; font-style: italic;
  background: rgba(127, 127, 127, .18) }
.fastconv-explained td.plus { background: rgba(230, 140, 20, .28) }
.fastconv-explained td.minus { background: rgba(40, 120, 220, .28) }
.fastconv-explained td.gap { border: none }
.fastconv-explained .parts { align-items: flex-end; display: flex; flex-wrap: wrap; gap: .8em }
.fastconv-explained .title { font-size: 85%; opacity: .8 }
.fastconv-explained .sign { font-size: 140%; line-height: 1.4 }
.fastconv-explained .steps td { border: none }
.fastconv-explained .steps td:first-child { text-align: left }
.fastconv-explained .steps tr:last-child td { border-top: 1px solid; font-weight: bold }
.fastconv-explained ul { margin: 0 0 .4em 0 }
"""


def html(e: Arithmetic) -> str:
    """An explanation as one HTML element with its own style."""
    parts = [f"<p><b>{escape(heading(e))}</b></p>"]
    if e.exists:
        for plane in planes(e):
            if plane.title:
                parts.append(f'<div class="title">{escape(plane.title)}</div>')
            parts.append(_plane(plane, e.call))
        if note := rest(e):
            parts.append(f'<div class="title">{escape(note)}</div>')
        if note := border_note(e):
            parts.append(f'<div class="title">dashed: {escape(note)}</div>')
        rows = "".join(
            f"<tr><td>{escape(step.name)}</td><td>{escape(number(step.value))}</td></tr>"
            for step in e.steps
        )
        parts.append(f'<table class="steps">{rows}</table>')
    for formula, remarks in geometry(e):
        items = "".join(f"<li>{escape(remark)}</li>" for remark in remarks)
        parts.append(f"<div>{escape(formula)}</div><ul>{items}</ul>")
    return f'<div class="fastconv-explained"><style>{STYLE}</style>{"".join(parts)}</div>'


def _plane(plane: Plane, call: str) -> str:
    kernel = "kernel, flipped" if call == "convolve" else "kernel"
    columns = plane.columns.coordinates
    rows = None if plane.rows is None else plane.rows.coordinates
    window = _table("window", plane.samples, "outside", plane.outside, columns, rows)
    weights = _table(kernel, plane.weights)
    products = _table("products", plane.products, "sign")
    between = '<span class="sign">{}</span>'
    inner = [window, between.format("×"), weights, between.format("="), products]
    return f'<div class="parts">{"".join(inner)}</div>'


def _table(
    title: str,
    values: NDArray,
    marks: str = "",
    outside: NDArray | None = None,
    columns: Sequence[int] = (),
    rows: Sequence[int] | None = None,
) -> str:
    """A grid of numbers, with coordinates along its edges where there are any."""
    picked_rows, picked = shown(values.shape[0]), shown(values.shape[1])
    lines = []
    if columns:
        names = "".join(f"<th>{'…' if i is None else columns[i]}</th>" for i in picked)
        lines.append(f"<tr>{'<th></th>' if rows is not None else ''}{names}</tr>")
    for r in picked_rows:
        cells = ""
        if rows is not None:
            cells += f"<th>{'…' if r is None else rows[r]}</th>"
        for i in picked:
            if r is None or i is None:
                cells += '<td class="gap">…</td>'
                continue
            kind = ""
            if outside is not None and outside[r, i]:
                kind = "outside"
            elif marks == "sign":
                kind = _sign(values[r, i])
            mark = f' class="{kind}"' if kind else ""
            cells += f"<td{mark}>{escape(number(values[r, i]))}</td>"
        lines.append(f"<tr>{cells}</tr>")
    return f'<div><div class="title">{title}</div><table>{"".join(lines)}</table></div>'


def _sign(value: object) -> str:
    if isinstance(value, complex) or value != value or value == 0:
        return ""
    return "plus" if value > 0 else "minus"  # type: ignore[operator]
