"""Steps that programs for arrays with missing samples add to each tile.

A tile copies the samples that it reads, replaces missing ones by zeros (`drop`) and sums.  If any
are missing, it computes each window's share of the kernel's weight that lies on valid samples, and
divides the sums by the shares.  All of this stays in a cache.

If few samples are missing, shares start as one, and the weights on missing samples are subtracted
(`deduct`).  If many are, or if a share becomes so small that the subtraction cancels, shares are
sums of zeros and ones, by the algorithm of the problem with weights whose sum is one.
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

__all__ = ["Gaps", "Steps", "is_rough", "job", "rows", "takes"]

DEDUCTION = 8
"""The time to subtract a weight from a share, in units of a product."""
FOUND = 128
"""The time to find a missing sample, in units of such a subtraction."""
LEAST_KEPT = 0.25
"""Deducted shares below this one may be too inaccurate."""
BYTE = np.dtype(np.uint8)
INT64 = np.dtype(np.int64)
ONE = np.ones((), BYTE)


class Gaps(NamedTuple):
    """Which samples are missing, and how sums are divided."""

    nan: bool
    """Whether NaN count as missing."""
    ignored: bool
    """Whether samples beyond the edges are missing, except along axes with another border."""
    full: float
    """Sums are not divided by shares of at least this."""
    least: float
    """Results are NaN if shares are below this."""


def takes(recipe: Recipe, ignored: frozenset[int]) -> bool:
    """Whether a program can handle missing samples.

    Numbers must be real and inexact, the rounding error of a sum relative to its own terms, and
    samples beyond the edges all missing or all valid.
    """
    problem, algorithm = recipe.problem, recipe.algorithm
    if problem.exact or problem.complex or algorithm.layout != "rows" or is_rough(recipe):
        return False
    filtered = problem.order[len(problem.batch) :]
    constant = [
        along
        for along, axis in zip(filtered, problem.axes, strict=True)
        if axis.boundary == "constant" and axis.interior != (0, axis.out)
    ]
    return not ignored or ignored.issuperset(constant)


def is_rough(recipe: Recipe) -> bool:
    """Whether rounding errors are relative to more than the terms of a sum."""
    name, rank = recipe.algorithm.name, recipe.problem.form.rank
    return name == "fft" or (name == "separable" and (rank or 1) > 1)


class Steps:
    """Adds the steps for missing samples to the tiles of a program.

    Buffers are the result, the samples, a byte for each sample, weights and bias, the weights of
    shares, their `rows` along each axis and then along none, and a byte for each output.
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
        """The axes whose `rows` of weights are read."""
        self._known: tuple[NDArray, NDArray] | None = None
        """The bytes of a tile's samples, and the number of zeros among them."""

    def tiling(self, in_place: bool) -> Tiling:
        """The tiles.  Each reads a halo, unless samples are missing beyond the edges only.

        If bits depend on the tiling, it is the one for arrays without missing samples.
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
        """Replace missing samples by zeros in the halo of a tile."""
        problem, halo = self._problem, tile.halo
        if halo is None:
            return
        valid, missing = program.empty(halo.memory, BYTE), program.empty((1,), INT64)
        beyond = 1 - self._gaps.ignored
        outside = any((table[:, 2] == OUTSIDE).any() for table in halo.runs)
        has_bytes = bool(self.reads) or (self._gaps.ignored and outside)
        if has_bytes:
            given = self.reads[0][1] if self.reads else np.broadcast_to(ONE, problem.canonical_x)
            program.pad(valid.transpose(halo.axes), given[tile.reads], halo.runs, beyond)
        items = samples.transpose(np.argsort(halo.axes))
        program.drop(items, valid, missing, self._gaps.nan, has_bytes)
        self._known = valid, missing

    def divide(self, program: Any, tile: Tile, sums: NDArray) -> None:
        """Divide the sums of a tile by the shares of its windows."""
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
        """Deduct weights from the shares of all windows; a view of a longer buffer."""
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
        limit = int(sums / each)
        program.deduct(memory, valid, missing, w, starts + front, width, limit, LEAST_KEPT)
        shares = memory[front : front + size].reshape(halo.memory).transpose(halo.axes)
        windows = [
            slice(0, shares.shape[lead + i] - (axis.taps - 1) * gap, axis.stride)
            for i, (axis, gap) in enumerate(zip(axes, halo.dilation, strict=True))
        ]
        place: Any = (..., *windows)
        windowed: NDArray = shares[place]
        return windowed

    def _sum(self, program: Any, tile: Tile, shares: NDArray, valid: NDArray) -> None:
        """Compute shares as sums of zeros and ones."""
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
    """The job for arrays with these memory layouts, and the axes whose `rows` it reads."""
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
    """Values of taps in rows along an axis, or one a row if ``along`` equals the rank."""
    if along == values.ndim:
        return values.reshape(-1, 1)
    return np.moveaxis(values, along, -1).reshape(-1, values.shape[along])


def rows(w: NDArray, along: int) -> NDArray:
    """Weights in rows along an axis, reversed and padded with zeros to whole cache lines."""
    weights = rows_of(w, along)[:, ::-1]
    line = LINE // w.itemsize
    filled = np.zeros((len(weights), -(-weights.shape[1] // line) * line), w.dtype)
    filled[:, : weights.shape[1]] = weights
    return filled
