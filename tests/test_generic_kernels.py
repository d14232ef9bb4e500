"""The loops over typed memoryviews, and NumPy's kernels, held to definitions in plain NumPy.

Numbers are whole and small where results must be equal, so that every sum is exact in any order.
Every kernel runs with its inputs read-only, its output inside guarded memory, and floating-point
errors set to raise.
"""

from __future__ import annotations

import os
import threading
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

from fastconv.backends import numpy_backend
from fastconv.backends.geometry import fourier
from fastconv.backends.geometry.winograd import TILES
from fastconv.problem.boundary import runs

pytestmark = pytest.mark.compiled

DTYPES = ["float32", "float64", "int64"]
FLOATS = DTYPES[:2]
TAPS = [(3,), (2, 3), (2, 1, 3), (2, 1, 2, 2), (1, 2, 1, 2, 2)]
LAYOUTS = ["packed", "gaps", "turned"]
GUARD = 32


@pytest.fixture(params=["generic", "numpy"])
def kernels(request):
    if request.param == "numpy":
        return numpy_backend.backend
    try:
        return import_module("fastconv.backends.cython_backend._kernels_generic")
    except ImportError as error:
        if os.environ.get("FASTCONV_REQUIRE_BACKENDS") == "1":
            raise
        pytest.skip(str(error))


def panel(kernels):
    return getattr(kernels, "PANEL", 32)


