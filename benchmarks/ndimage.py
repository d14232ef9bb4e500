"""Compare `fastconv.ndimage` with `scipy.ndimage`, function by function.

    python -m benchmarks.ndimage sobel laplace --sizes 256 1024

Both libraries take turns in one process.  A cell is the median of the ratios of a round, times of
SciPy over ours: larger than 1 means that ours is faster.  With ``--threads 1``, times are processor
time, which other work on the machine disturbs least.
"""

import argparse
from collections.abc import Callable
from functools import partial
from time import perf_counter, thread_time
from typing import Any

import numpy as np
import scipy.ndimage

import fastconv
from fastconv.cli.bench import circumstances

SIZES = (8, 64, 256, 1024)
DTYPES = ("float32", "float64", "uint8", "uint16")
RNG = np.random.default_rng(0)
DENSE = RNG.standard_normal((5, 5))
ROW = np.hanning(13)[1:-1]


def slope(module: Any, x: np.ndarray, axis: int, output: Any, mode: str, cval: float) -> Any:
    """A derivative for the generic functions."""
    return module.correlate1d(x, [1, -2, 1], axis, output, mode, cval)


CALLS: dict[str, Callable[[Any, np.ndarray], Any]] = {
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
"""A call of each function, of either module, on an image."""


def seconds(call: Callable[[], Any], repeats: int, clock: Callable[[], float]) -> float:
    """Seconds of one call."""
    before = clock()
    for _ in range(repeats):
        call()
    return (clock() - before) / repeats


def ratios(name: str, size: int, rounds: int, clock: Any) -> list[tuple[float, float]]:
    """For each dtype, times of SciPy over ours, and our milliseconds."""
    found = []
    repeats = max(1, 1 << 16 >> 2 * (size.bit_length() - 1))
    for dtype in DTYPES:
        x = (RNG.random((size, size)) * 250).astype(dtype)
        pair = [partial(CALLS[name], module, x) for module in (fastconv.ndimage, scipy.ndimage)]
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
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ndimage")
    parser.add_argument("functions", nargs="*", metavar="FUNCTION", help=", ".join(CALLS))
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--threads", type=int, help="by default, what fastconv takes")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.functions if name not in CALLS]
    if unknown:
        parser.error(f"no such function: {', '.join(unknown)}")

    fastconv.set_num_threads(arguments.threads)
    clock = thread_time if arguments.threads == 1 else perf_counter
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print("SciPy's time over ours, and our milliseconds", end="\n\n")
    print(f"| function | size | {' | '.join(DTYPES)} |\n|{'---|' * (2 + len(DTYPES))}")
    by_size: dict[int, list[float]] = {}
    for name in arguments.functions or CALLS:
        for size in arguments.sizes:
            found = ratios(name, size, arguments.rounds, clock)
            by_size.setdefault(size, []).extend(ratio for ratio, _ in found)
            cells = " | ".join(f"{ratio:.1f} ({ms:.3g})" for ratio, ms in found)
            print(f"| {name} | {size} | {cells} |", flush=True)
    print()
    for size, values in by_size.items():
        mean = np.exp(np.mean(np.log(values)))
        print(f"{size}: geometric mean {mean:.1f}, lowest {min(values):.2f}")
    all_values = [value for values in by_size.values() for value in values]
    print(f"all: geometric mean {np.exp(np.mean(np.log(all_values))):.1f}")


if __name__ == "__main__":
    main()
