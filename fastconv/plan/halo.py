"""Halos: small copies of samples with their border, in the dtype that kernels read."""

from __future__ import annotations

from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..problem.boundary import runs
from ..problem.problem import Axis, Problem

__all__ = ["Halo", "halo_length"]


def halo_length(axis: Axis, outputs: int) -> int:
    """The length of a halo along an axis, for a number of outputs."""
    of_a_tap = (outputs - 1) * axis.stride + 1
    return of_a_tap + (axis.taps - 1) * min(axis.dilation, of_a_tap)


class Halo(NamedTuple):
    """A copy of the samples that a region of outputs reads, and its memory layout."""

    problem: Problem
    memory: tuple[int, ...]
    """The shape in memory, in C order."""
    axes: tuple[int, ...]
    """The position in memory of each axis of the copy."""
    row_axis: int | None
    """The axis of contiguous items: the last one, the channel axis, or a batch axis."""
    runs: tuple[NDArray[np.int64], ...]
    """The coordinates that each filtered axis reads, as `boundary.runs`."""
    dilation: tuple[int, ...]
    """The distances of taps in the copy, which omits samples that no output reads."""

    @classmethod
    def of(
        cls,
        problem: Problem,
        lead: tuple[int, ...],
        region: tuple[tuple[int, int], ...],
        last: int | None,
        origins: tuple[int, ...] | None = None,
    ) -> Halo:
        """The halo of a region of outputs.

        Items are contiguous along axis ``last`` of ``canonical_x``; if that is None, along groups
        and channels.  ``lead`` holds the lengths of the batch, group and channel axes.  If the halo
        will be copied from a part of the array, ``origins`` holds the coordinates where it begins.
        """
        lengths, tables, gaps = [], [], []
        for axis, (start, stop), origin in zip(
            problem.axes, region, origins or repeat(0), strict=False
        ):
            size, taps, stride, dilation, before, _, boundary = axis
            first = start * stride - before
            of_a_tap = (stop - start - 1) * stride + 1
            gap = min(dilation, of_a_tap)
            starts: tuple[int, ...] = (first,)
            length = of_a_tap + (taps - 1) * dilation
            if gap < dilation:  # only the samples that each tap reads
                starts = tuple([first + tap * dilation for tap in range(taps)])
                length = gap
            lengths.append(len(starts) * length)
            table = runs(boundary, starts, length, size)
            tables.append(table - (0, 0, origin, 0) if origin else table)
            gaps.append(gap)
        parts = (2,) if problem.complex else ()
        whole = (*lead, *parts, *lengths)
        row_axis: int | None
        if last is None:  # channels, after which come their parts
            moved, row_axis = range(len(lead) - 2, len(lead) + len(parts)), len(lead) - 1
        else:
            at = last + len(parts) if last >= len(lead) else last
            moved = range(at, at + 1)
            row_axis = last if last < len(lead) or at == len(whole) - 1 else None
        order = [axis for axis in range(len(whole)) if axis not in moved]
        order += moved
        return cls(
            problem,
            tuple([whole[axis] for axis in order]),
            tuple(sorted(range(len(whole)), key=order.__getitem__)),
            row_axis,
            tuple(tables),
            tuple(gaps),
        )

    def padded(self, program: Any, x: NDArray, dtype: np.dtype) -> NDArray:
        """Add the steps that copy the samples of ``x``, with the border around them.

        Real and imaginary parts become adjacent channels.
        """
        problem = self.problem
        copy: NDArray = program.empty(self.memory, dtype).transpose(self.axes)
        if not problem.complex:
            program.pad(copy, x, self.runs, problem.cval.real)
            return copy
        real, imaginary = np.moveaxis(copy, -1 - len(self.runs), 0)
        program.pad(real, x.real, self.runs, problem.cval.real)
        program.pad(imaginary, x.imag, self.runs, problem.cval.imag)
        *lead, channels, parts = copy.shape[: -len(self.runs)]
        return copy.reshape(*lead, channels * parts, *copy.shape[-len(self.runs) :])
