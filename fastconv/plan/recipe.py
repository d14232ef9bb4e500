"""A recipe: how an algorithm solves a problem on a backend, without the weights.

It depends on the problem alone, so calls with different weights share it.  It holds a program for
each memory layout of the arrays; `Recipe.pack` brings weights into the form that programs read.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial
from math import inf
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import algorithms, backends
from ..algorithms import rates
from ..algorithms.base import Layout, as_real, dense
from ..backends.geometry.nest import LONG
from ..problem.boundary import OUTSIDE
from ..problem.problem import Problem
from ..run import workspace
from ..run.program import OUT, WEIGHTS, Builder, Grid, Operand, X, operand
from .job import Job
from .memo import Memo
from .tiling import Tile, Tiling, tiling

__all__ = ["Layouts", "Packed", "Recipe", "contiguous_axis", "layouts"]

MAX_PROGRAMS = 32
"""Programs that a recipe caches, one for each memory layout."""
MAX_SINGLE_RUNS = 2
"""Runs of a recipe with the tiles of a single call.  Two, since a filter with two kernels runs the
recipe twice."""
FAR_BYTES = 1 << 20
"""Bytes of a result from which on it does not stay in the L2 cache."""

Layouts = tuple[tuple[int, ...] | None, ...]
"""The strides of arrays, or None for C order; and perhaps the dtype of the result."""
Views = list[tuple[int, NDArray]]
"""Buffers with the axes of ``canonical_x`` or ``canonical_out``."""


class Packed:
    """Weights in the form that the programs of a recipe read."""

    __slots__ = ("__weakref__", "arrays", "nbytes")

    def __init__(self, weights: tuple[NDArray, ...], bias: NDArray) -> None:
        self.arrays = (*weights, bias)
        """In the order of their buffers; the bias is ``(groups, channels out)`` real numbers."""
        self.nbytes = sum([array.nbytes for array in weights])
        """Bytes of all weights."""


class MoreSteps(Protocol):
    """Adds the steps for missing samples to tiles; see `gaps.Steps`."""

    reads: Views
    writes: Views
    """Buffers other than the samples and the result that advance from tile to tile."""

    def tiling(self, in_place: bool) -> Tiling:
        """The tiles; ``in_place`` is true if kernels can read the samples without a halo."""

    def drop(self, program: Any, tile: Tile, samples: NDArray) -> None:
        """Add the steps before the sums."""

    def divide(self, program: Any, tile: Tile, sums: NDArray) -> None:
        """Add the steps after the sums."""


class Recipe:
    """How an algorithm solves a problem on a backend."""

    def __init__(self, problem: Problem, algorithm: str, backend: str, seconds: float) -> None:
        self.problem = problem
        self.seconds = seconds
        """Predicted for one thread."""
        self.algorithm = algorithms.load(algorithm)
        self.backend_name = backend
        self.backend = backends.load(backend)
        self.weights = self.algorithm.weights(problem, self.backend)
        """The arrays of packed weights that programs read; the bias follows them."""
        self.single_runs = MAX_SINGLE_RUNS
        """Runs that may still use the tiles of a single call."""
        self.lasting_job: Job | None = None
        """The usual job, once it is tiled for many calls."""
        self._single_job: Job | None = None

    @cached_property
    def _jobs(self) -> Memo[Job]:
        """Jobs by memory layout."""
        return Memo(MAX_PROGRAMS)

    @cached_property
    def jobs_with_gaps(self) -> Memo[Any]:
        """Jobs for missing samples, by `Gaps` and memory layout; see `gaps.job`."""
        return Memo(MAX_PROGRAMS)

    @cached_property
    def _packing(self) -> Memo[Job]:
        """Jobs that pack weights, by the memory layout of these."""
        return Memo(MAX_PROGRAMS)

    @cached_property
    def new_result(self) -> Callable[[], NDArray]:
        """Makes an array for a result.

        A large one that is filled in panels of contiguous channels begins on a cache line.
        Otherwise, lines that belong to two panels would be loaded from memory twice.
        """
        problem = self.problem
        is_far = problem.outputs * problem.dtype.itemsize >= FAR_BYTES
        on_lines = is_far and self.algorithm.layout == "channels"
        allocate = workspace.aligned if on_lines else np.empty
        return partial(allocate, problem.out_shape, problem.dtype)

    def job(self, x: NDArray, out: NDArray) -> Job:
        """The job for arrays with the memory layout of these."""
        key = out.dtype, layouts(out, x)
        job = self._jobs.get(key)
        if job is None or self._is_outgrown(job):
            job = self._build(operand_like(X, x), operand_like(OUT, out))
            self._jobs.put(key, job)
        return job

    @property
    def usual_job(self) -> Job:
        """The job for arrays in C order and a result of the problem's dtype."""
        job = self.lasting_job or self._single_job
        if job is None or self._is_outgrown(job):
            problem = self.problem
            x, out = (problem.x_shape, problem.x_dtype), (problem.out_shape, problem.dtype)
            job = self._build(operand(X, *x), operand(OUT, *out))
            if job.single:
                self._single_job = job
            else:
                self.lasting_job, self._single_job = job, None
        return job

    def _is_outgrown(self, job: Job) -> bool:
        """Whether a job is tiled for a single call, but the recipe is run again and again."""
        if not job.single:
            return False
        self.single_runs -= 1
        return self.single_runs <= 0

    def _build(self, x: Operand, out: Operand) -> Job:
        program = self.backend.program(len(self.weights) + 1)
        weights, bias = self.operands(WEIGHTS)
        single = self.add_tiles(program, x, out, weights, bias, single=self.single_runs > 0)
        return Job.of(program, self.seconds, self.backend.hand_over_seconds, single)

    def operands(
        self, first: int, groups: int | None = None
    ) -> tuple[tuple[NDArray, ...], NDArray]:
        """Operands for the weights and the bias, in buffers from ``first`` on.

        ``groups`` replaces the number of groups of the problem.
        """
        problem, channels = self.problem, self.problem.out_channels * self.problem.parts
        groups = problem.groups if groups is None else groups
        weights = []
        for buffer, (shape, dtype, _, groups_last) in enumerate(self.weights, first):
            if groups_last:
                in_memory = operand(buffer, (*shape[1:], groups), dtype)
                weights.append(np.moveaxis(in_memory, -1, 0))
            else:
                weights.append(operand(buffer, (groups, *shape[1:]), dtype))
        bias = operand(first + len(weights), (groups, channels), problem.compute)
        return tuple(weights), bias

    def add_tiles(
        self,
        program: Any,
        x: NDArray,
        out: NDArray,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        first: int = WEIGHTS,
        in_one: bool = False,
        single: bool = False,
        gaps: MoreSteps | None = None,
    ) -> bool:
        """Add the entries for all tiles or, if ``in_one``, their steps to the current entry.

        ``first`` is the buffer of the first array of weights; ``gaps`` adds the steps for missing
        samples.  Returns whether tiles are those of a single call, which ``single`` permits.
        """
        problem, algorithm = self.problem, self.algorithm
        source, target = problem.view_x(x), problem.view_out(out)
        storage = algorithm.storage(problem, self.backend)
        results = algorithm.results(problem, self.backend)
        if target.dtype != problem.dtype or gaps is not None:
            storage = results = problem.compute
        x_axis = contiguous_axis(problem, source, algorithm.layout, storage)
        out_axis = contiguous_axis(problem, target, algorithm.layout, results)
        single = single and sorted(x.strides, reverse=True) == [*x.strides]  # as halos have them
        reads, writes_to = [(X, source)], [(OUT, target)]
        if gaps is None:
            tiles = tiling(problem, algorithm, self.backend, x_axis is not None, single)
        else:
            tiles = gaps.tiling(x_axis is not None)
            reads, writes_to = reads + gaps.reads, writes_to + gaps.writes
        for tile in tiles.tiles(apart=in_one):
            if not in_one:
                program.begin_tiles(
                    self._grid(program, tile, reads, writes_to, weights, bias, first)
                )
            mark = program.mark()
            samples, axis = source[tile.reads], x_axis
            if tile.halo is not None:
                samples, axis = tile.halo.padded(program, samples, storage), tile.halo.row_axis
            if gaps is not None:
                gaps.drop(program, tile, samples)
            part = target[tile.out]
            writes = out_axis is not None and out_axis == axis
            sums = part if writes else self._sums(program, samples, part, results)
            kernel, offset = weights, bias
            if (tile.groups, tile.channels) != (slice(0, len(bias)), (0, bias.shape[1])):
                start, stop = tile.channels
                kernel = tuple(
                    [
                        w[tile.groups, start // n : -(-stop // n)]
                        for w, (_, _, n, _) in zip(weights, self.weights, strict=True)
                    ]
                )
                offset = bias[tile.groups, start:stop]
            algorithm.run(program, problem, sums, samples, kernel, offset, tile.walk)
            if gaps is not None:
                gaps.divide(program, tile, sums)
            if problem.ceiling < inf:
                program.at_most(sums, problem.ceiling)
            if sums is not part:
                self._store(program, part, sums)
            program.release(mark)
        return tiles.single

    def _grid(
        self,
        program: Builder,
        tile: Tile,
        reads: Views,
        writes: Views,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        first: int,
    ) -> Grid:
        """The grid of a tile: along each axis, the bytes by which each buffer advances."""
        problem = self.problem
        lead = len(problem.batch)  # the axis of groups
        grid = []
        for axis, (count, step) in enumerate(tile.grid):
            if count == 1:
                continue
            moved = [0] * program.workspace_buffer
            last = axis == len(tile.grid) - 1
            place = axis + (axis > lead) if not last else lead + 1
            for buffer, out in writes:
                moved[buffer] = step * out.strides[place]
            if not last:
                stride = problem.axes[place - lead - 2].stride if place > lead else 1
                for buffer, x in reads:
                    moved[buffer] = step * stride * x.strides[place]
            if last or axis == lead:
                real, of = (step * problem.parts, 1) if last else (step, 0)
                for number, (w, (_, _, panel, _)) in enumerate(
                    zip(weights, self.weights, strict=True), first
                ):
                    moved[number] = (real // panel if last else real) * w.strides[of]
                moved[first + len(weights)] = real * bias.strides[of]
            grid.append((count, tuple(moved)))
        return tuple(grid)

    def _sums(self, program: Any, source: NDArray, target: NDArray, dtype: np.dtype) -> NDArray:
        """Workspace for the sums of a tile, in the memory order of ``source``."""
        shape = list(target.shape)
        rank = len(self.problem.axes)
        shape[-1 - rank] *= self.problem.parts
        if self.algorithm.layout != "channels":
            like: NDArray = program.empty_like(source, shape, dtype)
            return like
        *batch, groups, channels = shape[:-rank]
        sums = program.empty((*batch, *shape[-rank:], groups, channels), dtype)
        lead, end = len(batch), len(shape)
        moved: NDArray = sums.transpose(*range(lead), end - 2, end - 1, *range(lead, end - 2))
        return moved

    def _store(self, program: Any, target: NDArray, sums: NDArray) -> None:
        """Add the steps that round the sums of a tile and write them to ``target``."""
        problem = self.problem
        if not problem.complex:
            if target.dtype.kind == "c":
                nothing = np.array([[0, target.shape[-1], OUTSIDE, 1]])
                program.pad(target.imag, sums, (nothing,), 0)
                target = target.real
            if problem.casts and target.dtype.kind in "iu":
                program.cast(target, self._scaled(program, sums))
            else:
                program.store(target, sums)
            return
        channels = -1 - len(problem.axes)
        parts = np.moveaxis(sums, channels, 0)
        program.store(np.moveaxis(target.real, channels, 0), parts[::2])
        program.store(np.moveaxis(target.imag, channels, 0), parts[1::2])

    def _scaled(self, program: Any, sums: NDArray) -> NDArray:
        """Sums times the scale of the problem."""
        if self.problem.scale == 1:
            return sums
        scaled: NDArray = program.empty_like(sums, sums.shape)
        rank = len(self.problem.axes)
        ones = (1,) * rank
        factor = np.full((1, 1, 1, *ones), self.problem.scale, sums.dtype)
        program.correlate(scaled, sums, factor, np.zeros((1, 1), sums.dtype), ones, ones, False)
        return scaled

    @np.errstate(all="ignore")
    def pack(self, w: tuple[NDArray, ...], bias: NDArray | None, threads: int | None) -> Packed:
        """Pack weights and bias as real numbers of the compute dtype.

        The result refers to the caller's arrays if these hold such numbers already.
        """
        problem, algorithm = self.problem, self.algorithm
        dtype = problem.compute
        if problem.complex:
            dtype = np.result_type(dtype, np.complex64)
        kernel = tuple([factor.astype(dtype, copy=False) for factor in w])
        offset = np.zeros(w[0].shape[:2], dtype)
        if bias is not None:
            offset[...] = bias
        weights = self._packed(algorithm.prepare(problem, kernel), kernel, threads)
        return Packed(weights, offset.view(problem.compute))

    def _packed(
        self,
        given: tuple[NDArray | None, ...],
        kernel: tuple[NDArray, ...],
        threads: int | None,
    ) -> tuple[NDArray, ...]:
        """All arrays of packed weights; a program fills those that are None in ``given``."""
        present = tuple([array for array in given if array is not None])
        if len(present) == len(given):
            return present
        w = as_real(dense(kernel)) if given[0] is None else given[0]
        if any(stride % w.itemsize for stride in w.strides) or not w.flags.aligned:
            w = np.ascontiguousarray(w)
        arrays = tuple(
            [
                workspace.aligned(shape, dtype) if array is None else array
                for array, (shape, dtype, _, _) in zip(given, self.weights, strict=True)
            ]
        )
        key = layouts(w)
        job = self._packing.get(key)
        if job is None:
            program = self.backend.program(len(arrays))
            operands = [
                operand(buffer, array.shape, array.dtype)
                for buffer, array in enumerate(arrays, WEIGHTS)
            ]
            self.algorithm.pack(program, self.problem, tuple(operands), operand_like(X, w))
            seconds = 2 * sum(array.nbytes for array in arrays) * rates.of(self.backend_name).byte
            job = Job.of(program, seconds, self.backend.hand_over_seconds)
            self._packing.put(key, job)
        job.run((None, w, None, *arrays), threads)
        return arrays


def operand_like(buffer: int, array: NDArray) -> Operand:
    """An operand with the shape, dtype and strides of an array."""
    strides = None if array.flags.c_contiguous else array.strides
    return operand(buffer, array.shape, array.dtype, strides)


def layouts(*arrays: NDArray) -> Layouts:
    """The memory layouts of arrays, as a key."""
    return tuple([None if a.flags.c_contiguous else a.strides for a in arrays])


def contiguous_axis(problem: Problem, view: NDArray, layout: Layout, dtype: np.dtype) -> int | None:
    """The axis of contiguous items, if kernels can run along it.

    It is the channel axis for the layout "channels"; otherwise the last one or, for "rows", a batch
    axis (the colours of a pixel).  None if there is no such axis, or if the items have another
    dtype than ``dtype``.
    """
    flags = view.flags
    if view.dtype != dtype or problem.complex or not flags.aligned:
        return None
    if flags.c_contiguous and layout != "channels":
        return view.ndim - 1
    item, strides = view.itemsize, view.strides
    for stride in strides:
        if stride < 0 or stride % item:
            return None
    last = len(strides) - 1
    if layout == "channels":
        channels = last - len(problem.axes)
        contiguous = channels if view.shape[channels] > 1 else channels - 1
        return channels if strides[contiguous] == item else None
    if strides[last] == item:
        return last
    return _contiguous_batch(problem, view) if layout == "rows" else None


def _contiguous_batch(problem: Problem, view: NDArray) -> int | None:
    """The batch axis of contiguous items, if these are many or the last axis is next in memory."""
    item, strides = view.itemsize, view.strides
    batch = [axis for axis in range(len(problem.batch)) if view.shape[axis] > 1]
    innermost = next((axis for axis in batch if strides[axis] == item), None)
    run, axis = 1, innermost
    while axis is not None:
        run *= view.shape[axis]
        axis = next((axis for axis in batch if strides[axis] == item * run), None)
    beside = problem.axes[-1].stride == 1 and strides[-1] == item * run
    return innermost if beside or run >= LONG else None
