"""ONNX operators: for each, a function from a node to an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from .. import activations
from ..frozen.operations import (
    Affine,
    Convolution,
    Dense,
    Function,
    Operation,
    Rectifier,
    Total,
    View,
)
from ..frozen.operations import pooling as as_operation
from ..modules import pooling, shaping
from ..modules.adaptive import GlobalAvgPool
from .model import OnnxNode

__all__ = ["ALIASES", "OPERATORS", "Site", "constant"]

LAYOUTS = {1: "NCL", 2: "NCHW", 3: "NCDHW"}
PADDINGS = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}
BORDERS = {"constant": "constant", "reflect": "mirror", "edge": "nearest", "wrap": "wrap"}
ALIASES = frozenset(("Dropout", "Identity"))
"""Operators that return their input unchanged."""
CASTS = {1: np.float32, 6: np.int32, 7: np.int64, 10: np.float16, 11: np.float64}


class Site:
    """A node in its graph: its attributes, and its constant inputs."""

    def __init__(self, node: OnnxNode, constants: dict[str, NDArray], opset: int) -> None:
        self.node, self.opset = node, opset
        self._constants = constants
        self._unread = set(node.attributes)
        self._taken: set[int] = set()

    def says(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        self._unread.discard(name)
        value = self.node.attributes.get(name)
        return default if value is None else value

    def has_constant(self, number: int) -> bool:
        """Whether an input is a constant or omitted."""
        inputs = self.node.inputs
        return number >= len(inputs) or inputs[number] in self._constants

    def constant(self, number: int) -> NDArray | None:
        """An input that must be a constant; None if it is omitted."""
        inputs = self.node.inputs
        if number >= len(inputs) or not inputs[number]:
            return None
        if inputs[number] not in self._constants:
            self.refuse(f"its input {inputs[number]!r} is not a constant")
        self._taken.add(number)
        return self._constants[inputs[number]]

    def values(self) -> list[str]:
        """The inputs that are read when the network is called."""
        inputs = enumerate(self.node.inputs)
        return [each for number, each in inputs if each and number not in self._taken]

    def needed(self, number: int) -> NDArray:
        """An input that must be a constant and must not be omitted."""
        found = self.constant(number)
        if found is None:
            self.refuse(f"it has no input {number}")
        return found

    def number(self, index: int, default: float) -> float:
        """A constant with a single number."""
        found = self.constant(index)
        if found is None:
            return default
        if found.size != 1:
            self.refuse(f"its input {index} has shape {found.shape}, a single number is allowed")
        return float(found.reshape(()))

    def refuse(self, why: str) -> NoReturn:
        """Raise an error about something that is not supported."""
        node = self.node
        place = node.name or (node.outputs[0] if node.outputs else "")
        raise ValueError(f"{node.kind} {place!r}: {why}")

    def check_read(self) -> None:
        """Refuse attributes that were not read, since they may change the result."""
        if self._unread:
            self.refuse(f"attribute {min(self._unread)!r} is not supported")


def constant(site: Site) -> NDArray:
    """The value of a constant node."""
    (name, value) = next(iter(site.node.attributes.items()), ("", None))
    dtypes = {"value": None, "value_float": "f4", "value_floats": "f4"}
    if value is None or isinstance(value, str):
        site.refuse("a constant without numbers")
    return np.asarray(value, dtypes.get(name, "i8"))


def _pads(site: Site, rank: int) -> Any:
    """The padding before and after each axis."""
    auto = site.says("auto_pad", "NOTSET")
    pads = site.says("pads", [0] * 2 * rank)
    if auto != "NOTSET":
        if auto not in PADDINGS:
            site.refuse(f"auto_pad is {auto!r}")
        return PADDINGS[auto]
    if len(pads) != 2 * rank or min(pads) < 0:
        site.refuse(f"pads are {pads}")
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def _filters(site: Site) -> tuple[NDArray, NDArray | None, int]:
    """Weights, bias and rank of a convolution."""
    weight, bias = site.needed(1), site.constant(2)
    rank = weight.ndim - 2
    if rank not in LAYOUTS:
        site.refuse(f"weights of shape {weight.shape}")
    if list(site.says("kernel_shape", weight.shape[2:])) != list(weight.shape[2:]):
        site.refuse("kernel_shape differs from the shape of the weights")
    return weight, bias, rank


def _conv(site: Site) -> Operation:
    weight, bias, rank = _filters(site)
    how = {
        "stride": site.says("strides", [1] * rank),
        "padding": _pads(site, rank),
        "dilation": site.says("dilations", [1] * rank),
        "groups": site.says("group", 1),
        "boundary": "constant",
        "layout": LAYOUTS[rank],
    }
    return Convolution(weight, bias, rank, how)


def _conv_transpose(site: Site) -> Operation:
    weight, bias, rank = _filters(site)
    padding = _pads(site, rank)
    if isinstance(padding, str):
        site.refuse("auto_pad is not supported here")
    how = {
        "stride": site.says("strides", [1] * rank),
        "padding": padding,
        "output_padding": site.says("output_padding", [0] * rank),
        "dilation": site.says("dilations", [1] * rank),
        "groups": site.says("group", 1),
        "layout": LAYOUTS[rank],
    }
    return Convolution(weight, bias, rank, how, transposed=True)


def _batch_normalization(site: Site) -> Operation:
    site.says("momentum")
    if site.says("training_mode", 0) or site.says("spatial", 1) != 1:
        site.refuse("only evaluation is supported, with statistics for each channel")
    scale, offset, mean, variance = (site.needed(n).astype(float) for n in (1, 2, 3, 4))
    scale = scale / np.sqrt(variance + site.says("epsilon", 1e-5))
    return Affine(scale, offset - mean * scale)


def _gemm(site: Site) -> Operation:
    weight, bias = site.needed(1), site.constant(2)
    if site.says("transA", 0):
        site.refuse("transA is not supported")
    weight = weight if site.says("transB", 0) else weight.T
    alpha, beta = site.says("alpha", 1.0), site.says("beta", 1.0)
    shapes = (), (1,), (1, 1), (len(weight),), (1, len(weight))
    if weight.ndim != 2 or (bias is not None and bias.shape not in shapes):
        site.refuse("shapes that are not those of a linear layer")
    if alpha != 1:
        weight = weight * weight.dtype.type(alpha)
    if bias is not None:
        bias = np.broadcast_to(bias.reshape(-1), (len(weight),)) * bias.dtype.type(beta)
    return Dense(np.ascontiguousarray(weight), bias)


def _matmul(site: Site) -> Operation:
    weight = site.needed(1)
    if weight.ndim != 2:
        site.refuse(f"weights of shape {weight.shape}")
    return Dense(np.ascontiguousarray(weight.T), None)


def _add(site: Site) -> Operation:
    return Total()


def _cast(site: Site) -> Operation:
    kind = site.says("to")
    if kind not in CASTS:
        site.refuse(f"numbers of kind {kind}")
    return Function(lambda x: x.astype(CASTS[kind]))


def _windows(site: Site) -> tuple[int, dict[str, Any]]:
    size = site.says("kernel_shape")
    if not isinstance(size, list) or len(size) not in LAYOUTS:
        site.refuse(f"kernel_shape is {size}")
    padding = _pads(site, len(size))
    strides = site.says("strides", [1] * len(size))
    if padding == "valid":
        padding = ((0, 0),) * len(size)
    if isinstance(padding, str) or any(before != after for before, after in padding):
        site.refuse("pads that differ on both sides of an axis are not supported")
    return len(size), {
        "kernel_size": size,
        "stride": strides,
        "padding": [before for before, _ in padding],
        "ceil_mode": bool(site.says("ceil_mode", 0)),
    }


def _max_pool(site: Site) -> Operation:
    if len(site.node.outputs) > 1 or site.says("storage_order", 0):
        site.refuse("indices are not supported")
    rank, how = _windows(site)
    layer = (pooling.MaxPool1d, pooling.MaxPool2d, pooling.MaxPool3d)[rank - 1]
    return as_operation(layer(dilation=site.says("dilations", 1), **how))


def _average_pool(site: Site) -> Operation:
    rank, how = _windows(site)
    if set(site.says("dilations", [1])) != {1}:
        site.refuse("dilations are not supported")
    layer = (pooling.AvgPool1d, pooling.AvgPool2d, pooling.AvgPool3d)[rank - 1]
    padded = bool(site.says("count_include_pad", 0))
    return as_operation(layer(count_include_pad=padded, **how))


def _global_average_pool(site: Site) -> Operation:
    return Function(GlobalAvgPool().eval())


def _reduce_mean(site: Site) -> Operation:
    listed = site.constant(1)
    axes = site.says("axes") if listed is None else listed.tolist()
    keep = bool(site.says("keepdims", 1))
    if not axes and not site.says("noop_with_empty_axes", 0):
        return Function(lambda x: x.mean(keepdims=keep))
    return Function(lambda x: x.mean(tuple(axes or ()), keepdims=keep))


def _clip(site: Site) -> Operation:
    low, high = site.says("min", -np.inf), site.says("max", np.inf)
    return Rectifier(site.number(1, low), site.number(2, high))


def _relu(site: Site) -> Operation:
    return Rectifier()


def _leaky_relu(site: Site) -> Operation:
    slope = site.says("alpha", 0.01)
    return Function(lambda x: activations.leaky_relu(x, slope))


def _sigmoid(site: Site) -> Operation:
    return Function(activations.sigmoid)


def _tanh(site: Site) -> Operation:
    return Function(activations.tanh)


def _softmax(site: Site) -> Operation:
    axis = site.says("axis", -1 if site.opset >= 13 else 1)
    if site.opset < 13 and axis != -1:
        return Function(lambda x: _flat_softmax(x, axis))
    return Function(lambda x: activations.softmax(x, axis))


def _flat_softmax(x: NDArray, axis: int) -> NDArray:
    """Before version 13, a softmax is taken over all axes from ``axis`` on together."""
    rows = x.reshape(prod(x.shape[:axis]), -1)
    return activations.softmax(rows).reshape(x.shape)


def _flatten(site: Site) -> Operation:
    axis = site.says("axis", 1)
    return View(lambda shape: (prod(shape[:axis]), prod(shape[axis:])))


def _reshape(site: Site) -> Operation:
    if site.says("allowzero", 0):
        site.refuse("allowzero is not supported")
    if not site.has_constant(1):
        return Function(lambda x, shape: x.reshape(_reshaped(x.shape, shape.tolist())))
    target = site.says("shape") if len(site.node.inputs) < 2 else site.needed(1).tolist()
    return View(lambda shape: _reshaped(shape, target))


def _reshaped(shape: tuple[int, ...], target: Iterable[int]) -> tuple[int, ...]:
    """The target shape, in which 0 keeps a length and -1 stands for the remaining one."""
    lengths = [shape[at] if n == 0 and at < len(shape) else n for at, n in enumerate(target)]
    known = prod(n for n in lengths if n != -1)
    return tuple(prod(shape) // max(known, 1) if n == -1 else n for n in lengths)


def _axes(site: Site) -> list[int] | None:
    listed = site.constant(1)
    found: list[int] | None = site.says("axes") if listed is None else listed.ravel().tolist()
    return found


def _unsqueeze(site: Site) -> Operation:
    axes = tuple(_axes(site) or ())
    return Function(lambda x: np.expand_dims(x, axes))


def _squeeze(site: Site) -> Operation:
    axes = _axes(site)
    return Function(lambda x: np.squeeze(x, None if axes is None else tuple(axes)))


def _concat(site: Site) -> Operation:
    axis = site.says("axis", 0)
    return Function(lambda *parts: np.concatenate(parts, axis))


def _shape(site: Site) -> Operation:
    return Function(lambda x: np.array(x.shape, np.int64))


def _gather(site: Site) -> Operation:
    axis = site.says("axis", 0)
    return Function(lambda x, indices: np.take(x, indices, axis))


def _pad(site: Site) -> Operation:
    mode, value = site.says("mode", "constant"), site.says("value", 0.0)
    listed = site.says("pads") if site.opset < 11 else site.needed(1).tolist()
    if site.constant(3) is not None:
        site.refuse("axes are not supported")
    rank = len(listed or []) // 2
    pairs = list(zip(listed[:rank], listed[rank:], strict=True)) if rank > 2 else []
    if mode not in BORDERS or not pairs or any(map(any, pairs[:2])) or min(map(min, pairs)) < 0:
        site.refuse("only axes behind the channels can be padded, with mode constant, reflect, "
                    "edge or wrap")  # fmt: skip
    layer = shaping.Pad(pairs[2:], BORDERS[mode], site.number(2, value))  # type: ignore[arg-type]
    return Function(layer.eval())


def _upsample(site: Site) -> Operation:
    """Resize, as PyTorch writes it for its layer Upsample."""
    mode = site.says("mode", "nearest")
    places = site.says("coordinate_transformation_mode", "half_pixel")
    rounded = site.says("nearest_mode", "round_prefer_floor")
    site.says("cubic_coeff_a")
    site.constant(1)  # a region, which other modes read
    scales, sizes = (
        None if each is None or not each.size else each.tolist()
        for each in (site.constant(2), site.constant(3))
    )
    nearest = mode == "nearest" and (places, rounded) == ("asymmetric", "floor")
    between = {"half_pixel": False, "pytorch_half_pixel": False, "align_corners": True}
    if not nearest and (mode != "linear" or places not in between):
        site.refuse(f"mode {mode!r} with {places!r} is not supported")
    given = scales or sizes
    if given is None or (scales and scales[:2] != [1, 1]):
        site.refuse("only axes behind the channels can be resized")
    layer = shaping.Upsample(
        None if scales else given[2:],
        given[2:] if scales else None,
        "nearest" if nearest else "linear",
        None if nearest else between[places],
    ).eval()

    def resized(x: NDArray) -> NDArray:
        if not scales and list(x.shape[:2]) != given[:2]:
            raise ValueError(f"Resize: shape {x.shape} to {given} would resize the first two axes")
        result = layer(x)
        if places == "pytorch_half_pixel" and any(
            m == 1 < n for n, m in zip(x.shape[2:], result.shape[2:], strict=True)
        ):
            raise ValueError(f"Resize: shape {x.shape} to a single sample, with {places!r}, is not "
                             "supported")  # fmt: skip
        return result

    return Function(resized)


OPERATORS: dict[str, Callable[[Site], Operation]] = {
    "Add": _add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Cast": _cast,
    "Clip": _clip,
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "LeakyRelu": _leaky_relu,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "ReduceMean": _reduce_mean,
    "Relu": _relu,
    "Reshape": _reshape,
    "Resize": _upsample,
    "Shape": _shape,
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Squeeze": _squeeze,
    "Sum": _add,
    "Tanh": _tanh,
    "Unsqueeze": _unsqueeze,
}
