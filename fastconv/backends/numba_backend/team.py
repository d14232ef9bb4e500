"""A team: threads that fill the pieces of a job together with whoever has it, without Python.

A helper looks out for an offer for a while, in machine code, and then sleeps until one comes.
Whoever has a job offers it to helpers that wait, works on it like them, takes back the offers that
nobody began with, and waits for the others.  So no job waits for a helper that is slow to wake, or
gone: a forked child has none.  The compiled backend's `team.h` does the same, and looks at a clock.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from . import atomics
from .atomics import add, call, get, give_way, put, relax, replace
from .on_disk import array, compile_kept

__all__ = [
    "CALLS",
    "ENDS",
    "MEMORIES",
    "OUTCOME",
    "PIECES",
    "ROOM",
    "STARTS",
    "code",
    "room_for",
    "run",
]

BEGUN, HELPERS, PIECES, ROOM, ENDS, CALLS, OUTCOME, MEMORIES, STARTS = range(9)
"""Words of a job: pieces that were begun, helpers that have not left it, how many pieces there are,
bytes that a thread needs, where the ends of pieces are, where their steps' callers and words are,
whether the results of some piece do not count, how many memories there are, and where they begin,
the last of them a thread's room.  What came of each piece follows."""

MOST_HELPERS = 255
LOOKS = 300
"""How often a helper looks out for an offer before it sleeps: some tenths of a millisecond where
nobody else wants its processor."""
GLANCES = 32
"""How often it looks at its state before it lets other threads have the processor."""
FIRST = 4
"""Pieces that whoever has a job fills before the first look for an interrupt."""
PATIENCE = 0.01
"""Seconds of work between two looks, about."""
ABSENT, AWAKE, ASLEEP, WORKS = range(4)
"""States of a helper, or the address of the job that it is offered."""
NEEDS = 1
"""The word after its state: bytes that it needs."""
MORE, WAITS, DONE = range(3)
"""What is left of a job: pieces, helpers at work, or nothing."""
LINE = 16
"""Words between the states of helpers, which are alone in their lines of the cache."""
BYTES = 64
"""Of a line of the cache, where a thread's room begins."""
FAREWELL = 1.0
"""Seconds that the end of the process waits for helpers at most."""

_team = np.zeros((MOST_HELPERS + 1, LINE), np.int64)
"""States of helpers; the last one says whether all of them shall leave."""
_bells: list[threading.Lock] = []
_homes: dict[int, set[int]] = {}
"""Processors that a helper may run on, but for the moment when it is woken."""
_threads: list[threading.Thread] = []
_lock = threading.Lock()


