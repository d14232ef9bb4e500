"""The gradient of the weights of a convolution: long sums over all outputs, for each weight.

They are a matrix product: a row for each channel in and tap, with the samples that the outputs
read there, times the gradients of the outputs, a column for each channel out.  The gradients are
copied with their channels as neighbours, and the samples with their border, a slab of outputs at a
time, so that neither memory nor errors grow with the image.

How the work is cut depends on the problem alone, and what slabs add up to is added in their order:
the bits are the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache, partial
from itertools import product
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import backends
from ..run import threads as parallel, workspace
from ..backends.protocol import Backend
from .halo import Copy, copied_dilation
from .plan import thread_count
from ..problem.problem import Axis, Problem
from .recorded import Piece, Repeated, run_by_hand
from .work import row_axis

__all__ = ["SLAB", "TASKS", "WeightGradient", "boxes", "make"]

SLAB = 1 << 12
"""Outputs of a slab at most: so many products are summed one after the other."""
COPIED = 1 << 18
"""Items that are copied for a slab."""
ROOM = 1 << 21
"""Bytes of sums that are kept apart at a time."""
LONG = 256
"""Outputs of a part at least: its sums must be worth that they are added to others."""
NEAR = 1 << 21
"""Bytes of the sums of a block."""
PRODUCTS = 1 << 24
"""Products of a task at least."""
FEW = 8
"""Tasks that are enough for the threads of small machines."""
TASKS = 64
"""Tasks that are enough for any number of threads."""
CHANNELS = 8
"""Blocks hold multiples of so many channels in."""
FILTERS = 32
"""Blocks hold multiples of so many channels out."""

Box = tuple[slice, ...]
Empty = Callable[[tuple[int, ...], np.dtype], NDArray]
_copied = lru_cache(maxsize=1024)(Copy.of)


class Block(NamedTuple):
    """Some of the weights."""

    groups: slice
    channels: slice
    filters: slice


class Terms(NamedTuple):
    """What a piece sums: products of samples and gradients, for some weights and some outputs."""

    block: Block
    slabs: Sequence[Box]
    x: NDArray
    gy: NDArray


@dataclass(frozen=True, eq=False)
class WeightGradient:
    """The gradient of a convolution's weights, decided: call it on samples and gradients."""

    sums: Sums
    problem: Problem
    """The convolution."""
    swapped: bool
    """Samples and gradients take each other's place: the matrix product is transposed."""
    threads: int | None
    weight_bytes = 0
    """It keeps none."""

    def __call__(self, x: NDArray, gy: NDArray) -> NDArray:
        """For each weight, the sum over all outputs of ``gy`` times the conjugate of the sample.

        It is ``(K, C // groups, *taps)``, in the numbers that the problem is calculated in.
        """
        problem = self.problem
        dtype = np.result_type(problem.compute, *([np.complex64] if problem.complex else []))
        shape = problem.groups, problem.out_channels, problem.in_channels * prod(problem.taps)
        weights = np.zeros(shape, dtype) if not gy.size else np.empty(shape, dtype)
        if gy.size:
            apart = self.sums.apart()
            pieces = partial(self._pieces, weights, apart, x, gy)
            target = weights if apart is None else np.moveaxis(apart, 2, -1)  # as it lies
            seconds, backend = self.sums.seconds, self.sums.backend
            worth = seconds / backend.HAND_OVER
            threads = partial(thread_count, worth=worth, threads=self.threads)
            recordable = pieces if self.sums.repeats else lambda: None
            if self._repeated.run(threads, seconds, (target, x, gy), recordable) is None:
                made, worth = pieces(), seconds / parallel.HAND_OVER
                run_by_hand(made, backend, thread_count(len(made), worth, self.threads))
            if apart is not None:
                self.sums.store(self._target(weights), apart)
            if self.swapped and problem.complex:
                np.conjugate(weights, out=weights)
        return weights.reshape(-1, problem.in_channels, *problem.taps)

    @cached_property
    def _repeated(self) -> Repeated:
        return Repeated(self.sums.backend)

    def _target(self, weights: NDArray) -> NDArray:
        """The weights as the sums have them."""
        return weights.swapaxes(1, 2) if self.swapped else weights

    def _pieces(
        self, weights: NDArray, apart: NDArray | None, x: NDArray, gy: NDArray
    ) -> list[Piece]:
        problem = self.problem
        batch, images = len(problem.batch), prod(problem.batch)
        samples = problem.view_x(x).reshape(images, *problem.canonical_x[batch:])
        gradients = problem.view_out(gy).reshape(images, *problem.canonical_out[batch:])
        if self.swapped:
            read: Any = (..., *(slice(*a.reads(0, a.out), a.stride) for a in problem.axes))
            samples, gradients = gradients, samples[read]
        return self.sums.pieces(self._target(weights), apart, samples, gradients)


