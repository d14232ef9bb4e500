"""Sums over a list of taps: the loops of `correlate`, with a plane for each tap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry.sparse import sparse_nest
from .correlate import run

__all__ = ["correlate_sparse"]


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
    run(out, x, w, bias, sparse_nest(out, x, w, offsets, bias, stride, dilation), relu)
