"""Samples without those that are missing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from .. import backends, config
from ..run import threads as parallel
from .plan import Plan

__all__ = ["in_blocks", "selected"]

BLOCK_ITEMS = 1 << 16
"""Items that are worked on at once: some arrays of them fit a core's cache."""


def selected(
    samples: NDArray, invalid: NDArray | None, nan: bool, plan: Plan
) -> tuple[NDArray, NDArray[np.bool_] | None]:
    """Samples with zeros in the place of missing ones, and which are valid; None if all are.

    Missing are those that are ``invalid`` and, with ``nan``, NaN.  Like ``invalid``, what is
    returned may have length 1 along batch axes.
    """
    nan = nan and samples.size > 0 and samples.dtype.kind in "fc" and bool(np.isnan(samples.max()))
    if invalid is None and not nan:
        return samples, None
    known = np.ones(samples.shape, bool) if invalid is None else np.logical_not(invalid)
    valid = known
    if known.shape != samples.shape:
        valid = np.broadcast_to(known, samples.shape).copy()
    filled = np.empty(samples.shape, samples.dtype)
    parts = [(samples, filled)]
    if samples.dtype.kind == "c":
        if nan:
            valid &= ~np.isnan(samples)
        nan = False
        parts = [(samples.real, filled.real), (samples.imag, filled.imag)]
    in_floats = samples.dtype in (np.float32, np.float64)
    backend = backends.load(plan.backend if in_floats else "numpy")
    every: list[bool] = []

    def select(out: NDArray, x: NDArray, bytes_: NDArray) -> None:
        every.append(backend.select(out, x, bytes_, nan))

    for given, kept in parts:
        in_blocks(select, (kept, given, valid.view(np.uint8)), plan._threads)
    if all(every):
        return samples, None
    return filled, valid if nan else known


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
