"""Layers that contain other layers, in sequence or in parallel."""

from __future__ import annotations

from collections.abc import Iterator

from numpy.typing import ArrayLike, NDArray

from ... import lower
from ..graph import Node, total
from .base import Layer

__all__ = ["Add", "Identity", "Sequential"]


class Sequential(Layer):
    """A layer that applies other layers in sequence.

    Parameters
    ----------
    *layers : Layer
        The layers in the order of their calls; they may be `Sequential` themselves.

    Attributes
    ----------
    layers : tuple of Layer
        The layers.  ``net[i]`` is one of them, and ``net[a:b]`` is a `Sequential` of several.
    parameters : tuple of Parameter
        The parameters of all layers, in the same order.

    Raises
    ------
    TypeError
        An argument is not a layer.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> rng = np.random.default_rng(0)
    >>> net = nn.Sequential(
    ...     nn.Conv2d(1, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
    ...     nn.Linear(4 * 3 * 3, 10, rng=rng),
    ... )
    >>> net(np.ones((5, 1, 8, 8), "float32")).shape
    (5, 10)
    >>> [parameter.value.size for parameter in net.parameters]
    [36, 4, 360, 10]
    >>> net
    Sequential(
      (0): Conv2d(1, 4, 3)
      (1): ReLU()
      (2): MaxPool2d(2)
      (3): Flatten()
      (4): Linear(36, 10)
    )
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = lower.instances(layers, Layer, "Sequential: layers")

    def children(self) -> dict[str, Layer]:
        return {str(number): layer for number, layer in enumerate(self.layers)}

    def __call__(self, x: ArrayLike) -> NDArray:
        result = lower.real_numbers(x, "Sequential: x")
        for layer in self.layers:
            result = layer(result)
        return result

    def backward(self, grad_output: ArrayLike) -> NDArray:
        result = lower.floats(grad_output, "Sequential.backward: grad_output")
        for layer in reversed(self.layers):
            result = layer.backward(result)
        return result

    def parameter_gradients(self, grad_output: ArrayLike) -> None:
        result = lower.floats(grad_output, "Sequential.backward: grad_output")
        if self.layers:
            for layer in self.layers[:0:-1]:
                result = layer.backward(result)
            self.layers[0].parameter_gradients(result)

    def _nodes(self, nodes: list[Node], name: str, source: str) -> str:
        for child, layer in self.children().items():
            source = layer._nodes(nodes, _inside(name, child), source)
        return source

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, which: int | slice) -> Layer:
        some = self.layers[which]
        return Sequential(*some) if isinstance(some, tuple) else some


class Add(Layer):
    """A layer that applies several layers to the same batch and adds their results.

    With an `Identity` as one of the branches, it is a residual block.

    Parameters
    ----------
    *layers : Layer
        The branches, at least one.  Their results must have the same shape.

    Attributes
    ----------
    layers : tuple of Layer
        The branches.

    Raises
    ------
    TypeError, ValueError
        An argument is not a layer, or there is none.

    References
    ----------
    He, Zhang, Ren & Sun 2016, Deep residual learning for image recognition.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, rng=0), nn.ReLU())
    >>> block = nn.Add(body, nn.Identity())
    >>> x = np.ones((1, 4, 5, 5), "float32")
    >>> bool((block(x) >= x).all())
    True
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = lower.branches(layers, Layer, "Add: layers")

    def children(self) -> dict[str, Layer]:
        return {str(number): layer for number, layer in enumerate(self.layers)}

    def __call__(self, x: ArrayLike) -> NDArray:
        samples = lower.real_numbers(x, "Add: x")
        return _checked_total([layer(samples) for layer in self.layers])

    def backward(self, grad_output: ArrayLike) -> NDArray:
        grads = lower.floats(grad_output, "Add.backward: grad_output")
        return _checked_total([layer.backward(grads) for layer in self.layers])

    def parameter_gradients(self, grad_output: ArrayLike) -> None:
        grads = lower.floats(grad_output, "Add.backward: grad_output")
        for layer in self.layers:
            layer.parameter_gradients(grads)

    def _nodes(self, nodes: list[Node], name: str, source: str) -> str:
        terms = [
            layer._nodes(nodes, _inside(name, child), source)
            for child, layer in self.children().items()
        ]
        nodes.append(Node(name or "sum", total, tuple(terms)))
        return nodes[-1].name


class Identity(Layer):
    """A layer that returns its batch unchanged.

    Examples
    --------
    >>> from fastconv import nn
    >>> nn.Identity()([[1.0, 2.0]])
    array([[1., 2.]])
    """

    def __call__(self, x: ArrayLike) -> NDArray:
        return lower.real_numbers(x, "Identity: x")

    def backward(self, grad_output: ArrayLike) -> NDArray:
        return lower.floats(grad_output, "Identity.backward: grad_output")

    def _nodes(self, nodes: list[Node], name: str, source: str) -> str:
        return source


def _inside(name: str, child: str) -> str:
    return f"{name}.{child}" if name else child


def _checked_total(terms: list[NDArray]) -> NDArray:
    lower.same_shapes(terms, "Add: layers")
    return total(*terms)
