"""Filters that blur: each pixel becomes a weighted mean of its neighbours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import AlgorithmName, Border, Nan, PerAxis
from ..config import BackendName
from ..lower import UNSPECIFIED, ChannelAxis
from . import factors
from .common import Call, as_weights

__all__ = ["box", "gaussian", "gaussian_factors", "motion_blur"]


def gaussian(
    image: ArrayLike,
    sigma: float | Sequence[float],
    *,
    order: PerAxis = 0,
    truncate: float = 4.0,
    radius: PerAxis | None = None,
    boundary: Border | Sequence[Border] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur with a Gaussian, or take derivatives of the blurred image.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.  A
        masked array of `numpy.ma` has missing samples.
    sigma : float or sequence of float
        The standard deviation in pixels, for all axes or one for each.  An axis with a sigma of 0
        is not filtered.
    order : int or sequence of int, optional
        The order of the derivative, for all axes or one for each. 0, the default, only blurs.
    truncate : float, optional
        The number of standard deviations at which the kernel is truncated.
    radius : int or sequence of int, optional
        The kernel has ``2 * radius + 1`` taps.  By default, `radius` is ``truncate * sigma``,
        rounded.
    boundary : str or sequence of str, optional
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  None, the default, means
        that all axes are filtered.  An array with three axes, the last of length 3 or 4, may be a
        photograph or a volume: it needs an explicit value.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `image` is treated.  "propagate": it spreads to all outputs whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but outputs at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of `image`, or only the
        filtered axes; axes of length 1 are broadcast.  The values of masked samples, even NaN and
        infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).  Derivatives of
        integer images are float32.  A masked array if `image` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The weights are a sampled Gaussian whose sum is one, times Hermite polynomials for derivatives,
    as in `scipy.ndimage.gaussian_filter`.  They are float64 for images of float64 and of 32-bit and
    64-bit integers, otherwise float32.  Integer results are within one of the exact mean, rounded.

    8-bit images are blurred along two axes in fixed point, with at most 33 taps each, if no sample
    may be missing.  These results are within 0.1 of the exact mean before they are rounded: with a
    sigma of 1, one in 300 pixels of a photograph differs by one from the nearest integer.
    ``algorithm="direct"`` sums in float32.

    64-bit integers that float64 cannot represent take several times as long; if samples are
    missing, they are rounded to float64 first.

    With missing samples, a pixel is the weighted mean of the valid ones.  Where no sample of a
    window is missing, the result has the same bits as without `nan` and `mask`, unless an FFT or
    fixed point is used.  Derivatives are refused if samples may be missing, because their weights
    sum to zero.

    A pixel costs ``2 * radius + 1`` multiply-adds for each axis.

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
    said = lower.missing("gaussian", image, nan, mask, min_weight, fill_value, boundary)
    call = Call(
        "gaussian", image, boundary, cval, channel_axis, out, algorithm, backend, threads, said=said
    )
    weights, axes, derives = gaussian_factors(call, "sigma", sigma, order, truncate, radius)
    if derives:
        return call.correlate(weights, call.derived, axes, out)
    return call.mean(weights, axes, strict=said is not None or call.samples.dtype != np.uint8)


def gaussian_factors(
    call: Call,
    argument: str,
    sigma: object,
    order: object = 0,
    truncate: object = 4.0,
    radius: object = None,
) -> tuple[tuple[NDArray, ...], tuple[int, ...], bool]:
    """The factors of a Gaussian, the axes that they run along, and whether any is a derivative.

    ``argument`` is the filter's name for its standard deviation.
    """
    name, count = call.name, len(call.axes)
    sigmas = lower.reals(sigma, count, f"{name}: {argument}", least=0)
    orders = lower.per_axis(order, count, f"{name}: order", least=0)
    reach = lower.real(truncate, f"{name}: truncate", least=0)
    if radius is None:
        radii = [lower.taps(reach * s + 0.5, f"{name}: {argument}") for s in sigmas]
    else:
        radii = lower.per_axis(radius, count, f"{name}: radius", least=0)
        radii = [lower.taps(r, f"{name}: radius") for r in radii]
    lengths = [call.samples.shape[axis] for axis in call.axes]
    lower.check_windows(f"{name}: {argument}", lengths, [2 * r + 1 for r in radii])
    blurred = [i for i, deviation in enumerate(sigmas) if deviation > 0]
    if not blurred:
        return (np.ones(1, call.precision),), call.axes[:1], False
    weights = tuple(
        [
            as_weights(factors.gaussian(sigmas[i], orders[i], radii[i]), call.precision)
            for i in blurred
        ]
    )
    return weights, tuple([call.axes[i] for i in blurred]), any(orders[i] for i in blurred)


def box(
    image: ArrayLike,
    size: PerAxis,
    *,
    boundary: Border | Sequence[Border] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur with a box: each pixel becomes the mean of ``size`` pixels along each axis.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.  A
        masked array of `numpy.ma` has missing samples.
    size : int or sequence of int
        The size of the box in pixels, for all axes or one for each.  A box of even size has its
        extra pixel in front: it begins ``size // 2`` pixels before the output, as in
        `scipy.ndimage.uniform_filter`.
    boundary : str or sequence of str, optional
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  None, the default, means
        that all axes are filtered.  An array with three axes, the last of length 3 or 4, may be a
        photograph or a volume: it needs an explicit value.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `image` is treated.  "propagate": it spreads to all outputs whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but outputs at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of `image`, or only the
        filtered axes; axes of length 1 are broadcast.  The values of masked samples, even NaN and
        infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).  A masked array if
        `image` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    Integer results are within one of the exact mean, rounded. 64-bit integers that float64 cannot
    represent take several times as long; if samples are missing, they are rounded to float64 first.

    With missing samples, a pixel is the weighted mean of the valid ones.  Where no sample of a
    window is missing, the result has the same bits as without `nan` and `mask`, unless an FFT is
    used.

    A pixel costs about ``2 * log2(size)`` additions for each axis.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.filters.box([0.0, 0.0, 9.0, 0.0, 0.0], 3)
    array([0., 3., 3., 3., 0.])
    """
    said = lower.missing("box", image, nan, mask, min_weight, fill_value, boundary)
    call = Call(
        "box", image, boundary, cval, channel_axis, out, algorithm, backend, threads, said=said
    )
    sizes = lower.per_axis(size, len(call.axes), "box: size", least=1)
    taps = [lower.taps(n, "box: size") for n in sizes]
    lower.check_windows("box: size", [call.samples.shape[axis] for axis in call.axes], taps)
    weights = [factors.uniform(n, call.precision) for n in taps]
    return call.mean(tuple(weights))


