"""Derivatives: Prewitt's and Sobel's, Laplace's, and those of Gaussians."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName, PerAxis
from ..config import BackendName
from ..filters import factors
from . import arguments, runs
from .arguments import Mode, Output
from .calls import Call, filtered
from .correlation import line
from .gaussian import gaussian_passes
from .passes import Pass, are_one
from .runs import Combination, Run

__all__ = [
    "gaussian_gradient_magnitude",
    "gaussian_laplace",
    "laplace",
    "prewitt",
    "sobel",
]

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
    """Prewitt's derivative along one axis, like `scipy.ndimage.prewitt`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    axis : int, optional
        The axis of the derivative; by default, the last one.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    algorithm : {"auto", "separable", "direct"}, optional
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
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The weights are -1 0 1 along `axis`, and 1 1 1 along all others.  Sums of integers wrap as in C.
    The module `fastconv.ndimage` lists all differences from SciPy.

    In two dimensions, a sample costs six multiply-adds.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.prewitt(np.tile([0, 0, 1, 1], (3, 1)))[1]
    array([0, 3, 3, 0])
    """
    given = axis, cval
    options = algorithm, backend, threads
    return filtered(_slope, "prewitt", input, output, None, mode, given, options)


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
    """Sobel's derivative along one axis, like `scipy.ndimage.sobel`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    axis : int, optional
        The axis of the derivative; by default, the last one.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    algorithm : {"auto", "separable", "direct"}, optional
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
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The weights are -1 0 1 along `axis`, and 1 2 1 along all others.  Sums of integers wrap as in C.
    The module `fastconv.ndimage` lists all differences from SciPy.

    In two dimensions, a sample costs six multiply-adds.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import ndimage
    >>> ndimage.sobel(np.tile([0, 0, 1, 1], (3, 1)))[1]
    array([0, 4, 4, 0])
    """
    given = axis, cval
    options = algorithm, backend, threads
    return filtered(_slope, "sobel", input, output, None, mode, given, options)


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
    """The sum of the second differences along all axes, like `scipy.ndimage.laplace`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    algorithm : {"auto", "sparse", "direct"}, optional
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
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The weights are 1 -2 1 along each axis.  Sums of integers wrap as in C.  The module
    `fastconv.ndimage` lists all differences from SciPy.

    In two dimensions, a sample costs nine multiply-adds.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.laplace([0, 0, 1, 0, 0])
    array([ 0,  1, -2,  1,  0])
    """
    options = algorithm, backend, threads
    return filtered(_laplace, "laplace", input, output, None, mode, (cval, axes), options)


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
    """The Laplacian of a Gaussian, like `scipy.ndimage.gaussian_laplace`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    sigma : float or sequence of float
        The standard deviation in samples, for all filtered axes or one for each.  An axis with a
        sigma of 0 is not filtered.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    truncate : float, optional
        The number of standard deviations at which the kernel is truncated.
    radius : int or sequence of int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
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
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Each axis has one entry of `mode`, which is used for all passes of the derivative along that
    axis.  Integers are cast as in C after each pass.  The module `fastconv.ndimage` lists all
    differences from SciPy.

    A sample costs ``2 * radius + 1`` multiply-adds for each derivative and axis.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_laplace([0.0, 0.0, 1.0, 0.0, 0.0], 0.5, radius=1).round(2)
    array([ 0.  ,  1.28, -3.15,  1.28,  0.  ])
    """
    given = sigma, cval, axes, truncate, radius
    options = algorithm, backend, threads
    return filtered(
        _gaussian_laplace, "gaussian_laplace", input, output, None, mode, given, options
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
    """The magnitude of the gradient of a blurred array, like
    `scipy.ndimage.gaussian_gradient_magnitude`.

    Parameters
    ----------
    input : array_like
        An array of any rank.
    sigma : float or sequence of float
        The standard deviation in samples, for all filtered axes or one for each.  An axis with a
        sigma of 0 is not filtered.
    output : array, dtype or str, optional
        The array that receives the result, which may share memory with `input`, or the dtype of the
        result.  By default, a new array of the dtype of `input`.
    mode : str or sequence of str, optional
        How the array is extended beyond its edges, for all filtered axes or one for each: "reflect"
        (the default) or "grid-mirror" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``), "nearest" (``a a | a b c d | d d``), "wrap" or "grid-wrap"
        (``c d | a b c d | a b``), "constant" or "grid-constant" (`cval`).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    axes : int or sequence of int, optional
        The axes that are filtered; by default, all of them.
    truncate : float, optional
        The number of standard deviations at which the kernel is truncated.
    radius : int or sequence of int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
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
        `output` if it is an array, or a new array of the shape of `input`.

    Raises
    ------
    RuntimeError, TypeError, ValueError
        An argument is invalid; the type of the error is SciPy's.  `output` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    All axes are blurred; the gradient has components along `axes` only.  A sequence `sigma` has an
    entry for each axis of `input`.  Integers are cast as in C after each pass, and squares wrap.
    The module `fastconv.ndimage` lists all differences from SciPy.

    A sample costs ``2 * radius + 1`` multiply-adds for each derivative and axis.

    Examples
    --------
    >>> from fastconv import ndimage
    >>> ndimage.gaussian_gradient_magnitude([0.0, 0.0, 1.0, 1.0], 0.5, radius=1).round(2)
    array([0.  , 0.43, 0.43, 0.  ])
    """
    given = sigma, cval, axes, truncate, radius
    name = "gaussian_gradient_magnitude"
    options = algorithm, backend, threads
    return filtered(_gaussian_gradient, name, input, output, None, mode, given, options)


def _slope(call: Call, mode: Any, axis: Any, cval: Any) -> Run:
    """The filter of `prewitt` or `sobel`."""
    along = arguments.normalize_axis_index(axis, call.rank)
    result = call.result(False)
    modes = arguments.per_axis(call.name, "mode", mode, call.rank)
    smooth = factors.SMOOTHING[call.name].astype(np.float64)
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
        parts = [call.run([step], result, beyond) for step in passes]
        return runs.combined(parts, runs.add, call.options)

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
    call: Call, mode: Any, sigma: Any, cval: Any, axes: Any, truncate: Any, radius: Any
) -> Run:
    result = call.result(False)
    along = arguments.axes_of(call.name, axes, call.rank)
    sigmas = [0.0] * call.rank
    for axis, s in zip(
        along, arguments.per_axis(call.name, "sigma", sigma, len(along)), strict=True
    ):
        sigmas[axis] = s
    return _of_gaussians(call, 2, along, sigmas, mode, cval, truncate, radius, result, runs.add)


def _gaussian_gradient(
    call: Call, mode: Any, sigma: Any, cval: Any, axes: Any, truncate: Any, radius: Any
) -> Run:
    result = call.result(False)
    along = arguments.axes_of(call.name, axes, call.rank)
    return _of_gaussians(
        call, 1, along, sigma, mode, cval, truncate, radius, result, runs.magnitude
    )


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
    combine: Combination,
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
    return runs.combined(parts, combine, call.options) if parts else runs.copied(result)
