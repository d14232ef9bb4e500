"""Functions that call fastconv's drop-in or SciPy's original, and count which of them served."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from threading import Lock
from typing import Any

import numpy as np

__all__ = ["Calls", "Report", "replacement"]

MAX_REASONS = 1000
"""Reasons that are counted separately, at most; they may quote shapes, so there may be many."""

_PLAIN = frozenset({np.ndarray, np.memmap, np.matrix, np.dtype, bool, int, float, complex, str,
                    tuple, list, type, type(None)})  # fmt: skip
_PROTOCOLS = ("__array__", "__array_interface__", "__array_namespace__", "__dlpack__")


@dataclass(frozen=True, slots=True)
class Report:
    """Which calls fastconv served, and which it gave back to SciPy.

    Calls that raised an exception are not counted.

    Attributes
    ----------
    served : dict of str to int
        The number of calls that fastconv served, for each function, such as
        ``"scipy.ndimage.gaussian_filter"``.
    given_back : dict of (str, str) to int
        The number of calls that SciPy served, for each function and reason.
    """

    served: dict[str, int]
    given_back: dict[tuple[str, str], int]

    def __str__(self) -> str:
        lines = [f"fastconv served {_calls(self.served)}"]
        lines += [f"{count:8d}  {name}" for name, count in sorted(self.served.items())]
        given_back = _calls(self.given_back)
        lines.append(f"SciPy served {given_back} that fastconv gave back")
        for (name, reason), count in sorted(self.given_back.items()):
            lines.append(f"{count:8d}  {name}: {reason}")
        return "\n".join(lines)


def _calls(counts: Mapping[Any, int]) -> str:
    """The number of calls in words."""
    count = sum(counts.values())
    return f"{count} call" if count == 1 else f"{count} calls"


class Calls:
    """Counts of calls in all threads, and whether there are any to count."""

    def __init__(self) -> None:
        self.active = False
        """Whether drop-ins serve; otherwise originals do, and nothing is counted."""
        self.clear()
        self._renew_lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        """Replace the lock after a fork: a thread that holds it does not exist in the child."""
        self.lock = Lock()

    def clear(self) -> None:
        """Count from zero."""
        self._served: Counter[str] = Counter()
        self._given_back: Counter[tuple[str, str]] = Counter()

    def count_served(self, name: str) -> None:
        """Count a call that fastconv served."""
        with self.lock:
            self._served[name] += 1

    def count_given_back(self, name: str, reason: str) -> None:
        """Count a call that SciPy served."""
        with self.lock:
            key = (name, reason)
            if key not in self._given_back and len(self._given_back) >= MAX_REASONS:
                key = (name, "further reasons")
            self._given_back[key] += 1

    def report(self) -> Report:
        """Return the counts."""
        with self.lock:
            return Report(dict(self._served), dict(self._given_back))


def _is_foreign(value: object) -> bool:
    """Whether a value is an array of another library, or of a subclass of NumPy's."""
    kind = type(value)
    return not issubclass(kind, np.generic) and any(hasattr(kind, name) for name in _PROTOCOLS)


def replacement(
    name: str, original: Callable[..., Any], drop_in: Callable[..., Any], calls: Calls
) -> Callable[..., Any]:
    """Return a function that serves calls of `original` by `drop_in`, where that can.

    The original gets calls with arrays of other libraries, and all calls that the drop-in refuses:
    it computes what only SciPy can, and raises SciPy's own exceptions.
    """

    @wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        if not calls.active:
            return original(*args, **kwargs)
        for value in (*args, *kwargs.values()):
            kind = type(value)
            if kind not in _PLAIN and _is_foreign(value):
                reason = f"arrays of type {kind.__module__}.{kind.__qualname__}"
                break
        else:
            try:
                result = drop_in(*args, **kwargs)
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
            else:
                calls.count_served(name)
                return result
        result = original(*args, **kwargs)
        calls.count_given_back(name, reason)
        return result

    return call
