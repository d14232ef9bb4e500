"""Moments of a call at which a signal handler or a finalizer may run, one after the other.

CPython runs signal handlers at the beginning of a function, at the end of a loop's body, and after
a call of a C function.  A trace function stands in for them, so that every such moment comes once,
and none by luck.
"""

from __future__ import annotations

import dis
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from types import CodeType, FrameType
from typing import Any

PLACES = (f"{os.sep}fastconv{os.sep}", f"{os.sep}contextlib.py", f"{os.sep}threading.py")
"""The package, and what it hands its locks and workspaces to."""
CALLS = {"CALL", "CALL_FUNCTION_EX", "CALL_KW"}
CHECKS = CALLS | {"RESUME", "JUMP_BACKWARD"}


class Moment:
    """Run ``action`` once, at the ``number``-th moment inside the package, if there are so many;
    or inside its functions of some name.
    """

    def __init__(self, number: int, action: Callable[[], object], function: str = "") -> None:
        self.left = number
        self.action = action
        self.number = number
        self.function = function
        self.file = ""  # where the moment came
        self.came = False
        self._last: dict[FrameType, tuple[str, int]] = {}

    def trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if self.came or not self._inside(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        if event == "call":
            self._last[frame] = "RESUME", frame.f_lineno
        elif event == "opcode":
            self._opcode(frame)
        elif event == "return":
            self._last.pop(frame, None)
            if frame.f_back in self._last:  # a Python function: nothing is checked after it
                self._last[frame.f_back] = ("", 0)
        return None if self.came else self.trace

    def _inside(self, code: CodeType) -> bool:
        if self.function and code.co_name != self.function:
            return False
        return any(place in code.co_filename for place in PLACES)

    def _opcode(self, frame: FrameType) -> None:
        before = self._last.get(frame, ("", 0))
        name = dis.opname[frame.f_code.co_code[frame.f_lasti]]
        self._last[frame] = name, frame.f_lineno
        # In the next line, another `finally` may apply than to a call.
        if before[0] != "RESUME" and (before[0] not in CHECKS or before[1] != frame.f_lineno):
            return
        self.left -= 1
        if self.left < 0:
            self.came, self.file = True, os.path.basename(frame.f_code.co_filename)
            self._last.clear()
            sys.settrace(None)
            self.action()


@contextmanager
def traced(moment: Moment) -> Iterator[None]:
    before = sys.gettrace()
    sys.settrace(moment.trace)
    try:
        yield
    finally:
        sys.settrace(before)


def every(
    call: Callable[[int], object], action: Callable[[], object], step: int = 1
) -> Iterator[Moment]:
    """Make ``call(number)`` for each number of a moment, in steps; act at that moment, and then
    give it to the caller.
    """
    errors = []
    for number in count(0, step):
        moment = Moment(number, action)
        try:
            with traced(moment):
                call(number)
        except KeyboardInterrupt as error:
            errors.append(error)  # as an interactive session keeps it, with all its frames
        if not moment.came:
            return
        yield moment
