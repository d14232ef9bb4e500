"""Transposed convolutions: recipes for their phases, which together fill the result."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import algorithms, backends, lower
from ..backends.protocol import Backend
from ..problem import dtypes
from ..problem.problem import Problem
from ..run import overlap, wide
from ..run.program import OUT, WEIGHTS, X
from . import confined
from .candidates import recipe_of, recipes
from .job import Job
from .memo import Memo
from .recipe import MAX_PROGRAMS, Packed, Recipe, layouts, operand_like

__all__ = ["TransposedPlan", "TransposedRecipe", "recipe_of_phases"]

BLOCK_BYTES = 3 << 17
"""Bytes of copies that fit the caches of one core."""
MAX_BLOCK_BYTES = 1 << 23
"""Bytes of copies of one thread, at most."""
VECTOR = 8
"""Channels that fill a vector."""

Place = tuple[slice, ...]
Runs = tuple[NDArray[np.int64], ...]


def _key(asked: lower.Transposition) -> Hashable:
    """The key of a recipe."""
    phases = tuple(
        [
            (phase.question.problem, *[(part.start, part.stop, part.step) for part in phase.out])
            for phase in asked.phases
        ]
    )
    strips = tuple([_key(strip.transposition) for strip in asked.strips])
    return *asked.result[:-1], asked.result.rest is None, phases, strips


class TransposedRecipe:
    """How the adjoint of a convolution is computed, without its weights."""

    def __init__(
        self,
        result: lower.Result,
        backend: str,
        phases: tuple[tuple[Place, Recipe], ...],
        strips: tuple[TransposedRecipe, ...],
        block: int | None,
    ) -> None:
        self.result = result
        self.backend_name = backend
        self.phases = phases
        """The part of the result that each phase fills, and its recipe."""
        self.strips = strips
        """The recipes for samples beyond the edges."""
        self._block = block
        """The number of channels that all phases read and fill together, in channels-last copies;
        None if phases read and fill the arrays themselves."""
        self._jobs: Memo[Job] = Memo(MAX_PROGRAMS)

    @classmethod
    def of(
        cls,
        asked: lower.Transposition,
        backend: str,
        algorithm: str,
    ) -> TransposedRecipe:
        """The recipe for a transposition."""
        block = None
        if algorithm in ("auto", "depthwise"):
            block = _contiguous_channels(asked, backends.load(backend))
        phases = []
        for place, _, (problem, _, _) in asked.phases:
            if block is None:
                phases.append((place, recipe_of(problem, algorithm, backend)))
            else:
                place = (*place[len(problem.batch) + 1 :], slice(None))
                phases.append((place, recipe_of(_of_block(problem, block), "depthwise", backend)))
        strips = [cls.of(strip.transposition, backend, algorithm) for strip in asked.strips]
        return cls(asked.result, backend, tuple(phases), tuple(strips), block)

    def pack(self, asked: lower.Transposition, threads: int | None) -> tuple[Packed, ...]:
        """The weights of all phases."""
        return tuple(
            [
                recipe.pack(phase.question.w, phase.question.bias, threads)
                for (_, recipe), phase in zip(self.phases, asked.phases, strict=True)
            ]
        )

    def job(self, x: NDArray, out: NDArray) -> Job:
        """The job of all phases, which need no synchronization."""
        key = layouts(out, x)
        job = self._jobs.get(key)
        if job is None:
            job = self._build(operand_like(X, x), operand_like(OUT, out))
            self._jobs.put(key, job)
        return job

    def _build(self, x: NDArray, out: NDArray) -> Job:
        arrays = sum(len(recipe.weights) + 1 for _, recipe in self.phases)
        backend = backends.load(self.backend_name)
        program, first, times = backend.program(arrays), WEIGHTS, 1
        if self._block is not None:
            times = prod(x.shape[: self.result.channel + 1]) // self._block
            self._add_blocks(program, x, out, self._block)
        else:
            for place, recipe in self.phases:
                recipe.add_tiles(program, x, out[place], *recipe.operands(first), first)
                first += len(recipe.weights) + 1
        seconds = times * sum(recipe.seconds for _, recipe in self.phases)
        return Job.of(program, seconds, backend.hand_over_seconds)

    def _add_blocks(self, program: Any, x: NDArray, out: NDArray, block: int) -> None:
        """Add tiles of some channels of an image, which are copied to channels-last order, filtered
        by all phases, and stored.
        """
        channel = self.result.channel
        weights = [*self._block_operands()]
        grid = []
        for axis in range(channel + 1):
            step = block if axis == channel else 1
            moved = [0] * program.workspace_buffer
            moved[OUT], moved[X] = step * out.strides[axis], step * x.strides[axis]
            if axis == channel:
                for number, array in enumerate(weights, WEIGHTS):
                    moved[number] = step * array.strides[0]
            grid.append((x.shape[axis] // step, tuple(moved)))
        program.begin_tiles(tuple(grid))
        image = (0,) * channel
        source, target = (np.moveaxis(a[image][:block], 0, -1) for a in (x, out))
        samples, filled = (program.empty(a.shape, a.dtype) for a in (source, target))
        program.pad(samples, source, (), 0)
        arrays = iter(weights)
        for place, recipe in self.phases:
            some = tuple([next(arrays)[:block] for _ in recipe.weights])
            bias = next(arrays)[:block]
            recipe.add_tiles(program, samples, filled[place], some, bias, in_one=True)
        program.store(target, filled)

    def _block_operands(self) -> Iterator[NDArray]:
        """Operands for the weights and biases of all phases, for all channels."""
        first, groups = WEIGHTS, self.result.shape[self.result.channel]
        for _, recipe in self.phases:
            weights, bias = recipe.operands(first, groups)
            yield from weights
            yield bias
            first += len(weights) + 1


def recipe_of_phases(asked: lower.Transposition, algorithm: str, backend: str) -> TransposedRecipe:
    """The recipe for a transposed convolution."""
    said = _key(asked), algorithm, backend
    recipe: TransposedRecipe | None = recipes.get(said)
    if recipe is None:
        recipe = TransposedRecipe.of(asked, backend, algorithm)
        recipes.put(said, recipe)
    return recipe


class TransposedPlan:
    """A transposed convolution with its algorithms chosen and its weights packed.

    Made by `plan_conv_transpose1d`, `plan_conv_transpose2d` and `plan_conv_transpose3d`.  A plan is
    immutable and may be called from many threads at once.  It can be copied and pickled.

    Attributes
    ----------
    out_shape : tuple of int
        The shape of the result.
    dtype : dtype
        The dtype of the result.
    backend : str
        The backend that runs it.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_conv_transpose1d((1, 2), "float64", [[[1.0, 10.0, 100.0]]], stride=2)
    >>> plan([[1.0, 2.0]])
    array([[  1.,  10., 102.,  20., 200.]])
    """

    __slots__ = ("_asked", "_packed", "_recipe", "_strips", "_threads")

    def __init__(
        self,
        recipe: TransposedRecipe,
        asked: lower.Transposition,
        packed: tuple[Packed, ...],
        strips: tuple[tuple[TransposedPlan, Runs], ...],
        threads: int | None,
    ) -> None:
        self._recipe = recipe
        self._asked = asked
        self._packed = packed
        self._strips = strips
        self._threads = threads

    @classmethod
    def of(
        cls,
        recipe: TransposedRecipe,
        asked: lower.Transposition,
        threads: int | None,
        lasting: bool,
    ) -> TransposedPlan:
        """The plan with the weights of a transposition, which are copied if it is to last."""
        if lasting:
            asked = _owned(asked)
        strips = tuple(
            (cls.of(of_strip, strip.transposition, threads, lasting), strip.runs)
            for of_strip, strip in zip(recipe.strips, asked.strips, strict=True)
        )
        return cls(recipe, asked, recipe.pack(asked, threads), strips, threads)

    @property
    def out_shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        return self._recipe.result.shape

    @property
    def dtype(self) -> np.dtype:
        """The dtype of the result."""
        return self._recipe.result.dtype

    @property
    def backend(self) -> str:
        """The name of the backend that runs it."""
        return self._recipe.backend_name

    def __call__(self, x: ArrayLike, out: NDArray | None = None) -> NDArray:
        """Run the plan.

        Parameters
        ----------
        x : array_like
            Of the shape and dtype that the plan was made for.
        out : ndarray, optional
            Receives the result, in its own dtype.  It may share memory with `x`: the result then
            goes through a temporary array.

        Returns
        -------
        ndarray
            `out`, or a new array.

        Raises
        ------
        TypeError, ValueError
            An `x` or `out` that the plan was not made for.  `out` is untouched.
        """
        result: Any = self._recipe.result
        return self._run(lower.planned_array(result, x), out)

    def _run(self, x: NDArray, out: NDArray | None) -> NDArray:
        """Run the plan on samples of the planned shape and dtype."""
        recipe = self._recipe
        result: Any = recipe.result
        sums = None
        if out is not None:
            lower.check_output(result, out)
            if out.dtype == result.sums:
                found, whole = overlap.target(out, (x, *_arrays(self._asked)))
                sums = found if whole else None
        if sums is None:
            sums = np.empty(result.shape, result.sums)
        if self._asked.result.rest is not None:
            np.moveaxis(sums, result.channel, -1)[...] = self._asked.result.rest
        if sums.size and recipe.phases:
            arrays = [array for packed in self._packed for array in packed.arrays]
            self._run_phases(x, sums, arrays)
        channels_first = np.moveaxis(sums, result.channel, 0)
        for strip, runs in self._strips:
            filled = strip._run(x, None)
            _fold(channels_first, np.moveaxis(filled, result.channel, 0), runs)
        return dtypes.stored(sums, result.dtype, out)

    def _run_into(self, x: NDArray, out: NDArray) -> None:
        """Run it on planned samples, into an array of the result's shape and dtype."""
        self._run(x, out)

    def _run_phases(self, x: NDArray, sums: NDArray, arrays: list[NDArray]) -> None:
        recipe = self._recipe
        safe = [r.problem.safe for _, r in recipe.phases if r.problem.safe is not None]
        phases = zip(recipe.phases, self._asked.phases, strict=True)
        if safe and dtypes.largest_value(x) > min(safe):
            for (place, phase), asked in phases:
                _, w, bias = asked.question
                wide.correlate(phase.problem, sums[place], x, w, bias)
        elif not recipe.job(x, sums).run((sums, x, None, *arrays), self._threads):
            for (place, phase), asked in phases:
                if phase.algorithm.name == "fft":
                    _, w, bias = asked.question
                    how = phase.backend_name, self._threads
                    confined.correlate(phase.problem, sums[place], x, w, bias, *how)

    @property
    def _nbytes(self) -> int:
        """Bytes of all weights."""
        strips = sum(strip._nbytes for strip, _ in self._strips)
        return strips + sum(packed.nbytes for packed in self._packed)

    def __reduce__(self) -> tuple[Any, ...]:
        algorithm = "auto"
        names = {recipe.algorithm.name for _, recipe in self._recipe.phases}
        if len(names) == 1:
            algorithm = names.pop()
        return _unpickled, (self._asked, algorithm, self.backend, self._threads)

    def __repr__(self) -> str:
        result = self._recipe.result
        lines = [f"{result.name} -> {result.shape} {result.dtype}, backend {self.backend}"]
        for place, recipe in self._recipe.phases:
            steps = [part.step or 1 for part in place]
            lines.append(f"  phase with steps {steps}: {recipe.algorithm.name}")
        return "\n".join(lines)


