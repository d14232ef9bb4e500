"""Complex weights for kernels that know real numbers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["as_real"]


def as_real(w: NDArray) -> NDArray:
    """Complex weights as real ones between pairs of channels, ``[[re, -im], [im, re]]``."""
    if w.dtype.kind != "c":
        return w
    return _interleave(_interleave(w.real, w.imag, 1), _interleave(-w.imag, w.real, 1), 2)


def _interleave(first: NDArray, second: NDArray, axis: int) -> NDArray:
    """``first[0], second[0], first[1], second[1], …`` along an axis."""
    pairs = np.stack((first, second), axis=axis + 1)
    return pairs.reshape(*first.shape[:axis], -1, *first.shape[axis + 1 :])
