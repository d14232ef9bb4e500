"""Sparse correlation: for each tap of a list, its weight times a view of the samples."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .correlate import add_products

__all__ = ["correlate_sparse", "seen_by"]


@np.errstate(all="ignore")
def correlate_sparse(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    offsets: NDArray[np.int64],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    rank = len(stride)
    out[...] = bias.reshape(*bias.shape, *(1,) * rank)
    outputs = out.shape[-rank:]
    seen = (x[(..., *seen_by(tap, dilation, stride, outputs))] for tap in offsets.tolist())
    add_products(out, seen, w, rank)
    if relu:
        np.maximum(out, 0, out=out)


def seen_by(
    tap: Iterable[int], dilation: Iterable[int], stride: Iterable[int], outputs: Iterable[int]
) -> tuple[Any, ...]:
    """Slices of the samples that a tap multiplies, for a number of outputs along each axis."""
    axes = zip(tap, dilation, stride, outputs, strict=True)
    return tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in axes)
