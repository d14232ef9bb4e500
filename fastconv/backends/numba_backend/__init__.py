"""The just-in-time backend: Numba compiles the kernels for the processor at hand.

Numba is imported when the backend is first used, and a kernel is compiled when a dtype first
occurs.  The machine code is cached on disk for the next process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np

from ..protocol import Backend, Rates

if TYPE_CHECKING:
    from ...run.program import Program

__all__ = ["NumbaBackend", "backend"]

_CURE = "pip install 'fastconv[numba]'"


class _Imports(threading.local):
    running = False


_imports = _Imports()
"""Whether this thread is importing Numba or a module that needs it.

A finalizer or a signal handler may call fastconv meanwhile, and would find partly imported modules.
"""


@contextmanager
def _importing() -> Iterator[None]:
    before, _imports.running = _imports.running, True
    try:
        yield
    finally:
        _imports.running = before


def _module(name: str) -> Any:
    with _importing():
        return import_module(f".{name}", __package__)


class _Kernel:
    """A kernel in a module that is imported when the kernel is first used."""

    def __init__(self, module: str) -> None:
        self._home = module

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, backend: Backend | None, owner: type) -> Any:
        if backend is None:
            return self
        if _imports.running:
            from .. import load

            return getattr(load("numpy"), self._name)
        kernel = getattr(_module(self._home), self._name)
        backend.__dict__[self._name] = kernel  # where the next look finds it
        return kernel


def _kernel(module: str) -> Any:
    return _Kernel(module)


class NumbaBackend(Backend):
    """Kernels whose inner loops are written in LLVM's vectors."""

    name = "numba"
    rates = Rates(
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
    min_interior_bytes = 1 << 17
    min_tile_macs = 1 << 18
    hand_over_seconds = 5e-5
    sums_in_order = True

    def unavailable(self) -> str | None:
        if _imports.running:
            return None
        try:
            with _importing():
                import numba
        except ImportError as error:
            return f"Numba cannot be imported ({error}): {_CURE}"
        if numba.config.DISABLE_JIT:
            return "Numba is told not to compile: unset NUMBA_DISABLE_JIT"
        return None

    def describe(self) -> str:
        import numba

        from .host import VECTOR_BYTES

        return f"Numba {numba.__version__}, vectors of {8 * VECTOR_BYTES} bits"

    def warmup(self) -> None:
        floats = np.dtype(np.float32), np.dtype(np.float64)
        for dtype in (*floats, np.dtype(np.int64)):
            for module in ("correlate", "box"):
                _module(module).code(dtype)
            _module("copy").code(dtype, dtype)
        for dtype in floats:
            for module in ("gemm", "depthwise", "magnitude"):
                _module(module).code(dtype)
            _module("sums").epilogue_code(dtype)
            _module("sums").in_range_code(dtype)
        for kernel in ("weights", "samples", "outputs"):
            _module("winograd").code(kernel)
        byte = np.dtype(np.uint8)
        _module("copy").code(byte, floats[0])
        _module("copy").code(floats[0], byte)

    def program(self, weights: int) -> Program:
        from ...run.program import Program

        return Program(self, weights)

    def register_tile(self, dtype: np.dtype) -> tuple[int, int]:
        from .host import TILE_ROWS, TILE_VECTORS, VECTOR_BYTES

        return TILE_ROWS, TILE_VECTORS * VECTOR_BYTES // dtype.itemsize

    def panel(self, dtype: np.dtype) -> int:
        from .host import PANEL_VECTORS, VECTOR_BYTES

        return PANEL_VECTORS * VECTOR_BYTES // dtype.itemsize

    correlate = _kernel("correlate")
    correlate_sparse = _kernel("sparse")
    box = _kernel("box")
    blur = _kernel("blur")
    gemm = _kernel("gemm")
    pointwise = _kernel("gemm")
    weight_gradient = _kernel("gemm")
    depthwise = _kernel("depthwise")
    winograd_weights = _kernel("winograd")
    winograd_samples = _kernel("winograd")
    winograd_outputs = _kernel("winograd")
    transform = _kernel("fourier")
    filter_columns = _kernel("fourier")
    epilogue = _kernel("sums")
    in_range = _kernel("sums")
    accumulate = _kernel("sums")
    at_most = _kernel("sums")
    magnitude = _kernel("magnitude")
    drop = _kernel("missing")
    deduct = _kernel("missing")
    divide = _kernel("missing")
    below = _kernel("missing")
    pad = _kernel("copy")
    store = _kernel("copy")
    cast = _kernel("copy")


backend = NumbaBackend()
