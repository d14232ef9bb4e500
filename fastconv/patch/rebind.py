"""Exchange objects wherever a loaded module has bound them to a global name."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType

__all__ = ["rebind"]


def rebind(exchanged: Mapping[int, object]) -> None:
    """Bind each module global whose identity is a key of `exchanged` to the value there.

    Modules that load themselves when they are first touched stay untouched.
    """
    for module in sys.modules.copy().values():
        if not issubclass(type(module), ModuleType):
            continue
        namespace = object.__getattribute__(module, "__dict__")
        for name, value in namespace.copy().items():
            if id(value) in exchanged:
                namespace[name] = exchanged[id(value)]
