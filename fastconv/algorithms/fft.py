"""FFT: overlap-save.  Products of spectra, hardly more of them for a larger kernel.

Samples are cut into tiles that overlap by the extent of the kernel.  Each is transformed,
multiplied by the spectrum of the kernel and transformed back; what wraps around its end belongs to
the next tile.  The kernel is real, so that two halves of a slab can travel as the real and the
imaginary part of one transform.

A long signal is folded into an image whose rows overlap, and a long kernel into one whose rows do
not: the sums are the same, and both axes are short.

All axes but the last are transformed for a row of tiles at once, each moved last on the way, which
leaves the last axis first.  Along that one a kernel of the backend takes tile after tile there and
back while it is in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from functools import lru_cache
from itertools import pairwise, product
from math import ceil, inf, log2, prod
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..backends.geometry.fourier import LENGTHS
from ..backends.protocol import Backend
from ..problem.boundary import OUTSIDE
from ..problem.problem import Axis, Problem, Walk
from ..run.program import WEIGHTS, X
from . import costs, rates
from .base import Algorithm, InPlace, Weights, as_real, dense, real_shape
from .gemm import filled_up

__all__ = ["LIMIT", "algorithm", "work"]

CACHED_TILE = {1: 4096, 2: 256, 3: 64}
"""The most samples of a tile along an axis that stay in a cache, for each number of filtered axes.
Only long kernels get longer tiles."""
LONGEST = LENGTHS[-1]
"""Samples of a tile along an axis at most."""
MAX_TILE_TAPS = 4
"""Samples for each tap, at most, of a tile that leaves the cache."""
MIN_FOLDED_TAPS = 64
"""Taps from which on the kernel of a short signal is folded."""
MIN_FOLDED_TAPS_OF_ANY = 2048
"""Taps from which on the kernel of any signal is folded."""
MAX_SHORT_OUTPUTS = 1 << 18
"""Outputs of a short signal: longer ones have enough tiles to fill vectors."""
FOLDED_ROWS = {64: 1 << 12, 256: 1 << 16, 1024: 1 << 62}
"""Taps in a row of a folded kernel, with the most taps of a kernel that has such rows.  A transform
along a row is 1.5 times as long: the two halves of a row of outputs share it."""
TILE_OPERATIONS = 200
"""Operations, of a column, that a tile of any length takes on top: the calls around it."""
STRIP_BYTES = 1 << 20
"""Bytes of the spectra of a row of tiles that are worked on at a time, and stay in a cache; a tile
at least."""
PAD = 16
"""Items between rows of spectra, lest all of them fall into the same sets of a cache."""
SET_BYTES = 4096
"""Bytes between two places that fall into the same set of a cache."""
BESIDE = 16
"""Outputs that both halves of a row have where these would do so."""
MAX_THIN = 8
"""Tiles of the output are filtered directly where so many would fit into one of the transform."""
LIMIT = 4096
"""Times that the largest sample of a row of tiles may exceed those of a block of it: a transform
rounds relative to the largest."""
WIDE_LIMIT = LIMIT * 2.0**29
"""The same for double precision, which has as many more digits."""
MIN_LONG_TAPS = 1024
"""Taps of a kernel from which on double precision takes less than direct sums."""
MORE_SECONDS, MORE_CALLS = 1.4, 4
"""Times that transforms and their calls take where channels are added or volumes are transposed."""
DEEP = 1.5
"""Times that transforms take where planes lie between the rows of a tile."""


class Fft(Algorithm):
    """Overlap-save in tiles."""

    name = "fft"
    in_place: ClassVar[InPlace] = "nothing"
    """Strips along the edges are too thin for tiles."""

    def refuses(self, problem: Problem) -> str | None:
        """Where it would round, has no tiles, or would compute what nobody asks for."""
        rank = len(problem.axes)
        if problem.exact:
            return "integers are summed without rounding, which a transform cannot do"
        if rank not in CACHED_TILE:
            return f"its tiles have at most {max(CACHED_TILE)} axes"
        if any(axis.stride > 1 for axis in problem.axes):
            return "it would compute the outputs that a stride skips"
        if any(axis.dilation > 1 for axis in problem.axes):
            return "it would multiply the gaps between the taps"
        if any(2 * axis.taps > LONGEST for axis in _folded(problem).axes):
            return f"its tiles have at most {LONGEST} samples along an axis: twice the taps"
        return None

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """Whole rows of tiles."""
        fresh = _fresh(problem)
        return (fresh[0] * _folded(problem).taps[1],) if _folds(problem) else tuple(fresh)

    def macs(self, problem: Problem) -> int:
        """Half the operations of the transforms, and of the products between them."""
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
        return costs.seconds(problem, backend, 0) + slabs * seconds

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The dense kernel, and its spectrum as ``(G, K, C, planes, last axis, *other axes)``."""
        shape = real_shape(problem)
        *others, last = _tile(problem)
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
        """Filter one tile; thin strips directly, and so rows of tiles that are not finite or whose
        samples differ too much in magnitude.  Under long kernels, double precision comes first.

        A transform spreads NaN, infinities and overflows over all of its tile, and rounds relative
        to its largest sample.
        """
        plain, spectra = weights
        relu, taps, fresh = problem.relu, problem.taps, _fresh(problem)
        rank = len(taps)
        if any(MAX_THIN * n < step for n, step in zip(out.shape[-rank:], fresh, strict=False)):
            program.correlate(out, x, plain, bias, walk.stride, walk.dilation, relu)
            return
        long = _is_long(problem)
        for lead in np.ndindex(out.shape[: -rank - 1]):
            group = lead[-1]
            one = slice(group, group + 1)
            _sum(program, problem, out[lead], x[lead], spectra[group])
            for to, source in _tile_rows(out[lead], x[lead], taps, fresh):
                _check(program, problem, source, LIMIT)
                program.epilogue(_planes(to), bias[group], relu)
                with program.redo():
                    if long:
                        _sum_wider(program, problem, to, source, plain[group])
                        program.epilogue(_planes(to), bias[group], relu)
                    with program.redo() if long else nullcontext():
                        program.correlate(
                            to[None], source[None], plain[one], bias[one], *_ones(rank), relu
                        )


