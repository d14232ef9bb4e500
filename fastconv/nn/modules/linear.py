"""Fully connected layers."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ... import lower
from .. import products
from .base import Layer, shown
from .weights import Rng, biases, he_normal

__all__ = ["Linear"]


class Linear(Layer):
    """A fully connected layer: ``x @ weight.T + bias``.

    Parameters
    ----------
    in_features : int
        The number of features of a sample.
    out_features : int
        The number of features of its result.
    bias : bool, optional
        Learn a bias for each output.
    rng : numpy.random.Generator or int, optional
        The random generator for the initial weights, or its seed.  Weights are drawn from a normal
        distribution with variance ``2 / in_features``; biases are zero.
    dtype : dtype, optional
        The dtype of the parameters.

    Attributes
    ----------
    weight : Parameter
        ``(out_features, in_features)``.
    bias : Parameter or None
        ``(out_features,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  A call raises it if the shape of the batch is
        not ``(N, in_features)``.

    Notes
    -----
    The products are computed as convolutions with one tap.  They run on fastconv's threads, and,
    unlike NumPy's matrix product, have the same bits for any number of threads.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Linear(10, 3, rng=0)
    >>> layer(np.ones((2, 10), "float32")).shape
    (2, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.in_features = lower.integer(in_features, "Linear: in_features", least=1)
        self.out_features = lower.integer(out_features, "Linear: out_features", least=1)
        shape = (self.out_features, self.in_features)
        self.weight = he_normal("Linear", shape, self.in_features, rng, dtype)
        self.bias = biases("Linear", bias, self.out_features, self.weight)

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.features(x, self.in_features, "Linear: x")
        bias = None if self.bias is None else self.bias.value
        return products.rows(samples, self.weight.value, bias), samples

    def _learn(self, kept: NDArray, grads: NDArray) -> None:
        self.weight.grad = products.columns(grads.T, kept)
        if self.bias is not None:
            self.bias.grad = grads.sum(axis=0)

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return products.columns(grads, self.weight.value)

    def _multiply_adds(self, x: tuple[int, ...], y: tuple[int, ...]) -> int:
        return prod(y) * self.in_features

    def _arguments(self) -> str:
        return shown(self.in_features, self.out_features, bias=(self.bias is not None, True))
