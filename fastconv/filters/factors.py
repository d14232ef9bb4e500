"""The 1-D factors of separable filters, as correlation weights in double precision."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .. import kernels

__all__ = ["SLOPE", "SMOOTHING", "gaussian", "line", "second_differences", "uniform"]

SLOPE = np.array([-1, 0, 1], np.int8)
"""The central difference, twice the slope."""
SMOOTHING = {
    name: kernels.get(f"{name}_x", np.int8)[:, -1] for name in ("prewitt", "scharr", "sobel")
}
"""The smoothing weights of gradient operators."""


@lru_cache(maxsize=64)
@np.errstate(all="ignore")
def gaussian(sigma: float, order: int, radius: int) -> NDArray[np.float64]:
    """A sampled Gaussian whose sum is one, or its derivative.

    The derivatives of a Gaussian are Hermite polynomials ``He`` times the Gaussian, up to sign.  A
    correlation reads them in reverse, which cancels the sign of the odd ones.
    """
    t = np.arange(-radius, radius + 1) / sigma
    bell = np.exp(-0.5 * t * t)
    before, hermite = np.zeros_like(t), np.ones_like(t)
    for n in range(order):
        before, hermite = hermite, t * hermite - n * before
    weights: NDArray[np.float64] = hermite / sigma**order * (bell / bell.sum())
    weights.flags.writeable = False
    return weights


def second_differences(rank: int) -> NDArray[np.int8]:
    """The sum of 1 -2 1 along each axis, which is not an outer product of factors."""
    weights = np.zeros((3,) * rank, np.int8)
    middle = (1,) * rank
    weights[middle] = -2 * rank
    for axis in range(rank):
        for side in (0, 2):
            weights[(*middle[:axis], side, *middle[axis + 1 :])] = 1
    return weights


@lru_cache(maxsize=64)
def uniform(size: int, dtype: np.dtype) -> NDArray:
    """The mean of neighbours."""
    weights = np.full(size, 1 / size, dtype)
    weights.flags.writeable = False
    return weights


@np.errstate(all="ignore")
def line(length: int, angle: float) -> NDArray[np.float64]:
    """Points at distance 1 on a line through the centre, distributed over the pixels around them.

    The shape is odd along both axes.  A point between four pixels is distributed with bilinear
    weights; all points have the same weight.
    """
    along = np.arange(length) - (length - 1) / 2
    turn = np.deg2rad(angle)
    places = np.array([-along * np.sin(turn), along * np.cos(turn)])
    pixels = np.rint(places)
    places = np.where(np.abs(places - pixels) < 1e-9, pixels, places)
    radii = np.ceil(np.abs(places).max(axis=1)).astype(int)
    weights = np.zeros(2 * radii + 1)
    lower = np.floor(places).astype(int)
    for step in ((0, 0), (0, 1), (1, 0), (1, 1)):
        corner = lower + np.array(step)[:, None]
        near = np.prod(1 - np.abs(places - corner), axis=0)
        row, column = corner + radii[:, None]
        held = near > 0
        np.add.at(weights, (row[held], column[held]), near[held])
    return weights / length
