"""Long sequences of calls, of every family, on arrays that share memory: see `stateful`.

`FASTCONV_STATEFUL_STEPS=200000` makes more of them.  A failure names its seed and its last steps,
and the command that repeats them.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import stateful
from interpreter import survives
from questions import QUESTIONS

import fastconv as fc

STEPS = int(os.environ.get("FASTCONV_STATEFUL_STEPS", "2000"))
CHUNK = 1000
"""Steps of a seed, which run in an interpreter of their own."""
TOLD = 12
"""Steps before a failure that are printed."""


def run(seed: int, steps: int, plant: str = "") -> None:
    """Run a seed, and say how to repeat what fails."""
    log = Steps()
    machine = stateful.Machine(seed, log)
    plants(machine, plant)
    try:
        machine.run(range(steps))
    except BaseException as error:
        print(f"seed {seed}, {type(error).__name__}: {error}"[:1000])
        print("\n".join(log.last()))
        print(f"To repeat it: python tests/stateful.py {seed} {log.number + 1}", flush=True)
        raise
    print(f"{machine.repeats} steps repeated others, {len(machine.asked)} questions")


class Steps(io.StringIO):
    """The last steps; the number of the one at work stands on stderr, where a crash leaves it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.number = 0

    def write(self, line: str) -> int:
        self.lines = [*self.lines[-2 * TOLD :], line.rstrip("\n")]
        if not line.startswith(" "):
            self.number = int(line.split()[0])
        os.pwrite(self.file, f"{line:200.200}".encode(), 0)
        return len(line)

    def last(self) -> list[str]:
        return self.lines

    @property
    def file(self) -> int:
        return sys.stderr.fileno()


def plants(machine: stateful.Machine, plant: str) -> None:
    """A fault for the machine to find."""
    correlate, conv2d, seen = fc.correlate, fc.conv2d, {}

    def previous(x, w, *args, **how):
        """The result of the call before with such shapes, now and then."""
        key = np.shape(x), np.shape(w), str(how.get("dtype"))
        made = conv2d(x, w, *args, **how)
        if key in seen and seen[key][0] % 5 == 4 and made.shape == seen[key][1].shape:
            made[...] = seen[key][1]
        seen[key] = seen.get(key, (0,))[0] + 1, made.copy()
        return made

    def spilling(x, w, *, out=None, **how):
        """A byte behind the result is written, too."""
        made = correlate(x, w, out=out, **how)
        if out is not None and out.flags.c_contiguous:
            np.lib.stride_tricks.as_strided(out.reshape(-1)[-1:].view(np.uint8), (2 * out.itemsize,))[
                out.itemsize
            ] ^= 1
        return made

    def rounding(x, w, *args, threads=None, **how):
        """The last bit depends on the number of threads."""
        made = conv2d(x, w, *args, threads=threads, **how)
        if threads == 2 and made.dtype == np.float32:
            made.flat[0] = np.nextafter(made.flat[0], np.float32(np.inf))
        return made

    if plant == "previous":
        fc.conv2d = previous
    elif plant == "spilling":
        fc.correlate = spilling
    elif plant == "rounding":
        fc.conv2d = rounding
    elif plant == "crash":
        machine.plans.pop = None  # type: ignore[method-assign]
