"""Programs for arrays with missing samples: what their tiles do beside the sums.

A tile copies what it reads, puts zeros in the place of missing samples (`drop`) and sums.  Where it
counted any, it finds for each window the share of the kernel's weight that lies on valid samples,
and divides the sums by it.  All of this stays in a cache.

Where few samples are missing, shares start as one, and the weights of each missing sample are taken
away (`deduct`).  Where many are, or a share becomes so small that this cancels, shares are sums of
zeros and ones, which the algorithm of the problem finds with weights whose sum is one.
"""

from __future__ import annotations

from dataclasses import replace
from functools import reduce
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..algorithms import rates
from ..problem.boundary import OUTSIDE
from ..run.program import OUT, WEIGHTS, X2, X, operand
from ..run.workspace import LINE
from .halo import Halo
from .job import Job
from .recipe import Recipe, Views, layouts, operand_like
from .tiling import Tile, Tiling, tiling

__all__ = ["Gaps", "Steps", "job", "rows", "takes"]

DEDUCTION = 8
"""Times as long as a product, for a weight that is taken from a share."""
FOUND = 128
"""Such weights that take as long as it takes to find a missing sample."""
LEAST_KEPT = 0.25
"""Shares below which those that were deducted from one may be too rough."""
BYTE = np.dtype(np.uint8)
INT64 = np.dtype(np.int64)
ONE = np.ones((), BYTE)


class Gaps(NamedTuple):
    """How samples are missing, and what becomes of windows without them."""

    nan: bool
    """NaN are missing."""
    ignored: bool
    """What lies beyond the edges is missing, unless an axis has another border."""
    full: float
    """The share from which on a window counts as full."""
    least: float
    """The share below which nothing is left."""


def takes(recipe: Recipe, ignored: frozenset[int]) -> bool:
    """Whether a program can do it: real numbers, whose sums are rounded relative to their own terms
    alone, and one meaning of what lies beyond the edges.
    """
    problem, algorithm = recipe.problem, recipe.algorithm
    rough = algorithm.name == "fft" or (algorithm.name == "separable" and problem.form.rank != 1)
    if problem.exact or problem.complex or algorithm.layout != "rows" or rough:
        return False
    filtered = problem.order[len(problem.batch) :]
    constant = [
        along
        for along, axis in zip(filtered, problem.axes, strict=True)
        if axis.boundary == "constant" and axis.interior != (0, axis.out)
    ]
    return not ignored or ignored.issuperset(constant)