def _check(program: Any, problem: Problem, x: NDArray, limit: float) -> None:
    """Check how samples differ in magnitude; integers cannot differ so much."""
    for channel in x:
        program.in_range(channel, limit if problem.x_dtype.kind in "fc" else inf)


def _planes(out: NDArray) -> NDArray:
    """Sums ``(channels, *axes)`` with three axes."""
    return out[(slice(None), *(None,) * (4 - out.ndim))]


def _sum(program: Any, problem: Problem, out: NDArray, x: NDArray, spectra: NDArray) -> None:
    """Filter all channels, ``(channels, *axes)``, of a group."""
    folded, fresh, mark = _folded(problem), _fresh(problem), program.mark()
    sums, samples = out, x
    if _folds(problem):
        sums, samples = _fold(program, out, x, folded.taps)
    cut = _columns if len(folded.axes) == 1 else _rows
    for outs, xs in cut(sums, samples, folded.taps, fresh):
        _filter(program, outs, xs, spectra)
    if _folds(problem):
        program.store(out, sums.reshape(len(sums), -1)[:, : out.shape[-1]])
    program.release(mark)


def _sum_wider(program: Any, problem: Problem, out: NDArray, x: NDArray, w: NDArray) -> None:
    """The same in double precision, and check whether that is enough."""
    mark = program.mark()
    samples, sums = (program.empty(array.shape, np.dtype(np.float64)) for array in (x, out))
    *others, last = _tile(problem)
    spectra = program.empty((*w.shape[:2], 2, last, *others), samples.dtype)
    for channels in np.ndindex(w.shape[:2]):
        _transform_kernel(program, problem, spectra[channels], w[channels])
    program.store(samples, x)
    _check(program, problem, samples, WIDE_LIMIT)
    _sum(program, problem, sums, samples, spectra)
    program.store(out, sums)
    program.release(mark)


