"""SciPy's words in ours: modes, axes, boundaries, dtypes, and which operand is the kernel."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..api.options import AlgorithmName
from ..config import BackendName
from ..plan.choose import make_plan
from ..plan.plan import Plan
from ..problem import dtypes
from . import plain

__all__ = [
    "BOUNDARIES",
    "Options",
    "axes_of",
    "both_extend",
    "broadcast",
    "check_mode",
    "convolved",
    "extent",
    "float_result",
    "larger_first",
    "method_named",
    "operand",
    "pair",
    "plan_of",
    "planned",
    "product",
]

MODES = ("full", "valid", "same")
METHODS = ("auto", "direct", "fft")
BOUNDARIES = {
    "fill": "constant",
    "pad": "constant",
    "wrap": "wrap",
    "circular": "wrap",
    "symm": "symmetric",
    "symmetric": "symmetric",
}
"""The names of `convolve2d`, and what `fastconv` calls them."""


class Options(NamedTuple):
    """How a sum is computed."""

    algorithm: AlgorithmName
    backend: BackendName | None
    threads: int | None


class Extent(NamedTuple):
    """Where outputs lie along the filtered axes."""

    swapped: bool
    """The first operand is the kernel, for it has fewer samples."""
    before: tuple[int, ...]
    outputs: tuple[int, ...]


def pair(in1: ArrayLike, in2: ArrayLike) -> tuple[NDArray, NDArray]:
    """Two operands with the same number of axes."""
    a, b = np.asarray(in1), np.asarray(in2)
    if a.ndim != b.ndim:
        raise ValueError(
            f"in1 and in2 should have the same dimensionality, they have {a.ndim} and {b.ndim} axes"
        )
    return a, b


def check_mode(mode: object) -> None:
    """Refuse a mode that SciPy does not have."""
    if mode not in MODES:
        raise ValueError(f"acceptable mode flags are 'valid', 'same', or 'full', not {mode!r}")


def broadcast(a: NDArray, b: NDArray, axes: Sequence[int]) -> None:
    """Refuse arrays that cannot be broadcast along the axes that are not filtered."""
    for axis, (n, k) in enumerate(zip(a.shape, b.shape, strict=True)):
        if axis not in axes and n != k and 1 not in (n, k):
            raise ValueError(f"incompatible shapes for in1 and in2: {a.shape} and {b.shape}")


def axes_of(axes: Any, rank: int) -> list[int]:
    """The axes of `fftconvolve`, in ascending order."""
    if axes is None:
        return list(range(rank))
    try:
        given = [operator.index(axis) for axis in (axes if np.iterable(axes) else (axes,))]
    except TypeError:
        raise ValueError("axes must be a scalar or iterable of integers") from None
    if not given:
        raise ValueError("when provided, axes cannot be empty")
    if not all(-rank <= axis < rank for axis in given):
        raise ValueError("axes exceeds dimensionality of input")
    found = sorted({axis % rank for axis in given})
    if len(found) < len(given):
        raise ValueError("all axes must be unique")
    return found


def method_named(method: object) -> AlgorithmName:
    """The algorithm that SciPy's word stands for."""
    if method not in METHODS:
        raise ValueError(f"acceptable method flags are 'auto', 'direct', or 'fft', not {method!r}")
    return method  # type: ignore[return-value]


def larger_first(
    a: NDArray, b: NDArray, mode: str, axes: Sequence[int]
) -> tuple[NDArray, NDArray, bool]:
    """The operands, and whether they were swapped: if "valid", the first holds the other."""
    if mode != "valid":
        return a, b, False
    if all(a.shape[axis] >= b.shape[axis] for axis in axes):
        return a, b, False
    if all(b.shape[axis] >= a.shape[axis] for axis in axes):
        return b, a, True
    raise ValueError(
        "For 'valid' mode, one must be at least as large as the other in every dimension"
    )


@lru_cache(maxsize=512)
def float_result(first: np.dtype, second: np.dtype) -> np.dtype:
    """The dtype of `fftconvolve`: whole numbers become float64, and float16 becomes float32."""
    floats = [
        np.float64 if dtype.kind not in "fc" else np.result_type(dtype, np.float32)
        for dtype in (first, second)
    ]
    return np.result_type(*floats)


def convolved(
    name: str,
    a: NDArray,
    b: NDArray,
    axes: Sequence[int],
    mode: str,
    dtype: np.dtype,
    options: Options,
) -> NDArray:
    """The convolution of ``a`` and ``b`` along some axes; along others, they are broadcast."""
    axes = both_extend(a, b, axes)
    if mode == "same":
        b = _cut(a, b)
    if not axes:
        return product(a, b).astype(dtype, copy=False)
    if dtypes.supported(a.dtype) and dtypes.supported(b.dtype):
        return planned(name, a, b, axes, mode, dtype, options)()
    lengths, taps = ([array.shape[axis] for axis in axes] for array in (a, b))
    _, before, outputs = extent(tuple(lengths), tuple(taps), mode, swaps=False)
    return plain.convolved(a, b, axes, before, outputs).astype(dtype, copy=False)


def product(a: NDArray, b: NDArray) -> NDArray:
    """Sample times sample: the convolution along no axis."""
    result: NDArray = a * b
    return result


