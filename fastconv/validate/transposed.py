"""What ``conv_transpose*d`` ask: the adjoint of a convolution.

A convolution reads sample ``o * stride + t * dilation - before`` for output ``o`` under tap ``t``.
Its adjoint adds to that sample, instead: ``x`` has the convolution's outputs, and the result its
samples.  Samples whose coordinates leave the same rest when divided by the stride, a *phase*, are
reached by the same taps, so that each phase is an ordinary convolution of ``x``, with the taps in
reverse, ``stride`` 1 and zeros as a border.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import dtypes
from ..problem import Axis, Problem
from .arguments import array, brief, check_dtype, integer, one_of, per_axis, refuse
from .form import form
from .layers import ACTIVATIONS, bias_of, padding_of, places
from .question import LONGEST, Question, numbers, walk

__all__ = [
    "Adjoint",
    "Result",
    "Strip",
    "Transposition",
    "numbers_of",
    "transposed",
    "transposition",
]

WEIGHTS = {
    1: "(C, K // groups, k)",
    2: "(C, K // groups, kh, kw)",
    3: "(C, K // groups, kd, kh, kw)",
}


class Result(NamedTuple):
    """What the phases fill."""

    name: str
    """The call that asked, for messages."""
    source: str
    """What it calls ``x``."""
    shape: tuple[int, ...]
    channel: int
    """The axis of channels, in ``x`` and in the result."""
    dtype: np.dtype
    sums: np.dtype
    """Of the sums: another one where strips are added to them."""
    complex: bool
    rest: NDArray | None
    """What each channel holds where no tap reaches; None where there is no such place."""


class Phase(NamedTuple):
    """Some samples of the result, and the convolution that makes them."""

    out: tuple[slice, ...]
    question: Question


class Strip(NamedTuple):
    """Samples beyond an edge, which are added to those that they were taken from."""

    transposition: Transposition
    runs: tuple[NDArray[np.int64], ...]
    """Where that is, along each filtered axis."""


class Transposition(NamedTuple):
    """The adjoint of a convolution, checked, as the convolutions that it is made of."""

    result: Result
    phases: tuple[Phase, ...]
    strips: tuple[Strip, ...]


class Adjoint(NamedTuple):
    """What all phases and strips share."""

    name: str
    x_shape: tuple[int, ...]
    x_dtype: np.dtype
    lead: int
    channel: int
    filtered: tuple[int, ...]
    w: NDArray
    """``(groups, channels out, channels in, *taps)``."""
    bias: NDArray | None
    """``(groups, channels out)``."""
    relu: bool
    numbers: dict[str, Any]
    """The fields of a problem that follow from dtypes and weights."""


def transposition(
    name: str,
    rank: int,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    w: ArrayLike,
    bias: ArrayLike | None,
    *,
    stride: object,
    padding: object,
    output_padding: object,
    groups: object,
    dilation: object,
    layout: object,
    activation: object,
    out_dtype: np.dtype | None,
) -> Transposition:
    """The transposed convolution that a layer asks for."""
    check_dtype(x_dtype, f"{name}: x")
    weights = array(w, f"{name}: w")
    lead, channel, filtered = places(f"{name}: x", rank, x_shape, layout, f"{name}: layout")
    if weights.ndim != rank + 2 or 0 in weights.shape:
        refuse(ValueError, f"{name}: w", f"shape {weights.shape}", WEIGHTS[rank])
    one_of(activation, f"{name}: activation", ACTIVATIONS)
    count = integer(groups, f"{name}: groups", least=1)
    in_channels, out_channels = x_shape[channel], weights.shape[1] * count
    if in_channels % count:
        raise ValueError(f"{name}: groups={count} must divide the {in_channels} channels of x")
    if weights.shape[0] != in_channels:
        raise ValueError(
            f"{name}: w has {weights.shape[0]} input channels, x has {in_channels} channels"
        )
    offset = None
    if bias is not None:
        offset = bias_of(name, bias, out_channels).reshape(count, -1)
    kernel = weights.reshape(count, -1, *weights.shape[1:]).swapaxes(1, 2)
    values = numbers_of(name, x_dtype, kernel, offset, out_dtype)
    if values["complex"] and activation is not None:
        refuse(TypeError, f"{name}: activation", brief(activation), "None for complex numbers")
    relu = activation == "relu"
    adjoint = Adjoint(name, x_shape, x_dtype, lead, channel, filtered, kernel, offset, relu, values)
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    extra = per_axis(output_padding, rank, f"{name}: output_padding", least=0)
    if isinstance(padding, str):
        refuse(TypeError, f"{name}: padding", brief(padding), "numbers, or pairs of them")
    sizes = [x_shape[axis] for axis in filtered]
    pads = padding_of(f"{name}: padding", padding, sizes, sizes, strides)
    axes = []
    for i, (n, (before, after)) in enumerate(zip(sizes, pads, strict=True)):
        if extra[i] >= max(strides[i], dilations[i]):
            allowed = f"less than stride {strides[i]} or dilation {dilations[i]}"
            refuse(ValueError, f"{name}: output_padding", brief(output_padding), allowed)
        taps = weights.shape[2 + i]
        size = (n - 1) * strides[i] + (taps - 1) * dilations[i] + 1 + extra[i] - before - after
        if n == 0 or not 0 < size <= LONGEST:
            raise ValueError(
                f"{name}: the result would have {size} samples along axis {filtered[i]}, "
                f"for x has {n} and padding takes away {before + after}"
            )
        axes.append(Axis(size, taps, strides[i], dilations[i], before, n, "constant"))
    return transposed(adjoint, tuple(axes))


def numbers_of(
    name: str, x_dtype: np.dtype, w: NDArray, bias: NDArray | None, out_dtype: np.dtype | None
) -> dict[str, Any]:
    """The fields of a problem that follow from dtypes and weights, which are as an adjoint's."""
    whole = w.dtype.kind in "biu"  # only then do values matter, and a copy is needed to see them
    rows = w.reshape(w.shape[0] * w.shape[1], -1) if whole else w
    return numbers(name, x_dtype, [rows], bias, 0, None, out_dtype)


