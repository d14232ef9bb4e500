"""A transposed convolution: the plans of its phases, which fill one result between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backends, lower
from ..problem import dtypes
from ..run import threads as parallel, workspace
from ..algorithms import depthwise
from ..backends.protocol import Backend
from .plan import Given, Plan, thread_count
from .recorded import Piece, Repeated
from ..lower.transposed import Phase

__all__ = ["Transposed", "neighbours", "with_neighbours"]


BLOCK = 3 << 17
"""Bytes of copies that stay in a cache of a processor's own."""
VECTOR = 8
"""Channels that fill a vector."""


@dataclass(frozen=True, eq=False)
class Transposed:
    """The adjoint of a convolution, decided: call it on an array."""

    result: lower.Result
    plans: tuple[tuple[tuple[slice, ...], Plan], ...]
    """What each phase fills, and how."""
    strips: tuple[tuple[Transposed, tuple[NDArray[np.int64], ...]], ...]
    """Samples beyond the edges, and where each of them is added."""
    threads: int | None
    block: int | None
    """Channels that phases read and fill together, in copies where they are neighbours; None where
    phases read and fill arrays themselves.
    """
    _repeated: Repeated | None

    @classmethod
    def of(
        cls,
        result: lower.Result,
        plans: tuple[tuple[tuple[slice, ...], Plan], ...],
        strips: tuple[tuple[Transposed, tuple[NDArray[np.int64], ...]], ...],
        threads: int | None,
        block: int | None,
    ) -> Transposed:
        """What these plans make, from the first time on."""
        repeated = None
        if plans:
            repeated = Repeated(backends.load(plans[0][1].backend), _weights(plans))
        return cls(result, plans, strips, threads, block, repeated)

    def again(self, weights: Iterator[Given], lasting: bool) -> Transposed:
        """The same for the next weights, which differ in their values only; they stay the caller's
        where it is not lasting.
        """
        plans = tuple([(place, plan.again(weights, lasting)) for place, plan in self.plans])
        strips = tuple([(strip.again(weights, lasting), runs) for strip, runs in self.strips])
        repeated = self._repeated and self._repeated.again(_weights(plans))
        return replace(self, plans=plans, strips=strips, _repeated=repeated)

    def bare(self) -> Transposed:
        """The same without weights, to be made again with some."""
        plans = tuple((place, plan.bare()) for place, plan in self.plans)
        strips = tuple((strip.bare(), runs) for strip, runs in self.strips)
        repeated = self._repeated and self._repeated.again(())
        return replace(self, plans=plans, strips=strips, _repeated=repeated)

    def __call__(self, x: NDArray, out: NDArray | None = None) -> NDArray:
        """The result for ``x``, which has the shape and dtype that the plans were made for."""
        result = self.result
        if out is not None:
            lower.check_receiver(
                f"{result.name}: out", result.source, x, out, result.shape, result.complex
            )
        sums = out
        if sums is None or sums.dtype != result.sums or lower.overlaps(x, sums):
            sums = np.empty(result.shape, result.sums)
        if result.rest is not None:
            np.moveaxis(sums, result.channel, -1)[...] = result.rest
        if self._repeated is not None:
            self._run(self._repeated, x, sums)
        channels_first = np.moveaxis(sums, result.channel, 0)
        for strip, runs in self.strips:
            _fold(channels_first, np.moveaxis(strip(x), result.channel, 0), runs)
        return dtypes.stored(sums, result.dtype, out)

    def _run(self, work: Repeated, x: NDArray, sums: NDArray) -> None:
        """Run the pieces of all phases, between which threads need not wait."""
        threads = partial(thread_count, worth=self._worth, threads=self.threads)
        failed = work.run(threads, self._seconds, (sums, x), partial(self._recordable, x, sums))
        if failed is None:
            run, pieces = self._tasks(x, sums)
            worth = self._seconds / parallel.HAND_OVER
            parallel.run(run, pieces, thread_count(pieces, worth, self.threads))
        elif failed:
            by_hand, _ = self._tasks(x, sums)
            for number in failed:
                by_hand(number)

    def _recordable(self, x: NDArray, sums: NDArray) -> list[Piece] | None:
        """All pieces, unless one of them cannot be recorded."""
        if self.block is not None:
            repeat = all(plan.repeats for _, plan in self.plans)
            return self._blocks(self.block, x, sums) if repeat else None
        pieces: list[Piece] = []
        for place, plan in self.plans:
            some = plan.recordable(x, sums[place])
            if some is None:
                return None
            pieces += some
        return pieces

    def _tasks(self, x: NDArray, sums: NDArray) -> tuple[Callable[[int], None], int]:
        if self.block is not None:
            blocks = self._blocks(self.block, x, sums)
            backend = backends.load(self.plans[0][1].backend)
            return (lambda number: blocks[number](backend)), len(blocks)
        phases = (plan.tasks(x, sums[place]) for place, plan in self.plans)
        calls = [(fill, piece) for fill, pieces in phases for piece in range(pieces)]

        def run(number: int) -> None:
            fill, piece = calls[number]
            fill(piece)

        return run, len(calls)

    def _blocks(self, block: int, x: NDArray, sums: NDArray) -> list[Piece]:
        """What fills some channels of an image, for all of them."""
        channel = self.result.channel
        starts = range(0, x.shape[channel], block)
        return [
            partial(self._fill_block, x[image], sums[image], slice(start, start + block))
            for image in np.ndindex(x.shape[:channel])
            for start in starts
        ]

    def _fill_block(self, x: NDArray, sums: NDArray, channels: slice, backend: Backend) -> None:
        """Fill some channels of an image, by way of copies in which they are neighbours."""
        source, target = (np.moveaxis(array[channels], 0, -1) for array in (x, sums))
        outer = workspace.mark()
        try:
            samples, filled = (workspace.empty(a.shape, a.dtype) for a in (source, target))
            backend.extend(samples, source, (), 0)
            for place, plan in self.plans:
                plan.fill_groups(samples, filled[place], channels, backend)
            backend.store(target, filled)
        finally:
            workspace.release(outer)

    @cached_property
    def _seconds(self) -> float:
        return self._times * sum(plan.seconds for _, plan in self.plans)

    @cached_property
    def _worth(self) -> float:
        return self._times * sum(plan.worth for _, plan in self.plans)

    @property
    def _times(self) -> float:
        """How often each plan runs."""
        if self.block is None:
            return 1
        return prod(self.result.shape[: self.result.channel + 1]) / self.block

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        plans = sum(plan.weight_bytes for _, plan in self.plans)
        return plans + sum(strip.weight_bytes for strip, _ in self.strips)


