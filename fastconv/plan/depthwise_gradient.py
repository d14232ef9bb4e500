"""The gradient of the weights of a depthwise convolution: a long sum over outputs for each tap.

Each group has one channel in and one out.  The gradients of the outputs are a kernel that filters
the samples, and weights are what comes out, with groups as neighbours.  Outputs come in slabs, each
of which has sums of its own; these are added in the order of the slabs.

How outputs are cut depends on the problem alone: the bits are the same for any number of threads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from math import ceil, inf, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backends, config
from ..run import workspace
from ..backends.protocol import Backend
from .halo import Copy, copied_dilation
from .tiling import evened
from ..problem.problem import Problem
from .recorded import Piece, Repeated, run_by_hand
from .weight_gradient import SLAB, TASKS, boxes
from .work import row_axis

__all__ = ["DepthwiseGradient", "make", "takes"]

GROUPS = 8
"""Groups that fill a vector."""
COPIED = 1 << 18
"""Items that are copied for a slab."""
PRODUCTS = 1 << 19
"""Products of a slab at least."""
ROOM = 1 << 21
"""Bytes of sums that are kept apart at a time."""

Box = tuple[slice, ...]
_copied = lru_cache(maxsize=1024)(Copy.of)


def takes(problem: Problem) -> bool:
    """Whether groups are many, each with one real channel in and one out."""
    channels = problem.in_channels, problem.out_channels, problem.parts
    return channels == (1, 1, 1) and problem.groups >= GROUPS


def make(problem: Problem, backend: str, threads: int | None) -> DepthwiseGradient:
    """The sums for a problem that it takes."""
    return DepthwiseGradient(problem, backends.load(backend), threads)


@dataclass(eq=False)
class DepthwiseGradient:
    """The gradient of a depthwise convolution's weights: call it on samples and gradients."""

    problem: Problem
    backend: Backend
    threads: int | None
    weight_bytes = 0
    """It keeps none."""

    def __call__(self, x: NDArray, gy: NDArray) -> NDArray:
        """For each weight, the sum over outputs of ``gy`` times the sample, ``(K, 1, *taps)``."""
        problem, slabs = self.problem, len(self._slabs)
        weights = np.zeros((problem.groups, 1, *problem.taps), problem.compute)
        if not gy.size:
            return weights
        together = min(slabs, max(ROOM // weights.nbytes, 1))
        sums = np.empty((together, *problem.taps, problem.groups), problem.compute)
        threads = config.resolve_threads(self.threads)
        total = np.zeros(sums.shape[1:], problem.compute)
        make = partial(self._pieces, sums, x, gy)
        apart = make if together == slabs else lambda: None
        if self._repeated.run(lambda _: threads, inf, (sums, x, gy), apart) is not None:
            total += sums.sum(0)
        else:
            pieces = make()
            for first in range(0, slabs, together):
                some = pieces[first : first + together]
                run_by_hand(some, self.backend, threads)
                total += sums[: len(some)].sum(0)
        self.backend.store(weights[:, 0], np.moveaxis(total, -1, 0))
        return weights

    @cached_property
    def _repeated(self) -> Repeated:
        return Repeated(self.backend)

    def _pieces(self, sums: NDArray, x: NDArray, gy: NDArray) -> list[Piece]:
        problem = self.problem
        batch, images, last = len(problem.batch), prod(problem.batch), len(problem.taps)
        samples = problem.view_x(x).reshape(images, *problem.canonical_x[batch:])
        gradients = problem.view_out(gy).reshape(images, *problem.canonical_out[batch:])
        rows = sums.transpose(0, last + 1, *range(1, last + 1))[:, :, None, None]
        return [
            partial(self._add_slab, rows[number % len(sums)], slab, samples, gradients)
            for number, slab in enumerate(self._slabs)
        ]

    @cached_property
    def _slabs(self) -> list[Box]:
        """Boxes of outputs: some for each thread, whose copies stay in its cache."""
        problem = self.problem
        outs = (prod(problem.batch), *(axis.out for axis in problem.axes))
        outputs = prod(outs)
        copied = outputs * problem.groups * (prod(axis.stride for axis in problem.axes) + 1)
        products = outputs * problem.groups * prod(problem.taps)
        least = max(ceil(copied / COPIED), ceil(outputs / SLAB), 1)
        parts = evened(max(least, min(products // PRODUCTS, TASKS)))
        return boxes(outs, max(ceil(outputs / parts), 1))

    def _add_slab(
        self, sums: NDArray, slab: Box, x: NDArray, gy: NDArray, backend: Backend
    ) -> None:
        """Fill ``sums``, ``(G, 1, 1, *taps)``, from the outputs of a slab."""
        problem, (images, *region) = self.problem, slab
        mark = workspace.mark()
        try:
            whole: Any = (images, slice(None), 0, *region)
            gradients = gy[whole]
            if row_axis(problem, gy, "channels", problem.compute) is None:
                copy = workspace.empty(_last(gradients.shape), problem.compute)
                backend.store(np.moveaxis(copy, -1, 1), gradients)
                gradients = np.moveaxis(copy, -1, 1)
            samples, gaps = self._samples(slab, x, backend)
            bias = np.zeros((problem.groups, 1), problem.compute)
            stride = tuple(axis.stride for axis in problem.axes)
            # Images are one more axis, along which the kernel reaches over all of them.
            across, kernel = np.moveaxis(samples, 0, 2), np.moveaxis(gradients, 0, 1)
            none = (0,) * (1 + len(gaps))
            backend.depthwise(sums, across, kernel, bias, (1, *gaps), (1, *stride), none, False)
        finally:
            workspace.release(mark)

    def _samples(self, slab: Box, x: NDArray, backend: Backend) -> tuple[NDArray, tuple[int, ...]]:
        """What a slab reads, with groups as neighbours, and the distances of its taps."""
        problem, (images, *region) = self.problem, slab
        axes = problem.axes
        inside = all(axis.interior == (0, axis.out) for axis in axes)
        if inside and row_axis(problem, x, "channels", problem.compute) is not None:
            reads = (a.reads(s.start, s.stop) for a, s in zip(axes, region, strict=True))
            place: Any = (images, ..., *(slice(*ends) for ends in reads))
            return x[place], tuple(axis.dilation for axis in axes)
        spans = tuple((span.start, span.stop) for span in region)
        lead = images.stop - images.start, problem.groups, 1
        samples = _copied(problem, lead, spans, None).made(backend, x[images], problem.compute)
        gaps = (copied_dilation(axis, b - a) for axis, (a, b) in zip(axes, spans, strict=True))
        return samples, tuple(gaps)


def _last(shape: tuple[int, ...]) -> tuple[int, ...]:
    """With groups as the last axis."""
    return (shape[0], *shape[2:], shape[1])
