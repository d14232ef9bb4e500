"""What an explanation holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...problem.boundary import TABLE

__all__ = ["Explanation", "Step", "Tap", "WindowAxis"]


class Tap(NamedTuple):
    """One tap of the kernel, and the sample that it meets."""

    weight_index: tuple[int, ...]
    """Of the weight in `w` as it was given (of the outer product, if `w` was given as factors)."""
    coordinate: tuple[int, ...]
    """In `x`; outside of it where a border supplies the sample."""
    source: tuple[int, ...] | None
    """The index in `x` from which the sample comes; None for the constant beyond the edges."""
    outside: bool
    """Whether the coordinate lies outside of `x`."""
    sample: Any
    weight: Any
    product: Any


class Step(NamedTuple):
    """What becomes of the sum, one step at a time."""

    name: str
    value: Any


@dataclass(frozen=True)
class WindowAxis:
    """One axis that the kernel spans: where windows lie, and which of them is explained."""

    axis: int
    """Of `x` and of the result."""
    size: int
    """Samples of `x`."""
    taps: int
    stride: int
    dilation: int
    before: int
    """Positions in front of the first sample that windows may cover; negative, if the first window
    begins inside."""
    after: int
    """The same behind the last sample."""
    boundary: str
    outputs: int
    position: int
    """Of the output that is explained."""

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
        """The sample of `x` that each tap gets, None where it is the constant."""
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
        """The samples of `x` that no output reads, neither in place nor by way of the border."""
        unread = np.ones(self.size, bool)
        for coordinates in self._read():
            source = self._source(coordinates)
            unread[source[source >= 0]] = False
        return tuple(np.flatnonzero(unread).tolist())

    def _read(self) -> Iterator[NDArray[np.intp]]:
        """The coordinates that outputs read, in the largest steps that have one distance."""
        if not (self.size and self.outputs):
            return
        reach = (self.outputs - 1) * self.stride + 1
        if self.dilation == 1 and self.stride <= self.taps:
            most = 2 * self.size  # by there, every border has repeated itself
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
        return TABLE[self.boundary].index_map(coordinates, self.size)


@dataclass(frozen=True, eq=False, repr=False)
class Explanation:
    """One output of a convolution, step by step; made by `fastconv.explain`.

    ``print(explanation)`` shows it as text, notebooks show it as tables, and `to_dict` gives plain
    data.  Large windows are shown in part; the attributes hold all of them.

    Attributes
    ----------
    call : str
        The name of the call: "correlate", "convolve", "conv1d", "conv2d" or "conv3d".
    at : tuple of int
        The position of the output in the result.
    exists : bool
        Whether the result has this position.  If not, there are no numbers: the arrays are empty,
        and `sum`, `bias` and `result` are None.
    x_shape, w_shape, out_shape : tuple of int
        The shapes of the input, of the kernel and of the result.
    dtype : dtype
        The dtype of the result.
    axes : tuple of WindowAxis
        The axes that the kernel spans, in the order of the axes of the kernel: positions that the
        window covers, the samples that the border supplies, and what the stride leaves out.
    samples, weights, products : ndarray
        ``(channels, *taps)``: what the taps read, the kernel as it lies on the window (flipped, for
        "convolve"), and their products.
    sum : scalar
        The sum of all products.
    bias : scalar or None
        What is added to it.
    activation : str or None
        The name of the function that is then applied.
    result : scalar
        The output: rounded, saturated or in lower precision, if the dtype of the result asks for
        it.
    taps : tuple of Tap
        All taps, one by one.
    steps : tuple of Step
        The sum and what becomes of it, by name.

    Examples
    --------
    >>> import fastconv as fc
    >>> e = fc.explain([1, 2, 3, 4], [1, 0, -1], at=0, boundary="nearest")
    >>> e.samples.tolist(), e.weights.tolist(), e.result
    ([[1, 1, 2]], [[1, 0, -1]], -1)
    >>> e.axes[0].coordinates, e.axes[0].sources
    ((-1, 0, 1), (0, 0, 1))
    """

    call: str
    at: tuple[int, ...]
    x_shape: tuple[int, ...]
    x_dtype: np.dtype
    w_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    dtype: np.dtype
    axes: tuple[WindowAxis, ...]
    channels: range
    """The channels of `x` that the output depends on."""
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
        """What is added to the sum."""
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

    def __str__(self) -> str:
        from .text import text

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from .html import html

        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain data, ready for JSON.

        Returns
        -------
        dict
            The attributes, by name: numbers, text, lists and dictionaries.  Numbers that JSON does
            not have (complex, infinite, NaN) are text.
        """
        return {
            "call": self.call,
            "at": list(self.at),
            "exists": self.exists,
            "x_shape": list(self.x_shape),
            "w_shape": list(self.w_shape),
            "out_shape": list(self.out_shape),
            "dtype": str(self.dtype),
            "axes": [_axis_as_dict(axis) for axis in self.axes],
            "taps": [
                {name: plain(value) for name, value in tap._asdict().items()} for tap in self.taps
            ],
            "steps": [{"name": step.name, "value": plain(step.value)} for step in self.steps],
            "sum": plain(self.sum),
            "bias": plain(self.bias),
            "activation": self.activation,
            "result": plain(self.result),
            "text": str(self),
        }


def _axis_as_dict(axis: WindowAxis) -> dict[str, Any]:
    names = (
        *("axis", "size", "taps", "stride", "dilation", "before", "after", "boundary", "outputs"),
        *("position", "extent", "start", "exists", "coordinates", "sources", "left_over", "unread"),
    )
    return {name: plain(getattr(axis, name)) for name in names}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    unknown = isinstance(value, complex) or (isinstance(value, float) and not math.isfinite(value))
    return str(value) if unknown else value
