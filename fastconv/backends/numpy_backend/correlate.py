"""Sliding windows, contracted with the weights tap by tap.

``sliding_window_view`` shows, at each output, the samples under the kernel, without copying any.
Contracting all taps at once would make NumPy copy every window (k·k times the image), so the sum
is taken tap by tap: one strided view of the input times one weight, or, where channels are
summed, one matrix product.  If all taps lie along one axis, the products of two taps at the
same distance from the middle are added first.  With symmetric or antisymmetric weights, mirrored
samples then give the same bits, and derivatives of flat samples are exactly 0.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["add_products", "correlate", "matrix_product"]

MAX_SERIAL_MACS = 1 << 18
"""Multiply-adds of a matrix product that OpenBLAS computes on the calling thread."""


@np.errstate(all="ignore")
def correlate(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    rank = len(stride)
    taps = w.shape[-rank:]
    extents = tuple([(k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True)])
    windows = sliding_window_view(x, extents, axis=tuple(range(-rank, 0)))
    every: list[Any] = [slice(None, None, step) for step in (*stride, *dilation)]
    windows = windows[(..., *every)]

    out[...] = bias.reshape(*bias.shape, *(1,) * rank)
    if w.shape[2] == 1:
        seen = [windows[(..., *tap)] for tap in np.ndindex(taps)]
        weights = w.reshape(*bias.shape, -1)
        if max(taps) == len(seen):
            _add_line(out, seen, weights, rank)
        else:
            add_products(out, seen, weights, rank)
    else:
        _add_matrix_products(out, windows, w, rank)
    if relu:
        np.maximum(out, 0, out=out)


def add_products(out: NDArray, seen: Iterable[NDArray], w: NDArray, rank: int) -> None:
    """One channel in: scale the samples that each tap sees and add them; taps are last in ``w``."""
    ones = (1,) * rank
    scaled = np.empty_like(out)
    for samples, weights in zip(seen, np.moveaxis(w, -1, 0), strict=True):
        np.multiply(samples, weights.reshape(*weights.shape, *ones), out=scaled)
        np.add(out, scaled, out=out)


def _add_line(out: NDArray, seen: list[NDArray], w: NDArray, rank: int) -> None:
    """As `add_products`, but in pairs of opposite taps, from both ends inwards."""
    weights = w[(..., *(None,) * rank)]
    half = len(seen) // 2
    scaled, opposite = np.empty_like(out), np.empty_like(out)
    for tap in range(half):
        np.multiply(seen[tap], weights[:, :, tap], out=scaled)
        np.multiply(seen[-1 - tap], weights[:, :, -1 - tap], out=opposite)
        np.add(scaled, opposite, out=scaled)
        np.add(out, scaled, out=out)
    middle = slice(half, len(seen) - half)
    add_products(out, seen[middle], w[..., middle], rank)


def _add_matrix_products(out: NDArray, windows: NDArray, w: NDArray, rank: int) -> None:
    """Many channels in: weights (K, C) times samples (C, outputs), for each tap."""
    outputs = out.shape[-rank:]
    for tap in np.ndindex(w.shape[-rank:]):
        view = windows[(..., *tap)]
        samples = view.reshape(*view.shape[:-rank], -1)
        product = matrix_product(w[(..., *tap)], samples)
        np.add(out, product.reshape(*product.shape[:-1], *outputs), out=out)


def matrix_product(a: NDArray, b: NDArray) -> NDArray:
    """The matrix product, in blocks that BLAS does not give to threads of its own: those wait for
    each other by spinning, and a busy processor makes them a hundred times slower.
    """
    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    product = np.empty((*b.shape[:-2], rows, columns), b.dtype)
    height = max(1, min(rows, MAX_SERIAL_MACS // (16 * inner)))
    width = max(1, MAX_SERIAL_MACS // (height * inner))
    for top in range(0, rows, height):
        band = slice(top, top + height)
        for left in range(0, columns, width):
            block = slice(left, left + width)
            np.matmul(a[..., band, :], b[..., block], out=product[..., band, block])
    return product
