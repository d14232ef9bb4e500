"""The backend to read: windows of the input, contracted with the weights by NumPy.

``sliding_window_view`` shows, at each output, the samples under the kernel, without copying any.
Contracting all taps at once would make NumPy copy every window (k·k times the image), so the sum
is taken tap by tap: one strided view of the input times one weight, or, where channels are
summed, one matrix product.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

__all__ = ["correlate", "describe", "unavailable", "warmup"]


def unavailable() -> None:
    """NumPy is always there."""


def describe() -> str:
    return f"NumPy {np.__version__}"


def warmup() -> None:
    """Nothing is compiled."""


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
    filtered = tuple(range(-rank, 0))
    taps = w.shape[-rank:]
    extents = tuple((k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True))
    windows = sliding_window_view(x, extents, axis=filtered)
    every_output = tuple(slice(None, None, s) for s in stride)
    every_tap = tuple(slice(None, None, d) for d in dilation)
    walk: tuple[Any, ...] = (..., *every_output, *every_tap)
    windows = windows[walk]

    out[...] = bias.reshape(*bias.shape, *(1,) * rank)
    if w.shape[2] == 1:
        _multiply(out, windows, w, rank)
    else:
        _multiply_matrices(out, windows, w, rank)
    if relu:
        np.maximum(out, 0, out=out)


def _multiply(out: NDArray, windows: NDArray, w: NDArray, rank: int) -> None:
    """One channel in: scale the view of a tap and add it."""
    ones = (1,) * rank
    scaled = np.empty_like(out)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for tap in np.ndindex(w.shape[-rank:]):
            weights = w[(slice(None), slice(None), 0, *tap)]
            np.multiply(windows[(..., *tap)], weights.reshape(*weights.shape, *ones), out=scaled)
            np.add(out, scaled, out=out)


def _multiply_matrices(out: NDArray, windows: NDArray, w: NDArray, rank: int) -> None:
    """Many channels in: weights (K, C) times samples (C, outputs), for each tap."""
    outputs = out.shape[-rank:]
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for tap in np.ndindex(w.shape[-rank:]):
            view = windows[(..., *tap)]
            samples = view.reshape(*view.shape[:-rank], -1)
            product = np.matmul(w[(..., *tap)], samples)
            np.add(out, product.reshape(*product.shape[:-1], *outputs), out=out)