class Steps:
    """What adds the steps of tiles to a program whose buffers are the result, the samples, a byte
    for each of them, weights and bias, the weights of shares, their `rows` along each axis and then
    along none, and a byte for each output.
    """

    def __init__(
        self, recipe: Recipe, gaps: Gaps, valid: NDArray | None, lost: NDArray | None
    ) -> None:
        problem = recipe.problem
        self._recipe, self._problem, self._gaps = recipe, problem, gaps
        self._shares = WEIGHTS + len(recipe.weights) + 1
        self._rows = self._shares + len(recipe.weights)
        self.reads: Views = []
        self.writes: Views = []
        if valid is not None:
            self.reads = [(X2, problem.view_x(operand_like(X2, valid)))]
        if lost is not None:
            buffer = self._rows + len(problem.axes) + 1
            self.writes = [(buffer, problem.view_out(operand_like(buffer, lost)))]
        self.used: set[int] = set()
        """The axes whose rows are read."""
        self._known: tuple[NDArray, NDArray] | None = None
        """The bytes of a tile's samples, and how many are zero."""

    def tiling(self, in_place: bool) -> Tiling:
        """The tiles: every one reads a halo, unless only the borders are missing.

        Where bits depend on how outputs are cut, they are cut as they are without missing samples.
        """
        problem, algorithm, backend = self._problem, self._recipe.algorithm, self._recipe.backend
        everywhere = self._gaps.nan or self.reads
        if everywhere and algorithm.is_tile_invariant(problem, backend):
            return tiling(problem, algorithm, backend, in_place=False)
        tiles = tiling(problem, algorithm, backend, in_place)
        if everywhere:
            return Tiling([replace(region, in_place=False) for region in tiles.regions])
        return tiles

    def drop(self, program: Any, tile: Tile, samples: NDArray) -> None:
        """Put zeros in the place of what is missing of the samples that a tile reads."""
        problem, halo = self._problem, tile.halo
        if halo is None:
            return
        valid, missing = program.empty(halo.memory, BYTE), program.empty((1,), INT64)
        beyond = 1 - self._gaps.ignored
        outside = any((table[:, 2] == OUTSIDE).any() for table in halo.runs)
        told = bool(self.reads) or (self._gaps.ignored and outside)
        if told:
            given = self.reads[0][1] if self.reads else np.broadcast_to(ONE, problem.canonical_x)
            program.pad(valid.transpose(halo.axes), given[tile.reads], halo.runs, beyond)
        items = samples.transpose(np.argsort(halo.axes))
        program.drop(items, valid, missing, self._gaps.nan, told)
        self._known = valid, missing

    def divide(self, program: Any, tile: Tile, sums: NDArray) -> None:
        """Divide the sums of a tile by shares."""
        if tile.halo is None or self._known is None:
            return
        valid, missing = self._known
        shares = self._deduct(program, tile.halo, valid, missing)
        with program.redo():
            self._sum(program, tile, shares, valid)
        program.divide(sums, shares, missing, self._gaps.full, self._gaps.least)
        if self.writes:
            ((_, lost),) = self.writes
            program.below(lost[tile.out], shares, missing, self._gaps.least)

    def _deduct(self, program: Any, halo: Halo, valid: NDArray, missing: NDArray) -> NDArray:
        """The shares of all windows, in memory that begins and ends with more than these."""
        problem, recipe = self._problem, self._recipe
        lead, axes = len(problem.canonical_x) - len(problem.axes), problem.axes
        steps = [prod(halo.memory[halo.axes[lead + i] + 1 :]) for i in range(len(axes))]
        steps = [step * gap for step, gap in zip(steps, halo.dilation, strict=True)]
        along = steps.index(1) if 1 in steps else len(axes)
        self.used.add(along)
        places = [np.arange(axis.taps) * step for axis, step in zip(axes, steps, strict=True)]
        starts = -rows_of(reduce(np.add.outer, places), along)[:, -1]
        width = axes[along].taps if along < len(axes) else 1
        line = LINE // problem.compute.itemsize
        w = operand(self._rows + along, (len(starts), -(-width // line) * line), problem.compute)
        front, size = -int(starts.min()), prod(halo.memory)
        memory = program.empty((front + size + line,), problem.compute)
        sums = recipe.seconds * size / problem.samples
        each = (w.size + FOUND) * DEDUCTION * rates.of(recipe.backend_name).product
        most = int(sums / each)
        program.deduct(memory, valid, missing, w, starts + front, width, most, LEAST_KEPT)
        shares = memory[front : front + size].reshape(halo.memory).transpose(halo.axes)
        windows = [
            slice(0, shares.shape[lead + i] - (axis.taps - 1) * gap, axis.stride)
            for i, (axis, gap) in enumerate(zip(axes, halo.dilation, strict=True))
        ]
        place: Any = (..., *windows)
        of_windows: NDArray = shares[place]
        return of_windows

    def _sum(self, program: Any, tile: Tile, shares: NDArray, valid: NDArray) -> None:
        """Shares as sums of zeros and ones."""
        recipe, problem, halo = self._recipe, self._problem, tile.halo
        assert halo is not None
        samples = program.empty(halo.memory, problem.compute)
        program.store(samples, valid)
        samples = samples.transpose(halo.axes)
        in_place = all(axis.stride == 1 for axis in problem.axes)
        sums = shares if in_place else program.empty_like(samples, shares.shape)
        weights, _ = recipe.operands(self._shares)
        zero = np.zeros((problem.groups, problem.out_channels), problem.compute)
        of_bytes = problem._replace(x_dtype=BYTE, cval=0)
        recipe.algorithm.run(program, of_bytes, sums, samples, weights, zero, tile.walk)
        if not in_place:
            program.store(shares, sums)


def job(
    recipe: Recipe,
    gaps: Gaps,
    out: NDArray,
    x: NDArray,
    valid: NDArray | None,
    lost: NDArray | None,
) -> tuple[Job, set[int]]:
    """The job for arrays that lie as these, and the axes whose rows of weights it reads."""
    given = [array for array in (out, x, valid, lost) if array is not None]
    key = gaps, out.dtype, valid is None, lost is None, layouts(*given)
    known = recipe.jobs_with_gaps.get(key)
    if known is None:
        steps = Steps(recipe, gaps, valid, lost)
        extra = len(recipe.weights) + len(recipe.problem.axes) + 2
        program = recipe.backend.program(len(recipe.weights) + 1 + extra)
        weights, bias = recipe.operands(WEIGHTS)
        recipe.add_tiles(
            program, operand_like(X, x), operand_like(OUT, out), weights, bias, gaps=steps
        )
        made = Job.of(program, recipe.seconds, recipe.backend.hand_over_seconds)
        known = made, steps.used
        recipe.jobs_with_gaps.put(key, known)
    return known


def rows_of(values: NDArray, along: int) -> NDArray:
    """Values of taps in rows along an axis, or alone, if that comes after the last one."""
    if along == values.ndim:
        return values.reshape(-1, 1)
    return np.moveaxis(values, along, -1).reshape(-1, values.shape[along])


def rows(w: NDArray, along: int) -> NDArray:
    """Weights in rows, for outputs that lie side by side: reversed, and filled up with zeros to a
    multiple of a cache line.
    """
    weights = rows_of(w, along)[:, ::-1]
    line = LINE // w.itemsize
    filled = np.zeros((len(weights), -(-weights.shape[1] // line) * line), w.dtype)
    filled[:, : weights.shape[1]] = weights
    return filled
