"""Filters that find edges by first derivatives."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike, NDArray

from .. import backends, config, kernels, lower
from ..api.options import AlgorithmName, Boundary
from ..config import BackendName
from ..lower import UNSPECIFIED, ChannelAxis
from . import factors
from .common import Call

__all__ = ["prewitt", "roberts", "scharr", "sobel"]


def sobel(
    image: ArrayLike,
    *,
    axis: int | None = None,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Sobel's gradient: how steeply the image rises, along one axis or in any direction.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    axis : int, optional
        Take the derivative along this axis: weights -1 0 1 along it, 1 2 1 along all others.  By
        default, the magnitude of the gradient: the root of the sum of the squares of all
        derivatives.
    boundary : str or sequence of str, optional
        What lies beyond the edges, for all axes or one for each: "constant" (`cval`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the colours; each channel is filtered on its own.  None, which is the default,
        means that all axes are filtered.  It has to be given for an array with three axes whose
        last has 3 or 4 entries, which may be a photograph or a volume.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "separable", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape: float32 for integers and bool, else of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex numbers have derivatives, but no
        magnitude.  `out` is untouched.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result is not normalised, as in `scipy.ndimage.sobel` and OpenCV: in an image ``(H, W)``, a
    ramp of one per pixel gives 8, which is 2 for the slope times 4 for the smoothing.
    `skimage.filters.sobel` divides by the 4 and, for the magnitude, by the root of the number of
    axes as well.

    In two dimensions, each derivative costs six multiply-adds a pixel.  The magnitude needs memory
    for one more floating-point image for each axis, and one more pass.

    References
    ----------
    Sobel & Feldman 1968, A 3x3 isotropic gradient operator for image processing.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> edge = np.array([[0, 0, 9, 9]] * 3, np.uint8)
    >>> fc.filters.sobel(edge, axis=1)[1]
    array([ 0., 36., 36.,  0.], dtype=float32)
    >>> fc.filters.sobel(edge)[1]
    array([ 0., 36., 36.,  0.], dtype=float32)
    """
    call = Call("sobel", image, boundary, cval, channel_axis, out, algorithm, backend, threads)
    return _gradient(call, axis)


