"""Layers: functions that keep what their gradients need, and their parameters.

A layer is called with a batch and returns its result.  `backward` takes the gradient of a loss with
respect to that result, returns the one with respect to the batch, and leaves those with respect to
the parameters in `Parameter.grad`.  There is no graph: `Sequential` walks back the way it came.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .. import lower
from ..api import conv2d
from ..api.options import Padding, PerAxis
from . import grad
from .activations import relu
from .pooling import max_pool2d

__all__ = ["Conv2d", "Flatten", "Layer", "Linear", "MaxPool2d", "Parameter", "ReLU", "Sequential"]


class Parameter:
    """An array that is learned, and its gradient.

    Parameters
    ----------
    value : ndarray
        The array: float16, float32 or float64.  An optimizer changes it in place.

    Attributes
    ----------
    value : ndarray
        The array.
    grad : ndarray
        The gradient that the last `backward` left, of the same shape; zeros before.
    """

    def __init__(self, value: NDArray) -> None:
        self.value = lower.floats(value, "Parameter: value")
        self.grad = np.zeros_like(self.value)


class Layer:
    """The base class of layers: derived classes define these two methods and `parameters`.

    Attributes
    ----------
    parameters : tuple of Parameter
        What the layer learns; empty by default.
    """

    parameters: tuple[Parameter, ...] = ()

    def __call__(self, x: ArrayLike) -> NDArray:
        """The result for a batch.

        Parameters
        ----------
        x : array_like
            The batch.

        Returns
        -------
        ndarray
            The result.
        """
        raise NotImplementedError

    def backward(self, grad_output: ArrayLike) -> NDArray:
        """The gradient with respect to the batch of the last call.

        Each `Parameter.grad` is set, not added to.

        Parameters
        ----------
        grad_output : array_like
            The gradient with respect to the result of that call.

        Returns
        -------
        ndarray
            Of the shape of that batch.

        Raises
        ------
        ValueError
            The layer has not been called, or the shape is not that of its result.
        """
        raise NotImplementedError


class Conv2d(Layer):
    """A layer of `fastconv.conv2d` with weights to be learned.

    Parameters
    ----------
    in_channels : int
        Channels of the batches.
    out_channels : int
        Channels of the results.
    kernel_size : int or sequence of int
        Height and width of the kernels.
    stride : int or sequence of int, optional
        Take every stride-th output.
    padding : int, sequence of int or of pairs, or str, optional
        Zeros added on both sides of both axes, of each axis, or on each side of each axis as pairs
        ``(before, after)``.  "same" makes ``ceil(n / stride)`` outputs, with an odd zero added at
        the end ("same_lower": at the start); "valid" adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        Divides the channels of the input and of the result into groups; each group of the result
        depends on one group of the input.
    bias : bool, optional
        Learn a number for each output channel as well.
    layout : {"NCHW", "NHWC"}, optional
        Where the channels are, in the input and in the result.
    rng : numpy.random.Generator
        The source of the first weights: normal numbers of variance 2 / (inputs of a sum).  Biases
        start at zero.
    dtype : dtype, optional
        The dtype of the parameters.

    Attributes
    ----------
    weight : Parameter
        ``(out_channels, in_channels // groups, kh, kw)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is wrong; the message names it.  What the convolution needs is checked when
        the layer is called.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Conv2d(3, 8, 3, padding=1, rng=np.random.default_rng(0))
    >>> maps = layer(np.ones((2, 3, 16, 16), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16, 16), (2, 3, 16, 16), (8, 3, 3, 3))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: Padding = 0,
        dilation: PerAxis = 1,
        groups: int = 1,
        bias: bool = True,
        *,
        layout: Literal["NCHW", "NHWC"] = "NCHW",
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        inputs = lower.integer(in_channels, "Conv2d: in_channels", least=1)
        outputs = lower.integer(out_channels, "Conv2d: out_channels", least=1)
        size = lower.per_axis(kernel_size, 2, "Conv2d: kernel_size", least=1)
        groups = lower.group_count("Conv2d", groups, inputs, outputs)
        shape = (outputs, inputs // groups, *size)
        self.weight = _random("Conv2d", shape, rng, dtype)
        self.bias = _zeros("Conv2d", bias, self.weight)
        self.parameters = _present(self.weight, self.bias)
        self._steps = (stride, padding, dilation, groups)
        self._layout = layout
        self._x: NDArray | None = None

    def __call__(self, x: ArrayLike) -> NDArray:
        self._x = lower.floats(x, "Conv2d: x")
        bias = None if self.bias is None else self.bias.value
        return conv2d(self._x, self.weight.value, bias, *self._steps, layout=self._layout)

    def backward(self, grad_output: ArrayLike) -> NDArray:
        x = lower.called(self._x, "Conv2d")
        weight, layout = self.weight, self._layout
        grads = lower.floats(grad_output, "Conv2d.backward: grad_output")
        weight.grad = grad.conv2d_weight(x, weight.value.shape, grads, *self._steps, layout=layout)
        if self.bias is not None:
            self.bias.grad = grad.conv2d_bias(grads, layout=layout)
        return grad.conv2d_input(x.shape, weight.value, grads, *self._steps, layout=layout)


class Linear(Layer):
    """A layer that connects every input with every output: ``x @ weight.T + bias``.

    Parameters
    ----------
    in_features : int
        Numbers in a sample.
    out_features : int
        Numbers in its result.
    bias : bool, optional
        Learn a number for each output as well.
    rng : numpy.random.Generator
        The source of the first weights: normal numbers of variance ``2 / in_features``.  Biases
        start at zero.
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
        An argument is wrong; the message names it.  So is, in a call, a batch that is not
        ``(N, in_features)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Linear(10, 3, rng=np.random.default_rng(0))
    >>> layer(np.ones((2, 10), "float32")).shape
    (2, 3)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        inputs = lower.integer(in_features, "Linear: in_features", least=1)
        outputs = lower.integer(out_features, "Linear: out_features", least=1)
        self.weight = _random("Linear", (outputs, inputs), rng, dtype)
        self.bias = _zeros("Linear", bias, self.weight)
        self.parameters = _present(self.weight, self.bias)
        self._x: NDArray | None = None

    def __call__(self, x: ArrayLike) -> NDArray:
        weight = self.weight.value
        self._x = lower.features(x, weight.shape[1], "Linear: x")
        result: NDArray = self._x @ weight.T
        return result if self.bias is None else result + self.bias.value

    def backward(self, grad_output: ArrayLike) -> NDArray:
        x, weight = lower.called(self._x, "Linear"), self.weight
        shape = (len(x), len(weight.value))
        grads = lower.gradient(grad_output, shape, "Linear.backward: grad_output")
        weight.grad = grads.T @ x
        if self.bias is not None:
            self.bias.grad = grads.sum(axis=0)
        result: NDArray = grads @ weight.value
        return result


class ReLU(Layer):
    """`fastconv.nn.relu` as a layer.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.ReLU()
    >>> layer([[-1.0, 2.0]]), layer.backward([[5.0, 6.0]])
    (array([[0., 2.]]), array([[0., 6.]]))
    """

    def __init__(self) -> None:
        self._y: NDArray | None = None

    def __call__(self, x: ArrayLike) -> NDArray:
        self._y = relu(x)
        return self._y

    def backward(self, grad_output: ArrayLike) -> NDArray:
        return grad.relu(lower.called(self._y, "ReLU"), grad_output)


class MaxPool2d(Layer):
    """`fastconv.nn.max_pool2d` as a layer.

    Parameters
    ----------
    kernel_size : int or sequence of int
        Height and width of the windows.
    stride : int or sequence of int, optional
        The distance from one window to the next.  By default `kernel_size`, so that windows lie
        side by side.
    padding : int or sequence of int, optional
        Samples added on both sides of both axes, or of each; they are never the largest.  At most
        half of the samples that a window spans.
    dilation : int or sequence of int, optional
        The distance between adjacent samples of a window.
    ceil_mode : bool, optional
        Keep a last window that begins inside and ends beyond the padding.
    layout : {"NCHW", "NHWC"}, optional
        Where the channels are, in the input and in the result.

    Examples
    --------
    >>> from fastconv import nn
    >>> layer = nn.MaxPool2d(2)
    >>> layer([[[1.0, 2.0], [3.0, 4.0]]])
    array([[[4.]]])
    >>> layer.backward([[[5.0]]])
    array([[[0., 0.],
            [0., 5.]]])
    """

    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
        ceil_mode: bool = False,
        *,
        layout: Literal["NCHW", "NHWC"] = "NCHW",
    ) -> None:
        self._windows = (kernel_size, stride, padding, dilation, ceil_mode)
        self._layout = layout
        self._x: NDArray | None = None

    def __call__(self, x: ArrayLike) -> NDArray:
        self._x = lower.real_numbers(x, "MaxPool2d: x")
        return max_pool2d(self._x, *self._windows, layout=self._layout)

    def backward(self, grad_output: ArrayLike) -> NDArray:
        x = lower.called(self._x, "MaxPool2d")
        return grad.max_pool2d(x, grad_output, *self._windows, layout=self._layout)


class Flatten(Layer):
    """A layer that puts all numbers of a sample in one row: ``(N, ...)`` becomes ``(N, features)``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> nn.Flatten()(np.ones((2, 3, 4, 5))).shape
    (2, 60)
    """

    def __init__(self) -> None:
        self._shape: tuple[int, ...] | None = None

    def __call__(self, x: ArrayLike) -> NDArray:
        samples = lower.batch(x, "Flatten: x")
        self._shape = samples.shape
        return samples.reshape(len(samples), prod(samples.shape[1:]))

    def backward(self, grad_output: ArrayLike) -> NDArray:
        shape = lower.called(self._shape, "Flatten")
        flat = (shape[0], prod(shape[1:]))
        return lower.gradient(grad_output, flat, "Flatten.backward: grad_output").reshape(shape)


class Sequential(Layer):
    """A layer that applies other layers, one after the other.

    Parameters
    ----------
    *layers : Layer
        The layers, from the batch to the result; some may be `Sequential` themselves.

    Attributes
    ----------
    layers : tuple of Layer
        The layers.
    parameters : tuple of Parameter
        The parameters of all of them, in that order.

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
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = lower.instances(layers, Layer, "Sequential: layers")
        self.parameters = tuple(each for layer in layers for each in layer.parameters)

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


def _random(
    name: str, shape: Sequence[int], rng: np.random.Generator, dtype: DTypeLike
) -> Parameter:
    """Weights under which a ReLU's outputs have the variance of its inputs, on average."""
    source = lower.generator(rng, f"{name}: rng")
    wanted = lower.float_dtype(dtype, f"{name}: dtype")
    weights = source.standard_normal(shape) * sqrt(2 / prod(shape[1:]))
    return Parameter(weights.astype(wanted))


def _zeros(name: str, wanted: bool, weight: Parameter) -> Parameter | None:
    if not lower.flag(wanted, f"{name}: bias"):
        return None
    return Parameter(np.zeros(len(weight.value), weight.value.dtype))


def _present(*parameters: Parameter | None) -> tuple[Parameter, ...]:
    return tuple(each for each in parameters if each is not None)
