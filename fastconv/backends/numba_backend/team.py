"""A team: threads that fill the pieces of a job together with whoever has it, without Python.

A helper looks out for an offer for a while, in machine code, and then sleeps until one comes.
Whoever has a job offers it to helpers that wait, works on it like them, takes back the offers that
nobody began with, and waits for the others.  So no job waits for a helper that is slow to wake, or
gone: a forked child has none.  The compiled backend's `team.h` does the same.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types
from numpy.typing import NDArray

from . import atomics
from .atomics import add, call, get, give_way, put, relax, replace
from .on_disk import array, compile_kept

__all__ = ["BEGUN", "CALLS", "ENDS", "OUTCOME", "PIECES", "ROOM", "STARTS", "run"]

BEGUN, HELPERS, PIECES, ROOM, ENDS, CALLS, OUTCOME, MEMORIES, STARTS = range(9)
"""Words of a job: pieces that were begun, helpers that have not left it, how many pieces there are,
bytes that a thread needs, where the ends of pieces are, where their steps' callers and words are,
whether the results of all pieces count, how many memories there are, and where they begin, the last
of them a thread's room.  What came of each piece follows."""

MOST_HELPERS = 255
KEPT = 1 << 22
"""Bytes that a helper keeps at most."""
LOOKS = 300
"""How often a helper looks out for an offer before it sleeps, some tenths of a millisecond."""
GLANCES = 32
"""How often it looks at its state before it lets other threads have the processor."""
FIRST = 4
"""Pieces that whoever has a job fills before the first look for an interrupt."""
PATIENCE = 0.01
"""Seconds of work between two looks, about."""
ABSENT, AWAKE, ASLEEP, WORKS, LEAVES = range(5)
"""States of a helper, or the address of the job that it is offered."""
NEEDS = 1
"""The word after its state: bytes that it needs."""
MORE, WAITS, DONE = range(3)
"""What is left of a job: pieces, helpers at work, or nothing."""
LINE = 16
"""Words between the states of helpers, which are alone in their lines of the cache."""

_team = np.zeros((MOST_HELPERS, LINE), np.int64)
_bells: list[threading.Lock] = []
_threads: list[threading.Thread] = []
_lock = threading.Lock()


@njit(nogil=True)
def _fill(job, room, most):  # type: ignore[no-untyped-def]
    """Fill some pieces, and say whether there may be more."""
    memories = get(job + 8 * MEMORIES)
    starts = np.empty(memories, np.int64)
    for memory in range(memories):
        starts[memory] = get(job + 8 * (STARTS + memory))
    starts[memories - 1] = (room + 63) // 64 * 64
    ends, calls = get(job + 8 * ENDS), get(job + 8 * CALLS)
    for _ in range(most):
        piece = add(job + 8 * BEGUN, 1)
        if piece >= get(job + 8 * PIECES):
            return False
        outcome = 0
        for step in range(get(ends + 8 * piece), get(ends + 8 * piece + 8)):
            outcome |= call(get(calls + 16 * step), get(calls + 16 * step + 8), starts.ctypes.data)
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
        for _ in range(LOOKS):
            for _ in range(GLANCES):
                state = get(me)
                if state > LEAVES and replace(me, state, WORKS):
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
        elif get(me) == LEAVES:
            return -1
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


def team_wake(team, size, job):  # type: ignore[no-untyped-def]
    """Offer a job to a helper that sleeps, and return its number; -1 if none does."""
    mine = job.ctypes.data
    for number in range(size):
        me = team.ctypes.data + 8 * LINE * number
        if get(me) == ASLEEP:
            add(mine + 8 * HELPERS, 1)
            if replace(me, ASLEEP, mine):
                return number
            add(mine + 8 * HELPERS, -1)
    return -1


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


def team_dismiss(team, number):  # type: ignore[no-untyped-def]
    """Let a helper that has no job leave, and say whether it must be woken for that."""
    me = team.ctypes.data + 8 * LINE * number
    if replace(me, AWAKE, LEAVES):
        return False
    return replace(me, ASLEEP, LEAVES)


class _Code(NamedTuple):
    """Machine code of the functions above."""

    serve: Callable[..., int]
    offer: Callable[..., int]
    wake: Callable[..., int]
    work: Callable[..., int]
    dismiss: Callable[..., bool]
    give: int


@cache
def _code() -> _Code:
    whole, words = types.int64, array(types.int64, 2, readonly=False)
    job, room = array(types.int64, 1, readonly=False), array(types.uint8, 1, readonly=False)
    return _Code(
        _entry(team_serve, whole(words, whole, room, whole, whole)),
        _entry(team_offer, whole(words, whole, whole, job)),
        _entry(team_wake, whole(words, whole, job)),
        _entry(team_work, whole(words, whole, job, room, whole, whole)),
        _entry(team_dismiss, types.boolean(words, whole)),
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
    code, size, left, some = _code(), 0, MORE, FIRST
    try:
        if threads > 1:
            size = _recruited(threads - 1)
            wanted = code.offer(_team, size, threads - 1, job)
            while wanted > 0 and (number := code.wake(_team, size, job)) >= 0:
                _bells[number].release()
                wanted -= 1
        left = code.work(_team, size, job, room, some, code.give)
        while left != DONE:
            start = perf_counter()
            left = code.work(_team, size, job, room, some, code.give)
            if left == MORE and perf_counter() - start < PATIENCE:
                some *= 2
    finally:
        while left != DONE:
            try:
                left = code.work(_team, size, job, room, 0, code.give)
            except KeyboardInterrupt:  # one is on its way already
                continue


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
            try:
                thread.start()
            except RuntimeError:  # at exit, or no thread can be started: those there are must do
                break
            _bells.append(bell)
            _threads.append(thread)
        return len(_bells)


def _help(number: int, bell: threading.Lock) -> None:
    room, job, code = np.empty(0, np.uint8), 0, _code()
    while (job := code.serve(_team, number, room, job, code.give)) >= 0:
        if job:
            try:
                room = np.empty(_team[number, NEEDS], np.uint8)
            except MemoryError:
                room = np.empty(0, np.uint8)  # the others fill what it does not
        else:
            if room.size > KEPT:
                room = np.empty(0, np.uint8)
            bell.acquire()


@atexit.register
def _dismiss() -> None:
    """Have no helper in machine code when it is taken away."""
    for number, bell in enumerate(_bells):
        if _code().dismiss(_team, number):
            bell.release()
    for thread in _threads:
        thread.join(1)


def _forget_helpers() -> None:
    """A forked child has none of them."""
    global _lock
    _lock = threading.Lock()
    _team[...] = ABSENT
    _bells.clear()
    _threads.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_helpers)
