"""The backends by name, the fastest first.  To add one, write a package and add it to ``ORDER``.

:mod:`fastconv.backends.protocol` documents what a backend must provide.
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
    """The backend with the given name.  Loading it imports nothing heavy and never fails."""
    return cast(Backend, import_module(f"{__name__}.{name}_backend").backend)


@cache
def unavailable(name: str) -> str | None:
    """The reason why this installation cannot run a backend, with a remedy, or None if it can."""
    return load(name).unavailable()
