"""Convolutional layers."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ... import lower
from ...api.options import Padding, PerAxis
from ...plan.repeated import Repeated
from .. import grad
from .base import Layer, shown
from .weights import Rng, biases, he_normal

__all__ = ["Conv1d", "Conv2d", "Conv3d"]

BORDERS = {
    "zeros": "constant",
    "reflect": "mirror",
    "replicate": "nearest",
    "circular": "wrap",
    "symmetric": "symmetric",
}
"""Maps PyTorch's names of borders to ours; PyTorch does not have the last one."""
PLAIN = {"activation": None, "precision": "fast", "out_dtype": None}
"""Further options of the sums."""
GRADIENTS: tuple[tuple[Any, Any, Any], ...] = (
    (grad.conv1d_input, grad.conv1d_weight, grad.conv1d_bias),
    (grad.conv2d_input, grad.conv2d_weight, grad.conv2d_bias),
    (grad.conv3d_input, grad.conv3d_weight, grad.conv3d_bias),
)


class _Conv(Layer):
    """A convolution of any rank."""

    _rank: ClassVar[int]

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
        padding_mode: Literal["zeros", "reflect", "replicate", "circular", "symmetric"] = "zeros",
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
        lower.one_of(padding_mode, f"{name}: padding_mode", tuple(BORDERS))
        self.layout = lower.layout(layout, rank, f"{name}: layout")
        inputs = self.in_channels // groups
        self.weight = he_normal(
            name, (self.out_channels, inputs, *size), inputs * prod(size), rng, dtype
        )
        self.bias = biases(name, bias, self.out_channels, self.weight)
        self.padding_mode = padding_mode
        self.steps: dict[str, Any] = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups
        }  # fmt: skip
        self._convolve = Repeated(name, rank, **self.how, **PLAIN)
        self._adjoint = self._convolved_adjoint()

    @property
    def how(self) -> dict[str, Any]:
        """The options of the convolution and of its gradients."""
        return {**self.steps, "boundary": BORDERS[self.padding_mode], "layout": self.layout}

    def _forward(self, x: ArrayLike) -> tuple[NDArray, Any]:
        samples = lower.maps(
            x, self._rank, self.in_channels, self.layout, f"{type(self).__name__}: x"
        )
        bias = None if self.bias is None else self.bias.value
        return self._convolve(samples, self.weight.value, bias), samples

    def _learn(self, kept: NDArray, grads: NDArray) -> None:
        _, of_weight, of_bias = GRADIENTS[self._rank - 1]
        self.weight.grad = of_weight(kept, self.weight.value.shape, grads, **self.how)
        if self.bias is not None:
            self.bias.grad = of_bias(grads, layout=self.layout)

    def _convolved_adjoint(self) -> Repeated | None:
        """The adjoint as a convolution, if strides are 1 and padding is smaller than kernels."""
        steps, size = self.steps, self.weight.value.shape[2:]
        if isinstance(steps["padding"], str) or self.padding_mode != "zeros":
            return None
        name = type(self).__name__
        strides = lower.per_axis(steps["stride"], self._rank, f"{name}: stride", least=1)
        dilations = lower.per_axis(steps["dilation"], self._rank, f"{name}: dilation", least=1)
        pads = lower.padding_of(f"{name}: padding", steps["padding"], size, size, strides)
        reach = [(k - 1) * d for k, d in zip(size, dilations, strict=True)]
        padding = [(r - a, r - b) for r, (a, b) in zip(reach, pads, strict=True)]
        if max(strides) > 1 or min(map(min, padding)) < 0:
            return None
        how = {**self.how, "padding": padding}
        return Repeated(f"{name}.backward", self._rank, **how, **PLAIN)

    def _backward(self, kept: NDArray, grads: NDArray) -> NDArray:
        if self._adjoint is not None and grads.size:
            w, groups = self.weight.value, int(self.steps["groups"])
            grouped = w.reshape(groups, -1, *w.shape[1:]).swapaxes(1, 2)
            turned = np.flip(grouped, tuple(range(3, grouped.ndim)))
            return self._adjoint(grads, turned.reshape(-1, *turned.shape[2:]))
        of_input = GRADIENTS[self._rank - 1][0]
        result: NDArray = of_input(kept.shape, self.weight.value, grads, **self.how)
        return result

    def _multiply_adds(self, x: tuple[int, ...], y: tuple[int, ...]) -> int:
        return prod(y) * prod(self.weight.value.shape[1:])

    def _arguments(self) -> str:
        size = self.weight.value.shape[2:]
        return shown(
            self.in_channels,
            self.out_channels,
            size[0] if len(set(size)) == 1 else size,
            stride=(self.steps["stride"], 1),
            padding=(self.steps["padding"], 0),
            dilation=(self.steps["dilation"], 1),
            groups=(self.steps["groups"], 1),
            bias=(self.bias is not None, True),
            padding_mode=(self.padding_mode, "zeros"),
            layout=(self.layout, lower.layout(None, self._rank, "")),
        )


