"""Which samples are valid, and arrays without those that are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .. import backends, config
from ..run import threads as parallel
from .plan import Plan

__all__ = ["in_blocks", "valid_samples", "without"]

BLOCK_ITEMS = 1 << 16
"""Items that are worked on at once: some arrays of them fit a core's cache."""


def valid_samples(
    samples: NDArray, invalid: NDArray | None, nan: bool, threads: int | None
) -> NDArray[np.bool_] | None:
    """Which samples are neither ``invalid`` nor, with ``nan``, NaN; None if all are valid.

    As of ``invalid``, batch axes may have length 1.
    """
    valid: NDArray[np.bool_] | None = None if invalid is None else np.logical_not(invalid)
    if nan and samples.dtype.kind in "fc":
        gaps = np.empty(samples.shape, bool)

        def find(out: NDArray, x: NDArray) -> None:
            np.isnan(x, out=out)

        in_blocks(find, (gaps, samples), threads)
        if gaps.any():
            numbers = np.logical_not(gaps, out=gaps)
            valid = numbers if valid is None else numbers & valid
    return valid


def without(samples: NDArray, valid: NDArray[np.bool_], plan: Plan) -> NDArray:
    """The samples with zeros in the place of those that are not valid."""
    filled = np.empty(samples.shape, samples.dtype)
    parts = [(filled, samples)]
    if samples.dtype.kind == "c":
        parts = [(filled.real, samples.real), (filled.imag, samples.imag)]
    in_floats = samples.dtype in (np.float32, np.float64)
    backend = backends.load(plan.backend if in_floats else "numpy")
    for part in parts:
        in_blocks(backend.select, (*part, valid.view(np.uint8)), plan._threads)
    return filled


def in_blocks(
    function: Callable[..., None], arrays: tuple[NDArray, ...], threads: int | None
) -> None:
    """Call a function on blocks of arrays, on threads.

    Arrays have the shape of the first one, or length 1 along some of its axes.
    """
    if not arrays[0].size:
        return
    same = all(a.flags.c_contiguous and a.shape == arrays[0].shape for a in arrays)
    if same:
        arrays = tuple([a.reshape(-1) for a in arrays])
    length = arrays[0].shape[0]
    step = max(BLOCK_ITEMS * length // arrays[0].size, 1)
    if not same and arrays[0].ndim > 1 and any(len(a) != length for a in arrays):
        step = 1

    def block(number: int) -> None:
        rows = slice(number * step, (number + 1) * step)
        first, *others = [a if len(a) < length else a[rows] for a in arrays]
        shape = first.shape
        function(first, *[a if a.shape == shape else np.broadcast_to(a, shape) for a in others])

    parallel.run(block, -(-length // step), config.resolve_threads(threads))