def both_extend(a: NDArray, b: NDArray, axes: Sequence[int]) -> list[int]:
    """Those axes along which both arrays have several samples: others need products only."""
    return [axis for axis in axes if a.shape[axis] != 1 != b.shape[axis]]


def _cut(a: NDArray, b: NDArray) -> NDArray:
    """The middle of ``b`` along axes where ``a``, as long as the result, has a single sample."""
    for axis, (n, k) in enumerate(zip(a.shape, b.shape, strict=True)):
        if n == 1 < k:
            start = (k - 1) // 2
            b = b[(slice(None),) * axis + (slice(start, start + 1),)]
    return b


@lru_cache(maxsize=4096)
def extent(
    lengths: tuple[int, ...], taps: tuple[int, ...], mode: str, *, swaps: bool, late: bool = False
) -> Extent:
    """Where the outputs lie; both operands may be the kernel if ``swaps``.

    ``late``: with ``mode="same"``, outputs of even kernels begin one sample further.
    """
    swapped = swaps and prod(taps) > prod(lengths)
    kernel = lengths if swapped else taps
    before, outputs = [], []
    for n, k, its_taps in zip(lengths, taps, kernel, strict=True):
        if mode == "full":
            start, count = 0, n + k - 1
        elif mode == "same":
            start, count = (k if late else k - 1) // 2, n
        else:
            start, count = min(n, k) - 1, abs(n - k) + 1
        before.append(its_taps - 1 - start)
        outputs.append(count)
    return Extent(swapped, tuple(before), tuple(outputs))


def operand(values: NDArray, dtype: np.dtype) -> NDArray:
    """An array as the engine reads it, given the dtype of the result.

    The low 64 bits of a sum are the same for signed and unsigned integers.
    """
    values = lower.native(values)
    return values.view(np.int64) if values.dtype == dtype == np.uint64 else values


class Planned(NamedTuple):
    """A plan with its samples, and how its result is arranged."""

    plan: Plan
    x: NDArray
    dtype: np.dtype
    sizes: tuple[int, ...] = ()
    order: tuple[int, ...] = ()

    def __call__(self) -> NDArray:
        """The convolution."""
        result = self.plan(self.x).astype(self.dtype, copy=False)
        if self.order:
            result = result.reshape(self.sizes).transpose(np.argsort(self.order))
        return result


def planned(
    name: str,
    a: NDArray,
    b: NDArray,
    axes: list[int],
    mode: str,
    dtype: np.dtype,
    options: Options,
) -> Planned:
    """The plan for a convolution; the shorter operand is the kernel."""
    lengths, taps = ([array.shape[axis] for axis in axes] for array in (a, b))
    swapped, before, outputs = extent(tuple(lengths), tuple(taps), mode, swaps=True)
    x, w, kernel = (b, a, lengths) if swapped else (a, b, taps)
    x, w, rank = operand(x, dtype), operand(w, dtype), x.ndim
    others = [axis for axis in range(rank) if axis not in axes] if len(axes) < rank else []
    if w.size == prod(kernel):
        order = (*others, *axes)
        plan = plan_of(name, x, w.reshape(kernel), order, before, outputs, dtype, options)
        return Planned(plan, x, dtype)
    batch = [axis for axis in others if w.shape[axis] == 1]
    shared = [axis for axis in others if w.shape[axis] == x.shape[axis] > 1]
    banks = [axis for axis in others if w.shape[axis] > 1 == x.shape[axis]]
    order = (*batch, *shared, *banks, *axes)
    of_batch, of_shared, samples = ([x.shape[i] for i in some] for some in (batch, shared, axes))
    of_banks = [w.shape[axis] for axis in banks]
    x = x.transpose(order).reshape(*of_batch, prod(of_shared), *samples)
    w = w.transpose(order).reshape(prod(of_shared), prod(of_banks), *kernel)
    plan = plan_of(name, x, w, tuple(range(x.ndim)), before, outputs, dtype, options)
    return Planned(plan, x, dtype, (*of_batch, *of_shared, *of_banks, *outputs), order)


def plan_of(
    name: str,
    x: NDArray,
    w: NDArray,
    order: tuple[int, ...],
    before: tuple[int, ...],
    outputs: tuple[int, ...],
    dtype: np.dtype,
    options: Options,
    boundary: str = "constant",
    cval: complex = 0,
    stride: int = 1,
) -> Plan:
    """The plan for `lower.linear_convolution`.

    Where ``"fft"``, SciPy's word for a method, cannot be done, it is the fastest algorithm.
    """
    algorithm, backend, threads = options
    words = {
        "order": order,
        "before": before,
        "outputs": outputs,
        "stride": stride,
        "boundary": boundary,
        "cval": cval,
        "dtype": np.dtype(np.int64) if dtype == np.uint64 else dtype,
        "rounds": algorithm == "fft",
    }
    subject = name, x.shape, x.dtype
    lowered = lower.linear_convolution
    try:
        return make_plan(lowered, subject, (w,), words, algorithm, backend, threads, once=True)
    except ValueError:
        if algorithm != "fft":
            raise
    return make_plan(lowered, subject, (w,), words, "auto", backend, threads, once=True)
