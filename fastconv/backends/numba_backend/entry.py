"""Ways into the machine code of this package, which is compiled when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["Entry", "entry"]


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """Machine code for one signature."""

    run: Callable[..., Any]
    """Calls it without looking up types."""
    overload: Any
    """What Numba knows of it."""


@cache
def entry(module: str, *what: np.dtype | str) -> Any:
    """What a module compiles; None if it refuses these dtypes."""
    function = import_module(f".{module}", __package__).compiled(*what)
    if function is None:
        return None
    (overload,) = function.overloads.values()
    return Entry(overload.entry_point, overload)
