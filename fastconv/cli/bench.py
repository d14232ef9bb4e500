"""``fastconv bench``: a dense filter on every backend and in every other installed library.

All calls of a row take turns in one process, after their results have been compared.  Next to each
time is the share of the machine's limit that it reaches.  The limit is the time to copy the image
or the time for the multiply-adds of a direct filter, whichever is longer; both are measured in the
same run.

The rate of multiply-adds is the best that our own direct kernels reach on an image that fits the
cache of a core.  It is a lower bound of what the processor can do, so shares are upper bounds.
"""

from __future__ import annotations

import datetime
import os
import platform
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

from .. import backends
from ..algorithms import rates
from ..run import threads as parallel
from ..viz.canvas import figure
from . import chart, imageio, peers
from .demo import ready_backends

__all__ = ["Limit", "circumstances", "copy_seconds", "product_rate", "run"]

ROUNDS = 15
SECONDS = 1.0
"""For the rounds of a row, at least three.  A call that takes longer is timed once."""
TAPS = 31
"""Taps along each axis of the kernel that measures the rate of multiply-adds."""
CALLS = 10
"""Calls of that kernel in one trial, which make the hand-over to threads negligible."""

COLORS = {
    "cython": "#ffb03b",
    "numba": "#ff6f61",
    "numpy": "#c9a27a",
    "OpenCV": "#4da3ff",
    "SciPy": "#b28dff",
    "PyTorch": "#3ecf9b",
}
LIMIT_COLOR = "#f2f3f5"
LIMIT_REMARK = (
    "limit: copying the image or multiplying, whichever takes longer, both measured here; "
    "algorithms with fewer products may pass it"
)


class Limit(NamedTuple):
    """What no direct filter can beat, on a given number of threads."""

    product_rate: float
    """Multiply-adds per second."""
    copy_seconds: float

    def seconds(self, pixels: int, taps: float) -> float:
        """The least time for a filter of ``taps`` multiply-adds per pixel."""
        return max(self.copy_seconds, pixels * taps / self.product_rate)


class Row(NamedTuple):
    """One line of the table."""

    size: int
    taps: int
    who: str
    algorithm: str
    seconds: float

    @property
    def pixels(self) -> int:
        """Pixels of the image."""
        return self.size**2


def run(
    sizes: Sequence[int],
    kernels: Sequence[int],
    dtype: str,
    threads: int | None,
    backend: str | None,
    directory: Path,
    show_status: Callable[[str], None],
) -> int:
    """Print the table, draw ``directory/fastconv-bench.png``, and return 1 if results disagree.

    The picture is left out, with a remark, where Matplotlib is not installed.

    ``show_status`` shows what is being done, until the next text or an empty one.

    Raises
    ------
    ValueError
        A kernel is larger than an image.
    ImageFileError
        The picture cannot be written.
    BackendUnavailableError
        The backend cannot run here.
    """
    kernels = sorted(set(kernels))
    if max(kernels) > min(sizes):
        raise ValueError(f"a kernel of {max(kernels)} is larger than an image of {min(sizes)}")
    file = directory / "fastconv-bench.png"
    why_no_picture = _why_no_picture()
    if why_no_picture is None:
        imageio.make_directory(directory)
        imageio.check_target(file)
    ours = [fc.config.resolve_backend(backend)] if backend else ready_backends(show_status)
    threads = fc.config.resolve_threads(threads)
    show_status("starting other libraries")
    for name in peers.available():
        peers.LIBRARIES[name].use_threads(threads)
    show_status("")
    for name, library in peers.LIBRARIES.items():
        if name not in peers.available():
            print(f"# without {name}: {library.unavailable()}")
    remarks = circumstances(threads)
    print(*(f"# {remark}" for remark in remarks), sep="\n")
    _print_header()
    pages = []
    show_status("measuring the rate of multiply-adds")
    rate = max(product_rate(name, dtype, threads) for name in ours)
    for size in sizes:
        limit = Limit(rate, copy_seconds(size, dtype, threads))
        rows: list[Row] = []
        for taps in kernels:
            show_status(f"{size}x{size}, kernel {taps}x{taps}")
            try:
                found = _measured(size, taps, dtype, ours, threads)
            except ArithmeticError as error:
                show_status("")
                print(f"# {error} on {size}x{size}, kernel {taps}x{taps}")
                return 1
            show_status("")
            _print_rows(found, limit)
            rows += found
        _print_limit(limit, size, dtype)
        pages.append(_page(rows, limit, dtype, remarks))
    print(
        "# ms: median of calls that take turns, or of one call if it takes more than a second; "
        "vs: speed-up.\n# GFLOP/s count 2*k*k operations per pixel; algorithms with fewer may pass "
        "the limit."
    )
    if why_no_picture is not None:
        print(f"# no picture: {why_no_picture}")
        return 0
    with imageio.replacing(file) as opened:
        chart.draw(pages).savefig(opened, format="png")
    print(f"# picture: {file}")
    return 0


def _why_no_picture() -> str | None:
    try:
        figure(1, 1)
    except ImportError as error:
        return str(error)
    return None


def circumstances(threads: int) -> tuple[str, str]:
    """Where and when figures were measured, and with which versions."""
    versions = {
        "Python": platform.python_version(),
        "fastconv": fc.__version__,
        "NumPy": np.__version__,
        **{name: peers.LIBRARIES[name].version() for name in peers.available()},
    }
    return (
        f"{rates.processor()}; processors: {os.cpu_count()}, threads: {threads}; "
        f"{datetime.date.today()}",
        ", ".join(f"{name} {version}" for name, version in versions.items()),
    )


# -- measuring ----------------------------------------------------------------------------------


