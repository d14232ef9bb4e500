"""How ``conv_transpose*d`` are lowered: the adjoint of a convolution.

For output ``o`` and tap ``t``, a convolution reads sample ``o * stride + t * dilation - before``.
Its adjoint adds to that sample instead: ``x`` takes the place of the outputs, and the result that
of the samples.  Samples whose coordinates have the same remainder modulo the stride form a *phase*.
They are reached by the same taps, so that each phase is an ordinary convolution of ``x`` with these
taps in reverse order, stride 1 and a zero border.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import gcd, inf, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..problem import dtypes
from ..problem.form import form
from ..problem.problem import Axis, Problem
from .arguments import brief, integer, one_of, per_axis, refuse
from .arrays import array, check_dtype
from .fields import MAX_SAMPLES, Question, axis_of, number_fields
from .layers import (
    ACTIVATIONS,
    PRECISIONS,
    RECTIFIERS,
    bias_of,
    padding_of,
    places,
    with_form,
)

__all__ = [
    "Adjoint",
    "Result",
    "Strip",
    "Transposition",
    "transposed",
    "transposition",
]

WEIGHTS = {
    1: "(C, K // groups, k)",
    2: "(C, K // groups, kh, kw)",
    3: "(C, K // groups, kd, kh, kw)",
}


class Result(NamedTuple):
    """The result, which the phases fill."""

    name: str
    """The name of the call, for error messages."""
    x_shape: tuple[int, ...]
    x_dtype: np.dtype
    shape: tuple[int, ...]
    channel: int
    """The axis of channels, in ``x`` and in the result."""
    dtype: np.dtype
    sums: np.dtype
    """The dtype of the sums, which differs from that of the result if strips are added to them."""
    complex: bool
    rest: NDArray | None
    """The value of samples that no tap reaches, for each channel; None if there are none."""

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape, under the name that a problem uses."""
        return self.shape


class Phase(NamedTuple):
    """Samples of the result that are one convolution of ``x``."""

    out: tuple[slice, ...]
    taps: tuple[slice, ...]
    """The taps that reach these samples, in reverse order."""
    question: Question


class Strip(NamedTuple):
    """Samples beyond an edge, which are added to the samples that the border repeats."""

    transposition: Transposition
    runs: tuple[NDArray[np.int64], ...]
    """The coordinates of these samples along each filtered axis, as `boundary.runs`."""


class Transposition(NamedTuple):
    """The checked adjoint of a convolution, as a set of convolutions."""

    result: Result
    phases: tuple[Phase, ...]
    strips: tuple[Strip, ...]

    def without_weights(self) -> Transposition:
        """The same without weights, valid for all floating-point weights of this shape."""
        strips = [(each.transposition.without_weights(), each.runs) for each in self.strips]
        phases = [
            phase._replace(question=phase.question._replace(w=(), bias=None))
            for phase in self.phases
        ]
        return Transposition(self.result, tuple(phases), tuple([Strip(*each) for each in strips]))

    def with_weights(self, w: NDArray, bias: NDArray | None = None) -> Transposition:
        """The same with new weights and bias, of the same shapes and floating-point dtypes."""
        strips = [
            Strip(each.transposition.with_weights(w, bias), each.runs) for each in self.strips
        ]
        phases = []
        for out, taps, (problem, _, _) in self.phases:
            places: Any = (..., *taps)
            kernels = (w.reshape(problem.groups, -1, *w.shape[1:]).swapaxes(1, 2)[places],)
            offset = None if bias is None else bias.reshape(problem.groups, -1)
            question = Question(with_form(problem, kernels), kernels, offset)
            phases.append(Phase(out, taps, question))
        return Transposition(self.result, tuple(phases), tuple(strips))


class Adjoint(NamedTuple):
    """The weights and fields that all phases and strips share."""

    w: NDArray
    """``(groups, channels out, channels in, *taps)``."""
    bias: NDArray | None
    """``(groups, channels out)``."""
    channel: int
    filtered: tuple[int, ...]
    fields: dict[str, Any]
    """Fields of the problems of all phases."""


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
    precision: object,
    out_dtype: np.dtype | None,
) -> Transposition:
    """The adjoint that ``conv_transpose*d`` computes."""
    check_dtype(x_dtype, f"{name}: x")
    weights = array(w, f"{name}: w")
    lead, channel, filtered = places(f"{name}: x", rank, x_shape, layout, f"{name}: layout")
    if weights.ndim != rank + 2 or 0 in weights.shape:
        refuse(ValueError, f"{name}: w", f"shape {weights.shape}", WEIGHTS[rank])
    one_of(activation, f"{name}: activation", ACTIVATIONS)
    one_of(precision, f"{name}: precision", PRECISIONS)
    count = integer(groups, f"{name}: groups", least=1)
    in_channels, out_channels = x_shape[channel], weights.shape[1] * count
    if in_channels % count:
        raise ValueError(f"{name}: groups={count} must divide the {in_channels} channels of x")
    if weights.shape[0] != in_channels:
        raise ValueError(
            f"{name}: w has {weights.shape[0]} input channels, but x has {in_channels} channels"
        )
    offset = None
    if bias is not None:
        offset = bias_of(name, bias, out_channels).reshape(count, -1)
    kernel = weights.reshape(count, -1, *weights.shape[1:]).swapaxes(1, 2)
    where = (lead, channel, filtered)
    shared = adjoint(
        name, x_shape, x_dtype, where, kernel, offset, activation, precision, out_dtype
    )
    if shared.fields["complex"] and activation is not None:
        refuse(TypeError, f"{name}: activation", brief(activation), "None for complex numbers")
    strides = per_axis(stride, rank, f"{name}: stride", least=1)
    dilations = per_axis(dilation, rank, f"{name}: dilation", least=1)
    extra = per_axis(output_padding, rank, f"{name}: output_padding", least=0)
    if isinstance(padding, str):
        refuse(TypeError, f"{name}: padding", brief(padding), "numbers, or pairs of them")
    sizes = [x_shape[axis] for axis in filtered]
    pads = padding_of(f"{name}: padding", padding, sizes, sizes, strides)
    least = 1 if all(x_shape[:lead]) else 0  # an empty batch may have empty results
    axes = []
    for i, (n, (before, after)) in enumerate(zip(sizes, pads, strict=True)):
        if extra[i] >= max(strides[i], dilations[i]):
            allowed = f"less than stride {strides[i]} or dilation {dilations[i]}"
            refuse(ValueError, f"{name}: output_padding", brief(output_padding), allowed)
        taps = weights.shape[2 + i]
        size = (n - 1) * strides[i] + (taps - 1) * dilations[i] + 1 + extra[i] - before - after
        if n == 0 or not least <= size <= MAX_SAMPLES:
            raise ValueError(
                f"{name}: the result would have {brief(size)} samples along axis {filtered[i]}, "
                f"as x has {n} and padding removes {brief(before + after)}"
            )
        axes.append(Axis(size, taps, strides[i], dilations[i], before, n, "constant"))
    return transposed(shared, tuple(axes))


