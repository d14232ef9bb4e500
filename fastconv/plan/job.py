"""A job: a program with its predicted time, which limits the threads it runs on."""

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
    """Threads above which handing tiles over costs more than it saves."""
    single: bool
    """Whether it is tiled for a single call."""

    @classmethod
    def of(
        cls, program: Any, seconds: float, hand_over_seconds: float, single: bool = False
    ) -> Job:
        """The job of a program to which all steps were added."""
        return cls(program, program.tiles, seconds, seconds / hand_over_seconds, single)

    def run(self, arrays: Sequence[NDArray | None], threads: int | None) -> bool:
        """Fill the first array from the others, on at most ``threads`` threads.

        Returns whether the results are valid.  If not, a check failed, and the caller must compute
        them in another way.
        """
        if not self.tiles:
            return True
        if TRACE:
            print(f"fastconv: {self.tiles} tiles:", *self.program.steps, file=sys.stderr)
        count = thread_count(self.tiles, self.worth, threads)
        settled: bool = self.program.run(arrays, count, self.seconds)
        return settled


def thread_count(tiles: int, worth: float, threads: int | None) -> int:
    """The number of threads to use: at most one a tile, and none that costs more than it saves."""
    if tiles == 1 or worth < 2:
        return 1
    return min(tiles, int(worth), threads or config.resolve_threads())
