"""Gradients of pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import PerAxis
from .. import windows

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(
    x: ArrayLike,
    grad_output: ArrayLike,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    dilation: PerAxis = 1,
    ceil_mode: bool = False,
    *,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
) -> NDArray:
    """The gradient of `fastconv.nn.max_pool2d` with respect to its input.

    Parameters
    ----------
    x : array_like
        The input of the pooling.
    grad_output : array_like
        The gradient with respect to the result, of the same shape as the result; float16, float32
        or float64.
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
        The order of the axes, in all arrays.

    Returns
    -------
    ndarray
        A new array of the shape of `x` and the dtype of `grad_output`.  The gradient of a window
        goes to its largest sample; of equal samples, to the first in row order.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> x = np.array([[[1.0, 7.0, 7.0], [2.0, 7.0, 9.0]]])
    >>> nn.grad.max_pool2d(x, [[[10.0, 20.0]]], 2, stride=1)
    array([[[ 0., 10.,  0.],
            [ 0.,  0., 20.]]])
    """
    samples = lower.real_numbers(x, "grad.max_pool2d: x")
    axes = lower.pooling(
        "grad.max_pool2d",
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
    pooled = windows.pooled_shape(samples.shape, axes)
    grads = lower.gradient(grad_output, pooled, "grad.max_pool2d: grad_output")
    return windows.scatter_to_peaks(grads, windows.largest_in_stages(samples, axes), axes)


def avg_pool2d(
    input_size: Sequence[int],
    grad_output: ArrayLike,
    kernel_size: PerAxis,
    stride: PerAxis | None = None,
    padding: PerAxis = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    *,
    layout: Literal["NCHW", "NHWC"] = "NCHW",
) -> NDArray:
    """The gradient of `fastconv.nn.avg_pool2d` with respect to its input.

    Parameters
    ----------
    input_size : sequence of int
        The shape of the input of the pooling.
    grad_output : array_like
        The gradient with respect to the result, of the same shape as the result; float16, float32
        or float64.
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
        The order of the axes, in all arrays.

    Returns
    -------
    ndarray
        A new array of the shape `input_size` and the dtype of `grad_output`: the gradient of a
        window is divided evenly among its samples.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.avg_pool2d((1, 2, 3), [[[4.0, 8.0]]], 2, stride=1)
    array([[[1., 3., 2.],
            [1., 3., 2.]]])
    """
    shape = lower.shape(input_size, "grad.avg_pool2d: input_size")
    axes = lower.pooling(
        "grad.avg_pool2d",
        "input_size",
        2,
        shape,
        kernel_size,
        stride,
        padding,
        1,
        ceil_mode,
        layout,
    )
    padded = lower.flag(count_include_pad, "grad.avg_pool2d: count_include_pad")
    pooled = windows.pooled_shape(shape, axes)
    grads = lower.gradient(grad_output, pooled, "grad.avg_pool2d: grad_output")
    return windows.shared_out(grads, axes, padded)
