"""Which backend, how many threads: the choices that outlive a call, and where they come from.

The backend of a call is the first that is given of: the argument ``backend=``, the innermost
``with use_backend(...)``, :func:`set_backend`, the environment variable ``FASTCONV_BACKEND``, and
the fastest one that this installation can run.  A backend asked for by name is used or refused;
only the last choice ever steps down, and :func:`show_config` says why.  The environment is read
once, when it is first needed.
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
    """A backend was asked for by name and this installation cannot run it."""


@cache
def _environment(variable: str) -> str | None:
    """A variable as it was when it was first asked for."""
    return os.environ.get(variable)


def resolve_backend(argument: str | None = None, call: str | None = None) -> str:
    """The name of the backend that a call with ``backend=argument`` runs on.

    ``call`` is the name of the call, for messages.

    Raises
    ------
    ValueError
        A name that is no backend.
    BackendUnavailableError
        A backend that was named, and that this installation cannot run.
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
    """Names of the backends that this installation can run, the fastest first.

    Asking imports Numba, which takes about half a second the first time.

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
    """Name of the backend that a call without ``backend=`` runs on here and now.

    Returns
    -------
    str
        ``"cython"``, ``"numba"`` or ``"numpy"``.

    Raises
    ------
    ValueError
        ``FASTCONV_BACKEND`` names no backend.
    BackendUnavailableError
        ``FASTCONV_BACKEND`` names a backend that this installation cannot run.

    Examples
    --------
    >>> import fastconv as fc
    >>> with fc.use_backend("numpy"):
    ...     fc.get_backend()
    'numpy'
    """
    return resolve_backend()


def set_backend(backend: BackendName | None) -> None:
    """Choose the backend of every call of this process that does not choose for itself.

    Parameters
    ----------
    backend : {"cython", "numba", "numpy"} or None
        None takes the choice back.

    Raises
    ------
    ValueError
        A name that is no backend.
    BackendUnavailableError
        A backend that this installation cannot run; the message says why and what helps.

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
    """Choose the backend for a ``with`` block, in this thread or task only.

    Parameters
    ----------
    backend : {"cython", "numba", "numpy"}

    Raises
    ------
    ValueError
        A name that is no backend.
    BackendUnavailableError
        A backend that this installation cannot run; the message says why and what helps.

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
    """The threads that ``OMP_NUM_THREADS`` grants, of which a list names those of nested levels."""
    first = (_environment("OMP_NUM_THREADS") or "").split(",")[0].strip()
    return int(first) or None if first.isdecimal() else None


def get_num_threads() -> int:
    """The most threads that a call without ``threads=`` may use.

    Returns
    -------
    int
        The first of these that is given: the number passed to `set_num_threads`, the environment
        variables ``FASTCONV_NUM_THREADS`` and ``OMP_NUM_THREADS``, and the number of processors
        that this process may use, by its affinity and the CPU quota of its container.

    Raises
    ------
    ValueError
        ``FASTCONV_NUM_THREADS`` is not a positive whole number.

    Notes
    -----
    The environment is read once.  Of ``OMP_NUM_THREADS``, the first number of a list counts, and
    what is not a positive number is ignored, as other libraries read the variable, too.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.get_num_threads() >= 1
    True
    """
    return resolve_threads()


def set_num_threads(threads: int | None) -> None:
    """Limit the threads of every call of this process that does not say ``threads=``.

    Results do not depend on it: they are the same bits for any number of threads.

    Parameters
    ----------
    threads : int or None
        At least 1.  None takes the limit back.

    Raises
    ------
    TypeError, ValueError
        Not a whole number, or below 1.

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
    """Do now what the first call would wait for: import the backend and compile its kernels.

    Numba takes about half a second to start, and some seconds to compile where its cache on disk
    is empty.  The other backends need nothing.

    Parameters
    ----------
    backend : {"cython", "numba", "numpy"}, optional
        Default: the one that a call would run on.

    Raises
    ------
    ValueError
        A name that is no backend.
    BackendUnavailableError
        A backend that this installation cannot run.

    Examples
    --------
    >>> import fastconv as fc
    >>> fc.warmup("numpy")
    """
    backends.load(resolve_backend(backend)).warmup()


def show_config() -> None:
    """Print versions, backends (or what keeps them away), instruction set, rates and threads.

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
