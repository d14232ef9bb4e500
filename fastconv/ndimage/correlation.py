"""Correlation and convolution with a kernel of any rank, or along one axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, PerAxis
from ..config import BackendName
from . import arguments
from .arguments import Mode, Output
from .calls import Call, Filter, Guarded, Run, filtered
from .passes import Options, Pass

__all__ = ["convolve", "convolve1d", "correlate", "correlate1d", "line"]


def correlate(
    input: ArrayLike,
    weights: ArrayLike,
    output: Output = None,
    mode: Mode = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = weights, mode, cval, origin, axes, False
    return filtered(_dense, "correlate", input, output, given, Options(algorithm, backend, threads))


def convolve(
    input: ArrayLike,
    weights: ArrayLike,
    output: Output = None,
    mode: Mode = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: PerAxis | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    given = weights, mode, cval, origin, axes, True
    return filtered(_dense, "convolve", input, output, given, Options(algorithm, backend, threads))


def correlate1d(
    input: ArrayLike,
    weights: ArrayLike,
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
    given = weights, axis, mode, cval, origin, False
    options = Options(algorithm, backend, threads)
    return filtered(_along, "correlate1d", input, output, given, options)


def convolve1d(
    input: ArrayLike,
    weights: ArrayLike,
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
    given = weights, axis, mode, cval, origin, True
    options = Options(algorithm, backend, threads)
    return filtered(_along, "convolve1d", input, output, given, options)


def _along(
    call: Call, weights: ArrayLike, axis: Any, mode: Any, cval: Any, origin: Any, flip: bool
) -> Filter:
    """The filter of `correlate1d` or, with ``flip``, of `convolve1d`."""
    w = np.asarray(weights)
    cval = call.constant(cval, w)
    if w.ndim != 1 or not w.size:
        raise RuntimeError(f"{call.name}: no filter weights given: weights has shape {w.shape}")
    if flip:
        w, origin = w[::-1], -origin - (1 - w.size % 2)
    elif w.dtype.kind == "c":
        w = w.conj()
    w = numbers(w)
    step = line(call, w, axis, mode, origin)
    result = call.result(call.dtype.kind == "c" or w.dtype.kind == "c")
    return Filter(call, result, [call.chain([step], result, cval)])


def line(call: Call, w: NDArray, axis: Any, mode: Any, origin: Any = 0) -> Pass:
    """A pass along one axis."""
    along = arguments.normalize_axis_index(axis, call.rank)
    shift = arguments.centre(call.name, origin, w.size)
    return Pass(w, (along,), (arguments.border(call.name, mode),), (shift,))


def numbers(w: NDArray) -> NDArray:
    """Weights in double precision."""
    return w.astype(np.complex128 if w.dtype.kind == "c" else np.float64)


def _dense(
    call: Call, weights: ArrayLike, mode: Any, cval: Any, origin: Any, axes: Any, flip: bool
) -> Run:
    """The filter of `correlate` or, with ``flip``, of `convolve`."""
    w = np.asarray(weights)
    cval = call.constant(cval, w)
    if not flip and w.dtype.kind == "c":
        w = w.conj()
    w = numbers(w)
    along = arguments.axes_of(call.name, axes, call.rank)
    origins = arguments.per_axis(call.name, "origin", origin, len(along))
    if w.ndim != len(along) or not w.size:
        rank = sum([n > 0 for n in w.shape])
        raise RuntimeError(
            f"{call.name}: weights.ndim ({rank}) must match len(axes) ({len(along)})"
        )
    # SciPy takes the axes of the weights in the order of those of the input.
    if len(along) < call.rank:
        order = sorted(range(len(along)), key=along.__getitem__)
        origins = [origins[i] for i in order]
    along = tuple(sorted(along))
    if flip:
        w = w[(slice(None, None, -1),) * w.ndim]
        origins = [-o - (1 - n % 2) for o, n in zip(origins, w.shape, strict=True)]
    shifts = [
        arguments.centre(call.name, o, n, "weights.shape[k]")
        for o, n in zip(origins, w.shape, strict=True)
    ]
    if not isinstance(mode, str) and np.iterable(mode):
        raise RuntimeError(f"{call.name}: A sequence of modes is not supported: got {mode!r}")
    borders = (arguments.border(call.name, mode),) * len(along)
    result = call.result(call.dtype.kind == "c" or w.dtype.kind == "c")
    step = Pass(w, along, borders, tuple(shifts))
    if w.all() or call.dtype.kind != "f" or w.dtype.kind == "c":
        return Filter(call, result, [call.chain([step], result, cval)])
    return Guarded.of(call, step, result, cval, _around_zeros(call, step, result, cval))


def _around_zeros(
    call: Call, step: Pass, result: np.dtype, cval: Any
) -> Callable[[NDArray, NDArray | None], NDArray]:
    """A filter that reads no sample under a weight of zero, which may be NaN or infinite.

    Samples that are not finite count as zero first; then outputs that read them are found.
    """
    w = step.weights
    finite = Filter(call, result, [call.chain([step], result, cval if np.isfinite(cval) else 0)])
    counted = call.counting()

    def hits(marked: NDArray, weights: NDArray, beyond: bool) -> NDArray:
        pass_ = step._replace(weights=weights.astype(np.float64))
        count = Filter(
            call, np.dtype(np.int64), [counted.chain([pass_], np.dtype(np.int64), beyond)]
        )
        return count(marked.view(np.uint8), None) > 0

    def run(x: NDArray, out: NDArray | None) -> NDArray:
        made = finite(np.where(np.isfinite(x), x, 0), None)
        up = hits(x == np.inf, w > 0, cval == np.inf) | hits(x == -np.inf, w < 0, cval == -np.inf)
        down = hits(x == np.inf, w < 0, cval == np.inf) | hits(x == -np.inf, w > 0, cval == -np.inf)
        lost = hits(np.isnan(x), w != 0, np.isnan(cval)) | (up & down)
        if made.dtype.kind == "f":
            made[up], made[down], made[lost] = np.inf, -np.inf, np.nan
        if out is None:
            return made
        out[...] = made
        return out

    return run
