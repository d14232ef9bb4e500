"""The default backend and number of threads, and where they come from.

The backend of a call is the first one given by: the argument ``backend=``, the innermost
``with use_backend(...)``, `set_backend`, the environment variable ``FASTCONV_BACKEND``, and the
fastest one that this installation can run.  If a requested backend is not available, an error is
raised.  Only the automatic choice falls back to another backend, and `show_config` explains why.
The environment is read once, when it is first needed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextvars import ContextVar
from functools import cache
from types import TracebackType
from typing import Literal

import numpy as np

from . import backends, lower
from .algorithms import rates
from .run import threads as parallel

__all__ = [
    "BackendName",
    "BackendUnavailableError",
    "available_backends",
    "get_backend",
    "get_num_threads",
    "set_backend",
    "set_num_threads",
    "show_config",
    "use_backend",
    "warmup",
]

BackendName = Literal["cython", "numba", "numpy"]

_blocks: ContextVar[tuple[str, ...]] = ContextVar("fastconv_backends", default=())
_process_backend: str | None = None
_process_threads: int | None = None


class BackendUnavailableError(RuntimeError):
    """The requested backend is not available in this installation."""


@cache
def _environment(variable: str) -> str | None:
    """An environment variable, as it was when it was first read."""
    return os.environ.get(variable)


def resolve_backend(argument: str | None = None, call: str | None = None) -> str:
    """The name of the backend that a call with ``backend=argument`` runs on.

    ``call`` is the name of the call, for messages.

    Raises
    ------
    ValueError
        `argument` is not the name of a backend.
    BackendUnavailableError
        The chosen backend is not available in this installation.
    """
    if argument is not None:
        of = f"{call}: " if call else ""
        return _runnable(lower.backend_name(argument, f"{of}backend"), of)
    blocks = _blocks.get()
    chosen = blocks[-1] if blocks else _process_backend
    if chosen is not None:
        return _runnable(chosen)
    variable = _environment("FASTCONV_BACKEND")
    if variable:
        return _runnable(lower.backend_name(variable, "FASTCONV_BACKEND"))
    for name in backends.ORDER:
        if backends.unavailable(name) is None:
            break
    return name


def _runnable(name: str, of: str = "") -> str:
    reason = backends.unavailable(name)
    if reason is not None:
        raise BackendUnavailableError(f"{of}backend {name!r} is not available: {reason}")
    return name


def available_backends() -> tuple[str, ...]:
    """Return the names of the available backends, the fastest first.

    The first call imports Numba, which takes about half a second.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> import fastconv as fc
    >>> "numpy" in fc.available_backends()
    True
    """
    return tuple(name for name in backends.ORDER if backends.unavailable(name) is None)


def get_backend() -> str:
    """Return the name of the backend that a call without ``backend=`` would use here.

    Returns
    -------
    str
        ``"cython"``, ``"numba"`` or ``"numpy"``.

    Raises
    ------
    ValueError
        ``FASTCONV_BACKEND`` is not the name of a backend.
    BackendUnavailableError
        The chosen backend is not available in this installation.

    Examples
    --------
    >>> import fastconv as fc
    >>> with fc.use_backend("numpy"):
    ...     fc.get_backend()
    'numpy'
    """
    return resolve_backend()


def set_backend(backend: BackendName | None) -> None:
    """Set the default backend of this process, for all calls without ``backend=``.

    Parameters
    ----------
    backend : {"cython", "numba", "numpy"} or None
        None restores the automatic choice.

    Raises
    ------
    TypeError, ValueError
        `backend` is not the name of a backend.
    BackendUnavailableError
        The backend is not available in this installation; the message gives the reason and the
        remedy.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.set_backend("numpy")
    >>> fc.get_backend()
    'numpy'
    >>> fc.set_backend(None)
    """
    global _process_backend
    if backend is not None:
        _runnable(lower.backend_name(backend, "backend"))
    _process_backend = backend


class use_backend:  # noqa: N801 (it reads as a function: with use_backend("numba"): ...)
    """Set the default backend in a ``with`` block, for this thread or task only.

    Parameters
    ----------
    backend : {"cython", "numba", "numpy"}
        The backend of all calls in the block without ``backend=``.

    Raises
    ------
    TypeError, ValueError
        `backend` is not the name of a backend.
    BackendUnavailableError
        The backend is not available in this installation; the message gives the reason and the
        remedy.

    Examples
    --------
    >>> import fastconv as fc
    >>> with fc.use_backend("numpy"):
    ...     fc.correlate([1.0, 2.0, 3.0], [1.0, 1.0, 1.0])
    array([3., 6., 5.])
    """

    def __init__(self, backend: BackendName) -> None:
        self._name = _runnable(lower.backend_name(backend, "backend"))

    def __enter__(self) -> None:
        _blocks.set((*_blocks.get(), self._name))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        _blocks.set(_blocks.get()[:-1])


def resolve_threads(argument: int | None = None) -> int:
    """The most threads that a call with ``threads=argument`` may use."""
    if argument is not None:
        return lower.thread_count(argument, "threads")
    if _process_threads is not None:
        return _process_threads
    variable = _environment("FASTCONV_NUM_THREADS")
    if variable:
        number = lower.whole_number(variable, "FASTCONV_NUM_THREADS")
        return lower.thread_count(number, "FASTCONV_NUM_THREADS")
    return _openmp_threads() or parallel.available_cpus()


def _openmp_threads() -> int | None:
    """The threads that ``OMP_NUM_THREADS`` allows; it may be a list for nested levels."""
    first = (_environment("OMP_NUM_THREADS") or "").split(",")[0].strip()
    return int(first) or None if first.isdecimal() else None


def get_num_threads() -> int:
    """Return the maximum number of threads of a call without ``threads=``.

    Returns
    -------
    int
        The first of these that is set: the number passed to `set_num_threads`, the environment
        variables ``FASTCONV_NUM_THREADS`` and ``OMP_NUM_THREADS``, and the number of processors
        that this process may use, by its affinity and the CPU quota of its container.

    Raises
    ------
    ValueError
        ``FASTCONV_NUM_THREADS`` is not a positive integer.

    Notes
    -----
    The environment is read once.  If ``OMP_NUM_THREADS`` is a list, its first number is used.  As
    in other libraries, a value that is not a positive number is ignored.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.get_num_threads() >= 1
    True
    """
    return resolve_threads()


def set_num_threads(threads: int | None) -> None:
    """Set the maximum number of threads of all calls of this process without ``threads=``.

    The bits of results do not depend on it.

    Parameters
    ----------
    threads : int or None
        At least 1.  None restores the default; see `get_num_threads`.

    Raises
    ------
    TypeError, ValueError
        `threads` is not an integer, or is less than 1.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.set_num_threads(1)
    >>> fc.get_num_threads()
    1
    >>> fc.set_num_threads(None)
    """
    global _process_threads
    _process_threads = None if threads is None else lower.thread_count(threads, "threads")


def warmup(backend: BackendName | None = None) -> None:
    """Import a backend and compile its kernels, so that the first call does not wait for it.

    Numba takes about half a second to import, and a few seconds to compile if its cache on disk is
    empty.  The other backends need no preparation.

    Parameters
    ----------
    backend : {"cython", "numba", "numpy"}, optional
        By default, the backend that `get_backend` returns.

    Raises
    ------
    TypeError, ValueError
        `backend` is not the name of a backend.
    BackendUnavailableError
        The backend is not available in this installation.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.warmup("numpy")
    """
    backends.load(resolve_backend(backend)).warmup()


def show_config() -> None:
    """Print versions, backends (or why they are not available), rates and the default choices.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.show_config()  # doctest: +ELLIPSIS
    fastconv ...
    """
    import platform

    from . import __version__

    print(f"fastconv {__version__}")
    print(f"python   {platform.python_version()} on {platform.system()} {platform.machine()}")
    print(f"numpy    {np.__version__}")
    print("backends")
    for name in backends.ORDER:
        print(f"  {name:<7}{_state(name)}")
    print(f"rates    {rates.describe()}")
    print(f"default  {_or_why_not(get_backend)}, {_or_why_not(get_num_threads)} threads")


def _state(name: str) -> str:
    try:
        reason = backends.unavailable(name)
    except ValueError as error:  # a wrong environment variable
        reason = str(error)
    return backends.load(name).describe() if reason is None else f"not available: {reason}"


def _or_why_not(choice: Callable[[], object]) -> str:
    try:
        return str(choice())
    except (ValueError, BackendUnavailableError) as error:
        return f"no ({error})"
