"""Gradients of pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...api.options import PerAxis
from ...problem import dtypes
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
        What `max_pool2d` was called with.
    grad_output : array_like
        With respect to its result, of that shape; float16, float32 or float64.
    kernel_size, stride, padding, dilation, ceil_mode, layout
        As for `fastconv.nn.max_pool2d`.

    Returns
    -------
    ndarray
        Of the shape of `x` and the dtype of `grad_output`.  What comes from a window goes to its
        largest sample, and to the first of them, row by row, where several are the largest.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

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
    (height, rows), (width, columns) = axes.items()
    in_rows = windows.largest(samples, width, columns)
    peaks = windows.largest(in_rows, height, rows)
    grads = windows.scatter_to_first(grads, in_rows, peaks, height, rows)
    return windows.scatter_to_first(grads, samples, in_rows, width, columns)


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
        The shape of what `avg_pool2d` was called with.
    grad_output : array_like
        With respect to its result, of that shape; float16, float32 or float64.
    kernel_size, stride, padding, ceil_mode, count_include_pad, layout
        As for `fastconv.nn.avg_pool2d`.

    Returns
    -------
    ndarray
        Of the shape `input_size` and the dtype of `grad_output`: what comes from a window is
        shared by its samples.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

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
    with np.errstate(all="ignore"):
        shares = dtypes.widened(grads)
        shares = shares / windows.areas(axes, len(shape), padded, shares.dtype)
        for along, axis in axes.items():
            shares = windows.scatter(shares, along, axis)
    return dtypes.stored(shares, grads.dtype, None)
