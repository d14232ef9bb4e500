"""Long sequences of calls, of every family, on arrays that share memory: see `stateful`.

`FASTCONV_STATEFUL_STEPS=200000` makes more of them.  A failure shows its last steps, and the
command that repeats them.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
import stateful
from interpreter import survives
from numpy.lib.stride_tricks import as_strided
from questions import QUESTIONS

import fastconv as fc

pytestmark = pytest.mark.compiled
CHUNK = 1000
"""Steps of a seed, which run in an interpreter of their own."""
CHUNKS = [
    (seed, min(CHUNK, stateful.STEPS - first))
    for seed, first in enumerate(range(0, stateful.STEPS, CHUNK))
]


def run(seed: int, steps: int, plant: str = "") -> None:
    """Run a seed; each step is printed before it is made, for it may be the last one."""
    if plant:
        planted(plant)
    machine = stateful.Machine(seed, sys.stdout)
    machine.run(range(steps))
    assert machine.repeats > steps // 20, f"only {machine.repeats} steps repeated others"
    assert len(machine.asked) > len(QUESTIONS) * min(steps, 400) // 800, machine.asked


@pytest.mark.parametrize(("seed", "steps"), CHUNKS)
def test_calls_do_not_change_each_other(seed, steps):
    try:
        survives(run, seed, steps, seconds=600)
    except AssertionError as failure:
        command = f"python tests/stateful.py {seed} {steps}"
        raise AssertionError(f"{failure}\nTo repeat it: {command}") from None


# -- the machine is seen to find faults ---------------------------------------------------------


def planted(plant: str) -> None:
    """Replace a function by one with a fault."""
    name = {"spilling": "correlate"}.get(plant, "conv2d")
    function, seen = getattr(fc, name), {}

    def previous(x, w, *args, **how):
        """Now and then the result of the last call with such shapes."""
        made = function(x, w, *args, **how)
        count, last = seen.get((x.shape, w.shape), (0, made))
        seen[x.shape, w.shape] = count + 1, made.copy()
        if count % 5 == 4 and made.shape == last.shape:
            made[...] = last
        return made

    def spilling(x, w, *, out=None, **how):
        """A byte behind the result is written, too."""
        made = function(x, w, out=out, **how)
        if out is not None and out.flags.c_contiguous:
            last = out.reshape(-1)[-1:].view(np.uint8)
            as_strided(last, (out.itemsize + 1,))[-1] ^= 1
        return made

    def rounding(x, w, *args, threads=None, **how):
        """The last bit depends on the number of threads."""
        made = function(x, w, *args, threads=threads, **how)
        if threads == 2 and made.dtype == np.float32:
            made[0] = np.nextafter(made[0], np.float32(np.inf))
        return made

    def crashing(*args, **how):
        """The interpreter dies."""
        made = function(*args, **how)
        if made.shape[1] > 16:
            os.abort()
        return made

    setattr(fc, name, locals()[plant])


@pytest.mark.parametrize(
    ("plant", "told"),
    [
        ("previous", "outputs are off by|assert_close"),
        ("spilling", "bytes beside the result have changed"),
        ("rounding", "bits differ from those of the first call"),
        ("crashing", "exit status -6"),
    ],
)
def test_planted_faults_are_found(plant, told):
    with pytest.raises(AssertionError, match=told) as found:
        survives(run, 0, 600, plant, seconds=100)
    assert "conv2d" in str(found.value) or "correlate" in str(found.value)
