"""What the machine can do at all, measured with NumPy: the limits behind all shares.

    python -m benchmarks.machine

prints them, with the machine and the date.  If a limit changes from commit to commit, the machine
changed, not fastconv.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from time import perf_counter

import numpy as np

SIDE = 2048
ROUNDS = 20


class Limits:
    """The best rates for float32 on all threads."""

    params = ["copy", "products"]
    param_names = ("limit",)
    unit = "seconds for 1e9 bytes, or for 1e9 multiplications and additions"

    def track_limit(self, limit: str) -> float:
        image = np.ones((SIDE, SIDE), np.float32)
        out = np.empty_like(image)
        if limit == "products":
            return _best(lambda: np.matmul(image, image, out)) / (2e-9 * SIDE**3)
        bands = np.linspace(0, SIDE, (cpu_count() or 1) + 1).astype(int)

        def copy(first: int, last: int) -> None:
            np.copyto(out[first:last], image[first:last])

        with ThreadPoolExecutor(len(bands) - 1) as pool:
            return _best(lambda: [*pool.map(copy, bands, bands[1:])]) / (2e-9 * image.nbytes)


def _best(call: Callable[[], object]) -> float:
    """Seconds of the fastest of several calls."""
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the limits, and where and when they were measured."""
    from fastconv.cli.bench import circumstances  # which old commits lack, that asv builds

    copy, products = map(Limits().track_limit, Limits.params)
    print(*circumstances(cpu_count() or 1), sep="; ")
    print(f"copy {1 / copy:.1f} GB/s, matrix product {1 / products:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
