"""Computes the numbers that the page shows.

A question is the JSON that the page sends::

    {"input": {"values": [[0, 1, ...], ...]} or {"picture": name},
     "layers": [{"kernel": [[...], ...], "divisor": 1, "flip": false, "bias": 0, "relu": true,
                 "stride": 1, "padding": "valid", "dilation": 1, "boundary": "constant"}, ...],
     "backend": null or name,
     "at": [layer, row, column],
     "maps": true or false}

The answer holds the input and the feature map of every layer (unless ``maps`` is false), and the
arithmetic of the output ``at``, which is moved inside the map if it lies outside.
"""

from __future__ import annotations

import base64
import re
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

from ... import backends, kernels
from ...problem.boundary import TABLE as BORDERS
from ...problem.boundary import index_map
from .layer import Layer, explanation, written
from .pictures import GRIDS, Pictures
from .refusal import RefusedError

__all__ = ["answer", "choices"]

MAX_GRID = 32
"""Rows or columns of a typed input, at most."""
MAX_TAPS = 7
"""Rows or columns of a kernel, at most."""
MAX_STEP = 16
"""The largest stride, dilation and padding."""
MAX_LAYERS = 2
LARGEST = 1e6
"""The largest typed number; the smallest divisor is its reciprocal."""
FIELDS = {"w": "size", "x": "size"}
"""The fields that the arguments of `conv2d` belong to, where the names differ."""


def choices() -> dict[str, Any]:
    """The choices that the page offers."""
    named = [kernels.info(name) for name in kernels.names()]
    return {
        "grids": GRIDS,
        "photographs": Pictures.photographs(),
        "kernels": [
            {
                "name": kernel.name,
                "weights": kernel.weights,
                "divisor": kernel.divisor,
                "summary": kernel.summary,
            }
            for kernel in named
            if kernel.kind == "spatial" and max(kernel.array().shape) <= MAX_TAPS
        ],
        "borders": {name: border.picture for name, border in BORDERS.items()},
        "backends": {name: backends.unavailable(name) for name in backends.ORDER},
        "backend": fc.get_backend(),
    }


def answer(question: dict[str, Any], pictures: Pictures) -> dict[str, Any]:
    """Answer a question, or raise `RefusedError`."""
    source = question.get("input")
    source = source if isinstance(source, dict) else {}
    if "picture" in source:
        x = pictures.get(str(source["picture"]))
    else:
        x = _grid(source.get("values"), "input", MAX_GRID)
    described = question.get("layers")
    if not isinstance(described, list) or not 1 <= len(described) <= MAX_LAYERS:
        raise RefusedError(f"layers: allowed are 1 to {MAX_LAYERS}", "layers")
    layers = [_layer(i, item) for i, item in enumerate(described)]
    backend = question.get("backend")
    maps: list[dict[str, Any]] = [{"values": x, "signed": False}]
    for i, layer in enumerate(layers):
        maps.append(_map(i, layer, maps[-1]["values"], backend))
    at = _place(question.get("at"), [each["values"].shape for each in maps[1:]])
    found: dict[str, Any] = {"cell": _cell(at, layers, maps)}
    if question.get("maps", True):
        found["maps"] = [each | _packed(each["values"]) for each in maps]
        found["code"] = written(x, layers, backend)
    return found


# -- what is asked ------------------------------------------------------------------------------


def _number(value: object, field: str, name: str) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST:
        return float(value)
    came = "nothing" if value in (None, "") else repr(value)[:20]
    allowed = f"a number from -{LARGEST:,.0f} to {LARGEST:,.0f}"
    raise RefusedError(f"{name}: got {came}, allowed is {allowed}", field)


def _grid(rows: object, field: str, most: int) -> NDArray[np.float64]:
    """A grid of numbers."""
    name = field.rpartition(".")[2]
    allowed = f"1 to {most} rows of 1 to {most} numbers each"
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise RefusedError(f"{name}: allowed are {allowed}", field)
    lengths = [len(row) for row in rows]
    if not 1 <= len(rows) <= most or not 1 <= min(lengths) <= max(lengths) <= most:
        came = f"{len(rows)} rows of up to {max(lengths, default=0)} numbers"
        raise RefusedError(f"{name}: got {came}, allowed are {allowed}", field)
    if min(lengths) < max(lengths):
        short = lengths.index(min(lengths))
        came = f"row {short} has {min(lengths)} numbers, another has {max(lengths)}"
        raise RefusedError(f"{name}: {came}", field)
    numbers = [
        [_number(value, field, f"{name}: row {r}, column {c}") for c, value in enumerate(row)]
        for r, row in enumerate(rows)
    ]
    return np.array(numbers)