def room_for(memories: int, used: int) -> int:
    """Bytes that a thread needs: for where memories begin, and for what is between two steps."""
    return BYTES + -(-8 * memories // BYTES) * BYTES + used


@njit(nogil=True)
def _lines(nbytes):  # type: ignore[no-untyped-def]
    """Bytes of whole lines of the cache."""
    return (nbytes + BYTES - 1) // BYTES * BYTES


@njit(nogil=True)
def _fill(job, room, most):  # type: ignore[no-untyped-def]
    """Fill some pieces, and say whether there may be more; nothing here can raise."""
    memories, starts = get(job + 8 * MEMORIES), _lines(room)
    for memory in range(memories):
        put(starts + 8 * memory, get(job + 8 * (STARTS + memory)))
    put(starts + 8 * (memories - 1), starts + _lines(8 * memories))
    ends, calls = get(job + 8 * ENDS), get(job + 8 * CALLS)
    for _ in range(most):
        piece = add(job + 8 * BEGUN, 1)
        if piece >= get(job + 8 * PIECES):
            return False
        outcome = 0
        for step in range(get(ends + 8 * piece), get(ends + 8 * piece + 8)):
            outcome |= call(get(calls + 16 * step), get(calls + 16 * step + 8), starts)
        if outcome:
            put(job + 8 * (STARTS + memories + piece), outcome)
            put(job + 8 * OUTCOME, 1)
    return True


def team_serve(team, number, room, job, give):  # type: ignore[no-untyped-def]
    """Work on a job, if there is one, and on those that are offered.

    Return 0 to sleep, a job that needs more room than there is, or -1 to leave.
    """
    me = team.ctypes.data + 8 * LINE * number
    while True:
        if job != 0:
            if room.size >= get(job + 8 * ROOM):
                _fill(job, room.ctypes.data, get(job + 8 * PIECES))
            add(job + 8 * HELPERS, -1)  # the job may be gone from here on
            put(me, AWAKE)
            job = 0
        if get(team.ctypes.data + 8 * LINE * MOST_HELPERS) != 0:
            return -1
        for _ in range(LOOKS):
            for _ in range(GLANCES):
                state = get(me)
                if state > WORKS and replace(me, state, WORKS):
                    job = state
                    break
                relax()
            if job != 0:
                break
            give_way(give)
        if job != 0:
            if room.size < get(job + 8 * ROOM):
                put(me + 8 * NEEDS, get(job + 8 * ROOM))
                return job
        elif replace(me, AWAKE, ASLEEP):
            return 0


def team_offer(team, size, helpers, job):  # type: ignore[no-untyped-def]
    """Offer a job to helpers that are awake, and return how many are still wanted."""
    mine = job.ctypes.data
    for number in range(size):
        me = team.ctypes.data + 8 * LINE * number
        if helpers > 0 and get(me) == AWAKE:
            add(mine + 8 * HELPERS, 1)  # before it begins, which may be done at once
            if replace(me, AWAKE, mine):
                helpers -= 1
            else:
                add(mine + 8 * HELPERS, -1)
    return helpers


def team_wake(team, size, job, woken):  # type: ignore[no-untyped-def]
    """Offer a job to a helper that sleeps, and write down its number; say whether one does."""
    mine = job.ctypes.data
    for number in range(size):
        me = team.ctypes.data + 8 * LINE * number
        if get(me) == ASLEEP:
            add(mine + 8 * HELPERS, 1)
            if replace(me, ASLEEP, mine):
                woken[0] = number
                return True
            add(mine + 8 * HELPERS, -1)
    return False


def team_work(team, size, job, room, most, give):  # type: ignore[no-untyped-def]
    """Fill some pieces of a job, or none any more; then leave it when all helpers have.

    Say what is left of it.
    """
    mine = job.ctypes.data
    if most == 0:
        put(mine + 8 * BEGUN, get(mine + 8 * PIECES))
    elif _fill(mine, room.ctypes.data, most):
        return MORE
    for number in range(size):
        if replace(team.ctypes.data + 8 * LINE * number, mine, AWAKE):
            add(mine + 8 * HELPERS, -1)
    for _ in range(LOOKS):
        for _ in range(GLANCES):
            if get(mine + 8 * HELPERS) == 0:
                return DONE
            relax()
        give_way(give)
    return WAITS


class _Code(NamedTuple):
    """Machine code of the functions above."""

    serve: Callable[..., int]
    offer: Callable[..., int]
    wake: Callable[..., bool]
    work: Callable[..., int]
    give: int


@cache
def code() -> _Code:
    """The machine code, compiled when it is first asked for."""
    whole, words = types.int64, array(types.int64, 2, readonly=False)
    job, room = array(types.int64, 1, readonly=False), array(types.uint8, 1, readonly=False)
    return _Code(
        _entry(team_serve, whole(words, whole, room, whole, whole)),
        _entry(team_offer, whole(words, whole, whole, job)),
        _entry(team_wake, types.boolean(words, whole, job, job)),
        _entry(team_work, whole(words, whole, job, room, whole, whole)),
        atomics.yielder(),
    )


def _entry(function: Any, signature: Any) -> Any:
    compiled: Any = compile_kept(function, signature)
    (overload,) = compiled.overloads.values()
    return overload.entry_point


def run(job: NDArray[np.int64], room: NDArray[np.uint8], threads: int) -> None:
    """Fill all pieces of a job, on at most so many threads.

    An interrupt ends the hand-out of pieces, and is raised when nobody works on one any more.
    """
    run, size, left, some = code(), 0, MORE, FIRST
    try:
        if threads > 1:
            size = _recruited(threads - 1)
            wanted = run.offer(_team, size, threads - 1, job)
            if wanted > 0:
                _wake(size, wanted, job)
        left = run.work(_team, size, job, room, some, run.give)
        while left != DONE:
            start = perf_counter()
            left = run.work(_team, size, job, room, some, run.give)
            if left == MORE and perf_counter() - start < PATIENCE:
                some *= 2
    finally:
        while left != DONE:
            try:
                left = run.work(_team, size, job, room, 0, run.give)
            except BaseException:  # one is on its way already, and helpers write to the arrays
                continue


def _wake(size: int, wanted: int, job: NDArray[np.int64]) -> None:
    """Wake helpers for a job.

    Who was offered it is woken even if an interrupt comes in between; twice does no harm.
    """
    woken = np.full(1, -1)
    try:
        while wanted > 0 and code().wake(_team, size, job, woken):
            _keep_off(int(woken[0]))
            _ring(_bells[woken[0]])
            woken[0] = -1
            wanted -= 1
    finally:
        if woken[0] >= 0:
            _ring(_bells[woken[0]])


def _keep_off(number: int) -> None:
    """Let a helper that sleeps begin on another processor than this one.

    It often begins on that of the thread that woke it, and waits for it while others are idle, for
    ten milliseconds or more until the system parts them.
    """
    here, thread = _processor(), _threads[number].native_id
    if here is None or thread is None:
        return
    with suppress(OSError):
        _homes[number] = os.sched_getaffinity(thread)
        if others := _homes[number] - {here()}:
            os.sched_setaffinity(thread, others)


@cache
def _processor() -> Callable[[], int] | None:
    """What tells which processor this thread runs on, if threads can be kept off it."""
    if hasattr(os, "sched_setaffinity"):
        return getattr(ctypes.CDLL(None), "sched_getcpu", None)
    return None


def _ring(bell: threading.Lock) -> None:
    with suppress(RuntimeError):  # it was rung, and nobody has heard it yet
        bell.release()


def _recruited(wanted: int) -> int:
    """How many helpers there are, as many as are wanted if they can be had."""
    if len(_bells) >= wanted:
        return len(_bells)
    with _lock:
        while len(_bells) < min(wanted, MOST_HELPERS):
            number, bell = len(_bells), threading.Lock()
            bell.acquire()
            name = f"fastconv-numba-{number}"
            thread = threading.Thread(target=_help, args=(number, bell), name=name, daemon=True)
            _team[number] = AWAKE
            _threads.append(thread)
            _bells.append(bell)
            try:
                thread.start()
            except RuntimeError:  # at exit, or no thread can be started: those there are must do
                _threads.pop(), _bells.pop()
                break
        return len(_bells)


def _help(number: int, bell: threading.Lock) -> None:
    room, job, run = np.empty(0, np.uint8), 0, code()
    while (job := run.serve(_team, number, room, job, run.give)) >= 0:
        if not job:
            bell.acquire()
            if number in _homes:
                with suppress(OSError):
                    os.sched_setaffinity(0, _homes[number])
            continue
        with suppress(MemoryError):  # the others fill what it does not
            room = np.empty(_team[number, NEEDS], np.uint8)


@atexit.register
def _dismiss() -> None:
    """Have no helper in machine code when it is taken away."""
    _team[MOST_HELPERS] = 1
    for bell in _bells:
        _ring(bell)
    end = perf_counter() + FAREWELL
    for thread in _threads:
        if thread.is_alive():
            thread.join(max(end - perf_counter(), 0))


def _forget_helpers() -> None:
    """A forked child has none of them."""
    global _lock
    _lock = threading.Lock()
    _team[...] = ABSENT
    _bells.clear()
    _threads.clear()
    _homes.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)
