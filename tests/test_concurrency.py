"""Calls at the same time: from threads, processes, signal handlers, finalizers, and at exit."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
import weakref
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import cycle, islice

import numpy as np
import oracle
import pytest
from interpreter import HERE, survives
from numpy.testing import assert_array_equal

import fastconv as fc

pytestmark = pytest.mark.compiled
PATIENCE = 60
MANY = 16
SECONDS = 1.5
"""Of calls that something happens to at random moments."""
BUSY = 0.5
"""Of the processor, which a process that does nothing must not use."""
fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
posix = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timers here")


@cache
def drawn(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def weights(seed):
    return drawn(seed, 5, 5), drawn(seed, 9, 9), drawn(seed, 20, 16, 3, 3), drawn(seed, 16, 1, 3, 3)


def ask(number):
    """One of some calls with other arguments each."""
    kind, seed = number % 7, number // 7 % 5
    small, large, layer, thin = weights(seed)
    threads = 1 + number % 3
    if kind == 0:
        return fc.correlate(drawn(seed + 9, 130, 150), small, boundary="mirror", threads=threads)
    if kind == 1:
        return fc.correlate(drawn(seed, 90, 70), large, algorithm="fft", threads=threads)
    if kind == 2:
        return fc.conv2d(drawn(seed, 2, 16, 20, 20), layer, padding=1, threads=threads)
    if kind == 3:
        return fc.conv2d(drawn(seed, 1, 16, 15, 15), thin, groups=16, threads=threads)
    if kind == 4:
        x = drawn(seed, 1, 20, 7, 7)
        return fc.conv_transpose2d(x, layer, stride=2, threads=threads)
    if kind == 5:
        x, upper = drawn(seed, 2, 16, 12, 12), drawn(seed, 2, 20, 10, 10)
        return fc.nn.grad.conv2d_weight(x, layer.shape, upper, threads=threads)
    return fc.filters.gaussian(drawn(seed, 100, 110), 1.5 + seed, threads=threads)


KINDS = 35
"""Different calls of `ask`."""


@cache
def answers(backend):
    with fc.use_backend(backend):
        return [ask(number) for number in range(KINDS)]


def right(number, got, backend):
    assert_array_equal(got, answers(backend)[number % KINDS])


def plans(backend):
    """Plans, with the shapes of what they take."""
    small, large, layer, thin = weights(0)
    with fc.use_backend(backend):
        yield fc.plan_correlate((60, 70), "float32", small, boundary="wrap"), (60, 70)
        yield fc.plan_correlate((90, 70), "float32", large, algorithm="fft"), (90, 70)
        yield fc.plan_correlate((90, 70), "float32", (small[0], large[0])), (90, 70)
        yield fc.plan_conv2d((1, 16, 20, 20), "float32", layer, padding=1), (1, 16, 20, 20)
        yield fc.plan_conv2d((1, 16, 9, 9), "float32", thin, groups=16), (1, 16, 9, 9)


def test_many_threads_share_plans(backend):
    shared = [*plans(backend)]
    xs = [[drawn(user, *shape) for _, shape in shared] for user in range(MANY)]
    alone = [[plan(x) for (plan, _), x in zip(shared, mine, strict=True)] for mine in xs]
    start = threading.Barrier(MANY)

    def user(number):
        start.wait(PATIENCE)
        for turn in range(60):
            at = (number + turn) % len(shared)
            got = shared[at][0](xs[number][at])
            assert_array_equal(got, alone[number][at])

    with ThreadPoolExecutor(MANY) as users:
        list(users.map(user, range(MANY)))


def test_many_threads_make_first_calls_together(backend):
    """Of shapes that nobody asked for before."""
    start = threading.Barrier(MANY)
    w = drawn(0, 3, 4)

    def user(number):
        got = {}
        for turn in range(12):
            x = drawn(number, 20 + turn, 23)
            if turn % 4 == 0:
                start.wait(PATIENCE)
            got[turn] = fc.correlate(x, w, backend=backend, threads=1 + number % 3)
        return got

    fc.set_backend(backend)
    try:
        with ThreadPoolExecutor(MANY) as users:
            for number, results in enumerate(users.map(user, range(MANY))):
                for turn, got in results.items():
                    x = drawn(number, 20 + turn, 23)
                    wanted = oracle.by_taps(x, w).values.astype(float)
                    np.testing.assert_allclose(got, wanted, atol=1e-4)
    finally:
        fc.set_backend(None)


# -- processes ----------------------------------------------------------------------------------


class Busy:
    """A thread that makes calls until it is told to stop."""

    def __init__(self, backend):
        self.backend, self.stopped, self.error = backend, False, None
        self.begun = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        try:
            for number in cycle(range(KINDS)):
                right(number, ask(number), self.backend)
                self.begun.set()
                if self.stopped:
                    return
        except BaseException as error:
            self.error = error
            self.begun.set()

    def __enter__(self):
        self.thread.start()
        assert self.begun.wait(PATIENCE)
        return self

    def __exit__(self, *_):
        self.stopped = True
        self.thread.join(PATIENCE)
        assert self.error is None, self.error


def task(arguments):
    backend, number = arguments
    fc.set_backend(backend)
    return ask(number)


def skip_blas(backend):
    """Matrix products of NumPy may hang in a child that was forked during another one."""
    if backend == "numpy":
        pytest.skip("OpenBLAS holds a lock while it multiplies, and a child inherits it")


def pools(backend, method):
    """Processes of a pool that begin while another thread calls."""
    warnings.simplefilter("ignore")  # of Python 3.12: forks and threads do not mix in general
    fc.set_backend(backend)
    answers(backend)
    with Busy(backend):
        for _ in range(3 if method == "fork" else 1):
            with multiprocessing.get_context(method).Pool(2) as pool:
                tasks = [(backend, number) for number in range(14)]
                for number, got in enumerate(pool.map(task, tasks)):
                    right(number, got, backend)


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_pools_of_processes(method, backend):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    if method == "fork":
        skip_blas(backend)
    survives(pools, backend, method)


def children(backend):
    """Children that are forked while another thread calls."""
    warnings.simplefilter("ignore")
    fc.set_backend(backend)
    answers(backend)
    with Busy(backend):
        for number in range(60):
            child = os.fork()
            if not child:
                signal.alarm(PATIENCE // 2)
                try:
                    right(number, ask(number), backend)
                    os._exit(0)
                finally:
                    os._exit(1)
            _, status = os.waitpid(child, 0)
            assert status == 0, f"child {number}: {os.waitstatus_to_exitcode(status)}"


@fork
def test_children_forked_during_a_call(backend):
    skip_blas(backend)
    survives(children, backend)


# -- signals and finalizers ---------------------------------------------------------------------


def interrupted(backend):
    """Calls that are interrupted at random moments."""
    fc.set_backend(backend)
    answers(backend)
    rng = np.random.default_rng(0)
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    interrupts, number, end = 0, 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        number += 1
        try:
            signal.setitimer(signal.ITIMER_REAL, rng.random() ** 3 * 0.01 + 1e-5)
            for call in islice(cycle(range(KINDS)), number, number + 1000):
                ask(call)
        except KeyboardInterrupt:
            interrupts += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        right(number, ask(number), backend)
    assert interrupts > 20
    for number in range(KINDS):
        right(number, ask(number), backend)
    spent = time.process_time()
    time.sleep(BUSY)
    spent = time.process_time() - spent
    assert spent < BUSY / 2, f"{spent} s of processor time, and nothing to do"


@posix
def test_interrupts_at_random_moments(backend):
    survives(interrupted, backend)


def handled(backend):
    """A signal handler that makes calls, too."""
    fc.set_backend(backend)
    answers(backend)
    handled = []

    def handle(*_):
        number = len(handled)
        handled.append(number)
        right(number, ask(number), backend)
        signal.setitimer(signal.ITIMER_REAL, 2e-3)  # here: a slow handler must not nest for ever

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 1e-3)
    end = time.monotonic() + SECONDS
    for number in cycle(range(KINDS)):
        right(number, ask(number), backend)
        if time.monotonic() > end:
            break
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert len(handled) > 20


@posix
def test_a_signal_handler_that_calls(backend):
    survives(handled, backend)


class Cycle:
    """Garbage that is collected at some later moment."""

    def __init__(self):
        self.me = self


def finalized(backend):
    """Finalizers that make calls, too, wherever garbage is collected."""
    fc.set_backend(backend)
    answers(backend)
    called = []

    def last(number):
        called.append(number)
        right(number, ask(number), backend)

    gc.set_threshold(7, 2, 2)
    end = time.monotonic() + SECONDS
    for number in cycle(range(KINDS)):
        weakref.finalize(Cycle(), last, number).atexit = False
        right(number, ask(number), backend)
        if time.monotonic() > end:
            break
    assert len(called) > 20


def test_a_finalizer_that_calls(backend):
    survives(finalized, backend)


# -- the exit -----------------------------------------------------------------------------------

EXITING = f"""
import sys, threading, time
sys.path.insert(0, {HERE!r})
import test_concurrency as module
import fastconv as fc
backend, pause = sys.argv[1], float(sys.argv[2])
fc.set_backend(backend)
begun = threading.Barrier(4)
def work(first):
    module.ask(first)
    begun.wait(60)
    while True:
        module.ask(first)
for number in range(3):
    threading.Thread(target=work, args=(number,), daemon=True).start()
begun.wait(60)
time.sleep(pause)
"""


def test_the_interpreter_exits_during_calls(backend):
    exits = 20 if backend == "cython" else 6
    pauses = np.random.default_rng(0).random(exits) * 0.01

    def leave(pause):
        return subprocess.run(
            [sys.executable, "-W", "ignore", "-c", EXITING, backend, str(pause)],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    with ThreadPoolExecutor(2) as two:
        for done in two.map(leave, pauses):
            assert (done.returncode, done.stderr) == (0, "")
