"""The switch: SciPy's functions are exchanged while anybody wants them to be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from inspect import unwrap
from typing import Any

from .calls import Calls, Report, replacement
from .rebind import rebind

__all__ = ["Patch", "patch", "patched", "unpatch"]

_MODULES = ("ndimage", "signal")

_calls = Calls()
_asked = False
_blocks = 0


@cache
def _pairs() -> list[tuple[Callable[..., Any], Callable[..., Any]]]:
    """SciPy's functions and their replacements, which are made once.

    With ``SCIPY_ARRAY_API=1``, a public function is a wrapper around one in a private module, and
    each has a replacement.
    """
    found = []
    for module in _MODULES:
        try:
            theirs = import_module(f"scipy.{module}")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                f"patch: SciPy cannot be imported ({error}); install it with: pip install scipy"
            ) from error
        ours = import_module(f"fastconv.{module}")
        for name in ours.__all__:
            public = getattr(theirs, name, None)
            if public is None:
                continue  # of a later SciPy
            for original in dict.fromkeys((public, unwrap(public))):
                new = replacement(f"scipy.{module}.{name}", original, getattr(ours, name), _calls)
                found.append((original, new))
    return found


def _switch(asked: bool | None = None, blocks: int = 0) -> None:
    """Note a wish, and exchange the functions if that changes whether anybody has one."""
    global _asked, _blocks
    with _calls.lock:  # replacements as well are made by one thread
        pairs = _pairs() if asked or blocks > 0 or _calls.active else []
        _asked = _asked if asked is None else asked
        _blocks += blocks
        wanted = _asked or _blocks > 0
        if wanted == _calls.active:
            return
        if wanted:
            _calls.clear()
        _calls.active = wanted
        rebind({id(old): new for old, new in (pairs if wanted else [(n, o) for o, n in pairs])})


class Patch:
    """Let code that calls SciPy's filters call fastconv's: ``fastconv.patch()``.

    From then on, the functions of `scipy.ndimage` and `scipy.signal` that `fastconv.ndimage` and
    `fastconv.signal` have are served by these, in all threads of the process. SciPy is imported if
    it was not yet. Names that loaded modules took from SciPy (``from scipy.ndimage import
    gaussian_filter``) are bound anew, and modules that are imported later find the new functions.

    Results are SciPy's, up to rounding. A call that fastconv cannot serve goes to SciPy, and so do
    arrays of other libraries, masked arrays and other subclasses of `numpy.ndarray`.
    ``fastconv.patch.report()`` tells which calls were served, and which were not and why.

    To call it twice is to call it once. `fastconv.unpatch` takes it back, and `fastconv.patched`
    is the same for a block. ``python -m fastconv.patch script.py`` runs a program that knows
    nothing of fastconv.

    Raises
    ------
    ModuleNotFoundError
        If SciPy is not installed.

    Notes
    -----
    Only global names of modules are bound anew. A closure, a default argument, a class attribute,
    a `functools.partial` or a container that took a function of SciPy's before keeps it, and
    `pickle` refuses such a function while the name that it goes by is bound to another. Processes
    that are started afresh (``spawn``, ``forkserver``) begin unpatched: pass ``fastconv.patch`` as
    the ``initializer`` of the pool.

    The first call takes the time of importing SciPy; looking through a thousand loaded modules
    takes some milliseconds.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> from scipy import ndimage
    >>> fastconv.patch()
    >>> ndimage.uniform_filter1d([1.0, 2.0, 6.0], 3)
    array([1.33333333, 3.        , 4.66666667])
    >>> print(fastconv.patch.report())
    fastconv served 1 calls
           1  scipy.ndimage.uniform_filter1d
    SciPy served 0 calls that were given back
    >>> fastconv.unpatch()
    """

    def __call__(self) -> None:
        """Let code that calls SciPy's filters call fastconv's."""
        _switch(asked=True)

    def report(self) -> Report:
        """Tell which calls were served since SciPy was patched, and which were given back.

        Counting begins with the first `patch` or `patched` and ends with the last of them; the
        report can be read afterwards, too.

        Returns
        -------
        Report
            With two dictionaries, ``served`` and ``given_back``. Printed, it is a table.
        """
        return _calls.report()


patch = Patch()


def unpatch() -> None:
    """Take back `fastconv.patch`: SciPy's names mean SciPy's functions again.

    Modules that were imported meanwhile are found, too, and functions that were kept elsewhere call
    SciPy's from now on. Without a `patch` before, it does nothing. Inside a block of
    `fastconv.patched`, it takes effect when the block ends.

    Examples
    --------
    >>> import fastconv
    >>> from scipy import ndimage
    >>> original = ndimage.sobel
    >>> fastconv.patch()
    >>> ndimage.sobel is original
    False
    >>> fastconv.unpatch()
    >>> ndimage.sobel is original
    True
    """
    _switch(asked=False)


@contextmanager
def patched() -> Iterator[None]:
    """Let code that calls SciPy's filters call fastconv's, for the length of a block.

    Everything said of `fastconv.patch` holds. Blocks may be nested, and may overlap in several
    threads: SciPy is as it was when the last of them ends, unless `fastconv.patch` was called.

    Yields
    ------
    None

    Raises
    ------
    ModuleNotFoundError
        If SciPy is not installed.

    Examples
    --------
    >>> import fastconv
    >>> from scipy import signal
    >>> with fastconv.patched():
    ...     signal.convolve2d([[1, 2, 4]], [[1, 10]])
    array([[ 1, 12, 24, 40]])
    >>> fastconv.patch.report().served
    {'scipy.signal.convolve2d': 1}
    """
    _switch(blocks=1)
    try:
        yield
    finally:
        _switch(blocks=-1)