def whole(shape, dtype="float32", seed=0):
    """Whole numbers from -4 to 4."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def laid(values, layout, frozen=True):
    """The same values in other strides."""
    if layout == "gaps":
        memory = np.zeros((*values.shape[:-1], 2 * values.shape[-1] + 3), values.dtype)
        view = memory[..., 1 : 1 + 2 * values.shape[-1] : 2]
    elif layout == "turned":
        view = np.zeros(values.shape[::-1], values.dtype).T
    else:
        view = np.zeros(values.shape, values.dtype)
    view[...] = values
    view.flags.writeable = not frozen
    return view


class Guarded:
    """An array in the middle of memory that must not change."""

    def __init__(self, shape, dtype, layout="packed"):
        one = laid(np.zeros(shape, dtype), layout)
        steps = one.strides
        size = sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) // one.itemsize + 1
        self.memory = np.empty(size + 2 * GUARD, dtype)
        self.memory.view(np.uint8)[...] = 0xA5
        self.foreign = np.ones(self.memory.size, bool)
        flags = [step // one.itemsize for step in steps]
        self.array = as_strided(self.memory[GUARD:], shape, steps)
        as_strided(self.foreign[GUARD:], shape, flags)[...] = False
        self.before = self.memory[self.foreign].tobytes()

    def filled(self):
        assert self.memory[self.foreign].tobytes() == self.before, "wrote outside of out"
        return self.array


def call(kernel, shape, dtype, *arguments, layout="packed", into=None):
    """What a kernel puts into guarded memory, which may hold something, and what it returns."""
    out = Guarded(shape, dtype, layout)
    if into is not None:
        out.array[...] = into
    frozen = [laid(a, layout) if isinstance(a, np.ndarray) else a for a in arguments]
    with np.errstate(all="raise"):
        said = kernel(out.array, *frozen)
    return out.filled(), said


def extent(outputs, taps, stride, dilation):
    """Samples that so many outputs read."""
    axes = zip(outputs, taps, stride, dilation, strict=True)
    return tuple((n - 1) * s + (k - 1) * d + 1 for n, k, s, d in axes)


def defined(x, w, bias, stride=None, dilation=None, relu=False):
    """Bias plus, for each channel and tap, a shifted view times a weight."""
    rank = w.ndim - 3
    stride, dilation = stride or (1,) * rank, dilation or (1,) * rank
    axes = zip(x.shape[-rank:], w.shape[3:], stride, dilation, strict=True)
    outputs = [(n - (k - 1) * d - 1) // s + 1 for n, k, s, d in axes]
    ones = (1,) * rank
    total = np.zeros((*x.shape[: -rank - 2], *w.shape[:2], *outputs), x.dtype)
    total += bias.reshape(*bias.shape, *ones)
    for c, *tap in np.ndindex(w.shape[2:]):
        axes = zip(tap, dilation, outputs, stride, strict=True)
        seen = tuple(slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in axes)
        samples = x[(..., slice(None), c, *(slice(None),) * rank)][(..., *seen)]
        weights = w[(slice(None), slice(None), c, *tap)].reshape(*w.shape[:2], *ones)
        with np.errstate(all="ignore"):
            total += samples[(..., None, *(slice(None),) * rank)] * weights
    return np.where(total < 0, 0, total) if relu else total


# -- filters ------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("taps", TAPS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_correlate(dtype, taps, layout, kernels):
    rank = len(taps)
    outputs = (3, 2, 4, 2, 3)[:rank]
    for batch, (groups, filters, channels), step, gap in (
        ((), (1, 1, 1), 1, 1),
        ((2, 3), (2, 3, 2), 1, 2),
        ((3,), (1, 2, 3), 2, 1),
        ((1, 2, 1), (1, 1, 2), 3, 2),
    ):
        stride, dilation = (step,) * rank, (gap, *(1,) * (rank - 1))
        size = extent(outputs, taps, stride, dilation)
        x = whole((*batch, groups, channels, *size), dtype)
        w, bias = (
            whole((groups, filters, channels, *taps), dtype, 1),
            whole((groups, filters), dtype),
        )
        for relu in (False, True):
            wanted = defined(x, w, bias, stride, dilation, relu)
            more = (x, w, bias, stride, dilation, relu)
            got, _ = call(kernels.correlate, wanted.shape, dtype, *more, layout=layout)
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("taps", TAPS[:4], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_listed_taps(dtype, taps, kernels):
    rank = len(taps)
    stride, dilation = (2, *(1,) * (rank - 1)), (2, 3, 1, 2)[:rank]
    x = whole((2, 3, 1, *extent((3,) * rank, taps, stride, dilation)), dtype)
    dense, bias = whole((3, 2, 1, *taps), dtype, 1), whole((3, 2), dtype, 2)
    offsets = np.argwhere(np.random.default_rng(3).random(taps) < 0.6)[::-1].copy()
    offsets = offsets if len(offsets) else np.zeros((1, rank), np.int64)
    w = np.stack([dense[(slice(None), slice(None), 0, *tap)] for tap in offsets.tolist()], -1)
    kept = np.zeros_like(dense)
    for tap in offsets.tolist():
        kept[(..., *tap)] = dense[(..., *tap)]
    for relu in (False, True):
        wanted = defined(x, kept, bias, stride, dilation, relu)
        more = (x, w, offsets, bias, stride, dilation, relu)
        got, _ = call(kernels.correlate_sparse, wanted.shape, dtype, *more)
        np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("size", [(1,), (7,), (3, 2), (1, 12), (2, 3, 5), (2, 1, 3, 2)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_box(dtype, size, layout, kernels):
    x, ones = whole((2, 3, 1, *(n + 3 for n in size)), dtype), (1,) * len(size)
    w, bias = whole((3, 1), dtype, 1), whole((3, 1), dtype, 2)
    dense = np.broadcast_to(w.reshape(3, 1, 1, *ones), (3, 1, 1, *size))
    for relu in (False, True):
        wanted = defined(x, dense, bias, relu=relu)
        got, _ = call(kernels.box, wanted.shape, dtype, x, w, bias, size, relu, layout=layout)
        np.testing.assert_array_equal(got, wanted)


def test_boxes_of_bytes_are_exact(kernels):
    x = np.random.default_rng(0).integers(0, 256, (2, 1, 1, 40, 50), np.uint8)
    for size in ((3, 3), (31, 20), (1, 2)):
        wide = np.lib.stride_tricks.sliding_window_view(x.astype(int), size, (-2, -1)).sum((-2, -1))
        for weight, add in ((1 / np.prod(size), 0.0), (0.5, -3.0), (10.0, 0.25)):
            w, bias = np.full((1, 1), weight, "f4"), np.full((1, 1), add, "f4")
            got, _ = call(kernels.box, wide.shape, "u1", x, w, bias, size, False)
            exact = wide.astype("f4") * w[0, 0] + bias[0, 0]
            np.testing.assert_array_equal(got, np.clip(np.rint(exact), 0, 255).astype("u1"))


def test_box_subtracts_nothing(kernels):
    x = np.full((1, 1, 1, 4, 64), 1, "float32")
    x[..., 5] = 1e20
    w, bias = np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")
    got, _ = call(kernels.box, (1, 1, 1, 4, 58), "float32", x, w, bias, (1, 7), False)
    np.testing.assert_array_equal(got[..., 6:], 7)


def test_the_loops_sum_channels_and_taps_in_order():
    kernels = pytest.importorskip("fastconv.backends.cython_backend._kernels_generic")
    w = np.array([[[[1e30, 1, -1e30], [3, 1e30, -1e30]]]], "float32").reshape(1, 1, 2, 3)
    x, bias = np.ones((1, 1, 2, 3), "float32"), np.full((1, 1), 5, "float32")
    got, _ = call(kernels.correlate, (1, 1, 1, 1), "float32", x, w, bias, (1,), (1,), False)
    assert got.item() == 0  # 5 and 1 drown in 1e30, 3 in the second one
    x4, w4 = x.reshape(1, 1, 2, 3, 1, 1, 1), w.reshape(1, 1, 2, 3, 1, 1, 1)
    many = (x4, w4, bias, (1,) * 4, (1,) * 4, False)
    got, _ = call(kernels.correlate, (1, 1, 1, 1, 1, 1, 1), "float32", *many)
    assert got.item() == 0
    w = w[..., ::-1].copy()
    got, _ = call(kernels.correlate, (1, 1, 1, 1), "float32", x, w, bias, (1,), (1,), False)
    assert got.item() == 3  # the last weight of the last channel


# -- matrix products ----------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("taps", TAPS[:3], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_gemm_and_weight_gradient(dtype, taps, layout, kernels):
    rank, width = len(taps), panel(kernels)
    stride, dilation = (2, *(1,) * (rank - 1)), (1,) * (rank - 1) + (2,)
    outputs = (3,) * rank
    for batch, groups, filters, depth in (((), 1, 1, 1), ((2, 3), 2, 2 * width + 1, 3)):
        x = whole((*batch, groups, depth, *extent(outputs, taps, stride, dilation)), dtype)
        w, bias = whole((groups, filters, depth, *taps), dtype, 1), whole((groups, filters), dtype)
        count = -(-filters // width)
        packed = np.zeros((groups, count * width, depth, *taps), dtype)
        packed[:, :filters] = w
        packed = packed.reshape(groups, count, width, depth, *taps)
        packed = np.moveaxis(packed, (2, 3), (-1, -2))
        for relu in (False, True):
            wanted = defined(x, w, bias, stride, dilation, relu)
            more = (x, packed, bias, stride, dilation, relu)
            got, _ = call(kernels.gemm, wanted.shape, dtype, *more, layout=layout)
            np.testing.assert_array_equal(got, wanted)
        gradient = whole((*batch, groups, filters, *outputs), dtype, 3)
        more = (x, gradient, stride, dilation)
        got, _ = call(kernels.weight_gradient, w.shape, dtype, *more, layout=layout)
        # <gradient, conv(x, w)> is <weight gradient, w>.
        no_bias = np.zeros_like(bias)
        assert (gradient * defined(x, w, no_bias, stride, dilation)).sum() == (got * w).sum()


@pytest.mark.parametrize("dtype", FLOATS)
def test_pointwise(dtype, kernels):
    for batch, groups, filters, depth in (((), 1, 1, 1), ((2, 3), 2, 5, 3)):
        x, w = whole((*batch, groups, depth, 7), dtype), whole((groups, filters, depth), dtype, 1)
        bias = whole((groups, filters), dtype, 2)
        for relu in (False, True):
            wanted = defined(x, w[..., None], bias, relu=relu)
            got, _ = call(kernels.pointwise, wanted.shape, dtype, x, w, bias, relu)
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("taps", TAPS[:3], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_depthwise_with_zeros_around(dtype, taps, kernels):
    rank, bias = len(taps), whole((4, 1), dtype, 2)
    w = whole((4, *taps), dtype, 1)
    for stride, dilation in (((1,) * rank, (1,) * rank), ((2,) * rank, (2,) * rank)):
        for before, behind in product((0, 2), (0, 1)):
            inside = whole((2, 4, 1, *(extent((4,) * rank, taps, stride, dilation))), dtype)
            x = np.pad(inside, [(0, 0)] * 3 + [(before, behind)] * rank)
            for relu in (False, True):
                wanted = defined(x, w[:, None, None], bias, stride, dilation, relu)
                more = (inside, w, bias, stride, dilation, (before,) * rank, relu)
                got, _ = call(kernels.depthwise, wanted.shape, dtype, *more)
                np.testing.assert_array_equal(got, wanted)


# -- transforms ---------------------------------------------------------------------------------


@pytest.mark.parametrize("points", TILES)
def test_winograd_is_correlation(points, kernels):
    (m, n), width = TILES[points], 4
    taps, outputs = ((3, 3) if n > 1 else (3, 1)), (2 * m + 1, 2 * n + (n > 1))
    x = whole((2, 3, 5, outputs[0] + 2, outputs[1] + taps[1] - 1))
    w, bias = whole((3, 8, 5, *taps), seed=1), whole((3, 8), seed=2)
    panels = w.reshape(3, 2, width, 5, *taps)[..., ::-1, ::-1].copy()[..., ::-1, ::-1]
    values, _ = call(kernels.winograd_weights, (3, 2, points, 1, 5, width), "f4", panels)
    shape = (points, 3, 2, *(-(-k // t) for k, t in zip(outputs, (m, n), strict=True)), 5)
    tiles, _ = call(kernels.winograd_samples, shape, "f4", x)
    products = np.einsum("pgbyxc,gnpack->pgbyxnk", tiles, values).reshape(*shape[:-1], 8)
    for relu in (False, True):
        more = (products, bias, relu)
        got, finite = call(kernels.winograd_outputs, (2, 3, 8, *outputs), "f4", *more)
        assert finite is True
        np.testing.assert_allclose(got, defined(x, w, bias, relu=relu), atol=2e-3)
    products[0, 0, 1, 0, 0, 3] = -np.inf
    got, finite = call(kernels.winograd_outputs, got.shape, "f4", products, bias, True)
    assert finite is False
    assert got[1, 0, 3, 0, 0] == 0


@pytest.mark.parametrize("points", TILES)
def test_winograd_weights_come_in_blocks(points, kernels):
    taps, across = ((5, 7), 3) if TILES[points][1] > 1 else ((5, 1), 1)
    w = whole((1, 2, 3, 4, *taps), seed=1)
    blocks = [(top, left) for top in (0, 3) for left in range(0, taps[1], 3)]
    shape = (1, 2, points, len(blocks), 4, 3)
    values, _ = call(kernels.winograd_weights, shape, "f4", w)
    for block, (top, left) in enumerate(blocks):
        part = w[..., top : top + 3, left : left + across]
        short = [(0, 3 - part.shape[-2]), (0, across - part.shape[-1])]
        part = np.pad(part, [(0, 0)] * 4 + short)
        alone, _ = call(kernels.winograd_weights, (1, 2, points, 1, 4, 3), "f4", part)
        np.testing.assert_allclose(values[:, :, :, block], alone[:, :, :, 0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("n", [n for n in fourier.LENGTHS if n <= 320])
@pytest.mark.parametrize("dtype", FLOATS)
def test_transforms(dtype, n, kernels):
    rng, eps = np.random.default_rng(0), np.finfo(dtype).eps
    x = rng.normal(size=(2, n - 3, 5)).astype(dtype)
    for layout in LAYOUTS:
        there, _ = call(kernels.transform, (2, n, 5), dtype, x, False, layout=layout)
        wanted = np.fft.fft(x[0] + 1j * x[1].astype(float), n, axis=0)[fourier.order(n)]
        assert np.abs(there[0] + 1j * there[1] - wanted).max() < 60 * eps * n**0.5
        back, _ = call(kernels.transform, x.shape, dtype, there.copy(), True, layout=layout)
        assert np.abs(back / n - x).max() < 60 * eps


@pytest.mark.parametrize("dtype", FLOATS)
def test_columns_are_filtered_in_place_as_well(dtype, kernels):
    n, taps = 48, 5
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(2, 133, 6)).astype(dtype), rng.normal(size=(taps, 6))
    spectrum = np.fft.fft(w[::-1], n, axis=0)[fourier.order(n)] / n
    spectrum *= np.exp(2j * np.pi * fourier.order(n) * (taps - 1) / n)[:, None]
    planes = np.stack((spectrum.real, spectrum.imag)).astype(dtype)
    got, _ = call(kernels.filter_columns, (2, 129, 6), dtype, x, planes)
    wanted = sum(w[t] * x[:, t : t + 129].astype(float) for t in range(taps))
    assert np.abs(got - wanted).max() < 200 * np.finfo(dtype).eps
    kernels.filter_columns(x[:, :129], x, planes)
    np.testing.assert_array_equal(x[:, :129], got)


# -- sums and checks ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
def test_epilogue(dtype, kernels):
    sums, bias = whole((3, 2, 4, 5), dtype), whole(3, dtype, 1)
    wanted = sums + bias[:, None, None, None]
    for bad, relu in product((None, np.nan, np.inf, -np.inf), (False, True)):
        for place in ((0, 0, 0, 0), (2, 1, 3, 4)):
            some = sums.copy()
            some[place] = some[place] if bad is None else bad
            got, finite = call(kernels.epilogue, sums.shape, dtype, bias, relu, into=some)
            assert finite is (bad is None)
            expected = wanted.copy()
            expected[place] = expected[place] if bad is None else bad
            np.testing.assert_array_equal(got, np.maximum(expected, 0) if relu else expected)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("shape", [(40,), (33, 50), (2, 17, 20), (2, 1, 3, 20, 33)], ids=str)
def test_in_range(shape, dtype, kernels):
    inf, corner = np.inf, (-1,) * len(shape)

    def said(x, limit):
        answers = [kernels.in_range(laid(x, layout), limit) for layout in LAYOUTS]
        assert all(type(answer) is bool for answer in answers)
        assert len({*answers}) == 1
        return answers[0]

    with np.errstate(all="raise"):
        assert said(np.zeros(shape, dtype), 16.0)
        x = np.ones(shape, dtype)
        for value in (np.nan, inf, -inf):
            x[corner] = value
            assert not said(x, inf)
            assert not said(x, 1e9)
        x[corner] = -1024
        assert said(x, inf)
        assert said(x, 1024.0)
        assert not said(x, 1023.0)
        x[...] = 0
        x[corner] = -64
        assert said(x, 8.0)
        assert not said(x, 7.0)  # the first block is all zero
        x[(0,) * len(shape)] = 1e-30
        assert not said(x, 8.0)


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 1, 2, 5)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
def test_accumulate(dtype, shape, kernels):
    sums, x = whole(shape, dtype), whole(shape, dtype, 1)
    for layout in LAYOUTS:
        got, _ = call(kernels.accumulate, shape, dtype, x, layout=layout, into=sums)
        np.testing.assert_array_equal(got, sums + x)


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("dtype", FLOATS)
def test_magnitude(dtype, count, kernels):
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    parts = rng.normal(size=(count, 3, 40)).astype(dtype)
    parts[:, 0] *= info.max / 8
    parts[:, 1] *= info.tiny
    parts[:, 2, :10] = 0
    wanted = np.sqrt((parts.astype(np.longdouble) ** 2).sum(0))
    with np.errstate(all="raise"):
        for out in (np.empty_like(parts[0]), parts[0]):
            kernels.magnitude(out, tuple(parts))
            least = float(info.smallest_subnormal)
            assert (np.abs(out - wanted) <= 2 * info.eps * wanted + 2 * least).all()


# -- what is not finite, errors, threads --------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_bad_samples_reach_the_outputs_that_read_them(dtype, relu, bad, kernels):
    x = whole((1, 1, 7, 20), dtype)
    x[0, 0, 3, 9] = bad
    w, bias = whole((1, 1, 1, 3, 3), dtype, 1), np.zeros((1, 1), dtype)
    w[..., 1, 1] = 0
    ones, shape = (1, 1), (1, 1, 5, 18)
    wanted = defined(x, w, bias, relu=relu)
    for name, *more in (
        ("correlate", x, w, bias, ones, ones, relu),
        (
            "correlate_sparse",
            x,
            w.reshape(1, 1, 9),
            np.argwhere(np.ones((3, 3))),
            bias,
            ones,
            ones,
            relu,
        ),
        ("depthwise", x, w[:, 0, 0], bias, ones, ones, (0, 0), relu),
    ):
        got, _ = call(getattr(kernels, name), shape, dtype, *more)
        np.testing.assert_array_equal(got, wanted, err_msg=name)
    got, _ = call(kernels.box, shape, dtype, x, np.ones((1, 1), dtype), bias, (3, 3), relu)
    np.testing.assert_array_equal(got, defined(x, np.ones_like(w), bias, relu=relu))


@pytest.mark.parametrize("value", [1e-30, 1e-40, 3e38, np.inf, np.nan])
def test_no_error_state_is_heeded(value, kernels):
    """Underflow, overflow and invalid operations, under errstate(all="raise") and as warnings."""
    f4, ones, x = "float32", (1, 1), np.full((1, 1, 9, 9), value, "float32")
    w, bias, n = np.full((1, 1, 1, 3, 3), value, f4), np.zeros((1, 1), f4), (1, 1, 7, 7)
    call(kernels.correlate, n, f4, x, w, bias, ones, ones, True)
    call(kernels.correlate, n, f4, x.repeat(2, 1), w.repeat(2, 2), bias, ones, ones, True)
    call(kernels.box, n, f4, x, w[..., 0, 0, 0], bias, (3, 3), True)
    call(kernels.depthwise, n, f4, x, w[:, 0, 0], bias, ones, ones, (0, 0), True)
    call(kernels.pointwise, (1, 1, 81), f4, x.reshape(1, 1, 81), w[..., 0, 0], bias, True)
    call(kernels.weight_gradient, (1, 1, 1, 3, 3), f4, x, x[..., :7, :7], ones, ones)
    call(kernels.winograd_weights, (1, 1, 16, 1, 1, 1), f4, w[None])
    tiles, _ = call(kernels.winograd_samples, (16, 1, 1, 4, 4, 1), f4, x[None])
    call(kernels.winograd_outputs, (1, 1, 1, 7, 7), f4, tiles, bias, True)
    z = x.repeat(2, 0)[:, 0]
    spectrum, _ = call(kernels.transform, (2, 12, 9), f4, z, False)
    call(kernels.transform, (2, 9, 9), f4, spectrum, True)
    call(kernels.filter_columns, (2, 4, 9), f4, z, spectrum)
    call(kernels.epilogue, x.shape, f4, x[0, 0, 0, :1], True, into=x)
    call(kernels.accumulate, x.shape, f4, x, into=x)
    call(kernels.magnitude, x.shape, f4, (x, x))
    call(kernels.store, x.shape, "float16", x)
    whole_table = (runs("nearest", (0,), 9, 9),) * 2
    call(kernels.pad, x.shape, f4, x.astype("f8") * 1e-10, whole_table, 0.0)
    with np.errstate(all="raise"):
        kernels.in_range(x, 4096.0)


def test_other_threads_run_during_a_loop():
    kernels = pytest.importorskip("fastconv.backends.cython_backend._kernels_generic")
    x, w, bias = np.ones((1, 1, 600, 600)), np.ones((1, 1, 1, 9, 9)), np.zeros((1, 1))
    out, begun, turns = np.empty((1, 1, 592, 592)), threading.Event(), []

    def work():
        begun.set()
        kernels.correlate(out, x, w, bias, (1, 1), (1, 1), False)

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait(60)
    while thread.is_alive():
        turns.append(1)
        thread.join(0.001)
    assert len(turns) > 2
    np.testing.assert_array_equal(out, 81)
