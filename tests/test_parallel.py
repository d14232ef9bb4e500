"""One pool of threads: each task once, errors, nesting, interrupts, the same bits always."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv.plan.job import Job
from fastconv.plan.recipe import MAX_SINGLE_RUNS
from fastconv.run import threads as parallel

PATIENCE = 60  # seconds until a lock-up counts as one
MANY = 8


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("tasks", [0, 1, 2, 5, 100])
def test_every_task_runs_once(tasks, threads):
    seen = []
    parallel.run(seen.append, tasks, threads)
    assert sorted(seen) == list(range(tasks))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_work_at_the_same_time(threads):
    together = threading.Barrier(threads)
    parallel.run(lambda _: together.wait(PATIENCE), threads, threads)


def test_one_thread_is_the_caller():
    workers = set()
    parallel.run(lambda _: workers.add(threading.get_ident()), 20, 1)
    assert workers == {threading.get_ident()}


def test_no_more_threads_than_allowed():
    together = threading.Barrier(3)
    workers = set()

    def task(number):
        workers.add(threading.get_ident())
        if number < 3:
            together.wait(PATIENCE)

    parallel.run(task, 200, 3)
    assert len(workers) == 3
    assert threading.get_ident() in workers


def test_threads_are_kept_for_the_next_call():
    def workers():
        together, found = threading.Barrier(2), set()

        def task(_):
            found.add(threading.current_thread())
            together.wait(PATIENCE)

        parallel.run(task, 2, 2)
        return found - {threading.current_thread()}

    known = {thread for _ in range(10) for thread in workers()}
    assert len(known) <= parallel._workers


def test_the_first_error_is_raised_and_stops_the_rest():
    seen = []

    def task(number):
        seen.append(number)
        if number == 3:
            raise LookupError("task 3")

    with pytest.raises(LookupError, match="task 3"):
        parallel.run(task, 10**6, 1)
    assert seen == [0, 1, 2, 3]
    with pytest.raises(LookupError, match="task 3"):
        parallel.run(task, 10**6, 3)


@pytest.mark.parametrize("culprit", ["caller", "helper"])
def test_nobody_works_after_an_error(culprit):
    caller, both = threading.get_ident(), threading.Barrier(2)
    finished = []

    def task(_):
        both.wait(PATIENCE)
        if (threading.get_ident() == caller) == (culprit == "caller"):
            raise ValueError(culprit)
        finished.append(sum(1 for _ in range(10**6)))

    with pytest.raises(ValueError, match=culprit):
        parallel.run(task, 2, 2)
    assert len(finished) == 1


@pytest.mark.parametrize("culprit", ["caller", "helper"])
def test_an_error_ends_the_work_of_the_others(culprit):
    caller, both, tasks = threading.get_ident(), threading.Barrier(2), 10**7
    seen = []

    def task(number):
        seen.append(number)
        if number < 2:
            both.wait(PATIENCE)
            if (threading.get_ident() == caller) == (culprit == "caller"):
                raise ValueError(culprit)

    with pytest.raises(ValueError, match=culprit):
        parallel.run(task, tasks, 2)
    assert len(seen) < tasks


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_tasks_may_run_tasks(threads):
    seen = []

    def inner(outer):
        parallel.run(lambda number: seen.append((outer, number)), 5, threads)

    parallel.run(inner, 6, threads)
    assert sorted(seen) == [(outer, number) for outer in range(6) for number in range(5)]


def test_many_callers_at_once():
    start = threading.Barrier(MANY)

    def caller(number):
        start.wait(PATIENCE)
        seen = []
        for _ in range(20):
            parallel.run(seen.append, 30, 4)
        return sorted(seen) == sorted(list(range(30)) * 20)

    with ThreadPoolExecutor(MANY) as callers:
        assert all(callers.map(caller, range(MANY)))


def test_an_error_stays_with_its_caller():
    start = threading.Barrier(MANY)

    def caller(number):
        def task(_):
            if number % 2:
                raise ValueError(number)

        start.wait(PATIENCE)
        try:
            parallel.run(task, 50, 3)
        except ValueError as error:
            return error.args[0]
        return None

    with ThreadPoolExecutor(MANY) as callers:
        got = list(callers.map(caller, range(MANY)))
    assert got == [number if number % 2 else None for number in range(MANY)]


def test_an_interrupt_in_a_task_of_the_caller_is_raised():
    begun = threading.Event()

    def task(_):
        if threading.current_thread() is threading.main_thread():
            begun.set()
            signal.raise_signal(signal.SIGINT)
        assert begun.wait(PATIENCE)

    with pytest.raises(KeyboardInterrupt):
        parallel.run(task, 1000, 3)
    seen = []
    parallel.run(seen.append, 10, 3)
    assert sorted(seen) == list(range(10))


def functions_of(thread):
    """The code that a thread is in, innermost first."""
    frame = sys._current_frames()[thread]
    while frame is not None:
        yield frame.f_code
        frame = frame.f_back


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="signals go to processes only")
@pytest.mark.parametrize("interrupts", [1, 3])
def test_an_interrupt_waits_for_the_workers(interrupts):
    caller, both = threading.main_thread().ident, threading.Barrier(2)
    heard, finished = threading.Semaphore(0), []

    def task(_):
        both.wait(PATIENCE)
        if threading.get_ident() != caller:
            while next(functions_of(caller)) is not parallel._share.__code__:
                pass
            for _ in range(interrupts):
                signal.pthread_kill(caller, signal.SIGINT)
                while not heard.acquire(timeout=0.1):  # it came just before the caller waits
                    signal.pthread_kill(caller, signal.SIGINT)
            finished.append(sum(1 for _ in range(10**6)))

    def interrupt(*_):
        heard.release()
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            parallel.run(task, 2, 2)
    finally:
        signal.signal(signal.SIGINT, usual)
    assert len(finished) == 1


def refuse_threads(monkeypatch, kind):
    """Keep the one helper that there is, and let no other start."""
    parallel.run(lambda _: None, 2, 2)

    def start(thread):
        raise kind

    monkeypatch.setattr(parallel, "_workers", 1)
    monkeypatch.setattr(threading.Thread, "start", start)


def test_the_threads_that_could_be_started_must_do(monkeypatch):
    refuse_threads(monkeypatch, RuntimeError)
    workers, together = set(), threading.Barrier(2)

    def task(number):
        workers.add(threading.get_ident())
        if number < 2:
            together.wait(PATIENCE)

    parallel.run(task, 6, 6)
    assert len(workers) == 2


def test_an_interrupt_while_threads_start(monkeypatch):
    refuse_threads(monkeypatch, KeyboardInterrupt)
    done = []
    with pytest.raises(KeyboardInterrupt):
        parallel.run(done.append, 6, 6)
    monkeypatch.undo()
    parallel.run(lambda _: None, 2, 2)
    assert not done


def test_an_interrupt_counts_before_an_error():
    caller, both = threading.get_ident(), threading.Barrier(2)
    helper = []

    def task(_):
        if threading.get_ident() != caller:
            helper.append(threading.get_ident())
            both.wait(PATIENCE)
            raise LookupError
        both.wait(PATIENCE)
        while task.__code__ in functions_of(helper[0]):
            pass
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        parallel.run(task, 2, 2)


def test_an_error_does_not_keep_the_arrays_of_its_call(monkeypatch):
    class Array:
        pass

    def fail(array):
        def task(_):
            raise LookupError(type(array))

        with pytest.raises(LookupError):
            parallel.run(task, 2, 2)

    refuse_threads(monkeypatch, RuntimeError)
    monkeypatch.setattr(parallel, "_workers", 0)
    array = Array()
    kept = weakref.ref(array)
    gc.disable()
    try:
        fail(array)
        del array
        assert kept() is None
    finally:
        gc.enable()


def questions():
    image = oracle.samples((700, 611), np.float32)
    yield fc.correlate, image, oracle.samples((5, 5), np.float32), {"boundary": "mirror"}
    yield fc.correlate, image, (oracle.samples((9,), np.float32),) * 2, {"boundary": "wrap"}
    yield fc.correlate, oracle.samples((700, 611), np.uint8), oracle.samples((7, 7), np.float32), {}
    yield fc.convolve, oracle.samples((300_000,), np.float64), oracle.samples((31,), float), {}
    yield fc.correlate, oracle.samples((30, 90, 91), "c8"), oracle.samples((3, 3, 3), "c8"), {}
    layer = oracle.samples((48, 16, 3, 3), np.float32)
    yield fc.conv2d, oracle.samples((2, 16, 40, 45), np.float32), layer, {"padding": 1}


@pytest.mark.parametrize("question", range(len(list(questions()))))
def test_the_same_bits_for_any_number_of_threads(question, backend, monkeypatch):
    call, x, w, how = list(questions())[question]
    tiles = []
    run = Job.run
    monkeypatch.setattr(Job, "run", lambda job, *args: (tiles.append(job.tiles), run(job, *args)))
    for _ in range(1 + MAX_SINGLE_RUNS):
        alone = call(x, w, threads=1, backend=backend, **how)
    several = tiles[-1]  # weights are packed before
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(call(x, w, threads=threads, backend=backend, **how), alone)
        assert tiles[-1] == several
    assert several > 1


def test_many_user_threads_convolve_at_once(backend):
    arrays = [oracle.samples((200, 150 + n), np.float32, n) for n in range(MANY)]
    w = oracle.samples((5, 4), np.float32)
    how = {"boundary": "symmetric", "backend": backend}
    alone = [fc.correlate(x, w, threads=1, **how) for x in arrays]
    start = threading.Barrier(MANY)

    def user(number):
        start.wait(PATIENCE)
        return [fc.correlate(arrays[number], w, threads=3, **how) for _ in range(5)]

    with ThreadPoolExecutor(MANY) as users:
        for wanted, got in zip(alone, users.map(user, range(MANY)), strict=True):
            for result in got:
                np.testing.assert_array_equal(result, wanted)


def test_the_environment_and_the_process_limit_threads(own_choice):
    own_choice.setenv("FASTCONV_NUM_THREADS", "3")
    assert fc.get_num_threads() == 3
    fc.set_num_threads(2)
    assert fc.get_num_threads() == 2
    fc.set_num_threads(None)
    own_choice.setenv("FASTCONV_NUM_THREADS", "")
    assert fc.get_num_threads() == parallel.available_cpus()
