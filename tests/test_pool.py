"""The pool of the compiled backend: threads that help, are interrupted, and give the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import oracle
import pytest
from conftest import require
from interpreter import printed

import fastconv as fc

THREADS = Path("/proc/self/task")


@pytest.fixture(autouse=True, scope="module", params=["cython"])
def backend(request):
    """The backend that has one."""
    with fc.use_backend(require(request.param)):
        yield request.param


def recorded(shape, dtype, taps, threads, **how):
    """A plan that was recorded."""
    w = oracle.small(taps, dtype)
    plan = fc.plan_correlate(shape, dtype, w, algorithm="direct", threads=threads, **how)
    for _ in range(2):
        plan(np.zeros(shape, dtype))
    return plan


@pytest.mark.parametrize("shape", [(200, 300), (600, 700)])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "uint8", "complex64"])
def test_the_same_bits_for_any_number_of_threads(shape, dtype):
    how = {"boundary": "mirror"}
    x, out = oracle.small(shape, dtype), None
    alone = recorded(shape, dtype, (5, 5), 1, **how)(x)
    for threads in (2, 3, 9):
        plan = recorded(shape, dtype, (5, 5), threads, **how)
        for _ in range(20):
            out = plan(x, out)
            np.testing.assert_array_equal(out, alone)


@pytest.mark.skipif(not THREADS.exists(), reason="nothing tells what threads do")
def test_helpers_work(backend):
    """They are started once, as many as are asked for, and use processor time."""
    code = (
        f"""
backend = {backend!r}
"""
        + """
import os
import numpy as np
import fastconv as fc
from pathlib import Path

fc.set_backend(backend)
x, w = np.ones((1500, 1500), "f4"), np.ones((9, 9), "f4")
plan = fc.plan_correlate(x.shape, x.dtype, w, algorithm="direct", threads=3)
out = plan(x)
before = set(os.listdir("/proc/self/task"))
plan(x, out)
plan(x, out)
new = set(os.listdir("/proc/self/task")) - before

def ticks(thread):
    return int(Path(f"/proc/self/task/{thread}/stat").read_text().split()[13])

calls = 0
while not all(ticks(thread) > 1 for thread in new) and calls < 3000:
    plan(x, out)
    calls += 1
again = set(os.listdir("/proc/self/task")) - before
print(len(new), again == new, calls < 3000)
"""
    )
    assert printed(code) == "2 True True"


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_the_hand_out(threads):
    side = 4000
    plan = fc.plan_correlate(
        (side, side), "f4", np.ones((31, 31), "f4"), algorithm="direct", threads=threads
    )
    x = np.ones((side, side), "f4")
    out = plan(x)
    plan(x, out)
    out[...] = np.nan
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-3)
        with pytest.raises(KeyboardInterrupt):
            plan(x, out)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    left = out.copy()
    assert np.isnan(left).any()
    whole = plan(x)
    np.testing.assert_array_equal(out, left)
    assert whole[side // 2, side // 2] == 31 * 31
    assert not np.isnan(whole).any()


STEPS = """
import os, sys, threading, time
import numpy as np
import fastconv as fc
from pathlib import Path

fc.set_backend(BACKEND)
rng = np.random.default_rng(0)
x, w = rng.random((600, 700), "f4"), rng.random((5, 5), "f4")
plan = fc.plan_correlate(x.shape, x.dtype, w, algorithm="direct", threads=2)
wanted = plan(x)
before = set(os.listdir("/proc/self/task")) if os.path.exists("/proc/self/task") else None
plan(x), plan(x)

def right():
    return np.array_equal(plan(x), wanted)

def ticks(threads):
    return sum(int(Path(f"/proc/self/task/{i}/stat").read_text().split()[13]) for i in threads)

def helped():
    "Whether a thread that came since works before long."
    if before is None:
        return True
    threads = set(os.listdir("/proc/self/task")) - before
    start = ticks(threads)
    for _ in range(3000):
        if not right() or not threads:
            return False
        if ticks(threads) > start + 1:
            return True
    return False
"""


def steps(backend, code):
    return printed(STEPS.replace("BACKEND", repr(backend)) + code)


def test_helpers_that_sleep_are_woken(backend):
    code = """
for pause in (0, 1e-4, 1e-3, 0.05, 0.2):
    for _ in range(5):
        time.sleep(pause)
        assert right()
assert helped()
time.sleep(0.5)
print(helped())
"""
    assert steps(backend, code) == "True"


@pytest.mark.skipif(not THREADS.exists(), reason="nothing tells what threads do")
def test_helpers_sleep_through_little_work_that_comes_alone(backend):
    code = """
(helper,) = set(os.listdir("/proc/self/task")) - before
y, k = np.ones((256, 256), "f4"), np.ones((3, 3), "f4")
little = fc.plan_correlate(y.shape, "f4", k, algorithm="direct", threads=2)
much = fc.plan_correlate(x.shape, "f4", np.ones((15, 15), "f4"), algorithm="direct", threads=2)
for _ in range(2):
    little(y), much(x)

def naps():
    lines = Path(f"/proc/self/task/{helper}/status").read_text().splitlines()
    return [line for line in lines if "_switches" in line]

def woken(call):
    time.sleep(0.02)
    start = naps()
    call()
    time.sleep(0.002)
    return naps() != start

print(all(woken(lambda: little(y)) for _ in range(20)))
print(any(woken(lambda: (little(y), little(y))) for _ in range(200)))
print(any(woken(lambda: much(x)) for _ in range(20)))
"""
    assert steps(backend, code).split() == ["False", "True", "True"]


def test_jobs_of_many_threads_at_once(backend):
    code = """
good = []

def work():
    good.append(all(right() for _ in range(50)))

threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(good == [True] * 8)
"""
    assert steps(backend, code) == "True"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_helpers_of_its_own(backend):
    code = """
sys.stdout.flush()
child = os.fork()
if child == 0:
    if before is not None:
        before = set(os.listdir("/proc/self/task"))
    right()
    os._exit(0 if helped() else 1)
_, status = os.waitpid(child, 0)
print(status, right())
"""
    assert steps(backend, code) == "0 True"


def test_jobs_that_need_more_and_more_room(backend):
    code = """
for side in (8, 20, 60, 150):
    x, w = np.ones((2, 16, side, side), "f4"), np.ones((16, 16, 3, 3), "f4")
    plan = fc.plan_conv2d(x.shape, "f4", w, padding=1, algorithm="gemm", threads=2)
    wanted = plan(x)
    assert all(np.array_equal(plan(x), wanted) for _ in range(20))
    assert plan._repeated.recorded() is not None
print("done")
"""
    assert steps(backend, code) == "done"


@pytest.mark.parametrize("pause", [0, 0.1])
def test_a_process_ends_while_helpers_wait(backend, pause):
    assert steps(backend, f"assert right()\ntime.sleep({pause})\nprint('end')") == "end"
