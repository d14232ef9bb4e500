"""Which outputs have a missing sample in their window."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..problem.problem import Axis, Problem
from .samples import Box
from .slabs import boxes

__all__ = ["any_in_window", "edges", "strips", "touched"]


def any_in_window(
    values: NDArray, filtered: Sequence[int], axes: Sequence[Axis], outs: Sequence[int]
) -> NDArray:
    """Whether any value in the window of each output is true, by repeatedly doubling the width."""
    for along, axis, count in zip(filtered, axes, outs, strict=True):
        lead = (slice(None),) * along
        width = 1
        while width < axis.taps:
            step = min(width, axis.taps - width)
            shift = step * axis.dilation
            stop = values.shape[along] - shift
            values = values[(*lead, slice(0, stop))] | values[(*lead, slice(shift, None))]
            width += step
        values = values[(*lead, slice(0, (count - 1) * axis.stride + 1, axis.stride))]
    return values


def edges(problem: Problem, ignored: frozenset[int]) -> tuple[list[Box], Box]:
    """Disjoint boxes of the outputs whose windows cross an edge of an axis in ``ignored``, and the
    box of the remaining outputs.
    """
    found, inner = [], [slice(0, n) for n in problem.out_shape]
    for along, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
        if along not in ignored:
            continue
        start, stop = axis.interior
        for low, high in ((0, start), (stop, axis.out)):
            if low < high:
                found.append((*inner[:along], slice(low, high), *inner[along + 1 :]))
        inner[along] = slice(start, stop)
    return found, tuple(inner)


def strips(box: Box, shared: frozenset[int], items: int) -> list[Box]:
    """Cut a box into boxes of about ``items`` items, but not along ``shared`` axes."""
    lengths = [part.stop - part.start for part in box]
    if 0 in lengths:
        return []
    items = max(items // prod([lengths[axis] for axis in shared]), 1)
    cut = tuple([1 if axis in shared else n for axis, n in enumerate(lengths)])
    return [
        tuple(
            [
                whole if axis in shared else slice(whole.start + p.start, whole.start + p.stop)
                for axis, (whole, p) in enumerate(zip(box, part, strict=True))
            ]
        )
        for part in boxes(cut, items)
    ]


def touched(problem: Problem, valid: NDArray[np.uint8], outs: Box) -> tuple[Box, Box]:
    """The smallest box of all outputs in ``outs`` whose window contains a zero of ``valid``, and
    the box of ``valid`` that it reads.

    ``valid`` begins with the first sample that ``outs`` reads.
    """
    box = [slice(0, part.stop - part.start) for part in outs]
    read = [slice(None)] * valid.ndim
    for along, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
        others = tuple([other for other in range(valid.ndim) if other != along])
        gaps = np.flatnonzero(np.minimum.reduce(valid, axis=others) == 0)
        first = max(-((axis.extent - 1 - int(gaps[0])) // axis.stride), 0)
        stop = min(int(gaps[-1]) // axis.stride + 1, box[along].stop)
        box[along] = slice(first, max(stop, first))
        read[along] = slice(first * axis.stride, (stop - 1) * axis.stride + axis.extent)
    return tuple(box), tuple(read)