def adjoint(
    name: str,
    x_shape: tuple[int, ...],
    x_dtype: np.dtype,
    where: tuple[int, int, tuple[int, ...]],
    w: NDArray,
    bias: NDArray | None,
    activation: object,
    precision: object,
    out_dtype: np.dtype | None,
) -> Adjoint:
    """The `Adjoint` for checked arguments; ``where`` is the result of `places` for ``x``."""
    lead, channel, filtered = where
    groups, out_channels, in_channels = w.shape[:3]
    whole = w.dtype.kind in "biu"  # only then do values matter, which takes a copy
    rows = w.reshape(groups * out_channels, -1) if whole else w
    fields = {
        "name": name,
        "x_shape": x_shape,
        "x_dtype": x_dtype,
        "order": (*range(lead), channel, *filtered),
        "batch": x_shape[:lead],
        "groups": groups,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "relu": activation in RECTIFIERS,
        "ceiling": RECTIFIERS.get(activation, inf),  # type: ignore[call-overload]
        "strict": precision == "strict",
        **number_fields(name, x_dtype, [rows], bias, 0, False, None, out_dtype),
    }
    return Adjoint(w, bias, channel, filtered, fields)


def transposed(shared: Adjoint, axes: tuple[Axis, ...]) -> Transposition:
    """The adjoint of a convolution along ``axes``, which all have a constant border."""
    w, bias, channel, filtered, fields = shared

    def shape(sizes: tuple[int, ...]) -> tuple[int, ...]:
        lengths = dict(zip(filtered, sizes, strict=True))
        lengths[channel] = w.shape[0] * w.shape[1]
        return tuple(lengths.get(axis, n) for axis, n in enumerate(fields["x_shape"]))

    phases = []
    for combination in product(*(_phases(fields["name"], axis) for axis in axes)):
        samples, taps, geometry = zip(*combination, strict=True)
        kernels = (w[(..., *taps)],)
        out = [slice(None)] * len(fields["x_shape"])
        for axis, span in zip(filtered, samples, strict=True):
            out[axis] = span
        problem = Problem(
            out_shape=shape(tuple([axis.out for axis in geometry])),
            axes=geometry,
            form=form(kernels, fields["x_dtype"], fields["compute"], factors=False, most=1),
            **fields,
        )
        phases.append(Phase(tuple(out), taps, Question(problem, kernels, bias)))
    out_shape = shape(tuple(axis.size for axis in axes))
    made = sum(phase.question.problem.outputs for phase in phases)
    result = Result(
        name=fields["name"],
        x_shape=fields["x_shape"],
        x_dtype=fields["x_dtype"],
        shape=out_shape,
        channel=channel,
        dtype=fields["dtype"],
        sums=fields["dtype"],
        complex=fields["complex"],
        rest=None if made == prod(out_shape) else _rest(shared),
    )
    return Transposition(result, tuple(phases), strips=())


def _phases(name: str, axis: Axis) -> Iterator[tuple[slice, slice, Axis]]:
    """For each phase that a tap reaches along an axis: its samples, its taps, and its geometry."""
    stride = axis.stride
    if axis.out == 1:  # any stride is right; with this one, no tap falls on the border
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
            geometry = axis_of(name, axis.out, taps, 1, dilation, before, out, "constant")
            yield slice(first, None, stride), backwards, geometry


def _rest(shared: Adjoint) -> NDArray:
    """The value of samples that no tap reaches, for each channel of the result."""
    w, bias, _, _, fields = shared
    rest = np.zeros(w.shape[0] * w.shape[1], fields["dtype"])
    if bias is not None:
        sums = bias.reshape(-1).astype(object if fields["exact"] else bias.dtype)
        dtypes.store(rest, dtypes.activated(sums, fields["relu"], fields["ceiling"]))
    return rest
