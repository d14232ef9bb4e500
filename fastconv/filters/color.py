"""Filters that change the colours of each pixel separately, and therefore have no borders."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import config, kernels, lower
from ..api.options import AlgorithmName
from ..config import BackendName
from ..lower import UNSPECIFIED, ChannelAxis
from ..plan.choose import make_plan
from ..problem import dtypes
from ..run.elementwise import elementwise
from .common import deliver, precision, target_of

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
    """Apply a sepia tone: the browns of an old photograph.

    Parameters
    ----------
    image : array_like
        RGB or RGBA, ``(H, W, 3)`` or ``(H, W, 4)``; alpha is kept.
    channel_axis : int, optional
        The axis of the channels.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "fft", "gemm", "direct"}, optional
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
        `out`, or a new array of the image's shape and dtype (uint8 for bool).  Light pixels
        saturate in integer images.  In floating-point images with values from 0 to 1, they reach up
        to 1.351.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The matrix is the kernel "sepia" of `fastconv.kernels`.  A pixel costs nine multiply-adds.

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
    if out is not None:
        lower.receiver("sepia", samples, out, samples.shape)
    result = target_of(out, samples.shape, samples)
    _mix("sepia", samples, result, channel, algorithm, backend, threads)
    return deliver(result, out)


def grayscale(
    image: ArrayLike,
    *,
    channel_axis: int = -1,
    out: NDArray | None = None,
    algorithm: AlgorithmName = "auto",
    backend: BackendName | None = None,
    threads: int | None = None,
) -> NDArray:
    """Convert a colour image to grey: ``0.299 R + 0.587 G + 0.114 B``.

    Parameters
    ----------
    image : array_like
        RGB or RGBA, ``(H, W, 3)`` or ``(H, W, 4)``.
    channel_axis : int, optional
        The axis of the channels.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
    algorithm : {"auto", "fft", "gemm", "direct"}, optional
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
        `out`, or a new array of the image's dtype (uint8 for bool).  RGB gives ``(H, W)``; RGBA
        gives two channels, grey and the unchanged alpha, along `channel_axis`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  `out` is left unchanged.
    BackendUnavailableError
        The chosen backend is not available here; the message says why.

    Notes
    -----
    The weights are the kernel "grayscale" of `fastconv.kernels`, as in television and JPEG. A pixel
    costs three multiply-adds.

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
    shape = tuple([n for axis, n in enumerate(lengths) if axis != channel or n > 1])
    if out is not None:
        lower.receiver("grayscale", samples, out, shape)
    result = target_of(out, shape, samples)
    mixed = result if result.ndim == samples.ndim else np.expand_dims(result, channel)
    _mix("grayscale", samples, mixed, channel, algorithm, backend, threads)
    return deliver(result, out)


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
    has_alpha = image.shape[-1] > 3
    if has_alpha and np.can_cast(image.dtype, np.uint16):  # exact, and never NaN
        matrix, has_alpha = _with_alpha(matrix), False
    colors, channels = matrix.shape
    plan = make_plan(
        lower.convolution,
        (name, 2, image[..., :channels].shape, image.dtype),
        (matrix[..., None, None], None),
        {
            "stride": 1,
            "padding": "same",
            "dilation": 1,
            "groups": 1,
            "boundary": "constant",
            "layout": "NHWC",
            "activation": None,
            "precision": "fast",
            "out_dtype": target.dtype,
        },
        algorithm,
        backend,
        threads,
        once=True,
    )
    plan(image[..., :channels], target[..., :colors])
    if has_alpha:
        dtypes.store(target[..., colors], image[..., 3].copy())


def _with_alpha(matrix: NDArray) -> NDArray:
    """A matrix of colours that leaves alpha unchanged."""
    colors, _ = matrix.shape
    wider = np.zeros((colors + 1, 4), matrix.dtype)
    wider[:colors, :3], wider[colors, 3] = matrix, 1
    return wider


def invert(
    image: ArrayLike,
    *,
    channel_axis: ChannelAxis = UNSPECIFIED,
    out: NDArray | None = None,
    threads: int | None = None,
) -> NDArray:
    """Return the negative: white minus the image.

    Parameters
    ----------
    image : array_like
        Real numbers in an array of any rank.  White is 1 for floats and bool, and the largest value
        of an unsigned dtype.  A signed dtype is reversed: its largest value becomes its smallest.
    channel_axis : int or None, optional
        The axis of the channels.  If its length is 2 or 4, the last channel is alpha, which is
        kept.  None, the default, means that there is no such axis.  An array with three axes, the
        last of length 3 or 4, may be a photograph or a volume: it needs an explicit value.
    out : ndarray, optional
        Receives the result, converted to its dtype.  It may share memory with `image`: a temporary
        array is used in that case.
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

    Notes
    -----
    It takes one pass over the image, and is exact for integers.

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
    if out is not None:
        lower.receiver("invert", samples, out, samples.shape)
    result = target_of(out, samples.shape, samples)
    white, count = _white(np.asarray(image).dtype), config.resolve_threads(threads)

    def fill(target: NDArray, block: NDArray) -> None:
        if target.dtype == block.dtype:
            np.subtract(white, block, out=target)
        else:
            dtypes.store(target, np.subtract(white, block))

    if channel is None or samples.shape[channel] not in (2, 4):
        elementwise(fill, (result, samples), count)
        return deliver(result, out)
    # The new axis in front keeps colours together: the arrays below have different shapes.
    target, source = (np.moveaxis(a, channel, -1)[np.newaxis] for a in (result, samples))
    row_of_flips = np.full(source.shape[-2:], white).astype(source.dtype)
    row_of_flips[..., -1] = 0

    def fill_colors(target: NDArray, block: NDArray, flips: NDArray) -> None:
        if target.dtype == block.dtype and block.dtype.kind in "iu":
            np.bitwise_xor(block, flips, out=target)  # of integers, the same as to subtract
        else:
            fill(target, block)
            dtypes.store(target[..., -1], block[..., -1].copy())

    elementwise(fill_colors, (target, source, row_of_flips), count)
    return deliver(result, out)


def _white(dtype: np.dtype) -> int:
    """The value that samples are subtracted from; -1 reverses a signed dtype."""
    if dtype.kind == "u":
        return int(np.iinfo(dtype).max)
    return -1 if dtype.kind == "i" else 1
