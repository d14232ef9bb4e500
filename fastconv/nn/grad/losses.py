"""Gradients of losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ...problem import dtypes
from ..activations import softmax

__all__ = ["cross_entropy", "mse_loss"]


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.cross_entropy` with respect to the scores.

    Parameters
    ----------
    logits : array_like
        ``(N, C)``: a score for each sample and class; float16, float32 or float64.
    labels : array_like
        ``(N,)``: the true classes, integers from 0 to ``C - 1``.

    Returns
    -------
    ndarray
        ``(softmax(logits) - one_hot(labels)) / N``, of the shape and dtype of `logits`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.cross_entropy([[0.0, 0.0], [1000.0, 0.0]], [1, 0])
    array([[ 0.25, -0.25],
           [ 0.  ,  0.  ]])
    """
    scores, classes = lower.class_scores("grad.cross_entropy", logits, labels)
    grads = softmax(scores)
    grads[np.arange(len(scores)), classes] -= 1
    grads /= len(scores)
    return grads


def mse_loss(output: ArrayLike, target: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.mse_loss` with respect to the output.

    Parameters
    ----------
    output : array_like
        The result of a network: float16, float32 or float64, of any shape, not empty.
    target : array_like
        The desired result: real numbers of the same shape.

    Returns
    -------
    ndarray
        ``2 * (output - target) / output.size``, of the shape and dtype of `output`.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.grad.mse_loss([1.0, 2.0], [1.0, 4.0])
    array([ 0., -2.])
    """
    ours, wanted = lower.compared("grad.mse_loss", output, target)
    with np.errstate(all="ignore"):
        errors = np.asarray(dtypes.widened(ours) - wanted)
        errors *= 2 / ours.size
    return dtypes.stored(errors, ours.dtype, None)
