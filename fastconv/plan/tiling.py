"""How a problem is cut into tiles: boxes of the output, filled one at a time, on any thread.

The interior, whose taps all lie inside the array, is read in place.  What is left are thin strips
along the edges, which read a halo: a small copy that the border has extended.  The tiling depends
on the problem and on nothing else, least of all on the number of threads.

Tiles that differ only in where they lie are one entry: one tile, and a grid of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise, product
from math import ceil, prod
from typing import NamedTuple

from ..algorithms.base import Algorithm, InPlace
from ..backends.geometry.gemm import MOST_OUTSIDE
from ..backends.geometry.nest import LONG
from ..backends.protocol import Backend
from ..problem.problem import Axis, Problem, Walk
from .halo import Halo, halo_length

__all__ = ["MIN_TASK_MACS", "Tile", "Tiling", "evened", "tiling"]

EDGE_COST = 25
"""Bytes of a halo that cost as much as a byte of outputs in a strip along an edge."""
HALO_BYTES = 1 << 20
"""Bytes of a halo that still fits a core's cache."""
MAX_SINGLE_MACS, MAX_SINGLE_BYTES = 1 << 23, 1 << 21
"""Multiply-adds and bytes of the halo of the one tile of a single call: about 700² samples."""
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


class Tile(NamedTuple):
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


Span = tuple[int, int, int, int]
"""Parts of an axis that differ only in where they lie: start and stop of the first one, how many
they are, and the step from one to the next."""


def _cut(start: int, stop: int, parts: int, step: int) -> list[Span]:
    """An axis of a box in about equal parts that end at multiples of a step.

    Longer parts come first, so that threads end together, and one that is shorter may come last.
    """
    if parts == 1:
        return [(start, stop, 1, 0)]
    steps = ceil((stop - start) / step)
    short, longer = divmod(steps, parts)

    def edge(number: int) -> int:
        return min(start + (short * number + min(number, longer)) * step, stop)

    edges = {0, longer, parts}
    if stop - edge(parts - 1) != edge(parts - 1) - edge(parts - 2):
        edges.add(parts - 1)
    found = []
    for first, last in pairwise(sorted(edges)):
        begin, end = edge(first), edge(first + 1)
        found.append((begin, end, last - first, end - begin))
    return found


@dataclass(slots=True)
class Region:
    """A box of the output, cut along its axes."""

    problem: Problem
    spans: list[list[Span]]
    """Of batch axes, groups, filtered axes and channels."""
    in_place: bool
    """It reads samples of the array only, and perhaps zeros beyond them, without a copy."""
    across: int | None
    """The axis of ``canonical_x`` that is laid out last in halos, or None where channels are."""

    def __len__(self) -> int:
        return prod([sum([number for _, _, number, _ in spans]) for spans in self.spans])

    def tiles(self, apart: bool) -> Iterator[Tile]:
        """One tile for each grid of them or, where they are wanted apart, all tiles."""
        axes, all_spans = self.problem.axes, [*self.spans]
        for position, axis in enumerate(axes, -1 - len(axes)):
            spans = all_spans[position]
            if len(spans) > 1 or spans[0][2] > 1:
                all_spans[position] = [part for span in spans for part in _alike(axis, span)]
        if apart:
            all_spans = [[part for span in spans for part in _each(span)] for spans in all_spans]
        return map(self._tile, product(*all_spans))

    def _tile(self, spans: tuple[Span, ...]) -> Tile:
        problem, axes = self.problem, self.problem.axes
        walked = spans[-1 - len(axes) : -1]
        lead = tuple([slice(start, stop) for start, stop, _, _ in spans[: -1 - len(axes)]])
        outs, reads, before, origins = [], [], [], []
        for axis, (start, stop, count, _) in zip(axes, walked, strict=True):
            first, end = axis.reads(start, stop)
            outs.append(slice(start, stop))
            if self.in_place:
                before.append(max(-first, 0))
                reads.append(slice(max(first, 0), min(end, axis.size)))
                continue
            # All samples or, where tiles follow each other, those that move on with them.
            reads.append(slice(first, end) if count > 1 else slice(0, axis.size))
            origins.append(first if count > 1 else 0)
            before.append(0)
        halo = None
        gaps = tuple([axis.dilation for axis in axes])
        if not self.in_place:
            region = tuple([(start, stop) for start, stop, _, _ in walked])
            counts = *[part.stop - part.start for part in lead], problem.in_channels
            halo = Halo.of(problem, counts, region, self.across, tuple(origins))
            gaps = halo.dilation
        start, stop, _, _ = spans[-1]
        parts = problem.parts
        return Tile(
            (*lead, slice(start, stop), *outs),
            lead[-1],
            (start * parts, stop * parts),
            (*lead, slice(0, problem.in_channels), *reads),
            halo,
            Walk(tuple([axis.stride for axis in axes]), gaps, tuple(before)),
            tuple([(count, step) for _, _, count, step in spans]),
        )


