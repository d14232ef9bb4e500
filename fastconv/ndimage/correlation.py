"""Correlation and convolution with a kernel of any rank, or along one axis."""

from __future__ import annotations

from collections.abc import Callable
from math import inf, isfinite, isnan, nan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, Nan, PerAxis
from ..config import BackendName
from . import arguments
from .arguments import MissingMode, Output
from .calls import Call, filtered
from .passes import Pass
from .runs import Run, delivered

__all__ = ["convolve", "convolve1d", "correlate", "correlate1d", "line"]


def correlate(
    input: ArrayLike,
    weights: ArrayLike,
    output: Output = None,
    mode: MissingMode = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: PerAxis | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Slide a kernel over an array and sum the products, like `scipy.ndimage.correlate`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    weights : array_like
        The kernel, with an axis for each filtered axis of `input`, in the same order.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str, optional
        How the array is extended beyond its edges: "reflect" (the default) or "grid-mirror"
        (``b a | a b c d | d c``), "mirror" (``c b | a b c d | c b``), "nearest"
        (``a a | a b c d | d d``), "wrap" or "grid-wrap" (``c d | a b c d | a b``), "constant" or
        "grid-constant" (`cval`), or "ignore" (samples beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The shift of the kernel in samples, for all filtered axes or one for each. 0 places its
        centre, the tap ``len // 2``, on the sample; positive numbers shift it to the right.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `input` is treated.  "propagate": it spreads to all results whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but results at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing.  It has the shape of `input`, or only the filtered axes;
        axes of length 1 are broadcast.  The values of masked samples do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        results with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`; a masked array if
        `input` is one.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Complex weights are conjugated.  Sums of integers are cast as in C: they lose their fraction and
    wrap.  The module `fastconv.ndimage` lists all differences from SciPy.

    A sample costs one multiply-add for each tap with "direct", and fewer with other algorithms.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.correlate([0, 0, 1, 0, 0], [1, 2, 3])
    array([0, 3, 2, 1, 0])
    """
    given = cval, origin, axes, False
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(_dense, "correlate", input, output, weights, mode, given, options, missing)


def convolve(
    input: ArrayLike,
    weights: ArrayLike,
    output: Output = None,
    mode: MissingMode = "reflect",
    cval: complex = 0.0,
    origin: PerAxis = 0,
    *,
    axes: PerAxis | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve an array with a kernel, like `scipy.ndimage.convolve`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    weights : array_like
        The kernel, with an axis for each filtered axis of `input`, in the same order.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str, optional
        How the array is extended beyond its edges: "reflect" (the default) or "grid-mirror"
        (``b a | a b c d | d c``), "mirror" (``c b | a b c d | c b``), "nearest"
        (``a a | a b c d | d d``), "wrap" or "grid-wrap" (``c d | a b c d | a b``), "constant" or
        "grid-constant" (`cval`), or "ignore" (samples beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        The shift of the kernel in samples, for all filtered axes or one for each. 0 places its
        centre, the tap ``len // 2``, on the sample; positive numbers shift it to the right.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `input` is treated.  "propagate": it spreads to all results whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but results at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing.  It has the shape of `input`, or only the filtered axes;
        axes of length 1 are broadcast.  The values of masked samples do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        results with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`; a masked array if
        `input` is one.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernel is flipped.  The centre of an even kernel is the tap ``len // 2``, one tap further
    than in `numpy.convolve`.  Sums of integers are cast as in C: they lose their fraction and wrap.
    The module `fastconv.ndimage` lists all differences from SciPy.

    A sample costs one multiply-add for each tap with "direct", and fewer with other algorithms.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.convolve([0, 0, 1, 0, 0], [1, 2, 3])
    array([0, 1, 2, 3, 0])
    """
    given = cval, origin, axes, True
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(_dense, "convolve", input, output, weights, mode, given, options, missing)


def correlate1d(
    input: ArrayLike,
    weights: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: MissingMode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
    *,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Correlate with a kernel along one axis, like `scipy.ndimage.correlate1d`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    weights : array_like
        The kernel: numbers along one axis, at least one.
    axis : int, optional
        The axis that is filtered; by default, the last one.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str, optional
        How the array is extended beyond its edges: "reflect" (the default) or "grid-mirror"
        (``b a | a b c d | d c``), "mirror" (``c b | a b c d | c b``), "nearest"
        (``a a | a b c d | d d``), "wrap" or "grid-wrap" (``c d | a b c d | a b``), "constant" or
        "grid-constant" (`cval`), or "ignore" (samples beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int, optional
        The shift of the kernel in samples. 0 places its centre, the tap ``len // 2``, on the
        sample; positive numbers shift it to the right.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `input` is treated.  "propagate": it spreads to all results whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but results at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing.  It has the shape of `input`, or only the filtered axes;
        axes of length 1 are broadcast.  The values of masked samples do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        results with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`; a masked array if
        `input` is one.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Complex weights are conjugated.  Sums of integers are cast as in C: they lose their fraction and
    wrap.  The module `fastconv.ndimage` lists all differences from SciPy.

    A sample costs one multiply-add for each tap with "direct", and fewer with other algorithms.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.correlate1d([2, 8, 0, 4], [1, 3])
    array([ 8, 26,  8, 12])
    """
    given = axis, cval, origin, False
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(_along, "correlate1d", input, output, weights, mode, given, options, missing)


def convolve1d(
    input: ArrayLike,
    weights: ArrayLike,
    axis: int = -1,
    output: Output = None,
    mode: MissingMode = "reflect",
    cval: complex = 0.0,
    origin: int = 0,
    *,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convolve with a kernel along one axis, like `scipy.ndimage.convolve1d`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    weights : array_like
        The kernel: numbers along one axis, at least one.
    axis : int, optional
        The axis that is filtered; by default, the last one.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str, optional
        How the array is extended beyond its edges: "reflect" (the default) or "grid-mirror"
        (``b a | a b c d | d c``), "mirror" (``c b | a b c d | c b``), "nearest"
        (``a a | a b c d | d d``), "wrap" or "grid-wrap" (``c d | a b c d | a b``), "constant" or
        "grid-constant" (`cval`), or "ignore" (samples beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int, optional
        The shift of the kernel in samples. 0 places its centre, the tap ``len // 2``, on the
        sample; positive numbers shift it to the right.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `input` is treated.  "propagate": it spreads to all results whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but results at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing.  It has the shape of `input`, or only the filtered axes;
        axes of length 1 are broadcast.  The values of masked samples do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        results with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" chooses the algorithm with the shortest predicted time.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`; a masked array if
        `input` is one.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernel is flipped.  The centre of an even kernel is the tap ``len // 2``, one tap further
    than in `numpy.convolve`.  Sums of integers are cast as in C: they lose their fraction and wrap.
    The module `fastconv.ndimage` lists all differences from SciPy.

    A sample costs one multiply-add for each tap with "direct", and fewer with other algorithms.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.convolve1d([2, 8, 0, 4], [1, 3])
    array([14, 24,  4, 16])
    """
    given = axis, cval, origin, True
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(_along, "convolve1d", input, output, weights, mode, given, options, missing)


def _along(
    call: Call, weights: ArrayLike, mode: Any, axis: Any, cval: Any, origin: Any, flip: bool
) -> Run:
    """The run of `correlate1d` or, with ``flip``, of `convolve1d`."""
    w = np.asarray(weights)
    beyond = call.constant(cval, w)
    result = call.result(call.dtype.kind == "c" or w.dtype.kind == "c")
    if w.ndim != 1 or not w.size:
        raise RuntimeError(f"{call.name}: no filter weights given: weights has shape {w.shape}")
    if flip:
        w, origin = w[::-1], -origin - (1 - w.size % 2)
    step = line(call, _numbers(w, flip), axis, mode, origin)
    return call.run([step], result, beyond)


def line(call: Call, w: NDArray, axis: Any, mode: Any, origin: Any = 0) -> Pass:
    """A pass along one axis."""
    along = arguments.normalize_axis_index(axis, call.rank)
    shift = arguments.centre(call.name, origin, w.size)
    return Pass(w, (along,), (call.border(mode),), (shift,))


def _numbers(w: NDArray, flip: bool) -> NDArray:
    """Weights in double precision; correlations take the conjugates of complex ones."""
    if w.dtype.kind != "c":
        return w.astype(np.float64)
    return (w if flip else w.conj()).astype(np.complex128)


def _dense(
    call: Call, weights: ArrayLike, mode: Any, cval: Any, origin: Any, axes: Any, flip: bool
) -> Run:
    """The run of `correlate` or, with ``flip``, of `convolve`."""
    w = np.asarray(weights)
    beyond = call.constant(cval, w)
    result = call.result(call.dtype.kind == "c" or w.dtype.kind == "c")
    w = _numbers(w, flip)
    along = arguments.axes_of(call.name, axes, call.rank)
    origins = arguments.per_axis(call.name, "origin", origin, len(along))
    if w.ndim != len(along) or not w.size:
        rank = sum([n > 0 for n in w.shape])
        raise RuntimeError(
            f"{call.name}: weights.ndim ({rank}) must match len(axes) ({len(along)})"
        )
    # SciPy takes the axes of the weights in the order of those of the input, and the origins, too,
    # unless there are fewer of them.
    if len(along) < call.rank:
        origins = [origins[i] for i in sorted(range(len(along)), key=along.__getitem__)]
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
    borders = (call.border(mode),) * len(along)
    if not along:  # one weight for all samples
        along, borders, shifts, w = (0,), ("nearest",), [0], w.reshape(1)
    step = Pass(w, along, borders, tuple(shifts))
    return call.around_zeros(step, result, beyond, lambda: _by_kind(call, step, result, beyond))


def _by_kind(call: Call, step: Pass, result: np.dtype, cval: complex) -> Run:
    """A pass that reads no sample under a weight of zero, which may be NaN or infinite.

    Samples that are not finite count as zero first; then outputs that read them are found.
    """
    w, beyond = step.weights, float(cval.real)
    finite = call.run([step], result, beyond if isfinite(beyond) else 0.0)
    count, byte = np.dtype(np.int64), np.dtype(np.uint8)

    def reading(used: NDArray, is_beyond: bool) -> Callable[[NDArray], NDArray]:
        """Which outputs read a marked sample under some weights."""
        marks = step._replace(weights=used.astype(np.float64))
        run = call.run([marks], count, float(is_beyond), byte)
        return lambda marked: run(marked.view(byte), None) > 0

    up, down = (
        (reading(w > 0, beyond == sign), reading(w < 0, beyond == sign)) for sign in (inf, -inf)
    )
    lost = reading(w != 0, isnan(beyond))

    def run(x: NDArray, out: NDArray | None) -> NDArray:
        made = finite(np.where(np.isfinite(x), x, 0), None)
        high, low = x == inf, x == -inf
        rises = up[0](high) | down[1](low)
        falls = up[1](high) | down[0](low)
        if made.dtype.kind == "f":
            made[rises], made[falls] = inf, -inf
            made[lost(np.isnan(x)) | (rises & falls)] = nan
        return delivered(made, out)

    return run
