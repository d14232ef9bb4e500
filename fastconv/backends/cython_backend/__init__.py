"""The compiled backend: one source, compiled for several instruction sets, chosen at import.

``_probe`` reports the instruction sets that this processor and operating system support.  Only the
best one that was built is imported, because importing code that the processor cannot run kills the
process.  ``FASTCONV_ISA`` forces one: v4, v3, v2 ("baseline" on other architectures) or generic,
which runs everywhere.

With register tiles of an instruction set, whole programs run in C.  The generic set consists of
plain loops over typed memoryviews, which programs call from Python.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...run.program import Builder, Program
from ..protocol import Backend, Rates
from .rates import RATES

__all__ = ["CythonBackend", "backend", "instruction_set"]

BASELINE, GENERIC = "baseline", "generic"
_NOT_BUILT = (
    "its compiled part is not installed (reinstall fastconv from a wheel, or with a C compiler "
    "at hand: pip install --force-reinstall --no-cache-dir fastconv)"
)


class _Compiled:
    """A kernel of the module for the instruction set in use."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        kernels = _kernels()
        return getattr(kernels if instruction_set() == GENERIC else kernels.now, self._name)


class CythonBackend(Backend):
    """Register tiles in C, called through Cython."""

    name = "cython"
    min_interior_bytes = 1 << 17
    min_tile_macs = 1 << 17
    hand_over_seconds = 1e-5
    sums_in_order = True

    @property
    def rates(self) -> Rates:
        return RATES[instruction_set()]

    def unavailable(self) -> str | None:
        try:
            _kernels()
        except ImportError:
            return _NOT_BUILT
        return None

    def describe(self) -> str:
        return f"compiled for {instruction_set()}"

    def warmup(self) -> None:
        _kernels()

    def program(self, weights: int) -> Any:
        if instruction_set() == GENERIC:
            return Program(self, weights)
        return _program_class()(weights)

    @property
    def multiplies_bytes(self) -> bool:
        takes: bool = _kernels().MULTIPLIES_BYTES
        return takes

    def panel(self, dtype: np.dtype) -> int:
        if instruction_set() == GENERIC:
            width: int = _kernels().PANEL
            return width
        return 2 * _kernels().VECTOR // dtype.itemsize or 2

    def register_tile(self, dtype: np.dtype) -> tuple[int, int] | None:
        if instruction_set() == GENERIC:
            return None
        rows, vectors = _kernels().TILE
        floats = dtype.kind == "f"
        lanes = _kernels().VECTOR // dtype.itemsize if floats else _kernels().INTEGER_LANES
        return rows, vectors * max(lanes, 1)

    def magnitude(self, out: NDArray, parts: Sequence[NDArray]) -> None:
        if instruction_set() == GENERIC:
            _kernels().magnitude(out, parts)
            return
        if len(parts) == 2 and _are_flat(out, *parts):
            _kernels().magnitude(out.reshape(-1), parts[0].reshape(-1), parts[1].reshape(-1))
        else:
            from ..numpy_backend.magnitude import magnitude

            magnitude(out, parts)

    correlate = _Compiled()
    correlate_sparse = _Compiled()
    box = _Compiled()
    blur = _Compiled()
    gemm = _Compiled()
    pointwise = _Compiled()
    depthwise = _Compiled()
    weight_gradient = _Compiled()
    winograd_weights = _Compiled()
    winograd_samples = _Compiled()
    winograd_outputs = _Compiled()
    transform = _Compiled()
    filter_columns = _Compiled()
    epilogue = _Compiled()
    in_range = _Compiled()
    accumulate = _Compiled()
    at_most = _Compiled()
    drop = _Compiled()
    deduct = _Compiled()
    divide = _Compiled()
    below = _Compiled()
    pad = _Compiled()
    store = _Compiled()
    cast = _Compiled()


def _are_flat(*arrays: NDArray) -> bool:
    """Whether arrays can be treated as rows of contiguous items."""
    return all(array.flags.c_contiguous and array.flags.aligned for array in arrays)


@cache
def _program_class() -> Any:
    class CompiledProgram(_kernels().Program, Builder):  # type: ignore[misc, name-defined]
        """A program that runs in C."""

        def __init__(self, weights: int) -> None:
            Builder.__init__(self, weights)

    return CompiledProgram


@cache
def instruction_set() -> str:
    """The instruction set of the kernels in use."""
    name = _kernels().__name__.rpartition("_")[2]
    return name if name in (BASELINE, GENERIC) else f"x86-64-{name}"


@cache
def _kernels() -> ModuleType:
    from ._probe import supported

    runnable = (*(supported() or (BASELINE,)), GENERIC)
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
    return import_module(f"{__package__}._kernels_{GENERIC}")


backend = CythonBackend()
