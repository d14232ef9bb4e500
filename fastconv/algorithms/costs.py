"""What work costs, measured: the constants behind every prediction of a time."""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from ..problem import Problem

__all__ = ["seconds"]


class Rates(NamedTuple):
    """One backend on one thread, float32."""

    product: float
    """Seconds for a product and its sum."""
    byte: float
    """Seconds for a byte of input or output, each time it passes."""
    call: float
    """Seconds before the first product."""


# Measured on 2026-11-20, 2 cores of an Intel Xeon with AVX-512 (Sapphire Rapids or later), with
# benchmarks/side_by_side.py: 3x3 and 15x15 on 2048², and 3x3 on 8².
RATES = {
    "cython": Rates(product=1.2e-11, byte=2.0e-11, call=3e-5),
    "numba": Rates(product=1.2e-11, byte=2.0e-11, call=3e-5),
    "numpy": Rates(product=5e-10, byte=1.0e-10, call=6e-5),
}


def seconds(problem: Problem, backend: str, products: int, passes: int = 1) -> float:
    """Predicted seconds on one thread for a number of products and passes over the data."""
    rates = RATES[backend]
    wide = problem.compute.itemsize / 4
    samples = prod(problem.canonical_x) + prod(problem.canonical_out)
    bytes_moved = samples * problem.parts * problem.compute.itemsize * passes
    return rates.call + products * wide * rates.product + bytes_moved * rates.byte
