"""How a problem is cut into tiles: boxes of the output, filled one at a time, on any thread.

The interior, whose taps all lie inside the array, is read in place.  What is left are thin strips
along the edges, which read a halo: a small copy that the border has extended.  The tiling depends
on the problem and on nothing else, least of all on the number of threads.

Tiles that differ only in where they lie are one entry: one tile, and a grid of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product
from math import ceil, prod
from typing import NamedTuple

from ..algorithms.base import Algorithm, InPlace
from ..backends.geometry.gemm import MOST_OUTSIDE
from ..backends.geometry.nest import LONG
from ..backends.protocol import Backend
from ..problem.problem import Axis, Problem, Walk
from .halo import Halo, halo_dilation, halo_length

__all__ = ["MIN_TASK_MACS", "Tile", "Tiling", "evened", "tiling"]

EDGE_COST = 25
"""Bytes of a halo that cost as much as a byte of outputs in a strip along an edge."""
HALO_BYTES = 1 << 20
"""Bytes of a halo that still fits a core's cache."""
MIN_TASK_MACS = 1 << 22
"""Multiply-adds worth a tile of their own, however many there are."""
MAX_SMALL_TILES = 8
"""Tiles that a small problem is cut into at most, however fine they may be."""
MIN_OUTPUT_MACS = 16
"""Multiply-adds of an output that take as long as to read and write it."""
FEW = 16
"""Tiles that are so few that one more or less keeps threads waiting."""
MAX_TILES = 512
"""Tiles of a box that are enough for any number of threads."""
VECTOR = 8
"""Items that fill a vector."""
BUSY_ROWS = 24
"""Rows of a matrix product, which are outputs or tiles of them, that keep it busy."""
MAX_ROWS = 4096
"""Rows of a matrix product at most, for kernels keep lists of them."""
MIN_CHANNELS = 128
"""Output channels of a tile, at least: its samples are laid out for all of them."""
MIN_SERVED_MACS = 1024
"""Multiply-adds that a sample of a halo must serve before channels are parted."""
MAX_COPIED_MACS = 128
"""Multiply-adds of a sample below which copies of samples count: interiors are set apart."""
STEP = 8
"""Tiles end at multiples of this along filtered axes, for kernels work on several rows at once."""

Box = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Tile:
    """A box of the canonical output and the box of samples that it reads."""

    out: tuple[slice, ...]
    groups: slice
    channels: tuple[int, int]
    """Output channels, in real numbers."""
    reads: tuple[slice, ...]
    """What it reads of ``x``: a batch and group part, all channels, and a part of the filtered axes
    or, where it reads a halo at an edge, all of them."""
    halo: Halo | None
    """What it reads, if not samples of the array in place."""
    walk: Walk
    """Over what it reads: halos leave out gaps between taps that no output looks into."""
    grid: tuple[tuple[int, int], ...]
    """For batch axes, groups, filtered axes and channels: how many tiles like it follow each other,
    and the outputs from one to the next."""


class Span(NamedTuple):
    """Parts of an axis that differ only in where they lie."""

    start: int
    stop: int
    """Of the first."""
    number: int = 1
    step: int = 0


