"""How a problem is cut: boxes of the output that are filled one at a time, on any thread.

The interior, whose taps all lie inside the array, is read in place.  What is left are thin strips
along the edges, which read a small copy that the border has extended.  The cut depends on the
problem and on nothing else, least of all on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil, prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .boundary import segments
from .problem import Problem

__all__ = ["Piece", "cut", "extend", "largest_copy"]

SMALL = 1 << 18
"""Bytes of an extended copy below which no interior is set apart."""
SCRATCH = 1 << 20
"""Bytes of an extended copy that still fits a core's cache."""
PRODUCTS = 1 << 23
"""Products worth a piece of their own: some ten times what handing it over costs."""
PIECES = 512
"""Pieces of a box that are enough for any number of threads."""
LONG = 64
"""Items of a row that keep vectors busy."""
STEP = 8
"""Pieces end at multiples of this along filtered axes, for kernels work on several rows at once."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of the canonical output and the box of samples that it reads."""

    out: tuple[slice, ...]
    lead: tuple[slice, ...]
    """The batch and group part of ``out``, and all channels: what it reads of ``x``."""
    weights: tuple[slice, slice]
    """Its groups and output channels, the latter in real numbers."""
    reads: tuple[tuple[int, int], ...]
    """Coordinates along each filtered axis; beyond the array where a border is needed."""
    inside: bool
    """It reads samples of the array only, which may be read in place."""
    across: int
    """The filtered axis that is laid out last in copies: the longest of a thin strip."""


def cut(problem: Problem, products: int, in_place: bool) -> tuple[Piece, ...]:
    """The pieces of a problem that takes ``products`` an output.

    ``in_place`` where kernels can read ``x`` itself.
    """
    if not prod(problem.canonical_out):
        return ()
    return tuple(
        piece
        for box, inside in _boxes(problem, in_place)
        for piece in _split(problem, box, products, inside)
    )


Box = tuple[tuple[int, int], ...]


def _boxes(problem: Problem, in_place: bool) -> Iterator[tuple[Box, bool]]:
    """The interior and the strips around it, or one box of everything."""
    whole = tuple((0, axis.out) for axis in problem.axes)
    interior = tuple(axis.interior for axis in problem.axes)
    if interior == whole and in_place:
        yield whole, True
        return
    empty = any(start == stop for start, stop in interior)
    if not in_place or empty or _bytes_read(problem, whole) <= SMALL:
        yield whole, False
        return
    yield interior, True
    for position, axis in enumerate(problem.axes):
        start, stop = interior[position]
        for strip in ((0, start), (stop, axis.out)):
            if strip[0] < strip[1]:
                yield (*interior[:position], strip, *whole[position + 1 :]), False


def _bytes_read(problem: Problem, box: Box) -> int:
    """Bytes of the copy that a box over all batches and channels reads."""
    lead = prod(problem.batch) * problem.groups * problem.in_channels * problem.parts
    samples = lead * prod(stop - start for start, stop in _reads(problem, box))
    return samples * problem.compute.itemsize


def _reads(problem: Problem, box: Box) -> tuple[tuple[int, int], ...]:
    return tuple(axis.reads(*span) for axis, span in zip(problem.axes, box, strict=True))