def _weights(plans: tuple[tuple[tuple[slice, ...], Plan], ...]) -> tuple[NDArray, ...]:
    return tuple([array for _, plan in plans for array in plan.weights])


def neighbours(asked: lower.Transposition, backend: Backend) -> int | None:
    """How many channels should be neighbours in copies: each has a kernel of its own, and phases
    would leave out every second sample of a row.  None where that is not so.

    As many as stay in a near cache, or more where pieces would have too few products.
    """
    result, phases = asked.result, asked.phases
    apart = any((phase.out[-1].step or 1) > 1 for phase in phases)
    if not apart or result.channel == len(result.shape) - 1 or result.rest is not None:
        return None
    problem = phases[0].question.problem
    if depthwise.refuses(problem) or not problem.x_dtype == problem.compute == result.sums:
        return None
    sizes = problem.x_shape[result.channel + 1 :], result.shape[result.channel + 1 :]
    each = sum(map(prod, sizes)) * problem.compute.itemsize
    n, images = problem.groups, prod(problem.batch)
    products = sum(
        prod(phase.question.problem.out_shape) * prod(phase.question.problem.taps)
        for phase in phases
    )
    most = max(products // backend.PIECE, 2) / max(images, 1)
    able = [m for m in range(VECTOR, n, VECTOR) if n % m == 0] or [n]
    near = max((m for m in able if m * each <= BLOCK), default=able[0])
    block = next((m for m in able if m >= near and n / m <= most), able[-1])
    return block if block * each <= workspace.KEPT else None


def with_neighbours(phase: Phase, block: int) -> Phase:
    """The phase for so many channels of an image, which come last; it has the weights of all."""
    question, problem = phase.question, phase.question.problem
    channel = len(problem.batch)
    rank = len(problem.axes)
    moved = replace(
        problem,
        x_shape=(*problem.x_shape[channel + 1 :], block),
        out_shape=(*problem.out_shape[channel + 1 :], block),
        order=(rank, *range(rank)),
        batch=(),
        groups=block,
    )
    return Phase((*phase.out[channel + 1 :], slice(None)), question._replace(problem=moved))


def _fold(out: NDArray, strip: NDArray, tables: tuple[NDArray[np.int64], ...]) -> None:
    """Add samples beyond the edges to those that they were taken from; filtered axes are last."""
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