class Cut(NamedTuple):
    """An axis of a box, in about equal parts that end at multiples of ``step``.

    Longer parts come first, so that threads end together.
    """

    start: int
    stop: int
    parts: int
    step: int

    def spans(self) -> Iterator[Span]:
        """All parts: the longer ones, the others, and a last one that may be shorter."""
        if self.parts == 1:
            yield Span(self.start, self.stop)
            return
        _, longer = divmod(self._steps, self.parts)
        edges = sorted({0, longer, self.parts})
        last, before = self._edge(self.parts - 1), self._edge(max(self.parts - 2, 0))
        if self.stop - last != last - before:
            edges = sorted({*edges, self.parts - 1})
        for first, last in pairwise(edges):
            start, stop = self._edge(first), self._edge(first + 1)
            yield Span(start, stop, last - first, stop - start)

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
class Region:
    """A box of the output, cut along its axes."""

    problem: Problem
    cuts: tuple[Cut, ...]
    """Of batch axes, groups, filtered axes and channels."""
    in_place: bool
    """It reads samples of the array only, and perhaps zeros beyond them, without a copy."""
    across: int | None
    """The axis of ``canonical_x`` that is laid out last in halos, or None where channels are."""

    def __len__(self) -> int:
        return prod(axis.parts for axis in self.cuts)

    def tiles(self, apart: bool) -> Iterator[Tile]:
        """One tile for each grid of them or, where they are wanted apart, all tiles."""
        axes = self.problem.axes
        spans = [[*cut.spans()] for cut in self.cuts]
        for position, axis in enumerate(axes, len(spans) - 1 - len(axes)):
            spans[position] = [part for span in spans[position] for part in self._alike(axis, span)]
        if apart:
            spans = [[part for span in several for part in _each(span)] for several in spans]
        for combination in product(*spans):
            yield self._tile(combination)

    def _alike(self, axis: Axis, span: Span) -> Iterator[Span]:
        """Parts that read alike: those that reach beyond the array stand alone."""
        start, stop, count, step = span
        ends = axis.reads(start, stop)[0], axis.reads(start, stop + (count - 1) * step)[1]
        if ends[0] >= 0 and ends[1] <= axis.size:
            yield span
            return
        inside = []
        for number in range(count):
            first, last = axis.reads(start + number * step, stop + number * step)
            if first >= 0 and last <= axis.size:
                inside.append(number)
            else:
                yield Span(start + number * step, stop + number * step)
        if inside:
            at = inside[0] * step
            yield Span(start + at, stop + at, len(inside), step)

    def _tile(self, spans: tuple[Span, ...]) -> Tile:
        problem, axes = self.problem, self.problem.axes
        *lead, channels = spans
        lead, walked = lead[: -len(axes)], lead[-len(axes) :]
        region = [(span.start, span.stop) for span in walked]
        box = [slice(span.start, span.stop) for span in lead]
        before = [0] * len(axes)
        if self.in_place:
            halo = None
            reads, before = zip(*map(_samples, axes, region), strict=True)
            gaps = [axis.dilation for axis in axes]
        else:
            counts = [span.stop - span.start for span in lead]
            reads = [_reads(axis, span) for axis, span in zip(axes, walked, strict=True)]
            origins = tuple([of.start for of in reads])
            channels_in = (*counts, problem.in_channels)
            halo = Halo.of(problem, channels_in, tuple(region), self.across, origins)
            gaps = [halo_dilation(axis, b - a) for axis, (a, b) in zip(axes, region, strict=True)]
        outs = [slice(channels.start, channels.stop), *(slice(*ends) for ends in region)]
        return Tile(
            out=(*box, *outs),
            groups=box[-1],
            channels=(channels.start * problem.parts, channels.stop * problem.parts),
            reads=(*box, slice(0, problem.in_channels), *reads),
            halo=halo,
            walk=Walk(tuple([axis.stride for axis in axes]), tuple(gaps), tuple(before)),
            grid=tuple([(span.number, span.step) for span in spans]),
        )

    @property
    def halo_bytes(self) -> int:
        """Bytes that the halo of a tile has at most."""
        if self.in_place:
            return 0
        rank = len(self.problem.axes)
        longest = [axis.longest for axis in self.cuts[:-1]]
        return _bytes(self.problem, longest[:-rank], longest[-rank:])


def _each(span: Span) -> Iterator[Span]:
    for number in range(span.number):
        moved = number * span.step
        yield Span(span.start + moved, span.stop + moved)


class Tiling(NamedTuple):
    """All tiles of a problem."""

    regions: tuple[Region, ...]

    def tiles(self, apart: bool = False) -> Iterator[Tile]:
        """One tile for each grid of them or, where they are wanted apart, all tiles."""
        for region in self.regions:
            yield from region.tiles(apart)

    @property
    def total(self) -> int:
        """How many tiles there are."""
        return sum(map(len, self.regions))

    @property
    def halos(self) -> int:
        """How many of them read a halo."""
        return sum(len(region) for region in self.regions if not region.in_place)

    @property
    def halo_bytes(self) -> int:
        """Bytes that a halo has at most."""
        return max((region.halo_bytes for region in self.regions), default=0)


def tiling(problem: Problem, algorithm: Algorithm, backend: Backend, in_place: bool) -> Tiling:
    """The tiles of a problem for an algorithm; ``in_place`` says whether kernels can read ``x``."""
    if not prod(problem.canonical_out):
        return Tiling(())
    reads = algorithm.in_place if in_place else "nothing"
    macs, grain = algorithm.macs(problem), algorithm.min_tile(problem)
    if algorithm.layout == "rows":
        boxes = _boxes(problem, backend.min_interior_bytes, reads)
        finest = backend.min_tile_macs
        return Tiling(
            tuple([_split(problem, box, macs, grain, finest, inside) for box, inside in boxes])
        )
    return Tiling(tuple(_layers(problem, algorithm, backend, reads)))


def _layers(
    problem: Problem, algorithm: Algorithm, backend: Backend, reads: InPlace
) -> Iterator[Region]:
    """Tiles of a problem that sums channels.

    They end at multiples of ``min_tile`` along filtered axes.  They part outputs, as long as enough
    are left for a matrix product, and groups and channels, between panels: what is copied or laid
    out of samples serves all output channels of a tile.
    """
    whole = tuple((0, axis.out) for axis in problem.axes)
    inside = all(axis.interior == (0, axis.out) for axis in problem.axes)
    boxes = [(whole, reads != "nothing" and inside)]
    if problem.out_channels * prod(problem.taps) < MAX_COPIED_MACS:
        boxes = [*_boxes(problem, backend.min_interior_bytes, reads)]
    by_channels = algorithm.layout == "channels"
    panel = backend.panel(problem.compute) if by_channels else 1
    across = None if by_channels else len(problem.canonical_x) - 1
    macs, grain, finest = (
        algorithm.macs(problem),
        algorithm.min_tile(problem),
        backend.min_tile_macs,
    )
    for box, inside in boxes:
        yield _layer(problem, box, macs, grain, panel, finest, across, inside)


