"""The just-in-time backend: Numba compiles the loops for the processor at hand, once.

Numba is imported when the backend is first asked for, the kernels are compiled when a dtype is
first seen, and the machine code is kept on disk for the next process.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .. import numpy_backend
from ..protocol import Rates, Recording
from .entry import entry
from .steps import now

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
    product=2.22e-11,
    summed=3.95e-11,
    contracted=2.2e-11,
    byte=2.4e-11,
    call=8e-6,
    one_row=1.6,
    sparse=2.1,
    operation=3.4e-11,
    addition=1.35e-10,
)
STRIPS = 1 << 17
PIECE = 1 << 18
IN_ORDER = True
HAND_OVER = 1e-5
BLOCK = 1024
"""Items whose squares stay in the nearest cache."""
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
    from . import team

    team.code()
    for dtype in map(np.dtype, ("float32", "float64", "int64")):
        entry("driver", dtype)
        entry("box", dtype)
        entry("rows", dtype, dtype)
    for dtype in map(np.dtype, ("float32", "float64")):
        entry("contract", dtype)
        entry("depthwise", dtype)
        entry("roots", dtype)
        entry("finishing", dtype)
    entry("winograd", "weights")
    entry("winograd", "samples")
    entry("winograd", "outputs")
    single, byte = np.dtype("float32"), np.dtype("uint8")
    entry("rows", byte, single)
    entry("rows", single, byte)


def panel(dtype: np.dtype) -> int:
    from .contract import VECTORS
    from .vectors import VECTOR_BYTES

    return VECTORS * VECTOR_BYTES // dtype.itemsize


def register_tile(dtype: np.dtype) -> tuple[int, int]:
    from .driver import ROWS, VECTORS
    from .vectors import VECTOR_BYTES

    return ROWS, VECTORS * VECTOR_BYTES // dtype.itemsize


correlate = now.correlate
correlate_sparse = now.correlate_sparse
gemm = now.gemm
weight_gradient = now.weight_gradient
pointwise = now.pointwise
depthwise = now.depthwise
extend = now.extend
filter_columns = now.filter_columns
finish = now.finish
store = now.store
transform = now.transform
box = now.box
winograd_weights = now.winograd_weights
winograd_samples = now.winograd_samples
winograd_outputs = now.winograd_outputs


def lengths(out: NDArray, parts: Sequence[NDArray]) -> None:
    if not numpy_backend.are_plain_pairs(out, parts):
        numpy_backend.lengths(out, parts)
        return
    result, x, y = (array.reshape(-1) for array in (out, *parts))
    whole, floats = f"i{out.itemsize}", np.finfo(out.dtype)
    room, limits = np.empty(BLOCK, out.dtype), np.array([floats.tiny / floats.eps**2, np.inf])
    least, infinite = limits.astype(out.dtype).view(whole)
    bits = (array.view(whole) for array in (room, x, y))
    entry("roots", out.dtype).run(result, x, y, room, *bits, least, infinite)


def recording(
    arrays: tuple[NDArray, ...], weights: tuple[NDArray, ...], room: NDArray
) -> Recording:
    from .replay import Recording as Replayed

    return Replayed(arrays, weights, room)
