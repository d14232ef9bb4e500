"""GEMM: convolution as an implicit matrix product, without im2col.

Rows of the product are outputs, columns are output channels, and each sum runs over taps and input
channels.  Samples are laid out channels-last, so that the samples under one tap are contiguous for
any stride and dilation.  Weights are packed into panels once.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import costs, pointwise, rates
from .base import Algorithm, Layout, Weights

__all__ = ["algorithm", "panel_spans"]

VECTOR = 8
"""Output channels are computed in multiples of this."""
MIN_PACKED_BYTES = 1 << 16
"""Bytes of packed weights that a tile of packing has, at least."""
RUN = 100
"""Cost of moving from one run of contiguous samples to the next, in multiply-adds."""
NARROW = (np.dtype("u1"), np.dtype("u2"))
"""Dtypes of pixels that are mixed without conversion."""
MAX_MIXED = 4
"""Channels of a pixel that are mixed without panels, at most (the colours of an image)."""


class Gemm(Algorithm):
    """Matrix multiplication without im2col."""

    name = "gemm"
    layout: ClassVar[Layout] = "channels"

    def refuses(self, problem: Problem) -> str | None:
        """It sums floating-point numbers of more than one channel."""
        return pointwise.refusal(problem)

    def storage(self, problem: Problem, backend: Backend) -> np.dtype:
        """The dtype of pixels if small integers are mixed into the same dtype, without border."""
        inside = all(axis.before == 0 and axis.out == axis.size for axis in problem.axes)
        stay = problem.x_dtype == problem.dtype and problem.dtype in NARROW and not problem.casts
        narrow = stay and inside and problem.compute == np.float32 and _mixes(problem)
        return problem.dtype if narrow else problem.compute

    def cost(self, problem: Problem, backend: str) -> float:
        if _mixes(problem):
            return costs.contraction_seconds(problem, rates.of(backend), self.macs(problem))
        channels = problem.out_channels * problem.parts
        filled = -(-channels // VECTOR) * VECTOR / channels
        contiguous = problem.groups == 1 and problem.axes[-1].dilation == 1
        runs = prod(problem.taps[:-1] if contiguous else problem.taps)
        slow_products = self.macs(problem) * filled + runs * RUN / channels
        return costs.contraction_seconds(problem, rates.of(backend), slow_products)

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """Panels, ``(groups, panels, *taps, channels in, channels of a panel)``; to mix pixels, the
        matrix of `pointwise`.
        """
        if _mixes(problem):
            return pointwise.algorithm.weights(problem, backend)
        width, channels = backend.panel(problem.compute), problem.out_channels * problem.parts
        shape = (*problem.taps, problem.in_channels * problem.parts, width)
        panels = problem.groups, -(-channels // width)
        return (Weights((*panels, *shape), problem.compute, width),)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray | None]:
        return pointwise.algorithm.prepare(problem, w) if _mixes(problem) else (None,)

    def pack(
        self, program: Any, problem: Problem, weights: tuple[NDArray, ...], w: NDArray
    ) -> None:
        (packed,) = weights
        width, channels = packed.shape[-1], w.shape[1]
        by_panel = np.moveaxis(packed, (-1, -2), (2, 3))  # like w, with its second axis split
        for first, last in panel_spans(packed.shape[1], packed.nbytes):
            program.begin_tiles(())
            whole = min(last, channels // width)
            if first < whole:
                part = w[:, first * width : whole * width]
                shape = len(w), whole - first, width, *w.shape[2:]
                program.store(by_panel[:, first:whole], part.reshape(shape))
            rest = channels - whole * width
            if whole < last and rest:
                to, source = by_panel[:, whole], w[:, whole * width :]
                filled_up(program, np.moveaxis(to, 1, -1), np.moveaxis(source, 1, -1))

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
        if _mixes(problem):
            pointwise.algorithm.run(program, problem, out, x, weights, bias, walk)
        else:
            program.gemm(out, x, weights[0], bias, walk.stride, walk.dilation, problem.relu)


def _mixes(problem: Problem) -> bool:
    """Whether the channels of each pixel are mixed, with few channels before and after."""
    channels = problem.in_channels, problem.out_channels
    unmoved = all(axis.taps == axis.stride == 1 for axis in problem.axes)
    return unmoved and problem.groups == problem.parts == 1 and max(channels) <= MAX_MIXED


def panel_spans(count: int, nbytes: int) -> Iterator[tuple[int, int]]:
    """Cut ``count`` panels of ``nbytes`` bytes together into ranges, one for each tile."""
    parts = max(min(nbytes // MIN_PACKED_BYTES, count), 1)
    for number in range(parts):
        yield count * number // parts, count * (number + 1) // parts


def filled_up(program: Any, to: NDArray, source: NDArray) -> None:
    """Add a step that copies ``source`` into ``to`` and fills the last axis up with zeros."""
    rest, width = source.shape[-1], to.shape[-1]
    runs = np.array([[0, rest, 0, 1], [rest, width - rest, -1, 1]])
    program.pad(to, source, (runs,), 0)


algorithm = Gemm()
