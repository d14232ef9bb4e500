"""Gaussian filters and their derivatives."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, Nan, PerAxis
from ..config import BackendName
from ..filters import factors
from . import arguments
from .arguments import MissingMode, Output
from .calls import Call, filtered
from .correlation import line
from .passes import Pass
from .runs import Run

__all__ = ["gaussian_filter", "gaussian_filter1d", "gaussian_passes"]

MIN_SIGMA = 1e-15
"""The standard deviation up to which an axis is left alone."""


def gaussian_filter(
    input: ArrayLike,
    sigma: float | Sequence[float],
    order: PerAxis = 0,
    output: Output = None,
    mode: MissingMode | Sequence[MissingMode] = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: PerAxis | None = None,
    axes: PerAxis | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur with a Gaussian, or take derivatives of the blurred array, like
    `scipy.ndimage.gaussian_filter`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    sigma : float or sequence of float
        The standard deviation in samples, for all filtered axes or one for each.  An axis with a
        sigma of 0 is not filtered.
    order : int or sequence of int, optional
        The order of the derivative, for all filtered axes or one for each. 0, the default, only
        blurs.
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
    truncate : float, optional
        The number of standard deviations at which the kernel is truncated.
    radius : int or sequence of int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
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
    algorithm : {"auto", "separable", "fft", "direct"}, optional
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
    them, use `fastconv.filters.gaussian`.  The module `fastconv.ndimage` lists all differences from
    SciPy.

    A sample costs ``2 * radius + 1`` multiply-adds for each axis, or less for long kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_filter(np.array([0.0, 0.0, 1.0, 0.0, 0.0]), 1, radius=1).round(3)
    array([0.   , 0.274, 0.452, 0.274, 0.   ])
    """
    given = sigma, order, cval, truncate, radius, axes
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(
        _gaussian, "gaussian_filter", input, output, None, mode, given, options, missing
    )


def gaussian_filter1d(
    input: ArrayLike,
    sigma: float,
    axis: int = -1,
    order: int = 0,
    output: Output = None,
    mode: MissingMode = "reflect",
    cval: complex = 0.0,
    truncate: float = 4.0,
    *,
    radius: int | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur along one axis with a Gaussian, or take a derivative of the blurred array, like
    `scipy.ndimage.gaussian_filter1d`.

    Parameters
    ----------
    input : array_like
        An array of any rank.  A masked array of `numpy.ma` has missing samples.
    sigma : float
        The standard deviation in samples, not 0.
    axis : int, optional
        The axis that is filtered; by default, the last one.
    order : int, optional
        The order of the derivative. 0, the default, only blurs.
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
    truncate : float, optional
        The number of standard deviations at which the kernel is truncated.
    radius : int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
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
    algorithm : {"auto", "fft", "direct"}, optional
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

    A sample costs ``2 * radius + 1`` multiply-adds, or less for long kernels.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_filter1d([1.0, 2.0, 3.0, 4.0, 5.0], 1, order=1).round(2)
    array([0.36, 0.85, 0.97, 0.85, 0.36])
    """
    given = sigma, axis, order, cval, truncate, radius
    missing = nan, mask, min_weight, fill_value
    options = algorithm, backend, threads
    return filtered(
        _gaussian_along, "gaussian_filter1d", input, output, None, mode, given, options, missing
    )


def _gaussian(
    call: Call,
    mode: Any,
    sigma: Any,
    order: Any,
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
    mode: Any,
    sigma: Any,
    axis: Any,
    order: Any,
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
