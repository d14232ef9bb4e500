"""A table of the layers of a network."""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import NDArray

from .graph import BATCH, leaves
from .modules.base import Layer

__all__ = ["table"]

TITLES = ("layer", "result", "parameters", "multiply-adds")


def table(net: Layer, shape: tuple[int, ...]) -> str:
    """A line for each layer without layers inside, and the totals."""
    nodes, _ = leaves(net)
    dtype = net.parameters[0].value.dtype if net.parameters else np.dtype(np.float32)
    results: dict[str, NDArray] = {BATCH: np.zeros(shape, dtype)}
    rows = []
    for name, layer, inputs in nodes:
        parameters = products = 0
        title = "Add"
        call = layer
        if isinstance(layer, Layer):
            call = copy(layer)
            call.training = False
            title = repr(layer).partition("\n")[0]
            parameters = sum(each.value.size for each in layer.parameters)
        y = call(*(results[each] for each in inputs))
        if isinstance(layer, Layer):
            products = layer._multiply_adds(results[inputs[0]].shape, y.shape)
        results[name] = y
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
