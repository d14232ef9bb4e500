"""The same cases in other libraries, as far as they are installed and can do them at all."""

from collections.abc import Mapping
from functools import partial
from time import perf_counter, sleep
from typing import Any

import numpy as np

from fastconv.cli.peers import LIBRARIES, Call, available

from . import frameworks
from .cases import Case, LayerCase

PAUSE = 0.03
"""Seconds after which threads that wait for work in a loop, as those of PyTorch and onnxruntime do,
have gone to sleep and leave their processors to others."""
SETTLED, BURST = 0.015, 0.06
"""Seconds of calls in a row until threads have found a processor of their own, and altogether."""
FILTERS = ("OpenCV", "SciPy")
"""Who filters images: PyTorch is ten times as slow as others there, and is asked for layers."""


def peers(case: Case | LayerCase) -> dict[str, Call]:
    """Return what the installed libraries offer for a case, by the library's name."""
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
    """Return a library's call that answers a case of images, if there is one."""
    if case.w:
        boundary = case.options.get("boundary", "constant")
        return LIBRARIES[library].filter(*case.arrays(), boundary)
    if library == "OpenCV":
        return partial(opencv_filter, *case.arrays(), case.function, **case.options)
    return scipy_filter(case)


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


def scipy_filter(case: Case) -> Call | None:
    """Return SciPy's filter that answers a case of fastconv.filters, if there is one."""
    from scipy import ndimage

    if case.dtype == "uint8" or case.name.endswith("magnitude"):
        return None
    names = {"gaussian": "gaussian_filter", "box": "uniform_filter"}
    name = case.function.removeprefix("filters.")
    return partial(getattr(ndimage, names.get(name, name)), *case.arrays(), **case.options)


def bursts(calls: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, float]:
    """Return the median seconds of calls that follow calls of the same library.

    Libraries take turns, each alone with the processors for a burst, of which the beginning is not
    timed: as in a program that uses one of them.
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
