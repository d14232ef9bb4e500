"""Derivatives: Prewitt's and Sobel's, Laplace's, and those of Gaussians."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import backends, config
from ..api.options import AlgorithmName, PerAxis
from ..config import BackendName
from ..filters import factors
from ..filters.common import blockwise
from . import arguments, runs
from .arguments import Mode, Output
from .calls import Call, filtered
from .correlation import line
from .passes import Options, Pass, are_one
from .runs import Combination, Run
from .smoothing import gaussian_passes

__all__ = [
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "generic_gradient_magnitude",
    "generic_laplace",
    "laplace",
    "prewitt",
    "sobel",
]

Derivative = Callable[..., NDArray]

SLOPE, CURVATURE = np.array([-1.0, 0.0, 1.0]), np.array([1.0, -2.0, 1.0])


def prewitt(
    input: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = axis, mode, cval
    return filtered(_slope, "prewitt", input, output, None, given, algorithm, backend, threads)


def sobel(
    input: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    *,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = axis, mode, cval
    return filtered(_slope, "sobel", input, output, None, given, algorithm, backend, threads)


def laplace(
    input: ArrayLike,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    return filtered(
        _laplace, "laplace", input, output, None, (mode, cval, axes), algorithm, backend, threads
    )


def gaussian_laplace(
    input: ArrayLike,
    sigma: float | Sequence[float],
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: PerAxis | None = None,
    truncate: float = 4.0,
    radius: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = sigma, mode, cval, axes, truncate, radius
    return filtered(
        _gaussian_laplace,
        "gaussian_laplace",
        input,
        output,
        None,
        given,
        algorithm,
        backend,
        threads,
    )


def gaussian_gradient_magnitude(
    input: ArrayLike,
    sigma: float | Sequence[float],
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    *,
    axes: PerAxis | None = None,
    truncate: float = 4.0,
    radius: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = sigma, mode, cval, axes, truncate, radius
    name = "gaussian_gradient_magnitude"
    return filtered(
        _gaussian_gradient, name, input, output, None, given, algorithm, backend, threads
    )


def generic_laplace(
    input: ArrayLike,
    derivative2: Derivative,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: PerAxis | None = None,
) -> NDArray:
    derivative = partial(_called, derivative2, extra_arguments, extra_keywords or {})
    return _generic("generic_laplace", derivative, input, output, mode, cval, axes, _sum)


def generic_gradient_magnitude(
    input: ArrayLike,
    derivative: Derivative,
    output: Output = None,
    mode: Mode | Sequence[Mode] = "reflect",
    cval: complex = 0.0,
    extra_arguments: Sequence[Any] = (),
    extra_keywords: Mapping[str, Any] | None = None,
    *,
    axes: PerAxis | None = None,
) -> NDArray:
    name = "generic_gradient_magnitude"
    derivative = partial(_called, derivative, extra_arguments, extra_keywords or {})
    return _generic(name, derivative, input, output, mode, cval, axes, _magnitude)


def _slope(call: Call, axis: Any, mode: Any, cval: Any) -> Run:
    """The filter of `prewitt` or `sobel`."""
    along = arguments.normalize_axis_index(axis, call.rank)
    result = call.result(False)
    modes = arguments.per_axis(call.name, "mode", mode, call.rank)
    smooth = factors.smoothing(call.name).astype(np.float64)
    passes = [line(call, SLOPE, along, modes[along])]
    passes += [line(call, smooth, i, modes[i]) for i in range(call.rank) if i != along]
    return call.run(passes, result, call.constant(cval))


def _laplace(call: Call, mode: Any, cval: Any, axes: Any) -> Run:
    result, beyond = call.result(False), call.constant(cval)
    along = arguments.axes_of(call.name, axes, call.rank)
    if not along:
        return runs.copied(result)
    modes = arguments.per_axis(call.name, "mode", mode, len(along))
    passes = [line(call, CURVATURE, i, border) for i, border in zip(along, modes, strict=True)]

    def apart() -> Run:
        return runs.combined(
            [call.run([step], result, beyond) for step in passes], _sum(call.options)
        )

    cross = Pass(
        factors.second_differences(len(along)).astype(np.float64),
        along,
        tuple([border for step in passes for border in step.borders]),
        (0,) * len(along),
    )
    if result.kind in "fc" or (
        result.kind in "iu" and are_one(call.dtype, [cross], result, beyond)
    ):
        return call.around_zeros(cross, result, beyond, apart)
    return apart()


def _gaussian_laplace(
    call: Call, sigma: Any, mode: Any, cval: Any, axes: Any, truncate: Any, radius: Any
) -> Run:
    result = call.result(False)
    along = arguments.axes_of(call.name, axes, call.rank)
    sigmas = [0.0] * call.rank
    for axis, s in zip(
        along, arguments.per_axis(call.name, "sigma", sigma, len(along)), strict=True
    ):
        sigmas[axis] = s
    return _of_gaussians(call, 2, along, sigmas, mode, cval, truncate, radius, result, _sum)


def _gaussian_gradient(
    call: Call, sigma: Any, mode: Any, cval: Any, axes: Any, truncate: Any, radius: Any
) -> Run:
    result = call.result(False)
    along = arguments.axes_of(call.name, axes, call.rank)
    return _of_gaussians(call, 1, along, sigma, mode, cval, truncate, radius, result, _magnitude)


def _of_gaussians(
    call: Call,
    order: int,
    along: tuple[int, ...],
    sigma: Any,
    mode: Any,
    cval: Any,
    truncate: Any,
    radius: Any,
    result: np.dtype,
    combine: Callable[[Options], Combination],
) -> Run:
    """A combination of the derivatives of a Gaussian along some axes, each with its border."""
    parts = []
    for axis, border in zip(
        along, arguments.per_axis(call.name, "mode", mode, len(along)), strict=True
    ):
        orders = [order if i == axis else 0 for i in range(call.rank)]
        everywhere = tuple(range(call.rank))
        passes = gaussian_passes(call, sigma, orders, border, truncate, radius, everywhere)
        parts.append(call.run(passes, result, call.constant(cval)))
    return runs.combined(parts, combine(call.options)) if parts else runs.copied(result)


def _called(
    derivative: Derivative, more: Sequence[Any], keywords: Mapping[str, Any], *arguments: Any
) -> NDArray:
    return derivative(*arguments, *more, **keywords)


def _generic(
    name: str,
    derivative: Derivative,
    input: ArrayLike,
    output: Output,
    mode: Any,
    cval: Any,
    axes: Any,
    combine: Callable[[Options], Combination],
) -> NDArray:
    """Combine what a caller's function gives for each axis; the first one is written in place."""
    samples = np.asarray(input)
    result = arguments.receiver(name, output, samples.shape)
    if result is None:
        dtype, _ = arguments.result_dtype(name, output, samples.dtype, False)
        result = np.zeros(samples.shape, dtype)
    along = arguments.axes_of(name, axes, samples.ndim)
    if not along:
        result[...] = samples
        return result
    modes = arguments.per_axis(name, "mode", mode, len(along))
    if len(along) > 1 and np.may_share_memory(samples, result):
        samples = samples.copy()
    derivative(samples, along[0], result, modes[0], cval)
    parts = [
        derivative(samples, axis, result.dtype, border, cval)
        for axis, border in zip(along[1:], modes[1:], strict=True)
    ]
    combine(Options("auto", None, None))([result, *parts])
    return result


def _sum(options: Options) -> Combination:
    """Add all parts to the first one."""

    def add(parts: Sequence[NDArray]) -> None:
        for part in parts[1:]:
            blockwise(_add, (parts[0], part), options.threads)

    return add


def _add(total: NDArray, more: NDArray) -> None:
    np.add(total, more, out=total)


def _magnitude(options: Options) -> Combination:
    """Put the root of the sum of squares into the first part."""
    backend = backends.load(config.resolve_backend(options.backend, "gradient magnitude"))

    def of_floats(*parts: NDArray) -> None:
        backend.magnitude(parts[0], parts)

    def magnitude(parts: Sequence[NDArray]) -> None:
        dtypes = {part.dtype for part in parts}
        plain = len(dtypes) == 1 and dtypes <= {np.dtype("f4"), np.dtype("f8")}
        blockwise(of_floats if plain else _root, parts, options.threads)

    return magnitude


def _root(total: NDArray, *others: NDArray) -> None:
    np.multiply(total, total, out=total)
    for other in others:
        np.add(total, np.multiply(other, other), out=total)
    np.sqrt(total, out=total, casting="unsafe")
