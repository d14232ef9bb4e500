"""Max and average pooling."""

from __future__ import annotations

from typing import Literal

from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import PerAxis
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
    """Max pooling: the largest value of each window.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"``, ``(N, H, W, C)`` or
        ``(H, W, C)``.  Real numbers of any dtype.
    kernel_size : int or sequence of int
        Height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of samples added on both sides, for both axes or one for each; they are never the
        largest.  At most half of the samples that a window spans.
    dilation : int or sequence of int, optional
        The distance between adjacent samples of a window.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in `x` and in the result.

    Returns
    -------
    ndarray
        A new array of the dtype of `x` (uint8 for bool), ``(N, C, out H, out W)`` in the layout of
        `x`, with ``out = (n + 2 * padding - dilation * (k - 1) - 1) // stride + 1``, where
        `ceil_mode` rounds the quotient up.  A window with a NaN gives NaN.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.nn.functional.max_pool2d` gives the same.  An output costs ``kh + kw`` comparisons, in
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
        "max_pool2d",
        "x",
        2,
        samples.shape,
        kernel_size,
        stride,
        padding,
        dilation,
        ceil_mode,
        layout,
    )
    return windows.largest(samples, axes)


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
    """Average pooling: the mean of each window.

    Parameters
    ----------
    x : array_like
        ``(N, C, H, W)`` or ``(C, H, W)``; with ``layout="NHWC"``, ``(N, H, W, C)`` or
        ``(H, W, C)``.  float16, float32 or float64.
    kernel_size : int or sequence of int
        Height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default, `kernel_size`, so that windows do not
        overlap.
    padding : int or sequence of int, optional
        The number of zeros added on both sides, for both axes or one for each; at most half of
        `kernel_size`.
    ceil_mode : bool, optional
        Round the output size up: keep a last window that begins inside the padded input and ends
        beyond it.
    count_include_pad : bool, optional
        Whether the padding zeros count in the mean.  Positions that `ceil_mode` adds beyond them
        never count.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in `x` and in the result.

    Returns
    -------
    ndarray
        A new array of the dtype of `x`, ``(N, C, out H, out W)`` in the layout of `x`, with
        ``out = (n + 2 * padding - k) // stride + 1``, where `ceil_mode` rounds the quotient up.  A
        window with a NaN gives NaN.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.nn.functional.avg_pool2d` gives the same.  An output costs ``kh + kw`` additions, in
    NumPy.  float16 is computed in float32.

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
        "avg_pool2d", "x", 2, samples.shape, kernel_size, stride, padding, 1, ceil_mode, layout
    )
    padded = lower.flag(count_include_pad, "avg_pool2d: count_include_pad")
    return windows.means(samples, axes, padded)
