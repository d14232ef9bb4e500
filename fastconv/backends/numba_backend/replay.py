"""Recordings: the steps of a whole plan, run on any arrays that lie as those of the first run."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ...run import workspace
from . import headers, team
from .entry import Entry
from .native import CONSTANT, FAILED, caller, words_of
from .steps import Kernels

__all__ = ["Recording"]

BYTES = np.dtype("u1")


class Recording(Kernels):
    """The steps of pieces, recorded with some arrays and run on others that lie alike.

    A result and inputs are in C order, weights at least in a row, all of them are apart, and
    ``room`` is memory for what is between two steps; none of it is touched before the recording
    runs.
    """

    def __init__(
        self, arrays: tuple[NDArray, ...], weights: tuple[NDArray, ...], room: NDArray
    ) -> None:
        memories = *arrays, *map(_memory, weights), room
        self._ranges = [(a.ctypes.data, a.nbytes) for a in memories]
        self._dtypes = [array.dtype for array in arrays]
        self._begin, self._expected = headers.begin(), headers.expected(arrays)
        self._absent = (0,) * (headers.MOST - len(arrays))
        self._weights: tuple[NDArray, ...] = ()
        self._kept: list[Any] = []
        self._words: list[int] = []
        self._steps: list[tuple[int, int]] = []
        self._stops = [0]
        self._used = 0
        self._whole = True

    def add(self, code: Entry, operands: tuple[NDArray, ...], *rest: Any) -> bool:
        places = {}
        for number, operand in enumerate(operands):
            self._use(operand)
            place = self._place(operand)
            if place is not None:
                places[number] = place
        self._whole &= 0 in places
        self._steps.append((caller(code), len(self._words)))
        self._words += words_of(code, [*operands, *rest], places)
        self._kept += [operand for n, operand in enumerate(operands) if n not in places]
        self._kept.append(rest)
        return True

    def leave(self, *arguments: Any) -> None:
        self._whole = False

    def start(self, array: NDArray) -> NDArray:
        self._use(array)
        return super().start(array)

    def _place(self, array: NDArray) -> tuple[int, int] | None:
        """The memory that an operand begins in and where, if that changes from run to run."""
        for memory, (start, nbytes) in enumerate(self._ranges, CONSTANT + 1):
            offset = array.ctypes.data - start
            if 0 <= offset < nbytes:
                return memory, offset
        return None

    def _use(self, array: NDArray) -> None:
        """Have room for an array, if it lies there."""
        start, nbytes = self._ranges[-1]
        offset = array.ctypes.data - start
        if 0 <= offset < nbytes:
            axes = zip(array.shape, array.strides, strict=True)
            last = sum((n - 1) * step for n, step in axes)
            self._used = max(self._used, offset + last + array.itemsize)

    def end_piece(self) -> None:
        self._stops.append(len(self._steps))

    def end(self) -> bool:
        self._table = np.array(self._words, np.int64)
        steps = np.array(self._steps, np.int64).reshape(-1, 2)
        self._calls = steps * (1, self._table.itemsize) + (0, self._table.ctypes.data)
        self._ends = np.array(self._stops, np.int64)
        self._pieces = len(self._stops) - 1
        memories = [0, *(start for start, _ in self._ranges)]
        job = np.zeros(team.STARTS + len(memories) + self._pieces, np.int64)
        job[team.PIECES] = self._pieces
        job[team.ROOM] = room = team.room_for(len(memories), self._used)
        self._head, self._size = job.nbytes, job.nbytes + room
        job[team.ENDS], job[team.CALLS] = self._ends.ctypes.data, self._calls.ctypes.data
        job[team.MEMORIES] = len(memories)
        job[team.STARTS :][: len(memories)] = memories
        self._job = job
        return self._whole

    def with_weights(self, *weights: NDArray) -> Recording:
        """The same recording for weights that lie as its own."""
        other = copy(self)
        other._weights, other._job = weights, self._job.copy()
        first = team.STARTS + 1 + len(self._dtypes)
        for number, array in enumerate(weights, first):
            other._job[number] = _memory(array).ctypes.data
        return other

    def run(self, threads: int, alone: float, *arrays: Any) -> list[int] | None:
        for array, dtype in zip(arrays, self._dtypes, strict=True):
            if type(array) is not np.ndarray or array.dtype != dtype:
                return None
        small, mark = self._size < workspace.SMALL, workspace.mark()
        try:  # what is small has no need of the stack, which takes a tenth of a short call to ask
            memory = np.empty(self._size, BYTES) if small else workspace.empty((self._size,), BYTES)
            job = self._begin(memory, self._job, self._expected, *map(id, arrays), *self._absent)
            if not job:
                return None
            if team.run(job, job + self._head, min(threads, self._pieces), alone):
                return []
            outcomes = memory[: self._head].view(np.int64)[-self._pieces :].tolist()
        finally:
            workspace.release(mark)
        if any(outcome & FAILED for outcome in outcomes):
            raise MemoryError
        return [number for number, outcome in enumerate(outcomes) if outcome]


def _memory(array: NDArray) -> NDArray:
    """All memory of an array, from the lowest address on."""
    if array.flags.c_contiguous:
        return array
    array = array[tuple([slice(None, None, -1 if step < 0 else 1) for step in array.strides])]
    axes = zip(array.shape, array.strides, strict=True)
    items = 1 + sum((n - 1) * step for n, step in axes) // array.itemsize
    return as_strided(array, (items,), (array.itemsize,))
