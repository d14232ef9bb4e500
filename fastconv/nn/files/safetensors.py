"""Reads the format safetensors: the length of a header, the header in JSON, and the numbers."""

from __future__ import annotations

import json
import os
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

__all__ = ["read"]

MAX_HEADER_BYTES = 100_000_000
"""The limit of the format."""
MAX_AXES = 64
DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


def read(file: BinaryIO, name: str) -> dict[str, NDArray]:
    """All tensors of a file."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= min(size - 8, MAX_HEADER_BYTES):
        raise ValueError(
            f"{name}: neither a state that save_state wrote nor safetensors, or truncated"
        )
    try:
        header = json.loads(file.read(length).decode())
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise ValueError(f"{name}: neither a state that save_state wrote nor safetensors")
    header.pop("__metadata__", None)
    arrays, end = {}, 0
    for key, entry in sorted(header.items(), key=_start):
        dtype, shape, start, stop = _checked(f"{name}: {key!r}", entry)
        if start != end or 8 + length + stop > size:
            raise ValueError(f"{name}: {key!r} lies outside the file, or over another tensor")
        data = file.read(stop - start)
        arrays[key] = _numbers(data, dtype).reshape(shape)
        end = stop
    if 8 + length + end != size:
        raise ValueError(f"{name}: {size - 8 - length - end} bytes belong to no tensor")
    return {key: arrays[key] for key in header}


def _start(item: tuple[str, Any]) -> int:
    """The offset of a tensor, for sorting; entries may be invalid."""
    try:
        return int(item[1]["data_offsets"][0])
    except (TypeError, ValueError, KeyError, IndexError, OverflowError):
        return 0


def _checked(name: str, entry: Any) -> tuple[str, list[int], int, int]:
    """The checked dtype, shape and range of bytes of a tensor."""
    try:
        dtype, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
        known = dtype in DTYPES
    except (TypeError, ValueError, KeyError):
        raise ValueError(f"{name}: damaged (an entry {entry!r:.80})") from None
    if not known:
        raise ValueError(f"{name}: numbers of type {dtype!r:.20} are not supported")
    lengths = [*shape, start, stop] if isinstance(shape, list) else [-1]
    whole = all(type(n) is int and 0 <= n < 1 << 62 for n in lengths)
    if len(lengths) > MAX_AXES or not whole or prod(n for n in shape if n) >= 1 << 59:
        raise ValueError(f"{name}: damaged (an entry {entry!r:.80})")
    if stop - start != prod(shape) * np.dtype(DTYPES[dtype]).itemsize:
        raise ValueError(f"{name}: {stop - start} bytes do not make {dtype} of shape {shape}")
    return dtype, shape, start, stop


def _numbers(data: bytes, dtype: str) -> NDArray:
    """The numbers; those of bfloat16 are the upper halves of float32."""
    found: NDArray = np.frombuffer(data, DTYPES[dtype])
    if dtype == "BF16":
        return (found.astype(np.uint32) << 16).view(np.float32)
    return found.astype(found.dtype.newbyteorder("="))
