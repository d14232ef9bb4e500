"""A transposed convolution: the plans of its phases, which fill one result between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import backends, dtypes, parallel, scratch, validate
from .algorithms import depthwise
from .backends._protocol import Backend
from .plan import Given, Plan, thread_count
from .recorded import Piece, Repeated, run_by_hand
from .validate.transposed import Phase

__all__ = ["Transposed", "wants_neighbours", "with_neighbours"]


COPIES = 8
"""Pieces of a copy."""


class Turn(NamedTuple):
    """Copies whose channels are neighbours."""

    samples: Repeated
    sums: Repeated


@dataclass(frozen=True, eq=False)
class Transposed:
    """The adjoint of a convolution, decided: call it on an array."""

    result: validate.Result
    plans: tuple[tuple[tuple[slice, ...], Plan], ...]
    """What each phase fills, and how."""
    strips: tuple[tuple[Transposed, tuple[NDArray[np.int64], ...]], ...]
    """Samples beyond the edges, and where each of them is added."""
    threads: int | None
    _repeated: Repeated | None
    _turn: Turn | None
    """For phases that read and fill copies whose channels are neighbours."""

    @classmethod
    def of(
        cls,
        result: validate.Result,
        plans: tuple[tuple[tuple[slice, ...], Plan], ...],
        strips: tuple[tuple[Transposed, tuple[NDArray[np.int64], ...]], ...],
        threads: int | None,
        turned: bool,
    ) -> Transposed:
        """What these plans make, from the first time on."""
        repeated = turn = None
        if plans:
            backend = backends.load(plans[0][1].backend)
            repeated = Repeated(backend, _weights(plans))
            turn = Turn(Repeated(backend), Repeated(backend)) if turned else None
        return cls(result, plans, strips, threads, repeated, turn)

    def again(self, weights: Iterator[Given]) -> Transposed:
        """The same for the next weights, which differ in their values only."""
        plans = tuple([(place, plan.again(weights)) for place, plan in self.plans])
        strips = tuple([(strip.again(weights), runs) for strip, runs in self.strips])
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
            validate.check_receiver(
                f"{result.name}: out", result.source, x, out, result.shape, result.complex
            )
        sums = out
        if sums is None or sums.dtype != result.sums or validate.overlaps(x, sums):
            sums = np.empty(result.shape, result.sums)
        if result.rest is not None:
            np.moveaxis(sums, result.channel, -1)[...] = result.rest
        if self._turn is not None:
            self._run_turned(self._turn, x, sums)
        else:
            self._run_phases(x, sums)
        channels_first = np.moveaxis(sums, result.channel, 0)
        for strip, runs in self.strips:
            _fold(channels_first, np.moveaxis(strip(x), result.channel, 0), runs)
        return dtypes.stored(sums, result.dtype, out)

    def _run_turned(self, turn: Turn, x: NDArray, sums: NDArray) -> None:
        channel = self.result.channel
        outer = scratch.mark()
        try:
            samples, filled = (
                scratch.empty(_moved(array.shape, channel), array.dtype) for array in (x, sums)
            )
            turned, target = np.moveaxis(x, channel, -1), np.moveaxis(sums, channel, -1)
            self._copy(turn.samples, (samples, x), samples, turned)
            self._run_phases(samples, filled)
            self._copy(turn.sums, (sums, filled), target, filled)
        finally:
            scratch.release(outer)

    def _copy(
        self, work: Repeated, arrays: tuple[NDArray, ...], to: NDArray, source: NDArray
    ) -> None:
        """Copy all items, which have an order of their own in these arrays."""
        axis, n = self.result.channel, to.shape[self.result.channel]
        channels = np.array([[0, to.shape[-1], 0, 1]])
        parts = min(n, COPIES)

        def copy(number: int, backend: Backend) -> None:
            some = slice(n * number // parts, n * (number + 1) // parts)
            place = (*(slice(None),) * axis, some)
            backend.extend(to[place], source[place], (channels,), 0)

        pieces = [partial(copy, number) for number in range(parts)]
        threads = partial(thread_count, worth=self._worth, threads=self.threads)
        if work.run(threads, arrays, lambda: pieces) is None:
            backend = backends.load(self.plans[0][1].backend)
            run_by_hand(pieces, backend, self._threads_by_hand(parts))

    def _run_phases(self, x: NDArray, sums: NDArray) -> None:
        """Run the pieces of all phases, between which threads need not wait."""
        if self._repeated is None:
            return
        threads = partial(thread_count, worth=self._worth, threads=self.threads)
        failed = self._repeated.run(threads, (sums, x), partial(self._pieces, x, sums))
        if failed is None:
            run, pieces = self._tasks(x, sums)
            parallel.run(run, pieces, self._threads_by_hand(pieces))
        elif failed:
            by_hand, _ = self._tasks(x, sums)
            for number in failed:
                by_hand(number)

    def _pieces(self, x: NDArray, sums: NDArray) -> list[Piece] | None:
        """Those of all phases, unless one of them cannot be recorded."""
        pieces: list[Piece] = []
        for place, plan in self.plans:
            some = plan.recordable(x, sums[place])
            if some is None:
                return None
            pieces += some
        return pieces

    def _tasks(self, x: NDArray, sums: NDArray) -> tuple[Callable[[int], None], int]:
        phases = (plan.tasks(x, sums[place]) for place, plan in self.plans)
        calls = [(fill, piece) for fill, pieces in phases for piece in range(pieces)]

        def run(number: int) -> None:
            fill, piece = calls[number]
            fill(piece)

        return run, len(calls)

    def _threads_by_hand(self, pieces: int) -> int:
        """Threads for so many pieces that are not recorded."""
        return thread_count(pieces, self._seconds / parallel.HAND_OVER, self.threads)

    @cached_property
    def _seconds(self) -> float:
        return sum(plan.seconds for _, plan in self.plans)

    @cached_property
    def _worth(self) -> float:
        return sum(plan.worth for _, plan in self.plans)

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of all weights."""
        plans = sum(plan.weight_bytes for _, plan in self.plans)
        return plans + sum(strip.weight_bytes for strip, _ in self.strips)


