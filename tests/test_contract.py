"""What `backends/_protocol.py` says of the `contract` kernels, asked of each backend directly.

Numbers are whole and small where results are compared with the definition, so that every sum is
exact in any order; `test_backends.py` has the definition, and the guards around memory.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
from interpreter import FENCED, printed
from numpy.lib.stride_tricks import as_strided
from oracle import Expected
from test_backends import Framed, definition, others_run_during, whole
from tolerance import assert_close

from fastconv import backends

pytestmark = pytest.mark.compiled

DTYPES = ["float32", "float64"]
BATCHES = [((), 1), ((2,), 3), ((2, 3), 1), ((3, 1, 2), 2)]


@pytest.fixture
def kernels(backend):
    """Each backend in turn."""
    return backends.load(backend)


def channels_last(shape, rank, dtype, seed=0, gap=0):
    """Whole numbers, `(*B, G, C, *S)` with channels as neighbours, and gaps between pixels."""
    lead, lengths = shape[:-rank], shape[-rank:]
    memory = whole((*lead[:-2], *lengths, lead[-2], lead[-1] + gap), dtype, seed)
    return np.moveaxis(memory[..., : lead[-1]], (-2, -1), (-rank - 2, -rank - 1))


def framed(shape, order, dtype, gap):
    """Guarded memory, its axes in this order from the slowest, with gaps between rows."""
    steps, step = [0] * len(shape), 1
    for axis in reversed(order):
        steps[axis] = step
        step *= shape[axis] + (gap if axis == order[-1] else 0)
    return Framed(shape, dtype, steps)


def panels(w, width):
    """Weights `(G, K, C, *T)` as panels of output channels, `(G, panels, *T, C, width)`."""
    groups, filters = w.shape[:2]
    count = -(-filters // width)
    whole_panels = np.zeros((groups, count * width, *w.shape[2:]), w.dtype)
    whole_panels[:, :filters] = w
    split = whole_panels.reshape(groups, count, width, *w.shape[2:])
    return np.ascontiguousarray(np.moveaxis(split, (2, 3), (-1, -2)))


def channels(kernels, x, w, bias=None, stride=None, dilation=None, relu=False, gap=0):
    """Run `gemm` into guarded memory, and compare with the definition."""
    rank = w.ndim - 3
    stride, dilation = stride or (1,) * rank, dilation or (1,) * rank
    bias = whole(w.shape[:2], w.dtype, 2) if bias is None else bias
    wanted = definition(x, w, bias, stride, dilation, relu)
    axes = range(wanted.ndim)
    order = [*axes[: -rank - 2], *axes[-rank:], *axes[-rank - 2 : -rank]]
    out = framed(wanted.shape, order, x.dtype, gap)
    packed = panels(w, kernels.panel(w.dtype))
    kernels.gemm(out.array, x, packed, bias, stride, dilation, relu)
    out.assert_intact()
    np.testing.assert_array_equal(out.array, wanted)


def groups_last(shape, rank, dtype, seed=0, gap=0):
    """Whole numbers, `(*B, G, 1, *S)` with groups as neighbours, and gaps between pixels."""
    lead, lengths = shape[:-rank], shape[-rank:]
    one_group = channels_last((*lead[:-2], 1, lead[-2], *lengths), rank, dtype, seed, gap)
    return one_group.swapaxes(-rank - 2, -rank - 1)


def weights_of_groups(groups, taps, dtype):
    """Weights `(G, *T)`, with groups as neighbours."""
    return np.moveaxis(whole((*taps, groups), dtype, 1), -1, 0)


def taps(kernels, x, w, bias=None, stride=None, dilation=None, relu=False, gap=0, zeros=None):
    """Run `depthwise` into guarded memory, and compare with the definition.

    ``zeros`` counts those in front of and behind the samples along each axis.
    """
    rank = w.ndim - 1
    stride, dilation = stride or (1,) * rank, dilation or (1,) * rank
    zeros = zeros or ((0, 0),) * rank
    bias = whole((len(w), 1), w.dtype, 2) if bias is None else bias
    extended = np.pad(x, [(0, 0)] * (x.ndim - rank) + [*zeros])
    wanted = definition(extended, w[:, None, None], bias, stride, dilation, relu)
    axes = range(wanted.ndim)
    order = [*axes[: -rank - 2], *axes[-rank:], axes[-rank - 1], axes[-rank - 2]]
    out = framed(wanted.shape, order, x.dtype, gap)
    before = tuple(front for front, _ in zeros)
    kernels.depthwise(out.array, x, w, bias, stride, dilation, before, relu)
    out.assert_intact()
    np.testing.assert_array_equal(out.array, wanted)


def planes(kernels, x, w, bias=None, relu=False, gap=0):
    """Run `pointwise` into guarded memory, and compare with the definition."""
    bias = whole(w.shape[:2], w.dtype, 2) if bias is None else bias
    wanted = definition(x, w[..., None], bias, (1,), (1,), relu)
    out = framed(wanted.shape, range(wanted.ndim), x.dtype, gap)
    kernels.pointwise(out.array, x, w, bias, relu)
    out.assert_intact()
    np.testing.assert_array_equal(out.array, wanted)


def sums_over_outputs(x, gradient, taps, stride, dilation):
    """The sentence itself: for each tap, the samples that it met, times what came of them."""
    rank = len(taps)
    lengths = gradient.shape[-rank:]
    groups, filters = gradient.shape[-rank - 2 : -rank]
    depth = x.shape[-rank - 1]
    sums = np.zeros((groups, filters, depth, *taps), x.dtype)
    g = gradient.reshape(-1, groups, filters, *lengths)
    for tap in np.ndindex(taps):
        seen = tuple(
            slice(t * d, t * d + (n - 1) * s + 1, s)
            for t, d, n, s in zip(tap, dilation, lengths, stride, strict=True)
        )
        samples = x[(..., *seen)].reshape(-1, groups, depth, *lengths)
        for k, c in np.ndindex(filters, depth):
            with np.errstate(invalid="ignore"):
                products = g[:, :, k] * samples[:, :, c]
                sums[(slice(None), k, c, *tap)] = products.sum((0, *range(2, 2 + rank)))
    return sums


def outputs(kernels, x, gradient, taps, stride=None, dilation=None, gap=0):
    """Run `weight_gradient` on guarded memory, and compare with the definition."""
    rank = len(taps)
    stride, dilation = stride or (1,) * rank, dilation or (1,) * rank
    sums = sums_over_outputs(x, gradient, taps, stride, dilation)
    out = framed(sums.shape, [0, *range(2, 3 + rank), 1], x.dtype, gap)
    kernels.weight_gradient(out.array, x, gradient, stride, dilation)
    out.assert_intact()
    np.testing.assert_array_equal(out.array, sums)


def extent(outputs, taps, stride=1, dilation=1):
    """Samples that so many outputs read."""
    return (outputs - 1) * stride + (taps - 1) * dilation + 1


# -- out is bias plus the sum over channels and taps --------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_of_every_number_of_outputs_and_filters(dtype, kernels):
    width = kernels.panel(np.dtype(dtype))
    x, w = channels_last((1, 3, 14), 1, dtype), whole((1, 2 * width + 1, 3, 2), dtype, 1)
    for outputs in range(1, 14):
        for filters in {1, 2, 3, 5, outputs, width - 1, width, width + outputs, 2 * width + 1}:
            channels(kernels, x[..., : outputs + 1], w[:, :filters])


@pytest.mark.parametrize("dtype", DTYPES)
def test_taps_of_every_number_of_outputs_and_groups(dtype, kernels):
    x, w = groups_last((1, 70, 1, 14), 1, dtype), weights_of_groups(70, (2,), dtype)
    for outputs in range(1, 14):
        for groups in {1, 2, 3, 5, 31, 64, 65 + outputs % 5, *range(outputs, 70, 13)}:
            taps(kernels, x[:, :groups, :, : outputs + 1], w[:groups])


@pytest.mark.parametrize("dtype", DTYPES)
def test_planes_of_every_number_of_outputs_and_filters(dtype, kernels):
    x, w = whole((1, 3, 70), dtype), whole((1, 13, 3), dtype, 1)
    for outputs in range(1, 71):
        for filters in {1, 2, 5, 6, 1 + outputs % 13}:
            planes(kernels, x[..., :outputs], w[:, :filters])


@pytest.mark.parametrize("dtype", DTYPES)
def test_outputs_of_every_number_of_channels(dtype, kernels):
    x, gradient = channels_last((2, 1, 13, 6), 1, dtype), channels_last((2, 1, 40, 5), 1, dtype, 1)
    for filters in range(1, 41):
        for depth in {1, 2, 5, 6, 1 + filters % 13}:
            outputs(kernels, x[:, :, :depth], gradient[:, :, :filters], (2,))


@pytest.mark.parametrize("stride", [(1, 1), (2, 1), (1, 3), (2, 2)], ids=str)
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3), (3, 1)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_and_dilations(dtype, dilation, stride, kernels):
    window, places = (3, 2), (4, 5)
    lengths = tuple(map(extent, places, window, stride, dilation))
    x = channels_last((2, 1, 5, *lengths), 2, dtype)
    channels(kernels, x, whole((1, 9, 5, *window), dtype, 1), None, stride, dilation)
    gradient = channels_last((2, 1, 7, *places), 2, dtype, 1)
    outputs(kernels, x, gradient, window, stride, dilation)
    groups, w = groups_last((2, 19, 1, *lengths), 2, dtype), weights_of_groups(19, window, dtype)
    taps(kernels, groups, w, None, stride, dilation)


@pytest.mark.parametrize(("batch", "groups"), BATCHES, ids=str)
@pytest.mark.parametrize("window", [(3,), (2, 3), (2, 1, 3), (1,), (1, 1)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_batches_groups_and_axes(dtype, window, batch, groups, kernels):
    rank = len(window)
    lengths = tuple(extent(3, k) for k in window)
    for depth, filters in ((1, 1), (4, 11), (3, kernels.panel(np.dtype(dtype)) + 2)):
        x = channels_last((*batch, groups, depth, *lengths), rank, dtype, gap=3)
        channels(kernels, x, whole((groups, filters, depth, *window), dtype, 1), gap=2)
        gradient = channels_last((*batch, groups, filters, *(3,) * rank), rank, dtype, 1, gap=1)
        outputs(kernels, x, gradient, window, gap=2)
        samples = whole((*batch, groups, depth, 21 + 4), dtype)[..., :21]
        planes(kernels, samples, whole((groups, filters, depth), dtype, 1), gap=5)
    for many in (groups, 7 * groups, 18 * groups):
        x = groups_last((*batch, many, 1, *lengths), rank, dtype, gap=3)
        taps(kernels, x, weights_of_groups(many, window, dtype), gap=2)


@pytest.mark.parametrize(("depth", "length"), [(300, 1), (256, 2), (7, 100), (129, 9)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_many_terms(dtype, depth, length, kernels):
    x, w = channels_last((1, depth, length + 6), 1, dtype), whole((1, 19, depth, length), dtype, 1)
    many = groups_last((19, 1, depth * length + 6), 1, dtype)
    for relu in (False, True):
        channels(kernels, x, w, relu=relu)
        planes(kernels, whole((1, depth * length, 21), dtype), w.reshape(1, 19, -1), relu=relu)
        taps(kernels, many, weights_of_groups(19, (depth * length,), dtype), relu=relu)
    gradient = channels_last((length, 1, 21, depth), 1, dtype, 1)
    outputs(kernels, channels_last((length, 1, 5, depth + 1), 1, dtype), gradient, (2,))


@pytest.mark.parametrize("across", [3, 5])
@pytest.mark.parametrize("gap", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_few_sums_over_long_lines_of_taps(dtype, gap, across, kernels):
    """As the gradient of weights asks for them, of every number of groups."""
    for down, lines, length in product(range(1, 5), (1, 3), range(5, 10)):
        shape = 41, 1, down + lines - 1, extent(across, length, 1, gap)
        x = groups_last((1, *shape), 2, dtype, gap=length % 2)
        w = weights_of_groups(41, (lines, length), dtype)
        for groups in (7, 8, 16 + down, 20 + length, 41):
            taps(kernels, x[:, :groups], w[:groups], None, (1, 1), (1, gap), gap=down % 2)
    shape = 21, 1, extent(3, 40), extent(across, 50, 1, gap)
    w = weights_of_groups(21, (40, 50), dtype)
    for relu in (False, True):
        taps(kernels, groups_last((1, *shape), 2, dtype), w, None, (1, 1), (1, gap), relu)


def test_other_orders_of_weights_and_samples(kernels):
    x, gradient = whole((2, 1, 9, 6, 5), "float32"), channels_last((2, 1, 7, 5, 4), 2, "float32", 1)
    outputs(kernels, x, gradient, (2, 2))
    outputs(kernels, np.broadcast_to(x[..., :1], x.shape), gradient, (2, 2))
    w = whole((3, 7, 2), "float32").transpose(2, 1, 0)
    planes(kernels, whole((2, 3, 33), "float32"), w)


@pytest.mark.parametrize("dtype", DTYPES)
def test_rounded_sums(dtype, kernels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 9, 9, 1, 70)).astype(dtype).transpose(0, 3, 4, 1, 2)
    w, bias = (rng.normal(size=shape).astype(dtype) for shape in ((1, 21, 70, 3, 3), (1, 21)))
    out = np.empty((1, 7, 7, 1, 21), dtype).transpose(0, 3, 4, 1, 2)
    packed = panels(w, kernels.panel(w.dtype))
    kernels.gemm(out, x, packed, bias, (1, 1), (1, 1), False)
    exact = [a.astype(np.longdouble) for a in (x, w, bias)]
    values = definition(*exact, (1, 1), (1, 1))
    magnitude = definition(*map(np.abs, exact), (1, 1), (1, 1))
    assert_close(out, Expected(values, magnitude.astype(float), 70 * 9 + 1))
    samples, factors = (
        x[0].swapaxes(0, 1),
        np.moveaxis(rng.normal(size=(3, 3, 70)).astype(dtype), -1, 0),
    )
    offsets = rng.normal(size=(70, 1)).astype(dtype)
    out = np.empty((7, 7, 1, 70), dtype).transpose(3, 2, 0, 1)
    kernels.depthwise(out, samples, factors, offsets, (1, 1), (1, 1), (0, 0), False)
    exact = [a.astype(np.longdouble) for a in (samples, factors[:, None, None], offsets)]
    values = definition(*exact, (1, 1), (1, 1))
    magnitude = definition(*map(np.abs, exact), (1, 1), (1, 1))
    assert_close(out, Expected(values, magnitude.astype(float), 9 + 1))


# -- NaN and infinities reach the outputs that read them and no others --------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bad_numbers_stay_in_their_footprint(dtype, relu, bad, kernels):
    x, w = channels_last((1, 3, 9, 5), 2, dtype), whole((1, 19, 3, 3, 2), dtype, 1)
    x[0, 1, 4, 2] = w[0, 17, 0, 0, 0] = bad
    channels(kernels, x, w, relu=relu)
    samples, weights = whole((1, 3, 21), dtype), whole((1, 8, 3), dtype, 1)
    samples[0, 1, 19] = weights[0, 3, 0] = bad
    planes(kernels, samples, weights, relu=relu)
    gradient = channels_last((1, 8, 7, 4), 2, dtype, 1)
    gradient[0, 7, 3, 3] = bad
    outputs(kernels, x, gradient, (3, 2))
    alone, factors = groups_last((21, 1, 9, 5), 2, dtype), weights_of_groups(21, (3, 2), dtype)
    alone[20, 0, 4, 2] = factors[3, 0, 0] = bad
    taps(kernels, alone, factors, relu=relu)


# -- the bits of an output do not depend on where it stands -------------------------------------


@pytest.fixture
def compiled(backend, kernels):
    """Each backend that sums in an order of its own."""
    if backend == "numpy":
        pytest.skip("BLAS has the order of its sums")
    return kernels


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_channels_do_not_depend_on_the_place(dtype, compiled):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 1, 40)).astype(dtype).transpose(0, 3, 4, 1, 2)
    w, bias = (rng.normal(size=shape).astype(dtype) for shape in ((1, 40, 40, 3, 3), (1, 40)))

    def run(x, w, bias):
        height, width = (n - 2 for n in x.shape[-2:])
        out = np.empty((len(x), height, width, 1, w.shape[1]), dtype).transpose(0, 3, 4, 1, 2)
        packed = panels(w, compiled.panel(w.dtype))
        compiled.gemm(out, x, packed, bias, (1, 1), (1, 1), False)
        return out

    everything = run(x, w, bias)
    for top, rows, left, width in product((0, 3), (1, 2, 4), (0, 1), (1, 3, 5)):
        for first, filters in ((0, 40), (1, 5), (7, 33)):
            slab = x[1:, ..., top : top + rows + 2, left : left + width + 2]
            some = slice(first, first + filters)
            wanted = everything[1:, :, some, top : top + rows, left : left + width]
            np.testing.assert_array_equal(run(slab, w[:, some], bias[:, some]), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_taps_do_not_depend_on_the_place(dtype, kernels):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 9, 8, 1, 40)).astype(dtype).transpose(0, 4, 3, 1, 2)
    w = np.moveaxis(rng.normal(size=(3, 3, 40)).astype(dtype), -1, 0)
    bias = rng.normal(size=(40, 1)).astype(dtype)

    def run(x, w, bias):
        height, width = (n - 2 for n in x.shape[-2:])
        out = np.empty((len(x), height, width, 1, len(w)), dtype).transpose(0, 4, 3, 1, 2)
        kernels.depthwise(out, x, w, bias, (1, 1), (1, 1), (0, 0), False)
        return out

    everything = run(x, w, bias)
    for top, rows, left, width in product((0, 3), (1, 2, 4), (0, 1), (1, 3, 5)):
        for first, groups in ((0, 40), (1, 5), (7, 33), (39, 1)):
            some = slice(first, first + groups)
            slab = x[1:, some, :, top : top + rows + 2, left : left + width + 2]
            wanted = everything[1:, some, :, top : top + rows, left : left + width]
            np.testing.assert_array_equal(run(slab, w[some], bias[some]), wanted)


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_planes_do_not_depend_on_the_place(dtype, compiled):
    rng = np.random.default_rng(0)
    x, w, bias = (
        rng.normal(size=shape).astype(dtype) for shape in ((1, 300, 70), (1, 13, 300), (1, 13))
    )

    def run(x, w, bias):
        out = np.empty((1, w.shape[1], x.shape[-1]), dtype)
        compiled.pointwise(out, x, w, bias, False)
        return out

    everything = run(x, w, bias)
    for left, width, first, filters in product((0, 3), range(1, 67, 5), (0, 2), (1, 5, 7, 11)):
        columns, some = slice(left, left + width), slice(first, first + filters)
        slab = run(x[..., columns], w[:, some], bias[:, some])
        np.testing.assert_array_equal(slab, everything[:, some, columns])


@pytest.mark.parametrize("dtype", DTYPES)
def test_bits_of_sums_over_outputs_do_not_depend_on_the_place(dtype, compiled):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 1, 13, 14, 15)).astype(dtype)
    gradient = rng.normal(size=(2, 12, 13, 1, 40)).astype(dtype).transpose(0, 3, 4, 1, 2)

    def run(x, gradient, taps):
        shape = (1, x.shape[2], *taps, gradient.shape[2])
        out = np.zeros(shape, dtype).transpose(0, 4, 1, 2, 3)
        compiled.weight_gradient(out, x, gradient, (1, 1), (1, 1))
        return out

    everything = run(x, gradient, (3, 3))
    for top, left, height, width in ((0, 0, 3, 3), (1, 2, 1, 1), (1, 0, 2, 3)):
        for first, depth, filter_, filters in ((0, 13, 0, 40), (3, 4, 1, 5), (12, 1, 7, 33)):
            rows = slice(top, top + height + 11)
            slab = x[:, :, first : first + depth, rows, left : left + width + 12]
            sums = run(slab, gradient[:, :, filter_ : filter_ + filters], (height, width))
            some = (slice(filter_, filter_ + filters), slice(first, first + depth))
            there = (slice(top, top + height), slice(left, left + width))
            np.testing.assert_array_equal(sums, everything[:, *some, *there])


# -- no byte outside of the arrays is touched ---------------------------------------------------


FENCED_PRODUCTS = """
for dtype, end in [(d, e) for d in ("float32", "float64") for e in (True, False)]:
    width = backend.panel(np.dtype(dtype))
    def ones(*shape):
        array = fenced(shape, dtype, end)
        array[...] = 1
        return array
    for rows, cols in [(r, c) for r in (1, 5, 6, 13) for c in range(1, 40)]:
        bias = ones(1, cols)
        out, x = ones(rows, 1, cols), ones(rows + 1, 1, 3)
        w = ones(1, -(-cols // width), 2, 3, width)
        view = out.transpose(1, 2, 0), x.transpose(1, 2, 0)
        backend.gemm(*view, w, bias, (1,), (1,), False)
        assert (out == 7).all()
        out, x, w, bias = ones(rows, 1, cols), ones(rows + 2, 1, cols), ones(3, cols), ones(cols, 1)
        backend.depthwise(out.T, x.T, w.T, bias, (1,), (1,), (0,), False)
        assert (out == 4).all()
        out, x = ones(rows, 1, cols), ones(rows, 1, cols)
        backend.depthwise(out.T, x.T, w.T, bias, (1,), (1,), (1,), False)
        assert (out[1:-1] == 4).all()
        assert (out[[0, -1]] == (3 if rows > 1 else 2)).all()
        out, x, w, bias = ones(1, rows, cols), ones(1, 3, cols), ones(1, rows, 3), ones(1, rows)
        backend.pointwise(out, x, w, bias, True)
        assert (out == 4).all()
        out, x, gradient = ones(1, rows, 2, cols), ones(1, rows, 4), ones(3, 1, cols)
        view = out.transpose(0, 3, 1, 2), x, gradient.transpose(1, 2, 0)
        backend.weight_gradient(*view, (1,), (1,))
        assert (out == 3).all()
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fences memory by mprotect")
def test_nothing_is_touched_beyond_the_arrays(backend):
    assert printed(FENCED.format(backend=backend) + FENCED_PRODUCTS) == "done"


# -- the checks above can fail, and other threads run -------------------------------------------


class Wrong:
    """NumPy's kernels, and one more added to an item: of a sum, or of the memory behind a row."""

    def __init__(self, stray):
        self.stray = stray

    def panel(self, dtype):
        return backends.load("numpy").panel(dtype)

    def __getattr__(self, name):
        def kernel(out, *arguments):
            getattr(backends.load("numpy"), name)(out, *arguments)
            as_strided(out, (8,), (out.itemsize,))[self.stray] += 1

        return kernel


@pytest.mark.parametrize(("stray", "complaint"), [(0, "not equal"), (7, "outside of out")])
def test_a_wrong_item_is_noticed(stray, complaint):
    wrong = Wrong(stray)
    w, x = whole((1, 7, 3, 2), "float32", 1), channels_last((1, 3, 5), 1, "float32")
    groups = groups_last((7, 1, 5), 1, "float32")
    with pytest.raises(AssertionError, match=complaint):
        channels(wrong, x, w, gap=2)
    with pytest.raises(AssertionError, match=complaint):
        planes(wrong, whole((1, 3, 7), "float32"), w[..., 0], gap=2)
    with pytest.raises(AssertionError, match=complaint):
        taps(wrong, groups, weights_of_groups(7, (2,), "float32"), gap=2)
    with pytest.raises(AssertionError, match=complaint):
        outputs(
            wrong, whole((1, 3, 5), "float32"), channels_last((1, 7, 4), 1, "float32"), (2,), gap=2
        )


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL")
def test_other_threads_run_during_a_product(compiled):
    x, w = whole((1, 256, 4096), "float32"), whole((1, 256, 256), "float32", 1)
    out, bias = np.empty((1, 256, 4096), "float32"), np.zeros((1, 256), "float32")

    def work():
        compiled.pointwise(out, x, w, bias, False)

    work()  # loads and compiles, which lets go of the GIL as well
    assert any(others_run_during(work) for _ in range(1000))