def prewitt(
    image: ArrayLike,
    *,
    axis: int | None = None,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Prewitt's gradient: like Sobel's, with the plain mean across an edge.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    axis : int, optional
        Take the derivative along this axis: weights -1 0 1 along it, 1 1 1 along all others.  By
        default, the magnitude of the gradient: the root of the sum of the squares of all
        derivatives.
    boundary : str or sequence of str, optional
        What lies beyond the edges, for all axes or one for each: "constant" (`cval`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the colours; each channel is filtered on its own.  None, which is the default,
        means that all axes are filtered.  It has to be given for an array with three axes whose
        last has 3 or 4 entries, which may be a photograph or a volume.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "separable", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape: float32 for integers and bool, else of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex numbers have derivatives, but no
        magnitude.  `out` is untouched.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result is not normalised, as in `scipy.ndimage.prewitt`: in an image ``(H, W)``, a ramp of
    one per pixel gives 6.

    In two dimensions, each derivative costs six multiply-adds a pixel.  The magnitude needs memory
    for one more floating-point image for each axis, and one more pass.

    References
    ----------
    Prewitt 1970, Object enhancement and extraction.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.prewitt(np.array([[0, 0, 9, 9]] * 3, np.uint8), axis=1)[1]
    array([ 0., 27., 27.,  0.], dtype=float32)
    """
    call = Call("prewitt", image, boundary, cval, channel_axis, out, algorithm, backend, threads)
    return _gradient(call, axis)


def scharr(
    image: ArrayLike,
    *,
    axis: int | None = None,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Scharr's gradient: like Sobel's, with a magnitude that depends least on an edge's direction.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    axis : int, optional
        Take the derivative along this axis: weights -1 0 1 along it, 3 10 3 along all others.  By
        default, the magnitude of the gradient: the root of the sum of the squares of all
        derivatives.
    boundary : str or sequence of str, optional
        What lies beyond the edges, for all axes or one for each: "constant" (`cval`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the colours; each channel is filtered on its own.  None, which is the default,
        means that all axes are filtered.  It has to be given for an array with three axes whose
        last has 3 or 4 entries, which may be a photograph or a volume.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "separable", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape: float32 for integers and bool, else of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex numbers have derivatives, but no
        magnitude.  `out` is untouched.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result is not normalised, as in OpenCV: in an image ``(H, W)``, a ramp of one per pixel
    gives 32.

    In two dimensions, each derivative costs six multiply-adds a pixel.  The magnitude needs memory
    for one more floating-point image for each axis, and one more pass.

    References
    ----------
    Scharr 2000, Optimale Operatoren in der digitalen Bildverarbeitung.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.scharr(np.array([[0, 0, 9, 9]] * 3, np.uint8), axis=1)[1]
    array([  0., 144., 144.,   0.], dtype=float32)
    """
    call = Call("scharr", image, boundary, cval, channel_axis, out, algorithm, backend, threads)
    return _gradient(call, axis)


def roberts(
    image: ArrayLike,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The Roberts cross: the magnitude of the gradient along the diagonals of 2×2 pixels.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.
    boundary : str or sequence of str, optional
        What lies beyond the edges, for all axes or one for each: "constant" (`cval`), "nearest"
        (``a a | a b c d | d d``), "symmetric" (``b a | a b c d | d c``), "mirror"
        (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the colours; each channel is filtered on its own.  By default there is none.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "sparse", "fft", "direct"}, optional
        How sums are computed.  "auto" takes the algorithm that is predicted to be the fastest.
    backend : {"cython", "numba", "numpy"}, optional
        The backend that computes the result.  By default, the one that `fastconv.get_backend`
        returns.
    threads : int, optional
        The maximum number of threads.  By default, the number that `fastconv.get_num_threads`
        returns.  Results do not depend on it.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape: float32 for integers and bool, else of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex numbers have no magnitude of a
        gradient.  `out` is untouched.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernels are "roberts_x" and "roberts_y" of `fastconv.kernels`; a pixel is the lower right
    one of its four.  The result is not normalised: a ramp of one per pixel gives the root of 2.
    `skimage.filters.roberts` divides by that, and takes the upper left pixel.

    A pixel costs four multiply-adds, and memory for two more floating-point images is needed.

    References
    ----------
    Roberts 1963, Machine perception of three-dimensional solids.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> corner = np.array([[0, 0, 0], [0, 3, 3], [0, 3, 3]])
    >>> fc.filters.roberts(corner).round(2)
    array([[0.  , 0.  , 0.  ],
           [0.  , 3.  , 4.24],
           [0.  , 4.24, 0.  ]], dtype=float32)
    """
    call = Call(
        "roberts", image, boundary, cval, channel_axis, out, algorithm, backend, threads, rank=2
    )
    return _magnitude(call, [kernels.get("roberts_x"), kernels.get("roberts_y")], "")


def _gradient(call: Call, axis: int | None) -> NDArray:
    """The derivative of the operator that a call is named after, or the gradient's magnitude."""
    smooth = factors.smoothing(call.name)

    def derivative(along: int) -> tuple[NDArray, ...]:
        return tuple([factors.SLOPE if other == along else smooth for other in call.axes])

    if axis is not None:
        along = lower.derived_axis(call.name, axis, call.image)
        return call.correlate(derivative(along), call.derived, out=call.out)
    return _magnitude(call, [derivative(along) for along in call.axes], " where axis is None")


def _magnitude(
    call: Call, operators: Sequence[NDArray | tuple[NDArray, ...]], where: str
) -> NDArray:
    """The root of the sum of the squares of what operators give."""
    lower.real_samples(call.name, call.samples, where)
    slopes = [call.correlate(operator, call.sums) for operator in operators]
    backend = backends.load(config.resolve_backend(call.backend, call.name))

    def magnitude(*parts: NDArray) -> NDArray:
        backend.magnitude(parts[0], parts)
        return parts[0]

    return call.combine(magnitude, slopes, call.derived)
