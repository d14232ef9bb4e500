"""Gaussian and uniform filters."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, PerAxis
from ..config import BackendName
from ..filters import factors
from . import arguments
from .arguments import Mode, Output
from .calls import Call, filtered
from .correlation import line
from .passes import Pass
from .runs import Run

__all__ = [
    "gaussian_filter",
    "gaussian_filter1d",
    "gaussian_passes",
    "uniform_filter",
    "uniform_filter1d",
]

MIN_SIGMA = 1e-15
"""The standard deviation up to which an axis is left alone."""


def gaussian_filter(
    input: ArrayLike,
    sigma: float | Sequence[float],
    order: PerAxis = 0,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: PerAxis | None = None,
    axes: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = sigma, order, mode, cval, truncate, radius, axes
    return filtered(
        _gaussian, "gaussian_filter", input, output, None, given, algorithm, backend, threads
    )


def gaussian_filter1d(
    input: ArrayLike,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Output = None,
    mode: Mode = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = sigma, axis, order, mode, cval, truncate, radius
    return filtered(
        _gaussian_along,
        "gaussian_filter1d",
        input,
        output,
        None,
        given,
        algorithm,
        backend,
        threads,
    )


def uniform_filter(
    input: ArrayLike,
    size: PerAxis = 3,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = size, mode, cval, origin, axes
    return filtered(
        _uniform, "uniform_filter", input, output, None, given, algorithm, backend, threads
    )


def uniform_filter1d(
    input: ArrayLike,
    size: int,
    axis: int = -1,
    output: Output = None,
    mode: Mode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = size, axis, mode, cval, origin
    return filtered(
        _uniform_along, "uniform_filter1d", input, output, None, given, algorithm, backend, threads
    )


def _gaussian(
    call: Call,
    sigma: Any,
    order: Any,
    mode: Any,
    cval: Any,
    truncate: Any,
    radius: Any,
    axes: Any,
) -> Run:
    result = call.result(False)
    along = arguments.axes_of(call.name, axes, call.rank)
    passes = gaussian_passes(call, sigma, order, mode, truncate, radius, along)
    return call.run(passes, result, call.constant(cval))


def gaussian_passes(
    call: Call,
    sigma: Any,
    order: Any,
    mode: Any,
    truncate: Any,
    radius: Any,
    axes: tuple[int, ...],
) -> list[Pass]:
    """The passes of a Gaussian, one for each axis that it blurs."""
    options = zip(
        axes,
        *[
            arguments.per_axis(call.name, argument, value, len(axes))
            for argument, value in (
                ("sigma", sigma),
                ("order", order),
                ("mode", mode),
                ("radius", radius),
            )
        ],
        strict=True,
    )
    return [
        line(call, _gaussian_weights(call.name, s, n, truncate, r), axis, border)
        for axis, s, n, border, r in options
        if s > MIN_SIGMA
    ]


def _gaussian_along(
    call: Call,
    sigma: Any,
    axis: Any,
    order: Any,
    mode: Any,
    cval: Any,
    truncate: Any,
    radius: Any,
) -> Run:
    weights = _gaussian_weights(call.name, sigma, order, truncate, radius)
    result = call.result(call.dtype.kind == "c")
    return call.run([line(call, weights, axis, mode)], result, call.constant(cval))


def _gaussian_weights(name: str, sigma: Any, order: Any, truncate: Any, radius: Any) -> NDArray:
    deviation = float(sigma)
    reach = int(truncate * deviation + 0.5) if radius is None else radius
    if not isinstance(reach, Integral) or reach < 0:
        raise ValueError(f"{name}: Radius must be a nonnegative integer: got {reach!r}")
    if order < 0:
        raise ValueError(f"{name}: order must be non-negative: got {order!r}")
    if not isinstance(order, Integral):
        raise TypeError(f"{name}: order must be an integer: got {order!r}")
    if deviation == 0:
        raise ZeroDivisionError(f"{name}: sigma must not be 0")
    return factors.gaussian(deviation, int(order), int(reach))


def _uniform(call: Call, size: Any, mode: Any, cval: Any, origin: Any, axes: Any) -> Run:
    result = call.result(call.dtype.kind == "c")
    along = arguments.axes_of(call.name, axes, call.rank)
    options = zip(
        along,
        *[
            arguments.per_axis(call.name, argument, value, len(along))
            for argument, value in (("size", size), ("origin", origin), ("mode", mode))
        ],
        strict=True,
    )
    passes = [_mean(call, int(n), axis, border, o) for axis, n, o, border in options if n > 1]
    return call.run(passes, result, call.constant(cval))


def _uniform_along(call: Call, size: Any, axis: Any, mode: Any, cval: Any, origin: Any) -> Run:
    step = _mean(call, size, axis, mode, origin)
    result = call.result(call.dtype.kind == "c")
    return call.run([step], result, call.constant(cval))


def _mean(call: Call, size: Any, axis: Any, mode: Any, origin: Any) -> Pass:
    """A pass that takes the mean of neighbours."""
    along = arguments.normalize_axis_index(axis, call.rank)
    if size < 1:
        raise RuntimeError(f"{call.name}: incorrect filter size: got {size!r}")
    if not 0 <= size // 2 + origin < size:
        raise ValueError(f"{call.name}: invalid origin: got {origin!r} for size {size!r}")
    weights = factors.uniform(arguments.index(size), np.dtype(np.float64))
    border = arguments.border(call.name, mode)
    return Pass(weights, (along,), (border,), (arguments.index(origin),))
