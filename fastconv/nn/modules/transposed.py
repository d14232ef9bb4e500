"""Transposed convolutional layers."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ... import lower
from ...api import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from ...api.options import Crop, PerAxis
from .base import Layer, shown
from .convolution import GRADIENTS
from .weights import Rng, biases, he_normal

__all__ = ["ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]

CONVOLUTIONS: tuple[Any, ...] = (conv1d, conv2d, conv3d)
TRANSPOSED: tuple[Any, ...] = (conv_transpose1d, conv_transpose2d, conv_transpose3d)


class _ConvTranspose(Layer):
    """A transposed convolution of any rank."""

    _rank: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: Crop = 0,
        output_padding: PerAxis = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: PerAxis = 1,
        *,
        layout: str | None = None,
        rng: Rng = None,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name, rank = type(self).__name__, self._rank
        self.in_channels = lower.integer(in_channels, f"{name}: in_channels", least=1)
        self.out_channels = lower.integer(out_channels, f"{name}: out_channels", least=1)
        size = lower.per_axis(kernel_size, rank, f"{name}: kernel_size", least=1)
        groups = lower.group_count(name, groups, self.in_channels, self.out_channels)
        self.layout = lower.layout(layout, rank, f"{name}: layout")
        strides = lower.per_axis(stride, rank, f"{name}: stride", least=1)
        terms = self.in_channels // groups * max(prod(size) // prod(strides), 1)
        shape = (self.in_channels, self.out_channels // groups, *size)
        self.weight = he_normal(name, shape, terms, rng, dtype)
        self.bias = biases(name, bias, self.out_channels, self.weight)
        self.output_padding = output_padding
        self.steps: dict[str, Any] = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups
        }  # fmt: skip

    @property
    def how(self) -> dict[str, Any]:
        """The options of the transposed convolution."""
        return {**self.steps, "output_padding": self.output_padding, "layout": self.layout}

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.maps(
            x, self._rank, self.in_channels, self.layout, f"{type(self).__name__}: x"
        )
        bias = None if self.bias is None else self.bias.value
        result = TRANSPOSED[self._rank - 1](
            samples,
            self.weight.value,
            bias,
            **self.how,
        )
        return result, samples

    def _convolved(self, grads: NDArray, kept: NDArray) -> tuple[NDArray, dict[str, Any]]:
        """The gradients that samples have reached, and the options of the convolution whose adjoint
        the layer is.
        """
        axes = lower.places("", self._rank, grads.shape, self.layout, "")[2]
        steps, size = self.steps, self.weight.value.shape[2:]
        strides = lower.per_axis(steps["stride"], self._rank, "")
        dilations = lower.per_axis(steps["dilation"], self._rank, "")
        crops = lower.padding_of("", steps["padding"], size, size, strides)
        pads = []
        for number, axis in enumerate(axes):
            before = crops[number][0]
            last = (kept.shape[axis] - 1) * strides[number]
            reached = last + (size[number] - 1) * dilations[number] + 1 - before
            grads = grads[(*[slice(None)] * axis, slice(max(reached, 0)))]
            pads.append((before, reached - grads.shape[axis]))
        return grads, {**steps, "padding": pads, "layout": self.layout}

    def _learn(self, kept: NDArray, grads: NDArray) -> None:
        _, of_weight, of_bias = GRADIENTS[self._rank - 1]
        reached, how = self._convolved(grads, kept)
        self.weight.grad = of_weight(reached, self.weight.value.shape, kept, **how)
        if self.bias is not None:
            self.bias.grad = of_bias(grads, layout=self.layout)

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        reached, how = self._convolved(grads, kept)
        result: NDArray = CONVOLUTIONS[self._rank - 1](reached, self.weight.value, None, **how)
        return result

    def _multiply_adds(self, x: tuple[int, ...], y: tuple[int, ...]) -> int:
        return prod(x) * prod(self.weight.value.shape[1:])

    def _arguments(self) -> str:
        size = self.weight.value.shape[2:]
        return shown(
            self.in_channels,
            self.out_channels,
            size[0] if len(set(size)) == 1 else size,
            stride=(self.steps["stride"], 1),
            padding=(self.steps["padding"], 0),
            output_padding=(self.output_padding, 0),
            groups=(self.steps["groups"], 1),
            bias=(self.bias is not None, True),
            dilation=(self.steps["dilation"], 1),
            layout=(self.layout, lower.layout(None, self._rank, "")),
        )


class ConvTranspose1d(_ConvTranspose):
    """A transposed convolutional layer for signals.

    Parameters
    ----------
    in_channels : int
        The number of channels of the input.
    out_channels : int
        The number of channels of the result.
    kernel_size : int or sequence of int
        The length of the kernels.
    stride : int or sequence of int, optional
        The distance, in the result, between the multiples of the kernel that adjacent samples add.
    padding : int, sequence of int or of pairs, optional
        The number of samples cropped from both sides of the result: one for all axes, one for each
        axis, or a pair ``(before, after)`` for each axis.
    output_padding : int or sequence of int, optional
        The number of samples added at the end of the result.  It must be less than `stride` or less
        than `dilation`.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    bias : bool, optional
        Learn a bias for each output channel.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    layout : {"NCL", "NLC"}, optional
        The order of the axes, in the input and in the result.
    rng : numpy.random.Generator or int, optional
        The random generator for the initial weights, or its seed.  Weights are drawn from a normal
        distribution with variance 2 / (inputs of a sum); biases are zero.
    dtype : dtype, optional
        The dtype of the parameters.

    Attributes
    ----------
    weight : Parameter
        ``(in_channels, out_channels // groups, k)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Arguments that depend on the batch are
        checked when the layer is called.

    Notes
    -----
    A transposed convolution is the adjoint of a convolution.  Its gradient with respect to the
    input is therefore a convolution, and its gradient with respect to the weights is that of a
    convolution.

    References
    ----------
    Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.ConvTranspose1d(3, 8, 2, stride=2, rng=0)
    >>> maps = layer(np.ones((2, 3, 8), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16), (2, 3, 8), (3, 8, 2))
    """

    _rank = 1


class ConvTranspose2d(_ConvTranspose):
    """A transposed convolutional layer for images.

    Parameters
    ----------
    in_channels : int
        The number of channels of the input.
    out_channels : int
        The number of channels of the result.
    kernel_size : int or sequence of int
        The height and width of the kernels.
    stride : int or sequence of int, optional
        The distance, in the result, between the multiples of the kernel that adjacent samples add.
    padding : int, sequence of int or of pairs, optional
        The number of samples cropped from both sides of the result: one for all axes, one for each
        axis, or a pair ``(before, after)`` for each axis.
    output_padding : int or sequence of int, optional
        The number of samples added at the end of the result.  It must be less than `stride` or less
        than `dilation`.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    bias : bool, optional
        Learn a bias for each output channel.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    layout : {"NCHW", "NHWC"}, optional
        The order of the axes, in the input and in the result.
    rng : numpy.random.Generator or int, optional
        The random generator for the initial weights, or its seed.  Weights are drawn from a normal
        distribution with variance 2 / (inputs of a sum); biases are zero.
    dtype : dtype, optional
        The dtype of the parameters.

    Attributes
    ----------
    weight : Parameter
        ``(in_channels, out_channels // groups, kh, kw)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Arguments that depend on the batch are
        checked when the layer is called.

    Notes
    -----
    A transposed convolution is the adjoint of a convolution.  Its gradient with respect to the
    input is therefore a convolution, and its gradient with respect to the weights is that of a
    convolution.

    References
    ----------
    Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.ConvTranspose2d(3, 8, 2, stride=2, rng=0)
    >>> maps = layer(np.ones((2, 3, 8, 8), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16, 16), (2, 3, 8, 8), (3, 8, 2, 2))
    """

    _rank = 2


class ConvTranspose3d(_ConvTranspose):
    """A transposed convolutional layer for volumes.

    Parameters
    ----------
    in_channels : int
        The number of channels of the input.
    out_channels : int
        The number of channels of the result.
    kernel_size : int or sequence of int
        The depth, height and width of the kernels.
    stride : int or sequence of int, optional
        The distance, in the result, between the multiples of the kernel that adjacent samples add.
    padding : int, sequence of int or of pairs, optional
        The number of samples cropped from both sides of the result: one for all axes, one for each
        axis, or a pair ``(before, after)`` for each axis.
    output_padding : int or sequence of int, optional
        The number of samples added at the end of the result.  It must be less than `stride` or less
        than `dilation`.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    bias : bool, optional
        Learn a bias for each output channel.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    layout : {"NCDHW", "NDHWC"}, optional
        The order of the axes, in the input and in the result.
    rng : numpy.random.Generator or int, optional
        The random generator for the initial weights, or its seed.  Weights are drawn from a normal
        distribution with variance 2 / (inputs of a sum); biases are zero.
    dtype : dtype, optional
        The dtype of the parameters.

    Attributes
    ----------
    weight : Parameter
        ``(in_channels, out_channels // groups, kd, kh, kw)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Arguments that depend on the batch are
        checked when the layer is called.

    Notes
    -----
    A transposed convolution is the adjoint of a convolution.  Its gradient with respect to the
    input is therefore a convolution, and its gradient with respect to the weights is that of a
    convolution.

    References
    ----------
    Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.ConvTranspose3d(3, 8, 2, stride=2, rng=0)
    >>> maps = layer(np.ones((2, 3, 8, 8, 8), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16, 16, 16), (2, 3, 8, 8, 8), (3, 8, 2, 2, 2))
    """

    _rank = 3
