"""Recordings of the compiled backend on several threads: helped, interrupted, and the same bits."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import oracle
import pytest
from conftest import require
from interpreter import printed

import fastconv as fc

THREADS = Path("/proc/self/task")


@pytest.fixture(autouse=True, scope="module")
def backend():
    """The backend whose recordings have a team."""
    with fc.use_backend(require("cython")):
        yield


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
def test_helpers_work():
    """They are started once, as many as are asked for, and use processor time."""
    code = """
import os
import numpy as np
import fastconv as fc
from pathlib import Path

fc.set_backend("cython")
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
