"""The hot loop in its four versions: what each takes for a product and its sum, on one thread.

    python -m benchmarks.hot_loop

prints the table of docs/hot-loop.md.  Kernels are called directly: no planning, no copies, no
threads.  Each number is the fastest of some rounds, in which all versions take turns.
"""

from collections.abc import Callable
from importlib import import_module
from math import prod
from time import perf_counter
from typing import NamedTuple

import numpy as np

from fastconv import backends

ROUNDS = 15


class Case(NamedTuple):
    """A slab and a kernel, `(K, C, rows, columns)`."""

    name: str
    outputs: tuple[int, int]
    kernel: tuple[int, int, int, int]


CASES = [
    Case("3×3 on 1024²", (1024, 1024), (1, 1, 3, 3)),
    Case("9×9 on 1024²", (1024, 1024), (1, 1, 9, 9)),
    Case("3×3, 32 → 32 channels, 56²", (56, 56), (32, 32, 3, 3)),
]


def versions() -> dict[str, Callable[..., None]]:
    """The kernels by name, the simplest first; those that are not installed are left out."""
    found = {"NumPy": backends.load("numpy").correlate}
    try:
        generic = import_module("fastconv.backends.cython_backend._kernels_generic")
        found["memoryviews"] = generic.correlate
    except ImportError:
        pass
    for title, name in (("Numba tile", "numba"), ("C tile", "cython")):
        if backends.unavailable(name) is None:
            found[title] = backends.load(name).correlate
    return found


def nanoseconds(case: Case, kernels: dict[str, Callable[..., None]]) -> list[float]:
    """Of a product and its sum, in float32, for each version."""
    filters, channels, *taps = case.kernel
    rng = np.random.default_rng(0)
    size = (n + k - 1 for n, k in zip(case.outputs, taps, strict=True))
    x = rng.normal(size=(1, channels, *size)).astype(np.float32)
    w = rng.normal(size=(1, *case.kernel)).astype(np.float32)
    out, bias = (
        np.empty((1, filters, *case.outputs), np.float32),
        np.zeros((1, filters), np.float32),
    )
    best = dict.fromkeys(kernels, np.inf)
    for _ in range(ROUNDS):
        for name, kernel in kernels.items():
            start = perf_counter()
            kernel(out, x, w, bias, (1, 1), (1, 1), False)
            best[name] = min(best[name], perf_counter() - start)
    return [1e9 * seconds / (out.size * prod(case.kernel[1:])) for seconds in best.values()]


def main() -> None:
    """Print the machine and the table."""
    from fastconv.cli.bench import circumstances

    kernels = versions()
    print(*circumstances(1), sep="; ")
    print(f"\n| ns for a product and its sum | {' | '.join(kernels)} |")
    print(f"|---{'|---' * len(kernels)}|")
    for case in CASES:
        cells = (f"{time:.3g}" for time in nanoseconds(case, kernels))
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
