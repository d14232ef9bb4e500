"""The problem: a fully checked convolution, independent of how it will be computed.

Every call of the library becomes a :class:`Problem`, and all problems have the same formula::

    out[b, g, k, o] = act(bias[g, k] + sum over c, t of
                          w[g, k, c, t] * x[b, g, c, o * stride + t * dilation - before])

with ``x`` extended beyond its edges by a border.  ``b`` runs over any number of batch axes, ``g``
over groups, ``c`` and ``k`` over the channels of a group, ``o`` and ``t`` over the filtered axes.
Signals, images, volumes and network layers differ only in the numbers.  A problem holds shapes and
dtypes, never arrays, and is the key under which its recipe is cached.
"""

from __future__ import annotations

import builtins
from functools import cached_property
from math import inf, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_COLORS", "Axis", "Form", "Problem", "Walk"]

BYTE = np.dtype("u1")
MOST_COLORS = 63
"""Samples of a pixel that rows keep together where they are blurred."""


class Axis(NamedTuple):
    """One filtered axis: its samples, its taps and their geometry."""

    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    """Samples before the array that the first output reads; negative if it starts inside."""
    out: int
    """Outputs along this axis."""
    boundary: str

    @property
    def extent(self) -> int:
        """Samples from the first tap to the last."""
        return (self.taps - 1) * self.dilation + 1

    def reads(self, start: int, stop: int) -> tuple[int, int]:
        """The range of coordinates that the outputs ``start … stop-1`` read."""
        _, taps, stride, dilation, before, _, _ = self
        first = start * stride - before
        return first, first + (stop - start - 1) * stride + (taps - 1) * dilation + 1

    @property
    def interior(self) -> tuple[int, int]:
        """The range of outputs whose taps all lie inside the array."""
        size, taps, stride, dilation, before, out, _ = self
        start = min(max(-(-before // stride), 0), out)
        stop = (size - (taps - 1) * dilation - 1 + before) // stride + 1
        return start, max(min(stop, out), start)


class Walk(NamedTuple):
    """The windows of a tile along each filtered axis, relative to the samples that it reads."""

    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    """Zeros that the first output reads before the first sample.  It is 0, and there are no zeros
    after the last sample either, for algorithms that do not read edges in place."""


class Form(NamedTuple):
    """Structure in the weights of a kernel with one input and one output channel."""

    factors: bool
    """Whether they were given as 1-D factors, one for each axis."""
    rank: int | None
    """The number of products of 1-D factors that sum up to them, or None if unknown."""
    uniform: bool
    """Whether they are all equal in each group."""
    nonzero: int | None
    """The number of taps that are not zero in at least one group; None with more channels."""
    pattern: bytes | None = None
    """A bit for each tap, in C order as by `numpy.packbits`, set where it is not zero in some
    group; None with more channels, if more than half of the taps are not zero, or if floats are
    antisymmetric along one axis."""
    whole: int | None = None
    """For samples that are bytes: the sum of the magnitudes of the weights, in units of which all
    weights are integer multiples (1 or a power of two below).  None for other samples, if a weight
    has more than 15 bits, or if float32 does not hold all sums exactly."""


class Fields(NamedTuple):
    """The fields of a problem, which are compared and hashed."""

    name: str
    """The name of the call, for error messages."""
    x_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    order: tuple[int, ...]
    """The axes of ``x`` and ``out`` in the order batch, channel (if there is one) and filtered."""
    batch: tuple[int, ...]
    groups: int
    in_channels: int
    """Channels of ``x`` in a group."""
    out_channels: int
    """Channels of ``out`` in a group."""
    axes: tuple[Axis, ...]
    x_dtype: np.dtype
    dtype: np.dtype
    """The dtype of the result."""
    compute: np.dtype
    """The dtype in which kernels compute: float32, float64, int64, or object for wider integers."""
    exact: bool
    """Whether samples and weights are integers, so that no sum may be rounded."""
    complex: bool
    """Whether samples have real and imaginary parts, as two channels of dtype ``compute``."""
    cval: builtins.complex
    relu: bool
    strict: bool
    """Whether every algorithm rounds as a plain sum does.  If not, and the weights are factors of
    bytes, they may be rounded to `fixed.weights`."""
    form: Form
    safe: int | None
    """The magnitude of samples up to which 64 bits hold every sum; -1 if ``cval`` exceeds it, None
    if no sum can exceed 64 bits."""
    casts: bool = False
    """Whether integer results are cast as in C (`dtypes.cast`) instead of rounded and saturated."""
    scale: float = 1.0
    """A factor of floating-point sums, applied before they are cast."""
    ceiling: float = inf
    """Upper limit of the results; with ``relu``, a clipped rectifier."""


class Problem(Fields):
    """One convolution, checked: shapes, dtypes, borders and the form of the kernel."""

    @property
    def parts(self) -> int:
        """The number of real numbers in a sample."""
        return 2 if self.complex else 1

    @cached_property
    def canonical_x(self) -> tuple[int, ...]:
        """The shape ``(*batch, groups, channels, *samples)``."""
        sizes = [axis.size for axis in self.axes]
        return (*self.batch, self.groups, self.in_channels, *sizes)

    @cached_property
    def canonical_out(self) -> tuple[int, ...]:
        """The shape ``(*batch, groups, channels, *outputs)``."""
        lengths = [axis.out for axis in self.axes]
        return (*self.batch, self.groups, self.out_channels, *lengths)

    @cached_property
    def in_fixed_point(self) -> bool:
        """Whether the problem is a blur of bytes in fixed point, as defined in `fixed`."""
        if self.strict or not self.form.factors or len(self.axes) != 2 or self.casts:
            return False
        if not self.x_dtype == self.dtype == BYTE or self.compute != np.float32:
            return False
        dense = all(axis.stride == axis.dilation == 1 for axis in self.axes)
        beyond = any(axis.boundary == "constant" for axis in self.axes)
        inner = [
            n
            for axis, n in zip(self.order, self.batch, strict=False)
            if axis > max(self.order[-2:])
        ]
        return dense and prod(inner) <= MOST_COLORS and (not beyond or self.cval in range(256))

    def view_x(self, x: NDArray) -> NDArray:
        """The user's ``x`` as batch, group, channel and filtered axes, without a copy."""
        return x.transpose(self.order).reshape(self.canonical_x)

    def view_out(self, out: NDArray) -> NDArray:
        """The user's ``out`` as batch, group, channel and filtered axes, without a copy."""
        return out.transpose(self.order).reshape(self.canonical_out)

    @cached_property
    def samples(self) -> int:
        """The number of samples in all channels of ``x``."""
        return prod(self.canonical_x)

    @cached_property
    def outputs(self) -> int:
        """The number of outputs in all channels."""
        return prod(self.canonical_out)

    @cached_property
    def taps(self) -> tuple[int, ...]:
        """The shape of the kernel along the filtered axes."""
        return tuple([axis.taps for axis in self.axes])
