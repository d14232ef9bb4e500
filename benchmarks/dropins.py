"""Compare `fastconv.ndimage` and `fastconv.signal` with SciPy, function by function.

    python -m benchmarks.dropins sobel laplace --sizes 256 1024
    python -m benchmarks.dropins "upfirdn 2/1"
    python -m benchmarks.dropins ndimage                             # all of a module

Each mean comes with the worst rows.  Both libraries take turns in one process.  A cell is the
median of the ratios of a round, times of SciPy over ours: larger than 1 means that ours is faster.
With ``--threads 1``, times are processor time, which other work on the machine disturbs least.
Images have size × size samples, and so have signals.
"""

import argparse
from collections.abc import Callable
from functools import partial
from itertools import chain
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import scipy.ndimage
import scipy.signal

import fastconv
from fastconv.cli.bench import circumstances

SIZES = (8, 64, 256, 1024)
DTYPES = ("float32", "float64", "uint8", "uint16")
WORST = 8
"""Rows that are listed for each size."""
RNG = np.random.default_rng(0)
DENSE = RNG.standard_normal((5, 5))
ROW = np.hanning(13)[1:-1]


def slope(module: Any, x: np.ndarray, axis: int, output: Any, mode: str, cval: float) -> Any:
    """A derivative for the generic functions."""
    return module.correlate1d(x, [1, -2, 1], axis, output, mode, cval)


