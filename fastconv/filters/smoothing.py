"""Filters that blur: each pixel becomes a mean of its neighbours, and the brightness stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import AlgorithmName, Boundary, PerAxis
from ..config import BackendName
from . import factors
from .call import Call

__all__ = ["box", "gaussian", "gaussian_factors", "motion_blur"]


def gaussian(
    image: ArrayLike,
    sigma: float | Sequence[float],
    *,
    order: PerAxis = 0,
    truncate: float = 4.0,
    radius: PerAxis | None = None,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur with a Gaussian, or take derivatives of the blurred image.

    Parameters
    ----------
    image : array_like
        An array of any rank: ``(H, W)``, a signal, a volume, with channels or without.
    sigma : float or sequence of float
        The standard deviation in pixels, for all axes or for each.  0 leaves an axis alone.
    order : int or sequence of int
        0 blurs; n takes the n-th derivative along the axis.
    truncate : float
        The kernel ends at so many standard deviations.
    radius : int or sequence of int, optional
        The kernel has ``2 * radius + 1`` taps.  Default: ``truncate * sigma``, rounded.
    boundary : str or sequence of str
        What lies beyond the edges, for all axes or for each: see `fastconv.correlate`.
    cval : scalar
        The value beyond the edges for "constant".
    channel_axis : int, optional
        The axis of the colours, which are filtered one by one.  Default: there is none.
    out : ndarray, optional
        Receives the result, in its own dtype.  It may be `image` itself, and otherwise must not
        overlap it.
    algorithm : {"auto", "box", "separable", "sparse", "fft", "direct"}
        "auto" takes the one that is expected to be fastest.
    backend : {"cython", "numba", "numpy"}, optional
        Default: see `fastconv.get_backend`.
    threads : int, optional
        The most threads to use.  Default: see `fastconv.get_num_threads`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape and dtype (bool: uint8).  Derivatives of
        integer images are float32.

    Raises
    ------
    TypeError, ValueError
        A wrong argument; the message names it.  `out` is untouched.
    BackendUnavailableError
        `backend` cannot run here.

    Notes
    -----
    The weights are a sampled Gaussian whose sum is one, times Hermite polynomials for
    derivatives, as in `scipy.ndimage.gaussian_filter`.  They are float64 for images of float64
    and of 32-bit or 64-bit integers, else float32; integers are within one of the exact mean,
    rounded.

    It costs ``2 * radius + 1`` products for each axis and pixel.

    References
    ----------
    Wikipedia, Gaussian blur; Hermite polynomials.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> spot = np.zeros((5, 5), np.uint8)
    >>> spot[2, 2] = 255
    >>> fc.filters.gaussian(spot, 0.7)
    array([[ 0,  1,  1,  1,  0],
           [ 1, 11, 30, 11,  1],
           [ 1, 30, 83, 30,  1],
           [ 1, 11, 30, 11,  1],
           [ 0,  1,  1,  1,  0]], dtype=uint8)
    """
    call = Call("gaussian", image, boundary, cval, channel_axis, out, algorithm, backend, threads)
    weights, axes, derives = gaussian_factors(call, "sigma", sigma, order, truncate, radius)
    return call.correlate(weights, call.derived if derives else call.samples.dtype, axes, out)


def gaussian_factors(
    call: Call,
    argument: str,
    sigma: object,
    order: object = 0,
    truncate: object = 4.0,
    radius: object = None,
) -> tuple[tuple[NDArray, ...], tuple[int, ...], bool]:
    """The factors of a Gaussian, the axes that they run along, and whether any is a derivative.

    ``argument`` is what the filter calls its standard deviation.
    """
    name, count = call.name, len(call.axes)
    sigmas = lower.reals(sigma, count, f"{name}: {argument}", least=0)
    orders = lower.per_axis(order, count, f"{name}: order", least=0)
    reach = lower.real(truncate, f"{name}: truncate", least=0)
    if radius is None:
        radii = [int(reach * deviation + 0.5) for deviation in sigmas]
    else:
        radii = lower.per_axis(radius, count, f"{name}: radius", least=0)
    blurred = [i for i, deviation in enumerate(sigmas) if deviation > 0]
    if not blurred:
        return (np.ones(1, call.precision),), call.axes[:1], False
    weights = tuple(
        factors.gaussian(sigmas[i], orders[i], radii[i]).astype(call.precision) for i in blurred
    )
    return weights, tuple(call.axes[i] for i in blurred), any(orders[i] for i in blurred)


def box(
    image: ArrayLike,
    size: PerAxis,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur with a box: each pixel becomes the mean of ``size`` pixels along each axis.

    Parameters
    ----------
    image : array_like
        An array of any rank.
    size : int or sequence of int
        Pixels of the box, along all axes or along each.  A box of even size reaches one pixel
        further to the front: ``size // 2`` before the pixel, as in `scipy.ndimage.uniform_filter`.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape and dtype (bool: uint8).

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`.

    Notes
    -----
    It costs about ``2 * log2(size)`` additions for each axis and pixel.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.filters.box([0.0, 0.0, 9.0, 0.0, 0.0], 3)
    array([0., 3., 3., 3., 0.])
    """
    call = Call("box", image, boundary, cval, channel_axis, out, algorithm, backend, threads)
    sizes = lower.per_axis(size, len(call.axes), "box: size", least=1)
    weights = tuple([factors.uniform(n, call.precision) for n in sizes])
    return call.correlate(weights, call.samples.dtype, out=out)


def motion_blur(
    image: ArrayLike,
    length: int,
    angle: float = 0.0,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur along a line, as if the camera had moved.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.
    length : int
        Points of the line, one pixel apart.
    angle : float
        Its direction in degrees: 0 along the rows, 90 along the columns, 45 from the lower left
        to the upper right.
    boundary, cval, channel_axis, out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape and dtype (bool: uint8).

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`.

    Notes
    -----
    The line is centred on the pixel.  A point between pixels is shared out among the four around
    it by how near they are, so that lines of even length reach over one pixel more.

    It costs ``length`` products for each pixel along rows or columns, and up to four times as many
    for long lines aslant.

    References
    ----------
    Gonzalez & Woods, Digital Image Processing, on uniform linear motion.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> spot = np.zeros((3, 5))
    >>> spot[1, 2] = 6
    >>> fc.filters.motion_blur(spot, 3)
    array([[0., 0., 0., 0., 0.],
           [0., 2., 2., 2., 0.],
           [0., 0., 0., 0., 0.]])
    """
    call = Call(
        "motion_blur", image, boundary, cval, channel_axis, out, algorithm, backend, threads, rank=2
    )
    points = lower.integer(length, "motion_blur: length", least=1)
    direction = lower.real(angle, "motion_blur: angle")
    weights = factors.line(points, direction).astype(call.precision)
    return call.correlate(weights, call.samples.dtype, out=out)
