"""Filters that find edges and blobs by second derivatives, and by differences of blurs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import kernels, lower
from ..api.options import AlgorithmName, Boundary
from ..config import BackendName
from ..lower import UNSPECIFIED, ChannelAxis
from . import factors
from .common import Call
from .smoothing import gaussian_factors

__all__ = ["difference_of_gaussians", "edge_detect", "gaussian_laplace", "laplace"]


def laplace(
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
    """The Laplacian: the sum of the second derivatives, 1 -2 1 along each axis.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
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
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    In two dimensions, the kernel is "laplace" of `fastconv.kernels`, as in `scipy.ndimage.laplace`
    and OpenCV's ``Laplacian`` with ``ksize=1``, and a pixel costs five multiply-adds.

    References
    ----------
    Gonzalez & Woods, Digital Image Processing.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> spot = np.zeros((3, 3))
    >>> spot[1, 1] = 1
    >>> fc.filters.laplace(spot)
    array([[ 0.,  1.,  0.],
           [ 1., -4.,  1.],
           [ 0.,  1.,  0.]])
    """
    call = Call("laplace", image, boundary, cval, channel_axis, out, algorithm, backend, threads)
    return call.correlate(factors.second_differences(len(call.axes)), call.derived, out=out)


def gaussian_laplace(
    image: ArrayLike,
    sigma: float | Sequence[float],
    *,
    truncate: float = 4.0,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The Laplacian of a Gaussian, which detects blobs.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    sigma : float or sequence of float
        The standard deviation in pixels, for all axes or one for each.  An axis with a sigma of 0
        is neither blurred nor differentiated.
    truncate : float, optional
        The number of standard deviations at which the kernel is truncated.
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
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    It is the sum of the second derivatives of `fastconv.filters.gaussian`.  If all sigmas are
    positive, `scipy.ndimage.gaussian_laplace` gives the same.  It costs one Gaussian filter and
    memory for one floating-point image for each axis.

    References
    ----------
    Marr & Hildreth 1980, Theory of edge detection.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> spot = np.zeros((3, 3))
    >>> spot[1, 1] = 1
    >>> fc.filters.gaussian_laplace(spot, 0.5).round(2)
    array([[ 0.28,  0.68,  0.28],
           [ 0.68, -4.95,  0.68],
           [ 0.28,  0.68,  0.28]])
    """
    call = Call(
        "gaussian_laplace", image, boundary, cval, channel_axis, out, algorithm, backend, threads
    )
    rank = len(call.axes)
    curvatures = []
    for along in range(rank):
        order = [2 if other == along else 0 for other in range(rank)]
        weights, axes, derives = gaussian_factors(call, "sigma", sigma, order, truncate)
        if derives:
            curvatures.append(call.correlate(weights, call.sums, axes))
    if not curvatures:
        curvatures.append(np.zeros(call.samples.shape, call.sums))
    return call.combine(_sum, curvatures, call.derived)


def difference_of_gaussians(
    image: ArrayLike,
    low_sigma: float | Sequence[float],
    high_sigma: float | Sequence[float] | None = None,
    *,
    truncate: float = 4.0,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Subtract a strong blur from a weak one, which keeps details of one size.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    low_sigma : float or sequence of float
        The standard deviation of the weak blur, for all axes or one for each.
    high_sigma : float or sequence of float, optional
        The standard deviation of the strong blur.  By default, 1.6 times `low_sigma`, which
        approximates the Laplacian of a Gaussian up to a factor.
    truncate : float, optional
        The number of standard deviations at which the kernels are truncated.
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
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    `skimage.filters.difference_of_gaussians` gives the same for floating-point images with
    ``mode="reflect"``.  The filter costs two Gaussian filters, and memory for two floating-point
    images.

    References
    ----------
    Marr & Hildreth 1980, Theory of edge detection.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.filters.difference_of_gaussians([0.0, 0.0, 1.0, 0.0, 0.0], 0.5).round(2)
    array([-0.02, -0.12,  0.29, -0.12, -0.02])
    """
    call = Call(
        "difference_of_gaussians",
        image,
        boundary,
        cval,
        channel_axis,
        out,
        algorithm,
        backend,
        threads,
    )
    sigmas = lower.reals(low_sigma, len(call.axes), f"{call.name}: low_sigma", least=0)
    if high_sigma is None:
        high_sigma = [1.6 * sigma for sigma in sigmas]
    low = gaussian_factors(call, "low_sigma", sigmas, truncate=truncate)
    high = gaussian_factors(call, "high_sigma", high_sigma, truncate=truncate)
    blurs = [call.correlate(weights, call.sums, axes) for weights, axes, _ in (low, high)]
    return call.combine(np.subtract, blurs, call.derived)


def edge_detect(
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
    """Detect edges of any direction: eight times a pixel minus its eight neighbours.

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
        `out`, or a new array of the image's shape: float32 for integers and bool, otherwise of the
        image's dtype.  It is positive on the bright side of an edge, and negative on the dark side.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernel is "edge_detect" of `fastconv.kernels`.  A pixel costs nine multiply-adds.

    References
    ----------
    Wikipedia, Kernel (image processing).

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.edge_detect(np.array([[0, 0, 9, 9]] * 3, np.uint8))[1]
    array([  0., -27.,  27.,   0.], dtype=float32)
    """
    call = Call(
        "edge_detect", image, boundary, cval, channel_axis, out, algorithm, backend, threads, rank=2
    )
    return call.correlate(kernels.get("edge_detect"), call.derived, out=out)


def _sum(*parts: NDArray) -> NDArray:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
