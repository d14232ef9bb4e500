"""Loss functions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import lower
from ..problem import dtypes

__all__ = ["cross_entropy", "mse_loss"]


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The cross-entropy loss: the mean of ``-log(softmax(logits))`` at the true classes.

    Parameters
    ----------
    logits : array_like
        ``(N, C)``: a score for each sample and class, before a softmax; float16, float32 or
        float64.
    labels : array_like
        ``(N,)``: the true classes, integers from 0 to ``C - 1``.

    Returns
    -------
    float
        0 if the true classes have probability 1, and ``log(C)`` if all classes are equally
        probable. Neither large scores nor tiny probabilities overflow.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.nn.functional.cross_entropy` gives the same.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 6.2.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.cross_entropy([[0.0, 0.0], [1000.0, 0.0]], [1, 0])
    0.34657359027997264
    """
    scores, classes = lower.class_scores("cross_entropy", logits, labels)
    wide = dtypes.widened(scores)
    with np.errstate(all="ignore"):
        wide = wide - wide.max(axis=1, keepdims=True)
        right = np.take_along_axis(wide, classes[:, None].astype(np.intp), axis=1)[:, 0]
        losses = np.log(np.exp(wide).sum(axis=1)) - right
        return float(losses.mean(dtype=np.float64))


def mse_loss(output: ArrayLike, target: ArrayLike) -> float:
    """The mean squared error: the mean of ``(output - target) ** 2``.

    Parameters
    ----------
    output : array_like
        The result of a network: float16, float32 or float64, of any shape, not empty.
    target : array_like
        The desired result: real numbers of the same shape.

    Returns
    -------
    float
        0 if they are equal.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.

    Notes
    -----
    `torch.nn.functional.mse_loss` gives the same.

    References
    ----------
    Goodfellow, Bengio & Courville 2016, Deep learning, section 5.1.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.mse_loss([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    ours, wanted = lower.compared("mse_loss", output, target)
    with np.errstate(all="ignore"):
        errors = dtypes.widened(ours) - wanted
        return float(np.square(errors, out=errors).mean(dtype=np.float64))
