"""The same filter in other libraries, and how to compare functions on a busy machine.

Libraries are imported when they are first needed, because they may be large or missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..api import translate_boundary

__all__ = ["LIBRARIES", "Call", "Library", "alternate", "available", "check"]

Call = Callable[[], Any]
Weights = NDArray | tuple[NDArray, ...]
"""A dense kernel, or one factor for each axis."""

OPENCV_DTYPES = ("uint8", "int16", "float32", "float64")
PYTORCH_BYTES = 1 << 30
"""The largest im2col matrix that PyTorch may allocate."""


def opencv(x: NDArray, w: Weights, boundary: str) -> Call | None:
    """The call of filter2D or sepFilter2D for an image, or None."""
    import cv2

    if x.ndim != 2 or x.dtype.name not in OPENCV_DTYPES or boundary == "wrap":
        return None
    border = getattr(cv2, translate_boundary(boundary, "fastconv", "opencv"))
    if isinstance(w, tuple):
        return lambda: cv2.sepFilter2D(x, -1, w[1], w[0], borderType=border)
    return lambda: cv2.filter2D(x, -1, w, borderType=border)


def scipy(x: NDArray, w: Weights, boundary: str) -> Call | None:
    """The call of scipy.ndimage for an array, or None."""
    from scipy import ndimage

    if x.dtype == np.float16:
        return None
    mode = translate_boundary(boundary, "fastconv", "scipy.ndimage")
    if isinstance(w, tuple):
        rows, columns = map(_conjugate, w)
        return lambda: ndimage.correlate1d(
            ndimage.correlate1d(x, rows, axis=0, mode=mode), columns, axis=1, mode=mode
        )
    kernel = _conjugate(w)
    return lambda: ndimage.correlate(x, kernel, mode=mode)


def _conjugate(w: NDArray) -> NDArray:
    """Undo SciPy's conjugation of the weights, which fastconv does not have."""
    return w.conj() if w.dtype.kind == "c" else w


def pytorch(x: NDArray, w: Weights, boundary: str) -> Call | None:
    """The call of torch.nn.functional.conv2d for an image, or None."""
    import torch

    if isinstance(w, tuple) or x.ndim != 2 or x.dtype != w.dtype or x.dtype.kind != "f":
        return None
    if boundary != "constant" or any(taps % 2 == 0 for taps in w.shape):
        return None
    uses_im2col = x.dtype != np.float32 or not torch.backends.mkldnn.is_available()
    if uses_im2col and x.nbytes * w.size > PYTORCH_BYTES:
        return None
    image, kernel = (torch.from_numpy(array)[None, None] for array in (x, w))

    def call() -> NDArray:
        with torch.inference_mode():
            result = torch.nn.functional.conv2d(image, kernel, padding="same")
        return np.asarray(result[0, 0])

    return call


class Library(NamedTuple):
    """Another library."""

    module: str
    filter: Callable[[NDArray, Weights, str], Call | None]
    """The call equivalent to ``correlate(x, w, boundary=boundary)``, or None."""
    set_threads: str | None = None
    """The function that sets its number of threads."""

    def version(self) -> str:
        """The installed version."""
        return str(import_module(self.module).__version__)

    def unavailable(self) -> str | None:
        """Why it cannot be used, or None if it can."""
        try:
            import_module(self.module)
        except ImportError as error:
            return str(error)
        return None

    def use_threads(self, threads: int) -> None:
        """Set the number of threads, if the library has several."""
        if self.set_threads is not None:
            getattr(import_module(self.module), self.set_threads)(threads)


LIBRARIES = {
    "OpenCV": Library("cv2", opencv, "setNumThreads"),
    "SciPy": Library("scipy", scipy),
    "PyTorch": Library("torch", pytorch, "set_num_threads"),
}


@cache
def available() -> tuple[str, ...]:
    """The names of the installed libraries, which this imports."""
    return tuple(name for name, library in LIBRARIES.items() if library.unavailable() is None)


def check(calls: Mapping[str, Call]) -> dict[str, float]:
    """Check that calls return the same result, so that they can be compared.

    Integers may differ by two: OpenCV sums wide 8-bit Gaussians in fixed point, and SciPy truncates
    where fastconv rounds.

    Returns
    -------
    dict of str to float
        Seconds of each call.

    Raises
    ------
    ArithmeticError
        Two results differ in shape, or by more than rounding.
    """
    seconds = {}
    expected = None
    for name, call in calls.items():
        start = perf_counter()
        result = np.asarray(call())
        seconds[name] = perf_counter() - start
        if expected is None:
            reference, expected = name, result
            limit = 2 if expected.dtype.kind in "iu" else 1e-4 * np.abs(expected).max()
        elif result.shape != expected.shape or not np.allclose(result, expected, 0, limit):
            raise ArithmeticError(f"{name} and {reference} disagree")
    return seconds


def alternate(calls: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, NDArray]:
    """Time functions in turns, in a new order each round.

    On a shared machine, only ratios of calls close in time are meaningful.  The order changes
    because it decides what the caches hold.

    Parameters
    ----------
    calls : mapping of str to callable
        The functions, by name.  Each is called once beforehand.
    rounds : int
        How often each is timed.
    seconds : float
        After this time no further round begins, but there are always at least three.

    Returns
    -------
    dict of str to ndarray
        Seconds of one call, one element for each round.
    """
    for call in calls.values():
        call()
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    shuffle = Random(0).shuffle
    start = perf_counter()
    for done in range(rounds):
        if done >= 3 and perf_counter() - start > seconds:
            break
        shuffle(order)
        for name in order:
            call = calls[name]
            before = perf_counter()
            call()
            times[name].append(perf_counter() - before)
    return {name: np.array(row) for name, row in times.items()}
