"""Functions between layers: what is negative becomes zero, scores become probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..problem import dtypes

__all__ = ["relu", "softmax"]


def relu(x: ArrayLike) -> NDArray:
    """The rectifier ``max(x, 0)``.

    Parameters
    ----------
    x : array_like
        Real numbers of any shape.

    Returns
    -------
    ndarray
        A new array of the shape and dtype of `x` (bool counts as uint8).  NaN stays NaN.

    Raises
    ------
    TypeError, ValueError
        `x` is no array of real numbers.

    Notes
    -----
    `torch.nn.functional.relu` is the same.  ``conv2d(..., activation="relu")`` needs no pass of
    its own.

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


def softmax(x: ArrayLike, axis: int = -1) -> NDArray:
    """Probabilities from scores: ``exp(x) / sum(exp(x))`` along an axis.

    Parameters
    ----------
    x : array_like
        Scores: float16, float32 or float64, with at least one axis.
    axis : int
        The axis of the classes.  Default: the last.

    Returns
    -------
    ndarray
        Of the shape and dtype of `x`.  Large scores do not overflow, for the largest is subtracted
        first.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

    Notes
    -----
    `torch.nn.functional.softmax` is the same.  float16 is calculated in float32.

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
