"""ONNX models: those messages of ``onnx.proto`` that networks for inference need."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import wire
from .wire import DamagedError, Field, Fields

__all__ = ["Model", "OnnxNode", "read"]

TYPES = {
    1: ("<f4", 4),
    2: ("u1", 5),
    3: ("i1", 5),
    4: ("<u2", 5),
    5: ("<i2", 5),
    6: ("<i4", 5),
    7: ("<i8", 7),
    9: ("?", 5),
    10: ("<f2", 5),
    11: ("<f8", 10),
    12: ("<u4", 11),
    13: ("<u8", 11),
}
"""Dtypes by their codes, with the field that holds their values if they are not raw bytes."""


KINDS = {2: 1, 3: 2, 4: 3, 5: 4, 7: 6, 8: 7}
"""Kinds of attributes by the fields of their values, for old files that do not name them."""


class OnnxNode(NamedTuple):
    """One operator of a graph."""

    kind: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: dict[str, Any]


class Model(NamedTuple):
    """A graph, and the version of its operators."""

    opset: int
    nodes: tuple[OnnxNode, ...]
    constants: dict[str, NDArray]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def read(data: bytes, name: str) -> Model:
    """A model from the bytes of a file."""
    try:
        return _model(wire.fields(memoryview(data)))
    except (DamagedError, UnicodeDecodeError) as error:
        raise ValueError(f"{name}: not a model of ONNX, or damaged ({error})") from None


def _model(model: Fields) -> Model:
    opsets = {}
    for each in model.get(8, []):
        version = wire.fields(_bytes(each))
        opsets[_text(version, 1)] = _integer(version, 2, 0)
    if 7 not in model:
        raise DamagedError("it has no graph")
    graph = wire.fields(_bytes(model[7][-1]))
    constants = {}
    for each in graph.get(5, []):
        tensor = wire.fields(_bytes(each))
        constants[_text(tensor, 8)] = _tensor(tensor)
    inputs = [_text(wire.fields(_bytes(each)), 1) for each in graph.get(11, [])]
    return Model(
        opsets.get("", opsets.get("ai.onnx", 0)),
        tuple(_node(wire.fields(_bytes(each))) for each in graph.get(1, [])),
        constants,
        tuple(name for name in inputs if name not in constants),
        tuple(_text(wire.fields(_bytes(each)), 1) for each in graph.get(12, [])),
    )


def _node(node: Fields) -> OnnxNode:
    attributes = [_attribute(wire.fields(_bytes(each))) for each in node.get(5, [])]
    domain, kind = _text(node, 7), _text(node, 4)
    return OnnxNode(
        kind if domain in ("", "ai.onnx") else f"{domain}.{kind}",
        _text(node, 3),
        tuple(map(wire.text, node.get(1, []))),
        tuple(map(wire.text, node.get(2, []))),
        dict(attributes),
    )


def _attribute(attribute: Fields) -> tuple[str, Any]:
    """The name of an attribute and its value, None for kinds that no operator here has."""
    kind = _integer(attribute, 20, 0)
    if not kind:
        kind = next((KINDS[field] for field in KINDS if field in attribute), 0)
    value: Any = None
    if kind == 1:
        value = float(wire.floats(attribute.get(2, []), "<f4")[-1:].sum())
    elif kind == 2:
        value = _integer(attribute, 3, 0)
    elif kind == 3:
        value = _text(attribute, 4)
    elif kind == 4:
        value = _tensor(wire.fields(_bytes(attribute.get(5, [memoryview(b"")])[-1])))
    elif kind == 6:
        value = wire.floats(attribute.get(7, []), "<f4").tolist()
    elif kind == 7:
        value = list(wire.integers(attribute.get(8, [])))
    return _text(attribute, 1), value


def _tensor(tensor: Fields) -> NDArray:
    """An array, whose values must be in the file and match its shape."""
    name, kind = _text(tensor, 8), _integer(tensor, 2, 0)
    if kind not in TYPES:
        raise DamagedError(f"the tensor {name!r} has numbers of kind {kind}")
    if _integer(tensor, 14, 0) or 13 in tensor:
        raise DamagedError(f"the tensor {name!r} is in another file, which is not read")
    dtype, field = TYPES[kind]
    shape = list(wire.integers(tensor.get(1, [])))
    if 9 in tensor:
        numbers = wire.floats(tensor[9], dtype)
    elif field in (4, 10):
        numbers = wire.floats(tensor.get(field, []), dtype)
    else:
        whole = list(wire.integers(tensor.get(field, [])))
        numbers = _from_integers(whole, dtype)
    if len(shape) > 64 or any(n < 0 for n in shape) or prod(shape) != numbers.size:
        raise DamagedError(f"the tensor {name!r} has {numbers.size} numbers for shape {shape}")
    return numbers.astype(numbers.dtype.newbyteorder("=")).reshape(shape)


def _from_integers(whole: list[int], dtype: str) -> NDArray:
    """Values of less than 64 bits, which a message stores as integers."""
    bits = np.array([n & (1 << 64) - 1 for n in whole], np.uint64)
    if dtype == "<f2":
        return bits.astype(np.uint16).view(np.float16)
    return bits.astype(dtype)


def _bytes(value: Field) -> memoryview:
    if isinstance(value, int):
        raise DamagedError("a number instead of a message")
    return value


def _text(message: Fields, number: int) -> str:
    return wire.text(message[number][-1]) if number in message else ""


def _integer(message: Fields, number: int, default: int) -> int:
    return wire.signed(message[number][-1]) if number in message else default
