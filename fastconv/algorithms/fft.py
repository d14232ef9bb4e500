"""FFT: overlap-save convolution, whose cost hardly grows with the kernel.

Samples are cut into tiles that overlap by the extent of the kernel.  Each tile is transformed,
multiplied by the spectrum of the kernel and transformed back.  Outputs that wrapped around are
discarded; the next tile computes them.  Since the kernel is real, two halves of a slab are packed
into one transform as its real and imaginary parts.  If a tile holds whole rows, these are the
halves of each row, and the transform is negacyclic: samples that wrap around change their sign.

A long signal is folded into an image with overlapping rows, and its kernel into one without
overlap.  The sums are the same, and both axes are short.

All axes but the last are transformed for a row of tiles at once.  Each becomes the last axis of the
result, so that the original last axis comes first.  Along it, a kernel of the backend transforms,
multiplies and transforms back one tile after the other, while it is in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product
from math import ceil, inf, log2, prod
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.boundary import OUTSIDE
from ..problem.problem import Problem, Walk
from ..run.program import WEIGHTS, X
from . import costs, fft_tiles, rates
from .base import Algorithm, InPlace, Weights, as_real, dense, real_shape
from .gemm import filled_up

__all__ = ["LIMIT", "algorithm", "work"]

STRIP_BYTES = 1 << 20
"""Bytes of the spectra of a strip, about: part of a row of tiles that fits a cache, at least one
tile."""
PAD = 16
"""Items of padding between rows of spectra, to spread them over the sets of a cache."""
SET_BYTES = 4096
"""Distance in bytes between addresses in the same set of a cache."""
BESIDE = 16
"""Outputs by which the halves of a row overlap if they would otherwise fall into the same sets."""
MAX_THIN = 8
"""Outputs are filtered directly if along some axis this many times their length fits a tile."""
LIMIT = 4096
"""The largest ratio of the largest sample of a row of tiles to that of any block in it.  Rounding
errors are relative to the largest sample."""
MIN_LONG_TAPS = 2048
"""Taps from which on rows of tiles that fail the check are not redone directly; the program reports
the failure instead."""
MORE_SECONDS, MORE_CALLS = 1.4, 4
"""Relative time and number of calls if channels are summed or volumes transposed."""
DEEP = 1.5
"""Relative time of transforms of volumes, whose tiles have rows that lie planes apart."""
FAR_BYTES, FAR = 1 << 21, 2.5
"""Bytes of the spectra of all kernels above which they leave the caches, and the relative time of
transforms then."""


class Fft(Algorithm):
    """Overlap-save in tiles."""

    name = "fft"
    in_place: ClassVar[InPlace] = "nothing"
    """Reading the interior in place would leave strips that are too thin for tiles."""

    def refuses(self, problem: Problem) -> str | None:
        """It refuses exact integers, too many axes or taps, strides and dilation."""
        rank = len(problem.axes)
        if problem.exact:
            return "integers are summed without rounding, which a transform cannot do"
        if rank not in fft_tiles.CACHED_TILE:
            return f"its tiles have at most {max(fft_tiles.CACHED_TILE)} axes"
        if any(axis.stride > 1 for axis in problem.axes):
            return "it would compute the outputs that a stride skips"
        if any(axis.dilation > 1 for axis in problem.axes):
            return "it would multiply the gaps between the taps"
        if any(2 * axis.taps > fft_tiles.LONGEST for axis in fft_tiles.folded(problem).axes):
            return (
                f"its tiles have at most {fft_tiles.LONGEST} samples along an axis: twice the taps"
            )
        return None

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """A tile of the transform; for a folded signal, a row of them."""
        fresh = fft_tiles.fresh(problem)
        return (
            (fresh[0] * fft_tiles.folded(problem).taps[1],)
            if fft_tiles.folds(problem)
            else tuple(fresh)
        )

    def macs(self, problem: Problem) -> int:
        """Half of all operations per output."""
        outputs = max(prod(axis.out for axis in problem.axes) * problem.out_channels, 1)
        return ceil(work(problem)[0] / outputs / 2)

    def cost(self, problem: Problem, backend: str) -> float:
        rate = rates.of(backend)
        slabs = prod(problem.batch) * problem.groups
        operations, calls = work(problem)
        seconds = operations * problem.compute.itemsize / 4 * rate.operation
        if problem.in_channels * problem.parts > 1 or len(problem.axes) > 2:
            seconds, calls = seconds * MORE_SECONDS, calls * MORE_CALLS
        seconds += calls * rate.call
        if len(problem.axes) > 2:
            seconds *= DEEP
        if _spectra(problem) * problem.compute.itemsize > FAR_BYTES:
            seconds *= FAR
        return costs.seconds(problem, backend, 0) + slabs * seconds

    def least_cost(self, problem: Problem, backend: str) -> float:
        """Each output needs at least the shortest transforms, with half of each tile discarded."""
        operations = 5 * log2(fft_tiles.SHORTEST) * len(problem.axes) + 3
        wide = problem.compute.itemsize / 4
        return problem.outputs * operations * wide * rates.of(backend).operation

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The dense kernel, and its spectrum as ``(G, K, C, planes, last axis, *other axes)``."""
        shape = real_shape(problem)
        *others, last = fft_tiles.tile(problem)
        spectrum = Weights((*shape[:3], 2, last, *others), problem.compute)
        return Weights(shape, problem.compute), spectrum

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray | None, ...]:
        return np.ascontiguousarray(as_real(dense(w))), None

    def pack(self, program: Any, problem: Problem, packed: tuple[NDArray, ...], w: NDArray) -> None:
        _, spectra = packed
        grid = []
        for axis in range(3):
            moved = [0] * program.workspace_buffer
            moved[X], moved[WEIGHTS + 1] = w.strides[axis], spectra.strides[axis]
            grid.append((spectra.shape[axis], tuple(moved)))
        program.begin_tiles(tuple(grid))
        _transform_kernel(program, problem, spectra[0, 0, 0], w[0, 0, 0])

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
        """Filter one tile; thin strips directly.

        A transform spreads NaN, infinity and overflow over its tile, and rounds relative to its
        largest sample.  Therefore rows of tiles that are not finite, or whose samples differ too
        much in magnitude, are redone directly unless the kernel is long.
        """
        plain, spectra = weights
        relu, taps, fresh = problem.relu, problem.taps, fft_tiles.fresh(problem)
        rank = len(taps)
        if any(MAX_THIN * n < step for n, step in zip(out.shape[-rank:], fresh, strict=False)):
            program.correlate(out, x, plain, bias, walk.stride, walk.dilation, relu)
            return
        for lead in np.ndindex(out.shape[: -rank - 1]):
            group = lead[-1]
            one = slice(group, group + 1)
            _sum(program, problem, out[lead], x[lead], spectra[group])
            for to, source in _tile_rows(out[lead], x[lead], taps, fresh):
                for channel in source:  # integers do not differ so much in magnitude
                    program.in_range(channel, LIMIT if problem.x_dtype.kind in "fc" else inf)
                program.epilogue(_planes(to), bias[group], relu)
                if prod(taps) < MIN_LONG_TAPS:
                    with program.redo():
                        program.correlate(
                            to[None], source[None], plain[one], bias[one], *_ones(rank), relu
                        )


