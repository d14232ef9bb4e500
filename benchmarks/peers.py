"""The same cases in other libraries, and how to compare two functions on a busy machine.

`peers` gives what OpenCV, SciPy and PyTorch offer for a case, as far as they are installed and can
do it at all. `alternate` runs functions in turns, for only ratios of neighbours in time mean
anything on a machine that is shared.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from random import Random
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from .cases import Case

Call = Callable[[], Any]

OPENCV_DTYPES = ("uint8", "int16", "float32", "float64")
SCIPY_MODES = {
    "constant": "constant",
    "nearest": "nearest",
    "symmetric": "reflect",
    "mirror": "mirror",
    "wrap": "wrap",
}


def opencv_call(case: Case) -> Call | None:
    """Return OpenCV's call that answers a case, if there is one."""
    import cv2

    borders = {
        "constant": cv2.BORDER_CONSTANT,
        "nearest": cv2.BORDER_REPLICATE,
        "symmetric": cv2.BORDER_REFLECT,
        "mirror": cv2.BORDER_REFLECT_101,
    }
    if case.group == "filters":
        return partial(opencv_filter, *case.arrays(), case.function, **case.options)
    border = borders.get(case.options.get("boundary", "constant"))
    if case.function != "correlate" or case.dtype not in OPENCV_DTYPES or border is None:
        return None
    x, w = case.arrays()
    if case.separable:
        return lambda: cv2.sepFilter2D(x, -1, w[1], w[0], borderType=border)
    return lambda: cv2.filter2D(x, -1, w, borderType=border)


def opencv_filter(
    x: np.ndarray, function: str, sigma: float = 0, size: int = 0, axis: int | None = None
) -> Any:
    """Answer a case of fastconv.filters, derivatives as float32 and with the same kernels."""
    import cv2

    border, depth = cv2.BORDER_REFLECT, cv2.CV_32F
    match function, axis:
        case "filters.gaussian", None:
            taps = 2 * int(4 * sigma + 0.5) + 1
            return cv2.GaussianBlur(x, (taps, taps), sigma, borderType=border)
        case "filters.box", None:
            return cv2.blur(x, (size, size), borderType=border)
        case "filters.laplace", None:
            return cv2.Laplacian(x, depth, ksize=1, borderType=border)
        case "filters.sobel", 1:
            return cv2.Sobel(x, depth, 1, 0, borderType=border)
        case "filters.sobel", None:
            slopes = (cv2.Sobel(x, depth, dx, 1 - dx, borderType=border) for dx in (0, 1))
            return cv2.magnitude(*slopes)
    raise ValueError(function)


def scipy_call(case: Case) -> Call | None:
    """Return the call of scipy.ndimage that answers a case, if there is one."""
    from scipy import ndimage

    if case.group == "filters":
        if case.dtype == "uint8" or case.name.endswith("magnitude"):
            return None
        names = {"gaussian": "gaussian_filter", "box": "uniform_filter"}
        name = case.function.removeprefix("filters.")
        return partial(getattr(ndimage, names.get(name, name)), *case.arrays(), **case.options)
    if case.function != "correlate" or case.dtype == "float16":
        return None
    mode = SCIPY_MODES[case.options.get("boundary", "constant")]
    x, w = case.arrays()
    if case.dtype.startswith("complex"):
        w = w.conj()  # SciPy conjugates the weights of a correlation, fastconv does not
    if case.separable:
        return lambda: ndimage.correlate1d(
            ndimage.correlate1d(x, w[0], axis=0, mode=mode), w[1], axis=1, mode=mode
        )
    return lambda: ndimage.correlate(x, w, mode=mode)


def pytorch_call(case: Case) -> Call | None:
    """Return the call of torch.nn.functional that answers a case, if there is one."""
    import torch

    if case.function != "conv2d":
        return None
    x, w = map(torch.from_numpy, case.arrays())

    def call() -> Any:
        with torch.inference_mode():
            return torch.nn.functional.conv2d(x, w, **case.options)

    return call


class Library(NamedTuple):
    """Another library; it is imported when it is used, for it may be large."""

    module: str
    make: Callable[[Case], Call | None]

    def version(self) -> str:
        return import_module(self.module).__version__


LIBRARIES = {
    name: library
    for name, library in {
        "OpenCV": Library("cv2", opencv_call),
        "SciPy": Library("scipy", scipy_call),
        "PyTorch": Library("torch", pytorch_call),
    }.items()
    if find_spec(library.module)
}


def peers(case: Case) -> dict[str, Call]:
    """Return what the installed libraries offer for a case, by the library's name."""
    calls = {name: library.make(case) for name, library in LIBRARIES.items()}
    return {name: call for name, call in calls.items() if call is not None}


def check(calls: Mapping[str, Call]) -> None:
    """Refuse to compare calls that do not answer the same question.

    Integers may differ by two, as sums in fixed point do: OpenCV's 8-bit Gaussian does for wide
    kernels.  (SciPy cuts fractions off where fastconv rounds.)
    """
    (reference, expected), *others = ((name, np.asarray(call())) for name, call in calls.items())
    for name, result in others:
        np.testing.assert_allclose(
            result,
            expected,
            rtol=0,
            atol=2 if expected.dtype.kind in "iu" else 1e-4 * np.abs(expected).max(),
            err_msg=f"{name} and {reference} disagree",
        )


def alternate(calls: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Time functions in turns, in another order each round: who comes last finds colder caches.

    Parameters
    ----------
    calls : mapping of str to callable
        The functions, by name. Each is called once beforehand.
    rounds : int
        How often each is timed ...
    seconds : float
        ... unless this much time is over; three rounds are always done.

    Returns
    -------
    dict of str to ndarray
        Seconds of one call, one element a round.
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
