"""What work costs, measured: the constants behind every prediction of a time."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..problem import Problem

__all__ = ["ONE_ROW", "seconds"]


class Rates(NamedTuple):
    """One backend on one thread, float32."""

    product: float
    """Seconds for a product and its sum."""
    byte: float
    """Seconds for a byte of input or output, each time it passes."""
    call: float
    """Seconds before the first product."""


# Measured on 2026-11-21 on an AMD EPYC (Zen 3, AVX2), one thread, at commit 28e9d92: dense kernels of
# 15x15 and 3x3 on 2048² (their difference is the products) and 3x3 on 8², best of 1.5 seconds.
RATES = {
    "cython": Rates(product=2.4e-11, byte=4.0e-11, call=4e-5),
    "numba": Rates(product=2.4e-11, byte=3.3e-11, call=5e-5),
    "numpy": Rates(product=6.4e-10, byte=0.0, call=1.2e-4),
}
ONE_ROW = 1.8
"""Times as long for a product where taps have one row, and a sample serves one output row.

Measured as above, with separable kernels of 15 and 31 taps on 1024².
"""


def seconds(problem: Problem, backend: str, products: float, passes: int = 1) -> float:
    """Predicted seconds on one thread, from the products an output and the passes over the data."""
    rates = RATES[backend]
    wide = problem.compute.itemsize / 4
    products *= prod(problem.canonical_out)
    samples = prod(problem.canonical_x) + prod(problem.canonical_out)
    bytes_moved = samples * problem.parts * problem.compute.itemsize * passes
    return rates.call + products * wide * rates.product + bytes_moved * rates.byte
