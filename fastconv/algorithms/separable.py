"""Separable: one pass of a 1-D kernel along each axis, k + k products instead of k · k.

It works on the slab that it is given, borders included, so that nothing between two passes is
larger than the slab.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..backends._protocol import Backend
from ..problem import Problem
from . import costs

__all__ = ["cost", "prepare", "products", "refuses", "run"]


def refuses(problem: Problem) -> str | None:
    """It needs the factors of the kernel."""
    if not problem.factors:
        return "the kernel was not given as a tuple of 1-D factors"
    return None


def products(problem: Problem) -> int:
    """One a tap of each factor."""
    return sum(problem.taps) * problem.parts**2


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    slow_products = products(problem) * costs.ONE_ROW
    return costs.seconds(problem, backend, slow_products, passes=len(problem.axes))


def prepare(problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
    """The factors as they are."""
    return w


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    """Filter one slab along each axis in turn."""
    rank = len(stride)
    ones = (1,) * rank
    no_bias = np.zeros_like(bias)
    for position, factor in enumerate(weights):
        last = position == rank - 1
        steps = (*ones[:position], stride[position], *ones[position + 1 :])
        gaps = (*ones[:position], dilation[position], *ones[position + 1 :])
        lead = x.ndim - rank
        shape = list(x.shape)
        shape[lead + position] = out.shape[lead + position]
        target = out if last else np.empty_like(x, shape=shape)
        backend.correlate(target, x, factor, bias if last else no_bias, steps, gaps, relu)
        x = target