class Conv1d(_Conv):
    """A convolutional layer for signals.

    Parameters
    ----------
    in_channels : int
        The number of channels of the input.
    out_channels : int
        The number of channels of the result.
    kernel_size : int or sequence of int
        The length of the kernels.
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    padding : int, sequence of int or of pairs, or str, optional
        The number of samples added on both sides: one for all axes, one for each axis, or a pair
        ``(before, after)`` for each axis.  "same" gives ``ceil(n / stride)`` outputs; if the number
        of added samples is odd, the extra one is at the end ("same_lower": at the start).  "valid"
        adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    bias : bool, optional
        Learn a bias for each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular", "symmetric"}, optional
        The values of the padding, in the order of these names: zeros, ``c b | a b c d | c b``,
        ``a a | a b c d | d d``, ``c d | a b c d | a b``, or ``b a | a b c d | d c``.  No padded
        copy is made.
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
        ``(out_channels, in_channels // groups, k)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Arguments that depend on the batch are
        checked when the layer is called.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Conv1d(3, 8, 3, padding=1, rng=0)
    >>> maps = layer(np.ones((2, 3, 16), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16), (2, 3, 16), (8, 3, 3))
    """

    _rank = 1


class Conv2d(_Conv):
    """A convolutional layer for images.

    Parameters
    ----------
    in_channels : int
        The number of channels of the input.
    out_channels : int
        The number of channels of the result.
    kernel_size : int or sequence of int
        The height and width of the kernels.
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    padding : int, sequence of int or of pairs, or str, optional
        The number of samples added on both sides: one for all axes, one for each axis, or a pair
        ``(before, after)`` for each axis.  "same" gives ``ceil(n / stride)`` outputs; if the number
        of added samples is odd, the extra one is at the end ("same_lower": at the start).  "valid"
        adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    bias : bool, optional
        Learn a bias for each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular", "symmetric"}, optional
        The values of the padding, in the order of these names: zeros, ``c b | a b c d | c b``,
        ``a a | a b c d | d d``, ``c d | a b c d | a b``, or ``b a | a b c d | d c``.  No padded
        copy is made.
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
        ``(out_channels, in_channels // groups, kh, kw)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Arguments that depend on the batch are
        checked when the layer is called.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Conv2d(3, 8, 3, padding=1, rng=0)
    >>> maps = layer(np.ones((2, 3, 16, 16), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16, 16), (2, 3, 16, 16), (8, 3, 3, 3))
    """

    _rank = 2


class Conv3d(_Conv):
    """A convolutional layer for volumes.

    Parameters
    ----------
    in_channels : int
        The number of channels of the input.
    out_channels : int
        The number of channels of the result.
    kernel_size : int or sequence of int
        The depth, height and width of the kernels.
    stride : int or sequence of int, optional
        Compute every stride-th output only.
    padding : int, sequence of int or of pairs, or str, optional
        The number of samples added on both sides: one for all axes, one for each axis, or a pair
        ``(before, after)`` for each axis.  "same" gives ``ceil(n / stride)`` outputs; if the number
        of added samples is odd, the extra one is at the end ("same_lower": at the start).  "valid"
        adds none.
    dilation : int or sequence of int, optional
        The distance between adjacent taps, in samples.
    groups : int, optional
        The number of groups into which the channels of the input and of the result are divided;
        each group of the result depends only on the same group of the input.
    bias : bool, optional
        Learn a bias for each output channel.
    padding_mode : {"zeros", "reflect", "replicate", "circular", "symmetric"}, optional
        The values of the padding, in the order of these names: zeros, ``c b | a b c d | c b``,
        ``a a | a b c d | d d``, ``c d | a b c d | a b``, or ``b a | a b c d | d c``.  No padded
        copy is made.
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
        ``(out_channels, in_channels // groups, kd, kh, kw)``.
    bias : Parameter or None
        ``(out_channels,)``.

    Raises
    ------
    TypeError, ValueError
        An argument is invalid; the message names it.  Arguments that depend on the batch are
        checked when the layer is called.

    References
    ----------
    He, Zhang, Ren & Sun 2015, Delving deep into rectifiers.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> layer = nn.Conv3d(3, 8, 3, padding=1, rng=0)
    >>> maps = layer(np.ones((2, 3, 16, 16, 16), "float32"))
    >>> maps.shape, layer.backward(maps).shape, layer.weight.grad.shape
    ((2, 8, 16, 16, 16), (2, 3, 16, 16, 16), (8, 3, 3, 3, 3))
    """

    _rank = 3
