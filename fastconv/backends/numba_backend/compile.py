"""Compile kernels when they are first needed, and keep the machine code on disk.

Numba's own cache has one index file for all signatures of a function: two processes that fill it at
once may leave an index whose entries name each other's code, and a damaged file is an error.
Here each signature has one file, which begins with a digest of all that it depends on.  It appears
as a whole, by being renamed.  A file that is missing, truncated or out of date means: compile, and
write it again.
"""

from __future__ import annotations

import os
import pickle
import sys
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite import binding
from numba import types
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.serialize import dumps
from numpy.typing import NDArray

__all__ = ["DiskCache", "array", "compiled", "start"]


def compiled(function: Callable[..., Any], signature: Any) -> Callable[..., Any]:
    """The machine code of a function for one signature.

    It takes its arguments as they are: Numba's dispatcher, which looks up their types, is left out.
    """
    dispatcher = numba.njit(nogil=True)(function)
    with suppress(RuntimeError):  # no folder that can be written
        dispatcher._cache = DiskCache(function, signature)
    code: Callable[..., Any] = dispatcher.compile(signature)
    return code


def array(
    item: Any, ndim: int = 1, layout: str = "C", readonly: bool = True, aligned: bool = True
) -> Any:
    """The type of an array; one that is read-only stands for both kinds."""
    return types.Array(item, ndim, layout, readonly=readonly, aligned=aligned)


def start(array: NDArray) -> NDArray:
    """The memory of an array from its first item on, for machine code that knows how far it goes.

    The length counts only if the array is contiguous; `geometry.nest.flat` gives it in any case,
    and takes longer.
    """
    if array.flags.c_contiguous:
        return array.reshape(-1)
    first: NDArray = array[(0,) * (array.ndim - 1)][:1]
    return first


class DiskCache(NullCache):  # type: ignore[misc]
    """What a dispatcher asks for machine code of one signature before it compiles."""

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self._numba = CompileResultCacheImpl(function)
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._identity = f"{self._name}{signature}"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The result that is on disk, or None."""
        context.refresh()
        codegen = context.codegen()
        with suppress(Exception):  # whatever a bad file leads to
            content = self._file(codegen).read_bytes()
            digest = self._digest(codegen, b"")
            size = len(digest)
            if content[:size] == self._digest(codegen, content[size:]):
                return self._numba.rebuild(context, pickle.loads(content[size:]))
        return None

    def save_overload(self, signature: Any, result: Any) -> None:
        """Write a result, if that is possible."""
        if not self._numba.check_cachable(result):
            return
        payload = dumps(self._numba.reduce(result))
        with suppress(OSError):
            _write(self._file(result.codegen), self._digest(result.codegen, payload) + payload)

    def _file(self, codegen: Any) -> Path:
        """One for each signature, target and version of Python."""
        python = sys.version_info[:2], getattr(sys, "abiflags", "")
        what = self._identity, codegen.magic_tuple(), python
        folder = Path(self._numba.locator.get_cache_path())
        return folder / f"{self._name}-{sha256(repr(what).encode()).hexdigest()[:20]}.nbc"

    def _digest(self, codegen: Any, payload: bytes) -> bytes:
        what = self._identity, codegen.magic_tuple(), _environment()
        return sha256(repr(what).encode() + payload).digest()


def _write(path: Path, content: bytes) -> None:
    """Write a file that others see whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _environment() -> str:
    """What machine code depends on beside its function, its signature and the target."""
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *(here.parent / "geometry").glob("*.py")])
    sources = sha256()
    for file in files:
        sources.update(file.name.encode() + file.read_bytes())
    versions = sys.version, numba.__version__, llvmlite.__version__, np.__version__
    return repr((versions, binding.get_host_cpu_features().flatten(), sources.hexdigest()))