def _layer(i: int, item: object) -> Layer:
    if not isinstance(item, dict):
        raise RefusedError("layers: allowed are objects", "layers")
    kernel = _grid(item.get("kernel"), f"{i}.kernel", MAX_TAPS)
    divisor = _number(item.get("divisor", 1), f"{i}.divisor", "divisor")
    if abs(divisor) < 1 / LARGEST:
        least = f"{1 / LARGEST:g} at least, or the same below zero"
        raise RefusedError(f"divisor: got {divisor:g}, allowed is {least}", f"{i}.divisor")
    bias = _number(item.get("bias", 0), f"{i}.bias", "bias")
    options = {
        "stride": _bounded(i, "stride", item.get("stride", 1)),
        "padding": _bounded(i, "padding", item.get("padding", "valid")),
        "dilation": _bounded(i, "dilation", item.get("dilation", 1)),
        "boundary": item.get("boundary", "constant"),
    }
    if options["padding"] == "full":
        step = options["dilation"] if isinstance(options["dilation"], int) else 1
        options["padding"] = [step * (taps - 1) for taps in kernel.shape]
    if item.get("relu"):
        options["activation"] = "relu"
    return Layer(kernel, divisor, bool(item.get("flip")), bias, options)


def _bounded(i: int, name: str, value: object) -> Any:
    """A string, or a number within bounds that limit the work; the library checks the rest."""
    if not isinstance(value, (int, float, str)):
        raise RefusedError(f"{name}: allowed is a whole number", f"{i}.{name}")
    if not isinstance(value, str) and value > MAX_STEP:
        came = f"got {value!r:.20}, allowed is {MAX_STEP} at most"
        raise RefusedError(f"{name}: {came}", f"{i}.{name}")
    return value


def _place(at: object, shapes: list[tuple[int, ...]]) -> tuple[int, int, int]:
    if not isinstance(at, list) or len(at) != 3 or not all(isinstance(i, int) for i in at):
        raise RefusedError("at: allowed are three whole numbers: layer, row and column", "at")
    layer = min(max(at[0], 0), len(shapes) - 1)
    row, column = (min(max(i, 0), size - 1) for i, size in zip(at[1:], shapes[layer], strict=True))
    return layer, row, column


# -- what is answered ---------------------------------------------------------------------------


def _map(i: int, layer: Layer, x: NDArray[np.float64], backend: Any) -> dict[str, Any]:
    """The feature map of a layer, and how it was computed."""
    try:
        plan = fc.plan_conv2d(
            (1, *x.shape), x.dtype, layer.weights, layer.biases, **layer.options, backend=backend
        )
        plan(x[None])  # once without the clock: Numba may have to compile
        start = time.perf_counter()
        y = plan(x[None])[0]
        seconds = time.perf_counter() - start
        axes = explanation(layer, x, 0, 0).axes
    except fc.BackendUnavailableError as error:
        raise RefusedError(str(error), "backend") from None
    except (TypeError, ValueError) as error:
        raise RefusedError(str(error), _blamed(i, str(error))) from None
    return {
        "values": y,
        "signed": layer.signed,
        "plan": f"{plan.backend}, {plan.algorithm}",
        "seconds": seconds,
        "axes": [
            {
                "before": axis.before,
                "after": axis.after,
                "sources": _sources(axis),
                "unread": axis.unread,
                "left_over": axis.left_over,
                "stride": axis.stride,
                "dilation": axis.dilation,
                "extent": axis.extent,
            }
            for axis in axes
        ],
    }


def _blamed(i: int, message: str) -> str:
    """The field that a message of the library is about."""
    name = re.match(r"\w+: (\w+)", message)
    field = FIELDS.get(name[1], name[1]) if name else "layers"
    return field if field in ("backend", "layers") else f"{i}.{field}"


def _sources(axis: Any) -> list[int | None]:
    """The sample of the input at each position of the padded input, None for the constant."""
    found = index_map(axis.boundary, -axis.before, axis.size + axis.after, axis.size)
    return [i if i >= 0 else None for i in found.tolist()]


def _packed(values: NDArray[np.float64]) -> dict[str, Any]:
    """The samples of a map in single precision, which is enough to draw them."""
    data = np.ascontiguousarray(values, "<f4").tobytes()
    return {
        "values": base64.b64encode(data).decode(),
        "rows": values.shape[0],
        "columns": values.shape[1],
        "low": float(values.min()),
        "high": float(values.max()),
    }


def _cell(
    at: tuple[int, int, int], layers: list[Layer], maps: list[dict[str, Any]]
) -> dict[str, Any]:
    """The arithmetic of one output."""
    i, row, column = at
    layer, x = layers[i], maps[i]["values"]
    e = explanation(layer, x, row, column)
    rows, columns = e.axes
    read = [sorted({i for i in axis.sources if i is not None}) for axis in e.axes]
    if i > 0:
        read = [_read(outputs, axis) for outputs, axis in zip(read, maps[i]["axes"], strict=True)]
    return {
        "at": list(at),
        "rows": rows.coordinates,
        "columns": columns.coordinates,
        "from_rows": rows.sources,
        "from_columns": columns.sources,
        "window": e.samples[0].tolist(),
        "weights": e.weights[0].tolist(),
        "fractions": layer.fractions,
        "products": e.products[0].tolist(),
        "sum": float(e.sum),
        "bias": float(e.bias),
        "biased": float(e.sum + e.bias),
        "relu": e.activation == "relu",
        "result": float(e.result),
        "reads": read,
    }


def _read(outputs: list[int], axis: dict[str, Any]) -> list[int]:
    """The samples along an axis that some outputs of the layer below depend on."""
    taps = range(0, axis["extent"], axis["dilation"])
    read = {axis["sources"][output * axis["stride"] + tap] for output in outputs for tap in taps}
    return sorted(read - {None})
