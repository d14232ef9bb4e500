"""Filters that sharpen an image, or show it in relief."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import kernels, lower
from ..api.options import AlgorithmName, Boundary
from ..config import BackendName
from ..lower import UNSPECIFIED, ChannelAxis
from .common import Call
from .smoothing import gaussian_factors

__all__ = ["edge_enhance", "emboss", "sharpen", "unsharp_mask"]


def sharpen(
    image: ArrayLike,
    amount: float = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Sharpen: subtract the Laplacian from the image.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.
    amount : float, optional
        The factor of the Laplacian. 1 gives the kernel "sharpen" of `fastconv.kernels`; 0 leaves
        the image unchanged.
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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    A pixel costs five multiply-adds.  Integer images are exact if `amount` is 1, and computed in
    floating point otherwise.

    References
    ----------
    Wikipedia, Kernel (image processing).

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> step = np.array([[10, 10, 20, 20]] * 2, np.uint8)
    >>> fc.filters.sharpen(step)
    array([[10,  0, 30, 20],
           [10,  0, 30, 20]], dtype=uint8)
    """
    call = Call(
        "sharpen", image, boundary, cval, channel_axis, out, algorithm, backend, threads, rank=2
    )
    share = lower.real(amount, "sharpen: amount")
    weights = kernels.get("sharpen")
    if share != 1:
        plain = kernels.get("identity", call.precision)
        with np.errstate(all="ignore"):
            weights = plain + share * (weights - plain)
    return call.correlate(weights, call.samples.dtype, out=out)


def unsharp_mask(
    image: ArrayLike,
    radius: float | Sequence[float] = 1.0,
    amount: float = 1.0,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Sharpen with an unsharp mask: ``image + amount * (image - blurred)``.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.
    radius : float or sequence of float, optional
        The standard deviation of the Gaussian blur in pixels, for all axes or one for each.
    amount : float, optional
        The factor of the difference.
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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    It costs as much as the blur, and takes memory for one more floating-point image.  Unlike
    `skimage.filters.unsharp_mask`, it does not rescale values to the range from 0 to 1, and clips
    integer results only.

    References
    ----------
    Wikipedia, Unsharp masking.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.filters.unsharp_mask([10.0, 10.0, 20.0, 20.0], 0.5).round(1)
    array([10. ,  8.9, 21.1, 20. ])
    """
    call = Call(
        "unsharp_mask", image, boundary, cval, channel_axis, out, algorithm, backend, threads
    )
    weights, axes, _ = gaussian_factors(call, "radius", radius)
    share = lower.real(amount, "unsharp_mask: amount")
    blurred = call.correlate(weights, call.sums, axes)

    def sharpened(blur: NDArray, plain: NDArray) -> NDArray:
        difference: NDArray = plain - blur
        difference *= share
        difference += plain
        return difference

    return call.combine(sharpened, [blurred, call.samples], call.samples.dtype)


def emboss(
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
    """Show the image in relief, as if lit from the upper left.

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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernel is "emboss" of `fastconv.kernels`.  Its weights sum to one, so uniform areas are
    unchanged.  A pixel costs seven multiply-adds; integer images are exact.

    References
    ----------
    GIMP manual, Convolution Matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> step = np.array([[10, 10, 20, 20]] * 2, np.uint8)
    >>> fc.filters.emboss(step)
    array([[10, 40, 50, 20],
           [10, 40, 50, 20]], dtype=uint8)
    """
    call = Call(
        "emboss", image, boundary, cval, channel_axis, out, algorithm, backend, threads, rank=2
    )
    return call.correlate(kernels.get("emboss"), call.samples.dtype, out=out)


def edge_enhance(
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
    """Detect vertical edges: a pixel minus its left neighbour.

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
        image's dtype.  It contains the edges only; to enhance the image, add it to the image.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The kernel is "edge_enhance" of `fastconv.kernels`.  A pixel costs two multiply-adds.

    References
    ----------
    GIMP manual, Convolution Matrix.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.edge_enhance(np.array([[0, 0, 9, 9]], np.uint8))
    array([[0., 0., 9., 0.]], dtype=float32)
    """
    call = Call(
        "edge_enhance",
        image,
        boundary,
        cval,
        channel_axis,
        out,
        algorithm,
        backend,
        threads,
        rank=2,
    )
    return call.correlate(kernels.get("edge_enhance"), call.derived, out=out)
