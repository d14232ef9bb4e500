"""FFT: overlap-save.  Products of spectra, hardly more of them for a larger kernel.

Samples are cut into tiles that overlap by the extent of the kernel.  Each is transformed,
multiplied by the spectrum of the kernel and transformed back; what wraps around its end belongs to
the next tile.  The kernel is real, so that two halves of a slab can travel as the real and the
imaginary part of one transform.

All axes but the last are transformed for a row of tiles at once, each moved last on the way, which
leaves the last axis first.  Along that one a kernel of the backend takes tile after tile there and
back while it is in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise, product
from math import ceil, inf, log2, prod
from typing import Any, ClassVar

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from ..backends.geometry.fourier import LENGTHS, order
from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm, InPlace, Weights, as_real, dense, real_shape

__all__ = ["LIMIT", "algorithm", "work"]

LONGEST = {1: 4096, 2: 256, 3: 64}
"""Samples of a tile along an axis at most, for each number of filtered axes."""
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
        if rank not in LONGEST:
            return f"its tiles have at most {max(LONGEST)} axes"
        if any(axis.stride > 1 for axis in problem.axes):
            return "it would compute the outputs that a stride skips"
        if any(axis.dilation > 1 for axis in problem.axes):
            return "it would multiply the gaps between the taps"
        if any(2 * axis.taps > LONGEST[rank] for axis in problem.axes):
            return f"its tiles have at most {LONGEST[rank]} samples along an axis: twice the taps"
        return None

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """Whole rows of tiles."""
        return tuple(_fresh(problem))

    def macs(self, problem: Problem) -> int:
        """Half the operations of the transforms, and of the products between them."""
        outputs = max(prod(axis.out for axis in problem.axes) * problem.out_channels, 1)
        return ceil(work(problem)[0] / outputs / 2)

    def cost(self, problem: Problem, backend: str) -> float:
        rate = rates.of(backend)
        slabs = prod(problem.batch) * problem.groups
        operations, calls = work(problem)
        seconds = operations * problem.compute.itemsize / 4 * rate.operation + calls * rate.call
        if len(problem.axes) > 2:
            seconds *= DEEP
        return costs.seconds(problem, backend, 0) + slabs * seconds

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The dense kernel, and its spectrum as ``(G, K, C, planes, last axis, *other axes)``."""
        shape = real_shape(problem)
        *others, last = _tile(problem)
        spectrum = Weights((*shape[:3], 2, last, *others), problem.compute)
        return Weights(shape, problem.compute), spectrum

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray, NDArray]:
        kernel = dense(w)
        tile = _tile(problem)
        plain = np.ascontiguousarray(as_real(kernel))
        if not problem.complex:
            return plain, _spectrum(kernel, tile)
        both = _spectrum(kernel.real, tile) + 1j * _spectrum(kernel.imag, tile)
        return plain, np.ascontiguousarray(as_real(both))

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
        """Filter one tile; thin strips, and rows of tiles that are not finite or whose samples
        differ too much in magnitude, directly.

        A transform spreads NaN, infinities and overflows over all of its tile, and rounds relative
        to its largest sample.
        """
        plain, spectra = weights
        n, *others = spectra.shape[4:]
        taps, relu = plain.shape[3:], problem.relu
        rank = len(taps)
        fresh = [length - k + 1 for length, k in zip((*others, n), taps, strict=True)]
        lengths = zip(out.shape[-rank:], fresh, strict=True)
        if any(MAX_THIN * n < step for n, step in lengths):
            program.correlate(out, x, plain, bias, walk.stride, walk.dilation, relu)
            return
        cut = _rows if others else _columns
        limit = LIMIT if problem.x_dtype.kind in "fc" else inf
        for lead in np.ndindex(out.shape[: -rank - 1]):
            for outs, xs in cut(out[lead], x[lead], taps, fresh):
                _filter(program, outs, xs, spectra[lead[-1]])
            one, offsets = slice(lead[-1], lead[-1] + 1), bias[lead[-1]]
            for to, source in _tile_rows(out[lead], x[lead], taps, fresh):
                for channel in source:
                    program.in_range(channel, limit)
                program.epilogue(to[(slice(None), *(None,) * (3 - rank))], offsets, relu)
                with program.redo():
                    program.correlate(
                        to[None], source[None], plain[one], bias[one], *_ones(rank), relu
                    )


def _ones(rank: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """No stride and no dilation."""
    return (1,) * rank, (1,) * rank


def work(problem: Problem) -> tuple[float, int]:
    """Operations for all channels of a group, of which a transform counts 5 n log2 n, and calls."""
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
    longest = LONGEST[len(problem.axes)]

    def work(n: int) -> float:
        return ceil(axis.out / (n - axis.taps + 1)) * (n * log2(n) + TILE_OPERATIONS)

    chosen = []
    for axis in problem.axes:
        able = (n for n in LENGTHS if 2 * axis.taps <= n <= longest)
        chosen.append(min(able, key=work, default=LENGTHS[0]))
    return tuple(chosen)


def _fresh(problem: Problem) -> list[int]:
    """Outputs of a tile along each axis."""
    return [n - axis.taps + 1 for n, axis in zip(_tile(problem), problem.axes, strict=True)]


def _tiles(problem: Problem) -> list[int]:
    """Tiles along each axis."""
    return [ceil(axis.out / n) for n, axis in zip(_fresh(problem), problem.axes, strict=True)]


def _spectrum(dense: NDArray, tile: tuple[int, ...]) -> NDArray:
    """The spectrum of a real kernel, its planes and frequencies as backends take them."""
    axes = tuple(range(-len(tile), 0))
    values = np.fft.fftn(dense.astype(np.float64), tile, axes).conj() / prod(tile)
    for axis, n in zip(axes, tile, strict=True):
        values = values.take(order(n), axis)
    values = np.moveaxis(values, -1, 3)
    return np.stack((values.real, values.imag), 3).astype(dense.dtype, order="C")


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
