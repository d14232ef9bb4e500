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
from functools import lru_cache, reduce
from itertools import pairwise, product
from math import ceil, log2, prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from . import rates
from ..run import workspace
from ..backends.protocol import Backend
from ..backends.geometry.fourier import LENGTHS, order
from ..problem.problem import Problem, Walk
from . import InPlace, Layout, Prepared, costs, items, pairs

__all__ = [
    "IN_PLACE",
    "LAYOUT",
    "cost",
    "grain",
    "items",
    "prepare",
    "products",
    "refuses",
    "run",
    "work",
]

LONGEST = {1: 4096, 2: 256, 3: 64}
"""Samples of a tile along an axis at most, for each number of filtered axes."""
TURN = 200
"""Operations, of a column, that a tile of any length takes on top: the calls around it."""
STRIP = 1 << 20
"""Bytes of the spectra of a row of tiles that are worked on at a time, and stay in a cache; a tile
at least."""
PAD = 16
"""Items between rows of spectra, lest all of them fall into the same sets of a cache."""
ALIKE = 4096
"""Bytes between two places that fall into the same set of a cache."""
BESIDE = 16
"""Outputs that both halves of a row have where these would do so."""
THIN = 8
"""A slab is filtered directly where so many like it would fit into a tile, side by side."""
LAYOUT: Layout = "rows"
IN_PLACE: InPlace = "nothing"
"""Strips along the edges are too thin for tiles."""
BY_HAND = 1.4
"""Times that transforms take that no recording repeats: NumPy adds channels, and turns volumes."""
DEEP = 1.5
"""Times that transforms take where planes lie between the rows of a tile."""


def refuses(problem: Problem) -> str | None:
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


def grain(problem: Problem) -> tuple[int, ...]:
    """Whole rows of tiles."""
    return tuple(_fresh(problem))


def products(problem: Problem) -> int:
    """Half the operations of the transforms, and of the products between them."""
    outputs = max(prod(axis.out for axis in problem.axes) * problem.out_channels, 1)
    return ceil(work(problem)[0] / outputs / 2)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    rate = rates.of(backend)
    slabs = prod(problem.batch) * problem.groups
    operations, calls = work(problem)
    seconds = operations * problem.compute.itemsize / 4 * rate.operation
    if not repeats(problem):
        seconds, calls = seconds * BY_HAND, calls * costs.WALKED
    seconds += calls * rate.call
    if len(problem.axes) > 2:
        seconds *= DEEP
    return costs.seconds(problem, backend, 0) + slabs * seconds


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
        return ceil(axis.out / (n - axis.taps + 1)) * (n * log2(n) + TURN)

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


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """The dense kernel, and its spectrum as ``(G, K, C, planes, last axis, *other axes)``."""
    dense = reduce(np.multiply, w)
    tile = _tile(problem)
    if not problem.complex:
        return Prepared((np.ascontiguousarray(dense), _spectrum(dense, tile)))
    spectrum = _spectrum(dense.real, tile) + 1j * _spectrum(dense.imag, tile)
    return Prepared((pairs.as_real(dense), pairs.as_real(spectrum)))


def _spectrum(dense: NDArray, tile: tuple[int, ...]) -> NDArray:
    """The spectrum of a real kernel, its planes and frequencies as backends take them."""
    axes = tuple(range(-len(tile), 0))
    values = np.fft.fftn(dense.astype(np.float64), tile, axes).conj() / prod(tile)
    for axis, n in zip(axes, tile, strict=True):
        values = values.take(order(n), axis)
    values = np.moveaxis(values, -1, 3)
    return np.stack((values.real, values.imag), 3).astype(dense.dtype, order="C")


