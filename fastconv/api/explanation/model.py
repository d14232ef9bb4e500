"""The arithmetic of one output: its window, its products and their sum."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...problem.boundary import index_map

__all__ = ["Arithmetic", "Step", "Tap", "WindowAxis"]


class Tap(NamedTuple):
    """One tap of the kernel, and the sample that it meets.

    Attributes
    ----------
    weight_index : tuple of int
        The index of the weight in `w` as it was given (in the outer product, if `w` was given as
        factors).
    coordinate : tuple of int
        The coordinate in `x`; it lies outside if the border supplies the sample.
    source : tuple of int or None
        The index in `x` from which the sample comes; None for the constant beyond the edges.
    outside : bool
        Whether the coordinate lies outside of `x`.
    sample, weight, product : scalar
        The sample, the weight, and their product.
    """

    weight_index: tuple[int, ...]
    coordinate: tuple[int, ...]
    source: tuple[int, ...] | None
    outside: bool
    sample: Any
    weight: Any
    product: Any


class Step(NamedTuple):
    """One step from the sum to the result.

    Attributes
    ----------
    name : str
        The name of the step, such as "sum of products".
    value : scalar
        The value after the step.
    """

    name: str
    value: Any


@dataclass(frozen=True)
class WindowAxis:
    """The geometry of one axis that the kernel spans.

    Attributes
    ----------
    axis : int
        The axis of `x` and of the result.
    size, taps, stride, dilation : int
        The number of samples of `x` and of taps, and their geometry.
    before, after : int
        The positions before the first sample and after the last one that windows may cover;
        `before` is negative if the first window begins inside.
    boundary : str
        The border of the axis.
    outputs : int
        The number of outputs along the axis.
    position : int
        The output that is explained.
    extent : int
        The samples from the first tap to the last.
    start : int
        The coordinate that the first tap reads.
    exists : bool
        Whether the result has the output along this axis.
    coordinates : tuple of int
        The coordinate in `x` that each tap reads; some may lie outside.
    sources : tuple of int or None
        The index of the sample of `x` that each tap reads; None for the constant.
    left_over : int
        The positions at the end that no window covers because the stride does not fit.
    unread : tuple of int
        The samples of `x` that no output reads, neither directly nor through the border.
    """

    axis: int
    size: int
    taps: int
    stride: int
    dilation: int
    before: int
    after: int
    boundary: str
    outputs: int
    position: int

    @property
    def extent(self) -> int:
        """Samples from the first tap to the last."""
        return (self.taps - 1) * self.dilation + 1

    @property
    def start(self) -> int:
        """The coordinate that the first tap reads."""
        return self.position * self.stride - self.before

    @property
    def exists(self) -> bool:
        """Whether the result has the output along this axis."""
        return 0 <= self.position < self.outputs

    @cached_property
    def coordinates(self) -> tuple[int, ...]:
        """The coordinate in `x` that each tap reads; some may lie outside."""
        return tuple([self.start + tap * self.dilation for tap in range(self.taps)])

    @cached_property
    def sources(self) -> tuple[int | None, ...]:
        """The index of the sample of `x` that each tap reads; None for the constant."""
        if not self.size:
            return (None,) * self.taps
        found = self._source(np.array(self.coordinates))
        return tuple([i if i >= 0 else None for i in found.tolist()])

    @property
    def left_over(self) -> int:
        """Positions at the end that no window covers because the stride does not fit."""
        room = self.size + self.before + self.after - self.extent
        return room % self.stride if room >= 0 else 0

    @cached_property
    def unread(self) -> tuple[int, ...]:
        """The samples of `x` that no output reads, neither directly nor through the border."""
        unread = np.ones(self.size, bool)
        for coordinates in self._read():
            source = self._source(coordinates)
            unread[source[source >= 0]] = False
        return tuple(np.flatnonzero(unread).tolist())

    def _read(self) -> Iterator[NDArray[np.intp]]:
        """All coordinates that outputs read, as a few equally spaced ranges."""
        if not (self.size and self.outputs):
            return
        reach = (self.outputs - 1) * self.stride + 1
        if self.dilation == 1 and self.stride <= self.taps:
            most = 2 * self.size  # the period of every border
            stop = reach + self.extent - 1 - self.before
            yield np.arange(max(-self.before, -most), min(stop, self.size + most))
        elif self.taps <= self.outputs:
            for tap in range(self.taps):
                first = tap * self.dilation - self.before
                yield np.arange(first, first + reach, self.stride)
        else:
            for output in range(self.outputs):
                first = output * self.stride - self.before
                yield np.arange(first, first + self.extent, self.dilation)

    def _source(self, coordinates: NDArray[np.intp]) -> NDArray[np.intp]:
        """The index that each coordinate reads; negative for the constant."""
        source = coordinates.copy()
        for i in np.flatnonzero((coordinates < 0) | (coordinates >= self.size)):
            beyond = int(coordinates[i])
            source[i] = index_map(self.boundary, beyond, beyond + 1, self.size)[0]
        return source


@dataclass(frozen=True, eq=False, repr=False)
class Arithmetic:
    """The numbers of one output; see `Explanation`."""

    call: str
    at: tuple[int, ...]
    x_shape: tuple[int, ...]
    x_dtype: np.dtype
    w_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    dtype: np.dtype
    axes: tuple[WindowAxis, ...]
    channels: range
    channel_axis: int | None
    cval: complex
    samples: NDArray
    weights: NDArray
    products: NDArray
    steps: tuple[Step, ...]
    activation: str | None

    @property
    def exists(self) -> bool:
        """Whether the result has this position."""
        return all(axis.exists for axis in self.axes)

    @property
    def sum(self) -> Any:
        """The sum of all products."""
        return self._value("sum of products")

    @property
    def bias(self) -> Any:
        """The bias that is added to the sum."""
        return self._value("bias")

    @property
    def result(self) -> Any:
        """The output."""
        return self.steps[-1].value if self.steps else None

    def _value(self, name: str) -> Any:
        return next((step.value for step in self.steps if step.name == name), None)

    @cached_property
    def taps(self) -> tuple[Tap, ...]:
        """All taps, one by one, in the order of the axes of the window."""
        return tuple(self._taps())

    def _taps(self) -> Iterator[Tap]:
        if not self.exists:
            return
        coordinate: list[int] = list(self.at)
        source: list[int | None] = list(self.at)
        for channel, *tap in np.ndindex(self.samples.shape):
            place = (channel, *tap)
            if self.channel_axis is not None:
                coordinate[self.channel_axis] = source[self.channel_axis] = self.channels[channel]
            for axis, i in zip(self.axes, tap, strict=True):
                coordinate[axis.axis] = axis.coordinates[i]
                source[axis.axis] = axis.sources[i]
            known = [i for i in source if i is not None]
            yield Tap(
                self._index(channel, tap),
                tuple(coordinate),
                tuple(known) if len(known) == len(source) else None,
                any(not 0 <= coordinate[axis.axis] < axis.size for axis in self.axes),
                self.samples[place],
                self.weights[place],
                self.products[place],
            )

    def _index(self, channel: int, tap: list[int]) -> tuple[int, ...]:
        if self.channel_axis is not None:
            return (self.at[self.channel_axis], channel, *tap)
        if self.call == "convolve":
            return tuple([a.taps - 1 - i for a, i in zip(self.axes, tap, strict=True)])
        return tuple(tap)
