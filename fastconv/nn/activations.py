"""Activation functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..problem import dtypes

__all__ = ["leaky_relu", "relu", "relu6", "sigmoid", "softmax", "tanh"]


def relu(x: ArrayLike) -> NDArray:
    """The rectifier ``max(x, 0)``.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    ndarray
        A new array of the shape and dtype of `x` (uint8 for bool).  NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of real numbers.

    Notes
    -----
    `torch.nn.functional.relu` gives the same.  ``conv2d(..., activation="relu")`` needs no separate
    pass.

    References
    ----------
    Nair & Hinton 2010, Rectified linear units improve restricted Boltzmann machines.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.relu([-2.0, 0.0, 3.0])
    array([0., 0., 3.])
    """
    numbers = lower.real_numbers(x, "relu: x")
    result: NDArray = np.maximum(numbers, numbers.dtype.type(0))
    return result


def relu6(x: ArrayLike) -> NDArray:
    """The rectifier limited to 6: ``min(max(x, 0), 6)``.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    ndarray
        A new array of the shape and dtype of `x` (uint8 for bool).  NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of real numbers.

    Notes
    -----
    `torch.nn.functional.relu6` gives the same.

    References
    ----------
    Howard et al. 2017, MobileNets.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.relu6([-2.0, 3.0, 8.0])
    array([0., 3., 6.])
    """
    numbers = lower.real_numbers(x, "relu6: x")
    result: NDArray = np.clip(numbers, numbers.dtype.type(0), numbers.dtype.type(6))
    return result


def leaky_relu(x: ArrayLike, negative_slope: float = 0.01) -> NDArray:
    """The leaky rectifier: ``x``, or ``x * negative_slope`` where `x` is negative.

    Parameters
    ----------
    x : array_like
        float16, float32 or float64, of any shape.
    negative_slope : float, optional
        The factor of negative numbers.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.nn.functional.leaky_relu` gives the same.

    References
    ----------
    Maas, Hannun & Ng 2013, Rectifier nonlinearities improve neural network acoustic models.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.leaky_relu([-2.0, 3.0], 0.25)
    array([-0.5,  3. ])
    """
    numbers = lower.floats(x, "leaky_relu: x")
    slope = lower.real(negative_slope, "leaky_relu: negative_slope")
    result: NDArray = np.asarray(numbers * numbers.dtype.type(slope))
    np.copyto(result, numbers, where=numbers > 0)
    return result


def sigmoid(x: ArrayLike) -> NDArray:
    """The logistic function ``1 / (1 + exp(-x))``.

    Parameters
    ----------
    x : array_like
        float16, float32 or float64, of any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`: from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    `torch.nn.functional.sigmoid` gives the same.  float16 is computed in float32.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 3.10.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.sigmoid([-1000.0, 0.0, 1000.0])
    array([0. , 0.5, 1. ])
    """
    numbers = lower.floats(x, "sigmoid: x")
    with np.errstate(all="ignore"):
        powers: NDArray = np.asarray(np.exp(-dtypes.widened(numbers)))
        powers += 1
        np.reciprocal(powers, out=powers)
    return dtypes.stored(powers, numbers.dtype, None)


def tanh(x: ArrayLike) -> NDArray:
    """The hyperbolic tangent.

    Parameters
    ----------
    x : array_like
        float16, float32 or float64, of any shape.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`: from -1 to 1.

    Raises
    ------
    TypeError, ValueError
        `x` is not an array of floating-point numbers.

    Notes
    -----
    `torch.nn.functional.tanh` gives the same.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 6.3.2.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.tanh([-1000.0, 0.0, 1000.0])
    array([-1.,  0.,  1.])
    """
    return np.asarray(np.tanh(lower.floats(x, "tanh: x")))


def softmax(x: ArrayLike, axis: int = -1) -> NDArray:
    """Probabilities from scores: ``exp(x) / sum(exp(x))`` along an axis.

    Parameters
    ----------
    x : array_like
        Scores: float16, float32 or float64, with at least one axis.
    axis : int, optional
        The axis of the classes, by default the last one.

    Returns
    -------
    ndarray
        A new array of the shape and dtype of `x`.  Large scores do not overflow, because the
        largest one is subtracted first.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.nn.functional.softmax` gives the same.  float16 is computed in float32.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 4.1.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.softmax([1000.0, 1000.0, -1000.0])
    array([0.5, 0.5, 0. ])
    """
    scores = lower.floats(x, "softmax: x")
    along = lower.scored_axis(axis, scores.ndim, "softmax: axis")
    wide = dtypes.widened(scores)
    with np.errstate(all="ignore"):
        powers: NDArray = np.exp(wide - wide.max(axis=along, keepdims=True, initial=-np.inf))
        powers /= powers.sum(axis=along, keepdims=True)
    return dtypes.stored(powers, scores.dtype, None)
