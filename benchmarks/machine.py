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
    """On all threads, at best."""

    params = ["copy", "products"]
    param_names = ("limit",)
    unit = "GB/s or GFLOP/s"

    def track_limit(self, limit: str) -> float:
        image = np.ones((SIDE, SIDE), np.float32)
        out = np.empty_like(image)
        if limit == "products":
            return 2e-9 * SIDE**3 / _best(lambda: np.matmul(image, image, out))
        bands = np.array_split(np.arange(SIDE), cpu_count() or 1)

        def copy(rows: np.ndarray) -> None:
            np.copyto(out[rows[0] : rows[-1] + 1], image[rows[0] : rows[-1] + 1])

        with ThreadPoolExecutor(len(bands)) as pool:
            return 2e-9 * image.nbytes / _best(lambda: list(pool.map(copy, bands)))


def _best(call: Callable[[], object]) -> float:
    """Seconds of the fastest of some calls."""
    times = []
    for _ in range(ROUNDS):
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)