def copy_seconds(size: int, dtype: str, threads: int) -> float:
    """The shortest time to copy a ``(size, size)`` image."""
    image = np.ones((size, size), dtype)
    copy = np.empty_like(image)
    edges = np.linspace(0, size, 4 * threads + 1).astype(int)

    def copy_band(number: int) -> None:
        band = slice(edges[number], edges[number + 1])
        np.copyto(copy[band], image[band])

    return _best(partial(parallel.run, copy_band, 4 * threads, threads))


def product_rate(backend: str, dtype: str, threads: int) -> float:
    """The best rate of a direct kernel on images that fit the cache of a core."""
    compute = np.float64 if dtype == "float64" else np.float32
    rows, columns = 32, 192
    x = np.ones((1, 1, 1, rows + TAPS - 1, columns + TAPS - 1), compute)
    w, bias = np.ones((1, 1, 1, TAPS, TAPS), compute), np.zeros((1, 1), compute)
    outs = np.empty((threads, 1, 1, 1, rows, columns), compute)
    correlate = backends.load(backend).correlate

    def work(number: int) -> None:
        for _ in range(CALLS):
            correlate(outs[number], x, w, bias, (1, 1), (1, 1), False)

    seconds = _best(partial(parallel.run, work, threads, threads))
    return threads * CALLS * TAPS**2 * rows * columns / seconds


def _best(call: Callable[[], None]) -> float:
    """Seconds of the fastest of some calls."""
    return float(peers.alternate({"": call}, 4 * ROUNDS, SECONDS / 2)[""].min())


def _measured(size: int, taps: int, dtype: str, ours: Sequence[Any], threads: int) -> list[Row]:
    """The times of every backend and library for one image and kernel, whose results agree."""
    image, kernel = _arrays(size, taps, dtype)
    plans = {
        name: fc.plan_correlate(
            image.shape, dtype, kernel, dtype=dtype, backend=name, threads=threads
        )
        for name in ours
    }
    calls: dict[str, peers.Call] = {name: partial(plan, image) for name, plan in plans.items()}
    for call in calls.values():
        call()  # compilation is not timed
    for name in peers.available():
        other = peers.LIBRARIES[name].filter(image, kernel, "constant")
        if other is not None:
            calls[name] = other
    seconds = peers.check(calls)
    quick = {who: call for who, call in calls.items() if seconds[who] < SECONDS}
    for who, times in peers.alternate(quick, ROUNDS, SECONDS).items():
        seconds[who] = float(np.median(times))
    return [
        Row(size, taps, who, plans[who].algorithm if who in plans else "", seconds[who])
        for who in calls
    ]


def _arrays(size: int, taps: int, dtype: str) -> tuple[NDArray, NDArray]:
    """An image, and a kernel whose sum is one and which is not separable."""
    rng = np.random.default_rng(0)
    white = 1 if np.dtype(dtype).kind == "f" else 255
    kernel = rng.random((taps, taps))
    weights = np.float64 if dtype == "float64" else np.float32
    return (rng.random((size, size)) * white).astype(dtype), (kernel / kernel.sum()).astype(weights)


# -- showing ------------------------------------------------------------------------------------


def _print_header() -> None:
    ratios = "".join(f"{'vs ' + name:>11}" for name in peers.available())
    print(
        f"{'image':<10}{'kernel':<8}{'library':<9}{'algorithm':<10}"
        f"{'ms':>9}{'GFLOP/s':>10}{'of limit':>10}{ratios}",
        flush=True,
    )


def _print_rows(rows: Sequence[Row], limit: Limit) -> None:
    seconds = {row.who: row.seconds for row in rows}
    for row in rows:
        image, kernel = f"{row.size}x{row.size}", f"{row.taps}x{row.taps}"
        products = row.pixels * row.taps**2
        share = limit.seconds(row.pixels, row.taps**2) / row.seconds
        ratios = ""
        if row.algorithm:
            ratios = "".join(
                f"{seconds[peer] / row.seconds:>11.2f}" if peer in seconds else f"{'-':>11}"
                for peer in peers.available()
            )
        print(
            f"{image:<10}{kernel:<8}{row.who:<9}{row.algorithm:<10}{row.seconds * 1e3:>9.3f}"
            f"{2e-9 * products / row.seconds:>10.1f}{share:>10.0%}{ratios}",
            flush=True,
        )


def _print_limit(limit: Limit, size: int, dtype: str) -> None:
    copy, peak = limit.copy_seconds * 1e3, 2e-9 * limit.product_rate
    print(
        f"# limit of direct filtering: max(copy, FLOP / peak); copying {size}x{size} {dtype} took "
        f"{copy:.3f} ms,\n# and the peak is {peak:.0f} GFLOP/s, the best rate of a direct kernel "
        "on an image in cache; the processor's own may be higher."
    )


def _page(rows: Sequence[Row], limit: Limit, dtype: str, remarks: Sequence[str]) -> chart.Chart:
    """A chart of speed against kernel size, for images of one size."""
    size, pixels = rows[0].size, rows[0].pixels
    lines = [
        chart.Line(
            f"fastconv {who}" if who in backends.ORDER else who,
            color,
            [(row.taps, 1e-6 * pixels / row.seconds) for row in rows if row.who == who],
            "disc" if who in backends.ORDER else "square",
        )
        for who, color in COLORS.items()
    ]
    taps = np.geomspace(rows[0].taps / 1.08, rows[-1].taps * 1.08, 200)
    roof = [(float(k), 1e-6 * pixels / limit.seconds(pixels, k**2)) for k in taps]
    return chart.Chart(
        f"Filtering {size}x{size} {dtype} by dense kxk kernels",
        (*remarks, LIMIT_REMARK),
        "kernel size k",
        "megapixels per second",
        [line for line in lines if line.points],
        chart.Line("limit of direct filtering", LIMIT_COLOR, roof),
    )
