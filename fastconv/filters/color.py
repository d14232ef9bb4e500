"""Filters that change the colours of each pixel by itself: no neighbours, and so no borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem import dtypes
from .. import kernels, lower
from ..api import conv2d
from ..api.options import AlgorithmName
from ..config import BackendName
from .call import blockwise, precision

__all__ = ["grayscale", "invert", "sepia"]


def sepia(
    image: ArrayLike,
    *,
    channel_axis: int = -1,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Turn the colours into the browns of an old photograph.

    Parameters
    ----------
    image : array_like
        RGB or RGBA, ``(H, W, 3)`` or ``(H, W, 4)``; alpha is kept as it is.
    channel_axis : int
        The axis of the colours.
    out, algorithm, backend, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape and dtype (bool: uint8).  Light pixels saturate
        in integer images, and exceed 1 in images of floats from 0 to 1: up to 1.351.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`.

    Notes
    -----
    The matrix is "sepia" of `fastconv.kernels`.  It costs nine products a pixel.

    References
    ----------
    Toub 2005, Sepia tone, MSDN Magazine.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.sepia(np.full((1, 1, 3), 100, np.uint8))
    array([[[135, 120,  94]]], dtype=uint8)
    """
    samples, channel = lower.rgb("sepia", image, channel_axis)
    if out is None:
        out = np.empty(samples.shape, samples.dtype)
    else:
        lower.receiver("sepia", samples, out, samples.shape)
    _mix("sepia", samples, out, channel, algorithm, backend, threads)
    return out


def grayscale(
    image: ArrayLike,
    *,
    channel_axis: int = -1,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Keep the brightness of a colour image: ``0.299 R + 0.587 G + 0.114 B``.

    Parameters
    ----------
    image : array_like
        RGB or RGBA, ``(H, W, 3)`` or ``(H, W, 4)``.
    channel_axis : int
        The axis of the colours.
    out, algorithm, backend, threads
        As in `gaussian`; `out` must not overlap `image`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's dtype (bool: uint8): ``(H, W)`` from RGB.  From RGBA,
        two channels: grey, and alpha as it is.

    Raises
    ------
    TypeError, ValueError, BackendUnavailableError
        As from `gaussian`.

    Notes
    -----
    The weights are "grayscale" of `fastconv.kernels`, those of television and JPEG.  It costs
    three products a pixel.

    References
    ----------
    ITU-R BT.601.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.grayscale(np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8))
    array([[ 76, 150,  29]], dtype=uint8)
    """
    samples, channel = lower.rgb("grayscale", image, channel_axis)
    lengths = list(samples.shape)
    lengths[channel] -= 2
    shape = tuple(n for axis, n in enumerate(lengths) if axis != channel or n > 1)
    if out is None:
        out = np.empty(shape, samples.dtype)
    else:
        lower.receiver("grayscale", samples, out, shape)
    target = out if out.ndim == samples.ndim else np.expand_dims(out, channel)
    _mix("grayscale", samples, target, channel, algorithm, backend, threads)
    return out


def _mix(
    name: str,
    samples: NDArray,
    out: NDArray,
    channel: int,
    algorithm: AlgorithmName,
    backend: BackendName | None,
    threads: int | None,
) -> None:
    """Fill ``out`` with the colours under a matrix, and with the alpha channel, if there is one."""
    image, target = np.moveaxis(samples, channel, -1), np.moveaxis(out, channel, -1)
    matrix = kernels.get(name, precision(samples.dtype))
    colors = len(matrix)
    conv2d(
        image[..., :3],
        matrix[..., None, None],
        padding="same",
        layout="NHWC",
        out=target[..., :colors],
        algorithm=algorithm,
        backend=backend,
        threads=threads,
    )
    if target.shape[-1] > colors:
        dtypes.store(target[..., colors], image[..., 3].copy())


def invert(
    image: ArrayLike,
    *,
    channel_axis: int | None = None,
    out: NDArray | None = None,
    threads: int | None = None,
) -> NDArray:
    """Make the negative: white less the image.

    Parameters
    ----------
    image : array_like
        An array of any rank.  White is 1 for floats and bool, and the largest number of an
        unsigned dtype.  A signed dtype is turned around: its largest number becomes its smallest.
    channel_axis : int, optional
        The axis of the colours: where it has 2 or 4, the last one is alpha and kept as it is.
        Default: there is none.
    out, threads
        As in `gaussian`.

    Returns
    -------
    ndarray
        `out`, or a new array of the image's shape and dtype (bool: uint8, 0 and 1).

    Raises
    ------
    TypeError, ValueError
        As from `gaussian`; and for complex numbers, which have no white.

    Notes
    -----
    It costs one pass over the image, and is exact.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.filters.invert(np.array([0, 1, 255], np.uint8))
    array([255, 254,   0], dtype=uint8)
    >>> fc.filters.invert([0.0, 0.25, 1.0])
    array([1.  , 0.75, 0.  ])
    """
    samples, _, channel = lower.image("invert", image, channel_axis)
    lower.real_samples("invert", samples)
    if out is None:
        out = np.empty(samples.shape, samples.dtype)
    else:
        lower.receiver("invert", samples, out, samples.shape)
    white = _white(np.asarray(image).dtype)

    def fill(target: NDArray, block: NDArray) -> None:
        dtypes.store(target, np.subtract(white, block))

    if channel is None or samples.shape[channel] not in (2, 4):
        blockwise(fill, (out, samples), threads)
        return out
    target, source = np.moveaxis(out, channel, -1), np.moveaxis(samples, channel, -1)
    blockwise(fill, (target[..., :-1], source[..., :-1]), threads)
    dtypes.store(target[..., -1], source[..., -1].copy())
    return out


def _white(dtype: np.dtype) -> int:
    """What all samples are taken from; -1 turns a signed dtype around."""
    if dtype.kind == "u":
        return int(np.iinfo(dtype).max)
    return -1 if dtype.kind == "i" else 1
