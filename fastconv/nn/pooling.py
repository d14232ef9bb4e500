"""Pooling: each window of samples becomes its largest number, or its mean."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import PerAxis
from ..problem import dtypes
from . import windows

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(
    x: ArrayLike,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    *,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
) -> NDArray:
    """The largest number of each window.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"`` ``(N, H, W, C)`` or ``(H, W, C)``.
        Real numbers of any dtype.
    kernel_size : int or sequence of int
        Height and width of the windows.
    stride : int or sequence of int, optional
        From one window to the next.  Default: `kernel_size`, so that windows lie side by side.
    padding : int or sequence of int
        Samples added at both sides of both axes, or of each; they are never the largest.  At most
        half of what a window reaches over.
    dilation : int or sequence of int
        The distance between neighbouring samples of a window.
    ceil_mode : bool
        Keep a last window that begins inside and ends beyond the padding.
    layout : {"NCHW", "NHWC"}
        Where the channels are, in `x` and in the result.

    Returns
    -------
    ndarray
        Of the dtype of `x` (bool counts as uint8), exactly; ``(N, C, out H, out W)`` or as `x`'s
        layout has it, with ``out = (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1``, or
        the same rounded up.  A window with a NaN gives NaN.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

    Notes
    -----
    `torch.nn.functional.max_pool2d` is the same.  It costs ``kh + kw`` comparisons an output, in
    NumPy.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 9.3.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.max_pool2d(np.arange(16).reshape(1, 4, 4), 2)
    array([[[ 5,  7],
            [13, 15]]])
    """
    samples = lower.real_numbers(x, "max_pool2d: x")
    axes = lower.pooling(
        "max_pool2d", "x", samples.shape, kernel_size, stride, padding, dilation, ceil_mode, layout
    )
    for along, axis in axes.items():
        samples = windows.largest(samples, along, axis)
    return samples


def avg_pool2d(
    x: ArrayLike,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
) -> NDArray:
    """The mean of each window.

    Parameters
    ----------
    x : array_like
        As for `max_pool2d`: float16, float32 or float64.
    kernel_size, stride, ceil_mode, layout
        As for `max_pool2d`.
    padding : int or sequence of int
        Zeros added at both sides of both axes, or of each; at most half of `kernel_size`.
    count_include_pad : bool
        Whether those zeros count in the mean.  What `ceil_mode` adds beyond them never does.

    Returns
    -------
    ndarray
        As from `max_pool2d`.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

    Notes
    -----
    `torch.nn.functional.avg_pool2d` is the same.  It costs ``kh + kw`` additions an output, in
    NumPy.  float16 is calculated in float32.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 9.3.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """
    samples = lower.floats(x, "avg_pool2d: x")
    axes = lower.pooling(
        "avg_pool2d", "x", samples.shape, kernel_size, stride, padding, 1, ceil_mode, layout
    )
    padded = lower.flag(count_include_pad, "avg_pool2d: count_include_pad")
    means = dtypes.widened(samples)
    with np.errstate(all="ignore"):
        for along, axis in axes.items():
            means = windows.sums(means, along, axis)
        means /= windows.areas(axes, samples.ndim, padded, means.dtype)
    return dtypes.stored(means, samples.dtype, None)