def _ones(rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """No stride and no dilation."""
    return (1,) * rank, (1,) * rank


def _is_long(problem: Problem) -> bool:
    """Whether double precision takes less than direct sums."""
    return problem.compute != np.float64 and prod(problem.taps) >= MIN_LONG_TAPS


def _folds(problem: Problem) -> bool:
    """Whether it is a signal that is folded into an image."""
    axis, *others = problem.axes
    short = axis.out <= MAX_SHORT_OUTPUTS
    least = MIN_FOLDED_TAPS if short else MIN_FOLDED_TAPS_OF_ANY
    return not others and axis.taps >= least


@lru_cache(maxsize=512)
def _folded(problem: Problem) -> Problem:
    """The same sums over an image, for a signal that is folded; or else the problem itself."""
    if not _folds(problem):
        return problem
    axis = problem.axes[0]
    row = next(row for row, most in FOLDED_ROWS.items() if axis.taps <= most)
    taps, outs = ceil(axis.taps / row), ceil(axis.out / row)
    down = axis._replace(size=outs + taps - 1, taps=taps, before=0, out=outs)
    along = axis._replace(size=2 * row - 1, taps=row, before=0, out=row)
    return problem._replace(axes=(down, along))


def _fold(program: Any, out: NDArray, x: NDArray, taps: tuple[int, ...]) -> tuple[NDArray, NDArray]:
    """Workspace for outputs, ``(channels, rows, row)``, and samples in rows twice as long, which
    overlap by half.
    """
    down, row = taps
    rows = ceil(out.shape[-1] / row)
    copy = program.empty((len(x), (rows + down) * row), x.dtype)
    filled_up(program, copy, x)
    channel, item = copy.strides
    shape, strides = (len(x), rows + down - 1, 2 * row - 1), (channel, row * item, item)
    sums: NDArray = program.empty((len(out), rows, row), out.dtype)
    return sums, as_strided(copy, shape, strides, subok=True)


def work(problem: Problem) -> tuple[float, int]:
    """Operations for all channels of a group, of which a transform counts 5 n log2 n, and calls."""
    problem = _folded(problem)
    *others, n = _tile(problem)
    last = problem.axes[-1]
    samples, filters = problem.in_channels * problem.parts, problem.out_channels * problem.parts
    borders = 5 * log2(prod(others)) * (samples * (last.out + last.taps - 1) + filters * last.out)
    along = samples * filters * _tiles(problem)[-1] * n * (10 * log2(n) + 6)
    rows = prod(_tiles(problem)[:-1])
    return rows * prod(others) * (borders + along) / 2, rows


@lru_cache(maxsize=512)
def _tile(problem: Problem) -> tuple[int, ...]:
    """Samples of a tile along each axis."""
    if _folds(problem):
        folded = _folded(problem)
        down, _ = _tile(folded)
        return down, folded.taps[1] * 3 // 2
    cached = CACHED_TILE[len(problem.axes)]
    return tuple(
        [_tile_along(axis, max(cached, MAX_TILE_TAPS * axis.taps)) for axis in problem.axes]
    )


def _tile_along(axis: Axis, longest: int) -> int:
    """Samples of a tile along an axis."""
    chosen: int = LENGTHS[0]
    least = inf
    for n in LENGTHS:
        if 2 * axis.taps <= n <= longest:
            fresh = n - axis.taps + 1
            operations = ceil(axis.out / fresh) * (n * log2(n) + TILE_OPERATIONS)
            if operations < least:
                chosen, least = n, operations
            if fresh >= axis.out:
                break
    return chosen


def _fresh(problem: Problem) -> list[int]:
    """Outputs of a tile along each axis."""
    axes = _folded(problem).axes
    return [n - axis.taps + 1 for n, axis in zip(_tile(problem), axes, strict=True)]


def _tiles(problem: Problem) -> list[int]:
    """Tiles along each axis."""
    return [ceil(axis.out / n) for n, axis in zip(_fresh(problem), problem.axes, strict=True)]


def _transform_kernel(program: Any, problem: Problem, spectrum: NDArray, w: NDArray) -> None:
    """Fill the spectrum of a kernel, conjugate: that of the kernel turned around, the first tap
    staying where it is.
    """
    mark, tile, dtype = program.mark(), _tile(problem), spectrum.dtype
    rank = len(tile)
    kernel = program.empty(w.shape, dtype)
    program.store(kernel, w)
    if _folds(problem):
        taps = _folded(problem).taps
        whole = program.empty((prod(taps),), dtype)
        filled_up(program, whole, kernel)
        kernel = whole.reshape(taps)
    scaled = program.empty(kernel.shape, dtype)
    scale, none = np.full((1,) * (3 + rank), 1 / prod(tile), dtype), np.zeros((1, 1), dtype)
    program.correlate(scaled[None, None], kernel[None, None], scale, none, *_ones(rank), False)
    planes = program.empty((2, *tile), dtype)
    program.pad(planes[0], scaled, tuple(map(_turned, kernel.shape, tile)), 0)
    nothing = tuple(np.array([[0, n, OUTSIDE, 1]]) for n in tile)
    program.pad(planes[1], scaled, nothing, 0)
    columns = _transformed(program, planes, [*tile[:-1]])
    flat = spectrum.reshape(2, tile[-1], -1)
    program.transform(flat, _flat(program, columns) if rank > 1 else columns[..., None], False)
    program.release(mark)


def _turned(taps: int, n: int) -> NDArray[np.int64]:
    """The runs of an axis that begins with the first tap and ends with the second."""
    runs = [[0, 1, 0, 1], [1, n - taps, OUTSIDE, 1], [n - taps + 1, taps - 1, taps - 1, -1]]
    return np.array([run for run in runs if run[1]])


Views = Iterator[tuple[NDArray, NDArray]]
"""Outputs and the samples that they read, as ``(channels, planes, *axes)``."""


def _columns(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """A signal: its tiles are columns, the last, shorter one on its own."""
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
    """An image or a volume: rows of tiles, in strips."""
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
    lengths = out.shape[1:-1]
    for starts in product(*(range(0, n, step) for n, step in zip(lengths, fresh, strict=False))):
        stops = [min(a + step, n) for a, step, n in zip(starts, fresh, lengths, strict=False)]
        for left, right in pairwise(edges):
            region = list(zip((*starts, left), (*stops, right), taps, strict=True))
            fills: tuple[Any, ...] = tuple(slice(a, b) for a, b, _ in region)
            reads: tuple[Any, ...] = tuple(slice(a, b + k - 1) for a, b, k in region)
            yield outs[(..., *fills)], xs[(..., *reads)]


def _tile_rows(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """What is transformed together, as ``(channels, *axes)``: rows of tiles."""
    lengths = out.shape[1:-1]
    for starts in product(*(range(0, n, step) for n, step in zip(lengths, fresh, strict=False))):
        ends = zip(starts, fresh, lengths, taps, strict=False)
        spans = [(a, min(a + step, n), k) for a, step, n, k in ends]
        fills: tuple[Any, ...] = tuple(slice(a, b) for a, b, _ in spans)
        reads: tuple[Any, ...] = tuple(slice(a, b + k - 1) for a, b, k in spans)
        yield out[(slice(None), *fills)], x[(slice(None), *reads)]


def _filter(program: Any, outs: NDArray, xs: NDArray, spectra: NDArray) -> None:
    """One row of tiles, or all tiles of a signal: every channel into every channel."""
    others = list(spectra.shape[4:])
    if others:
        spectra = spectra.reshape(*spectra.shape[:4], -1)
    else:
        spectra = np.broadcast_to(spectra[..., None], (*spectra.shape, xs.shape[-1]), subok=True)
    mark = program.mark()
    samples = [_transformed(program, x, others) for x in xs]
    room: Any = None
    if others:
        room = _room(program, outs.shape[-1], others, outs.dtype)
    elif len(xs) > 1:  # halves of an odd signal share a sample, which sums would count twice
        room = program.empty_like(outs[0], outs.shape[1:])
    for out, factors in zip(outs, spectra, strict=True):
        sums = out if room is None else room
        for channel, (sample, factor) in enumerate(zip(samples, factors, strict=True)):
            to = program.empty_like(sums, sums.shape) if channel else sums
            program.filter_columns(_flat(program, to), _flat(program, sample), factor)
            if channel:
                program.accumulate(_flat(program, sums), _flat(program, to))
        if others:
            _transform_back(program, out, room)
        elif room is not None:
            program.store(out, room)
    program.release(mark)


def _room(program: Any, first: int, others: list[int], dtype: np.dtype) -> NDArray:
    """An array ``(planes, first, *others)``."""
    pad = PAD if len(others) == 1 else 0
    made: NDArray = program.empty((2, first, *others[:-1], others[-1] + pad), dtype)
    return made[..., : others[-1]]


def _transformed(program: Any, x: NDArray, lengths: list[int]) -> NDArray:
    """The spectrum along the first axes, ``(planes, last axis, *first axes)``."""
    for n in lengths:
        rest = _room(program, x.shape[2], [*x.shape[3:], n], x.dtype)
        program.transform(rest.reshape(2, -1, n).swapaxes(1, 2), _flat(program, x), False)
        x = rest
    return x


def _transform_back(program: Any, out: NDArray, spectrum: NDArray) -> None:
    """The samples of a spectrum, ``(planes, *first axes, last axis)``."""
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
    """All axes but the first two as columns: of volumes a copy, where these do not merge."""
    if planes.ndim == 3:
        return planes
    lengths, steps = planes.shape[2:], planes.strides[2:]
    if any(steps[i] != steps[i + 1] * lengths[i + 1] for i in range(len(steps) - 1)):
        copy: NDArray = program.empty(planes.shape, planes.dtype)
        program.store(copy, planes)
        planes = copy
    return planes.reshape(*planes.shape[:2], -1)


algorithm = Fft()
