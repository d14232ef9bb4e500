"""Halos: small copies of samples and their border, in the dtype that kernels read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..problem.boundary import runs
from ..problem.problem import Axis, Problem

__all__ = ["Halo", "halo_dilation", "halo_length"]


def halo_dilation(axis: Axis, outputs: int) -> int:
    """The distance of taps in a halo: not beyond what adjacent outputs of a tap read."""
    return min(axis.dilation, (outputs - 1) * axis.stride + 1)


def halo_length(axis: Axis, outputs: int) -> int:
    """Samples of an axis in a halo."""
    return (outputs - 1) * axis.stride + 1 + (axis.taps - 1) * halo_dilation(axis, outputs)


@dataclass(frozen=True, slots=True)
class Halo:
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
    shape: tuple[int, ...]

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
        spans = zip(problem.axes, region, strict=True)
        stretches = [_stretches(axis, *span) for axis, span in spans]
        lengths = [len(starts) * each for starts, each in stretches]
        parts = () if problem.parts == 1 else (problem.parts,)
        outer = (*lead, *parts)
        axes = [*range(len(outer) + len(lengths))]
        channels = axes[len(lead) - 2 : len(outer)]
        row_axis: int | None
        if last is None:
            end, row_axis = channels, len(lead) - 1
        else:
            filtered = last >= len(lead)
            end = [last + len(parts) if filtered else last]
            ends_x = last == len(lead) + len(lengths) - 1
            row_axis = last if ends_x or not filtered else None
        order = [axis for axis in axes if axis not in end] + end
        whole = (*outer, *lengths)
        return cls(
            problem,
            tuple(whole[axis] for axis in order),
            tuple(order.index(axis) for axis in axes),
            row_axis,
            tuple(
                _moved(runs(axis.boundary, *stretch, axis.size), origin)
                for axis, stretch, origin in zip(
                    problem.axes, stretches, origins or (0,) * len(lengths), strict=True
                )
            ),
            (*lead[:-1], lead[-1] * problem.parts, *lengths),
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
        return copy.reshape(self.shape)


def _moved(table: NDArray[np.int64], origin: int) -> NDArray[np.int64]:
    """Runs that lie inside an array, as seen from one of its samples."""
    return table - (0, 0, origin, 0) if origin else table


def _stretches(axis: Axis, start: int, stop: int) -> tuple[tuple[int, ...], int]:
    """Starts and length of what is copied along an axis: all at once, or what each tap reads."""
    first, end = axis.reads(start, stop)
    step = halo_dilation(axis, stop - start)
    if step == axis.dilation:
        return (first,), end - first
    return tuple(first + tap * axis.dilation for tap in range(axis.taps)), step
