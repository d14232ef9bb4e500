"""The just-in-time backend: Numba compiles the loops for the processor at hand, once.

Numba is imported when the backend is first asked for, the kernels are compiled when a dtype is
first seen, and the machine code is kept on disk for the next process.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import contraction, fourier, numpy_backend
from .._protocol import Rates
from ..loop_nest import flat, loop_nest
from ..window_nest import window_nest

__all__ = [
    "RATES",
    "contract_channels",
    "contract_outputs",
    "contract_planes",
    "contract_taps",
    "correlate",
    "describe",
    "extend",
    "filter_columns",
    "panel",
    "recording",
    "store",
    "transform",
    "unavailable",
    "warmup",
    "window_sums",
    "winograd_outputs",
    "winograd_samples",
]

RATES = Rates(
    product=2.18e-11,
    summed=5.7e-11,
    contracted=2.1e-11,
    byte=3.05e-11,
    call=2.9e-5,
    one_row=1.62,
    operation=5.9e-11,
    addition=1.62e-10,
)
SHORT = 64
"""Items of a row below which it is copied together with those that follow it."""
_CURE = "pip install 'fastconv[numba]'"


def unavailable() -> str | None:
    try:
        import numba
    except ImportError as error:
        return f"Numba cannot be imported ({error}): {_CURE}"
    if numba.config.DISABLE_JIT:
        return "Numba is told not to compile: unset NUMBA_DISABLE_JIT"
    return None


def describe() -> str:
    import numba

    from .vectors import VECTOR_BYTES

    return f"Numba {numba.__version__}, vectors of {8 * VECTOR_BYTES} bits"


def warmup() -> None:
    for dtype in map(np.dtype, ("float32", "float64", "int64")):
        _compiled("driver", dtype)
        _compiled("box", dtype)
        _compiled_copy(dtype, dtype)
    for dtype in map(np.dtype, ("float32", "float64")):
        _compiled("contract", dtype)
        _compiled("depthwise", dtype)
    _winograd("samples")
    _winograd("outputs")
    single, byte = np.dtype("float32"), np.dtype("uint8")
    _compiled_copy(byte, single)
    _compiled_copy(single, byte)


def correlate(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    nest = loop_nest(out, x, w, bias, stride, dilation)
    arrays = (_start(out), _start(x), _start(w), flat(bias))
    _compiled("driver", out.dtype)(*arrays, *nest, relu)


def panel(dtype: np.dtype) -> int:
    from .contract import VECTORS
    from .vectors import VECTOR_BYTES

    return VECTORS * VECTOR_BYTES // dtype.itemsize


def contract_channels(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    product = contraction.contraction(contraction.channels, (out, x, w, bias), stride, dilation)
    _contract(out, x, w, bias, product, False, relu)


def contract_planes(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
    product = contraction.contraction(contraction.planes, (out, x, w, bias))
    _contract(out, w, x, bias, product, False, relu)


def contract_taps(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    product = contraction.contraction(contraction.taps, (out, x, w, bias), stride, dilation)
    arrays = (_start(out), _start(x), _start(w), _start(bias))
    tables = (product.rows, product.runs, product.numbers)
    _compiled("depthwise", out.dtype)(*arrays, *tables, relu)


def contract_outputs(
    out: NDArray,
    x: NDArray,
    gradient: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    product = contraction.contraction(contraction.outputs, (out, x, gradient), stride, dilation)
    _contract(out, x, gradient, out, product, True, False)


def _contract(
    out: NDArray,
    a: NDArray,
    b: NDArray,
    bias: NDArray,
    product: contraction.Contraction,
    adds: bool,
    relu: bool,
) -> None:
    arrays = (_start(out), _start(a), _start(b), _start(bias))
    _compiled("contract", out.dtype)(*arrays, *product, adds, relu)


def extend(copy: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float) -> None:
    if not _copy_items(copy, x, runs, cval):
        numpy_backend.extend(copy, x, runs, cval)


def store(out: NDArray, sums: NDArray) -> None:
    if not _copy_items(out, sums, (), 0):
        numpy_backend.store(out, sums)


def _copy_items(out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float) -> bool:
    """Copy all items, and say whether these arrays can be done."""
    copy = _compiled_copy(x.dtype, out.dtype)
    rank = _rows().RANK
    if copy is None or len(runs) > rank:
        return False
    if out.ndim > rank:
        return all(_copy_items(*parts, runs, cval) for parts in zip(out, x, strict=True))
    missing = rank - out.ndim
    tables = [_all(1)] * missing
    tables += map(_all, out.shape[: out.ndim - len(runs)])
    tables += runs
    if missing:
        out, x = out[(None,) * missing], x[(None,) * missing]
    order = [*range(rank)]
    for array in x, out:  # what one of them has side by side comes last
        found = _neighbours(array)
        order.append(order.pop(order.index(found)))
    if order != [*range(rank)]:
        out, x, tables = out.transpose(order), x.transpose(order), [tables[i] for i in order]
    n = out.shape[-1]
    whole = n < SHORT and order[-1] < rank - len(runs)
    if whole and _follow(out, n) and _follow(x, n) and (tables[-2][:, 3] == 1).all():
        tables = [_all(1), *tables[:-2], tables[-2] * (n, n, n, 1)]
        out, x = (a.reshape(1, *a.shape[:-2], a.shape[-2] * n) for a in (out, x))
    copy(out, x, tuple(tables), cval)
    return True


def _neighbours(array: NDArray) -> int:
    """The axis of neighbouring items: the last one, if there is none."""
    item, strides, shape = array.itemsize, array.strides, array.shape
    axes = (axis for axis in range(array.ndim) if strides[axis] == item and shape[axis] > 1)
    return next(axes, array.ndim - 1)


def _follow(array: NDArray, n: int) -> bool:
    """Whether rows of so many neighbours follow each other."""
    item = array.itemsize
    return array.strides[-2:] == (n * item, item)


@lru_cache(maxsize=4096)
def _all(n: int) -> NDArray[np.int64]:
    """The run of all items of an axis."""
    return np.array([[0, n, 0, 1]])


@cache
def _compiled_copy(source: np.dtype, to: np.dtype) -> Callable[..., Any] | None:
    copy = _rows().compiled(source, to)
    return copy and _entry(copy)


@cache
def _rows() -> ModuleType:
    return import_module(".rows", __name__)


@cache
def _compiled(module: str, dtype: np.dtype) -> Callable[..., Any]:
    """The machine code of a module for a dtype."""
    return _entry(import_module(f".{module}", __name__).compiled(dtype.name))


def _entry(function: Any) -> Callable[..., Any]:
    """The machine code of a function with one signature, which no types are looked up for."""
    (overload,) = function.overloads.values()
    entry: Callable[..., Any] = overload.entry_point
    return entry


def _start(array: NDArray) -> NDArray:
    """Memory in one dimension, for machine code that knows how far it goes.

    `flat` says how far, and takes five microseconds where items are not neighbours.
    """
    if array.flags.c_contiguous:
        return array.reshape(-1)
    start: NDArray = array[(0,) * (array.ndim - 1)][:1]
    return start


def recording(out: NDArray, x: NDArray, room: NDArray) -> None:
    return None


def transform(out: NDArray, x: NDArray, inverse: bool) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    _fourier(out, x, x, n, not inverse, inverse)


def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray) -> None:
    _fourier(out, x, spectrum, spectrum.shape[1], True, True)


def _fourier(
    out: NDArray, x: NDArray, spectrum: NDArray, n: int, forward: bool, inverse: bool
) -> None:
    twiddles, scratch = fourier.twiddles(n, x.dtype.name), fourier.scratch(n, x.dtype)
    _compiled("fft", x.dtype)(out, x, spectrum, twiddles, scratch, n, forward, inverse)


def window_sums(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    nest, strip, items = window_nest(out, x, w, bias, size)
    room = np.empty(items, out.dtype)
    arrays = (flat(out), flat(x), flat(w), flat(bias))
    _compiled("box", out.dtype)(*arrays, *nest, room, strip, relu)


def winograd_samples(tiles: NDArray, x: NDArray) -> None:
    _winograd("samples")(tiles, x)


def winograd_outputs(out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
    finite: bool = _winograd("outputs")(out, tiles, bias, relu)
    return finite


@cache
def _winograd(kernel: str) -> Callable[..., Any]:
    return _entry(import_module(".winograd", __name__).compiled(kernel))
