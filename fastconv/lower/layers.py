"""How ``conv1d``, ``conv2d`` and ``conv3d`` are lowered: batches, channels, groups, padding."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.form import form
from ..problem.problem import Problem
from .arguments import (
    borders,
    brief,
    check_not_empty,
    integer,
    listed,
    one_of,
    per_axis,
    refuse,
)
from .arrays import array, check_dtype
from .fields import Kernel, axis_of, number_fields

__all__ = [
    "ACTIVATIONS",
    "PRECISIONS",
    "RECTIFIERS",
    "bias_of",
    "convolution",
    "padding_of",
    "places",
    "with_form",
    "with_weights",
]

LAYOUTS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
WEIGHTS = {
    1: "(K, C // groups, k)",
    2: "(K, C // groups, kh, kw)",
    3: "(K, C // groups, kd, kh, kw)",
}
RECTIFIERS = {"relu": inf, "relu6": 6.0}
"""Activations that clip at zero, with the upper limit of their results."""
ACTIVATIONS = (None, *RECTIFIERS)
PRECISIONS = ("fast", "strict")
PADDINGS = ("same", "same_lower", "valid")


def convolution(
    name: str,
    rank: int,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike,
    bias: ArrayLike | None,
    *,
    stride: object,
    padding: object,
    dilation: object,
    groups: object,
    boundary: object,
    layout: object,
    activation: object,
    precision: object,
    out_dtype: np.dtype | None,
    called: tuple[str, str] = ("x", "w"),
) -> Kernel:
    """The checked kernel of a layer; ``called`` holds the public names of ``x`` and ``w``."""
    its_x, its_w = called
    check_dtype(x_dtype, f"{name}: {its_x}")
    weights = array(w, f"{name}: {its_w}")
    lead, channel, filtered = places(f"{name}: {its_x}", rank, x_shape, layout, f"{name}: layout")
    if weights.ndim != rank + 2 or 0 in weights.shape:
        refuse(ValueError, f"{name}: {its_w}", f"shape {weights.shape}", WEIGHTS[rank])
    one_of(activation, f"{name}: activation", ACTIVATIONS)
    one_of(precision, f"{name}: precision", PRECISIONS)

    count = integer(groups, f"{name}: groups", least=1)
    _check_groups(name, count, x_shape[channel], weights.shape, called)
    out_channels, _, *taps = weights.shape
    offset = None if bias is None else bias_of(name, bias, out_channels)

    names = borders(boundary, rank, f"{name}: boundary")
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    extents = [(k - 1) * d + 1 for k, d in zip(taps, dilations, strict=True)]
    sizes = [x_shape[axis] for axis in filtered]
    pads = padding_of(f"{name}: padding", padding, sizes, extents, strides)
    follows = padding if isinstance(padding, str) and padding != "valid" else None

    rows = [weights.reshape(out_channels, -1)] if weights.dtype.kind in "biu" else [weights]
    values = number_fields(name, x_dtype, rows, offset, 0, False, None, out_dtype)
    if values["complex"] and activation is not None:
        refuse(TypeError, f"{name}: activation", brief(activation), "None for complex numbers")
    per_group = (count, out_channels // count)
    kernels = (weights.reshape(*per_group, *weights.shape[1:]),)
    values["form"] = form(kernels, x_dtype, values["compute"], factors=False, most=1)
    w_shape, relu, strict = weights.shape, activation in RECTIFIERS, precision == "strict"

    def problem(x_shape: tuple[int, ...]) -> Problem:
        _check_groups(name, count, x_shape[channel], w_shape, called)
        sizes = [x_shape[axis] for axis in filtered]
        around = pads
        if follows:  # the output is as long as x
            around = padding_of(name, follows, sizes, extents, strides)
        axes, out_shape = [], [*x_shape]
        out_shape[channel] = out_channels
        for i, (n, extent, (before, after)) in enumerate(zip(sizes, extents, around, strict=True)):
            if n + before + after < extent and not (n == 0 and follows):
                raise ValueError(
                    f"{name}: {its_x} has {n} samples along axis {filtered[i]} and padding adds "
                    f"{before + after}, but {its_w} spans {brief(extent)}"
                )
            outputs = (n + before + after - extent) // strides[i] + 1
            if outputs and not n:
                check_not_empty(name, filtered[i], n, names[i])
            axes.append(
                axis_of(name, n, taps[i], strides[i], dilations[i], before, outputs, names[i])
            )
            out_shape[filtered[i]] = outputs
        return Problem(
            name=name,
            x_shape=x_shape,
            out_shape=tuple(out_shape),
            order=(*range(lead), channel, *filtered),
            batch=x_shape[:lead],
            groups=count,
            in_channels=w_shape[1],
            out_channels=per_group[1],
            axes=tuple(axes),
            x_dtype=x_dtype,
            relu=relu,
            strict=strict,
            ceiling=RECTIFIERS.get(activation, inf),  # type: ignore[call-overload]
            **values,
        )

    return Kernel(kernels, None if offset is None else offset.reshape(per_group), problem)


def with_weights(
    problem: Problem, w: NDArray, bias: NDArray | None
) -> tuple[tuple[NDArray, ...], NDArray | None, Problem]:
    """Weights and bias as in a `Kernel`, for new floats of the same shapes and dtypes.

    The problem is returned as well, with another form if the new weights have one.
    """
    per_group = problem.groups, problem.out_channels
    kernels = (w.reshape(*per_group, *w.shape[1:]),)
    offset = None if bias is None else bias.reshape(per_group)
    return kernels, offset, with_form(problem, kernels)


def with_form(problem: Problem, kernels: tuple[NDArray, ...]) -> Problem:
    """The problem with the form of new floating-point weights.

    Only kernels with one input and one output channel have a form that depends on values.
    """
    if not problem.in_channels == problem.out_channels == 1:
        return problem
    found = form(kernels, problem.x_dtype, problem.compute, factors=False, most=1)
    return problem if found == problem.form else problem._replace(form=found)


def places(
    argument: str, rank: int, shape: tuple[int, ...], layout: object, layout_argument: str
) -> tuple[int, int, tuple[int, ...]]:
    """The number of batch axes, the channel axis, and the filtered axes of an array."""
    first, last = LAYOUTS[rank]
    one_of(layout, layout_argument, (first, last))
    if len(shape) not in (rank + 1, rank + 2):
        refuse(ValueError, argument, f"shape {shape}", f"{layout!r}, or the same without N")
    lead = len(shape) - rank - 1
    if layout == first:
        return lead, lead, tuple(range(lead + 1, len(shape)))
    return lead, len(shape) - 1, tuple(range(lead, len(shape) - 1))


def _check_groups(
    name: str, count: int, in_channels: int, w: tuple[int, ...], called: tuple[str, str]
) -> None:
    """Refuse groups that do not divide all channels, or do not fit the weights."""
    its_x, its_w = called
    if in_channels % count or w[0] % count:
        raise ValueError(
            f"{name}: groups={count} must divide the {in_channels} channels of {its_x} "
            f"and the {w[0]} of {its_w}"
        )
    if w[1] != in_channels // count:
        raise ValueError(
            f"{name}: {its_w} has {w[1]} input channels per group, but "
            f"{its_x} has {in_channels} channels and groups={count} need {in_channels // count}"
        )


def bias_of(name: str, bias: ArrayLike, out_channels: int) -> NDArray:
    """The bias as an array with one number for each output channel."""
    offset = array(bias, f"{name}: bias")
    if offset.shape != (out_channels,):
        allowed = f"({out_channels},), one number for each output channel"
        refuse(ValueError, f"{name}: bias", f"shape {offset.shape}", allowed)
    return offset


def padding_of(
    argument: str,
    padding: object,
    sizes: Sequence[int],
    extents: Sequence[int],
    strides: Sequence[int],
) -> list[tuple[int, int]]:
    """The padding before and after the array, for each filtered axis."""
    if isinstance(padding, str):
        one_of(padding, argument, PADDINGS)
        if padding == "valid":
            return [(0, 0)] * len(sizes)
        pads = []
        for n, extent, s in zip(sizes, extents, strides, strict=True):
            total = max((-(-n // s) - 1) * s + extent - n, 0)
            small, large = total // 2, total - total // 2
            pads.append((large, small) if padding == "same_lower" else (small, large))
        return pads
    count = len(sizes)
    if type(padding) is int and padding >= 0:
        return [(padding, padding)] * count
    padding = listed(padding)
    if isinstance(padding, (tuple, list)) and any(np.iterable(pair) for pair in padding):
        if len(padding) != count:
            refuse(ValueError, argument, brief(padding), f"{count} pairs, one for each axis")
        return [_pair(argument, pair) for pair in padding]
    if isinstance(padding, (tuple, list)) and len(padding) != count:
        allowed = f"one for all, or for each axis ({count}) one number or pair (before, after)"
        refuse(ValueError, argument, brief(padding), allowed)
    return [(both, both) for both in per_axis(padding, count, argument, least=0)]


def _pair(argument: str, pair: object) -> tuple[int, int]:
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        refuse(ValueError, argument, brief(pair), "a pair of whole numbers for each axis")
    before, after = (integer(side, argument, least=0) for side in pair)
    return before, after
