"""A team: threads that fill the pieces of a job together with whoever has it, without Python.

A helper looks out for an offer for a while, in machine code, and then sleeps until one comes.
Whoever has a job offers it to helpers that wait, works on it like them, takes back the offers that
nobody began with, and waits for the others.  So no job waits for a helper that is slow to wake, or
gone: a forked child has none.  The compiled backend's `team.h` does the same.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from time import perf_counter, perf_counter_ns
from typing import Any, NamedTuple

import numpy as np
from numba import njit, types

from . import atomics
from .atomics import add, call, get, give_way, now, put, relax, replace
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
the last of them a thread's room.  What came of each piece follows.

Jobs, rooms and the states of helpers are told by their addresses: arrays take machine code longer
to look at than some jobs take.
"""

MOST_HELPERS = 255
LOOK_OUT = 300_000
"""Nanoseconds that a helper looks out for an offer."""
CROWDED = 20_000
"""Nanoseconds that say that another thread had the processor."""
WORTH_WAKING = 4e-4
"""Seconds of work for which a helper that sleeps is woken."""
GLANCES = 32
"""Looks at a word before other threads may have the processor."""
LOOKS = 300
"""How often they may before a job asks for an interrupt."""
FIRST, ALL = 4, 1 << 62
"""Pieces that whoever has a job fills before the first look for an interrupt, if it is long or not.
"""
PATIENCE = 0.01
"""Seconds of work between two looks, about."""
ABSENT, AWAKE, ASLEEP, WORKS = range(4)
"""States of a helper, or the address of the job that it is offered."""
NEEDS = 1
"""The word after its state: bytes that it needs."""
MORE, WAITS, DONE, ODD = range(4)
"""What is left of a job: pieces, helpers at work, nothing, or results that do not count."""
LINE = 16
"""Words between the states of helpers, which are alone in their lines of the cache."""
BYTES = 64
"""Of a line of the cache, where a thread's room begins."""
FAREWELL = 1.0
"""Seconds that the end of the process waits for helpers at most."""

_team = np.zeros((MOST_HELPERS + 1, LINE), np.int64)
"""States of helpers; the last one says whether all of them shall leave."""
_states = _team.ctypes.data
_bells: list[threading.Lock] = []
_homes: dict[int, set[int]] = {}
"""Processors that a helper may run on, but for the moment when it is woken."""
_threads: list[threading.Thread] = []
_lock = threading.Lock()
_joined = 0
"""When a job with helpers ended last, in nanoseconds."""


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


def team_serve(team, number, room, size, job, give, clock):  # type: ignore[no-untyped-def]
    """Work on a job, if there is one, and on those that are offered.

    Return 0 to sleep, a job that needs more room than there is, or -1 to leave.
    """
    me = team + 8 * LINE * number
    while True:
        if job != 0:
            if size >= get(job + 8 * ROOM):
                _fill(job, room, get(job + 8 * PIECES))
            add(job + 8 * HELPERS, -1)  # the job may be gone from here on
            put(me, AWAKE)
            job = 0
        if get(team + 8 * LINE * MOST_HELPERS) != 0:
            return -1
        time = now(clock)
        before, until = time, time + LOOK_OUT
        while job == 0 and time < until and time - before < CROWDED:
            for _ in range(GLANCES):
                state = get(me)
                if state > WORKS and replace(me, state, WORKS):
                    job = state
                    break
                relax()
            else:
                # To whoever else wants this processor, the caller maybe.  Threads that were asleep
                # are let in sooner than those that gave way.
                before = time
                give_way(give)
                time = now(clock)
        if job != 0:
            if size < get(job + 8 * ROOM):
                put(me + 8 * NEEDS, get(job + 8 * ROOM))
                return job
        elif replace(me, AWAKE, ASLEEP):
            return 0


@njit(nogil=True)
def _offer(team, size, helpers, job):  # type: ignore[no-untyped-def]
    """Offer a job to helpers that are awake, and return how many are still wanted."""
    for number in range(size):
        me = team + 8 * LINE * number
        if helpers > 0 and get(me) == AWAKE:
            add(job + 8 * HELPERS, 1)  # before it begins, which may be done at once
            if replace(me, AWAKE, job):
                helpers -= 1
            else:
                add(job + 8 * HELPERS, -1)
    return helpers


