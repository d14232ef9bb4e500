"""The gradient of the weights of a convolution: for each weight, a long sum over all outputs.

It is a matrix product.  The left matrix has a row for each input channel and tap, with the samples
that the outputs read there.  The right matrix has a column for each output channel, with the
gradients of its outputs.  One slab of outputs at a time, gradients are copied with contiguous
channels, and samples with their border.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from math import ceil, prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Axis, Problem
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

__all__ = ["WeightGradient"]

MIN_PART = 256
"""Outputs of a part, at least: adding its partial sums to the others must pay."""
BLOCK_BYTES = 1 << 21
"""Bytes of the sums of a block, about."""
MIN_TASK_MACS = 1 << 24
"""Multiply-adds of a task, at least."""
FEW_TASKS = 8
"""Tasks that are enough for the threads of small machines."""
CHANNELS = 8
"""The input channels of a block are a multiple of this."""
FILTERS = 32
"""The output channels of a block are a multiple of this."""


class Block(NamedTuple):
    """A range of groups, of input channels and of filters (output channels)."""

    groups: slice
    channels: slice
    filters: slice


class WeightGradient(Gradient):
    """The gradient of a convolution's weights, to be called on samples and gradients."""

    def __init__(self, problem: Problem, backend: str) -> None:
        super().__init__(problem, backend)
        inside = all(axis.interior == (0, axis.out) for axis in problem.axes)
        few = inside and prod(problem.taps) == 1 and problem.in_channels < problem.out_channels
        self._swapped = few
        """Whether samples and gradients are swapped, and the matrix product transposed: with one
        tap, whichever has fewer channels is copied."""
        summed = problem
        if few:
            summed = problem._replace(
                in_channels=problem.out_channels,
                out_channels=problem.in_channels,
                axes=tuple([Axis(a.out, 1, 1, 1, 0, a.out, "constant") for a in problem.axes]),
            )
        self._sums = Sums(summed, self.backend)

    def __call__(self, x: NDArray, gy: NDArray, threads: int | None) -> NDArray:
        """For each weight, the sum over all outputs of ``gy`` times the conjugate of the sample.

        The shape is ``(K, C // groups, *taps)``, the dtype that of the computation.
        """
        problem, sums = self.problem, self._sums
        dtype = np.result_type(problem.compute, *([np.complex64] if problem.complex else []))
        shape = problem.groups, problem.out_channels, problem.in_channels * prod(problem.taps)
        weights = np.zeros(shape, dtype) if not gy.size else np.empty(shape, dtype)
        if gy.size and weights.size:
            partial = None if sums.partial is None else np.empty(sums.partial, problem.compute)
            self._fill(weights if partial is None else partial, x, gy, threads)
            if partial is not None:
                sums.store(self._as_sums(weights), partial)
            if self._swapped and problem.complex:
                np.conjugate(weights, out=weights)
        return weights.reshape(-1, problem.in_channels, *problem.taps)

    @property
    def seconds(self) -> float:
        """Predicted for one thread."""
        return self._sums.seconds

    def add_tiles(self, program: Any, out: NDArray, x: NDArray, gy: NDArray) -> None:
        """Add tiles that fill ``out``: partial sums if there are any, or else the weights."""
        if self._sums.partial is None:
            out = self._as_sums(out)
        if self._swapped:
            reads = [slice(*axis.reads(0, axis.out), axis.stride) for axis in self.problem.axes]
            place: Any = (..., *reads)
            x, gy = gy, x[place]
        self._sums.add_tiles(program, out, x, gy)

    def _as_sums(self, weights: NDArray) -> NDArray:
        """A view of the weights in the axis order of the sums."""
        return weights.swapaxes(1, 2) if self._swapped else weights


class Terms(NamedTuple):
    """The operands of a tile: a block of weights, slabs of outputs, samples and gradients."""

    block: Block
    slabs: Sequence[Box]
    x: NDArray
    gy: NDArray