def transposed(adjoint: Adjoint, axes: tuple[Axis, ...]) -> Transposition:
    """The adjoint of a convolution along ``axes``, all of which have a constant border."""
    name, x_shape, x_dtype, lead, channel, filtered, w, bias, relu, values = adjoint
    order = (*range(lead), channel, *filtered)
    groups, out_channels, in_channels = w.shape[:3]

    def shape(sizes: tuple[int, ...]) -> tuple[int, ...]:
        lengths = dict(zip(filtered, sizes, strict=True))
        lengths[channel] = groups * out_channels
        return tuple(lengths.get(axis, n) for axis, n in enumerate(x_shape))

    phases = []
    for combination in product(*map(_phases, axes)):
        samples, taps, walked = zip(*combination, strict=True)
        kernels = (w[(..., *taps)],)
        out = [slice(None)] * len(x_shape)
        for axis, some in zip(filtered, samples, strict=True):
            out[axis] = some
        problem = Problem(
            name=name,
            x_shape=x_shape,
            out_shape=shape(tuple(axis.out for axis in walked)),
            order=order,
            batch=x_shape[:lead],
            groups=groups,
            in_channels=in_channels,
            out_channels=out_channels,
            axes=walked,
            x_dtype=x_dtype,
            relu=relu,
            form=form(kernels, x_dtype, values["compute"], factors=False, most=1),
            **values,
        )
        phases.append(Phase(tuple(out), Question(problem, kernels, bias)))
    out_shape = shape(tuple(axis.size for axis in axes))
    made = sum(prod(phase.question.problem.out_shape) for phase in phases)
    rest = None
    if made < prod(out_shape):
        rest = _rest(adjoint)
    result = Result(
        name=name,
        source="x",
        shape=out_shape,
        channel=channel,
        dtype=values["dtype"],
        sums=values["dtype"],
        complex=values["complex"],
        rest=rest,
    )
    return Transposition(result, tuple(phases), strips=())


def _phases(axis: Axis) -> Iterator[tuple[slice, slice, Axis]]:
    """For the phases that taps reach: their samples, their taps, and how these walk over ``x``."""
    stride = axis.stride
    if axis.out == 1:  # any step will do, and with this one no tap is multiplied by a border
        stride = axis.taps * axis.dilation
    shared = gcd(stride, axis.dilation)
    step, dilation = stride // shared, axis.dilation // shared
    for tap in range(min(step, axis.taps)):
        read = tap * axis.dilation - axis.before
        first = read % stride
        if first < axis.size:
            taps = len(range(tap, axis.taps, step))
            before = (taps - 1) * dilation + (read - first) // stride
            out = len(range(first, axis.size, stride))
            last = tap + (taps - 1) * step
            backwards = slice(last, tap - 1 if tap else None, -step)
            walked = walk("", axis.out, taps, 1, dilation, before, out, "constant")
            yield slice(first, None, stride), backwards, walked


def _rest(adjoint: Adjoint) -> NDArray:
    """What each channel of the result holds where no tap reaches."""
    groups, out_channels = adjoint.w.shape[:2]
    rest = np.zeros(groups * out_channels, adjoint.numbers["dtype"])
    if adjoint.bias is not None:
        bias = adjoint.bias.reshape(-1)
        bias = bias.astype(object if adjoint.numbers["exact"] else bias.dtype)
        dtypes.store(rest, np.maximum(bias, 0) if adjoint.relu else bias)
    return rest
