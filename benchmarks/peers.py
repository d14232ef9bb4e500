"""The same cases in other libraries, as far as these are installed and can do them."""

from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter, sleep
from typing import Any

import numpy as np

import fastconv
from fastconv.cli.peers import LIBRARIES, Call, available

from . import frameworks
from .cases import AnyCase, Case, ChangingCase, LayerCase

PAUSE = 0.03
"""Seconds after which threads that spin while they wait, as in PyTorch and onnxruntime, are asleep
and leave their processors to others."""
SETTLED, BURST = 0.015, 0.06
"""Seconds of a burst: until threads have settled on processors, and in all."""
FILTERS = ("OpenCV", "SciPy")
"""Libraries for images.  PyTorch takes ten times as long there, and is used for layers only."""


def peers(case: AnyCase) -> dict[str, Call]:
    """Return the calls of the installed libraries that can do a case, by name."""
    if isinstance(case, LayerCase):
        if case.step == "planned":
            return frameworks.planned(case.layer, batch=1)
        if "PyTorch" not in available():
            return {}
        return {"PyTorch": frameworks.pytorch_step(case.layer, case.step, batch=1)}
    ways = BY_GROUP.get(case.group, {name: partial(filter_call, name) for name in FILTERS})
    calls = {name: way(case) for name, way in ways.items() if name in available()}
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


def opencv_colours(case: Case) -> Call:
    """Return OpenCV's call for a photograph."""
    import cv2

    x, *w = case.arrays()
    if w:
        return partial(cv2.filter2D, x, -1, *w, borderType=cv2.BORDER_REFLECT_101)
    if case.function == "filters.invert":
        white = 1.0 if case.dtype == "float32" else np.iinfo(case.dtype).max
        return partial(cv2.subtract, (white,) * 4, x)
    if case.function in ("filters.sepia", "filters.grayscale"):
        matrix = fastconv.kernels.get(case.function.removeprefix("filters."), np.float32)
        return partial(cv2.transform, x, matrix)
    options = {name: value for name, value in case.options.items() if name != "channel_axis"}
    return partial(opencv_filter, x, case.function, **options)


def scipy_transform(case: Case) -> Call:
    """Return the faster of SciPy's two ways to filter by transforms, whose kernels are turned
    around.
    """
    from scipy import signal

    x, w = case.arrays()
    turned = np.flip(w)
    if not all(k % 2 for k in w.shape):  # of an even kernel, SciPy takes the other centre
        turned = np.pad(turned, [(1 - k % 2, 0) for k in w.shape])
    ways = signal.fftconvolve, signal.oaconvolve
    return min((partial(way, x, turned, "same") for way in ways), key=timed)


def timed(call: Call) -> float:
    """Return the seconds of a call after another one."""
    call()
    start = perf_counter()
    call()
    return perf_counter() - start


def scipy_along(case: Case) -> Call:
    """Return SciPy's call for a kernel along one axis, or all."""
    from scipy import ndimage

    x, w = case.arrays()
    if w.ndim > 1:
        return partial(ndimage.correlate, x, w, mode="constant")
    return partial(ndimage.correlate1d, x, w, case.options["axes"], mode="constant")


def scipy_filter(case: Case) -> Call | None:
    """Return SciPy's call for a case of fastconv.filters, or None."""
    from scipy import ndimage

    if case.dtype == "uint8" or case.name.endswith("magnitude"):
        return None
    names = {"gaussian": "gaussian_filter", "box": "uniform_filter"}
    name = case.function.removeprefix("filters.")
    return partial(getattr(ndimage, names.get(name, name)), *case.arrays(), **case.options)


def opencv_frames(case: Case) -> Call:
    """Return OpenCV's calls for the images of a stack, one after the other."""
    import cv2

    frames, *w = case.arrays()
    results = np.empty_like(frames)
    if w:
        one = partial(cv2.filter2D, ddepth=-1, kernel=w[0], borderType=cv2.BORDER_REFLECT_101)
    else:
        sigma = case.options["sigma"][-1]
        taps = 2 * int(4 * sigma + 0.5) + 1
        border = cv2.BORDER_REFLECT
        one = partial(cv2.GaussianBlur, ksize=(taps, taps), sigmaX=sigma, borderType=border)

    def call() -> np.ndarray:
        for frame, result in zip(frames, results, strict=True):
            one(frame, dst=result)
        return results

    return call


def opencv_changing(case: ChangingCase) -> Call:
    """Return OpenCV's next call for the next arrays."""
    import cv2

    return case.every(lambda x, w: cv2.filter2D(x, -1, w, borderType=cv2.BORDER_CONSTANT))


def scipy_changing(case: ChangingCase) -> Call:
    """Return SciPy's next call for the next arrays."""
    from scipy import ndimage

    return case.every(partial(ndimage.correlate, mode="constant"))


BY_GROUP: dict[str, dict[str, Callable[[Any], Call | None]]] = {
    "layers": {},
    "long": {"SciPy": scipy_transform},
    "thin": {"SciPy": scipy_along},
    "volumes": {"SciPy": partial(filter_call, "SciPy")},
    "colour": {"OpenCV": opencv_colours},
    "stacks": {"OpenCV": opencv_frames},
    "changing": {"OpenCV": opencv_changing, "SciPy": scipy_changing},
}
"""How libraries do the cases of a group; those of all others are filters of one image."""


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
