"""What work costs: predictions of a time from the rates that each backend was measured to have."""

from __future__ import annotations

from math import prod

from .. import backends
from ..problem import Problem

__all__ = ["ONE_ROW", "seconds"]

ONE_ROW = 1.8
"""Times as long for a product where taps have one row, and a sample serves one output row.

Measured as the backends' rates, with separable kernels of 15 and 31 taps on 1024².
"""


def seconds(problem: Problem, backend: str, products: float, passes: int = 1) -> float:
    """Predicted seconds on one thread, from the products an output and the passes over the data."""
    rates = backends.load(backend).RATES
    wide = problem.compute.itemsize / 4
    products *= prod(problem.canonical_out)
    samples = prod(problem.canonical_x) + prod(problem.canonical_out)
    bytes_moved = samples * problem.parts * problem.compute.itemsize * passes
    return rates.call + products * wide * rates.product + bytes_moved * rates.byte
