"""What ``correlate`` and ``convolve`` ask: any rank, a mode, a border rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..problem import lowrank
from ..problem.problem import Problem
from .arguments import (
    array,
    borders,
    brief,
    check_dtype,
    check_not_empty,
    integer,
    listed,
    number,
    one_of,
    per_axis,
    refuse,
)
from ..problem.form import form
from .question import Question, numbers, walk

__all__ = ["correlation"]

MODES = ("same", "valid", "full")


def correlation(
    name: str,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike | tuple[ArrayLike, ...],
    *,
    flip: bool,
    axes: object,
    mode: object,
    boundary: object,
    cval: object,
    origin: object,
    stride: object,
    dilation: object,
    out_dtype: np.dtype | None,
    dtype: DTypeLike | None,
) -> Question:
    """The question that ``correlate`` (or, with ``flip``, ``convolve``) asks."""
    check_dtype(x_dtype, f"{name}: x")
    factors = isinstance(w, tuple)
    kernels = _factors(name, w) if isinstance(w, tuple) else (_kernel(name, w),)
    if flip:
        kernels = tuple(np.flip(kernel) for kernel in kernels)
    taps = tuple(kernel.size for kernel in kernels) if factors else kernels[0].shape
    rank = len(taps)
    filtered = _axes(name, axes, rank, len(x_shape))
    one_of(mode, f"{name}: mode", MODES)
    names = borders(boundary, rank, f"{name}: boundary")
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    origins = per_axis(origin, rank, f"{name}: origin")
    if mode != "same" and any(origins):
        refuse(ValueError, f"{name}: origin", brief(origin), f"0 where mode is {mode!r}")

    walked = []
    for i, axis in enumerate(filtered):
        n, extent = x_shape[axis], (taps[i] - 1) * dilations[i] + 1
        _check_origin(name, origin, origins[i], extent, flip)
        if mode == "same":
            before, length = extent // 2 + (-origins[i] if flip else origins[i]), n
        elif mode == "full":
            before, length = extent - 1, n + extent - 1
        else:
            before, length = 0, n - extent + 1
        if mode == "valid" and length < 1:
            raise ValueError(
                f"{name}: x has {n} samples along axis {axis}, mode='valid' needs at least "
                f"{extent}, the extent of w"
            )
        if length:
            check_not_empty(name, axis, n, names[i])
        outputs = -(-length // strides[i])
        walked.append(walk(name, n, taps[i], strides[i], dilations[i], before, outputs, names[i]))

    batch_axes = tuple(axis for axis in range(len(x_shape)) if axis not in filtered)
    lengths = dict(zip(filtered, (axis.out for axis in walked), strict=True))
    fill = number(cval, f"{name}: cval")
    rows = [kernel.reshape(1, -1) for kernel in kernels]
    values = numbers(name, x_dtype, rows, None, fill, dtype, out_dtype)
    if factors:
        kernels = tuple(_along(i, rank, factor) for i, factor in enumerate(kernels))
    kernels = tuple(kernel[None, None, None] for kernel in kernels)
    problem = Problem(
        name=name,
        x_shape=x_shape,
        out_shape=tuple(lengths.get(axis, n) for axis, n in enumerate(x_shape)),
        order=(*batch_axes, *filtered),
        batch=tuple(x_shape[axis] for axis in batch_axes),
        groups=1,
        in_channels=1,
        out_channels=1,
        axes=tuple(walked),
        x_dtype=x_dtype,
        relu=False,
        strict=True,
        form=form(kernels, x_dtype, values["compute"], factors=factors, most=lowrank.MOST),
        **values,
    )
    return Question(problem, kernels, None)


def _kernel(name: str, w: ArrayLike) -> NDArray:
    kernel = array(w, f"{name}: w")
    if kernel.ndim == 0 or kernel.size == 0:
        refuse(ValueError, f"{name}: w", f"shape {kernel.shape}", "at least one axis and tap")
    return kernel


def _factors(name: str, w: tuple[ArrayLike, ...]) -> tuple[NDArray, ...]:
    if not w:
        refuse(ValueError, f"{name}: w", "()", "a kernel, or a tuple with one factor for each axis")
    factors = tuple(array(factor, f"{name}: w[{i}]") for i, factor in enumerate(w))
    for i, factor in enumerate(factors):
        if factor.ndim != 1 or factor.size == 0:
            allowed = "1-D factors of at least one tap"
            refuse(ValueError, f"{name}: w[{i}]", f"shape {factor.shape}", allowed)
    return factors


def _along(axis: int, rank: int, factor: NDArray) -> NDArray:
    """A 1-D factor along its own axis of the kernel."""
    return factor.reshape(*(-1 if i == axis else 1 for i in range(rank)))


def _axes(name: str, axes: object, rank: int, x_rank: int) -> tuple[int, ...]:
    if rank > x_rank:
        raise ValueError(f"{name}: w has {rank} axes, x has only {x_rank}")
    if axes is None:
        return tuple(range(x_rank - rank, x_rank))
    axes = listed(axes)
    given = tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
    found = [integer(axis, f"{name}: axes") for axis in given]
    if len(found) != rank:
        allowed = f"{rank} axes, one for each axis of w"
        refuse(ValueError, f"{name}: axes", brief(axes), allowed)
    if not all(-x_rank <= axis < x_rank for axis in found):
        allowed = f"{-x_rank} to {x_rank - 1} for x with {x_rank} axes"
        refuse(ValueError, f"{name}: axes", brief(axes), allowed)
    filtered = tuple(axis % x_rank for axis in found)
    if len(set(filtered)) != rank:
        refuse(ValueError, f"{name}: axes", brief(axes), "each axis once")
    return filtered


def _check_origin(name: str, origin: object, along: int, extent: int, flip: bool) -> None:
    """The centre of the kernel lies on the kernel."""
    low, high = -(extent // 2), (extent - 1) // 2
    if flip:
        low, high = -high, -low
    if not low <= along <= high:
        allowed = f"{low} to {high} for {extent} samples"
        refuse(ValueError, f"{name}: origin", brief(origin), allowed)
