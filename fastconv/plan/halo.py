"""Halos: small copies of samples and their border, in the dtype that kernels read."""

from __future__ import annotations

from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..problem.boundary import runs
from ..problem.problem import Axis, Problem

__all__ = ["Halo", "halo_length"]


def halo_length(axis: Axis, outputs: int) -> int:
    """Samples of an axis in a halo."""
    of_a_tap = (outputs - 1) * axis.stride + 1
    return of_a_tap + (axis.taps - 1) * min(axis.dilation, of_a_tap)


class Halo(NamedTuple):
    """What some outputs read, in the order in which it is laid out."""

    problem: Problem
    memory: tuple[int, ...]
    """The shape as it lies in memory."""
    axes: tuple[int, ...]
    """Where each axis of the copy is in memory."""
    row_axis: int | None
    """The axis of contiguous items: the last one, that of channels, or a batch axis."""
    runs: tuple[NDArray[np.int64], ...]
    """Where each filtered axis reads."""
    dilation: tuple[int, ...]
    """The distances of taps in the copy: gaps that no output looks into are left out."""

    @classmethod
    def of(
        cls,
        problem: Problem,
        lead: tuple[int, ...],
        region: tuple[tuple[int, int], ...],
        last: int | None,
        origins: tuple[int, ...] | None = None,
    ) -> Halo:
        """The copy for a region of outputs, with contiguous items along axis ``last`` of
        ``canonical_x``, or with contiguous channels, of all groups.

        ``lead`` counts batches, groups and channels; ``origins`` are the first samples of what it
        will be made of, where that is a part of the array.
        """
        lengths, tables, gaps = [], [], []
        for axis, (start, stop), origin in zip(
            problem.axes, region, origins or repeat(0), strict=False
        ):
            first, end = axis.reads(start, stop)
            gap = min(axis.dilation, (stop - start - 1) * axis.stride + 1)
            starts, length = [first], end - first
            if gap < axis.dilation:  # what adjacent outputs of each tap read
                starts = [first + tap * axis.dilation for tap in range(axis.taps)]
                length = gap
            lengths.append(len(starts) * length)
            tables.append(_moved(runs(axis.boundary, tuple(starts), length, axis.size), origin))
            gaps.append(gap)
        parts = (problem.parts,) if problem.complex else ()
        whole = (*lead, *parts, *lengths)
        row_axis: int | None
        if last is None:
            end_axes, row_axis = range(len(lead) - 2, len(lead) + len(parts)), len(lead) - 1
        else:
            filtered = last >= len(lead)
            at = last + len(parts) if filtered else last
            end_axes, row_axis = range(at, at + 1), last
            if filtered and at < len(whole) - 1:
                row_axis = None
        order = [*range(end_axes.start), *range(end_axes.stop, len(whole)), *end_axes]
        return cls(
            problem,
            tuple([whole[axis] for axis in order]),
            tuple([order.index(axis) for axis in range(len(whole))]),
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


def _moved(table: NDArray[np.int64], origin: int) -> NDArray[np.int64]:
    """Runs that lie inside an array, as seen from one of its samples."""
    return table - (0, 0, origin, 0) if origin else table
