"""Translates SciPy's arguments: modes, methods, axes, boundaries and dtypes."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..api.options import AlgorithmName

__all__ = [
    "BOUNDARIES",
    "axes_of",
    "both_extend",
    "broadcast",
    "check_mode",
    "extent",
    "float_result",
    "larger_first",
    "method_named",
    "pair",
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


def method_named(method: object) -> AlgorithmName:
    """The algorithm for SciPy's ``method``."""
    if method not in METHODS:
        raise ValueError(f"acceptable method flags are 'auto', 'direct', or 'fft', not {method!r}")
    return method  # type: ignore[return-value]


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


def broadcast(a: NDArray, b: NDArray, axes: Sequence[int]) -> None:
    """Refuse arrays that cannot be broadcast along the axes that are not filtered."""
    for axis, (n, k) in enumerate(zip(a.shape, b.shape, strict=True)):
        if axis not in axes and n != k and 1 not in (n, k):
            raise ValueError(f"incompatible shapes for in1 and in2: {a.shape} and {b.shape}")


def both_extend(a: NDArray, b: NDArray, axes: Sequence[int]) -> list[int]:
    """The axes along which both arrays have several samples; the others need only products."""
    return [axis for axis in axes if a.shape[axis] != 1 != b.shape[axis]]


def larger_first(a: NDArray, b: NDArray, mode: str, axes: Sequence[int]) -> tuple[NDArray, NDArray]:
    """The operands, swapped if ``mode="valid"`` and only the second one holds the other."""
    if mode != "valid" or all(a.shape[axis] >= b.shape[axis] for axis in axes):
        return a, b
    if all(b.shape[axis] >= a.shape[axis] for axis in axes):
        return b, a
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


class Extent(NamedTuple):
    """Where outputs lie along the filtered axes."""

    swapped: bool
    """The first operand is the kernel, for it has fewer samples."""
    before: tuple[int, ...]
    outputs: tuple[int, ...]


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
