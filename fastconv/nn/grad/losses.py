"""Gradients of losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from ..activations import softmax

__all__ = ["cross_entropy"]


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> NDArray:
    """The gradient of `fastconv.nn.cross_entropy` with respect to the scores.

    Parameters
    ----------
    logits : array_like
        ``(N, C)``: a score for each sample and class; float16, float32 or float64.
    labels : array_like
        ``(N,)``: the right classes, integers from 0 to ``C - 1``.

    Returns
    -------
    ndarray
        ``(softmax(logits) - one_hot(labels)) / N``, of the shape and dtype of `logits`.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.

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
