"""Samples with their border around them, for code that does not use kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.boundary import index_map
from ..problem.problem import Problem

__all__ = ["bordered"]


def bordered(problem: Problem, x: NDArray, constant: Any) -> NDArray:
    """A copy of ``x``, with the axes of ``canonical_x``, extended by the border.

    Along each filtered axis it holds all coordinates that outputs read.  ``constant`` fills those
    outside the array if the border is constant.
    """
    for position, axis in enumerate(problem.axes, x.ndim - len(problem.axes)):
        index = index_map(axis.boundary, *axis.reads(0, axis.out), axis.size)
        inside = index >= 0
        taken = x.take(np.where(inside, index, 0), position) if axis.size else None
        if taken is None:
            shape = (*x.shape[:position], index.size, *x.shape[position + 1 :])
            taken = np.empty(shape, x.dtype)
        if not inside.all():
            np.moveaxis(taken, position, -1)[..., ~inside] = constant
        x = taken
    return x
