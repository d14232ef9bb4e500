"""The gradient of the weights of a depthwise convolution: a long sum over outputs for each tap.

Each group has one channel in and one out.  The gradients of the outputs are a kernel that filters
the samples, and weights are what comes out, with groups as neighbours.  Outputs come in slabs, each
of which has sums of its own; these are added in the order of the slabs.

How outputs are cut depends on the problem alone: the bits are the same for any number of threads.
"""

from __future__ import annotations

from functools import cached_property, lru_cache
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backends
from ..problem.problem import Problem
from ..run.program import OUT, X2, X, operand
from .halo import Halo
from .job import Job
from .memo import Memo
from .recipe import MAX_PROGRAMS, contiguous_axis, layouts, operand_like
from .tiling import evened
from .weight_gradient import MAX_TASKS, SLAB, boxes, spans

__all__ = ["DepthwiseGradient", "takes"]

MIN_GROUPS = 8
"""Groups that fill a vector."""
SLAB_ITEMS = 1 << 18
"""Items that are copied for a slab."""
MIN_SLAB_MACS = 1 << 19
"""Products of a slab at least."""
PARTIAL_BYTES = 1 << 21
"""Bytes of sums that are kept apart at a time."""

SLOWER = 3
"""Times that a product takes as long as in a matrix product."""

Box = tuple[slice, ...]
_halo = lru_cache(maxsize=1024)(Halo.of)


def takes(problem: Problem) -> bool:
    """Whether groups are many, each with one real channel in and one out."""
    channels = problem.in_channels, problem.out_channels, problem.parts
    return channels == (1, 1, 1) and problem.groups >= MIN_GROUPS


class DepthwiseGradient:
    """The gradient of a depthwise convolution's weights: call it on samples and gradients."""

    def __init__(self, problem: Problem, backend: str) -> None:
        self.problem = problem
        self._backend = backends.load(backend)
        self._jobs: Memo[Job] = Memo(MAX_PROGRAMS)

    def __call__(self, x: NDArray, gy: NDArray, threads: int | None) -> NDArray:
        """For each weight, the sum over outputs of ``gy`` times the sample, ``(K, 1, *taps)``."""
        problem = self.problem
        weights = np.zeros((problem.groups, 1, *problem.taps), problem.compute)
        if gy.size and weights.size:
            partial = np.empty((len(self._parts), *problem.taps, problem.groups), problem.compute)
            self._job(x, gy, partial).run((partial, x, gy), threads)
            total = np.zeros(partial.shape[1:], problem.compute)
            total += partial.sum(0)
            self._backend.store(weights[:, 0], np.moveaxis(total, -1, 0))
        return weights

    def _job(self, x: NDArray, gy: NDArray, partial: NDArray) -> Job:
        key = layouts(x, gy)
        job = self._jobs.get(key)
        if job is None:
            program = self._backend.program(0)
            sums = operand(OUT, partial.shape, partial.dtype)
            self._add_tiles(program, sums, operand_like(X, x), operand_like(X2, gy))
            job = Job.of(program, self._seconds, self._backend.hand_over_seconds)
            self._jobs.put(key, job)
        return job

    def _add_tiles(self, program: Any, sums: NDArray, x: NDArray, gy: NDArray) -> None:
        """Some slabs are a tile, with sums of its own."""
        problem = self.problem
        batch, images, last = len(problem.batch), prod(problem.batch), len(problem.taps)
        samples = problem.view_x(x).reshape(images, *problem.canonical_x[batch:])
        gradients = problem.view_out(gy).reshape(images, *problem.canonical_out[batch:])
        rows = sums.transpose(0, last + 1, *range(1, last + 1))[:, :, None, None]
        for row, part in zip(rows, self._parts, strict=True):
            program.begin_tiles(())
            for number, slab in enumerate(self._slabs[part]):
                mark = program.mark()
                more = program.empty_like(row, row.shape) if number else row
                self._add_slab(program, more, slab, samples, gradients)
                if number:
                    program.accumulate(row, more)
                program.release(mark)

    @property
    def _seconds(self) -> float:
        """Predicted for one thread."""
        problem = self.problem
        outputs = prod(problem.batch) * prod(axis.out for axis in problem.axes)
        macs = outputs * problem.groups * prod(problem.taps)
        return macs * SLOWER * self._backend.rates.contracted

    @cached_property
    def _parts(self) -> list[slice]:
        """Slabs whose sums are added on the way."""
        nbytes = self.problem.groups * prod(self.problem.taps) * self.problem.compute.itemsize
        return spans(len(self._slabs), max(PARTIAL_BYTES // nbytes, 1), 1)

    @cached_property
    def _slabs(self) -> list[Box]:
        """Boxes of outputs: some for each thread, whose copies stay in its cache."""
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
        whole: Any = (images, slice(None), 0, *region)
        gradients = gy[whole]
        if contiguous_axis(problem, gy, "channels", problem.compute) is None:
            copy = program.empty(_last(gradients.shape), problem.compute)
            program.store(np.moveaxis(copy, -1, 1), gradients)
            gradients = np.moveaxis(copy, -1, 1)
        samples, gaps = self._samples(program, slab, x)
        bias = np.zeros((problem.groups, 1), problem.compute)
        stride = tuple(axis.stride for axis in problem.axes)
        # Images are one more axis, along which the kernel reaches over all of them.
        across, kernel = np.moveaxis(samples, 0, 2), np.moveaxis(gradients, 0, 1)
        none = (0,) * (1 + len(gaps))
        program.depthwise(sums, across, kernel, bias, (1, *gaps), (1, *stride), none, False)

    def _samples(self, program: Any, slab: Box, x: NDArray) -> tuple[NDArray, tuple[int, ...]]:
        """What a slab reads, with contiguous groups, and the distances of its taps."""
        problem, (images, *region) = self.problem, slab
        axes = problem.axes
        inside = all(axis.interior == (0, axis.out) for axis in axes)
        if inside and contiguous_axis(problem, x, "channels", problem.compute) is not None:
            reads = (a.reads(s.start, s.stop) for a, s in zip(axes, region, strict=True))
            place: Any = (images, ..., *(slice(*ends) for ends in reads))
            return x[place], tuple(axis.dilation for axis in axes)
        ends = tuple((span.start, span.stop) for span in region)
        halo = _halo(problem, (images.stop - images.start, problem.groups, 1), ends, None)
        samples = halo.padded(program, x[images], problem.compute)
        return samples, halo.dilation


def _last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """With groups as the last axis."""
    return (shape[0], *shape[2:], shape[1])
