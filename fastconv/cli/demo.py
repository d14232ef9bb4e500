"""``fastconv demo``: one photograph, well-known kernels, every backend.

Each kernel runs on each backend.  A table shows the time of each call and the largest difference
between any two backends, which must stay within the rounding of float32.  A contact sheet shows
the results.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

from .. import backends, kernels
from . import contact_sheet, imageio
from .contact_sheet import Cell, Look, shown

__all__ = ["ready_backends", "run"]

KERNELS: dict[str, Look] = {
    "sharpen": "clipped to 0..1",
    "gaussian_blur_5x5": "clipped to 0..1",
    "emboss": "clipped to 0..1",
    "sepia": "clipped to 0..1",
    "edge_detect": "magnitude",
    "line_vertical": "positive part",
    "line_horizontal": "positive part",
    "line_diagonal_down": "positive part",
    "line_diagonal_up": "positive part",
}
WINDOW = (slice(0, 240), slice(96, 336))
"""The part of the photograph that the sheet shows, pixel by pixel."""


def run(directory: Path, show_status: Callable[[str], None]) -> int:
    """Print the table, write ``directory/fastconv-demo.png``, and return 1 if backends disagree.

    ``show_status`` shows what is being done, until the next text or an empty one.
    """
    sheet = directory / "fastconv-demo.png"
    imageio.make_directory(directory)
    imageio.check_target(sheet)
    photo = _photograph()
    names = ready_backends(show_status)
    grey = _filtered(photo, kernels.info("grayscale"))
    print("# a photograph of 512x512 pixels, float32: RGB, or grey for edges and lines")
    print(f"{'kernel':<18}  {'backend':<7}  {'milliseconds':>12}  {'difference':>10}", flush=True)
    cells = [
        Cell("original", "astronaut Eileen Collins, NASA", shown(photo[WINDOW], "clipped to 0..1"))
    ]
    worst = 0.0
    too_far_apart = []
    for name, look in KERNELS.items():
        kernel = kernels.info(name)
        image = photo if look == "clipped to 0..1" else grey
        results, times = zip(*(_timed(image, kernel, backend) for backend in names), strict=True)
        difference = float(np.ptp(np.stack(results), axis=0).max())
        for backend, seconds in zip(names, times, strict=True):
            row = f"{name:<18}  {backend:<7}  {seconds * 1e3:>12.3f}  {difference:>10.1e}"
            print(row, flush=True)
        if not difference <= _rounding(kernel.array()):
            too_far_apart.append(name)
        worst = max(worst, difference)
        picture = shown(results[0][WINDOW].squeeze(), look)
        cells.append(Cell(name, look, picture, kernel.array()))

    remark = f"backends: {', '.join(names)}; largest difference between them: {worst:.1e}"
    page = contact_sheet.draw("fastconv: what the kernels see", remark, cells, columns=5)
    with imageio.replacing(sheet) as file:
        page.save(file, format="PNG", optimize=True)
    print(f"# contact sheet: {sheet}")
    if too_far_apart:
        print(f"# the backends DISAGREE beyond rounding in {', '.join(too_far_apart)}")
        return 1
    if len(names) > 1:
        print(f"# agree within rounding: {', '.join(names)}")
    return 0


def ready_backends(show_status: Callable[[str], None]) -> list[str]:
    """The available backends, warmed up; the others are printed with the reason."""
    names = []
    for name in backends.ORDER:
        show_status(f"starting {name}; if it has to compile first, this takes a while")
        reason = backends.unavailable(name)
        if reason is None:
            backends.load(name).warmup()
            names.append(name)
        show_status("")
        if reason is not None:
            print(f"# without {name}: {reason}")
    return names


def _photograph() -> NDArray[np.float32]:
    try:
        from skimage import data
    except ImportError:
        raise ImportError("scikit-image is not installed: pip install 'fastconv[demo]'") from None
    load: Callable[[], NDArray[np.uint8]] = data.astronaut
    return np.asarray(load() / 255, np.float32)


def _filtered(image: NDArray[Any], kernel: kernels.Kernel, backend: Any = None) -> NDArray[Any]:
    weights = kernel.array()
    if kernel.kind == "color":
        return fc.conv2d(image, weights[..., None, None], layout="NHWC", backend=backend)
    return fc.correlate(image, weights, axes=(0, 1), boundary="nearest", backend=backend)


def _timed(image: NDArray[Any], kernel: kernels.Kernel, backend: str) -> tuple[NDArray[Any], float]:
    """The result, and the best time of several calls after a first one."""
    result = _filtered(image, kernel, backend)
    times = []
    for _ in range(10):
        start = time.perf_counter()
        _filtered(image, kernel, backend)
        times.append(time.perf_counter() - start)
    return result, min(times)


def _rounding(weights: NDArray[Any]) -> float:
    """How much two float32 sums of samples from 0 to 1 may differ, whatever their order."""
    largest = float(np.abs(weights).sum())
    return 2 * weights.size * largest * float(np.finfo(np.float32).eps)
