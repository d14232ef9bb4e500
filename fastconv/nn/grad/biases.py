"""Gradients of biases: the sum of each channel."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...problem import dtypes

__all__ = ["conv1d_bias", "conv2d_bias", "conv3d_bias"]


def conv1d_bias(
    grad_output: ArrayLike, *, layout: Literal["NCL", "NLC"] = "NCL", out: NDArray | None = None
) -> NDArray:
    """The gradient of `fastconv.conv1d` with respect to its bias.

    Parameters
    ----------
    grad_output : array_like
        The gradient with respect to the result of the convolution.
    layout : {"NCL", "NLC"}, optional
        The order of its axes.
    out : ndarray, optional
        Receives the gradient, converted to its dtype.  It may share memory with `grad_output`: a
        temporary array is used in that case.

    Returns
    -------
    ndarray
        `out`, or a new array ``(K,)`` with the sum of each channel, of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.nn.grad.conv1d_bias([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    array([ 6., 15.])
    """
    return _bias("conv1d_bias", 1, grad_output, layout, out)


def conv2d_bias(
    grad_output: ArrayLike, *, layout: Literal["NCHW", "NHWC"] = "NCHW", out: NDArray | None = None
) -> NDArray:
    """The gradient of `fastconv.conv2d` with respect to its bias.

    Parameters
    ----------
    grad_output : array_like
        The gradient with respect to the result of the convolution.
    layout : {"NCHW", "NHWC"}, optional
        The order of its axes.
    out : ndarray, optional
        Receives the gradient, converted to its dtype.  It may share memory with `grad_output`: a
        temporary array is used in that case.

    Returns
    -------
    ndarray
        `out`, or a new array ``(K,)`` with the sum of each channel, of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.nn.grad.conv2d_bias(np.ones((8, 2, 5, 5), "float32"))
    array([200., 200.], dtype=float32)
    """
    return _bias("conv2d_bias", 2, grad_output, layout, out)


def conv3d_bias(
    grad_output: ArrayLike,
    *,
    layout: Literal["NCDHW", "NDHWC"] = "NCDHW",
    out: NDArray | None = None,
) -> NDArray:
    """The gradient of `fastconv.conv3d` with respect to its bias.

    Parameters
    ----------
    grad_output : array_like
        The gradient with respect to the result of the convolution.
    layout : {"NCDHW", "NDHWC"}, optional
        The order of its axes.
    out : ndarray, optional
        Receives the gradient, converted to its dtype.  It may share memory with `grad_output`: a
        temporary array is used in that case.

    Returns
    -------
    ndarray
        `out`, or a new array ``(K,)`` with the sum of each channel, of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv as fc
    >>> fc.nn.grad.conv3d_bias(np.ones((2, 3, 3, 3), "float32"))
    array([27., 27.], dtype=float32)
    """
    return _bias("conv3d_bias", 3, grad_output, layout, out)


def _bias(
    name: str, rank: int, grad_output: ArrayLike, layout: object, out: NDArray | None
) -> NDArray:
    gy = lower.array(grad_output, f"{name}: grad_output")
    channel = lower.bias_gradient(name, rank, gy, layout, out)
    others = tuple(axis for axis in range(gy.ndim) if axis != channel)
    return dtypes.stored(gy.sum(others, np.result_type(gy, np.float64)), gy.dtype, out)
