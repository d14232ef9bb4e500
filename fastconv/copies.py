"""The small copies that pieces read: samples and their border, in the compute dtype."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boundary import segments
from .pieces import Piece
from .problem import Axis, Problem

__all__ = ["extend"]


def extend(problem: Problem, piece: Piece, x: NDArray) -> NDArray:
    """The samples that a piece reads, with the border around them, in the compute dtype.

    Real and imaginary parts become neighbouring channels.
    """
    source = x[piece.lead]
    rank = len(problem.axes)
    lead = source.shape[:-rank]
    walks = zip(problem.axes, piece.reads, piece.dilation, strict=True)
    stretches = [_stretches(*walk) for walk in walks]
    lengths = tuple(len(starts) * length for starts, length in stretches)
    copy = _laid_out(lead if problem.parts == 1 else (*lead, 2), lengths, piece.across, problem)
    runs = [
        segments(axis.boundary, *stretch, axis.size)
        for axis, stretch in zip(problem.axes, stretches, strict=True)
    ]
    if any(segment.frm is None for run in runs for segment in run):
        _put(problem, copy, (), problem.cval)
    inside = ([segment for segment in run if segment.frm is not None] for run in runs)
    for combination in product(*inside):
        to = tuple(segment.to for segment in combination)
        _put(problem, copy, to, _take(source, tuple(segment.frm for segment in combination)))
    return copy.reshape(*lead[:-1], lead[-1] * problem.parts, *lengths)


def _stretches(axis: Axis, reads: tuple[int, int], dilation: int) -> tuple[tuple[int, ...], int]:
    """Starts and length of what is copied along an axis: all at once, or what each tap reads."""
    start, stop = reads
    if dilation == axis.dilation:
        return (start,), stop - start
    return tuple(start + tap * axis.dilation for tap in range(axis.taps)), dilation


def _take(source: NDArray, where: tuple[Any, ...]) -> NDArray:
    """Samples selected along each filtered axis: by slices at once, by index maps in turn."""
    slices: list[Any] = [frm if isinstance(frm, slice) else slice(None) for frm in where]
    samples = source[(..., *slices)]
    for axis, frm in enumerate(where, -len(where)):
        if not isinstance(frm, slice):
            samples = samples.take(frm, axis)
    return samples


def _put(problem: Problem, copy: NDArray, to: tuple[Any, ...], samples: complex | NDArray) -> None:
    """Write the real and the imaginary part of samples, or samples that are real."""
    if problem.complex:
        every: tuple[Any, ...] = to or (slice(None),) * len(problem.axes)
        copy[(..., 0, *every)] = np.real(samples)
        copy[(..., 1, *every)] = np.imag(samples)
    else:
        copy[(..., *to)] = samples


def _laid_out(
    lead: tuple[int, ...], lengths: tuple[int, ...], last: int, problem: Problem
) -> NDArray:
    """An array whose filtered axis ``last`` is the one with neighbouring items."""
    order = [*(axis for axis in range(len(lengths)) if axis != last), last]
    memory = np.empty((*lead, *(lengths[axis] for axis in order)), problem.compute)
    back = [len(lead) + order.index(axis) for axis in range(len(lengths))]
    return memory.transpose(*range(len(lead)), *back)
