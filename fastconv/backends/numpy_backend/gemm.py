"""Matrix products: those of `correlate`, with weights in panels or outputs in one line."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .copy import store
from .correlate import correlate, matrix_product
from .sparse import seen_by

__all__ = ["PANEL", "gemm", "pointwise", "weight_gradient"]

PANEL = 32
"""Output channels of a panel of weights."""


def gemm(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    groups, panels, *taps, channels, width = w.shape
    whole = np.moveaxis(w, (1, -1), (-2, -1)).reshape(groups, *taps, channels, panels * width)
    natural = np.moveaxis(whole[..., : out.shape[-len(taps) - 1]], (-1, -2), (1, 2))
    correlate(out, x, natural, bias, stride, dilation, relu)


def pointwise(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
    if out.dtype == w.dtype:
        correlate(out, x, w[..., None], bias, (1,), (1,), relu)
        return
    sums = np.empty_like(out, w.dtype)
    correlate(sums, x.astype(w.dtype), w[..., None], bias, (1,), (1,), relu)
    store(out, sums)


@np.errstate(all="ignore")
def weight_gradient(
    out: NDArray,
    x: NDArray,
    gradient: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    rank = len(stride)
    by_channels = np.moveaxis(gradient, (-rank - 2, -rank - 1), (0, -1))
    factors = by_channels.reshape(by_channels.shape[0], -1, by_channels.shape[-1])
    outputs = gradient.shape[-rank:]
    for tap in np.ndindex(out.shape[-rank:]):
        seen = x[(..., *seen_by(tap, dilation, stride, outputs))]
        by_outputs = np.moveaxis(seen, (-rank - 2, -rank - 1), (0, 1))
        samples = by_outputs.reshape(*by_outputs.shape[:2], -1)
        out[(..., *tap)] = matrix_product(samples, factors).swapaxes(1, 2)