def _weights(plans: tuple[tuple[tuple[slice, ...], Plan], ...]) -> tuple[NDArray, ...]:
    return tuple([array for _, plan in plans for array in plan.weights])


def wants_neighbours(asked: validate.Transposition) -> bool:
    """Whether channels should be neighbours: each has a kernel of its own, phases would leave out
    every second sample of a row, and copies stay in memory that is kept.
    """
    result, phases = asked.result, asked.phases
    apart = any((phase.out[-1].step or 1) > 1 for phase in phases)
    if not apart or result.channel == len(result.shape) - 1 or result.rest is not None:
        return False
    problem = phases[0].question.problem
    items = prod(problem.x_shape) + prod(result.shape)
    return (
        depthwise.refuses(problem) is None
        and problem.x_dtype == problem.compute == result.sums
        and items * problem.compute.itemsize <= scratch.KEPT
    )


def with_neighbours(phase: Phase) -> Phase:
    """The phase for arrays whose channels come last."""
    question, problem = phase.question, phase.question.problem
    channel = len(problem.batch)
    n = len(problem.order)
    moved = replace(
        problem,
        x_shape=_moved(problem.x_shape, channel),
        out_shape=_moved(problem.out_shape, channel),
        order=(*range(channel), n - 1, *range(channel, n - 1)),
    )
    return Phase(_moved(phase.out, channel), question._replace(problem=moved))


def _moved(of_axes: tuple[Any, ...], channel: int) -> tuple[Any, ...]:
    """What is said of each axis, with the channels last."""
    return (*of_axes[:channel], *of_axes[channel + 1 :], of_axes[channel])


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