def _layer(
    problem: Problem,
    box: Box,
    products: int,
    grain: tuple[int, ...],
    panel: int,
    finest: int,
    across: int | None,
    inside: bool,
) -> Region:
    """Cut a box of a problem that sums channels."""
    outputs = prod(problem.batch) * _outputs(box)
    caches = 1 if inside else ceil(_box_bytes(problem, box) / HALO_BYTES)
    made = outputs * problem.groups * problem.out_channels * max(products, MIN_OUTPUT_MACS)
    parts = max(_layer_parts(made, finest), caches)

    lengths = [ceil((stop - start) / n) for (start, stop), n in zip(box, grain, strict=True)]
    most = prod(problem.batch) * prod(lengths)
    if across is None:
        parts = max(parts, ceil(most / MAX_ROWS))
        most = max(most // BUSY_ROWS, caches, 1)
    parts = evened(parts)
    step = max(panel // problem.parts, 1)
    serving = problem.out_channels // MIN_CHANNELS
    if not inside:
        serving = problem.out_channels * prod(problem.taps) // MIN_SERVED_MACS
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
    return Region(problem, tuple(spans), inside, across)


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
    worth = products // MIN_TASK_MACS
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
    if reads == "nothing" or empty or _box_bytes(problem, whole) <= max(strips, EDGE_COST * edges):
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


def _reads(axis: Axis, span: Span) -> slice:
    """The samples that a halo is made of: all, or those that move on from tile to tile."""
    return slice(*axis.reads(*span[:2])) if span.number > 1 else slice(0, axis.size)


def _samples(axis: Axis, outputs: tuple[int, int]) -> tuple[slice, int]:
    """The samples that some outputs read, and how many zeros in front of them."""
    start, stop = axis.reads(*outputs)
    return slice(max(start, 0), min(stop, axis.size)), max(-start, 0)


def _outputs(box: Box) -> int:
    return prod(stop - start for start, stop in box)


def _bytes(problem: Problem, lead: list[int], outs: list[int]) -> int:
    """Bytes of a copy for so many batches and groups, and outputs along each filtered axis."""
    samples = prod(halo_length(axis, n) for axis, n in zip(problem.axes, outs, strict=True))
    channels = problem.in_channels * problem.parts
    return prod(lead) * channels * samples * problem.compute.itemsize


def _box_bytes(problem: Problem, box: Box) -> int:
    """Bytes of the copy that a box over all batches and channels reads."""
    lead = [*problem.batch, problem.groups]
    return _bytes(problem, lead, [stop - start for start, stop in box])


def _split(
    problem: Problem, box: Box, products: int, grain: tuple[int, ...], finest: int, inside: bool
) -> Region:
    """Cut a box so that copies fit a cache and every piece is worth handing over.

    Batch axes inside of the last filtered one (the colours of a pixel) come late and stay long:
    rows of memory would fall apart.
    """
    lengths = [stop - start for start, stop in box]
    outputs = prod(lengths) * prod(problem.batch) * problem.groups * problem.out_channels
    caches = ceil(_box_bytes(problem, box) / HALO_BYTES)
    work = outputs * max(products, MIN_OUTPUT_MACS)
    parts = min(
        max(ceil(work / MIN_TASK_MACS), min(work // finest, MAX_SMALL_TILES)),
        max(caches, MAX_TILES),
    )
    if max(grain) > 1:
        parts = min(parts, prod(problem.batch) * problem.groups * ceil(lengths[0] / grain[0]))
    copies = 1 if inside else caches
    across = _row_axis(problem, lengths)
    whole_lead = (*problem.batch, problem.groups)
    if max(parts, copies) <= 1:
        ends = [*((0, n) for n in whole_lead), *box, (0, problem.out_channels)]
        return Region(problem, tuple([Cut(*span, 1, 1) for span in ends]), inside, across)
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
    filtered = len(problem.canonical_x) - len(lengths)
    columns = across - filtered if across >= filtered else len(lengths) - 1
    order = sorted(range(len(lengths)), key=lambda axis: axis == columns)
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
    return Region(problem, (*spans, *region, channels), inside, across)


def _row_axis(problem: Problem, lengths: list[int]) -> int:
    """The axis of ``canonical_x`` whose samples halos have side by side: that of the colours of a
    pixel, as in the image, or else the last one, or the longest where that one is thin.
    """
    lead = len(problem.batch) + 2
    innermost = problem.order.index(len(problem.order) - 1)
    if innermost < len(problem.batch) and (
        problem.axes[-1].stride == 1 or problem.batch[innermost] >= LONG
    ):
        return innermost
    if lengths[-1] >= VECTOR:
        return lead + len(lengths) - 1
    return lead + max(range(len(lengths)), key=lambda axis: (lengths[axis], axis))


def _cuts(lengths: list[int], parts: int) -> tuple[list[int], int]:
    """Into how many spans each axis is cut, the first ones first, and the parts still needed."""
    cuts = []
    for n in lengths:
        cuts.append(min(n, parts))
        parts = ceil(parts / cuts[-1])
    return cuts, parts
