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
    """Blur with a Gaussian, or take derivatives of the blurred array, as
    `scipy.ndimage.gaussian_filter`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    sigma : float or sequence of float
        The standard deviation in samples, for all filtered axes or one for each.  0 leaves an axis
        alone.
    order : int or sequence of int, optional
        0 blurs; n takes the n-th derivative along the axis.
    output : array, dtype or str, optional
        The array that receives the result, or the dtype of the result, by default that of `input`.
        The array may share memory with `input`.
    mode : str or sequence of str, optional
        What lies beyond the edges, for all filtered axes or one for each: "reflect" or
        "grid-mirror" (``b a | a b c d | d c``), "mirror" (``c b | a b c d | c b``), "nearest"
        (``a a | a b c d | d d``), "wrap" or "grid-wrap" (``c d | a b c d | a b``), "constant" or
        "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    truncate : float, optional
        The kernel ends at so many standard deviations.
    radius : int or sequence of int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    algorithm : {"auto", "separable", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is wrong, with the type of error that SciPy raises.  `output` is untouched.
    BackendUnavailableError
        The chosen backend cannot run here.

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
    """Blur along one axis with a Gaussian, or take a derivative of what is blurred, as
    `scipy.ndimage.gaussian_filter1d`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    sigma : float
        The standard deviation in samples, not 0.
    axis : int, optional
        The axis that is filtered; by default, the last one.
    order : int, optional
        0 blurs; n takes the n-th derivative.
    output : array, dtype or str, optional
        The array that receives the result, or the dtype of the result, by default that of `input`.
        The array may share memory with `input`.
    mode : str, optional
        What lies beyond the edges: "reflect" or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    truncate : float, optional
        The kernel ends at so many standard deviations.
    radius : int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
    algorithm : {"auto", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is wrong, with the type of error that SciPy raises.  `output` is untouched.
    BackendUnavailableError
        The chosen backend cannot run here.

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
    """Replace each sample by the mean of a window around it, as `scipy.ndimage.uniform_filter`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    size : int or sequence of int, optional
        The samples of the window, along all filtered axes or one number for each.
    output : array, dtype or str, optional
        The array that receives the result, or the dtype of the result, by default that of `input`.
        The array may share memory with `input`.
    mode : str or sequence of str, optional
        What lies beyond the edges, for all filtered axes or one for each: "reflect" or
        "grid-mirror" (``b a | a b c d | d c``), "mirror" (``c b | a b c d | c b``), "nearest"
        (``a a | a b c d | d d``), "wrap" or "grid-wrap" (``c d | a b c d | a b``), "constant" or
        "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int or sequence of int, optional
        Shifts the kernel, along all filtered axes or by one number for each: 0 puts its centre, the
        tap ``len // 2``, on the sample; a positive number moves it to the right.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    algorithm : {"auto", "box", "separable", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is wrong, with the type of error that SciPy raises.  `output` is untouched.
    BackendUnavailableError
        The chosen backend cannot run here.

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
    """Replace each sample by the mean of its neighbours along one axis, as
    `scipy.ndimage.uniform_filter1d`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    size : int
        The samples of the window.
    axis : int, optional
        The axis that is filtered; by default, the last one.
    output : array, dtype or str, optional
        The array that receives the result, or the dtype of the result, by default that of `input`.
        The array may share memory with `input`.
    mode : str, optional
        What lies beyond the edges: "reflect" or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    origin : int, optional
        Shifts the kernel: 0 puts its centre, the tap ``len // 2``, on the sample; a positive number
        moves it to the right.
    algorithm : {"auto", "box", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        What computes the result.  By default, the backend that `fastconv.get_backend` names.
    threads : int, optional
        The most threads to use.  By default, the number that `fastconv.get_num_threads` returns.
        Results do not depend on it.

    Returns
    -------
    ndarray
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is wrong, with the type of error that SciPy raises.  `output` is untouched.
    BackendUnavailableError
        The chosen backend cannot run here.

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
