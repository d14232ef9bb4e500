"""How ``correlate`` and ``convolve`` are lowered: any rank, a mode, a border rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..problem import lowrank
from ..problem.form import form
from ..problem.problem import Problem
from .arguments import (
    borders,
    brief,
    check_not_empty,
    integer,
    listed,
    number,
    one_of,
    per_axis,
    refuse,
)
from .arrays import array, check_dtype
from .fields import Question, axis_of, number_fields

__all__ = ["correlation"]

MODES = ("same", "valid", "full")


def correlation(
    name: str,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike | tuple[NDArray, ...],
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
    casts: bool = False,
    scale: float = 1.0,
) -> Question:
    """The problem of ``correlate`` or, with ``flip``, of ``convolve``."""
    check_dtype(x_dtype, f"{name}: x")
    factors = _are_factors(w)
    kernels = _factors(name, w) if factors else (_kernel(name, w),)
    if flip:
        kernels = tuple([kernel[(slice(None, None, -1),) * kernel.ndim] for kernel in kernels])
    taps = tuple([kernel.size for kernel in kernels]) if factors else kernels[0].shape
    rank, x_rank = len(taps), len(x_shape)
    filtered = _axes(name, axes, rank, x_rank)
    one_of(mode, f"{name}: mode", MODES)
    names = borders(boundary, rank, f"{name}: boundary")
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    origins = per_axis(origin, rank, f"{name}: origin")
    if mode != "same" and any(origins):
        refuse(ValueError, f"{name}: origin", brief(origin), f"0 where mode is {mode!r}")

    geometry = []
    out_shape = list(x_shape)
    for i, axis in enumerate(filtered):
        n, extent = x_shape[axis], (taps[i] - 1) * dilations[i] + 1
        if origins[i]:
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
                f"{brief(extent)}, the extent of w"
            )
        if length:
            check_not_empty(name, axis, n, names[i])
        outputs = -(-length // strides[i])
        geometry.append(
            axis_of(name, n, taps[i], strides[i], dilations[i], before, outputs, names[i])
        )
        out_shape[axis] = outputs

    values = number_fields(
        name,
        x_dtype,
        [kernel.reshape(1, -1) for kernel in kernels],
        None,
        number(cval, f"{name}: cval"),
        mode != "valid" and "constant" in names,
        dtype,
        out_dtype,
    )
    moved = [i for i in range(rank) if not _keeps(i, taps, strides, kernels, factors)]
    if len(moved) < rank:  # an axis that the kernel does not reach along is a batch axis
        moved = moved or [rank - 1]
        taps, geometry = tuple([taps[i] for i in moved]), [geometry[i] for i in moved]
        filtered, rank = tuple([filtered[i] for i in moved]), len(moved)
        kernels = tuple([kernels[i] for i in moved]) if factors else kernels
    if factors:
        kernels = tuple([_along(i, rank, factor) for i, factor in enumerate(kernels)])
    else:
        kernels = (kernels[0].reshape(1, 1, 1, *taps),)
    batch_axes = () if rank == x_rank else [a for a in range(x_rank) if a not in filtered]
    problem = Problem(
        name=name,
        x_shape=x_shape,
        out_shape=tuple(out_shape),
        order=(*batch_axes, *filtered),
        batch=tuple([x_shape[axis] for axis in batch_axes]),
        groups=1,
        in_channels=1,
        out_channels=1,
        axes=tuple(geometry),
        x_dtype=x_dtype,
        relu=False,
        strict=True,
        form=form(kernels, x_dtype, values["compute"], factors=factors, most=lowrank.MOST),
        casts=casts,
        scale=scale,
        **values,
    )
    return Question(problem, kernels, None)


def _are_factors(w: object) -> bool:
    """Whether a kernel was given as its factors: arrays in a tuple.

    Numbers in a tuple are a kernel, and so are tuples of them, as NumPy has it.
    """
    return isinstance(w, tuple) and any(isinstance(part, np.ndarray) for part in w)


def _kernel(name: str, w: ArrayLike) -> NDArray:
    kernel = array(w, f"{name}: w")
    if kernel.ndim == 0 or kernel.size == 0:
        allowed = "at least one axis and tap, or a tuple with a 1-D array, a factor, for each axis"
        refuse(ValueError, f"{name}: w", f"shape {kernel.shape}", allowed)
    return kernel


def _factors(name: str, w: ArrayLike | tuple[NDArray, ...]) -> tuple[NDArray, ...]:
    assert isinstance(w, tuple)
    factors = []
    for i, factor in enumerate(w):
        argument = f"{name}: w[{i}]"
        if not isinstance(factor, np.ndarray):
            allowed = "a 1-D array, a factor as the others in the tuple are"
            refuse(TypeError, argument, type(factor).__name__, allowed)
        factors.append(array(factor, argument))
        if factor.ndim != 1 or factor.size == 0:
            allowed = "a 1-D array of at least one tap, for a tuple of arrays holds factors"
            refuse(ValueError, argument, f"shape {factor.shape}", allowed)
    return tuple(factors)


def _along(axis: int, rank: int, factor: NDArray) -> NDArray:
    """A 1-D factor along its own axis of a kernel ``(1, 1, 1, *taps)``."""
    return factor.reshape((1,) * (3 + axis) + (-1,) + (1,) * (rank - 1 - axis))


def _keeps(
    axis: int,
    taps: Sequence[int],
    strides: Sequence[int],
    kernels: tuple[NDArray, ...],
    factors: bool,
) -> bool:
    """Whether all samples along an axis keep their places, and have no weight of their own."""
    single = taps[axis] == strides[axis] == 1
    return single and (not factors or kernels[axis][0] == 1)


def _axes(name: str, axes: object, rank: int, x_rank: int) -> tuple[int, ...]:
    if rank > x_rank:
        raise ValueError(f"{name}: w has {rank} axes, x has only {x_rank}")
    if axes is None:
        if rank == x_rank:
            return tuple(range(rank))
        if rank == 1:
            return (x_rank - 1,)
        _refuse_to_guess(name, rank, x_rank)
    axes = listed(axes)
    given = tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)
    found = [integer(axis, f"{name}: axes") for axis in given]
    if len(found) != rank:
        allowed = f"{rank} axes, one for each axis of w"
        refuse(ValueError, f"{name}: axes", brief(axes), allowed)
    if not all(-x_rank <= axis < x_rank for axis in found):
        allowed = f"{-x_rank} to {x_rank - 1} for x with {x_rank} axes"
        refuse(ValueError, f"{name}: axes", brief(axes), allowed)
    filtered = tuple([axis % x_rank for axis in found])
    if len(set(filtered)) != rank:
        refuse(ValueError, f"{name}: axes", brief(axes), "each axis once")
    return filtered


def _refuse_to_guess(name: str, rank: int, x_rank: int) -> None:
    """Say how to choose the axes of a kernel that has fewer of them than ``x``."""
    first, last = tuple(range(rank)), tuple(range(-rank, 0))
    raise ValueError(
        f"{name}: w has {rank} axes and x has {x_rank}; say which ones w spans: axes={first} for "
        f"the first (an image with its channels last), axes={last} for the last (a stack of images)"
    )


def _check_origin(name: str, origin: object, along: int, extent: int, flip: bool) -> None:
    """The centre of the kernel lies on the kernel."""
    low, high = -(extent // 2), (extent - 1) // 2
    if flip:
        low, high = -high, -low
    if not low <= along <= high:
        allowed = f"{low} to {high} for {extent} samples"
        refuse(ValueError, f"{name}: origin", brief(origin), allowed)
