"""What was done once for some arrays, as calls of kernels and nothing else, to be done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from . import parallel, scratch
from .backends._protocol import Backend, Recording

__all__ = ["Piece", "Recorded", "Repeated", "plain", "record", "run_by_hand"]

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
    backend: Backend, arrays: tuple[NDArray, ...], pieces: Sequence[Piece]
) -> Recorded | None:
    """What pieces do on a backend for a result and its inputs, if it can be recorded; nothing runs.

    Pieces call the same kernels at every run, and look at no value.  Arrays are apart: what an
    operand belongs to is told by where it begins.
    """
    if len(pieces) > PIECES:
        return None
    with scratch.apart() as room:
        recording = backend.recording(arrays, room)
        if recording is None:
            return None
        for piece in pieces:
            piece(cast(Backend, recording))
            recording.end_piece()
    return Recorded(recording, len(pieces)) if recording.end() else None


class Repeated:
    """Work that is recorded when it is done a second time, if it can be, and runs from then on."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._begun = False
        self._recorded: list[Recorded | None] = []

    def run(
        self,
        threads: Callable[[int], int],
        arrays: tuple[NDArray, ...],
        pieces: Callable[[], Sequence[Piece] | None],
    ) -> list[int] | None:
        """Do the work from a recording, on the threads that so many pieces are worth, and name
        pieces whose results do not count; None where there is no recording for such arrays.
        """
        if not self._recorded and self._begun and _lie_apart(arrays):
            some = pieces()
            whole = None if some is None else record(self._backend, arrays, some)
            self._recorded.append(whole)
        self._begun = True
        recorded = self._recorded[0] if self._recorded else None
        if recorded is None:
            return None
        return recorded.recording.run(threads(recorded.pieces), *arrays)


def run_by_hand(pieces: Sequence[Piece], backend: Backend, threads: int) -> None:
    """Run pieces on a backend, on at most so many threads."""
    parallel.run(lambda number: pieces[number](backend), len(pieces), threads)


def _lie_apart(arrays: tuple[NDArray, ...]) -> bool:
    pairs = combinations(arrays, 2)
    return all(map(plain, arrays)) and not any(np.may_share_memory(*pair) for pair in pairs)


def plain(array: NDArray) -> bool:
    """Whether its items are aligned and in C order, as a recording wants them."""
    return array.flags.c_contiguous and array.flags.aligned
