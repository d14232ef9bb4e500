"""One channel in and one out for each group, with zeros around the samples."""

from __future__ import annotations

from math import prod
from operator import le
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...problem.boundary import runs
from .copy import pad
from .correlate import correlate

__all__ = ["depthwise"]


@np.errstate(all="ignore")
def depthwise(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pad_before: tuple[int, ...],
    relu: bool,
) -> None:
    outputs, taps = out.shape[-len(stride) :], w.shape[1:]
    x = _with_zeros(x, outputs, taps, stride, dilation, pad_before)
    if len(w) == 1 or prod(outputs) >= prod(taps):
        correlate(out, x, w[:, None, None], bias, stride, dilation, relu)
        return
    # The same sums in the same order: rows of groups are added below each other.
    rank, batch = len(taps), x.shape[: -len(taps) - 2]
    terms = np.empty((1 + prod(taps), *batch, len(w)), out.dtype)
    terms[0] = bias[:, 0]
    products = terms[1:].reshape(*taps, *batch, len(w))
    weights = np.moveaxis(w, 0, -1).reshape(*taps, *(1 for _ in batch), len(w))
    for output in np.ndindex(outputs):
        axes = zip(output, stride, dilation, taps, strict=True)
        window: list[Any] = [slice(o * s, o * s + (k - 1) * d + 1, d) for o, s, d, k in axes]
        seen = np.moveaxis(x[(..., 0, *window)], range(-rank, 0), range(rank))
        np.multiply(seen, weights, out=products)
        np.add.reduce(terms, axis=0, out=out[(..., 0, *output)])
    if relu:
        np.maximum(out, 0, out=out)


def _with_zeros(
    x: NDArray,
    outputs: tuple[int, ...],
    taps: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    pad_before: tuple[int, ...],
) -> NDArray:
    """All samples that are read, those beyond the edges, too."""
    rank = len(taps)
    axes = zip(outputs, taps, stride, dilation, strict=True)
    lengths = tuple((n - 1) * s + (k - 1) * d + 1 for n, k, s, d in axes)
    if not any(pad_before) and all(map(le, lengths, x.shape[-rank:])):
        return x
    padded = np.empty_like(x, shape=(*x.shape[:-rank], *lengths))
    ends = zip(pad_before, lengths, x.shape[-rank:], strict=True)
    pad(padded, x, tuple([runs("constant", (-zeros,), n, size) for zeros, n, size in ends]), 0)
    return padded