@dataclass(frozen=True, eq=False)
class Sums:
    """The sums over all outputs, cut into blocks of weights and parts of the outputs."""

    problem: Problem
    backend: Backend

    @cached_property
    def partial(self) -> tuple[int, ...] | None:
        """The shape of the partial sums, or None if sums go directly to the result."""
        _, parts = self._cut
        apart = len(parts) > 1 or self.problem.complex
        return (len(parts), *self._shape(self._whole)) if apart else None

    def add_tiles(self, program: Any, out: NDArray, x: NDArray, gy: NDArray) -> None:
        """Add tiles that fill ``out``, ``(G, K, C * taps)`` or the partial sums.

        ``x`` and ``gy`` are ``(images, G, …)``.
        """
        blocks, parts = self._cut
        for block in blocks:
            if self.partial is None:
                program.begin_tiles(())
                self._fill(program, out, Terms(block, parts[0], x, gy))
                continue
            for number, part in enumerate(parts):
                program.begin_tiles(())
                groups, channels, filters = block
                sums = np.moveaxis(out[number], -1, 1)
                block_sums = sums[groups, self._real(filters), self._real(channels)]
                self._add(program, block_sums, Terms(block, part, x, gy))

    def _fill(self, program: Any, out: NDArray, terms: Terms) -> None:
        """Add steps that fill a block of ``out``."""
        taps = prod(self.problem.taps)
        groups, channels, filters = terms.block
        target = out[groups, filters, channels.start * taps : channels.stop * taps]
        if taps == 1 and not self.problem.complex and out.strides[1] == out.itemsize:
            self._add(program, target.reshape(*target.shape, *self.problem.taps), terms)
            return
        mark = program.mark()
        sums = np.moveaxis(program.empty(self._shape(terms.block), self.problem.compute), -1, 1)
        self._add(program, sums, terms)
        for to, part in self._parts(target, sums):
            program.store(to, part)
        program.release(mark)

    def store(self, out: NDArray, partial: NDArray) -> None:
        """Add up the partial sums, in order, and store the result."""
        for sums in partial[1:]:
            partial[0] += sums
        if self.problem.complex:
            self._store_complex(out, np.moveaxis(partial[0], -1, 1))
            return
        for to, part in self._parts(out, np.moveaxis(partial[0], -1, 1)):
            self.backend.store(to, part)

    def _parts(self, out: NDArray, sums: NDArray) -> Iterator[tuple[NDArray, NDArray]]:
        """Views of ``out`` and of real sums, `FILTERS` filters at a time, to fit a cache."""
        filters, taps = out.shape[1], self.problem.taps
        by_tap = out.reshape(*out.shape[:2], out.shape[2] // prod(taps), *taps)
        for start in range(0, filters, FILTERS):
            part = slice(start, start + FILTERS)
            yield by_tap[:, part], sums[:, part]

    @property
    def seconds(self) -> float:
        """Predicted for one thread."""
        return self._products * self.backend.rates.contracted

    @cached_property
    def _products(self) -> int:
        problem = self.problem
        outputs = prod(problem.batch) * prod(axis.out for axis in problem.axes)
        return prod(self._weights) * outputs

    @cached_property
    def _weights(self) -> tuple[int, ...]:
        """The number of groups, output channels, input channels (both real) and taps."""
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

        If weights are few, each part of the slabs has partial sums, and nothing is copied twice.
        Otherwise, weights are cut as well: the gradients are copied for each range of input
        channels, and the samples for each range of output channels.
        """
        problem = self.problem
        nbytes = prod(self._weights) * problem.compute.itemsize
        worth = self._products // MIN_TASK_MACS
        few = min(self._products // (FEW_TASKS * self.backend.min_tile_macs), 2)
        tasks = max(min(worth, FEW_TASKS), min(worth // FEW_TASKS, MAX_TASKS), few, 1)
        tasks = max(1 << (tasks - 1).bit_length(), ceil(nbytes / BLOCK_BYTES))
        outs = (prod(problem.batch), *(axis.out for axis in problem.axes))
        parts = 1 << (
            max(min(tasks, PARTIAL_BYTES // nbytes, prod(outs) // MIN_PART), 1).bit_length() - 1
        )

        groups = spans(problem.groups, ceil(tasks / parts), 1)
        needed = ceil(tasks / parts / len(groups))
        channels = spans(problem.in_channels, needed, CHANNELS)
        filters = spans(problem.out_channels, ceil(needed / len(channels)), FILTERS)
        blocks = [Block(*spans) for spans in product(groups, channels, filters)]

        g, c, k = (span.stop - span.start for span in blocks[0])
        copied = g * (c * prod(axis.stride for axis in problem.axes) + k) * problem.parts
        slabs = boxes(outs, max(min(SLAB, SLAB_ITEMS // copied, ceil(prod(outs) / parts)), 1))
        return blocks, [slabs[span] for span in spans(len(slabs), parts, 1)]

    def _real(self, channels: slice) -> slice:
        parts = self.problem.parts
        return slice(channels.start * parts, channels.stop * parts)

    def _shape(self, block: Block) -> tuple[int, ...]:
        """The shape of the sums of a block in memory, ``(groups, channels, *taps, filters)``."""
        problem = self.problem
        g, c, k = (span.stop - span.start for span in block)
        return g, c * problem.parts, *problem.taps, k * problem.parts

    def _add(self, program: Any, sums: NDArray, terms: Terms) -> None:
        """Add steps that fill ``sums`` from all slabs of ``terms``, in order."""
        for number, slab in enumerate(terms.slabs):
            mark = program.mark()
            more = sums
            if number:
                shape = self._shape(terms.block)
                more = np.moveaxis(program.empty(shape, self.problem.compute), -1, 1)
            self._sum_slab(program, more, terms, slab)
            if number:
                program.accumulate(sums, more)
            program.release(mark)

    def _sum_slab(self, program: Any, sums: NDArray, terms: Terms, slab: Box) -> None:
        (groups, channels, filters), _, x, gy = terms
        problem, (images, *region) = self.problem, slab
        gradients = gradients_of(program, problem, gy[(images, groups, filters, *region)])
        part = x[images, groups, channels]
        samples, gaps = samples_of(program, problem, part, tuple(region), "planes")
        stride = tuple([axis.stride for axis in problem.axes])
        program.weight_gradient(sums, samples, gradients, stride, gaps)

    def _store_complex(self, out: NDArray, sums: NDArray) -> None:
        """Store complex sums, given as pairs of real ones, in ``(groups, filters, C * taps)``."""
        g, k, rows = out.shape
        taps = prod(self.problem.taps)
        apart = sums.reshape(g, k, 2, rows // taps, 2, taps)
        real, imaginary = apart[:, :, 0], apart[:, :, 1]
        out.real[...] = (real[:, :, :, 0] + imaginary[:, :, :, 1]).reshape(out.shape)
        out.imag[...] = (imaginary[:, :, :, 0] - real[:, :, :, 1]).reshape(out.shape)
