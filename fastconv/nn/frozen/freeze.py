"""From layers that can be trained to a network for inference."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from ... import lower
from ..graph import BATCH, Node, total
from ..modules.activation import ReLU, ReLU6
from ..modules.base import Layer
from ..modules.convolution import Conv1d, Conv2d, Conv3d
from ..modules.linear import Linear
from ..modules.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from ..modules.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from ..modules.shaping import Dropout
from ..modules.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .network import Frozen, Step
from .operations import Affine, Convolution, Dense, Function, Operation, Rectifier, Total, pooling

__all__ = ["freeze"]


def freeze(net: Layer) -> Frozen:
    """Copy a network for inference: the copy is faster and thread-safe, but cannot be trained.

    Parameters
    ----------
    net : Layer
        The network, which is not changed.  The running statistics of its batch normalization are
        used.

    Returns
    -------
    Frozen
        A network whose results are those of ``net.eval()``, except for rounding.

    Raises
    ------
    TypeError, ValueError
        `net` is not a layer, or contains batch normalization without running statistics.

    Notes
    -----
    `BatchNorm2d`, `ReLU` and `ReLU6` are fused into the `Conv2d`, `ConvTranspose2d` or `Linear`
    before them; the same holds for other ranks.  A layer of your own is copied and called
    unchanged.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, rng=0), nn.BatchNorm2d(8), nn.ReLU())
    >>> nn.freeze(net)(np.ones((1, 3, 8, 8), "float32")).shape
    (1, 8, 6, 6)
    """
    (layer,) = lower.instances((net,), Layer, "freeze: net")
    nodes: list[Node] = []
    result = layer._nodes(nodes, "", BATCH)
    renamed = {BATCH: BATCH}
    steps = []
    for name, each, inputs in nodes:
        sources = tuple(renamed[source] for source in inputs)
        renamed[name] = sources[0] if _acts_as(each, Dropout) else name
        if renamed[name] == name:
            steps.append(Step(name, _operation(each), sources))
    return Frozen(steps, (BATCH,), (renamed[result],), {})


def _operation(layer: Any) -> Operation:
    """The operation of a layer in evaluation mode."""
    if layer is total:
        return Total()
    if _acts_as(layer, Conv1d, Conv2d, Conv3d):
        bias = None if layer.bias is None else layer.bias.value.copy()
        return Convolution(layer.weight.value.copy(), bias, layer._rank, layer.how)
    if _acts_as(layer, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d):
        bias = None if layer.bias is None else layer.bias.value.copy()
        return Convolution(layer.weight.value.copy(), bias, layer._rank, layer.how, True)
    if _acts_as(layer, Linear):
        bias = None if layer.bias is None else layer.bias.value.copy()
        return Dense(layer.weight.value.copy(), bias)
    if _acts_as(layer, BatchNorm1d, BatchNorm2d, BatchNorm3d):
        return Affine(*layer.scale_and_shift)
    if _acts_as(layer, ReLU):
        return Rectifier()
    if _acts_as(layer, ReLU6):
        return Rectifier(0.0, 6.0)
    if _acts_as(layer, MaxPool1d, MaxPool2d, MaxPool3d, AvgPool1d, AvgPool2d, AvgPool3d):
        return pooling(layer)
    copy = deepcopy(layer)
    return Function(copy.eval())


def _acts_as(layer: Any, *kinds: type[Layer]) -> bool:
    """Whether a layer is an instance of one of the classes, with an unchanged call."""
    cls = type(layer)
    return any(
        issubclass(cls, kind) and cls.__call__ is kind.__call__ and cls._forward is kind._forward
        for kind in kinds
    )