def _unpickled(
    asked: lower.Transposition, algorithm: str, backend: str, threads: int | None
) -> TransposedPlan:
    recipe = recipe_of_phases(asked, algorithm, backend)
    return TransposedPlan.of(recipe, asked, threads, lasting=True)


def _arrays(asked: lower.Transposition) -> Iterator[NDArray | None]:
    """Weights and bias of all phases."""
    for phase in asked.phases:
        yield from phase.question.w
        yield phase.question.bias
    for strip in asked.strips:
        yield from _arrays(strip.transposition)


def _owned(asked: lower.Transposition) -> lower.Transposition:
    """The same transposition with copies of its weights."""
    phases = []
    for phase in asked.phases:
        problem, w, bias = phase.question
        copies = tuple([factor.copy() for factor in w])
        question = lower.Question(problem, copies, None if bias is None else bias.copy())
        phases.append(phase._replace(question=question))
    return asked._replace(phases=tuple(phases))


def _contiguous_channels(asked: lower.Transposition, backend: Backend) -> int | None:
    """The number of channels to copy to channels-last order, or None for no copies.

    Copies pay if each channel has its own kernel and phases would skip samples of a row.  The
    number is chosen to fit a cache, unless tiles would have too few products.
    """
    result, phases = asked.result, asked.phases
    apart = any((phase.out[-1].step or 1) > 1 for phase in phases)
    if not apart or result.channel == len(result.shape) - 1 or result.rest is not None:
        return None
    problem = phases[0].question.problem
    if (
        algorithms.load("depthwise").refuses(problem)
        or not problem.x_dtype == problem.compute == result.sums
    ):
        return None
    sizes = problem.x_shape[result.channel + 1 :], result.shape[result.channel + 1 :]
    each = sum(map(prod, sizes)) * problem.compute.itemsize
    n, images = problem.groups, prod(problem.batch)
    problems = [phase.question.problem for phase in phases]
    macs = sum(each.outputs * prod(each.taps) for each in problems)
    most = max(macs // backend.min_tile_macs, 2) / max(images, 1)
    able = [m for m in range(VECTOR, n, VECTOR) if n % m == 0] or [n]
    near = max((m for m in able if m * each <= BLOCK_BYTES), default=able[0])
    block = next((m for m in able if m >= near and n / m <= most), able[-1])
    return block if block * each <= MAX_BLOCK_BYTES else None


def _of_block(problem: Problem, block: int) -> Problem:
    """The problem of a phase for some channels of one image, in channels-last order."""
    channel = len(problem.batch)
    rank = len(problem.axes)
    return problem._replace(
        x_shape=(*problem.x_shape[channel + 1 :], block),
        out_shape=(*problem.out_shape[channel + 1 :], block),
        order=(rank, *range(rank)),
        batch=(),
        groups=block,
    )


def _fold(out: NDArray, strip: NDArray, tables: tuple[NDArray[np.int64], ...]) -> None:
    """Add samples beyond the edges to those that the border repeats; filtered axes are last."""
    for combination in product(*(table.tolist() for table in tables)):
        of: Any = (..., *(slice(place, place + n) for place, n, _, _ in combination))
        part = strip[of]
        to: list[Any] = [...]
        for axis, (_, n, first, step) in enumerate(combination, -len(tables)):
            last = first + (n - 1) * step
            to.append(slice(min(first, last), max(first, last) + 1))
            if step < 0:
                part = np.flip(part, axis)
            elif step == 0:
                part = part.sum(axis, keepdims=True)
        out[tuple(to)] += part
