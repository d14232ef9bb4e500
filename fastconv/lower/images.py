"""How ``correlate`` and ``convolve`` are lowered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ..problem import fixed, lowrank
from ..problem.form import form, whole_sum
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
from .fields import Kernel, axis_of, number_fields

__all__ = ["are_factors", "correlation", "filtered_axes", "kernel", "spanned"]

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
    strict: bool = True,
) -> Kernel:
    """The checked kernel of ``correlate`` or, with ``flip``, of ``convolve``."""
    check_dtype(x_dtype, f"{name}: x")
    w = kernel(name, w)
    factors = isinstance(w, tuple)
    kernels = w if isinstance(w, tuple) else (w,)
    if flip:
        kernels = tuple([part[(slice(None, None, -1),) * part.ndim] for part in kernels])
    taps = tuple([part.size for part in kernels]) if factors else kernels[0].shape
    rank, x_rank = len(taps), len(x_shape)
    filtered = filtered_axes(name, axes, rank, x_rank)
    one_of(mode, f"{name}: mode", MODES)
    names = borders(boundary, rank, f"{name}: boundary")
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    origins = per_axis(origin, rank, f"{name}: origin")
    if mode != "same" and any(origins):
        refuse(ValueError, f"{name}: origin", brief(origin), f"0 where mode is {mode!r}")

    extents = [(k - 1) * gap + 1 for k, gap in zip(taps, dilations, strict=True)]
    if any(origins):
        for along, extent in zip(origins, extents, strict=True):
            _check_origin(name, origin, along, extent, flip)
    values = number_fields(
        name,
        x_dtype,
        [part.reshape(1, -1) for part in kernels],
        None,
        number(cval, f"{name}: cval"),
        mode != "valid" and "constant" in names,
        dtype,
        out_dtype,
    )
    moved = [i for i in range(rank) if not _keeps(i, taps, strides, kernels, factors)]
    moved = moved or [rank - 1]  # axes with a single tap become batch axes, all but one
    if factors:
        kernels = tuple([_along(i, len(moved), kernels[axis]) for i, axis in enumerate(moved)])
    else:
        kernels = (kernels[0].reshape(1, 1, 1, *[taps[i] for i in moved]),)
    order = [filtered[i] for i in moved]
    batch_axes = [axis for axis in range(x_rank) if axis not in order]
    known = form(kernels, x_dtype, values["compute"], factors=factors, most=lowrank.MOST)
    values["form"] = known._replace(whole=whole_sum(kernels, x_dtype, values["compute"]))

    if not strict:
        strict = not factors or any(fixed.weights(part) is None for part in kernels)

    def problem(x_shape: tuple[int, ...]) -> Problem:
        axes, out_shape = [], [*x_shape]
        for i, axis in enumerate(filtered):
            n, extent = x_shape[axis], extents[i]
            if mode == "same":
                before, length = extent // 2 + (-origins[i] if flip else origins[i]), n
            elif mode == "full":
                before, length = extent - 1, n + extent - 1
            else:
                before, length = 0, n - extent + 1
                if length < 1:
                    raise ValueError(
                        f"{name}: x has {n} samples along axis {axis}; mode='valid' needs at "
                        f"least {brief(extent)}, the extent of w"
                    )
            if length and not n:
                check_not_empty(name, axis, n, names[i])
            out_shape[axis] = outputs = -(-length // strides[i])
            along = axis_of(name, n, taps[i], strides[i], dilations[i], before, outputs, names[i])
            if i in moved:
                axes.append(along)
        return Problem(
            name=name,
            x_shape=x_shape,
            out_shape=tuple(out_shape),
            order=(*batch_axes, *order),
            batch=tuple([x_shape[axis] for axis in batch_axes]),
            groups=1,
            in_channels=1,
            out_channels=1,
            axes=tuple(axes),
            x_dtype=x_dtype,
            relu=False,
            strict=strict,
            casts=casts,
            scale=scale,
            **values,
        )

    return Kernel(kernels, None, problem)


def spanned(
    name: str, axes: object, w: NDArray | tuple[NDArray, ...], rank: int
) -> tuple[int, ...]:
    """The axes of an array with ``rank`` axes that a kernel spans, in the order of its axes."""
    return filtered_axes(name, axes, len(w) if isinstance(w, tuple) else w.ndim, rank)


def kernel(name: str, w: ArrayLike | tuple[NDArray, ...]) -> NDArray | tuple[NDArray, ...]:
    """A kernel as an array, or as a tuple of its factors."""
    return _factors(name, w) if are_factors(w) else _kernel(name, w)


def are_factors(w: object) -> bool:
    """Whether a kernel was given as factors, that is, as a tuple of arrays.

    As in NumPy, a tuple of numbers is an array, and so is a tuple of such tuples.
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
            allowed = "a 1-D array, as the other factors in the tuple"
            refuse(TypeError, argument, type(factor).__name__, allowed)
        factors.append(array(factor, argument))
        if factor.ndim != 1 or factor.size == 0:
            allowed = "a 1-D array of at least one tap, as a tuple of arrays holds factors"
            refuse(ValueError, argument, f"shape {factor.shape}", allowed)
    return tuple(factors)


def _along(axis: int, rank: int, factor: NDArray) -> NDArray:
    """A 1-D factor as a kernel ``(1, 1, 1, *taps)`` along its own axis."""
    return factor.reshape((1,) * (3 + axis) + (-1,) + (1,) * (rank - 1 - axis))


def _keeps(
    axis: int,
    taps: Sequence[int],
    strides: Sequence[int],
    kernels: tuple[NDArray, ...],
    factors: bool,
) -> bool:
    """Whether an axis has one tap, stride 1, and no factor other than 1."""
    single = taps[axis] == strides[axis] == 1
    return single and (not factors or kernels[axis][0] == 1)


def filtered_axes(name: str, axes: object, rank: int, x_rank: int) -> tuple[int, ...]:
    """The axes of ``x`` that the kernel spans, counted from 0."""
    if rank > x_rank:
        raise ValueError(f"{name}: w has {rank} axes, but x has only {x_rank}")
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
    """Raise an error that explains how to choose the axes that the kernel spans."""
    first, last = tuple(range(rank)), tuple(range(-rank, 0))
    raise ValueError(
        f"{name}: w has {rank} axes and x has {x_rank}; choose those that w spans: axes={first} "
        f"for the first (a channels-last image), axes={last} for the last (a stack of images)"
    )


def _check_origin(name: str, origin: object, along: int, extent: int, flip: bool) -> None:
    """Refuse an origin that moves the centre off the kernel."""
    low, high = -(extent // 2), (extent - 1) // 2
    if flip:
        low, high = -high, -low
    if not low <= along <= high:
        allowed = f"{low} to {high} for {extent} samples"
        refuse(ValueError, f"{name}: origin", brief(origin), allowed)
