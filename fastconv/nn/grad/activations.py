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
        What `relu` was called with, or what it returned.
    grad_output : array_like
        With respect to its result, of the same shape; float16, float32 or float64.

    Returns
    -------
    ndarray
        `grad_output` where `x` is positive or NaN, and 0 elsewhere.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

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
        What `softmax` returned.
    grad_output : array_like
        With respect to that, of the same shape; float16, float32 or float64.
    axis : int
        The axis of the classes.  Default: the last.

    Returns
    -------
    ndarray
        Of the dtype of `grad_output`.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

    Notes
    -----
    Before `fastconv.nn.cross_entropy` no softmax is needed: its own gradient is shorter.

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
