"""Gradients of activation functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...problem import dtypes
from ..masks import as_bits, mask

__all__ = ["leaky_relu", "relu", "relu6", "sigmoid", "softmax", "tanh"]


def relu(x: ArrayLike, grad_output: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.relu` with respect to its input.

    Parameters
    ----------
    x : array_like
        The argument of `fastconv.nn.relu`, or its result.
    grad_output : array_like
        The gradient with respect to that result, of the same shape; float16, float32 or float64.

    Returns
    -------
    ndarray
        `grad_output` where `x` is positive or NaN, and 0 elsewhere.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.relu([-2.0, 0.0, 3.0], [1.0, 1.0, 1.0])
    array([0., 0., 1.])
    """
    numbers = lower.real_numbers(x, "grad.relu: x")
    grads = lower.gradient(grad_output, numbers.shape, "grad.relu: grad_output")
    return _where(~(numbers <= 0), grads)


def relu6(x: ArrayLike, grad_output: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.relu6` with respect to its input.

    Parameters
    ----------
    x : array_like
        The argument of `fastconv.nn.relu6`, or its result.
    grad_output : array_like
        The gradient with respect to that result, of the same shape; float16, float32 or float64.

    Returns
    -------
    ndarray
        `grad_output` where `x` lies between 0 and 6 or is NaN, and 0 elsewhere.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.relu6([-2.0, 3.0, 8.0], [1.0, 1.0, 1.0])
    array([0., 1., 0.])
    """
    numbers = lower.real_numbers(x, "grad.relu6: x")
    grads = lower.gradient(grad_output, numbers.shape, "grad.relu6: grad_output")
    return _where(~((numbers <= 0) | (numbers >= 6)), grads)


def leaky_relu(x: ArrayLike, grad_output: ArrayLike, negative_slope: float = 0.01) -> NDArray:
    """The gradient of `fastconv.nn.leaky_relu` with respect to its input.

    Parameters
    ----------
    x : array_like
        The argument of `fastconv.nn.leaky_relu`; or its result, if the slope is positive.
    grad_output : array_like
        The gradient with respect to that result, of the same shape; float16, float32 or float64.
    negative_slope : float, optional
        The factor of negative numbers.

    Returns
    -------
    ndarray
        `grad_output` where `x` is positive, and ``grad_output * negative_slope`` elsewhere.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.leaky_relu([-2.0, 3.0], [1.0, 1.0], 0.25)
    array([0.25, 1.  ])
    """
    numbers = lower.floats(x, "grad.leaky_relu: x")
    grads = lower.gradient(grad_output, numbers.shape, "grad.leaky_relu: grad_output")
    slope = lower.real(negative_slope, "grad.leaky_relu: negative_slope")
    result: NDArray = np.asarray(grads * grads.dtype.type(slope))
    np.copyto(result, grads, where=numbers > 0)
    return result


def sigmoid(y: ArrayLike, grad_output: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.sigmoid` with respect to its input.

    Parameters
    ----------
    y : array_like
        The result of `fastconv.nn.sigmoid`.
    grad_output : array_like
        The gradient with respect to that result, of the same shape; float16, float32 or float64.

    Returns
    -------
    ndarray
        ``grad_output * y * (1 - y)``, of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.sigmoid([0.0, 0.5, 1.0], [1.0, 1.0, 1.0])
    array([0.  , 0.25, 0.  ])
    """
    shares = lower.floats(y, "grad.sigmoid: y")
    grads = lower.gradient(grad_output, shares.shape, "grad.sigmoid: grad_output")
    return dtypes.stored(np.asarray(grads * (shares * (1 - shares))), grads.dtype, None)


def tanh(y: ArrayLike, grad_output: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.tanh` with respect to its input.

    Parameters
    ----------
    y : array_like
        The result of `fastconv.nn.tanh`.
    grad_output : array_like
        The gradient with respect to that result, of the same shape; float16, float32 or float64.

    Returns
    -------
    ndarray
        ``grad_output * (1 - y * y)``, of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.tanh([0.0, 0.5, 1.0], [1.0, 1.0, 1.0])
    array([1.  , 0.75, 0.  ])
    """
    numbers = lower.floats(y, "grad.tanh: y")
    grads = lower.gradient(grad_output, numbers.shape, "grad.tanh: grad_output")
    return dtypes.stored(np.asarray(grads * (1 - numbers * numbers)), grads.dtype, None)


def softmax(y: ArrayLike, grad_output: ArrayLike, axis: int = -1) -> NDArray:
    """The gradient of `fastconv.nn.softmax` with respect to its input.

    Parameters
    ----------
    y : array_like
        The result of `fastconv.nn.softmax`.
    grad_output : array_like
        The gradient with respect to that result, of the same shape; float16, float32 or float64.
    axis : int, optional
        The axis of the classes, by default the last one.

    Returns
    -------
    ndarray
        Of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `fastconv.nn.cross_entropy` includes the softmax, and so does its gradient, which is simpler.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.softmax([0.5, 0.5], [1.0, 0.0])
    array([ 0.25, -0.25])
    """
    shares = lower.floats(y, "grad.softmax: y")
    along = lower.scored_axis(axis, shares.ndim, "grad.softmax: axis")
    grads = lower.gradient(grad_output, shares.shape, "grad.softmax: grad_output")
    wide = dtypes.widened(shares)
    with np.errstate(all="ignore"):
        mean = np.sum(wide * grads, axis=along, keepdims=True)
        result: NDArray = wide * (grads - mean)
    return dtypes.stored(result, grads.dtype, None)


def _where(kept: NDArray, grads: NDArray) -> NDArray:
    """Gradients where they are kept, and 0 elsewhere."""
    result: NDArray = np.asarray(as_bits(grads) & mask(np.asarray(kept))).view(grads.dtype)
    return result