def make(problem: Problem, backend: str, threads: int | None) -> WeightGradient:
    """The sums for a problem; with one tap, whichever has fewer channels is copied."""
    inside = all(axis.interior == (0, axis.out) for axis in problem.axes)
    swapped = inside and prod(problem.taps) == 1 and problem.in_channels < problem.out_channels
    summed = problem
    if swapped:
        summed = replace(
            problem,
            in_channels=problem.out_channels,
            out_channels=problem.in_channels,
            axes=tuple(Axis(a.out, 1, 1, 1, 0, a.out, "constant") for a in problem.axes),
        )
    return WeightGradient(Sums(summed, backends.load(backend)), problem, swapped, threads)


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums over all outputs, as blocks of weights and parts of the outputs."""

    problem: Problem
    backend: Backend

    def apart(self) -> NDArray | None:
        """Room for the sums of each part of the outputs, if there are several."""
        _, parts = self._cut
        return self._room(*self._whole, np.empty, (len(parts),)) if len(parts) > 1 else None

    def pieces(self, out: NDArray, apart: NDArray | None, x: NDArray, gy: NDArray) -> list[Piece]:
        """What fills ``out``, ``(G, K, C * taps)``, or its parts apart, from ``x`` and ``gy``, both
        ``(images, G, …)``.
        """
        blocks, parts = self._cut
        if apart is None:
            return [partial(self._fill, out, Terms(block, parts[0], x, gy)) for block in blocks]
        made: list[Piece] = []
        for block, (sums, part) in product(blocks, zip(apart, parts, strict=True)):
            groups, channels, filters = block
            some = sums[groups, self._real(filters), self._real(channels)]
            made.append(partial(self._add, some, Terms(block, part, x, gy)))
        return made

    def _fill(self, out: NDArray, terms: Terms, backend: Backend) -> None:
        """Fill a block of ``out``."""
        taps = prod(self.problem.taps)
        groups, channels, filters = terms.block
        target = out[groups, filters, channels.start * taps : channels.stop * taps]
        if taps == 1 and not self.problem.complex and out.strides[1] == out.itemsize:
            self._add(target.reshape(*target.shape, *self.problem.taps), terms, backend)
            return
        mark = workspace.mark()
        try:
            sums = self._room(*terms.block, workspace.empty)
            self._add(sums, terms, backend)
            self._store(target, sums, backend)
        finally:
            workspace.release(mark)

    def store(self, out: NDArray, apart: NDArray) -> None:
        """Add what the parts came to, in their order, and store it."""
        for sums in apart[1:]:
            apart[0] += sums
        self._store(out, apart[0], self.backend)

    @cached_property
    def repeats(self) -> bool:
        """Pieces are calls of kernels and nothing else."""
        _, parts = self._cut
        return not self.problem.complex and all(len(slabs) == 1 for slabs in parts)

    @property
    def seconds(self) -> float:
        """Predicted for one thread."""
        return self._products * self.backend.RATES.contracted

    @cached_property
    def _products(self) -> int:
        problem = self.problem
        outputs = prod(problem.batch) * prod(axis.out for axis in problem.axes)
        return prod(self._weights) * outputs

    @cached_property
    def _weights(self) -> tuple[int, ...]:
        """Of all sums, in real numbers: groups, channels out, channels in and taps."""
        problem = self.problem
        channels = (problem.out_channels * problem.parts, problem.in_channels * problem.parts)
        return (problem.groups, *channels, *problem.taps)

    @cached_property
    def _whole(self) -> Block:
        problem = self.problem
        lengths = problem.groups, problem.in_channels, problem.out_channels
        return Block(*(slice(0, n) for n in lengths))

    @cached_property
    def _cut(self) -> tuple[list[Block], list[list[Box]]]:
        """Blocks of weights, and parts of the slabs.

        Where weights are few, each part of the slabs has sums of its own, and nothing is copied
        twice.  Otherwise blocks copy the gradients once for some channels in, or the samples once
        for some channels out.
        """
        problem = self.problem
        nbytes = prod(self._weights) * problem.compute.itemsize
        worth = self._products // PRODUCTS
        few = min(self._products // (FEW * self.backend.PIECE), 2)
        tasks = max(min(worth, FEW), min(worth // FEW, TASKS), few, 1)
        tasks = max(1 << (tasks - 1).bit_length(), ceil(nbytes / NEAR))
        outs = (prod(problem.batch), *(axis.out for axis in problem.axes))
        parts = 1 << (max(min(tasks, ROOM // nbytes, prod(outs) // LONG), 1).bit_length() - 1)

        groups = _spans(problem.groups, ceil(tasks / parts), 1)
        needed = ceil(tasks / parts / len(groups))
        channels = _spans(problem.in_channels, needed, CHANNELS)
        filters = _spans(problem.out_channels, ceil(needed / len(channels)), FILTERS)
        blocks = [Block(*spans) for spans in product(groups, channels, filters)]

        some, c, k = (span.stop - span.start for span in blocks[0])
        copied = some * (c * prod(axis.stride for axis in problem.axes) + k) * problem.parts
        slabs = boxes(outs, max(min(SLAB, COPIED // copied, ceil(prod(outs) / parts)), 1))
        return blocks, [slabs[span] for span in _spans(len(slabs), parts, 1)]

    def _real(self, channels: slice) -> slice:
        parts = self.problem.parts
        return slice(channels.start * parts, channels.stop * parts)

    def _room(
        self,
        groups: slice,
        channels: slice,
        filters: slice,
        empty: Empty,
        parts: tuple[int, ...] = (),
    ) -> NDArray:
        """Room for the sums of a block, ``(*parts, groups, filters, channels, *taps)``, as kernels
        want.
        """
        problem = self.problem
        g, c, k = (span.stop - span.start for span in (groups, channels, filters))
        shape = (*parts, g, c * problem.parts, *problem.taps, k * problem.parts)
        return np.moveaxis(empty(shape, problem.compute), -1, len(parts) + 1)

    def _add(self, sums: NDArray, terms: Terms, backend: Backend) -> None:
        """Sum some slabs, one after the other."""
        for number, slab in enumerate(terms.slabs):
            mark = workspace.mark()
            try:
                more = self._room(*terms.block, workspace.empty) if number else sums
                self._sum_slab(more, terms, slab, backend)
                if number:
                    sums += more
            finally:
                workspace.release(mark)

    def _sum_slab(self, sums: NDArray, terms: Terms, slab: Box, backend: Backend) -> None:
        (groups, channels, filters), _, x, gy = terms
        problem = self.problem
        images, *region = slab
        gradients = gy[(images, groups, filters, *region)]
        samples = x[images, groups, channels]
        if row_axis(problem, gy, "channels", problem.compute) is None:
            gradients = self._neighbours(gradients, backend)
        stride = tuple(axis.stride for axis in problem.axes)
        if self._inside and row_axis(problem, x, "planes", problem.compute) is not None:
            reads = (a.reads(s.start, s.stop) for a, s in zip(problem.axes, region, strict=True))
            inside: Any = (..., *(slice(*ends) for ends in reads))
            samples = samples[inside]
            gaps = tuple(axis.dilation for axis in problem.axes)
        else:
            spans = tuple((span.start, span.stop) for span in region)
            last = len(region) - 1
            samples = _copied(problem, samples.shape[:3], spans, last).made(
                backend, samples, problem.compute
            )
            lengths = (span.stop - span.start for span in region)
            gaps = tuple(map(copied_dilation, problem.axes, lengths))
        backend.weight_gradient(sums, samples, gradients, stride, gaps)

    @cached_property
    def _inside(self) -> bool:
        """All samples that are read lie in the array."""
        return all(axis.interior == (0, axis.out) for axis in self.problem.axes)

    def _neighbours(self, values: NDArray, backend: Backend) -> NDArray:
        """A copy with channels as neighbours, or groups of one channel."""
        problem = self.problem
        images, groups, channels, *lengths = values.shape
        last = len(lengths) + 1
        shape = (images, *lengths, groups, channels, problem.parts)
        copy = workspace.empty(shape, problem.compute)
        copy = copy.transpose(0, last, last + 1, last + 2, *range(1, last))
        backend.store(copy[:, :, :, 0], values.real)
        if problem.complex:
            backend.store(copy[:, :, :, 1], values.imag)
        return copy.reshape(images, groups, channels * problem.parts, *lengths)

    def _store(self, out: NDArray, sums: NDArray, backend: Backend) -> None:
        """Store sums in their place, ``(groups, filters, channels * taps)``."""
        problem = self.problem
        if not problem.complex:
            sums = sums.reshape(out.shape)
            for start in range(0, out.shape[1], FILTERS):  # as many rows as a cache keeps apart
                some = slice(start, start + FILTERS)
                backend.store(out[:, some], sums[:, some])
            return
        g, k, rows = out.shape
        taps = prod(problem.taps)
        apart = sums.reshape(g, k, 2, rows // taps, 2, taps)
        real, imaginary = apart[:, :, 0], apart[:, :, 1]
        out.real[...] = (real[:, :, :, 0] + imaginary[:, :, :, 1]).reshape(out.shape)
        out.imag[...] = (imaginary[:, :, :, 0] - real[:, :, :, 1]).reshape(out.shape)


def _spans(length: int, parts: int, step: int) -> list[slice]:
    """About equal parts that end at multiples of a step."""
    steps = ceil(length / step)
    parts = max(min(parts, steps), 1)
    edges = [min(steps * part // parts * step, length) for part in range(parts + 1)]
    return [slice(*edges[part : part + 2]) for part in range(parts)]


def boxes(lengths: tuple[int, ...], most: int) -> list[Box]:
    """Boxes of about equally many items, at most so many, that are everything, in order."""
    steps = []
    for n in reversed(lengths):
        step = max(min(n, most), 1)
        steps.append(ceil(n / ceil(n / step)))
        most //= step
    spans = [
        [slice(start, min(start + step, n)) for start in range(0, n, step)]
        for n, step in zip(lengths, reversed(steps), strict=True)
    ]
    return list(product(*spans))
