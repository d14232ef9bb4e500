"""Layers and their gradients, one whole-array product and sum for each tap.

For questions that are too many or too large for the loops of `oracle`, which `test_oracle.py` holds
these to.  Sums are double precision: integers are exact below 2**53 and no further.  Arrays are
(N, C, *S), as in `oracle`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from oracle import Expected, Window

Slices = tuple[slice, ...]


class Walk:
    """Where the taps of a layer lie on its input, with the border as samples of their own."""

    def __init__(
        self,
        size: Sequence[int],
        taps: Sequence[int],
        stride: Any,
        padding: Any,
        dilation: Any,
        boundary: Any,
    ) -> None:
        rank = len(taps)
        pads = [(padding, padding)] * rank if isinstance(padding, int) else padding
        self.stride, self.dilation = _each(stride, rank), _each(dilation, rank)
        self.taps, self.sources, self.extent = taps, [], []
        for n, k, (lo, hi), s, d, border in zip(
            size, taps, pads, self.stride, self.dilation, _each(boundary, rank), strict=True
        ):
            self.extent.append((n + lo + hi - (k - 1) * d - 1) // s + 1)
            whole = Window(n, n + lo + hi, lo, 1, 1, 1, border).sources(0)
            self.sources.append(np.array([n if i is None else i for i in whole], dtype=int))

    def gather(self, x: np.ndarray) -> np.ndarray:
        """`x` with its border."""
        for axis, sources in enumerate(self.sources, x.ndim - len(self.sources)):
            zero = np.zeros_like(x, shape=(*x.shape[:axis], 1, *x.shape[axis + 1 :]))
            x = np.concatenate([x, zero], axis).take(sources, axis)
        return x

    def scatter(self, padded: np.ndarray, size: Sequence[int]) -> np.ndarray:
        """The adjoint of `gather`."""
        for axis, (n, sources) in enumerate(
            zip(size, self.sources, strict=True), padded.ndim - len(size)
        ):
            moved = np.moveaxis(padded, axis, 0)
            folded = np.zeros_like(moved, shape=(n + 1, *moved.shape[1:]))
            np.add.at(folded, sources, moved)
            padded = np.moveaxis(folded[:n], 0, axis)
        return padded

    def reads(self, size: Sequence[int]) -> list[np.ndarray]:
        """The samples that lie on the input and its border, for each axis."""
        return [at[at < n] for at, n in zip(self.sources, size, strict=True)]

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], Slices]]:
        """Each tap, and the samples that it meets."""
        for tap in product(*map(range, self.taps)):
            yield (
                tap,
                tuple(
                    slice(t * d, t * d + (o - 1) * s + 1, s)
                    for t, d, o, s in zip(tap, self.dilation, self.extent, self.stride, strict=True)
                ),
            )


def conv(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    boundary: Any = "constant",
    activation: str | None = None,
) -> Expected:
    """What `oracle.conv(...).everywhere()` says."""
    samples, weight = _wide(x), _wide(w)
    walk = Walk(samples.shape[2:], weight.shape[2:], stride, padding, dilation, boundary)
    sums = []
    for a, b in ((samples, weight), (abs(samples), abs(weight))):
        padded, filters = _apart(walk.gather(a), 1, groups), _apart(b, 0, groups)
        shape = (len(samples), *filters.shape[:2], *walk.extent)
        total = np.zeros(shape, np.result_type(a, b))
        for tap, where in walk:
            total += np.einsum("gkc,ngc...->ngk...", filters[(..., *tap)], padded[(..., *where)])
        sums.append(total.reshape(len(samples), len(weight), *walk.extent))
    return _finished(*sums, bias, weight[0].size + 1, activation)


def conv_gradients(
    x: Any,
    w: Any,
    gy: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    boundary: Any = "constant",
) -> tuple[Expected, Expected]:
    """What `oracle.conv_gradients(...)` says."""
    samples, weight, upper = _wide(x), _wide(w), _wide(gy)
    size = samples.shape[2:]
    walk = Walk(size, weight.shape[2:], stride, padding, dilation, boundary)
    sums = []
    for a, b, c in (
        (np.conj(samples), np.conj(weight), upper),
        (abs(samples), abs(weight), abs(upper)),
    ):
        padded, filters, parts = (
            _apart(walk.gather(a), 1, groups),
            _apart(b, 0, groups),
            _apart(c, 1, groups),
        )
        of_x = np.zeros_like(padded, np.result_type(b, c))
        of_w = np.zeros_like(filters, np.result_type(a, c))
        for tap, where in walk:
            of_x[(..., *where)] += np.einsum("gkc,ngk...->ngc...", filters[(..., *tap)], parts)
            met = padded[(..., *where)]
            flat = (each.reshape(*each.shape[:3], -1) for each in (parts, met))
            of_w[(..., *tap)] = np.einsum("ngkp,ngcp->gkc", *flat)
        of_x = of_x.reshape(*samples.shape[:2], *of_x.shape[3:])
        sums.append((walk.scatter(of_x, size), of_w.reshape(weight.shape)))
    (of_x, of_w), (magnitude_x, magnitude_w) = sums
    folds = [np.bincount(at, minlength=1).max(initial=1) for at in walk.reads(size)]
    for_x = weight[:, 0].size // groups * int(np.prod(folds))
    return (
        Expected(of_x, magnitude_x, for_x),
        Expected(of_w, magnitude_w, len(samples) * int(np.prod(walk.extent))),
    )


def conv_transpose(
    x: Any,
    w: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
    *,
    activation: str | None = None,
) -> Expected:
    """What `oracle.conv_transpose(...).everywhere()` says."""
    samples, weight = _wide(x), _wide(w)
    rank = weight.ndim - 2
    strides, dilations = _each(stride, rank), _each(dilation, rank)
    pads = [(padding, padding)] * rank if isinstance(padding, int) else padding
    more = _each(output_padding, rank)
    whole = [
        (n - 1) * s + (k - 1) * d + 1
        for n, k, s, d in zip(samples.shape[2:], weight.shape[2:], strides, dilations, strict=True)
    ]
    walk = Walk(whole, weight.shape[2:], strides, 0, dilations, "constant")
    sums = []
    for a, b in ((samples, weight), (abs(samples), abs(weight))):
        parts, filters = _apart(a, 1, groups), _apart(b, 0, groups)
        shape = (len(samples), groups, weight.shape[1], *whole)
        total = np.zeros(shape, np.result_type(a, b))
        for tap, where in walk:
            total[(..., *where)] += np.einsum("gkc,ngk...->ngc...", filters[(..., *tap)], parts)
        total = total.reshape(len(samples), groups * weight.shape[1], *whole)
        total = np.pad(total, [(0, 0), (0, 0), *((0, n) for n in more)])
        cut = tuple(slice(lo, n + m - hi) for (lo, hi), n, m in zip(pads, whole, more, strict=True))
        sums.append(total[(..., *cut)])
    return _finished(*sums, bias, weight[:, 0].size // groups + 1, activation)


def _finished(
    values: np.ndarray, magnitude: np.ndarray, bias: Any, terms: int, activation: str | None
) -> Expected:
    if bias is not None:
        offset = _wide(bias).reshape(-1, *(1 for _ in values.shape[2:]))
        values, magnitude = values + offset, magnitude + abs(offset)
    if activation is not None:
        values = np.clip(values, 0, {"relu": np.inf, "relu6": 6}[activation])
    return Expected(values, magnitude, terms)


def _wide(a: Any) -> np.ndarray:
    return np.asarray(a).astype(np.result_type(np.asarray(a).dtype, np.float64))


def _apart(a: np.ndarray, axis: int, groups: int) -> np.ndarray:
    """`a` with the groups of an axis as an axis of their own."""
    return a.reshape(*a.shape[:axis], groups, a.shape[axis] // groups, *a.shape[axis + 1 :])


def _each(value: Any, rank: int) -> Sequence[Any]:
    return [value] * rank if isinstance(value, int | str) else value
