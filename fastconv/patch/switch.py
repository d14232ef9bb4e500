"""The switch: SciPy's functions are exchanged while a patch or a block is active."""

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
    """Count a request to patch or unpatch, and exchange the functions if necessary."""
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

    After this call, functions of `scipy.ndimage` and `scipy.signal` that exist in
    `fastconv.ndimage` and `fastconv.signal` are replaced by these, in all threads of the process.
    SciPy is imported if necessary. Names that loaded modules imported from SciPy
    (``from scipy.ndimage import gaussian_filter``) are rebound, and modules that are imported later
    find the new functions.

    Results are SciPy's, up to rounding. A call that fastconv cannot serve goes to SciPy, and so do
    arrays of other libraries, masked arrays and other subclasses of `numpy.ndarray`.
    ``fastconv.patch.report()`` counts the calls that fastconv served and those that SciPy served,
    with the reasons.

    Calling it again has no effect. `fastconv.unpatch` reverses it, and `fastconv.patched` patches
    SciPy for a ``with`` block. ``python -m fastconv.patch script.py`` runs an unmodified script.

    Raises
    ------
    ModuleNotFoundError
        If SciPy is not installed.

    Notes
    -----
    Only global names of modules are rebound. A closure, a default argument, a class attribute, a
    `functools.partial` or a container that already holds a SciPy function keeps it, and `pickle`
    cannot pickle such a function while its name is bound to another one. New processes that are not
    forked (``spawn``, ``forkserver``) start unpatched: pass ``fastconv.patch`` as the
    ``initializer`` of the pool.

    The first call imports SciPy. Searching a thousand loaded modules takes a few milliseconds.

    Examples
    --------
    >>> import numpy as np
    >>> import fastconv
    >>> from scipy import ndimage
    >>> fastconv.patch()
    >>> ndimage.uniform_filter1d([1.0, 2.0, 6.0], 3)
    array([1.33333333, 3.        , 4.66666667])
    >>> print(fastconv.patch.report())
    fastconv served 1 call
           1  scipy.ndimage.uniform_filter1d
    SciPy served 0 calls that fastconv gave back
    >>> fastconv.unpatch()
    """

    def __call__(self) -> None:
        """Let code that calls SciPy's filters call fastconv's."""
        _switch(asked=True)

    def report(self) -> Report:
        """Return the counts of calls since SciPy was patched: by fastconv, and given back to SciPy.

        Counting begins when SciPy is patched and ends when it is restored. The report remains
        available afterwards.

        Returns
        -------
        Report
            Its attributes ``served`` and ``given_back`` are dictionaries; ``print`` shows a table.
        """
        return _calls.report()


patch = Patch()


def unpatch() -> None:
    """Reverse `fastconv.patch`: restore SciPy's functions.

    Modules that were imported in the meantime are restored, too. References to fastconv's functions
    that were stored elsewhere call SciPy from then on. Without a previous `patch`, it does nothing.
    Inside a block of `fastconv.patched`, it takes effect when the block ends.

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
    """Let code that calls SciPy's filters call fastconv's, inside a ``with`` block.

    It works like `fastconv.patch`. Blocks may be nested, and may overlap in several threads: SciPy
    is restored when the last of them ends, unless `fastconv.patch` was called.

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
