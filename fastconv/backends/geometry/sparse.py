"""The loop nest of compiled kernels for a list of taps: one plane for each tap."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .nest import LoopNest, make_nest

__all__ = ["sparse_nest"]


def sparse_nest(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    offsets: NDArray[np.int64],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> LoopNest:
    """The loops of a slab (see `nest.py`), cached for the same shapes, strides and offsets."""
    return _sparse_nest(
        out.shape,
        out.strides,
        x.strides,
        w.strides,
        offsets.tobytes(),
        bias.strides,
        stride,
        dilation,
        out.itemsize,
    )


@lru_cache(maxsize=1024)
def _sparse_nest(
    out_shape: tuple[int, ...],
    out_strides: tuple[int, ...],
    x_strides: tuple[int, ...],
    w_strides: tuple[int, ...],
    offsets: bytes,
    bias_strides: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    itemsize: int,
) -> LoopNest:
    rank = len(stride)
    one_tap = (1,) * (1 + rank)
    nest = make_nest(
        out_shape,
        one_tap,
        out_strides,
        x_strides,
        (*w_strides[:2], *one_tap),
        bias_strides,
        stride,
        dilation,
        itemsize,
    )
    taps = np.frombuffer(offsets, np.int64).reshape(-1, rank)
    steps = np.multiply(x_strides[-rank:], dilation) // itemsize
    weights = np.arange(len(taps)) * (w_strides[2] // itemsize)
    return nest._replace(planes=np.stack([taps @ steps, weights], axis=-1))
