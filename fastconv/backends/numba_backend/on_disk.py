"""Machine code that is kept on disk for the next process, where there is room for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import numba
from numba import types

__all__ = ["array", "compile_kept"]


def array(of: Any, ndim: int, readonly: bool = True) -> Any:
    """The type of a C-contiguous array; read-only ones stand for both kinds."""
    return types.Array(of, ndim, "C", readonly=readonly)


def compile_kept(
    function: Callable[..., Any], signature: Any, nogil: bool = True
) -> Callable[..., Any]:
    """The machine code of a function for one signature: from disk, or compiled and left there."""
    # Numba's cache looks at the function's file alone: the name says what the others are.
    function.__qualname__ = f"{function.__name__}_{_sources():08x}"
    try:
        return _compile(function, signature, nogil, cache=True)
    except (RuntimeError, OSError):  # no folder to keep it in, or no room
        return _compile(function, signature, nogil, cache=False)


def _compile(
    function: Callable[..., Any], signature: Any, nogil: bool, cache: bool
) -> Callable[..., Any]:
    compiled: Callable[..., Any] = numba.njit([signature], nogil=nogil, cache=cache)(function)
    return compiled


@cache
def _sources() -> int:
    """A checksum of the modules of this package."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return crc32(b"".join(file.read_bytes() for file in files))