def _split(problem: Problem, box: Box, products: int, inside: bool) -> Iterator[Piece]:
    """Cut a box so that copies fit a cache and every piece is worth handing over.

    Batch axes inside of the last filtered one (the colours of a pixel) come late and stay long:
    rows of memory would fall apart.
    """
    lengths = [stop - start for start, stop in box]
    outputs = prod(lengths) * prod(problem.batch) * problem.groups * problem.out_channels
    caches = ceil(_bytes_read(problem, box) / SCRATCH)
    parts = min(ceil(outputs * max(products, 16) / PRODUCTS), max(caches, PIECES))
    copies = 1 if inside else caches
    across = max(range(len(lengths)), key=lambda axis: (lengths[axis], axis))
    whole_lead = (*problem.batch, problem.groups)
    last = max(problem.order[-len(lengths) :])
    outer = sum(axis < last for axis in problem.order[: len(problem.batch)])
    rows = [
        n // min(n, ceil(LONG / prod(problem.batch[axis + 1 :])))
        for axis, n in enumerate(problem.batch[outer:], outer)
    ]

    lead = [*problem.batch[:outer], *(1 for _ in rows), problem.groups]
    lead_cuts, needed = _cuts(lead, max(parts, copies))
    copies = ceil(copies / prod(lead_cuts))
    channel_cuts, needed = _cuts([problem.out_channels], needed if copies == 1 else 1)
    order = sorted(range(len(lengths)), key=lambda axis: axis == across)
    cuts, needed = _cuts([ceil(lengths[axis] / STEP) for axis in order], max(needed, copies))
    lead_cuts[outer:-1], needed = _cuts(rows, needed)
    finer, _ = _cuts([STEP] * len(order), needed)
    places = [order.index(axis) for axis in range(len(lengths))]

    spans = [_spans(0, n, pieces, 1) for n, pieces in zip(whole_lead, lead_cuts, strict=True)]
    channels = _spans(0, problem.out_channels, channel_cuts[0], 1)
    outs = [
        _spans(*span, cuts[i] * finer[i], STEP if finer[i] == 1 else 1)
        for span, i in zip(box, places, strict=True)
    ]
    for lead_part in product(*spans):
        for region in product(*outs):
            for channel in channels:
                yield Piece(
                    out=tuple(slice(*span) for span in (*lead_part, channel, *region)),
                    lead=(*(slice(*span) for span in lead_part), slice(None)),
                    weights=(slice(*lead_part[-1]), _times(channel, problem.parts)),
                    reads=_reads(problem, region),
                    inside=inside,
                    across=across,
                )


def _cuts(lengths: list[int], parts: int) -> tuple[list[int], int]:
    """Into how many spans each axis is cut, the first ones first, and the parts still needed."""
    cuts = []
    for length in lengths:
        cuts.append(min(length, parts))
        parts = ceil(parts / cuts[-1])
    return cuts, parts


def _spans(start: int, stop: int, pieces: int, step: int) -> list[tuple[int, int]]:
    """About equal spans, some ``pieces`` of them, that end at multiples of ``step``."""
    pieces = min(pieces, stop - start)
    inner = {(stop - start) * number // pieces // step * step for number in range(1, pieces)}
    edges = [start, *(start + edge for edge in sorted(inner - {0})), stop]
    return list(pairwise(edges))


def _times(span: tuple[int, int], factor: int) -> slice:
    return slice(span[0] * factor, span[1] * factor)


def extend(problem: Problem, piece: Piece, x: NDArray) -> NDArray:
    """The samples that a piece reads, with the border around them, in the compute dtype.

    Real and imaginary parts become neighbouring channels.
    """
    source = x[piece.lead]
    rank = len(problem.axes)
    lead = source.shape[:-rank]
    lengths = tuple(stop - start for start, stop in piece.reads)
    copy = _laid_out(lead if problem.parts == 1 else (*lead, 2), lengths, piece.across, problem)
    runs = [
        segments(axis.boundary, *span, axis.size)
        for axis, span in zip(problem.axes, piece.reads, strict=True)
    ]
    if any(segment.frm is None for run in runs for segment in run):
        _put(problem, copy, (), problem.cval)
    inside = ([segment for segment in run if segment.frm is not None] for run in runs)
    for combination in product(*inside):
        to = tuple(segment.to for segment in combination)
        _put(problem, copy, to, _take(source, tuple(segment.frm for segment in combination)))
    return copy.reshape(*lead[:-1], lead[-1] * problem.parts, *lengths)


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


def largest_copy(problem: Problem, pieces: tuple[Piece, ...]) -> int:
    """Bytes of the largest extended copy among some pieces."""
    return max((_copy_bytes(problem, piece) for piece in pieces if not piece.inside), default=0)


def _copy_bytes(problem: Problem, piece: Piece) -> int:
    lead: int = prod(span.stop - span.start for span in piece.lead[:-1]) * problem.in_channels
    samples = lead * prod(stop - start for start, stop in piece.reads)
    return samples * problem.parts * problem.compute.itemsize


def _laid_out(
    lead: tuple[int, ...], lengths: tuple[int, ...], last: int, problem: Problem
) -> NDArray:
    """An array whose filtered axis ``last`` is the one with neighbouring items."""
    order = [*(axis for axis in range(len(lengths)) if axis != last), last]
    memory = np.empty((*lead, *(lengths[axis] for axis in order)), problem.compute)
    back = [len(lead) + order.index(axis) for axis in range(len(lengths))]
    return memory.transpose(*range(len(lead)), *back)
