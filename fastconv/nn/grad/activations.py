"""Gradients of the functions between layers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...problem import dtypes
from ..masks import as_bits, mask

__all__ = ["relu", "softmax"]


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
        An argument is wrong; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.relu([-2.0, 0.0, 3.0], [1.0, 1.0, 1.0])
    array([0., 0., 1.])
    """
    numbers = lower.real_numbers(x, "grad.relu: x")
    grads = lower.gradient(grad_output, numbers.shape, "grad.relu: grad_output")
    bits = as_bits(grads)
    result: NDArray = (bits & mask(~(numbers <= 0), bits.dtype)).view(grads.dtype)
    return result


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
        An argument is wrong; the message names it.

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
