"""How the calls of `fastconv.signal` are lowered: any extent, banks of kernels, integers that wrap.

Arguments are not checked here, but in `fastconv.signal`, which translates SciPy's options.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem import dtypes, lowrank
from ..problem.form import form
from ..problem.problem import Problem
from .fields import Kernel, axis_of, largest_sum, number_fields

__all__ = ["linear_convolution"]

MAX_SINGLE = 1 << 24
"""The bound up to which float32 represents all integers."""
MAX_DIRECT_TAPS = 128
"""Taps up to which exact sums in float32 are faster than sums in float64 by a transform."""
MAX_TRANSFORMED = 1 << 45
"""The largest integer sum that a float64 transform computes with an error below 0.5."""


def linear_convolution(
    name: str,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: NDArray,
    *,
    order: tuple[int, ...],
    before: tuple[int, ...],
    outputs: tuple[int, ...],
    stride: int,
    boundary: str,
    cval: complex,
    dtype: np.dtype,
    rounds: bool,
) -> Kernel:
    """The kernel of a convolution with any range of outputs.

    ``w`` is one kernel, or a bank ``(groups, channels out, *taps)``.  ``order`` lists the axes of
    ``x``: batch, channel (with a bank) and filtered axes.  ``before`` and ``outputs`` have an entry
    for each filtered axis.  Integer sums are exact modulo ``2**64``.  Their dtype may be wider than
    ``dtype``; the caller then wraps them.  With ``rounds``, they are computed in floats if these
    are exact after rounding.
    """
    rank = len(before)
    filtered = order[len(order) - rank :]
    leading, taps = w.shape[: w.ndim - rank], w.shape[w.ndim - rank :]
    groups, channels = leading or (1, 1)
    kernel = np.flip(w, tuple(range(w.ndim - rank, w.ndim))).reshape(groups, channels, 1, *taps)
    batch_axes = order[: len(order) - rank - bool(leading)]
    kernel, values = _numbers(name, x_dtype, kernel, cval, dtype, rounds)
    most = lowrank.MOST if groups == channels == 1 else 1
    values["form"] = form((kernel,), x_dtype, values["compute"], factors=False, most=most)

    def problem(x_shape: tuple[int, ...]) -> Problem:
        out_shape = list(x_shape)
        if leading:
            out_shape[order[-rank - 1]] = groups * channels
        geometry = []
        for axis, k, first, count in zip(filtered, taps, before, outputs, strict=True):
            geometry.append(axis_of(name, x_shape[axis], k, stride, 1, first, count, boundary))
            out_shape[axis] = count
        return Problem(
            name=name,
            x_shape=x_shape,
            out_shape=tuple(out_shape),
            order=order,
            batch=tuple([x_shape[axis] for axis in batch_axes]),
            groups=groups,
            in_channels=1,
            out_channels=channels,
            axes=tuple(geometry),
            x_dtype=x_dtype,
            relu=False,
            strict=True,
            **values,
        )

    return Kernel((kernel,), None, problem)


def _numbers(
    name: str, x_dtype: np.dtype, kernel: NDArray, cval: complex, dtype: np.dtype, rounds: bool
) -> tuple[NDArray, dict[str, Any]]:
    """The kernel in the fastest suitable dtype, and the result of `number_fields`."""
    rows = kernel.reshape(kernel.shape[0] * kernel.shape[1], -1)
    stored = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    whole = dtype.kind in "biu"
    casts = False
    if x_dtype.kind in "biu" and kernel.dtype.kind in "biu":
        bound = dtypes.largest(x_dtype) * largest_sum(rows)
        single = bound <= MAX_SINGLE and rows.shape[1] <= MAX_DIRECT_TAPS and not rounds
        if not single and (bound <= MAX_TRANSFORMED or not whole):
            kernel, rows = kernel.astype(np.float64), rows.astype(np.float64)
        elif single:
            casts = whole
        if whole and not casts and bound > np.iinfo(stored).max:
            stored = np.dtype(np.int32 if bound < 1 << 31 else np.int64)
    fields = number_fields(name, x_dtype, [rows], None, cval, True, stored, None)
    return kernel, {**fields, "safe": None, "casts": casts}