def _planes(out: NDArray) -> NDArray:
    """A view of ``(channels, *axes)`` with three filtered axes."""
    return out[(slice(None), *(None,) * (4 - out.ndim))]


def _sum(program: Any, problem: Problem, out: NDArray, x: NDArray, spectra: NDArray) -> None:
    """Filter all channels of a group; ``x`` and ``out`` are ``(channels, *axes)``."""
    folded, fresh, mark = fft_tiles.folded(problem), fft_tiles.fresh(problem), program.mark()
    sums, samples = out, x
    if fft_tiles.folds(problem):
        sums, samples = _fold(program, out, x, folded.taps)
    if fft_tiles.wraps(problem):
        for to, source in _tile_rows(sums, samples, folded.taps, fresh):
            _filter_whole(program, to, source, spectra)
    else:
        cut = _columns if len(folded.axes) == 1 else _rows
        for outs, xs in cut(sums, samples, folded.taps, fresh):
            _filter(program, outs, xs, spectra)
    if fft_tiles.folds(problem):
        program.store(out, sums.reshape(len(sums), -1)[:, : out.shape[-1]])
    program.release(mark)


def _ones(rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """No stride and no dilation."""
    return (1,) * rank, (1,) * rank


def _fold(program: Any, out: NDArray, x: NDArray, taps: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    """Workspace for the outputs, ``(channels, rows, row)``, and a copy of the samples in rows twice
    as long, which overlap by half.
    """
    down, row = taps
    rows = ceil(out.shape[-1] / row)
    copy = program.empty((len(x), (rows + down) * row), x.dtype)
    filled_up(program, copy, x)
    channel, item = copy.strides
    shape, strides = (len(x), rows + down - 1, 2 * row), (channel, row * item, item)
    sums: NDArray = program.empty((len(out), rows, row), out.dtype)
    return sums, as_strided(copy, shape, strides, subok=True)


def _spectra(problem: Problem) -> int:
    """The real numbers in the spectra of all kernels of a group."""
    channels = problem.in_channels * problem.out_channels * problem.parts**2
    return 2 * channels * prod(fft_tiles.tile(problem))


def work(problem: Problem) -> tuple[float, int]:
    """Operations (5 n log2 n for a transform) and calls for all channels of a group."""
    problem = fft_tiles.folded(problem)
    *others, n = fft_tiles.tile(problem)
    last = problem.axes[-1]
    samples, filters = problem.in_channels * problem.parts, problem.out_channels * problem.parts
    reads, fills, tiles = n, n, fft_tiles.TURN
    if not fft_tiles.wraps(problem):
        fills = (last.out + 1) // 2
        reads, tiles = fills + last.taps - 1, ceil(fills / fft_tiles.fresh(problem)[-1])
    borders = 5 * log2(prod(others)) * (samples * reads + filters * fills)
    along = samples * filters * tiles * n * (10 * log2(n) + 6)
    rows = prod(fft_tiles.tiles(problem)[:-1])
    return rows * prod(others) * (borders + along), rows


def _transform_kernel(program: Any, problem: Problem, spectrum: NDArray, w: NDArray) -> None:
    """Fill the conjugate spectrum of a kernel, as correlation without a flip needs it.

    Swapping the parts of a complex number multiplies its conjugate by i.  Therefore the kernel is
    transformed as an imaginary part, and the two planes of the result are swapped.
    """
    mark, tile, dtype = program.mark(), fft_tiles.tile(problem), spectrum.dtype
    kernel = program.empty(w.shape, dtype)
    program.store(kernel, w)
    if fft_tiles.folds(problem):
        taps = fft_tiles.folded(problem).taps
        whole = program.empty((prod(taps),), dtype)
        filled_up(program, whole, kernel)
        kernel = whole.reshape(taps)
    rank, none = len(tile), np.zeros((1, 1), dtype)
    planes = program.empty((2, *kernel.shape), dtype)
    program.pad(planes[0], kernel, tuple(np.array([[0, n, OUTSIDE, 1]]) for n in kernel.shape), 0)
    scale = np.full((1,) * (3 + rank), 1 / prod(tile), dtype)
    scaled = planes[1][None, None]
    program.correlate(scaled, kernel[None, None], scale, none, *_ones(rank), False)
    columns = _transformed(program, planes, [*tile[:-1]])
    flat = spectrum.reshape(2, tile[-1], -1)[::-1]
    columns = _flat(program, columns) if rank > 1 else columns[..., None]
    program.transform(flat, columns, False, fft_tiles.wraps(problem))
    program.release(mark)


Views = Iterator[tuple[NDArray, NDArray]]
"""Outputs and the samples that they read: ``(channels, *axes)``, perhaps with an axis of two planes
after the channels."""


def _columns(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """The tiles of a signal, as columns; the last one, which is shorter, comes alone."""
    half = ceil(out.shape[1] / 2)

    def columns(a: NDArray, start: int, rows: int, tiles: int) -> NDArray:
        channel, item = a.strides
        strides = (channel, (out.shape[1] - half) * item, item, fresh[0] * item)
        return as_strided(a[:, start:], (len(a), 2, rows, tiles), strides, subok=True)

    tiles, rest = divmod(half, fresh[0])
    for start, rows, count in ((0, fresh[0], tiles), (half - rest, rest, 1)):
        if rows and count:
            yield columns(out, start, rows, count), columns(x, start, rows + taps[0] - 1, count)


def _rows(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """The rows of tiles of an image or a volume, cut into strips."""
    n, half = out.shape[-1], ceil(out.shape[-1] / 2)
    if (n - half) * out.itemsize % SET_BYTES == 0:
        half = min(half + BESIDE, n)
    apart = n - half

    def halves(a: NDArray) -> NDArray:
        channel, *strides = a.strides
        shape = (len(a), 2, *a.shape[1:-1], a.shape[-1] - apart)
        return as_strided(a, shape, (channel, apart * strides[-1], *strides), subok=True)

    outs, xs = halves(out), halves(x)
    area = prod(n + k - 1 for n, k in zip(fresh[:-1], taps, strict=False))
    width = STRIP_BYTES // (area * 2 * len(x) * x.itemsize)
    strips = ceil(half / max(width, fresh[-1]))
    edges = [half * strip // strips for strip in range(strips + 1)]
    for row, samples in _tile_rows(outs, xs, taps, fresh):
        for left, right in pairwise(edges):
            yield row[..., left:right], samples[..., left : right + taps[-1] - 1]


def _tile_rows(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """Rows of tiles, which are transformed together."""
    lengths = out.shape[-len(taps) : -1]
    for starts in product(*(range(0, n, step) for n, step in zip(lengths, fresh, strict=False))):
        ends = zip(starts, fresh, lengths, taps, strict=False)
        spans = [(a, min(a + step, n), k) for a, step, n, k in ends]
        fills: tuple[Any, ...] = tuple(slice(a, b) for a, b, _ in spans)
        reads: tuple[Any, ...] = tuple(slice(a, b + k - 1) for a, b, k in spans)
        yield out[(..., *fills, slice(None))], x[(..., *reads, slice(None))]


def _filter_whole(program: Any, out: NDArray, x: NDArray, spectra: NDArray) -> None:
    """Filter one tile that holds whole rows; ``x`` and ``out`` are ``(channels, *axes)``."""
    n, item, mark = spectra.shape[3], x.itemsize, program.mark()
    sums = program.empty((len(out), 2, *out.shape[1:-1], n), out.dtype)
    if x.shape[-1] == 2 * n:
        channel, *steps = x.strides
        shape = (len(x), 2, *x.shape[1:-1], n)
        halves = as_strided(x, shape, (channel, n * item, *steps), subok=True)
    else:
        halves = program.empty((len(x), 2, *x.shape[1:-1], n), x.dtype)
        for half, start in enumerate((0, n)):
            inside = max(min(x.shape[-1] - start, n), 0)
            runs = [[0, inside, start, 1], [inside, n - inside, OUTSIDE, 1]]
            program.pad(halves[:, half], x, (np.array([run for run in runs if run[1]]),), 0)
    _filter(program, sums, halves, spectra, whole=True)
    for half, start in enumerate((0, n)):
        part = out[..., start : start + n]
        if part.size:
            program.store(part, sums[:, half, ..., : part.shape[-1]])
    program.release(mark)


def _filter(
    program: Any, outs: NDArray, xs: NDArray, spectra: NDArray, whole: bool = False
) -> None:
    """Filter one row of tiles, or all tiles of a signal, from all channels into all channels."""
    others = list(spectra.shape[4:])
    if others:
        spectra = spectra.reshape(*spectra.shape[:4], -1)
    else:
        spectra = np.broadcast_to(spectra[..., None], (*spectra.shape, xs.shape[-1]), subok=True)
    mark = program.mark()
    samples = [_transformed(program, x, others) for x in xs]
    workspace: Any = None
    if others and len(xs) == len(outs) == 1:
        workspace = samples[0][:, : outs.shape[-1]]
    elif others:
        workspace = _planes_of_spectra(program, outs.shape[-1], others, outs.dtype)
    elif len(xs) > 1:  # halves of an odd signal share an output, which would be summed twice
        workspace = program.empty_like(outs[0], outs.shape[1:])
    for out, factors in zip(outs, spectra, strict=True):
        sums = out if workspace is None else workspace
        for channel, (sample, factor) in enumerate(zip(samples, factors, strict=True)):
            to = program.empty_like(sums, sums.shape) if channel else sums
            program.filter_columns(_flat(program, to), _flat(program, sample), factor, whole)
            if channel:
                program.accumulate(_flat(program, sums), _flat(program, to))
        if others:
            _transform_back(program, out, workspace)
        elif workspace is not None:
            program.store(out, workspace)
    program.release(mark)


def _planes_of_spectra(program: Any, first: int, others: list[int], dtype: np.dtype) -> NDArray:
    """Workspace ``(planes, first, *others)``."""
    pad = PAD if len(others) == 1 else 0
    made: NDArray = program.empty((2, first, *others[:-1], others[-1] + pad), dtype)
    return made[..., : others[-1]]


def _transformed(program: Any, x: NDArray, lengths: list[int]) -> NDArray:
    """The spectrum along the first axes, ``(planes, last axis, *first axes)``."""
    for n in lengths:
        rest = _planes_of_spectra(program, x.shape[2], [*x.shape[3:], n], x.dtype)
        program.transform(rest.reshape(2, -1, n).swapaxes(1, 2), _flat(program, x), False)
        x = rest
    return x


def _transform_back(program: Any, out: NDArray, spectrum: NDArray) -> None:
    """Fill ``out``, ``(planes, *first axes, last axis)``, from its spectrum."""
    *lengths, _ = out.shape[1:]
    for rows in lengths[:0:-1]:
        n = spectrum.shape[-1]
        rest = program.empty((2, rows, *spectrum.shape[1:-1]), out.dtype)
        program.transform(_flat(program, rest), spectrum.reshape(2, -1, n).swapaxes(1, 2), True)
        spectrum = rest
    columns = spectrum.reshape(2, -1, spectrum.shape[-1]).swapaxes(1, 2)
    if out.ndim == 3:
        program.transform(out, columns, True)
    else:
        flat = program.empty((2, out.shape[1], columns.shape[2]), out.dtype)
        program.transform(flat, columns, True)
        program.store(out, flat.reshape(out.shape))


def _flat(program: Any, planes: NDArray) -> NDArray:
    """Merge all axes but the first two; if they do not merge without a copy, copy them."""
    if planes.ndim == 3:
        return planes
    lengths, steps = planes.shape[2:], planes.strides[2:]
    if any(steps[i] != steps[i + 1] * lengths[i + 1] for i in range(len(steps) - 1)):
        copy: NDArray = program.empty(planes.shape, planes.dtype)
        program.store(copy, planes)
        planes = copy
    return planes.reshape(*planes.shape[:2], -1)


algorithm = Fft()
