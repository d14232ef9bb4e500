"""Uniform filters: means of a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, Nan, PerAxis
from ..config import BackendName
from ..filters import factors
from . import arguments
from .arguments import MissingMode, Output
from .calls import Call, filtered
from .passes import Pass
from .runs import Run

__all__ = ["uniform_filter", "uniform_filter1d"]


def uniform_filter(
    input: ArrayLike,
    size: PerAxis = 3,
    output: Output = None,
    mode: MissingMode | Sequence[MissingMode] = "reflect",
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
    """Replace each sample by the mean of a window around it, like `scipy.ndimage.uniform_filter`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    size : int or sequence of int, optional
        The size of the window in samples, for all filtered axes or one for each.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`), or "ignore" (samples
        beyond the edges count as missing).
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
    algorithm : {"auto", "box", "separable", "fft", "direct"}, optional
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
    Integers are cast after each axis as in C: they lose their fraction.  To round
    them, use `fastconv.filters.box`.  The module `fastconv.ndimage` lists all differences from
    SciPy.

    A sample costs about ``2 * log2(size)`` additions for each axis.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.uniform_filter([0.0, 0.0, 9.0, 0.0, 0.0], 3)
    array([0., 3., 3., 3., 0.])
    """
    given = size, cval, origin, axes
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(_uniform, "uniform_filter", input, output, None, mode, given, options, missing)


def uniform_filter1d(
    input: ArrayLike,
    size: int,
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
    """Replace each sample by the mean of its neighbours along one axis, like
    `scipy.ndimage.uniform_filter1d`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    size : int
        The size of the window in samples.
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
    algorithm : {"auto", "box", "fft", "direct"}, optional
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
    Integers are cast as in C: they lose their fraction.  The module `fastconv.ndimage` lists all
    differences from SciPy.

    A sample costs about ``2 * log2(size)`` additions.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.uniform_filter1d([2, 8, 0, 4, 1, 9, 9, 0], 3)
    array([4, 3, 4, 1, 4, 6, 6, 3])
    """
    given = size, axis, cval, origin
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(
        _uniform_along, "uniform_filter1d", input, output, None, mode, given, options, missing
    )


def _uniform(call: Call, mode: Any, size: Any, cval: Any, origin: Any, axes: Any) -> Run:
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


def _uniform_along(call: Call, mode: Any, size: Any, axis: Any, cval: Any, origin: Any) -> Run:
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
    border = call.border(mode)
    return Pass(weights, (along,), (border,), (arguments.index(origin),))
