"""What was done once for some arrays, as calls of kernels and nothing else, to be done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from ..run import threads as parallel, workspace
from ..backends.protocol import Backend, Recording

__all__ = ["Piece", "Recorded", "Repeated", "run_by_hand"]

PIECES = 256
"""Pieces that are recorded at most: what is more costs more than its calls, and kernels keep a list
of what came of them.
"""

Piece = Callable[[Backend], None]


class Recorded(NamedTuple):
    """A recording and its pieces."""

    recording: Recording
    pieces: int


def record(
    backend: Backend,
    arrays: tuple[NDArray, ...],
    weights: tuple[NDArray, ...],
    pieces: Sequence[Piece],
) -> Recorded | None:
    """What pieces do on a backend for a result, its inputs and some weights, if it can be recorded;
    nothing runs.

    Pieces call the same kernels at every run, and look at no value.  Arrays are apart: what an
    operand belongs to is told by where it begins.
    """
    if len(pieces) > PIECES:
        return None
    with workspace.apart() as room:
        recording = backend.recording(arrays, weights, room)
        if recording is None:
            return None
        try:
            for piece in pieces:
                piece(cast(Backend, recording))
                recording.end_piece()
        except workspace.NoRoomError:
            return None
    return Recorded(recording, len(pieces)) if recording.end() else None


@dataclass(slots=True)
class Shared:
    """What the same work with other weights shares."""

    begun: bool = False
    recorded: list[Recorded | None] = field(default_factory=list)
    """Nothing before the second time, and None where it cannot be recorded."""


class Repeated:
    """Work that is recorded when it is done a second time, if it can be, and runs from then on,
    with its own weights or others.
    """

    def __init__(
        self, backend: Backend, weights: tuple[NDArray, ...] = (), shared: Shared | None = None
    ) -> None:
        self._backend = backend
        self._weights = weights
        self.shared = shared or Shared()
        self._mine: Recorded | None = None

    def again(self, weights: tuple[NDArray, ...]) -> Repeated:
        """The same work with weights that lie as its own."""
        return Repeated(self._backend, weights, self.shared)

    def recorded(self) -> Recorded | None:
        """The recording with its weights, if there is one."""
        if self._mine is None and self.shared.recorded and self.shared.recorded[0]:
            recording, pieces = self.shared.recorded[0]
            self._mine = Recorded(recording.with_weights(*self._weights), pieces)
        return self._mine

    def begin(
        self, arrays: tuple[NDArray, ...], pieces: Callable[[], Sequence[Piece] | None]
    ) -> None:
        """Do it for the first time, or record it."""
        shared = self.shared
        if shared.begun and not shared.recorded and _lie_apart(arrays):
            some = pieces()
            whole = None if some is None else record(self._backend, arrays, self._weights, some)
            shared.recorded.append(whole)
        shared.begun = True

    def run(
        self,
        threads: Callable[[int], int],
        alone: float,
        arrays: tuple[NDArray, ...],
        pieces: Callable[[], Sequence[Piece] | None],
    ) -> list[int] | None:
        """Do the work from a recording, on the threads that so many pieces are worth, of which one
        would take some seconds alone, and name pieces whose results do not count; None where there
        is no recording for such arrays.
        """
        if self._mine is None:
            self.begin(arrays, pieces)
        recorded = self.recorded()
        if recorded is None:
            return None
        return recorded.recording.run(threads(recorded.pieces), alone, *arrays)


def run_by_hand(pieces: Sequence[Piece], backend: Backend, threads: int) -> None:
    """Run pieces on a backend, on at most so many threads."""
    parallel.run(lambda number: pieces[number](backend), len(pieces), threads)


def _lie_apart(arrays: tuple[NDArray, ...]) -> bool:
    pairs = combinations(arrays, 2)
    return all(map(_plain, arrays)) and not any(np.may_share_memory(*pair) for pair in pairs)


def _plain(array: NDArray) -> bool:
    """Whether its items are aligned and in C order, as a recording wants them."""
    return array.flags.c_contiguous and array.flags.aligned
