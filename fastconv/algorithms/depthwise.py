"""Depthwise: every channel has a kernel of its own, and vectors hold contiguous channels.

Samples are laid out channels-last, so that neither strides nor short rows leave lanes empty.
"""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm, InPlace, Layout, Weights, dense

__all__ = ["algorithm"]

MIN_GROUPS = 8
"""Channels that fill a vector."""
SLOWER = 1.7
"""Time of a multiply-add, relative to one in a matrix product, where samples are reused."""
TRANSPOSED = 3
"""Passes over data whose groups are not contiguous."""


class Depthwise(Algorithm):
    """Sums of vectors of channels."""

    name = "depthwise"
    layout: ClassVar[Layout] = "channels"
    in_place: ClassVar[InPlace] = "edges"

    def refuses(self, problem: Problem) -> str | None:
        """It needs many groups, each with one input and one output channel."""
        if problem.compute.kind != "f" or problem.complex:
            return "it sums real floating-point numbers"
        if problem.in_channels > 1 or problem.out_channels > 1 or problem.groups < MIN_GROUPS:
            return f"it takes {MIN_GROUPS} groups or more of one channel in and one out"
        return None

    def macs(self, problem: Problem) -> int:
        return prod(problem.taps)

    def cost(self, problem: Problem, backend: str) -> float:
        """Includes transposing the samples if groups are not contiguous."""
        rate, slow_products = rates.of(backend), self.macs(problem) * SLOWER
        passes = TRANSPOSED if costs.ends_with_rows(problem) else 1
        return costs.contraction_seconds(problem, rate, slow_products, passes) + rate.call

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The dense kernel, ``(groups, 1, *taps)``, with groups contiguous in memory."""
        return (Weights((problem.groups, 1, *problem.taps), problem.compute, last=True),)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray]:
        kernel = dense(w)[:, :, 0]
        return (np.ascontiguousarray(kernel.transpose(*range(1, kernel.ndim), 0)),)

    def run(
        self,
        program: Any,
        problem: Problem,
        out: NDArray,
        x: NDArray,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        walk: Walk,
    ) -> None:
        program.depthwise(out, x, weights[0][:, 0], bias, *walk, problem.relu)


algorithm = Depthwise()
