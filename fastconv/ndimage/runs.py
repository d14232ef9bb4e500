"""Runs of a call: plans, and combinations of plans.

Each takes samples, and the array that receives the result or None, and returns the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import inf

import numpy as np
from numpy.typing import NDArray

from .. import backends, config
from ..api.options import Options
from ..run.elementwise import BLOCK_ITEMS, elementwise
from .passes import Run

__all__ = [
    "Combination",
    "Run",
    "add",
    "combined",
    "copied",
    "delivered",
    "in_turn",
    "magnitude",
    "on_a_line",
    "on_bytes",
    "stored",
    "unless_finite",
]

FLOATS = {np.dtype(np.float32), np.dtype(np.float64)}

Combination = Callable[[Sequence[NDArray], Options], None]
"""Combines several results into one, in the array of the first."""


def delivered(result: NDArray, out: NDArray | None) -> NDArray:
    """The result, in ``out`` if there is one."""
    if out is None:
        return result
    out[...] = result
    return out


def in_turn(steps: Sequence[Run]) -> Run:
    """A run that does one step after the other."""
    if len(steps) == 1:
        return steps[0]

    def run(x: NDArray, out: NDArray | None) -> NDArray:
        for step in steps[:-1]:
            x = step(x, None)
        return steps[-1](x, out)

    return run


def on_bytes(run: Run, result: np.dtype) -> Run:
    """The same run, with bool as uint8, as in C."""

    def as_bytes(x: NDArray, out: NDArray | None) -> NDArray:
        x = x.view(np.uint8) if x.dtype.kind == "b" else x
        if result.kind != "b":
            return run(x, out)
        if out is None:
            return run(x, None).view(result)
        run(x, out.view(np.uint8))
        return out

    return as_bytes


def on_a_line(run: Run) -> Run:
    """The same run, for arrays without axes."""

    def on_one(x: NDArray, out: NDArray | None) -> NDArray:
        return run(x.reshape(1), None if out is None else out.reshape(1)).reshape(())

    return on_one


def copied(dtype: np.dtype) -> Run:
    """A run that copies the samples."""

    def copy(x: NDArray, out: NDArray | None) -> NDArray:
        return delivered(x.astype(dtype) if out is None else x, out)

    return copy


def stored(run: Run, dtype: np.dtype) -> Run:
    """The same run, with new results in the byte order of a dtype."""
    return lambda x, _: run(x, None).astype(dtype, copy=False)


def combined(runs: Sequence[Run], combine: Combination, options: Options) -> Run:
    """A run that combines the results of several runs."""

    def all_of_them(x: NDArray, out: NDArray | None) -> NDArray:
        parts = [run(x, None) for run in runs]
        combine(parts, options)
        return delivered(parts[0], out)

    return all_of_them


def unless_finite(run: Run, otherwise: Run, backend: str) -> Run:
    """A run that uses one run for finite samples, and another one otherwise."""
    finite = backends.load(backend).in_range

    def guarded(x: NDArray, out: NDArray | None) -> NDArray:
        return run(x, out) if finite(x, inf) else otherwise(x, out)

    return guarded


def add(parts: Sequence[NDArray], options: Options) -> None:
    """Add all parts to the first one."""
    count = config.resolve_threads(options.threads)
    for part in parts[1:]:
        elementwise(_add, (parts[0], part), count)


def _add(total: NDArray, more: NDArray) -> None:
    np.add(total, more, out=total)


def magnitude(parts: Sequence[NDArray], options: Options) -> None:
    """Write the square root of the sum of squares to the first part."""
    kinds, count = {part.dtype for part in parts}, config.resolve_threads(options.threads)
    if len(kinds) > 1 or not kinds <= FLOATS:
        elementwise(_root, parts, count)
        return
    backend = backends.load(config.resolve_backend(options.backend))
    if parts[0].size <= BLOCK_ITEMS and len({part.shape for part in parts}) == 1:
        backend.magnitude(parts[0], parts)
    else:
        elementwise(lambda *some: backend.magnitude(some[0], some), parts, count)


def _root(total: NDArray, *others: NDArray) -> None:
    np.multiply(total, total, out=total)
    for other in others:
        np.add(total, np.multiply(other, other), out=total)
    if total.itemsize > 1:
        np.sqrt(total, out=total, casting="unsafe")
    else:  # which NumPy computes in float16
        roots = _byte_roots(total.dtype)
        np.take(roots, total.view(np.uint8), out=total, mode="clip")


@cache
def _byte_roots(dtype: np.dtype) -> NDArray:
    """The square roots of all bytes, cast to a dtype."""
    roots = np.arange(256, dtype=np.uint8).view(dtype)
    np.sqrt(roots, out=roots, casting="unsafe")
    return roots