def team_offer(team, size, helpers, job):  # type: ignore[no-untyped-def]
    """Offer a job to helpers that are awake, and return how many are still wanted."""
    return _offer(team, size, helpers, job)


def team_wake(team, size, job, woken):  # type: ignore[no-untyped-def]
    """Offer a job to a helper that sleeps, and write down its number; say whether one does."""
    for number in range(size):
        me = team + 8 * LINE * number
        if get(me) == ASLEEP:
            add(job + 8 * HELPERS, 1)
            if replace(me, ASLEEP, job):
                woken[0] = number
                return True
            add(job + 8 * HELPERS, -1)
    return False


def team_work(team, size, helpers, job, room, most, give):  # type: ignore[no-untyped-def]
    """Offer a job to helpers that are awake, fill some pieces of it, or none any more; then leave
    it when all helpers have.

    Say what is left of it.
    """
    _offer(team, size, helpers, job)
    if most == 0:
        put(job + 8 * BEGUN, get(job + 8 * PIECES))
    elif _fill(job, room, most):
        return MORE
    for number in range(size):
        if replace(team + 8 * LINE * number, job, AWAKE):
            add(job + 8 * HELPERS, -1)
    for _ in range(LOOKS):
        for _ in range(GLANCES):
            if get(job + 8 * HELPERS) == 0:
                return DONE if get(job + 8 * OUTCOME) == 0 else ODD
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
    clock: int


@cache
def code() -> _Code:
    """The machine code, compiled when it is first asked for."""
    whole, words = types.int64, array(types.int64, 1, readonly=False)
    return _Code(
        _entry(team_serve, whole(*(whole,) * 7)),
        _entry(team_offer, whole(*(whole,) * 4)),
        _entry(team_wake, types.boolean(whole, whole, whole, words)),
        _entry(team_work, whole(*(whole,) * 7)),
        atomics.yielder(),
        atomics.clock(),
    )


def _entry(function: Any, signature: Any) -> Any:
    compiled: Any = compile_kept(function, signature)
    (overload,) = compiled.overloads.values()
    return overload.entry_point


def run(job: int, room: int, threads: int, alone: float) -> bool:
    """Fill all pieces of a job, on at most so many threads, of which one takes so many seconds
    alone.  For little, no helper is woken, unless helpers would be awake if there had been any for
    the job before.

    An interrupt ends the hand-out of pieces, and is raised when nobody works on one any more.
    """
    global _joined
    run, size, helpers, left = code(), 0, threads - 1, MORE
    some = ALL if alone < PATIENCE else FIRST
    try:
        if helpers:
            size = len(_bells)
            if size < helpers:
                size = _recruited(helpers)
            if alone >= WORTH_WAKING or perf_counter_ns() - _joined < LOOK_OUT:
                _wake(size, run.offer(_states, size, helpers, job), job)
                helpers = 0
        left = run.work(_states, size, helpers, job, room, some, run.give)
        while left < DONE:
            start = perf_counter()
            left = run.work(_states, size, 0, job, room, some, run.give)
            if left == MORE and perf_counter() - start < PATIENCE:
                some *= 2
    finally:
        while left < DONE:
            try:
                left = run.work(_states, size, 0, job, room, 0, run.give)
            except BaseException:  # one is on its way already, and helpers write to the arrays
                continue
        if size:
            _joined = perf_counter_ns()
    return left == DONE


def _wake(size: int, wanted: int, job: int) -> None:
    """Wake helpers for a job.

    Who was offered it is woken even if an interrupt comes in between; twice does no harm.
    """
    if wanted == 0:
        return
    woken = np.full(1, -1)
    try:
        while wanted > 0 and code().wake(_states, size, job, woken):
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
    while True:
        memory = room.ctypes.data, room.size
        job = run.serve(_states, number, *memory, job, run.give, run.clock)
        if job < 0:
            return
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
