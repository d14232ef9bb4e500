"""Predictions of running times from the measured rates of each backend."""

from __future__ import annotations

from ..backends.protocol import Rates
from ..problem.problem import Problem
from . import rates

__all__ = ["contraction_seconds", "ends_with_rows", "row_passes", "seconds"]

PARTED = 4
"""Passes over data with contiguous channels, for kernels that need contiguous rows."""


def contraction_seconds(problem: Problem, rate: Rates, products: float, passes: int = 2) -> float:
    """Predicted seconds of a matrix product on one thread.

    ``products`` are the multiply-adds per output.  ``passes`` is how often the data is read or
    written; two, if its layout is changed before and after the product.
    """
    return _seconds(problem, rate, rate.contracted, products, passes)


def row_passes(problem: Problem) -> int:
    """Passes over the data, for kernels that need contiguous rows."""
    channels = problem.groups * problem.in_channels
    return PARTED if channels > 1 and not ends_with_rows(problem) else 1


def ends_with_rows(problem: Problem) -> bool:
    """Whether the last filtered axis is the last one of the array, with no channels after it."""
    return problem.order[-1] == max(problem.order)


def seconds(problem: Problem, backend: str, products: float, passes: float = 1) -> float:
    """Predicted seconds on one thread, from multiply-adds per output and passes over the data."""
    rate = rates.of(backend)
    product = rate.summed if problem.in_channels * problem.parts > 1 else rate.product
    return _seconds(problem, rate, product, products, passes)


def _seconds(
    problem: Problem, rate: Rates, product: float, products: float, passes: float
) -> float:
    wide = problem.compute.itemsize / 4
    samples = problem.samples + problem.outputs
    bytes_moved = samples * problem.parts * problem.compute.itemsize * passes
    return rate.call + problem.outputs * products * wide * product + bytes_moved * rate.byte
