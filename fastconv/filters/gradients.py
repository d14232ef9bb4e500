"""Filters that find edges by first derivatives."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike, NDArray

from .. import backends, config, kernels, lower
from ..api.options import AlgorithmName, Boundary
from ..config import BackendName
from . import factors
from .call import Call

__all__ = ["edge_enhance", "prewitt", "roberts", "scharr", "sobel"]


def sobel(
    image: ArrayLike,
    *,
    axis: int | None = None,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Sobel's gradient: how steeply the image rises, along one axis or at all.

    Parameters
    ----------
    image : array_like
        An array of any rank.
    axis : int, optional
        Take the derivative along this axis: -1 0 1 along it, 1 2 1 along all others.  Default:
        the magnitude of the gradient, the root of the sum of the squares of all derivatives.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape: float32 for integers, else of the image's
        dtype.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`; and for the magnitude of complex numbers.

    Notes
    -----
    Nothing is normalised, as in `scipy.ndimage.sobel` and OpenCV: in an image ``(H, W)`` a ramp
    of one a pixel gives 8, which is 2 for the slope times 4 for the smoothing.
    `skimage.filters.sobel` divides by the 4, and the magnitude by the root of the number of axes,
    too.

    It costs six products a pixel and derivative in two dimensions.  The magnitude needs memory
    for one more image of floats an axis, and one more pass.

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
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Prewitt's gradient: as `sobel`, with 1 1 1 along the other axes.

    Parameters
    ----------
    image, axis
        As in `sobel`.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        As from `sobel`.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `sobel`.

    Notes
    -----
    Not normalised, as in `scipy.ndimage.prewitt`: a ramp of one a pixel gives 6 in two dimensions.
    It costs what `sobel` costs.

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
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Scharr's gradient: as `sobel`, with 3 10 3 along the other axes.

    Its magnitude depends least on the direction of an edge.

    Parameters
    ----------
    image, axis
        As in `sobel`.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        As from `sobel`.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `sobel`.

    Notes
    -----
    Not normalised, as in OpenCV: a ramp of one a pixel gives 32 in two dimensions.  It costs what
    `sobel` costs.

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
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """The Roberts cross: the magnitude of the gradient from the diagonals of 2×2 pixels.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        As from `sobel`.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`; and for complex numbers.

    Notes
    -----
    The kernels are "roberts_x" and "roberts_y" of `fastconv.kernels`; a pixel is the lower right
    one of its four.  Not normalised: a ramp of one a pixel gives the root of 2.
    `skimage.filters.roberts` divides by that, and takes the upper left pixel.

    It costs four products a pixel, and memory for two more images of floats.

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


def edge_enhance(
    image: ArrayLike,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Find upright edges: a pixel less its left neighbour, the plainest derivative.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        As from `sobel`: the edges alone.  To see them in the image, add them to it, or use
        `sharpen`.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`.

    Notes
    -----
    The kernel is "edge_enhance" of `fastconv.kernels`.  It costs two products a pixel.

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


def _gradient(call: Call, axis: int | None) -> NDArray:
    """The derivative of the operator that a call is named after, or the gradient's magnitude."""
    smooth = factors.smoothing(call.name)

    def derivative(along: int) -> tuple[NDArray, ...]:
        return tuple(factors.SLOPE if other == along else smooth for other in call.axes)

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
    magnitude = backends.load(config.resolve_backend(call.backend)).magnitude

    def length(*components: NDArray) -> NDArray:
        magnitude(components[0], components)
        return components[0]

    return call.combine(length, slopes, call.derived)