def motion_blur(
    image: ArrayLike,
    length: int,
    angle: float = 0.0,
    *,
    boundary: Border | Sequence[Border] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    fill_value: complex | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Blur along a line, as if the camera had moved.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.  A masked array of `numpy.ma` has missing samples.
    length : int
        The length of the line in pixels: the number of its points, one pixel apart.
    angle : float, optional
        The direction of the line in degrees: 0 along the rows, 90 along the columns, 45 from the
        lower left to the upper right.
    boundary : str or sequence of str, optional
        How the image is extended beyond its edges, for all axes or one for each: "symmetric" (the
        default, ``b a | a b c d | d c``), "constant" (`cval`), "nearest" (``a a | a b c d | d d``),
        "mirror" (``c b | a b c d | c b``), "wrap" (``c d | a b c d | a b``) or "ignore" (samples
        beyond the edges count as missing).
    cval : scalar, optional
        The value beyond the edges for "constant"; otherwise ignored.
    channel_axis : int or None, optional
        The axis of the channels, each of which is filtered separately.  By default, there is none.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `image` is treated.  "propagate": it spreads to all outputs whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but outputs at the positions of
        missing samples are set to `fill_value`.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of `image`, or only the
        filtered axes; axes of length 1 are broadcast.  The values of masked samples, even NaN and
        infinity, do not affect the result.
    min_weight : float, optional
        The minimum fraction of the kernel's weight, from 0 to 1, that must lie on valid samples;
        outputs with less are set to `fill_value`.  Weights count by their magnitude.
    fill_value : scalar, optional
        The value of outputs whose window has no valid sample, or too few.  By default NaN, or 0 for
        integers.
    algorithm : {"auto", "box", "sparse", "fft", "direct"}, optional
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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).  A masked array if
        `image` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The line is centred on the pixel.  A point between pixels is distributed over the four around it
    with bilinear weights, so lines of even length extend over one pixel more.  Integer results are
    within one of the exact mean, rounded.

    With missing samples, a pixel is the weighted mean of the valid ones.  Where no sample of a
    window is missing, the result has the same bits as without `nan` and `mask`, unless an FFT is
    used.

    A pixel costs ``length`` multiply-adds along rows or columns, and up to four times as many for
    long slanted lines.

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
    said = lower.missing("motion_blur", image, nan, mask, min_weight, fill_value, boundary)
    shared = boundary, cval, channel_axis, out, algorithm, backend, threads
    call = Call("motion_blur", image, *shared, rank=2, said=said)
    points = lower.integer(length, "motion_blur: length", least=1)
    direction = lower.real(angle, "motion_blur: angle")
    points = lower.taps(points, "motion_blur: length")
    return call.mean(as_weights(factors.line(points, direction), call.precision))