def like(kernel: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A kernel in the dtype of samples: whole numbers for whole numbers."""
    whole = x.dtype.kind == "u"
    return (np.abs(kernel) * 8 if whole else kernel).astype(x.dtype)


NDIMAGE: dict[str, Callable[[Any, np.ndarray], Any]] = {
    "correlate": lambda m, x: m.correlate(x, DENSE),
    "convolve": lambda m, x: m.convolve(x, DENSE, mode="constant"),
    "correlate1d": lambda m, x: m.correlate1d(x, ROW),
    "convolve1d": lambda m, x: m.convolve1d(x, ROW, axis=0),
    "gaussian_filter": lambda m, x: m.gaussian_filter(x, 1.5),
    "gaussian_filter1d": lambda m, x: m.gaussian_filter1d(x, 1.5),
    "uniform_filter": lambda m, x: m.uniform_filter(x, 7),
    "uniform_filter1d": lambda m, x: m.uniform_filter1d(x, 7),
    "sobel": lambda m, x: m.sobel(x),
    "prewitt": lambda m, x: m.prewitt(x),
    "laplace": lambda m, x: m.laplace(x),
    "gaussian_laplace": lambda m, x: m.gaussian_laplace(x, 1.5),
    "gaussian_gradient_magnitude": lambda m, x: m.gaussian_gradient_magnitude(x, 1.5),
    "generic_laplace": lambda m, x: m.generic_laplace(x, partial(slope, m)),
    "generic_gradient_magnitude": lambda m, x: m.generic_gradient_magnitude(x, partial(slope, m)),
}
"""A call of each function, of either library, on an image."""

KERNELS = {n: RNG.standard_normal((n, n)) for n in (3, 5, 9, 31)}
TAPS = {n: RNG.standard_normal(n) for n in (5, 61, 255, 3201)}
SMOOTH = np.hanning(9)[1:-1].astype(np.float32)

SIGNAL: dict[str, Callable[[Any, np.ndarray], Any]] = {
    "convolve2d 3x3": lambda m, x: m.convolve2d(x, like(KERNELS[3], x), "same", "symm"),
    "convolve2d 9x9": lambda m, x: m.convolve2d(x, like(KERNELS[9], x), "same", "wrap"),
    "correlate2d 5x5": lambda m, x: m.correlate2d(x, like(KERNELS[5], x)),
    "sepfir2d 7x7": lambda m, x: m.sepfir2d(x, SMOOTH, SMOOTH),
    "convolve 5x5": lambda m, x: m.convolve(x, like(KERNELS[5], x), "same"),
    "correlate 9x9": lambda m, x: m.correlate(x, like(KERNELS[9], x), "valid"),
    "fftconvolve 9x9": lambda m, x: m.fftconvolve(x, KERNELS[9], "same"),
    "fftconvolve 31x31": lambda m, x: m.fftconvolve(x, like(KERNELS[31], x), "same"),
    "oaconvolve 31x31": lambda m, x: m.oaconvolve(x, like(KERNELS[31], x), "same"),
    "fftconvolve rows": lambda m, x: m.fftconvolve(x, like(TAPS[61][None], x), "same", axes=1),
    "convolve 5 taps": lambda m, x: m.convolve(x.ravel(), like(TAPS[5], x)),
    "convolve 255 taps": lambda m, x: m.convolve(x.ravel(), like(TAPS[255], x)),
    "correlate itself": lambda m, x: m.correlate(x.ravel(), x.ravel(), "same"),
    "fftconvolve 61 taps": lambda m, x: m.fftconvolve(x.ravel(), like(TAPS[61], x)),
    "oaconvolve 3201 taps": lambda m, x: m.oaconvolve(x.ravel(), like(TAPS[3201], x)),
    "upfirdn 1/4": lambda m, x: m.upfirdn(like(TAPS[61], x), x.ravel(), 1, 4),
    "upfirdn 2/1": lambda m, x: m.upfirdn(like(TAPS[61], x), x.ravel(), 2, 1),
    "upfirdn 160/147": lambda m, x: m.upfirdn(like(TAPS[3201], x), x.ravel(), 160, 147),
    "upfirdn 2/3 columns": lambda m, x: m.upfirdn(like(TAPS[61], x), x, 2, 3, axis=0),
}
"""Calls of each function, of either library, on an image or on its samples in a row."""

MODULES = {
    "ndimage": (NDIMAGE, fastconv.ndimage, scipy.ndimage),
    "signal": (SIGNAL, fastconv.signal, scipy.signal),
}
ROWS = {name: module for module, (calls, _, _) in MODULES.items() for name in calls}


def seconds(call: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of one call."""
    before = clock()
    for _ in range(repeats):
        call()
    return (clock() - before) / repeats


def ratios(name: str, size: int, rounds: int, clock: Any) -> list[tuple[float, float]]:
    """For each dtype, times of SciPy over ours, and our milliseconds."""
    found = []
    repeats = max(1, 1 << 19 >> 2 * (size.bit_length() - 1))
    for dtype in DTYPES:
        x = (RNG.random((size, size)) * 250).astype(dtype)
        calls, ours, theirs = MODULES[ROWS[name]]
        pair = [partial(calls[name], module, x) for module in (ours, theirs)]
        for call in pair:
            call()
        times = np.array(
            [[seconds(call, min(repeats, 100), clock) for call in pair] for _ in range(rounds)]
        )
        ratio = float(np.median(times[:, 1] / times[:, 0]))
        found.append((ratio, 1e3 * float(np.median(times[:, 0]))))
    return found


def main() -> None:
    """Print a row for each function and size, and the means."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dropins")
    parser.add_argument(
        "functions", nargs="*", metavar="FUNCTION", help=", ".join([*MODULES, *ROWS])
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--threads", type=int, help="by default, what fastconv takes")
    arguments = parser.parse_args()
    wanted = [name for name, module in ROWS.items() if {name, module} & {*arguments.functions}]
    unknown = {*arguments.functions} - {*ROWS, *MODULES}
    if unknown:
        parser.error(f"no such function: {', '.join(sorted(unknown))}")

    fastconv.set_num_threads(arguments.threads)
    clock = thread_time if arguments.threads == 1 else perf_counter
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print("SciPy's time over ours, and our milliseconds", end="\n\n")
    print(f"| function | size | {' | '.join(DTYPES)} |\n|{'---|' * (2 + len(DTYPES))}")
    by_size: dict[int, list[tuple[float, str]]] = {}
    for name in wanted or ROWS:
        for size in arguments.sizes:
            found = ratios(name, size, arguments.rounds, clock)
            by_size.setdefault(size, []).extend(
                (ratio, f"{name} {dtype}") for (ratio, _), dtype in zip(found, DTYPES, strict=True)
            )
            cells = " | ".join(f"{ratio:.1f} ({ms:.3g})" for ratio, ms in found)
            print(f"| {name} | {size} | {cells} |", flush=True)
    print()
    for size, values in by_size.items():
        worst = ", ".join(f"{row} {ratio:.2f}" for ratio, row in sorted(values)[:WORST])
        print(f"{size}: geometric mean {_mean(values):.1f}, lowest {worst}")
    print(f"all: geometric mean {_mean([*chain(*by_size.values())]):.1f}")


def _mean(values: list[tuple[float, str]]) -> float:
    return float(np.exp(np.mean(np.log([ratio for ratio, _ in values]))))


if __name__ == "__main__":
    main()
