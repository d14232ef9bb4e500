"""The wire format of protocol buffers: numbered fields, read with bounds checks.

Only the parts that ONNX files use; unknown fields are skipped, as the format requires.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

__all__ = ["DamagedError", "Fields", "fields", "floats", "integers", "signed", "text"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MAX_VARINT_BYTES = 10

Field = int | memoryview
Fields = dict[int, list[Field]]
"""The values of each field, in order: integers or bytes."""


class DamagedError(ValueError):
    """The bytes are not a valid message."""


def fields(data: memoryview) -> Fields:
    """All fields of a message."""
    found: Fields = {}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == VARINT:
            value: Field
            value, at = _varint(data, at)
        else:
            length = {FIXED64: 8, FIXED32: 4}.get(kind)
            if kind == BYTES:
                length, at = _varint(data, at)
            if length is None or not tag >> 3:
                raise DamagedError(f"a field of kind {kind}")
            value, at = data[at : at + length], at + length
            if at > len(data):
                raise DamagedError("it ends in the middle of a field")
        found.setdefault(tag >> 3, []).append(value)
    return found


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A 64-bit unsigned integer, and the offset after it."""
    value = 0
    for shift in range(0, 7 * MAX_VARINT_BYTES, 7):
        if at >= len(data):
            raise DamagedError("it ends in the middle of a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value & (1 << 64) - 1, at
    raise DamagedError("a number that is too long")


def signed(value: Field) -> int:
    """An unsigned 64-bit integer, reinterpreted as signed."""
    if not isinstance(value, int):
        raise DamagedError("bytes instead of a number")
    return value - (1 << 64) if value >> 63 else value


def text(value: Field) -> str:
    """A string."""
    if isinstance(value, int):
        raise DamagedError("a number instead of a text")
    return str(value, "utf-8")


def integers(values: list[Field]) -> Iterator[int]:
    """A list of integers, packed or not."""
    for value in values:
        if isinstance(value, int):
            yield signed(value)
        else:
            at = 0
            while at < len(value):
                number, at = _varint(value, at)
                yield signed(number)


def floats(values: list[Field], dtype: str) -> NDArray:
    """A list of numbers of fixed size, packed or not."""
    data = b"".join(bytes(value) for value in values if not isinstance(value, int))
    if len(data) % np.dtype(dtype).itemsize:
        raise DamagedError("a part of a number")
    return np.frombuffer(data, dtype)
