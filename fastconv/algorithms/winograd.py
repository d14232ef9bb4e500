"""Winograd: minimal filtering, with 36 products for 4x4 outputs and 16 for 2x2.

Samples and weights are evaluated as polynomials at a few points, multiplied there, with one matrix
product for each point, and interpolated.  With 3x3 taps, a 4x4 tile needs a quarter of the products
of a plain sum, and a 2x2 tile less than half.  Larger kernels are sums of blocks of 3x3 taps, which
are treated like input channels.  With dilation d, every d-th row and column forms a separate image.
Tiles span two axes, or one if only one can save products.  Taps along a third axis, such as the
planes of a volume, are taps of the matrix products.

Source: S. Winograd, *Arithmetic Complexity of Computations*, 1980; A. Lavin and S. Gray, *Fast
Algorithms for Convolutional Neural Networks*, 2015, for the points.

It rounds more than a plain sum, relative to the largest samples and weights, so that
``precision="strict"`` refuses it.  NaN and infinity spread over a tile, and sums may overflow
early; such tiles are summed directly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import ceil, prod
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backends.geometry.winograd import BLOCK, TILES
from ..backends.protocol import Backend, Rates
from ..problem.problem import Problem, Walk
from . import costs, gemm, rates
from .base import Algorithm, Layout, Weights, dense, real_shape

__all__ = ["algorithm"]

MIN_CHANNELS = 16
"""Input and output channels, at least, for transforms to pay."""
MAX_TAPS = 128
"""Taps along the axes of tiles, at most."""
DEEP = 16
"""Planes of a tile of a volume, at least, since taps read planes beyond it."""
FROM_MEMORY = 3
"""Time to load a byte of weights, relative to one of samples, which are nearer."""
PREPARED = 5
"""Multiply-adds to transform a weight to a point: 20, shared by the several runs of a plan."""
TURNS = 3
"""Passes over the data that a transform counts as."""
CHEAP_CALLS = 10
"""Calls of Winograd kernels that take as long as the fixed overhead of one call of fastconv."""
USUAL = Rates(*(0.0,) * len(Rates._fields))._replace(contracted=2e-11, byte=2e-11)
"""Fixed rates that determine the size of tiles, since packed weights depend on it."""
BAND_BYTES = 1 << 20
"""Bytes of the transformed samples and products of a band, at most."""
PAD = 16
"""Items of padding between points, to spread them over the sets of a cache."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The filtered axes that tiles span, which become rows and columns; others become planes.

    If tiles span a single axis, it becomes the rows, and there is one column.
    """

    along: tuple[int, ...]
    """The filtered axes that tiles span."""
    points: int
    """Points in the transform domain."""
    taps: tuple[int, int, int]
    """Taps along planes, rows and columns."""
    dilation: tuple[int, int, int]
    step: int
    """The stride of planes."""

    @classmethod
    def of(
        cls, taps: Sequence[int], stride: Sequence[int], dilation: Sequence[int], points: int
    ) -> Tiling:
        along = _along(taps, stride)
        step, _, _ = _ordered(stride, along)
        return cls(along, points, _ordered(taps, along), _ordered(dilation, along), step)

    @property
    def outputs(self) -> tuple[int, int]:
        """Outputs of a tile, along rows and columns."""
        return TILES[self.points]

    @property
    def blocks(self) -> tuple[int, int]:
        """Blocks of taps, along rows and columns."""
        _, rows, cols = self.taps
        return ceil(rows / BLOCK), ceil(cols / BLOCK)

    def images(self, outputs: Sequence[int]) -> tuple[int, int]:
        """The number of images, along rows and columns, into which dilation splits the outputs."""
        _, *gaps = self.dilation
        down, across = (min(gap, n) for gap, n in zip(gaps, outputs, strict=True))
        return down, across

    def tiles(self, outputs: Sequence[int]) -> tuple[int, int]:
        """Tiles of such an image, along rows and columns."""
        _, *gaps = self.dilation
        sizes = zip(outputs, gaps, self.outputs, strict=True)
        down, across = (ceil(ceil(n / gap) / m) for n, gap, m in sizes)
        return down, across

    def planes_of(self, outputs: int) -> int:
        """The planes of samples that a number of planes of outputs read."""
        return (outputs - 1) * self.step + (self.taps[0] - 1) * self.dilation[0] + 1


def _along(taps: Sequence[int], stride: Sequence[int]) -> tuple[int, ...]:
    """The last two axes, or the only one, with more than one tap and without stride."""
    free = [axis for axis, n in enumerate(taps) if n > 1 and stride[axis] == 1]
    return tuple(free[-2:])


def _ordered(numbers: Sequence[int], along: tuple[int, ...]) -> tuple[int, int, int]:
    """Numbers of the filtered axes in the order planes, rows, columns; 1 for missing axes."""
    planes = [n for axis, n in enumerate(numbers) if axis not in along]
    plane, row, col = (*(planes or [1]), *(numbers[axis] for axis in along), 1)[:3]
    return plane, row, col


class Winograd(Algorithm):
    """Products in a transform domain."""

    name = "winograd"
    layout: ClassVar[Layout] = "channels"

    def refuses(self, problem: Problem) -> str | None:
        """It needs float32, many channels, and one or two axes with taps and without stride."""
        if problem.strict:
            return "it rounds more than a plain sum, which precision='strict' or the call rules out"
        if problem.compute != np.float32 or problem.complex or problem.exact:
            return "it computes in float32, and rounds"
        along = _along(problem.taps, [axis.stride for axis in problem.axes])
        if not along:
            return "its tiles lie along axes with two or more taps and without stride"
        if len(problem.axes) > len(along) + 1:
            return "its tiles lie along all axes but one"
        if prod(problem.taps[axis] for axis in along) > MAX_TAPS:
            return f"it has blocks of taps for at most {MAX_TAPS} of them"
        if min(problem.in_channels, problem.out_channels) < MIN_CHANNELS:
            return f"its transforms pay from {MIN_CHANNELS} channels on, in and out"
        return None

    def macs(self, problem: Problem) -> int:
        """The products of whole tiles, per output."""
        tiling = _tiling(problem)
        terms = problem.in_channels * tiling.taps[0] * prod(tiling.blocks)
        return ceil(terms * tiling.points / prod(tiling.outputs))

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """A whole tile of each dilated image, and several planes, which share their samples."""
        tiling = _tiling(problem)
        _, *gaps = tiling.dilation
        steps = iter([m * gap for m, gap in zip(tiling.outputs, gaps, strict=True)])
        deep = DEEP if tiling.taps[0] > 1 else 1
        axes = range(len(problem.axes))
        return tuple(next(steps) if axis in tiling.along else deep for axis in axes)

    def cost(self, problem: Problem, backend: str) -> float:
        rate, tiling = rates.of(backend), _tiling(problem)
        return _cost(problem, rate, tiling) + _weights(problem, tiling) * rate.contracted * PREPARED

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """Weights in the transform domain, ``(groups, panels, points, planes * blocks * channels in
        * channels of a panel)``, and the dense kernel, for sums that are not finite.
        """
        tiling, width = _tiling(problem), backend.panel(problem.compute)
        terms = tiling.taps[0] * prod(tiling.blocks) * problem.in_channels
        shape = (problem.groups, ceil(problem.out_channels / width), tiling.points)
        return (
            Weights((*shape, terms * width + PAD), problem.compute, width),
            Weights(real_shape(problem), problem.compute),
        )

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray | None, ...]:
        kernel = dense(w)
        return None, kernel if kernel.flags.c_contiguous else None

    def pack(
        self, program: Any, problem: Problem, weights: tuple[NDArray, ...], w: NDArray
    ) -> None:
        values, plain = weights
        groups, count, _, _ = values.shape
        channels, in_channels, *taps = w.shape[1:]
        tiling = _tiling(problem)
        at_points = _in_domain(values, tiling, in_channels)
        width = at_points.shape[-1]
        for first, last in gemm.panel_spans(count, values.nbytes):
            program.begin_tiles(())
            whole = min(last, channels // width)
            if first < whole:
                part = w[:, first * width : whole * width]
                shape = (groups, whole - first, width, in_channels, *taps)
                _transform(program, at_points[:, first:whole], part.reshape(shape), tiling)
            if whole < last and channels > whole * width:
                filled = program.empty((groups, in_channels, *taps, width), w.dtype)
                gemm.filled_up(program, filled, np.moveaxis(w[:, whole * width :], 1, -1))
                kernels = np.moveaxis(filled, -1, 1)[:, None]
                _transform(program, at_points[:, whole:], kernels, tiling)
            if not w.flags.c_contiguous:
                span = slice(first * width, last * width)
                program.store(plain[:, span], w[:, span])

    def run(
        self,
        program: Any,
        problem: Problem,
        out: NDArray,
        x: NDArray,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        walk: Walk,
    ) -> None:
        """Sum one tile in bands, whose transforms take little workspace; directly if the result is
        not finite.
        """
        values, plain = weights
        tiling = Tiling.of(plain.shape[3:], walk.stride, walk.dilation, values.shape[2])
        at_points = _in_domain(values, tiling, plain.shape[2])
        rank = len(walk.stride)
        outs, xs = (_in_planes(_batch(array, rank), 3, tiling.along) for array in (out, x))
        for band in _bands(outs.shape, xs.shape[2], tiling):
            mark = program.mark()
            parts = outs[band.outputs], xs[band.reads]
            _band(program, *parts, band.images, at_points, bias, problem.relu, tiling)
            program.release(mark)
        with program.redo():
            program.correlate(out, x, plain, bias, walk.stride, walk.dilation, problem.relu)


def _in_domain(values: NDArray, tiling: Tiling, in_channels: int) -> NDArray:
    """Packed weights as ``(groups, panels, points, planes, blocks, channels in, panel width)``."""
    terms = tiling.taps[0] * prod(tiling.blocks) * in_channels
    size = values.shape[-1] - PAD
    shape = (tiling.taps[0], prod(tiling.blocks), in_channels, size // terms)
    return values[..., :size].reshape(*values.shape[:3], *shape)


def _transform(program: Any, at_points: NDArray, kernels: NDArray, tiling: Tiling) -> None:
    """Transform kernels ``(groups, panels, width, channels in, *taps)``."""
    planes = _in_planes(kernels, 4, tiling.along)
    for plane in range(tiling.taps[0]):
        program.winograd_weights(at_points[:, :, :, plane], planes[..., plane, :, :])


def _tiling(problem: Problem) -> Tiling:
    """The cheapest tiling, for the rates `USUAL`."""
    return min(_tilings(problem), key=lambda tiling: _cost(problem, USUAL, tiling))


def _tilings(problem: Problem) -> list[Tiling]:
    """All possible tilings."""
    stride = [axis.stride for axis in problem.axes]
    dilation = [axis.dilation for axis in problem.axes]
    flat = len(_along(problem.taps, stride)) > 1
    return [
        Tiling.of(problem.taps, stride, dilation, points)
        for points, (_, across) in TILES.items()
        if (across > 1) == flat
    ]


def _cost(problem: Problem, rate: Rates, tiling: Tiling) -> float:
    """Predicted seconds for the products (or loading weights, if that takes longer) and the
    transforms.
    """
    planes, *outputs = _ordered([axis.out for axis in problem.axes], tiling.along)
    tiles = prod(tiling.images(outputs)) * prod(tiling.tiles(outputs))
    tiles *= prod(problem.batch) * problem.groups
    weights = _weights(problem, tiling)
    samples = tiling.planes_of(planes) * problem.in_channels * prod(tiling.blocks)
    turned = 4 * tiles * tiling.points * (samples + planes * problem.out_channels)
    calls = max(prod(tiling.images(outputs)), turned / BAND_BYTES) * (prod(tiling.blocks) + 1)
    if planes > 1:
        calls *= prod(problem.batch)
    products = tiles * planes * weights / problem.groups
    return (
        costs.contraction_seconds(problem, rate, 0)
        + max(products * rate.contracted, weights * 4 * rate.byte * FROM_MEMORY)
        + turned * rate.byte * TURNS
        + calls * rate.call / CHEAP_CALLS
    )


def _weights(problem: Problem, tiling: Tiling) -> int:
    """The number of weights at all points."""
    terms = problem.in_channels * tiling.taps[0] * prod(tiling.blocks)
    return problem.groups * tiling.points * terms * problem.out_channels


def _batch(array: NDArray, rank: int) -> NDArray:
    """The array with one batch axis."""
    return array if array.ndim == rank + 3 else array.reshape(-1, *array.shape[-2 - rank :])


def _in_planes(array: NDArray, lead: int, along: tuple[int, ...]) -> NDArray:
    """A view whose filtered axes, after the first ``lead`` ones, are planes, rows and columns."""
    axes = [axis for axis in range(array.ndim - lead) if axis not in along]
    view = array.transpose(*range(lead), *(lead + axis for axis in (*axes, *along)))
    if not axes:
        view = np.expand_dims(view, lead)
    return view if view.ndim == lead + 3 else view[..., None]


class Band(NamedTuple):
    """A part of a tile that is transformed at once."""

    images: list[tuple[int, int]]
    """The first row and column of each dilated image."""
    outputs: tuple[slice, ...]
    reads: tuple[slice, ...]


def _bands(out: tuple[int, ...], in_channels: int, tiling: Tiling) -> Iterator[Band]:
    """Bands of as many whole tiles as fit `BAND_BYTES`.

    They grow across, then over planes, which share transformed samples, then down, then over
    dilated images and over the batch.
    """
    batch, groups, out_channels, planes, *outputs = out
    images = [(row, col) for row, col in np.ndindex(tiling.images(outputs))]
    tiles_down, tiles_across = tiling.tiles(outputs)

    def tile_bytes(planes: int) -> int:
        """Bytes of a transformed tile."""
        samples = tiling.planes_of(planes) * in_channels * prod(tiling.blocks)
        return 4 * groups * tiling.points * (samples + planes * out_channels)

    def fitting(n: int, nbytes: int) -> int:
        """How many of ``n`` items of ``nbytes`` bytes each fit a band."""
        return max(1, min(n, BAND_BYTES // nbytes))

    across = fitting(tiles_across, tile_bytes(1))
    deep = planes
    while deep > 1 and across * tile_bytes(deep) > BAND_BYTES:
        deep = ceil(deep / 2)
    down = fitting(tiles_down, across * tile_bytes(deep))
    tiles = down * across
    image_count = fitting(len(images), tiles * tile_bytes(deep))
    batch_count = fitting(batch, image_count * tiles * tile_bytes(deep))
    (m, n), (_, gap_down, gap_across) = tiling.outputs, tiling.dilation
    tall, wide = down * m * gap_down, across * n * gap_across
    taller, wider = tall + (tiling.taps[1] - 1) * gap_down, wide + (tiling.taps[2] - 1) * gap_across
    ends = (batch, batch_count), (planes, deep), (outputs[0], tall), (outputs[1], wide)
    starts = product(*(range(0, n, step) for n, step in (*ends, (len(images), image_count))))
    for first, plane, row, col, image in starts:
        lead = slice(first, first + batch_count), slice(None), slice(None)
        down_to, across_to = outputs[0] - row, outputs[1] - col
        chunk = images[image : image + image_count]
        inside = [(i, j) for i, j in chunk if i < down_to and j < across_to]
        if not inside:
            continue
        top = plane * tiling.step
        bottom = top + tiling.planes_of(min(deep, planes - plane))
        yield Band(
            inside,
            (*lead, slice(plane, plane + deep), slice(row, row + tall), slice(col, col + wide)),
            (*lead, slice(top, bottom), slice(row, row + taller), slice(col, col + wider)),
        )


def _band(
    program: Any,
    out: NDArray,
    x: NDArray,
    images: list[tuple[int, int]],
    weights: NDArray,
    bias: NDArray,
    relu: bool,
    tiling: Tiling,
) -> None:
    """Sum a band; ``x`` and ``out`` are ``(batch, groups, channels, planes, rows, columns)``."""
    batch, groups, out_channels, planes, *outputs = out.shape
    in_channels, tiles, blocks = x.shape[2], tiling.tiles(outputs), prod(tiling.blocks)
    _, down, across = tiling.dilation
    lead = (tiling.points, groups, batch)
    shape = (*lead, x.shape[3], len(images), *tiles, blocks * in_channels)
    samples = _apart(program, shape)
    sums = _apart(program, (*lead, planes, len(images), *tiles, out_channels))
    for image, (row, col) in enumerate(images):
        for block, (i, j) in enumerate(np.ndindex(tiling.blocks)):
            first = block * in_channels
            view = x[..., row + i * BLOCK * down :: down, col + j * BLOCK * across :: across]
            of_block = samples[..., image, :, :, first : first + in_channels]
            for to, source in zip(_stacks(of_block, 2), _stacks(view, 0), strict=True):
                program.winograd_samples(to, source)
    for group in range(groups):
        _multiply(program, sums[:, group], samples[:, group], weights[group], tiling)
    for image, (row, col) in enumerate(images):
        view = out[..., row::down, col::across]
        for to, of in zip(_stacks(view, 0), _stacks(sums[..., image, :, :, :], 2), strict=True):
            program.winograd_outputs(to, of, bias, relu)


def _stacks(array: NDArray, batch: int) -> list[NDArray]:
    """Views without planes, the fourth axis.

    Several planes take the place of the batch axis, with one view for each item of the batch.
    """
    if array.shape[3] == 1:
        return [array[:, :, :, 0]]
    return [np.moveaxis(image, 2, batch) for image in np.moveaxis(array, batch, 0)]


def _multiply(
    program: Any, sums: NDArray, samples: NDArray, weights: NDArray, tiling: Tiling
) -> None:
    """Sum the products at all points, as a `gemm` with points as groups and tiles as outputs.

    ``sums`` and ``samples`` are ``(points, batch, planes, images, down, across, channels)``.
    """
    alone = tiling.taps[0] == tiling.step == 1

    def by_channels(tiles: NDArray) -> NDArray:
        shape = (len(tiles), 1, 1) if alone else tiles.shape[:3]
        return tiles.reshape(*shape, -1, tiles.shape[-1]).transpose(1, 0, 4, 2, 3)

    panels, points, planes, _, _, width = weights.shape
    program.gemm(
        by_channels(sums),
        by_channels(samples),
        weights.swapaxes(0, 1).reshape(points, panels, planes, 1, -1, width),
        _zeros(points, sums.shape[-1]),
        (tiling.step, 1),
        (tiling.dilation[0], 1),
        False,
    )


@lru_cache(maxsize=64)
def _zeros(*shape: int) -> NDArray:
    return np.broadcast_to(np.float32(0), shape)


def _apart(program: Any, shape: tuple[int, ...]) -> NDArray:
    """Workspace with `PAD` items of padding between the items of the first axis."""
    each = prod(shape[1:])
    rows: NDArray = program.empty((shape[0], each + PAD), np.dtype(np.float32))
    return rows[:, :each].reshape(shape)


algorithm = Winograd()
