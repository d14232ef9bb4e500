"""The backends by name, the fastest first.  A fourth one is a file and a word in ``ORDER``.

What a backend promises is written in :mod:`fastconv.backends.protocol`.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import cast

from .protocol import Backend

__all__ = ["ORDER", "load", "unavailable"]

ORDER = ("cython", "numba", "numpy")


@cache
def load(name: str) -> Backend:
    """A backend.  Loading it imports nothing heavy and never fails."""
    return cast(Backend, import_module(f"{__name__}.{name}_backend").backend)


@cache
def unavailable(name: str) -> str | None:
    """Why this installation cannot run the backend and what would help, or None if it can."""
    return load(name).unavailable()
