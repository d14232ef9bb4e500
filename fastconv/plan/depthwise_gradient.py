"""The gradient of the weights of a depthwise convolution: a long sum over outputs for each tap.

Each group has one input and one output channel.  The gradient is computed as a depthwise
convolution of the samples, with the gradients of the outputs as the kernel and groups contiguous in
memory.  It is summed over slabs of outputs, whose sums are added in order.
"""

from __future__ import annotations

from functools import cached_property
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.problem import Problem
from .slabs import (
    MAX_TASKS,
    PARTIAL_BYTES,
    SLAB,
    SLAB_ITEMS,
    Box,
    Gradient,
    boxes,
    gradients_of,
    samples_of,
    spans,
)
from .tiling import evened

__all__ = ["DepthwiseGradient", "takes"]

MIN_GROUPS = 8
"""Groups that fill a vector."""
MIN_SLAB_MACS = 1 << 19
"""Multiply-adds of a slab, at least."""
SLOWER = 3
"""Time of a multiply-add, relative to one in a matrix product."""


def takes(problem: Problem) -> bool:
    """Whether there are enough groups, each with one real input and output channel."""
    channels = problem.in_channels, problem.out_channels, problem.parts
    return channels == (1, 1, 1) and problem.groups >= MIN_GROUPS


class DepthwiseGradient(Gradient):
    """The gradient of a depthwise convolution's weights, to be called on samples and gradients."""

    def __call__(self, x: NDArray, gy: NDArray, threads: int | None) -> NDArray:
        """For each weight, the sum over outputs of ``gy`` times the sample, ``(K, 1, *taps)``."""
        problem = self.problem
        weights = np.zeros((problem.groups, 1, *problem.taps), problem.compute)
        if gy.size and weights.size:
            partial = np.empty((len(self._parts), *problem.taps, problem.groups), problem.compute)
            self._fill(partial, x, gy, threads)
            total = np.zeros(partial.shape[1:], problem.compute)
            total += partial.sum(0)
            self.backend.store(weights[:, 0], np.moveaxis(total, -1, 0))
        return weights

    def add_tiles(self, program: Any, out: NDArray, x: NDArray, gy: NDArray) -> None:
        """Add a tile for each part of the slabs, which fills its own partial sums."""
        rank = len(self.problem.taps)
        rows = out.transpose(0, rank + 1, *range(1, rank + 1))[:, :, None, None]
        for row, part in zip(rows, self._parts, strict=True):
            program.begin_tiles(())
            for number, slab in enumerate(self._slabs[part]):
                mark = program.mark()
                more = program.empty_like(row, row.shape) if number else row
                self._add_slab(program, more, slab, x, gy)
                if number:
                    program.accumulate(row, more)
                program.release(mark)

    @property
    def seconds(self) -> float:
        """Predicted for one thread."""
        macs = self.problem.outputs * prod(self.problem.taps)
        return macs * SLOWER * self.backend.rates.contracted

    @cached_property
    def _parts(self) -> list[slice]:
        """Ranges of slabs that share partial sums."""
        nbytes = self.problem.groups * prod(self.problem.taps) * self.problem.compute.itemsize
        return spans(len(self._slabs), max(PARTIAL_BYTES // nbytes, 1), 1)

    @cached_property
    def _slabs(self) -> list[Box]:
        """Boxes of outputs, several for each thread, whose copies fit its cache."""
        problem = self.problem
        outs = (prod(problem.batch), *(axis.out for axis in problem.axes))
        outputs = prod(outs)
        copied = outputs * problem.groups * (prod(axis.stride for axis in problem.axes) + 1)
        products = outputs * problem.groups * prod(problem.taps)
        least = max(ceil(copied / SLAB_ITEMS), ceil(outputs / SLAB), 1)
        parts = evened(max(least, min(products // MIN_SLAB_MACS, MAX_TASKS)))
        return boxes(outs, max(ceil(outputs / parts), 1))

    def _add_slab(self, program: Any, sums: NDArray, slab: Box, x: NDArray, gy: NDArray) -> None:
        """Fill ``sums``, ``(G, 1, 1, *taps)``, from the outputs of a slab."""
        problem, (images, *region) = self.problem, slab
        place: Any = (images, ..., *region)
        gradients = gradients_of(program, problem, gy[place])[:, :, 0]
        samples, gaps = samples_of(program, problem, x[images], tuple(region), "channels")
        bias = np.zeros((problem.groups, 1), problem.compute)
        stride = tuple([axis.stride for axis in problem.axes])
        # The kernel spans the axis of images, as one more filtered axis.
        across, kernel = np.moveaxis(samples, 0, 2), np.moveaxis(gradients, 0, 1)
        none = (0,) * (1 + len(gaps))
        program.depthwise(sums, across, kernel, bias, (1, *gaps), (1, *stride), none, False)
