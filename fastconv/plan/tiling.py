"""How a problem is cut: boxes of the output that are filled one at a time, on any thread.

The interior, whose taps all lie inside the array, is read in place.  What is left are thin strips
along the edges, which read a small copy that the border has extended.  The cut depends on the
problem and on nothing else, least of all on the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, prod
from typing import NamedTuple

from ..algorithms import InPlace, Layout
from ..backends.protocol import Backend
from ..backends.geometry.gemm import MOST_OUTSIDE
from ..backends.geometry.nest import LONG
from .halo import Copy, copied_dilation, copied_length
from ..problem.problem import Axis, Problem, Walk

__all__ = ["Piece", "Pieces", "cut", "cut_layer", "evened"]

EDGE = 25
"""Bytes of an extended copy that cost as much as a byte of outputs in a strip along an edge."""
SCRATCH = 1 << 20
"""Bytes of an extended copy that still fits a core's cache."""
PRODUCTS = 1 << 22
"""Products worth a piece of their own, however many there are."""
SMALL = 8
"""Pieces that a small problem is cut into at most, however fine they may be."""
LEAST = 16
"""Products of an output that take as long as to read and write it."""
FEW = 16
"""Pieces that are so few that one more or less keeps threads waiting."""
PIECES = 512
"""Pieces of a box that are enough for any number of threads."""
VECTOR = 8
"""Items that fill a vector."""
GRAINS = 24
"""Rows of a matrix product, which are outputs or tiles of them, that keep it busy."""
ROWS = 4096
"""Rows of a matrix product at most, for kernels keep lists of them."""
CHANNELS = 128
"""Output channels of a piece, at least: its samples are laid out for all of them."""
SERVED = 1024
"""Products that a sample of a copy must serve before channels are parted."""
COPIED = 128
"""Products of a sample below which copies of samples count: interiors are set apart."""
STEP = 8
"""Pieces end at multiples of this along filtered axes, for kernels work on several rows at once."""
KEPT = 64
"""Pieces that are remembered: plans of the same problem share them."""

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of the canonical output and the box of samples that it reads."""

    out: tuple[slice, ...]
    weights: tuple[slice, slice]
    """Its groups, and output channels in real numbers or panels of them."""
    bias: tuple[slice, slice]
    """Its groups and output channels, the latter in real numbers."""
    reads: tuple[slice, ...]
    """What it reads of ``x``: a batch and group part, all channels, and a part of the filtered axes
    or, where it reads a copy, all of them."""
    copy: Copy | None
    """What it reads, if not samples of the array in place."""
    walk: Walk
    """Over what it reads: copies leave out gaps between taps that no output looks into."""


class Cut(NamedTuple):
    """An axis of a box, in about equal parts that end at multiples of ``step``.

    Longer parts come first, so that threads end together.
    """

    start: int
    stop: int
    parts: int
    step: int

    def part(self, number: int) -> tuple[int, int]:
        """Where a part starts and stops."""
        return self._edge(number), self._edge(number + 1)

    def _edge(self, number: int) -> int:
        short, longer = divmod(self._steps, self.parts)
        return min(self.start + (short * number + min(number, longer)) * self.step, self.stop)

    @property
    def _steps(self) -> int:
        return -(-(self.stop - self.start) // self.step)

    @property
    def longest(self) -> int:
        """The most items of a part."""
        return min(-(-self._steps // self.parts) * self.step, self.stop - self.start)


@dataclass(frozen=True, slots=True)
class Grid:
    """A box of the output, cut along its axes."""

    problem: Problem
    cuts: tuple[Cut, ...]
    """Of batch axes, groups, filtered axes and channels."""
    in_place: bool
    """It reads samples of the array only, and perhaps zeros beyond them, without a copy."""
    across: int | None
    """The filtered axis that is laid out last in copies, the longest where the last one is thin, or
    None where channels are."""
    panel: int = 1
    """Output channels that weights keep together."""

    def __len__(self) -> int:
        return prod(axis.parts for axis in self.cuts)

    def __getitem__(self, number: int) -> Piece:
        spans = []
        for axis in reversed(self.cuts):
            number, place = divmod(number, axis.parts)
            spans.append(axis.part(place))
        channels, *spans = spans
        first, last = (end * self.problem.parts for end in channels)
        axes = self.problem.axes
        region, lead = tuple(spans[: len(axes)][::-1]), spans[len(axes) :][::-1]
        before = [0] * len(axes)
        if self.in_place:
            copy = None
            reads, before = zip(*map(_samples, axes, region), strict=True)
            gaps = [axis.dilation for axis in axes]
        else:
            copy = self._copy(tuple(stop - start for start, stop in lead), region)
            reads = [slice(0, axis.size) for axis in axes]
            gaps = [copied_dilation(axis, b - a) for axis, (a, b) in zip(axes, region, strict=True)]
        return Piece(
            out=tuple(slice(*span) for span in (*lead, channels, *region)),
            weights=(slice(*lead[-1]), slice(first // self.panel, -(-last // self.panel))),
            bias=(slice(*lead[-1]), slice(first, last)),
            reads=(*(slice(*span) for span in lead), slice(0, self.problem.in_channels), *reads),
            copy=copy,
            walk=Walk(tuple(axis.stride for axis in axes), tuple(gaps), tuple(before)),
        )

    def _copy(self, lead: tuple[int, ...], region: Box) -> Copy:
        return Copy.of(self.problem, (*lead, self.problem.in_channels), region, self.across)

    @property
    def copy_bytes(self) -> int:
        """Bytes that the copy of a piece has at most."""
        if self.in_place:
            return 0
        rank = len(self.problem.axes)
        longest = [axis.longest for axis in self.cuts[:-1]]
        return _bytes(self.problem, longest[:-rank], longest[-rank:])


class Pieces:
    """The pieces of a problem, each made when it is asked for."""

    def __init__(self, grids: list[Grid]) -> None:
        self._grids = grids
        self._len = sum(len(grid) for grid in grids)
        self.copies = sum(len(grid) for grid in grids if not grid.in_place)
        """How many of them read a copy."""
        self.copy_bytes = max((grid.copy_bytes for grid in grids), default=0)
        """Bytes that a copy has at most."""
        self._made: dict[int, Piece] = {}

    def __len__(self) -> int:
        return self._len

    def __iter__(self) -> Iterator[Piece]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, number: int) -> Piece:
        piece = self._made.get(number)
        if piece is None:
            piece = self._make(number)
            if number < KEPT:
                self._made[number] = piece
        return piece

    def _make(self, number: int) -> Piece:
        for grid in self._grids:
            if number < len(grid):
                return grid[number]
            number -= len(grid)
        raise IndexError(number)


def cut(
    problem: Problem,
    products: int,
    grain: tuple[int, ...],
    backend: Backend,
    finest: int,
    reads: InPlace,
) -> Pieces:
    """The pieces of a problem that takes ``products`` an output.

    ``grain`` counts the outputs along each axis that a piece should have at least, and ``finest``
    its products where pieces are few; ``reads`` says what kernels can read of ``x`` itself.
    """
    boxes = _boxes(problem, backend.STRIPS, reads) if prod(problem.canonical_out) else ()
    return Pieces([_split(problem, box, products, grain, finest, inside) for box, inside in boxes])


def cut_layer(
    problem: Problem,
    products: int,
    grain: tuple[int, ...],
    backend: Backend,
    finest: int,
    layout: Layout,
    reads: InPlace,
) -> Pieces:
    """The pieces of a problem that sums channels, ``products`` of them an output.

    Pieces end at multiples of ``grain`` along filtered axes.  They part outputs, as long as enough
    are left for a matrix product, and groups and channels, between panels: what is copied or laid
    out of samples serves all output channels of a piece.
    """
    whole = tuple((0, axis.out) for axis in problem.axes)
    if not prod(problem.canonical_out):
        return Pieces([])
    inside = all(axis.interior == (0, axis.out) for axis in problem.axes)
    boxes = [(whole, reads != "nothing" and inside)]
    if problem.out_channels * prod(problem.taps) < COPIED:
        boxes = [*_boxes(problem, backend.STRIPS, reads)]
    panel = backend.panel(problem.compute) if layout == "channels" else 1
    across = None if layout == "channels" else len(whole) - 1
    return Pieces(
        [
            _layer(problem, box, products, grain, panel, finest, across, inside)
            for box, inside in boxes
        ]
    )


def _layer(
    problem: Problem,
    box: Box,
    products: int,
    grain: tuple[int, ...],
    panel: int,
    finest: int,
    across: int | None,
    inside: bool,
) -> Grid:
    """Cut a box of a problem that sums channels."""
    outputs = prod(problem.batch) * _outputs(box)
    caches = 1 if inside else ceil(_box_bytes(problem, box) / SCRATCH)
    made = outputs * problem.groups * problem.out_channels * max(products, LEAST)
    parts = max(_layer_parts(made, finest), caches)

    lengths = [ceil((stop - start) / n) for (start, stop), n in zip(box, grain, strict=True)]
    most = prod(problem.batch) * prod(lengths)
    if across is None:
        parts = max(parts, ceil(most / ROWS))
        most = max(most // GRAINS, caches, 1)
    parts = evened(parts)
    step = max(panel // problem.parts, 1)
    serving = problem.out_channels // CHANNELS
    if not inside:
        serving = problem.out_channels * prod(problem.taps) // SERVED
    serving = max(serving, 1)
    if most == 1 and across is not None:
        serving = parts  # or else there is one piece
    rows = _row_parts(outputs, problem.out_channels, parts, min(parts, most), serving)
    cuts, _ = _cuts([*problem.batch, *lengths], rows)
    group_cuts, needed = _cuts([problem.groups], ceil(parts / prod(cuts)))
    channel_cuts, _ = _cuts([ceil(problem.out_channels / step)], min(needed, serving))

    lead, region = cuts[: len(problem.batch)], cuts[len(problem.batch) :]
    spans = [Cut(0, n, count, 1) for n, count in zip(problem.batch, lead, strict=True)]
    spans.append(Cut(0, problem.groups, group_cuts[0], 1))
    spans += [Cut(*ends, count, n) for ends, count, n in zip(box, region, grain, strict=True)]
    spans.append(Cut(0, problem.out_channels, channel_cuts[0], step))
    return Grid(problem, tuple(spans), inside, across, panel)


def _row_parts(outputs: int, channels: int, parts: int, most: int, serving: int) -> int:
    """Into how many parts outputs are cut, so that a piece reads the fewest samples and weights, if
    at most ``serving`` parts have the same samples.
    """
    choices = (min(ceil(parts / (1 << i)), most) for i in range(serving.bit_length()))
    return min(choices, key=lambda n: outputs / n + channels / ceil(parts / n))


def _layer_parts(products: int, finest: int) -> int:
    """A power of two, as most numbers of threads are, near the square root of what may be worth it:
    pieces of large layers are many and large.
    """
    worth = products // PRODUCTS
    return max(1 << (worth.bit_length() + 1) // 2, min(products // finest, 2))


def evened(parts: int) -> int:
    """A power of two, as most numbers of threads are, where parts are few."""
    return 1 << (parts - 1).bit_length() if parts < FEW else parts


def _boxes(problem: Problem, strips: int, reads: InPlace) -> Iterator[tuple[Box, bool]]:
    """The interior and the strips around it, or one box of everything, and whether it is read in
    place.
    """
    whole = tuple((0, axis.out) for axis in problem.axes)
    interior = tuple(axis.interior for axis in problem.axes)
    inside = interior == whole or (reads == "edges" and _zeros_around(problem))
    if inside and reads != "nothing":
        yield whole, True
        return
    empty = any(start == stop for start, stop in interior)
    lead = prod(problem.canonical_out[: -len(whole)])
    edges = lead * (_outputs(whole) - _outputs(interior)) * problem.compute.itemsize
    if reads == "nothing" or empty or _box_bytes(problem, whole) <= max(strips, EDGE * edges):
        yield whole, False
        return
    yield interior, True
    for position, axis in enumerate(problem.axes):
        start, stop = interior[position]
        for strip in ((0, start), (stop, axis.out)):
            if strip[0] < strip[1]:
                yield (*interior[:position], strip, *whole[position + 1 :]), False


def _zeros_around(problem: Problem) -> bool:
    """Whether zeros lie beyond the edges, and kernels know which taps of an output do: not for any
    number of them, nor for outputs that no sample reaches.
    """
    if problem.cval != 0 or prod(problem.taps) > MOST_OUTSIDE:
        return False
    for axis in problem.axes:
        (_, first_end), (last, _) = axis.reads(0, 1), axis.reads(axis.out - 1, axis.out)
        if axis.boundary != "constant" or first_end <= 0 or last >= axis.size:
            return False
    return True


def _samples(axis: Axis, outputs: tuple[int, int]) -> tuple[slice, int]:
    """The samples that some outputs read, and how many zeros in front of them."""
    start, stop = axis.reads(*outputs)
    return slice(max(start, 0), min(stop, axis.size)), max(-start, 0)


def _outputs(box: Box) -> int:
    return prod(stop - start for start, stop in box)


def _bytes(problem: Problem, lead: list[int], outs: list[int]) -> int:
    """Bytes of a copy for so many batches and groups, and outputs along each filtered axis."""
    samples = prod(copied_length(axis, n) for axis, n in zip(problem.axes, outs, strict=True))
    channels = problem.in_channels * problem.parts
    return prod(lead) * channels * samples * problem.compute.itemsize


def _box_bytes(problem: Problem, box: Box) -> int:
    """Bytes of the copy that a box over all batches and channels reads."""
    lead = [*problem.batch, problem.groups]
    return _bytes(problem, lead, [stop - start for start, stop in box])


def _split(
    problem: Problem, box: Box, products: int, grain: tuple[int, ...], finest: int, inside: bool
) -> Grid:
    """Cut a box so that copies fit a cache and every piece is worth handing over.

    Batch axes inside of the last filtered one (the colours of a pixel) come late and stay long:
    rows of memory would fall apart.
    """
    lengths = [stop - start for start, stop in box]
    outputs = prod(lengths) * prod(problem.batch) * problem.groups * problem.out_channels
    caches = ceil(_box_bytes(problem, box) / SCRATCH)
    work = outputs * max(products, LEAST)
    parts = min(max(ceil(work / PRODUCTS), min(work // finest, SMALL)), max(caches, PIECES))
    if max(grain) > 1:
        parts = min(parts, prod(problem.batch) * problem.groups * ceil(lengths[0] / grain[0]))
    copies = 1 if inside else caches
    last_axis = len(lengths) - 1
    across = max(range(len(lengths)), key=lambda axis: (lengths[axis], axis))
    if lengths[last_axis] >= VECTOR:
        across = last_axis
    whole_lead = (*problem.batch, problem.groups)
    last = max(problem.order[-len(lengths) :])
    outer = sum(axis < last for axis in problem.order[: len(problem.batch)])
    rows = [
        n // min(n, ceil(LONG / prod(problem.batch[axis + 1 :])))
        for axis, n in enumerate(problem.batch[outer:], outer)
    ]

    lead = [*problem.batch[:outer], *(1 for _ in rows), problem.groups]
    parts = max(parts, copies)
    parts = evened(parts)
    lead_cuts, needed = _cuts(lead, parts)
    copies = ceil(copies / prod(lead_cuts))
    channel_cuts = [1]
    if copies == 1:
        channel_cuts, needed = _cuts([problem.out_channels], needed)
    elif max(grain) > 1:
        needed = 1  # there are as many copies as fit a cache: more would do work twice
    order = sorted(range(len(lengths)), key=lambda axis: axis == across)
    coarse = [max(grain[axis], STEP) for axis in order]
    cuts, needed = _cuts(
        [ceil(lengths[axis] / n) for axis, n in zip(order, coarse, strict=True)],
        max(needed, copies),
    )
    lead_cuts[outer:-1], needed = _cuts(rows, needed)
    finer, _ = _cuts([STEP if n == STEP else 1 for n in coarse], needed)

    region = []
    for axis, (start, stop) in enumerate(box):
        i = order.index(axis)
        fine = min(cuts[i] * finer[i], stop - start)
        region.append(Cut(start, stop, fine, coarse[i] if finer[i] == 1 else 1))
    spans = [Cut(0, n, pieces, 1) for n, pieces in zip(whole_lead, lead_cuts, strict=True)]
    channels = Cut(0, problem.out_channels, channel_cuts[0], 1)
    return Grid(problem, (*spans, *region, channels), inside, across)


def _cuts(lengths: list[int], parts: int) -> tuple[list[int], int]:
    """Into how many spans each axis is cut, the first ones first, and the parts still needed."""
    cuts = []
    for n in lengths:
        cuts.append(min(n, parts))
        parts = ceil(parts / cuts[-1])
    return cuts, parts
