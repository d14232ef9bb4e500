"""How wrong a network is, in one number."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import lower
from ..problem import dtypes

__all__ = ["cross_entropy"]


def cross_entropy(logits: ArrayLike, labels: ArrayLike) -> float:
    """The mean of ``-log(softmax(logits))`` at the right classes.

    Parameters
    ----------
    logits : array_like
        ``(N, C)``: a score for each sample and class, before `softmax`; float16, float32 or
        float64.
    labels : array_like
        ``(N,)``: the right classes, integers from 0 to ``C - 1``.

    Returns
    -------
    float
        0 where all of the probability is on the right classes, ``log(C)`` where it is spread
        evenly.  Neither large scores nor tiny probabilities overflow.

    Raises
    ------
    TypeError, ValueError
        A wrong argument, named by the message.

    Notes
    -----
    `torch.nn.functional.cross_entropy` of the same arguments is the same.

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
