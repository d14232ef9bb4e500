"""The same cases in other libraries, as far as these are installed and can do them."""

from collections.abc import Mapping
from functools import partial
from time import perf_counter, sleep
from typing import Any

import numpy as np

from fastconv.cli.peers import LIBRARIES, Call, available

from . import frameworks
from .cases import Case, LayerCase

PAUSE = 0.03
"""Seconds after which threads that spin while they wait, as in PyTorch and onnxruntime, are asleep
and leave their processors to others."""
SETTLED, BURST = 0.015, 0.06
"""Seconds of a burst: until threads have settled on processors, and in all."""
FILTERS = ("OpenCV", "SciPy")
"""Libraries for images.  PyTorch takes ten times as long there, and is used for layers only."""


def peers(case: Case | LayerCase) -> dict[str, Call]:
    """Return the calls of the installed libraries that can do a case, by name."""
    if isinstance(case, LayerCase):
        if case.step == "planned":
            return frameworks.planned(case.layer, batch=1)
        if "PyTorch" not in available():
            return {}
        return {"PyTorch": frameworks.pytorch_step(case.layer, case.step, batch=1)}
    if case.group == "layers":
        return {}
    calls = {name: filter_call(name, case) for name in FILTERS if name in available()}
    return {name: call for name, call in calls.items() if call is not None}


def filter_call(library: str, case: Case) -> Call | None:
    """Return a library's call for a case on images, or None."""
    if case.w:
        boundary = case.options.get("boundary", "constant")
        return LIBRARIES[library].filter(*case.arrays(), boundary)
    if library == "OpenCV":
        return partial(opencv_filter, *case.arrays(), case.function, **case.options)
    return scipy_filter(case)


def opencv_filter(
    x: np.ndarray, function: str, sigma: float = 0, size: int = 0, axis: int | None = None
) -> Any:
    """Compute a case of fastconv.filters, with the same kernels and derivatives in float32."""
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


def scipy_filter(case: Case) -> Call | None:
    """Return SciPy's call for a case of fastconv.filters, or None."""
    from scipy import ndimage

    if case.dtype == "uint8" or case.name.endswith("magnitude"):
        return None
    names = {"gaussian": "gaussian_filter", "box": "uniform_filter"}
    name = case.function.removeprefix("filters.")
    return partial(getattr(ndimage, names.get(name, name)), *case.arrays(), **case.options)


def bursts(calls: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median seconds of calls that follow calls of the same library.

    Libraries take turns.  Each has the processors to itself for a burst, as in a program that uses
    only this library, and the beginning of the burst is not timed.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    start = perf_counter()
    for done in range(rounds):
        if done >= 3 and perf_counter() - start > seconds:
            break
        for name, call in calls.items():
            sleep(PAUSE)
            call()
            began = before = perf_counter()
            while before - began < BURST:
                call()
                after = perf_counter()
                if before - began > SETTLED or not times[name]:
                    times[name].append(after - before)
                before = after
    return {name: float(np.median(row)) for name, row in times.items()}
