"""Local statistics: mean, variance and standard deviation around each pixel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import AlgorithmName, Border, Nan, PerAxis
from ..config import BackendName
from ..lower import UNSPECIFIED, ChannelAxis
from ..problem import dtypes
from . import factors
from .common import Call
from .smoothing import gaussian_factors

__all__ = ["Moments", "local_moments"]

MAX_EXACT = 1 << 63
"""Integer sums below this fit in 64 bits."""
MOST_LOOKED_AT = 4096
"""Samples whose median estimates that of the image, at most."""
FLOAT64, INT64 = np.dtype(np.float64), np.dtype(np.int64)


class Moments(NamedTuple):
    """The local mean and variance around each pixel; made by `local_moments`.

    Attributes
    ----------
    mean, variance : ndarray
        Arrays of the image's shape.
    std : ndarray
        The standard deviation: the square root of the variance.

    Examples
    --------
    >>> import fastconv as fc
    >>> mean, variance = moments = fc.filters.local_moments([1.0, 1.0, 4.0, 1.0], 3)
    >>> mean
    array([1., 2., 2., 2.])
    >>> moments.std
    array([0.        , 1.41421356, 1.41421356, 1.41421356])
    """

    mean: NDArray
    variance: NDArray

    @property
    def std(self) -> NDArray:
        """The standard deviation: the square root of the variance."""
        return np.sqrt(self.variance)  # type: ignore[no-any-return]


def local_moments(
    image: ArrayLike,
    size: PerAxis | None = None,
    *,
    sigma: float | Sequence[float] | None = None,
    truncate: float = 4.0,
    boundary: Border | Sequence[Border] = "symmetric",
    cval: complex = 0.0,
    channel_axis: ChannelAxis = UNSPECIFIED,
    nan: Nan = "propagate",
    mask: ArrayLike | None = None,
    min_weight: float = 0.0,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> Moments:
    """The local mean and variance around each pixel, in a box or under a Gaussian.

    Parameters
    ----------
    image : array_like
        An array of any rank: an image ``(H, W)``, a signal, a volume, with or without channels.  A
        masked array of `numpy.ma` has missing samples.
    size : int or sequence of int, optional
        The size of the box in pixels, for all axes or one for each; see `fastconv.filters.box`.
        Give either `size` or `sigma`.
    sigma : float or sequence of float, optional
        The standard deviation in pixels of a Gaussian that weights the pixels, for all axes or one
        for each; see `fastconv.filters.gaussian`.
    truncate : float, optional
        The number of standard deviations at which the Gaussian is truncated.
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
    nan : {"propagate", "ignore", "fill"}, optional
        How NaN in `image` is treated.  "propagate": it spreads to all outputs whose window contains
        it.  "ignore": it counts as missing.  "fill": as "ignore", but the results at missing pixels
        are NaN.
    mask : array_like of bool, optional
        True where a sample is missing, as in `numpy.ma`.  It has the shape of `image`, or only the
        filtered axes; axes of length 1 are broadcast.
    min_weight : float, optional
        The minimum fraction of the window's weight, from 0 to 1, that must lie on valid samples;
        results with less are NaN.
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
    Moments
        A named tuple of two new arrays of the image's shape, ``mean`` and ``variance``; ``std`` is
        the square root of the latter.  They are float32 for images of float16 and float32, and
        float64 for all others.  Masked arrays if `image` is one.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The variance is the population variance of the window, with weights that sum to one.  For the
    sample variance of a box of n pixels, multiply it by ``n / (n - 1)``.

    Samples are taken relative to ``m``, the median of some of them, so a large offset of the whole
    image costs no precision.  For integers in a box, sums and sums of squares are exact, and mean
    and variance are the exact fractions, rounded, as long as the square of n times the largest
    difference from m fits in 64 bits.  Everything else is computed in double precision.  The error
    of the variance is then at most a few ``eps * (x - m)**2``, where eps is 2e-16 and x is the
    sample of the window farthest from m.

    It costs two passes of the filter.

    References
    ----------
    Chan, Golub & LeVeque, Algorithms for computing the sample variance, on shifted data.

    Examples
    --------
    >>> import fastconv as fc
    >>> moments = fc.filters.local_moments([1, 2, 3, 9], 3)
    >>> moments.mean
    array([1.33333333, 2.        , 4.66666667, 7.        ])
    >>> moments.variance
    array([0.22222222, 0.66666667, 9.55555556, 8.        ])
    """
    name = "local_moments"
    said = lower.missing(name, image, nan, mask, min_weight, None, boundary)
    outside = lower.real(cval, f"{name}: cval")
    lower.one_window(name, size, sigma)

    def called(samples: ArrayLike, beyond: float, channel: ChannelAxis) -> Call:
        how = algorithm, backend, threads
        return Call(name, samples, boundary, beyond, channel, None, *how, said=said)

    call = called(image, outside, channel_axis)
    samples = call.samples
    lower.real_samples(name, samples)
    single = samples.dtype.kind == "f" and samples.dtype.itemsize < 8
    middle = _middle(_not_masked(samples, call.said))
    differences = _differences(samples, middle)
    if size is not None:
        sizes = [lower.taps(n, f"{name}: size") for n in _sizes(name, size, len(call.axes))]
        if samples.dtype.kind != "f" and said is None:
            border = outside - middle if "constant" in call.borders else 0
            found = _exact(call, differences, middle, border, sizes)
            if found is not None:
                return found
    with np.errstate(all="ignore"):
        shifted = called(differences.astype(FLOAT64), outside - middle, call.image.channel)
        if size is None:
            weights, axes, _ = gaussian_factors(shifted, "sigma", sigma, 0, truncate)
        else:
            weights, axes = tuple([factors.uniform(n, FLOAT64) for n in sizes]), call.axes

        def mean_of(values: NDArray, beyond: float) -> NDArray:
            return shifted.correlate(weights, FLOAT64, axes, samples=values, cval=beyond)

        mean = mean_of(shifted.samples, shifted.cval.real)
        variance = mean_of(np.square(shifted.samples), shifted.cval.real**2)
        variance -= mean * mean
        np.maximum(variance, 0, out=variance)
        mean += middle
        if single:
            return Moments(mean.astype(np.float32), variance.astype(np.float32))
    return Moments(mean, variance)


def _sizes(name: str, size: PerAxis, count: int) -> list[int]:
    return lower.per_axis(size, count, f"{name}: size", least=1)


def _not_masked(samples: NDArray, said: lower.Missing | None) -> NDArray:
    """The samples that are not masked."""
    masks = [] if said is None else [m for m in (said.mask, said.own_mask) if m is not None]
    if not masks:
        return samples
    valid: NDArray = samples[~np.broadcast_to(reduce(np.logical_or, masks), samples.shape)]
    return valid


def _middle(samples: NDArray) -> float:
    """The median of some samples, a whole number for integers."""
    step = samples.size // MOST_LOOKED_AT + 1
    some = samples.ravel()[::step]
    if samples.dtype.kind == "f":
        some = some[np.isfinite(some)]
    if not some.size:
        return 0
    middle: float = np.partition(some, some.size // 2)[some.size // 2].item()
    return middle


def _differences(samples: NDArray, middle: float) -> NDArray:
    """Samples minus a number: exact for integers, or floats if differences exceed 64 bits."""
    if samples.dtype.kind == "f":
        return samples.astype(FLOAT64) - middle
    if samples.dtype.itemsize < 8:
        return samples.astype(INT64) - int(middle)
    middle = int(middle)
    whole = samples.view(np.uint64) - np.uint64(middle % (1 << 64))
    if samples.size and max(int(samples.max()) - middle, middle - int(samples.min())) >= MAX_EXACT:
        return np.where(samples < middle, -(-whole).astype(FLOAT64), whole.astype(FLOAT64))
    return whole.view(INT64)


def _exact(
    call: Call, differences: NDArray, middle: float, border: float, sizes: list[int]
) -> Moments | None:
    """The moments from integer sums, or None if these may exceed 64 bits."""
    count = prod(sizes)
    largest = max(dtypes.largest_value(differences), abs(border))
    if border != int(border) or (count * largest) ** 2 >= MAX_EXACT:
        return None
    if (abs(int(middle)) + largest) * count >= MAX_EXACT:
        return None
    box = tuple([np.ones(n, np.uint8) for n in sizes])

    def sums(values: NDArray, most: float, beyond: float) -> NDArray:
        values = values.astype(np.min_scalar_type(-int(most) - 1))
        return call.correlate(box, INT64, samples=values, cval=beyond)

    first = sums(differences, largest, border)
    second = sums(differences * differences, largest**2, border**2)
    variance = (second * count - first * first) / count**2
    return Moments((first + int(middle) * count) / count, variance)