def _alike(axis: Axis, span: Span) -> list[Span]:
    """Parts that read alike: those that reach beyond the array stand alone."""
    start, stop, count, step = span
    if count == 1:
        return [span]
    first, last = axis.interior
    low = min(max(-((start - first) // step), 0), count)
    high = max(min((last - stop) // step + 1, count), low)
    alike = [(start + low * step, stop + low * step, high - low, step)] if low < high else []
    return [
        *_each((start, stop, low, step)),
        *alike,
        *_each((start + high * step, stop + high * step, count - high, step)),
    ]


def _each(span: Span) -> list[Span]:
    """Parts, each for itself."""
    start, stop, count, step = span
    return [(start + number * step, stop + number * step, 1, 0) for number in range(count)]


class Tiling(NamedTuple):
    """All tiles of a problem."""

    regions: list[Region]
    single: bool = False
    """Whether they are those of a single call."""

    def tiles(self, apart: bool = False) -> Iterator[Tile]:
        """One tile for each grid of them or, where they are wanted apart, all tiles."""
        return chain.from_iterable([region.tiles(apart) for region in self.regions])

    @property
    def total(self) -> int:
        """How many tiles there are."""
        return sum(map(len, self.regions))

    @property
    def halos(self) -> int:
        """How many of them read a halo."""
        return sum(len(region) for region in self.regions if not region.in_place)


def tiling(
    problem: Problem, algorithm: Algorithm, backend: Backend, in_place: bool, single: bool = False
) -> Tiling:
    """The tiles of a problem for an algorithm, for a single call one that is not too large;
    ``in_place`` says whether kernels can read ``x``.
    """
    if not problem.outputs:
        return Tiling([])
    reads = algorithm.in_place if in_place else "nothing"
    macs, most = min(2 * backend.min_tile_macs, MIN_TASK_MACS), backend.min_interior_bytes
    small = _small(problem, algorithm, reads, macs, min(most, HALO_BYTES))
    if small is not None:
        return Tiling([small])
    if single and algorithm.is_tile_invariant(problem, backend):
        small = _small(problem, algorithm, reads, MAX_SINGLE_MACS, MAX_SINGLE_BYTES)
        if small is not None:
            return Tiling([small], single=True)
    if algorithm.layout != "rows":
        return Tiling([*_layers(problem, algorithm, backend, reads)])
    macs, grain = algorithm.macs(problem), algorithm.min_tile(problem)
    boxes = _boxes(problem, backend.min_interior_bytes, reads)
    finest = backend.min_tile_macs
    return Tiling([_split(problem, box, macs, grain, finest, inside) for box, inside in boxes])


def _small(
    problem: Problem, algorithm: Algorithm, reads: InPlace, max_macs: int, max_bytes: int
) -> Region | None:
    """The one tile of a problem of fewer multiply-adds, whose halo has no more bytes; or None."""
    if problem.outputs * max(algorithm.macs(problem), MIN_OUTPUT_MACS) >= max_macs:
        return None
    whole = tuple([(0, axis.out) for axis in problem.axes])
    inside = reads != "nothing" and _is_read_in_place(problem, whole, reads)
    if not inside and _box_bytes(problem, whole) > max_bytes:
        return None
    if algorithm.layout != "channels":
        last = len(problem.canonical_x) - 1
        across = _row_axis(problem, whole) if algorithm.layout == "rows" else last
        return _uncut(problem, whole, inside, across)
    positions = problem.outputs // (problem.groups * problem.out_channels)
    return _uncut(problem, whole, inside, None) if positions <= MAX_ROWS else None


def _layers(
    problem: Problem, algorithm: Algorithm, backend: Backend, reads: InPlace
) -> Iterator[Region]:
    """Tiles of a problem that sums channels.

    They end at multiples of ``min_tile`` along filtered axes.  They part outputs, as long as enough
    are left for a matrix product, and groups and channels, between panels: what is copied or laid
    out of samples serves all output channels of a tile.
    """
    if problem.out_channels * prod(problem.taps) < MAX_COPIED_MACS:
        boxes = _boxes(problem, backend.min_interior_bytes, reads)
    else:
        whole = tuple([(0, axis.out) for axis in problem.axes])
        inside = tuple([axis.interior for axis in problem.axes]) == whole
        boxes = [(whole, reads != "nothing" and inside)]
    by_channels = algorithm.layout == "channels"
    panel = backend.panel(problem.compute) if by_channels else 1
    across = None if by_channels else len(problem.canonical_x) - 1
    macs, grain = algorithm.macs(problem), algorithm.min_tile(problem)
    for box, inside in boxes:
        yield _layer(problem, box, macs, grain, panel, backend.min_tile_macs, across, inside)


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
    spans = [_cut(0, n, count, 1) for n, count in zip(problem.batch, lead, strict=True)]
    spans.append(_cut(0, problem.groups, group_cuts[0], 1))
    spans += [_cut(*ends, count, n) for ends, count, n in zip(box, region, grain, strict=True)]
    spans.append(_cut(0, problem.out_channels, channel_cuts[0], step))
    return Region(problem, spans, inside, across)


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


def _boxes(problem: Problem, strips: int, reads: InPlace) -> list[tuple[Box, bool]]:
    """The interior and the strips around it, or one box of everything, and whether it is read in
    place.  Strips along rows fill vectors.
    """
    whole = tuple([(0, axis.out) for axis in problem.axes])
    if reads == "nothing":
        return [(whole, False)]
    if _is_read_in_place(problem, whole, reads):
        return [(whole, True)]
    interior = tuple([axis.interior for axis in problem.axes])
    nbytes = _box_bytes(problem, whole)
    if nbytes <= strips or not _outputs(interior):
        return [(whole, False)]
    lead = prod(problem.canonical_out[: -len(whole)])
    edges = lead * (_outputs(whole) - _outputs(interior)) * problem.compute.itemsize
    if nbytes <= EDGE_COST * edges:
        return [(whole, False)]
    *others, (start, stop) = interior
    last = problem.axes[-1].out
    start, stop = start and max(start, VECTOR), stop if stop == last else min(stop, last - VECTOR)
    if start >= stop:
        return [(whole, False)]
    interior = (*others, (start, stop))
    boxes = [(interior, True)]
    for position, axis in enumerate(problem.axes):
        start, stop = interior[position]
        for strip in ((0, start), (stop, axis.out)):
            if strip[0] < strip[1]:
                boxes.append(((*interior[:position], strip, *whole[position + 1 :]), False))
    return boxes


def _is_read_in_place(problem: Problem, whole: Box, reads: InPlace) -> bool:
    """Whether outputs read samples of the array only or, where kernels do it, zeros around them."""
    for axis, outputs in zip(problem.axes, whole, strict=True):
        if axis.interior != outputs:
            return reads == "edges" and _zeros_around(problem)
    return True


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


def _outputs(box: Box) -> int:
    return prod([stop - start for start, stop in box])


def _box_bytes(problem: Problem, box: Box) -> int:
    """Bytes of the copy that a box over all batches and channels reads."""
    samples = prod(problem.canonical_x[: -len(box)])
    for axis, (start, stop) in zip(problem.axes, box, strict=True):
        samples *= halo_length(axis, stop - start)
    return samples * problem.parts * problem.compute.itemsize


def _uncut(problem: Problem, box: Box, inside: bool, across: int | None) -> Region:
    """A box that is one tile."""
    lengths = [(0, n) for n in (*problem.batch, problem.groups)]
    ends = [*lengths, *box, (0, problem.out_channels)]
    return Region(problem, [[(start, stop, 1, 0)] for start, stop in ends], inside, across)


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
    pieces = prod(problem.batch) * problem.groups * ceil(lengths[0] / grain[0])
    if max(grain) > 1:
        parts = min(parts, pieces)
    copies = 1 if inside else caches
    across = _row_axis(problem, box)
    if max(parts, copies) <= 1:
        return _uncut(problem, box, inside, across)
    last = max(problem.order[-len(lengths) :])
    outer = sum(axis < last for axis in problem.order[: len(problem.batch)])
    rows = [
        n // min(n, ceil(LONG / prod(problem.batch[axis + 1 :])))
        for axis, n in enumerate(problem.batch[outer:], outer)
    ]

    lead = [*problem.batch[:outer], *(1 for _ in rows), problem.groups]
    parts = evened(max(parts, copies))
    if max(grain) > 1 and copies <= pieces:
        parts = min(parts, pieces)  # long rows are fast, and what lies between pieces is done twice
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
        region.append(_cut(start, stop, fine, coarse[i] if finer[i] == 1 else 1))
    whole_lead = (*problem.batch, problem.groups)
    spans = [_cut(0, n, pieces, 1) for n, pieces in zip(whole_lead, lead_cuts, strict=True)]
    channels = _cut(0, problem.out_channels, channel_cuts[0], 1)
    return Region(problem, [*spans, *region, channels], inside, across)


def _row_axis(problem: Problem, box: Box) -> int:
    """The axis of ``canonical_x`` whose samples halos have side by side: that of the colours of a
    pixel, as in the image, or else the last one, or the longest where that one is thin.
    """
    lead = len(problem.batch) + 2
    innermost = problem.order.index(len(problem.order) - 1)
    if innermost < len(problem.batch) and (
        problem.axes[-1].stride == 1 or problem.batch[innermost] >= LONG
    ):
        return innermost
    lengths = [stop - start for start, stop in box]
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
