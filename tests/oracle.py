"""The oracle: every convolution as loops over Python numbers, slow and obvious.

Why it exists: three backends and several algorithms must agree, and something has to say with what.
It promises exact integers (Python's own), double precision floats, and one line for each idea:
where a sample comes from, what is multiplied, what is added. It shares no code with the package and
never imports it. It refuses speed: `by_taps` is the one version for images too large for loops, and
`test_oracle.py` holds it to the loops.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

import numpy as np

BOUNDARIES = ("constant", "nearest", "symmetric", "mirror", "wrap")

Point = tuple[int, ...]


@dataclass(frozen=True)
class Expected:
    """What a result must be: its values, the sums of |w| |x| behind them, the terms of a sum."""

    values: np.ndarray
    magnitude: np.ndarray
    terms: int


@dataclass(frozen=True)
class Reference:
    """A question in plain form: the shape of the answer, and the products that each sample sums."""

    shape: Point
    terms: int
    products: Callable[[Point], Iterable[tuple[Any, Any]]]
    activation: str | None = None

    def at(self, points: Sequence[Point]) -> Expected:
        """Evaluate at the given output positions, one loop each."""
        values = np.empty(len(points), dtype=object)
        magnitude = np.zeros(len(points))
        for i, point in enumerate(points):
            total: Any = 0
            size = 0.0
            for weight, sample in self.products(point):
                total = total + weight * sample
                size += abs(weight) * abs(sample)
            if self.activation and total == total:
                total = min(max(total, 0), {"relu": np.inf, "relu6": 6}[self.activation])
            values[i], magnitude[i] = total, size
        return Expected(values, magnitude, self.terms)

    def everywhere(self) -> Expected:
        """Evaluate at every output position."""
        flat = self.at(list(np.ndindex(self.shape)))
        values, magnitude = flat.values.reshape(self.shape), flat.magnitude.reshape(self.shape)
        return Expected(values, magnitude, self.terms)


@dataclass(frozen=True)
class Window:
    """One axis: `extent` outputs, each seeing `taps` samples that start `before` ahead of it."""

    n: int
    taps: int
    before: int
    extent: int
    stride: int
    dilation: int
    boundary: str

    def sources(self, o: int) -> list[int | None]:
        """For each tap of output `o`, the sample it reads; None outside a constant border."""
        start = o * self.stride - self.before
        return [source(self.boundary, start + t * self.dilation, self.n) for t in range(self.taps)]


def source(boundary: str, i: int, n: int) -> int | None:
    """Fold position `i` back onto an axis of `n` samples, one bounce at a time."""
    if 0 <= i < n:
        return i
    if boundary == "constant":
        return None
    if boundary == "nearest":
        return 0 if i < 0 else n - 1
    if boundary == "mirror" and n == 1:
        return 0
    assert n > 0, "an empty axis has no samples to repeat"
    while not 0 <= i < n:
        if boundary == "wrap":
            i += n if i < 0 else -n
        elif boundary == "symmetric":
            i = -1 - i if i < 0 else 2 * n - 1 - i
        elif boundary == "mirror":
            i = -i if i < 0 else 2 * n - 2 - i
        else:
            raise ValueError(boundary)
    return i


def correlate(
    x: Any,
    w: Any,
    *,
    axes: int | Sequence[int] | None = None,
    mode: str = "same",
    boundary: str | Sequence[str] = "constant",
    cval: Any = 0,
    origin: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
) -> Reference:
    """Sum of `w[t] * x[o * stride + t * dilation - before]` over the taps `t`."""
    samples = numbers(x)
    weight = _weights(w)
    axes, windows = _windows(
        samples.shape, weight.shape, axes, mode, boundary, origin, stride, dilation
    )
    shape = list(samples.shape)
    for axis, window in zip(axes, windows, strict=True):
        shape[axis] = window.extent

    sources = {axis: cache(window.sources) for axis, window in zip(axes, windows, strict=True)}
    weights = weight.transpose(np.argsort(axes)).ravel()

    def products(point: Point) -> Iterator[tuple[Any, Any]]:
        read = [sources[axis](o) if axis in sources else [o] for axis, o in enumerate(point)]
        for value, index in zip(weights, product(*read), strict=True):
            yield value, cval if None in index else samples[index]

    return Reference(tuple(shape), weight.size, products)


def convolve(x: Any, w: Any, *, origin: int | Sequence[int] = 0, **how: Any) -> Reference:
    """`correlate` with the kernel flipped along every axis, and its centre moved the other way."""
    flipped = tuple(f[::-1] for f in w) if isinstance(w, tuple) else np.flip(np.asarray(w))
    turned = -origin if isinstance(origin, int) else [-o for o in origin]
    return correlate(x, flipped, origin=turned, **how)


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[Any] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    boundary: str | Sequence[str] = "constant",
    activation: str | None = None,
) -> Reference:
    """A layer: `x` (N, C, *S), `w` (K, C // groups, *taps), `padding` a number or pairs."""
    samples, weight = numbers(x), numbers(w)
    offset = None if bias is None else numbers(bias)
    rank = weight.ndim - 2
    channels = weight.shape[1]
    filters = weight.shape[0] // groups
    pads = [(padding, padding)] * rank if isinstance(padding, int) else padding
    windows = [
        Window(n, k, lo, (n + lo + hi - (k - 1) * d - 1) // s + 1, s, d, b)
        for n, k, (lo, hi), s, d, b in zip(
            samples.shape[2:],
            weight.shape[2:],
            pads,
            _each(stride, rank),
            _each(dilation, rank),
            _each(boundary, rank),
            strict=True,
        )
    ]

    sources = [cache(window.sources) for window in windows]

    def products(point: Point) -> Iterator[tuple[Any, Any]]:
        image, k, *position = point
        if offset is not None:
            yield offset[k], 1
        first = k // filters * channels
        read = [source_of(o) for source_of, o in zip(sources, position, strict=True)]
        places = product(range(first, first + channels), *read)
        for value, index in zip(weight[k].ravel(), places, strict=True):
            yield value, 0 if None in index else samples[(image, *index)]

    shape = (samples.shape[0], weight.shape[0], *(window.extent for window in windows))
    return Reference(shape, weight[0].size + 1, products, activation)


def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[Any] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
    *,
    activation: str | None = None,
) -> Reference:
    """Every sample of `x` (N, C, *S) adds its multiple of a filter of `w` (C, K // groups, *taps)
    to the result, of which `padding` (a number or pairs) is cut off.
    """
    samples, weight = numbers(x), numbers(w)
    rank = weight.ndim - 2
    pads = [(padding, padding)] * rank if isinstance(padding, int) else padding
    strides, dilations = _each(stride, rank), _each(dilation, rank)
    walks = list(zip(strides, dilations, pads, strict=True))
    extent = [
        (n - 1) * s + (k - 1) * d + 1 + more - lo - hi
        for n, k, more, (s, d, (lo, hi)) in zip(
            samples.shape[2:], weight.shape[2:], _each(output_padding, rank), walks, strict=True
        )
    ]
    per_group, filters = samples.shape[1] // groups, weight.shape[1]
    shape = (samples.shape[0], filters * groups, *extent)
    added: dict[Point, list[tuple[Any, Any]]] = {point: [] for point in np.ndindex(shape)}
    if bias is not None:
        for point, pairs in added.items():
            pairs.append((numbers(bias)[point[1]], 1))
    for image, c, *i in np.ndindex(samples.shape):
        for k, *t in np.ndindex(weight.shape[1:]):
            position = [
                at * s + tap * d - lo for at, tap, (s, d, (lo, _)) in zip(i, t, walks, strict=True)
            ]
            point = (image, c // per_group * filters + k, *position)
            if point in added:
                added[point].append((weight[(c, k, *t)], samples[(image, c, *i)]))
    terms = max(map(len, added.values()), default=0)
    return Reference(shape, terms, added.__getitem__, activation)


def conv_gradients(x: Any, w: Any, gy: Any, **how: Any) -> tuple[Expected, Expected]:
    """Of the input and of the weights of `conv`, whose result has the gradient `gy`.

    Every product of `conv` gives each factor the gradient of its sum, times the other factor
    (conjugated).
    """
    samples, weight, upper = numbers(x), numbers(w), numbers(gy)
    places = np.arange(1, samples.size + 1).reshape(samples.shape)
    reference = conv(places, np.zeros(weight.shape, int), **how)
    assert reference.shape == upper.shape
    sums = {"x": [np.zeros(samples.size, object), np.zeros(samples.size), np.zeros(samples.size)]}
    sums["w"] = [np.zeros(weight[0].size * len(weight), kind) for kind in (object, float, int)]
    flat = samples.ravel(), weight.reshape(len(weight), -1)
    for point in np.ndindex(upper.shape):
        for tap, (_, place) in enumerate(reference.products(point)):
            if place:
                mine, its = flat[1][point[1], tap], flat[0][place - 1]
                for name, at, factor in (
                    ("x", place - 1, mine),
                    ("w", point[1] * weight[0].size + tap, its),
                ):
                    term = upper[point] * np.conj(factor)
                    for total, more in zip(sums[name], (term, abs(term), 1), strict=True):
                        total[at] += more
    return tuple(
        Expected(value.reshape(like.shape), size.reshape(like.shape), int(terms.max(initial=0)))
        for (value, size, terms), like in zip(sums.values(), (samples, weight), strict=True)
    )


def by_taps(
    x: Any,
    w: Any,
    *,
    axes: int | Sequence[int] | None = None,
    mode: str = "same",
    boundary: str | Sequence[str] = "constant",
    cval: Any = 0,
    origin: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
    dilation: int | Sequence[int] = 1,
) -> Expected:
    """What `correlate(...).everywhere()` says, one whole-array multiply and add for each tap.

    Sums are double precision: integers are exact below 2**53 and no further.
    """
    x, weight = np.asarray(x), _weights(w)
    axes, windows = _windows(x.shape, weight.shape, axes, mode, boundary, origin, stride, dilation)
    wide = np.result_type(x, np.float64)
    read = [[window.sources(o) for o in range(window.extent)] for window in windows]
    values: Any = 0.0
    magnitude: Any = 0.0
    for taps in np.ndindex(weight.shape):
        seen = x.astype(wide)
        for axis, outputs, t in zip(axes, read, taps, strict=True):
            sources = [output[t] for output in outputs]
            outside = np.array([s is None for s in sources], dtype=bool)
            seen = np.take(seen, [0 if s is None else s for s in sources], axis=axis)
            np.moveaxis(seen, axis, 0)[outside] = cval
        with np.errstate(invalid="ignore"):
            values = values + weight[taps] * seen
            magnitude = magnitude + abs(weight[taps]) * np.abs(seen)
    return Expected(values, magnitude, weight.size)


def numbers(a: Any) -> np.ndarray:
    """The same array holding Python's own numbers: exact integers, double precision floats."""
    a = np.asarray(a)
    return (a.astype(np.uint8) if a.dtype == bool else a).astype(object)


def _weights(w: Any) -> np.ndarray:
    """The dense kernel; separable factors are multiplied out, exactly for integers."""
    if not isinstance(w, tuple):
        return numbers(w)
    factors = [numbers(f) for f in w]
    dense = np.empty([len(f) for f in factors], dtype=object)
    for taps in np.ndindex(dense.shape):
        dense[taps] = math.prod(f[t] for f, t in zip(factors, taps, strict=True))
    return dense


def _windows(
    shape: Point,
    taps: Point,
    axes: int | Sequence[int] | None,
    mode: str,
    boundary: str | Sequence[str],
    origin: int | Sequence[int],
    stride: int | Sequence[int],
    dilation: int | Sequence[int],
) -> tuple[list[int], list[Window]]:
    rank = len(taps)
    where = range(-rank, 0) if axes is None else _each(axes, rank)
    axes = [axis % len(shape) for axis in where]
    windows = []
    for axis, k, b, centre, s, d in zip(
        axes,
        taps,
        _each(boundary, rank),
        _each(origin, rank),
        _each(stride, rank),
        _each(dilation, rank),
        strict=True,
    ):
        n, reach = shape[axis], (k - 1) * d + 1
        before, extent = {
            "same": (reach // 2 + centre, n),
            "valid": (0, n - reach + 1),
            "full": (reach - 1, n + reach - 1),
        }[mode]
        windows.append(Window(n, k, before, len(range(0, extent, s)), s, d, b))
    return axes, windows


def _each(value: Any, rank: int) -> Sequence[Any]:
    return [value] * rank if isinstance(value, int | str) else value


def samples(shape: Point, dtype: Any, seed: int = 0) -> np.ndarray:
    """Something to ask about: normal floats, integers and bools over their whole range."""
    rng = np.random.default_rng(seed)
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if dtype.kind in "iu":
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)
    if dtype.kind == "c":
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    return rng.normal(size=shape).astype(dtype)


def small(shape: Point, dtype: Any, seed: int = 1) -> np.ndarray:
    """Weights: as `samples`, but integers from -3 (unsigned: 0) to 3."""
    drawn = samples(shape, dtype, seed)
    if drawn.dtype.kind not in "iu":
        return drawn
    return (drawn % 4).astype(dtype) if drawn.dtype.kind == "u" else (drawn % 7 - 3).astype(dtype)


def spread(shape: Point, count: int, seed: int = 0) -> list[Point]:
    """`count` output positions, half of the coordinates within three samples of an edge."""
    rng = np.random.default_rng(seed)
    corners = list(product(*({0, n - 1} for n in shape)))
    near = [sorted({i % n for i in range(-3, 3)}) for n in shape]

    def drawn(edge: list[int], n: int) -> int:
        return int(rng.choice(edge) if rng.random() < 0.5 else rng.integers(n))

    return corners + [tuple(map(drawn, near, shape)) for _ in range(count)]
