"""What the machine can do at all, by NumPy alone: limits that shares are taken of.

Where these change from commit to commit, the machine did, not fastconv.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from time import perf_counter

import numpy as np

SIDE = 2048
ROUNDS = 20


class Limits:
    """Of float32, on all threads, at best."""

    params = ["copy", "products"]
    param_names = ("limit",)
    unit = "seconds for 1e9 bytes, or for 1e9 products and sums"

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
    """Seconds of the fastest of some calls."""
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)
