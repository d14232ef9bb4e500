"""A table of the layers of a network."""

from __future__ import annotations

from copy import copy

from numpy.typing import NDArray

from .graph import BATCH, Node, total

__all__ = ["table"]

TITLES = ("layer", "result", "parameters", "multiply-adds")


def table(nodes: list[Node], batch: NDArray) -> str:
    """A line for each layer without layers inside, called on a batch, and the totals."""
    results = {BATCH: batch}
    rows = []
    for name, layer, inputs in nodes:
        terms = [results[each] for each in inputs]
        if layer is total:
            results[name] = total(*terms)
            rows.append((f"{name}: Add", str(results[name].shape), 0, 0))
            continue
        evaluated = copy(layer)
        evaluated.training = False
        results[name] = y = evaluated(*terms)
        title = repr(layer).partition("\n")[0]
        parameters = sum(each.value.size for each in layer.parameters)
        products = layer._multiply_adds(terms[0].shape, y.shape)
        rows.append((f"{name}: {title}", str(y.shape), parameters, products))
    totals = ("total", "", sum(row[2] for row in rows), sum(row[3] for row in rows))
    return _aligned([TITLES, *rows, totals])


def _aligned(rows: list[tuple[object, ...]]) -> str:
    cells = [[f"{cell:,}" if type(cell) is int else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join([*(f"{c:<{w}}" for c, w in zip(row[:2], widths[:2], strict=True)),
                   *(f"{c:>{w}}" for c, w in zip(row[2:], widths[2:], strict=True))])
        for row in cells
    ]  # fmt: skip
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
