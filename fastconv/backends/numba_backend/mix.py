"""Mixing of the few channels of each pixel by a matrix."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numba import from_dtype, types
from numpy.typing import NDArray

from .compile import array, compiled

__all__ = ["code", "mix"]

# mypy: disable-error-code="no-untyped-def"


def mix(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
    *batch, _, _, _ = out.shape
    run = code(out.dtype)
    most = np.iinfo(out.dtype).max if out.dtype.kind == "u" else 0
    for index in np.ndindex(*batch[:-1]):
        to, source = out[index][..., 0, :, :], x[index][..., 0, :, :]
        if not batch:
            to, source = to[None], source[None]
        run(to, source, w[0], bias[0], relu, w.dtype.type(most))


def mix_rows(out, x, w, bias, relu, most):
    """Rows of pixels, ``(rows, channels, pixels)``; integers, rounded, end at ``most``, if that is
    not zero.
    """
    zero = bias.dtype.type(0)
    for row in range(out.shape[0]):
        for p in range(out.shape[2]):
            for k in range(out.shape[1]):
                total = bias[k]
                for c in range(x.shape[1]):
                    total += w[k, c] * x[row, c, p]
                if most > zero:
                    total = total if total > zero else zero  # NaN, too
                    total = np.rint(total if total < most else most)
                out[row, k, p] = 0 if relu and total < 0 else total


@cache
def code(dtype: np.dtype) -> Callable[..., None]:
    """The machine code for a dtype."""
    item = from_dtype(dtype)
    number = types.float32 if dtype.kind == "u" else item
    pixels, source = array(item, 3, "A", readonly=False), array(item, 3, "A")
    weights = array(number, 2), array(number)
    return compiled(mix_rows, types.void(pixels, source, *weights, types.boolean, number))
