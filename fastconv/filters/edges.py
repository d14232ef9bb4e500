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
    """Sobel operator: the derivative along one axis, or the magnitude of the gradient.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    axis : int, optional
        Take the derivative along this axis: weights -1 0 1 along it, 1 2 1 along all others.  By
        default, the result is the magnitude of the gradient: the square root of the sum of the
        squares of all derivatives.
    boundary : str or sequence of str, optional
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  None, the default, means
        that all axes are filtered.  An array with three axes, the last of length 3 or 4, may be a
        photograph or a volume: it needs an explicit value.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
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
        `out`, or a new array of the image's shape: float32 for integers and bool, otherwise of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex images need `axis`, because the
        magnitude is defined for real numbers only.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result is not normalised, as in `scipy.ndimage.sobel` and OpenCV: in an image ``(H, W)``, a
    ramp with slope 1 gives 8: 2 from the difference times 4 from the smoothing.
    `skimage.filters.sobel` divides by 4 and, for the magnitude, also by the square root of the
    number of axes.

    In two dimensions, each derivative costs six multiply-adds a pixel.  The magnitude takes one
    more pass, and memory for one more floating-point image for each axis.

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
    """Prewitt operator: like `sobel`, with equal weights across the derivative.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    axis : int, optional
        Take the derivative along this axis: weights -1 0 1 along it, 1 1 1 along all others.  By
        default, the result is the magnitude of the gradient: the square root of the sum of the
        squares of all derivatives.
    boundary : str or sequence of str, optional
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  None, the default, means
        that all axes are filtered.  An array with three axes, the last of length 3 or 4, may be a
        photograph or a volume: it needs an explicit value.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
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
        `out`, or a new array of the image's shape: float32 for integers and bool, otherwise of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex images need `axis`, because the
        magnitude is defined for real numbers only.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result is not normalised, as in `scipy.ndimage.prewitt`: in an image ``(H, W)``, a ramp with
    slope 1 gives 6.

    In two dimensions, each derivative costs six multiply-adds a pixel.  The magnitude takes one
    more pass, and memory for one more floating-point image for each axis.

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
    """Scharr operator: like `sobel`, but its magnitude depends less on the direction of an edge.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    axis : int, optional
        Take the derivative along this axis: weights -1 0 1 along it, 3 10 3 along all others.  By
        default, the result is the magnitude of the gradient: the square root of the sum of the
        squares of all derivatives.
    boundary : str or sequence of str, optional
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  None, the default, means
        that all axes are filtered.  An array with three axes, the last of length 3 or 4, may be a
        photograph or a volume: it needs an explicit value.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
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
        `out`, or a new array of the image's shape: float32 for integers and bool, otherwise of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex images need `axis`, because the
        magnitude is defined for real numbers only.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The result is not normalised, as in OpenCV: in an image ``(H, W)``, a ramp with slope 1 gives
    32.

    In two dimensions, each derivative costs six multiply-adds a pixel.  The magnitude takes one
    more pass, and memory for one more floating-point image for each axis.

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
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``) or "wrap" (``c d | a b c d | a b``).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  By default, there is none.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "sparse", "fft", "direct"}, optional
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
        `out`, or a new array of the image's shape: float32 for integers and bool, otherwise of the
        image's dtype.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Complex images are not accepted.  `out` is
        left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernels are "roberts_x" and "roberts_y" of `fastconv.kernels`.  Each output belongs to the
    lower right of its four pixels.  The result is not normalised: a ramp with slope 1 gives the
    square root of 2.  `skimage.filters.roberts` divides by that, and its outputs belong to the
    upper left pixel.

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
    smooth, along = [factors.SMOOTHING[call.name]] * len(call.axes), call.axes
    if axis is not None:
        along = (lower.derived_axis(call.name, axis, call.image),)
    operators = []
    for position in map(call.axes.index, along):
        operators.append((*smooth[:position], factors.SLOPE, *smooth[position + 1 :]))
    if axis is not None:
        return call.correlate(operators[0], call.derived, out=call.out)
    return _magnitude(call, operators, " where axis is None")


def _magnitude(
    call: Call, operators: Sequence[NDArray | tuple[NDArray, ...]], where: str
) -> NDArray:
    """The square root of the sum of squares of the results of operators."""
    lower.real_samples(call.name, call.samples, where)
    slopes = [call.correlate(operator, call.sums) for operator in operators]
    backend = backends.load(config.resolve_backend(call.backend, call.name))

    def magnitude(*parts: NDArray) -> NDArray:
        backend.magnitude(parts[0], parts)
        return parts[0]

    return call.combine(magnitude, slopes, call.derived)
