"""What ``conv1d``, ``conv2d`` and ``conv3d`` ask: batches, channels, groups, padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem.problem import Problem
from .arguments import (
    array,
    borders,
    brief,
    check_dtype,
    check_not_empty,
    integer,
    listed,
    one_of,
    per_axis,
    refuse,
)
from ..problem.form import form
from .question import Question, numbers, walk

__all__ = ["ACTIVATIONS", "PRECISIONS", "bias_of", "convolution", "padding_of", "places"]

LAYOUTS = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}
WEIGHTS = {
    1: "(K, C // groups, k)",
    2: "(K, C // groups, kh, kw)",
    3: "(K, C // groups, kd, kh, kw)",
}
ACTIVATIONS = (None, "relu")
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
) -> Question:
    """The question that a convolution layer asks; ``called``: what the user calls x and w."""
    its_x, its_w = called
    check_dtype(x_dtype, f"{name}: {its_x}")
    weights = array(w, f"{name}: {its_w}")
    lead, channel, filtered = places(f"{name}: {its_x}", rank, x_shape, layout, f"{name}: layout")
    if weights.ndim != rank + 2 or 0 in weights.shape:
        refuse(ValueError, f"{name}: {its_w}", f"shape {weights.shape}", WEIGHTS[rank])
    one_of(activation, f"{name}: activation", ACTIVATIONS)
    one_of(precision, f"{name}: precision", PRECISIONS)

    in_channels, out_channels = x_shape[channel], weights.shape[0]
    group_count = _groups(name, groups, in_channels, weights, called)
    offset = None if bias is None else bias_of(name, bias, out_channels)

    names = borders(boundary, rank, f"{name}: boundary")
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    sizes, taps = tuple(x_shape[axis] for axis in filtered), weights.shape[2:]
    extents = tuple((k - 1) * d + 1 for k, d in zip(taps, dilations, strict=True))
    follows = isinstance(padding, str) and padding != "valid"  # the output is as long as x
    pads = padding_of(f"{name}: padding", padding, sizes, extents, strides)
    walked = []
    for i, (n, extent, (before, after)) in enumerate(zip(sizes, extents, pads, strict=True)):
        if n + before + after < extent and not (n == 0 and follows):
            raise ValueError(
                f"{name}: {its_x} has {n} samples along axis {filtered[i]} and padding adds "
                f"{before + after}, {its_w} reaches over {extent}"
            )
        outputs = (n + before + after - extent) // strides[i] + 1
        if outputs:
            check_not_empty(name, filtered[i], n, names[i])
        walked.append(walk(name, n, taps[i], strides[i], dilations[i], before, outputs, names[i]))

    values = numbers(name, x_dtype, [weights.reshape(out_channels, -1)], offset, 0, None, out_dtype)
    if values["complex"] and activation is not None:
        refuse(TypeError, f"{name}: activation", brief(activation), "None for complex numbers")
    lengths = dict(zip(filtered, (axis.out for axis in walked), strict=True))
    lengths[channel] = out_channels
    per_group = (group_count, out_channels // group_count)
    kernels = (weights.reshape(*per_group, *weights.shape[1:]),)
    problem = Problem(
        name=name,
        x_shape=x_shape,
        out_shape=tuple(lengths.get(axis, n) for axis, n in enumerate(x_shape)),
        order=(*range(lead), channel, *filtered),
        batch=x_shape[:lead],
        groups=group_count,
        in_channels=in_channels // group_count,
        out_channels=per_group[1],
        axes=tuple(walked),
        x_dtype=x_dtype,
        relu=activation == "relu",
        strict=precision == "strict",
        form=form(kernels, x_dtype, values["compute"], factors=False, most=1),
        **values,
    )
    return Question(problem, kernels, None if offset is None else offset.reshape(per_group))


def places(
    argument: str, rank: int, shape: tuple[int, ...], layout: object, layout_argument: str
) -> tuple[int, int, tuple[int, ...]]:
    """How many batch axes an array has, and where its channels and its filtered axes are."""
    first, last = LAYOUTS[rank]
    one_of(layout, layout_argument, (first, last))
    if len(shape) not in (rank + 1, rank + 2):
        refuse(ValueError, argument, f"shape {shape}", f"{layout!r}, or the same without N")
    lead = len(shape) - rank - 1
    channel = lead if layout == first else len(shape) - 1
    return lead, channel, tuple(axis for axis in range(lead, len(shape)) if axis != channel)


def _groups(
    name: str, groups: object, in_channels: int, w: NDArray, called: tuple[str, str]
) -> int:
    count = integer(groups, f"{name}: groups", least=1)
    its_x, its_w = called
    if in_channels % count or w.shape[0] % count:
        raise ValueError(
            f"{name}: groups={count} must divide the {in_channels} channels of {its_x} "
            f"and the {w.shape[0]} of {its_w}"
        )
    if w.shape[1] != in_channels // count:
        raise ValueError(
            f"{name}: {its_w} has {w.shape[1]} input channels per group, "
            f"{its_x} has {in_channels} channels and groups={count} need {in_channels // count}"
        )
    return count


def bias_of(name: str, bias: ArrayLike, out_channels: int) -> NDArray:
    """One number for each output channel."""
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
    """Samples before and after the array, for each filtered axis."""
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
    padding, count = listed(padding), len(sizes)
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
