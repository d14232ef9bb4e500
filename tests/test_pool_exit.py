"""The thread pools at awkward moments: exit, fork, interrupts, and calls inside calls."""

from __future__ import annotations

import os
import signal

import pytest
from conftest import require
from interpreter import printed

BEGIN = """
import os, random, signal, sys, threading, time, warnings
import numpy as np
import fastconv as fc

warnings.simplefilter("ignore")  # newer Pythons warn of forks where there are threads
fc.set_backend(BACKEND)
rng = random.Random(SEED)
w = np.random.default_rng(1).standard_normal((32, 16, 3, 3), "f4")

def call():
    return fc.conv2d(x, w, algorithm="direct", threads=4)

images, seconds = 1, 0
while seconds < LEAST:
    images *= 2
    x = np.random.default_rng(0).standard_normal((images, 16, 40, 40), "f4")
    for _ in range(4):
        start = time.perf_counter()
        wanted = call()
        seconds = time.perf_counter() - start

def in_background(function):
    threading.Thread(target=function, daemon=True).start()
"""


def steps(backend: str, code: str, seed: int = 0, least: float = 0.02) -> str:
    """What steps print in a new Python; they begin with a call that takes some seconds at least."""
    begin = BEGIN.replace("BACKEND", repr(backend)).replace("SEED", str(seed))
    return printed(begin.replace("LEAST", str(least)) + code)


@pytest.fixture(params=["cython", "numpy"])
def pool(request: pytest.FixtureRequest) -> str:
    """A backend for each pool."""
    return require(request.param)


@pytest.mark.parametrize("seed", range(6))
def test_the_interpreter_ends_while_daemon_threads_are_inside_calls(seed, pool):
    """Also where the end takes so long that they ask for the GIL meanwhile; and with stacks so deep
    that the system takes them back as soon as a thread ends.
    """
    code = """
def deep(levels, function):
    return max([0], key=lambda _: 0 * (deep(levels - 1, function) if levels else function()))

def forever():
    while True:
        call()

class Slow:
    closed = False
    def write(self, text):
        pass
    def flush(self):  # by the interpreter, too, when threads cannot get the GIL any more
        time.sleep(seconds + 0.1)

for _ in range(2):
    in_background(lambda: deep(100, forever))
time.sleep(seconds * rng.uniform(0.5, 1.5))
sys.stdout = Slow()
"""
    assert steps(pool, code, seed, least=0.08) == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_that_was_forked_during_a_call_works(pool):
    code = """
stop = False

def until_stopped():
    while not stop:
        call()

in_background(until_stopped)
ends = []
for _ in range(20):
    time.sleep(seconds * rng.random())
    child = os.fork()
    if child == 0:
        signal.alarm(60)
        os._exit(0 if np.array_equal(call(), wanted) else 1)
    ends.append(os.waitpid(child, 0)[1])
stop = True
print(set(ends), np.array_equal(call(), wanted))
"""
    assert steps(pool, code) == "{0} True"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_a_signal_handler_may_fork_inside_a_call():
    """In the child, the call fails or is right; the parent never notices."""
    code = """
children = []

def fork(*_):
    children.append(os.fork())
    if children[-1] == 0:
        signal.alarm(60)

signal.signal(signal.SIGALRM, fork)
for _ in range(10):
    signal.setitimer(signal.ITIMER_REAL, 1e-4 + seconds * rng.random())
    try:
        result = call()
    except RuntimeError:
        assert children[-1] == 0
        os._exit(0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    right = np.array_equal(result, wanted)
    if children and children[-1] == 0:
        os._exit(0 if right else 1)
    assert right
    while children:
        assert os.waitpid(children.pop(), 0)[1] == 0
print("ended")
"""
    assert steps(require("cython"), code, least=0.12) == "ended"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_an_interrupt_at_any_moment_leaves_no_worker_behind(pool):
    code = """
signal.signal(signal.SIGALRM, signal.default_int_handler)
interrupted = 0
for _ in range(30):
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-5 + 1.2 * seconds * rng.random())
        call()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        interrupted += 1
signal.signal(signal.SIGALRM, signal.SIG_IGN)
right = all(np.array_equal(call(), wanted) for _ in range(5))
time.sleep(0.1)
start = time.process_time()
time.sleep(0.3)
print(interrupted > 5, right, time.process_time() - start < 0.1)
"""
    assert steps(pool, code) == "True True True"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_a_signal_handler_calls_inside_a_call(pool):
    """And a call inside that one; each gets its own result."""
    code = """
inside = []
y = x[:1] + 1

depth = 0

def handler(*_):
    global depth
    depth += 1
    if depth < 3:
        signal.setitimer(signal.ITIMER_REAL, 1e-4)
    inside.append(fc.conv2d(y, w, algorithm="direct", threads=2))
    depth -= 1

one = fc.conv2d(y, w, algorithm="direct", threads=2)
signal.signal(signal.SIGALRM, handler)
right = True
for _ in range(30):
    signal.setitimer(signal.ITIMER_REAL, 1e-5 + seconds * rng.random())
    right &= np.array_equal(call(), wanted)
signal.setitimer(signal.ITIMER_REAL, 0)
print(right, len(inside) > 10, all(np.array_equal(each, one) for each in inside))
"""
    assert steps(pool, code) == "True True True"
