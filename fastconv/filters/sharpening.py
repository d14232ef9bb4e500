"""Filters that make a picture crisper, or show it in relief."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike, NDArray

from .. import kernels, lower
from ..api.options import AlgorithmName, Boundary
from ..config import BackendName
from .call import Call
from .smoothing import gaussian_factors

__all__ = ["emboss", "sharpen", "unsharp_mask"]


def sharpen(
    image: ArrayLike,
    amount: float = 1,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Move each pixel away from its four neighbours: the image less its Laplacian.

    Parameters
    ----------
    image : array_like
        ``(H, W)``, or with channels.
    amount : float
        How much of the Laplacian.  1 is the kernel "sharpen" of `fastconv.kernels`, 0 leaves the
        image as it is.
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
    It costs five products a pixel.  Integer images are exact where `amount` is 1.

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
        weights = plain + share * (weights - plain)
    return call.correlate(weights, call.samples.dtype, out=out)


def unsharp_mask(
    image: ArrayLike,
    radius: float | Sequence[float] = 1.0,
    amount: float = 1.0,
    *,
    boundary: Boundary | Sequence[Boundary] = "symmetric",
    cval: complex = 0.0,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Sharpen by what a blur takes away: ``image + amount * (image - blurred)``.

    Parameters
    ----------
    image : array_like
        An array of any rank.
    radius : float or sequence of float
        The sigma of the Gaussian blur, for all axes or for each.
    amount : float
        How much of the difference is added.
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
    It costs as much as `gaussian`, and memory for one more image of floats.  Unlike
    `skimage.filters.unsharp_mask`, it does not bring the values to 0…1, and clips integers only.

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
    channel_axis: int | None = None,
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
    The kernel is "emboss" of `fastconv.kernels`.  Its sum is one, so that plain surfaces stay as
    they are.  It costs seven products a pixel; integer images are exact.

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
