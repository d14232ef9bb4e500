"""Ways into the machine code of this package, which is compiled when it is first asked for."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

__all__ = ["entry"]


@cache
def entry(module: str, *what: np.dtype | str) -> Any:
    """What a module compiles, called without looking up types; None if it refuses these dtypes."""
    function = import_module(f".{module}", __package__).compiled(*what)
    if function is None:
        return None
    (overload,) = function.overloads.values()
    return overload.entry_point
