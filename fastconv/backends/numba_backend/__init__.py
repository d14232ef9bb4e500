"""The just-in-time backend: Numba compiles the loops for the processor at hand, once.

Numba is imported when the backend is first asked for, the kernels are compiled when a dtype is
first seen, and the machine code is kept on disk for the next process.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import fourier
from .._protocol import Rates
from ..loop_nest import flat, loop_nest
from ..numpy_backend import extend, store
from ..window_nest import window_nest

__all__ = [
    "RATES",
    "correlate",
    "describe",
    "extend",
    "filter_columns",
    "store",
    "transform",
    "unavailable",
    "warmup",
    "window_sums",
]

RATES = Rates(
    product=2.29e-11,
    summed=6.9e-11,
    byte=3.7e-11,
    call=5.5e-5,
    one_row=1.87,
    operation=5.3e-11,
    addition=1.55e-10,
)
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

    from .tile import VECTOR_BYTES

    return f"Numba {numba.__version__}, vectors of {8 * VECTOR_BYTES} bits"


def warmup() -> None:
    from . import box, driver

    for dtype in ("float32", "float64", "int64"):
        driver.compiled(dtype)
        box.compiled(dtype)


def correlate(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    from .driver import compiled

    nest = loop_nest(out, x, w, bias, stride, dilation)
    compiled(out.dtype.name)(
        flat(out), flat(x), flat(w), flat(bias), nest.loops, nest.planes, nest.tile, relu
    )


def transform(out: NDArray, x: NDArray, inverse: bool) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    _fourier(out, x, x, n, not inverse, inverse)


def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray) -> None:
    _fourier(out, x, spectrum, spectrum.shape[1], True, True)


def _fourier(
    out: NDArray, x: NDArray, spectrum: NDArray, n: int, forward: bool, inverse: bool
) -> None:
    from .fft import compiled

    twiddles, scratch = fourier.twiddles(n, x.dtype.name), fourier.scratch(n, x.dtype)
    compiled(x.dtype.name)(out, x, spectrum, twiddles, scratch, n, forward, inverse)


def window_sums(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    from .box import compiled

    nest, strip, items = window_nest(out, x, w, bias, size)
    room = np.empty(items, out.dtype)
    compiled(out.dtype.name)(flat(out), flat(x), flat(w), flat(bias), *nest, room, strip, relu)