def repeats(problem: Problem) -> bool:
    """Where one channel makes others, along at most two axes: a recording notices sums that are not
    finite, but NumPy adds channels, and turns volumes.
    """
    alone = problem.in_channels * problem.parts == 1 and len(problem.axes) < 3
    return alone and not problem.relu


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Filter one slab; thin strips, and what is not finite then, directly.

    A transform spreads NaN, infinities and overflows over all of its tile.
    """
    dense, spectra = weights
    n, *others = spectra.shape[4:]
    taps = dense.shape[3:]
    fresh = [length - k + 1 for length, k in zip((*others, n), taps, strict=True)]
    if any(THIN * n < step for n, step in zip(out.shape[-len(taps) :], fresh, strict=True)):
        backend.correlate(out, x, dense, bias, walk.stride, walk.dilation, relu)
        return
    cut = _rows if others else _columns
    finite = True
    with np.errstate(all="ignore"):
        for lead in np.ndindex(out.shape[: -len(taps) - 1]):
            for outs, xs in cut(out[lead], x[lead], taps, fresh):
                _filter(backend, outs, xs, spectra[lead[-1]])
            sums = out[lead][(slice(None), *(None,) * (3 - len(taps)))]
            finite &= backend.finish(sums, bias[lead[-1]])
        if not finite:
            _mend(backend, out, x, dense, bias, fresh)
        if relu:
            np.maximum(out, 0, out=out)


Views = Iterator[tuple[NDArray, NDArray]]
"""Outputs and the samples that they read, as ``(channels, planes, *axes)``."""


def _columns(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """A signal: its tiles are columns, the last, shorter one on its own."""
    half = ceil(out.shape[1] / 2)

    def columns(a: NDArray, start: int, rows: int, tiles: int) -> NDArray:
        channel, item = a.strides
        strides = (channel, (out.shape[1] - half) * item, item, fresh[0] * item)
        return as_strided(a[:, start:], (len(a), 2, rows, tiles), strides)

    tiles, rest = divmod(half, fresh[0])
    for start, rows, count in ((0, fresh[0], tiles), (half - rest, rest, 1)):
        if rows and count:
            yield columns(out, start, rows, count), columns(x, start, rows + taps[0] - 1, count)


def _rows(out: NDArray, x: NDArray, taps: tuple[int, ...], fresh: list[int]) -> Views:
    """An image or a volume: rows of tiles, in strips."""
    n, half = out.shape[-1], ceil(out.shape[-1] / 2)
    if (n - half) * out.itemsize % ALIKE == 0:
        half = min(half + BESIDE, n)
    apart = n - half

    def halves(a: NDArray) -> NDArray:
        channel, *strides = a.strides
        shape = (len(a), 2, *a.shape[1:-1], a.shape[-1] - apart)
        return as_strided(a, shape, (channel, apart * strides[-1], *strides))

    outs, xs = halves(out), halves(x)
    area = prod(n + k - 1 for n, k in zip(fresh[:-1], taps, strict=False))
    width = STRIP // (area * 2 * len(x) * x.itemsize)
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


def _filter(backend: Backend, outs: NDArray, xs: NDArray, spectra: NDArray) -> None:
    """One row of tiles, or all tiles of a signal: every channel into every channel."""
    others = list(spectra.shape[4:])
    if others:
        spectra = spectra.reshape(*spectra.shape[:4], -1)
    else:
        spectra = np.broadcast_to(spectra[..., None], (*spectra.shape, xs.shape[-1]))
    mark = workspace.mark()
    samples = [_transformed(backend, x, others) for x in xs]
    room = _room(outs.shape[-1], others, outs.dtype) if others else None
    for out, factors in zip(outs, spectra, strict=True):
        sums = out if room is None else room
        for channel, (sample, factor) in enumerate(zip(samples, factors, strict=True)):
            to = workspace.empty_like(sums, sums.shape) if channel else sums
            backend.filter_columns(_flat(to), _flat(sample), factor)
            if channel:
                sums += to  # of a signal they overlap themselves, which NumPy sees to
        if room is not None:
            _transform_back(backend, out, room)
    workspace.release(mark)


def _room(first: int, others: list[int], dtype: np.dtype) -> NDArray:
    """An array ``(planes, first, *others)``."""
    pad = PAD if len(others) == 1 else 0
    return workspace.empty((2, first, *others[:-1], others[-1] + pad), dtype)[..., : others[-1]]


def _transformed(backend: Backend, x: NDArray, lengths: list[int]) -> NDArray:
    """The spectrum along the first axes, ``(planes, last axis, *first axes)``."""
    for n in lengths:
        rest = _room(x.shape[2], [*x.shape[3:], n], x.dtype)
        backend.transform(rest.reshape(2, -1, n).swapaxes(1, 2), _flat(x), False)
        x = rest
    return x


def _transform_back(backend: Backend, out: NDArray, spectrum: NDArray) -> None:
    """The samples of a spectrum, ``(planes, *first axes, last axis)``."""
    *lengths, _ = out.shape[1:]
    for rows in lengths[:0:-1]:
        n = spectrum.shape[-1]
        rest = workspace.empty((2, rows, *spectrum.shape[1:-1]), out.dtype)
        backend.transform(_flat(rest), spectrum.reshape(2, -1, n).swapaxes(1, 2), True)
        spectrum = rest
    columns = spectrum.reshape(2, -1, spectrum.shape[-1]).swapaxes(1, 2)
    if out.ndim == 3:
        backend.transform(out, columns, True)
    else:
        flat = workspace.empty((2, out.shape[1], columns.shape[2]), out.dtype)
        backend.transform(flat, columns, True)
        out[...] = flat.reshape(out.shape)


def _flat(planes: NDArray) -> NDArray:
    """All axes but the first as columns."""
    return planes if planes.ndim == 3 else planes.reshape(*planes.shape[:2], -1)


def _mend(
    backend: Backend, out: NDArray, x: NDArray, dense: NDArray, bias: NDArray, fresh: list[int]
) -> None:
    """Filter the tiles that are not finite directly."""
    taps = dense.shape[3:]
    ones = (1,) * len(taps)
    places = [range(0, n, step) for n, step in zip(out.shape[-len(taps) :], fresh, strict=True)]
    for *batch, group in np.ndindex(out.shape[: -len(taps) - 1]):
        alone = slice(group, group + 1)
        lead = (*batch, alone, slice(None))
        for starts in product(*places):
            region = list(zip(starts, fresh, taps, strict=True))
            tile = out[(*lead, *(slice(a, a + step) for a, step, _ in region))]
            if not np.isfinite(tile).all():
                samples = x[(*lead, *(slice(a, a + step + k - 1) for a, step, k in region))]
                backend.correlate(tile, samples, dense[alone], bias[alone], ones, ones, False)
