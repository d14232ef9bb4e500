"""A job: a program, how long it takes, and so the threads that it is worth."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

from numpy.typing import NDArray

from .. import config
from ..run.program import TRACE

__all__ = ["Job", "thread_count"]


class Job(NamedTuple):
    """A program that is ready to run."""

    program: Any
    tiles: int
    seconds: float
    """Predicted for one thread."""
    worth: float
    """Threads that are worth handing tiles over to."""
    single: bool
    """Whether it has the tiles of a single call."""

    @classmethod
    def of(
        cls, program: Any, seconds: float, hand_over_seconds: float, single: bool = False
    ) -> Job:
        """A job for a program that is complete."""
        return cls(program, program.tiles, seconds, seconds / hand_over_seconds, single)

    def run(self, arrays: Sequence[NDArray | None], threads: int | None) -> bool:
        """Fill the first array from the others, on at most so many threads.

        Whether the results count: the caller has to find others where a check failed.
        """
        if not self.tiles:
            return True
        if TRACE:
            print(f"fastconv: {self.tiles} tiles:", *self.program.steps, file=sys.stderr)
        count = thread_count(self.tiles, self.worth, threads)
        settled: bool = self.program.run(arrays, count, self.seconds)
        return settled


def thread_count(tiles: int, worth: float, threads: int | None) -> int:
    """How many of the allowed threads have a tile each and are worth their hand-over."""
    if tiles == 1 or worth < 2:
        return 1
    return min(tiles, int(worth), threads or config.resolve_threads())
