"""Machine code that is kept on disk for the next process, where there is room for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["compile_kept"]


def compile_kept(function: Callable[..., None], signature: Any) -> Callable[..., Any]:
    """The machine code of a function for one signature: from disk, or compiled and left there."""
    try:
        return _compile(function, signature, cache=True)
    except (RuntimeError, OSError):  # no folder to keep it in, or no room
        return _compile(function, signature, cache=False)


def _compile(function: Callable[..., None], signature: Any, cache: bool) -> Callable[..., Any]:
    compiled: Callable[..., Any] = numba.njit([signature], nogil=True, cache=cache)(function)
    return compiled
