"""The compiled backend: one body, compiled for several instruction sets, picked at import.

``_probe`` says which sets this processor and operating system run; the best one that was built is
imported, and no other, for importing code that the processor cannot run kills the process.
``FASTCONV_ISA`` (v4, v3 or v2; baseline where these do not exist) forces one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from .. import numpy_backend
from ..protocol import Rates, Recording

__all__ = [
    "HAND_OVER",
    "IN_ORDER",
    "PIECE",
    "RATES",
    "STRIPS",
    "gemm",
    "weight_gradient",
    "pointwise",
    "depthwise",
    "correlate",
    "correlate_sparse",
    "describe",
    "extend",
    "filter_columns",
    "finish",
    "lengths",
    "panel",
    "recording",
    "register_tile",
    "store",
    "transform",
    "unavailable",
    "warmup",
    "box",
    "winograd_outputs",
    "winograd_samples",
    "winograd_weights",
]

RATES = Rates(
    product=2.33e-11,
    summed=4.1e-11,
    contracted=2.17e-11,
    byte=1.6e-11,
    call=6e-6,
    one_row=1.35,
    sparse=2.0,
    operation=2.25e-11,
    addition=1.3e-10,
)
STRIPS = 1 << 17
PIECE = 1 << 17
IN_ORDER = True
HAND_OVER = 1e-5
BASELINE = "baseline"
_NOT_BUILT = (
    "its compiled part is not installed (reinstall fastconv from a wheel, or with a C compiler "
    "at hand: pip install --force-reinstall --no-cache-dir fastconv)"
)


def unavailable() -> str | None:
    try:
        _kernels()
    except ImportError:
        return _NOT_BUILT
    return None


def describe() -> str:
    return f"compiled for {instruction_set()}"


def warmup() -> None:
    _kernels()


def instruction_set() -> str:
    """The instruction set of the kernels in use."""
    name = _kernels().__name__.rpartition("_")[2]
    return name if name == BASELINE else f"x86-64-{name}"


@cache
def _kernels() -> ModuleType:
    from ._probe import supported

    runnable = supported() or (BASELINE,)
    forced = os.environ.get("FASTCONV_ISA")
    if forced:
        if forced not in runnable:
            raise ValueError(
                f"FASTCONV_ISA: got {forced!r}, allowed on this machine is one of "
                + ", ".join(repr(name) for name in runnable)
            )
        return import_module(f"{__package__}._kernels_{forced}")
    for name in runnable[:-1]:
        try:
            return import_module(f"{__package__}._kernels_{name}")
        except ImportError:
            continue
    return import_module(f"{__package__}._kernels_{runnable[-1]}")


def correlate(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    _kernels().now.correlate(out, x, w, bias, stride, dilation, relu)


def correlate_sparse(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    places: NDArray[np.int64],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    _kernels().now.correlate_sparse(out, x, w, places, bias, stride, dilation, relu)


def panel(dtype: np.dtype) -> int:
    return 2 * _kernels().VECTOR // dtype.itemsize or 2


def register_tile(dtype: np.dtype) -> tuple[int, int]:
    rows, vectors = _kernels().TILE
    floats = dtype.kind == "f"
    lanes = _kernels().VECTOR // dtype.itemsize if floats else _kernels().INTEGER_LANES
    return rows, vectors * max(lanes, 1)


def gemm(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    _kernels().now.gemm(out, x, w, bias, stride, dilation, relu)


def pointwise(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
    _kernels().now.pointwise(out, x, w, bias, relu)


def weight_gradient(
    out: NDArray,
    x: NDArray,
    gradient: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    _kernels().now.weight_gradient(out, x, gradient, stride, dilation)


def depthwise(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    before: tuple[int, ...],
    relu: bool,
) -> None:
    _kernels().now.depthwise(out, x, w, bias, stride, dilation, before, relu)


def box(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    _kernels().now.box(out, x, w, bias, size, relu)


def extend(copy: NDArray, x: NDArray, runs: tuple[NDArray, ...], cval: float) -> None:
    if not _kernels().now.copy_items(copy, x, runs, cval):
        numpy_backend.extend(copy, x, runs, cval)


def store(out: NDArray, sums: NDArray) -> None:
    if not _kernels().now.copy_items(out, sums, (), 0):
        numpy_backend.store(out, sums)


def lengths(out: NDArray, parts: Sequence[NDArray]) -> None:
    if numpy_backend.are_plain_pairs(out, parts):
        _kernels().magnitude(*(array.reshape(-1) for array in (out, *parts)))
    else:
        numpy_backend.lengths(out, parts)


def recording(
    arrays: tuple[NDArray, ...], weights: tuple[NDArray, ...], room: NDArray
) -> Recording:
    made: Recording = _kernels().Recording(arrays, weights, room)
    return made


def transform(out: NDArray, x: NDArray, inverse: bool) -> None:
    _kernels().now.transform(out, x, inverse)


def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray) -> None:
    _kernels().now.filter_columns(out, x, spectrum)


def finish(out: NDArray, bias: NDArray) -> bool:
    finite: bool = _kernels().now.finish(out, bias)
    return finite


def winograd_weights(values: NDArray, w: NDArray) -> None:
    _kernels().now.winograd_weights(values, w)


def winograd_samples(tiles: NDArray, x: NDArray) -> None:
    _kernels().now.winograd_samples(tiles, x)


def winograd_outputs(out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
    finite: bool = _kernels().now.winograd_outputs(out, tiles, bias, relu)
    return finite
