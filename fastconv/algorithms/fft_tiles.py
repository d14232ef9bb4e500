"""How the FFT cuts a problem: which signals it folds, and the length of its tiles."""

from __future__ import annotations

from functools import lru_cache
from math import ceil, inf, log2

from ..backends.geometry.fourier import LENGTHS
from ..problem.problem import Axis, Problem

__all__ = [
    "CACHED_TILE",
    "LONGEST",
    "SHORTEST",
    "TURN",
    "folded",
    "folds",
    "fresh",
    "tile",
    "tiles",
    "wraps",
]

CACHED_TILE = {1: 4096, 2: 256, 3: 64}
"""The longest tile that fits a cache, in samples along an axis, for each number of filtered axes.
Only long kernels get longer tiles."""
SHORTEST, LONGEST = LENGTHS[0], LENGTHS[-1]
"""Samples of a tile along an axis, at least and at most."""
MAX_TILE_TAPS = 5
"""Samples per tap, at most, of a tile that does not fit a cache."""
MIN_FOLDED_TAPS = 64
"""Taps from which on the kernel of a short signal is folded."""
MIN_FOLDED_TAPS_OF_ANY = 2048
"""Taps from which on the kernel of any signal is folded."""
MAX_SHORT_OUTPUTS = 1 << 18
"""Outputs of a short signal, at most.  Longer ones have enough tiles to fill vectors."""
FOLDED_ROWS = {64: 1 << 12, 256: 1 << 16, 1024: 1 << 62}
"""Maps the taps in a row of a folded kernel to the taps of the largest kernel with such rows.  A
transform along a row is 1.5 times as long, and computes both halves of a row of outputs."""
TURN = 1.06
"""Relative time of a negacyclic transform."""
TILE_OPERATIONS = 200
"""Overhead of the calls for a tile, as operations per column."""


def folds(problem: Problem) -> bool:
    """Whether the problem is a signal that is folded into an image."""
    axis, *others = problem.axes
    short = axis.out <= MAX_SHORT_OUTPUTS
    least = MIN_FOLDED_TAPS if short else MIN_FOLDED_TAPS_OF_ANY
    return not others and axis.taps >= least


@lru_cache(maxsize=512)
def folded(problem: Problem) -> Problem:
    """The equivalent problem on an image if the signal is folded; otherwise the problem itself."""
    if not folds(problem):
        return problem
    axis = problem.axes[0]
    row = next(row for row, most in FOLDED_ROWS.items() if axis.taps <= most)
    taps, outs = ceil(axis.taps / row), ceil(axis.out / row)
    down = axis._replace(size=outs + taps - 1, taps=taps, before=0, out=outs)
    along = axis._replace(size=2 * row - 1, taps=row, before=0, out=row)
    return problem._replace(axes=(down, along))


@lru_cache(maxsize=512)
def tile(problem: Problem) -> tuple[int, ...]:
    """The length of a tile along each axis, in samples."""
    others = folded(problem).axes[:-1]
    lengths = [_tile_along(axis, axis.out, _longest(problem, axis))[0] for axis in others]
    return (*lengths, _along_rows(problem)[0])


@lru_cache(maxsize=512)
def wraps(problem: Problem) -> bool:
    """Whether a tile holds a whole row, which takes a negacyclic transform."""
    return _along_rows(problem)[1]


def _longest(problem: Problem, axis: Axis) -> int:
    """The maximal length of a tile along an axis."""
    cached = CACHED_TILE[len(folded(problem).axes)]
    longest: int = min(max(cached, MAX_TILE_TAPS * axis.taps), LONGEST)
    return longest


def _along_rows(problem: Problem) -> tuple[int, bool]:
    """The length of a tile along the last axis, and whether it holds a whole row."""
    axes = folded(problem).axes
    last, longest = axes[-1], _longest(problem, axes[-1])
    n, operations = _tile_along(last, (last.out + 1) // 2, longest)
    if len(axes) > 1:
        least = max(last.taps, (last.out + last.taps) // 2)
        whole: int = next((whole for whole in LENGTHS if whole >= least), 2 * LONGEST)
        if whole <= longest and TURN * _operations(whole) < operations:
            return whole, True
    return n, False


def _tile_along(axis: Axis, outputs: int, longest: int) -> tuple[int, float]:
    """The best length of tiles along an axis, and the operations of all tiles for the outputs."""
    chosen: int = LENGTHS[0]
    least = inf
    for n in LENGTHS:
        fresh = n - axis.taps + 1
        if fresh >= min(axis.taps, outputs) and n <= max(longest, 2 * axis.taps):
            operations = ceil(outputs / fresh) * _operations(n)
            if operations < least:
                chosen, least = n, operations
            if fresh >= outputs:
                break
    return chosen, least


def _operations(n: int) -> float:
    """The operations for a column in a tile of ``n`` samples."""
    return n * log2(n) + TILE_OPERATIONS


def fresh(problem: Problem) -> list[int]:
    """The number of outputs of a tile along each axis."""
    axes = folded(problem).axes
    *others, last = tile(problem)
    lengths = (*others, 2 * last if wraps(problem) else last)
    return [n - axis.taps + 1 for n, axis in zip(lengths, axes, strict=True)]


def tiles(problem: Problem) -> list[int]:
    """The number of tiles along each axis."""
    return [ceil(axis.out / n) for n, axis in zip(fresh(problem), problem.axes, strict=True)]
