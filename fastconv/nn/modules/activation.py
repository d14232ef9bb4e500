"""Activations as layers."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from ... import lower
from .. import activations, grad
from .base import Layer, shown

__all__ = ["LeakyReLU", "ReLU", "ReLU6", "Sigmoid", "Softmax", "Tanh"]


class ReLU(Layer):
    """`fastconv.nn.relu` as a layer.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.ReLU()
    >>> layer([[-1.0, 2.0]]), layer.backward([[5.0, 6.0]])
    (array([[0., 2.]]), array([[0., 6.]]))
    """

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        y = activations.relu(lower.real_numbers(x, "ReLU: x"))
        return y, y

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return grad.relu(kept, grads)


class ReLU6(Layer):
    """`fastconv.nn.relu6` as a layer.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.ReLU6()
    >>> layer([[-1.0, 9.0, 2.0]]), layer.backward([[5.0, 6.0, 7.0]])
    (array([[0., 6., 2.]]), array([[0., 0., 7.]]))
    """

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        y = activations.relu6(lower.real_numbers(x, "ReLU6: x"))
        return y, y

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return grad.relu6(kept, grads)


class LeakyReLU(Layer):
    """`fastconv.nn.leaky_relu` as a layer.

    Parameters
    ----------
    negative_slope : float, optional
        The factor of negative values.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.LeakyReLU(0.5)
    >>> layer([[-1.0, 2.0]]), layer.backward([[5.0, 6.0]])
    (array([[-0.5,  2. ]]), array([[2.5, 6. ]]))
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = lower.real(negative_slope, "LeakyReLU: negative_slope")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.floats(x, "LeakyReLU: x")
        return activations.leaky_relu(samples, self.negative_slope), samples

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return grad.leaky_relu(kept, grads, self.negative_slope)

    def _arguments(self) -> str:
        return shown(negative_slope=(self.negative_slope, 0.01))


class Sigmoid(Layer):
    """`fastconv.nn.sigmoid` as a layer.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.Sigmoid()
    >>> layer([[0.0]]), layer.backward([[8.0]])
    (array([[0.5]]), array([[2.]]))
    """

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        y = activations.sigmoid(lower.floats(x, "Sigmoid: x"))
        return y, y

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return grad.sigmoid(kept, grads)


class Tanh(Layer):
    """`fastconv.nn.tanh` as a layer.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.Tanh()
    >>> layer([[0.0]]), layer.backward([[8.0]])
    (array([[0.]]), array([[8.]]))
    """

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        y = activations.tanh(lower.floats(x, "Tanh: x"))
        return y, y

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return grad.tanh(kept, grads)


class Softmax(Layer):
    """`fastconv.nn.softmax` as a layer.

    `fastconv.nn.cross_entropy` includes a softmax, so a network that is trained with it must not
    end with this layer.

    Parameters
    ----------
    dim : int, optional
        The axis of the classes, by default the last one.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.Softmax()
    >>> layer([[3.0, 3.0]]), layer.backward([[4.0, 0.0]])
    (array([[0.5, 0.5]]), array([[ 1., -1.]]))
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = lower.integer(dim, "Softmax: dim")

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        y = activations.softmax(lower.floats(x, "Softmax: x"), self.dim)
        return y, y

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        return grad.softmax(kept, grads, self.dim)

    def _arguments(self) -> str:
        return shown(dim=(self.dim, -1))
