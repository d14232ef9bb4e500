"""The backend to read: windows of the input, contracted with the weights by NumPy.

``sliding_window_view`` shows, at each output, the samples under the kernel, without copying any.
Contracting all taps at once would make NumPy copy every window (k·k times the image), so the sum
is taken tap by tap: one strided view of the input times one weight, or, where channels are
summed, one matrix product.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import product
from math import prod
from operator import le
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from ...problem import dtypes
from ...run import threads as parallel
from ...problem.boundary import MANY, runs
from ..geometry import fourier, winograd as points
from ..protocol import Backend, Rates

__all__ = [
    "HAND_OVER",
    "IN_ORDER",
    "PIECE",
    "RATES",
    "STRIPS",
    "gemm",
    "weight_gradient",
    "pointwise",
    "depthwise",
    "correlate",
    "correlate_sparse",
    "describe",
    "extend",
    "filter_columns",
    "finish",
    "lengths",
    "panel",
    "recording",
    "register_tile",
    "store",
    "transform",
    "unavailable",
    "warmup",
    "box",
    "winograd_outputs",
    "winograd_samples",
    "winograd_weights",
]

RATES = Rates(
    product=7.5e-10,
    summed=1.9e-10,
    contracted=1.9e-10,
    byte=0.0,
    call=1.4e-4,
    one_row=0.65,
    sparse=0.55,
    operation=2.5e-10,
    addition=5.1e-10,
)
STRIPS = 1 << 19
PIECE = 1 << 22
IN_ORDER = False
HAND_OVER = 5e-5

SERIAL = 1 << 18
"""Products of a matrix product that OpenBLAS computes on the calling thread."""
BAND = 1 << 16
"""Outputs of a band of windows: intermediate sums of as many stay in a cache."""

PANEL = 32
"""Output channels of a panel of weights."""


def unavailable() -> None:
    """NumPy is always there."""


def describe() -> str:
    return f"NumPy {np.__version__}"


def warmup() -> None:
    """Nothing is compiled."""


def correlate(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    rank = len(stride)
    filtered = tuple(range(-rank, 0))
    taps = w.shape[-rank:]
    extents = tuple((k - 1) * d + 1 for k, d in zip(taps, dilation, strict=True))
    windows = sliding_window_view(x, extents, axis=filtered)
    every_output = tuple(slice(None, None, s) for s in stride)
    every_tap = tuple(slice(None, None, d) for d in dilation)
    walk: tuple[Any, ...] = (..., *every_output, *every_tap)
    windows = windows[walk]

    out[...] = bias.reshape(*bias.shape, *(1,) * rank)
    if w.shape[2] == 1:
        seen = (windows[(..., *tap)] for tap in np.ndindex(taps))
        _multiply(out, seen, w.reshape(*bias.shape, -1), rank)
    else:
        _multiply_matrices(out, windows, w, rank)
    if relu:
        np.maximum(out, 0, out=out)


def correlate_sparse(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    places: NDArray[np.int64],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    rank = len(stride)
    out[...] = bias.reshape(*bias.shape, *(1,) * rank)
    lengths = out.shape[-rank:]
    seen = (x[(..., *_reads(tap, dilation, stride, lengths))] for tap in places.tolist())
    _multiply(out, seen, w, rank)
    if relu:
        np.maximum(out, 0, out=out)


def _reads(
    tap: Iterable[int], dilation: Iterable[int], stride: Iterable[int], lengths: Iterable[int]
) -> tuple[Any, ...]:
    """The samples along each axis that a tap multiplies for so many outputs."""
    steps = zip(tap, dilation, stride, lengths, strict=True)
    return tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, s, n in steps)


def _multiply(out: NDArray, seen: Iterable[NDArray], w: NDArray, rank: int) -> None:
    """One channel in: scale the samples that each tap sees and add them; taps are last in ``w``."""
    ones = (1,) * rank
    scaled = np.empty_like(out)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for samples, weights in zip(seen, np.moveaxis(w, -1, 0), strict=True):
            np.multiply(samples, weights.reshape(*weights.shape, *ones), out=scaled)
            np.add(out, scaled, out=out)


def _multiply_matrices(out: NDArray, windows: NDArray, w: NDArray, rank: int) -> None:
    """Many channels in: weights (K, C) times samples (C, outputs), for each tap."""
    outputs = out.shape[-rank:]
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for tap in np.ndindex(w.shape[-rank:]):
            view = windows[(..., *tap)]
            samples = view.reshape(*view.shape[:-rank], -1)
            product = _product(w[(..., *tap)], samples)
            np.add(out, product.reshape(*product.shape[:-1], *outputs), out=out)


def _product(a: NDArray, b: NDArray) -> NDArray:
    """The matrix product, in blocks that BLAS does not give to threads of its own: those wait for
    each other by spinning, and a busy processor makes them a hundred times slower.
    """
    (rows, inner), columns = a.shape[-2:], b.shape[-1]
    product = np.empty((*b.shape[:-2], rows, columns), b.dtype)
    height = max(1, min(rows, SERIAL // (16 * inner)))
    width = max(1, SERIAL // (height * inner))
    for top in range(0, rows, height):
        band = slice(top, top + height)
        for left in range(0, columns, width):
            block = slice(left, left + width)
            np.matmul(a[..., band, :], b[..., block], out=product[..., band, block])
    return product


def panel(dtype: np.dtype) -> int:
    return PANEL


def register_tile(dtype: np.dtype) -> None:
    return None


def gemm(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    groups, panels, *taps, channels, width = w.shape
    whole = np.moveaxis(w, (1, -1), (-2, -1)).reshape(groups, *taps, channels, panels * width)
    natural = np.moveaxis(whole[..., : out.shape[-len(taps) - 1]], (-1, -2), (1, 2))
    correlate(out, x, natural, bias, stride, dilation, relu)


def pointwise(out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool) -> None:
    correlate(out, x, w[..., None], bias, (1,), (1,), relu)


def depthwise(
    out: NDArray,
    x: NDArray,
    w: NDArray,
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    before: tuple[int, ...],
    relu: bool,
) -> None:
    places, taps = out.shape[-len(stride) :], w.shape[1:]
    x = _with_zeros(x, places, taps, stride, dilation, before)
    if len(w) == 1 or prod(places) >= prod(taps):
        correlate(out, x, w[:, None, None], bias, stride, dilation, relu)
        return
    # The same sums in the same order: rows of groups are added below each other.
    rank, batch = len(taps), x.shape[: -len(taps) - 2]
    terms = np.empty((1 + prod(taps), *batch, len(w)), out.dtype)
    terms[0] = bias[:, 0]
    products = terms[1:].reshape(*taps, *batch, len(w))
    weights = np.moveaxis(w, 0, -1).reshape(*taps, *(1 for _ in batch), len(w))
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for place in np.ndindex(places):
            steps = zip(place, stride, dilation, taps, strict=True)
            where: list[Any] = [slice(o * s, o * s + (k - 1) * d + 1, d) for o, s, d, k in steps]
            seen = np.moveaxis(x[(..., 0, *where)], range(-rank, 0), range(rank))
            np.multiply(seen, weights, out=products)
            np.add.reduce(terms, axis=0, out=out[(..., 0, *place)])
    if relu:
        np.maximum(out, 0, out=out)


def _with_zeros(
    x: NDArray,
    outputs: tuple[int, ...],
    taps: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    before: tuple[int, ...],
) -> NDArray:
    """All samples that are read, those beyond the edges, too."""
    rank = len(taps)
    steps = zip(outputs, taps, stride, dilation, strict=True)
    lengths = tuple((n - 1) * s + (k - 1) * d + 1 for n, k, s, d in steps)
    if not any(before) and all(map(le, lengths, x.shape[-rank:])):
        return x
    whole = np.empty_like(x, shape=(*x.shape[:-rank], *lengths))
    ends = zip(before, lengths, x.shape[-rank:], strict=True)
    extend(whole, x, tuple([runs("constant", (-zeros,), n, size) for zeros, n, size in ends]), 0)
    return whole


def weight_gradient(
    out: NDArray,
    x: NDArray,
    gradient: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
) -> None:
    rank = len(stride)
    by_channels = np.moveaxis(gradient, (-rank - 2, -rank - 1), (0, -1))
    factors = by_channels.reshape(by_channels.shape[0], -1, by_channels.shape[-1])
    lengths = gradient.shape[-rank:]
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for tap in np.ndindex(out.shape[-rank:]):
            seen = x[(..., *_reads(tap, dilation, stride, lengths))]
            by_outputs = np.moveaxis(seen, (-rank - 2, -rank - 1), (0, 1))
            samples = by_outputs.reshape(*by_outputs.shape[:2], -1)
            out[(..., *tap)] = _product(samples, factors).swapaxes(1, 2)


def extend(copy: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float) -> None:
    if any((table[:, 2] < 0).any() for table in runs):
        copy[...] = cval
    for combination in product(*map(_selections, runs)):
        to: Any = (..., *(places for places, _ in combination))
        copy[to] = _take(x, tuple(samples for _, samples in combination))


Selection = tuple[slice, slice | NDArray[np.int64]]


def _selections(runs: NDArray[np.int64]) -> list[Selection]:
    """Where each run goes, and the samples that it takes: slices, or one index map for many."""
    inside = runs[runs[:, 2] >= 0]
    if len(inside) == len(runs) > MANY:
        places, lengths, firsts, steps = runs.T
        into = np.arange(lengths.sum()) - np.repeat(places, lengths)
        index = np.repeat(firsts, lengths) + np.repeat(steps, lengths) * into
        return [(slice(0, index.size), index)]
    return [
        (slice(place, place + length), _slice(first, length, step))
        for place, length, first, step in inside.tolist()
    ]


def _slice(first: int, length: int, step: int) -> slice:
    if step == 0:
        return slice(first, first + 1)
    stop = first + step * length
    return slice(first, stop if stop >= 0 else None, step)


def _take(x: NDArray, of: tuple[slice | NDArray[np.int64], ...]) -> NDArray:
    """Samples selected along each filtered axis: by slices at once, by index maps in turn."""
    slices: list[Any] = [part if isinstance(part, slice) else slice(None) for part in of]
    samples = x[(..., *slices)]
    for axis, part in enumerate(of, -len(of)):
        if not isinstance(part, slice):
            samples = samples.take(part, axis)
    return samples


def store(out: NDArray, sums: NDArray) -> None:
    dtypes.store(out, sums)


@np.errstate(all="ignore")
def lengths(out: NDArray, parts: Sequence[NDArray]) -> None:
    squares: NDArray = np.square(parts[0])
    for part in parts[1:]:
        squares += np.square(part)
    floats = np.finfo(squares.dtype)
    if floats.tiny / floats.eps**2 < squares.max(initial=0) < np.inf:
        np.sqrt(squares, out=out)
    else:
        np.copyto(out, reduce(np.hypot, parts, np.zeros_like(squares)))


def are_plain_pairs(out: NDArray, parts: Sequence[NDArray]) -> bool:
    """Whether compiled code can take the components of vectors."""
    plain = all(a.flags.c_contiguous and a.flags.aligned for a in (out, *parts))
    return plain and len(parts) == 2 and out.dtype.char in "fd"


def recording(arrays: tuple[NDArray, ...], weights: tuple[NDArray, ...], room: NDArray) -> None:
    return None


def transform(out: NDArray, x: NDArray, inverse: bool) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    if inverse:
        samples = np.empty((n, x.shape[2]), np.result_type(x, np.complex64))
        samples[fourier.order(n)] = _join(x)
        _split(out, np.fft.ifft(samples, axis=0, norm="forward"))
    else:
        _split(out, np.fft.fft(_join(x), n, axis=0)[fourier.order(n)])


def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray) -> None:
    n, outputs = spectrum.shape[1], out.shape[1]
    step = n - x.shape[1] + outputs
    factors = np.empty_like(_join(spectrum))
    factors[fourier.order(n)] = _join(spectrum)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        for start in range(0, outputs, step):
            block = np.fft.fft(_join(x[:, start : start + n]), n, axis=0)
            block *= factors
            _split(out[:, start : start + step], np.fft.ifft(block, axis=0, norm="forward"))


def _join(planes: NDArray) -> NDArray:
    """Complex numbers of a real and an imaginary plane."""
    joined = np.empty(planes.shape[1:], np.result_type(planes, np.complex64))
    joined.real, joined.imag = planes
    return joined


def _split(planes: NDArray, values: NDArray) -> None:
    """The first rows of complex numbers, as a real and an imaginary plane."""
    planes[0], planes[1] = values.real[: planes.shape[1]], values.imag[: planes.shape[1]]


def box(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    rank = len(size)
    rows, beyond = out.shape[-rank], size[0] - 1
    band = max(BAND * rows // out.size, beyond, 1)
    for top in range(0, rows, band):
        height = min(band, rows - top)
        samples, sums = _part(x, -rank, top, height + beyond), _part(out, -rank, top, height)
        if out.dtype == w.dtype:
            _window_sums(sums, samples, w, bias, size, relu)
        else:
            exact, ones = np.empty(sums.shape, w.dtype), (1,) * rank
            _window_sums(exact, samples, np.ones_like(w), np.zeros_like(bias), size, False)
            exact *= w.reshape(*w.shape, *ones)
            exact += bias.reshape(*bias.shape, *ones)
            store(sums, exact)


def _window_sums(
    out: NDArray, x: NDArray, w: NDArray, bias: NDArray, size: tuple[int, ...], relu: bool
) -> None:
    """All windows of a band of rows, with intermediate sums of its size."""
    ones = (1,) * len(size)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        sums = x * w.reshape(*w.shape, *ones)
        for axis, length in enumerate(size, -len(size)):
            sums = _sums_of(length, sums, axis)
        np.add(sums, bias.reshape(*bias.shape, *ones), out=out)
    if relu:
        np.maximum(out, 0, out=out)


def _sums_of(length: int, x: NDArray, axis: int) -> NDArray:
    """Sums of neighbours: twice ``n`` of them are two times ``n``, side by side."""
    if length == 1:
        return x
    half = _sums_of(length // 2, x, axis)
    outputs = x.shape[axis] - length + 1
    sums: NDArray = _part(half, axis, 0, outputs) + _part(half, axis, length // 2, outputs)
    if length % 2:
        sums += _part(x, axis, length - 1, outputs)
    return sums


def _part(x: NDArray, axis: int, start: int, length: int) -> NDArray:
    """Some neighbours along an axis, counted from the last one."""
    where: list[Any] = [..., slice(start, start + length), *(slice(None),) * (-1 - axis)]
    part: NDArray = x[tuple(where)]
    return part


def finish(out: NDArray, bias: NDArray) -> bool:
    with np.errstate(invalid="ignore", over="ignore"):
        out += bias[:, None, None, None]
        return bool(np.isfinite(out).all())


def winograd_weights(values: NDArray, w: NDArray) -> None:
    down, across = _evaluations(points.WEIGHTS, values.shape[2])
    rows, cols = down.shape[1], across.shape[1]
    short = [(0, -w.shape[4] % rows), (0, -w.shape[5] % cols)]
    whole = np.pad(w, [(0, 0)] * 4 + short)
    blocks = whole.reshape(*w.shape[:4], whole.shape[4] // rows, rows, -1, cols).swapaxes(5, 6)
    both = np.kron(down, across).astype(np.float32)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        at_points = blocks.reshape(*w.shape[:4], -1, rows * cols) @ both.T
    values[...] = at_points.transpose(0, 1, 5, 4, 3, 2)


def winograd_samples(tiles: NDArray, x: NDArray) -> None:
    down, across = _evaluations(points.SAMPLES, len(tiles))
    sides = len(down), len(across)
    (m, n), (rows, cols) = points.TILES[len(tiles)], tiles.shape[3:5]
    room = np.zeros((*x.shape[:3], rows * m + sides[0] - m, cols * n + sides[1] - n), x.dtype)
    have = x[..., : room.shape[3], : room.shape[4]]
    room[..., : have.shape[3], : have.shape[4]] = have
    apart = sliding_window_view(room, sides, axis=(3, 4))[:, :, :, ::m, ::n]
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        values = down @ apart @ across.T
    tiles[...] = values.transpose(5, 6, 1, 0, 3, 4, 2).reshape(tiles.shape)


def winograd_outputs(out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
    down, across = _evaluations(points.OUTPUTS, len(tiles))
    values = tiles.reshape(down.shape[1], across.shape[1], *tiles.shape[1:])
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        # (G, B, down, across, channels, outputs down, outputs across)
        sums = down @ np.moveaxis(values, (0, 1), (-2, -1)) @ across.T
        batch, rows, cols = out.shape[0], *out.shape[3:]
        planes = sums.transpose(1, 0, 4, 2, 5, 3, 6).reshape(
            batch, *bias.shape, sums.shape[2] * len(down), -1
        )
        np.add(planes[..., :rows, :cols], bias[..., None, None], out=out)
        finite = bool(np.isfinite(out).all())
    if relu:
        np.maximum(out, 0, out=out)
    return finite


def _evaluations(matrices: dict[int, NDArray], count: int) -> tuple[NDArray, NDArray]:
    """The matrices for tiles of so many points, down and across: 1 where these are lines."""
    down, across = points.TILES[count]
    one = np.ones((1, 1), np.float32)
    return matrices[down], matrices[across] if across > 1 else one


def epilogue(out, bias, relu):
    finite = finish(out, bias)
    if relu:
        np.maximum(out, 0, out=out)
    return finite


def in_range(x, limit):
    return bool(np.isfinite(x).all())


def accumulate(out, x):
    out += x


class NumpyBackend(Backend):
    name = "numpy"
    rates = RATES
    min_interior_bytes, min_tile_macs, hand_over_seconds = STRIPS, PIECE, HAND_OVER
    sums_in_order = False
    unavailable = staticmethod(unavailable)
    describe = staticmethod(describe)
    warmup = staticmethod(warmup)
    panel = staticmethod(panel)
    register_tile = staticmethod(register_tile)
    correlate = staticmethod(correlate)
    correlate_sparse = staticmethod(correlate_sparse)
    box = staticmethod(box)
    gemm = staticmethod(gemm)
    pointwise = staticmethod(pointwise)
    depthwise = staticmethod(depthwise)
    weight_gradient = staticmethod(weight_gradient)
    winograd_weights = staticmethod(winograd_weights)
    winograd_samples = staticmethod(winograd_samples)
    winograd_outputs = staticmethod(winograd_outputs)
    transform = staticmethod(transform)
    filter_columns = staticmethod(filter_columns)
    epilogue = staticmethod(epilogue)
    in_range = staticmethod(in_range)
    accumulate = staticmethod(accumulate)
    magnitude = staticmethod(lengths)
    pad = staticmethod(extend)
    store = staticmethod(store)

    def program(self, weights):
        from ...run.program import Program

        return Program(self, weights)


backend = NumpyBackend()
