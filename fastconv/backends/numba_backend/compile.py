"""Compiles kernels when they are first needed, and caches the machine code on disk.

Numba's own cache has one index file for all signatures of a function.  If two processes fill it at
once, its entries may refer to the wrong code, and a damaged file is an error.  Here, each signature
has its own file, which begins with a digest of everything it depends on and is written atomically.
If a file is missing, truncated or out of date, the kernel is compiled and the file written again.
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

    It is called without Numba's dispatcher, which would look up the types of the arguments.
    """
    dispatcher = numba.njit(nogil=True)(function)
    with suppress(RuntimeError):  # no folder that can be written
        dispatcher._cache = DiskCache(function, signature)
    code: Callable[..., Any] = dispatcher.compile(signature)
    return code


def array(
    item: Any, ndim: int = 1, layout: str = "C", readonly: bool = True, aligned: bool = True
) -> Any:
    """The type of an array; a read-only one also accepts writable arrays."""
    return types.Array(item, ndim, layout, readonly=readonly, aligned=aligned)


def start(array: NDArray) -> NDArray:
    """A 1-D array that begins at the first item, for machine code that does not need its length.

    The length is right only if the array is contiguous; `geometry.nest.flat` is always right, but
    slower.
    """
    if array.flags.c_contiguous:
        return array.reshape(-1)
    first: NDArray = array[(0,) * (array.ndim - 1)][:1]
    return first


class DiskCache(NullCache):  # type: ignore[misc]
    """The cache that a dispatcher searches before it compiles a signature."""

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        self._numba = CompileResultCacheImpl(function)
        self._name = f"{function.__module__.rpartition('.')[2]}.{function.__qualname__}"
        self._identity = f"{self._name}{signature}"

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The cached result, or None."""
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
        """Write a result to disk, if possible."""
        if not self._numba.check_cachable(result):
            return
        payload = dumps(self._numba.reduce(result))
        with suppress(OSError):
            _write(self._file(result.codegen), self._digest(result.codegen, payload) + payload)

    def _file(self, codegen: Any) -> Path:
        """The file of a signature, for this target and version of Python."""
        python = sys.version_info[:2], getattr(sys, "abiflags", "")
        what = self._identity, codegen.magic_tuple(), python
        folder = Path(self._numba.locator.get_cache_path())
        return folder / f"{self._name}-{sha256(repr(what).encode()).hexdigest()[:20]}.nbc"

    def _digest(self, codegen: Any, payload: bytes) -> bytes:
        what = self._identity, codegen.magic_tuple(), _environment()
        return sha256(repr(what).encode() + payload).digest()


def _write(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _environment() -> str:
    """Everything that machine code depends on besides its function, signature and target."""
    here = Path(__file__).parent
    files = sorted([*here.glob("*.py"), *(here.parent / "geometry").glob("*.py")])
    sources = sha256()
    for file in files:
        sources.update(file.name.encode() + file.read_bytes())
    versions = sys.version, numba.__version__, llvmlite.__version__, np.__version__
    return repr((versions, binding.get_host_cpu_features().flatten(), sources.hexdigest()))
