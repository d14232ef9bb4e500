"""Sums of integers that may exceed 64 bits, computed with Python's integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem import dtypes
from ..problem.problem import Problem
from .bordered import bordered

__all__ = ["correlate"]


def correlate(
    problem: Problem, out: NDArray, x: NDArray, w: tuple[NDArray, ...], bias: NDArray | None
) -> None:
    """Fill ``out``; the kernel is one array ``(G, K, C, *T)`` or its factors."""
    samples = bordered(problem, problem.view_x(x).astype(object), int(problem.cval.real))
    dense = w[0].astype(object)
    for factor in w[1:]:
        dense = dense * factor.astype(object)
    sums = np.zeros(problem.canonical_out, object)
    rank = len(problem.axes)
    ones = (1,) * rank
    if bias is not None:
        sums += bias.astype(object).reshape(*bias.shape, *ones)
    for tap in np.ndindex(problem.taps):
        spans = [
            slice(k * a.dilation, k * a.dilation + (a.out - 1) * a.stride + 1, a.stride)
            for k, a in zip(tap, problem.axes, strict=True)
        ]
        reads: Any = (..., *spans)
        seen = samples[reads]
        for channel in range(problem.in_channels):
            weights = dense[(slice(None), slice(None), channel, *tap)]
            one: Any = (..., slice(channel, channel + 1), *(slice(None),) * rank)
            one_channel = seen[one]
            sums += weights.reshape(*weights.shape, *ones) * one_channel
    convert = dtypes.cast if problem.casts else dtypes.store
    convert(problem.view_out(out), dtypes.activated(sums, problem.relu, problem.ceiling))
