"""Every sentence of `backends/_protocol.py` about `box`, asked of the backends directly.

It is `correlate` with equal weights, which `test_backends.py` holds to the definition.
"""

from __future__ import annotations

import sys
import threading
from itertools import product

import numpy as np
import pytest
from interpreter import FENCED, printed
from test_backends import STEPS, Framed, definition, others_run_during, whole

from fastconv import backends
from fastconv.problem import dtypes

pytestmark = pytest.mark.compiled

DTYPES = ["float32", "float64", "int64"]
SIZES = [(1, 1), (2, 2), (3, 3), (4, 5), (7, 6), (1, 4), (5, 1), (8, 9), (1, 31), (31, 1), (15, 16)]


@pytest.fixture
def kernel(backend):
    """The kernel of each backend in turn."""
    return backends.load(backend).box


def call(kernel, x, size, w=None, bias=None, relu=False, out=None):
    """Run a kernel into guarded memory, compare with the definition, and return the result."""
    groups, ones = x.shape[-len(size) - 2], (1,) * len(size)
    w = np.full((groups, 1), 3, x.dtype) if w is None else w
    bias = np.zeros((groups, 1), x.dtype) if bias is None else bias
    dense = np.broadcast_to(w.reshape(groups, 1, 1, *ones), (groups, 1, 1, *size))
    wanted = definition(x, dense, bias, ones, ones, relu)
    framed = out or Framed(wanted.shape, x.dtype)
    kernel(framed.array, x, w, bias, size, relu)
    framed.assert_intact()
    np.testing.assert_array_equal(framed.array, wanted)
    return framed.array


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_and_many_heights_of_a_slab(dtype, size, kernel):
    x = whole((1, 1, 40, 110), dtype)
    for rows, width in [*product((1, 4, 9), range(1, 40)), *product(range(1, 10), (5, 16, 70))]:
        call(kernel, x[..., : rows + size[0] - 1, : width + size[1] - 1], size)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length_of_a_window(dtype, kernel):
    signal = whole((1, 1, 100), dtype)
    for k in range(1, 70):
        call(kernel, signal, (k,))
        call(kernel, signal.reshape(1, 1, 1, -1), (1, k))
        call(kernel, signal.reshape(1, 1, -1, 1), (k, 1))


@pytest.mark.parametrize("width", [511, 512, 513, 1200])
@pytest.mark.parametrize("size", [(3, 5), (9, 300), (33, 200)], ids=str)
def test_rows_longer_than_a_strip(size, width, kernel):
    call(kernel, whole((1, 1, size[0] + 20, width + size[1]), "float32"), size)


@pytest.mark.parametrize("shape", [(9,), (6, 19), (4, 5, 18), (3, 4, 3, 17)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_batches_groups_and_any_number_of_axes(dtype, shape, kernel):
    for lead in ((), (2,), (2, 3)):
        x = whole((*lead, 3, 1, *shape), dtype)
        w, bias = whole((3, 1), dtype, 1), whole((3, 1), dtype, 2)
        for size in {(2,) * len(shape), (3, *(1,) * (len(shape) - 1)), (3, 2, 1, 4)[: len(shape)]}:
            call(kernel, x, size, w, bias)
            call(kernel, x, size, w, bias, relu=True)


@pytest.mark.parametrize("rows", [1, 3, 9])
@pytest.mark.parametrize("columns", [1, 2, 7, 16, 27])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_written_around_out(dtype, steps, columns, rows, kernel):
    x = whole((1, 2, 1, rows + 2, columns + 3), dtype)[:, :1]
    call(kernel, x, (3, 4), out=Framed((1, 1, 1, rows, columns), dtype, _with_batch(steps)))


def _with_batch(steps):
    return STEPS[steps] and (10**4, *STEPS[steps])


@pytest.mark.parametrize("size", [(3, 2), (1, 5), (4, 1)])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_in_any_strides(dtype, steps, size, kernel):
    x = whole((1, 2, 1, 9, 27), dtype)
    framed = Framed(x.shape, dtype, _with_batch(steps))
    framed.array[...] = x
    np.testing.assert_array_equal(call(kernel, framed.array, size), call(kernel, x, size))
    np.testing.assert_array_equal(framed.array, x)
    framed.assert_intact()


@pytest.mark.parametrize("colors", [1, 2, 3, 4, 70])
@pytest.mark.parametrize("dtype", DTYPES)
def test_colors_of_pixels(dtype, colors, kernel):
    x = whole((12, 37, colors), dtype).transpose(2, 0, 1)[:, None, None]
    out = Framed((colors, 1, 1, 10, 34), dtype, (1, 1, 1, 34 * colors, colors))
    call(kernel, x, (3, 4), out=out)


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_that_repeat(dtype, kernel):
    row = np.broadcast_to(whole((20,), dtype), (3, 1, 1, 6, 20))
    call(kernel, row, (3, 3))
    call(kernel, np.broadcast_to(row[..., :1], row.shape), (3, 5))


FENCED_WINDOWS = """
kernel = backend.box
for dtype in ("float32", "float64", "int64"):
    for end in (True, False):
        for size in ((1, 1), (3, 3), (1, 7), (4, 2)):
            w, bias = fenced((1, 1), dtype, end), fenced((1, 1), dtype, end)
            w[...], bias[...] = 1, 0
            for rows, width in [(r, n) for r in (1, 3, 6) for n in range(1, 40)]:
                x = fenced((1, 1, rows + size[0] - 1, width + size[1] - 1), dtype, end)
                out = fenced((1, 1, rows, width), dtype, end)
                x[...] = 1
                kernel(out, x, w, bias, size, False)
                assert (out == size[0] * size[1]).all()
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fences memory by mprotect")
def test_nothing_is_touched_beyond_the_arrays(backend):
    assert printed(FENCED.format(backend=backend) + FENCED_WINDOWS) == "done"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("size", [(3, 3), (4, 7), (1, 5), (5, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bad_samples_stay_in_their_windows(dtype, size, relu, bad, kernel):
    for width in (9, 35):
        for row, column in product((0, 4, 10), range(0, width, 3)):
            x = whole((1, 1, 11, width), dtype)
            x[..., row, column] = bad
            call(kernel, x, size, relu=relu)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_sample_meets_its_weight(dtype, kernel):
    """Sums that overflow, were they weighted last; and what zero and infinite weights do."""
    x, huge = np.ones((1, 1, 9, 40), dtype), np.finfo(dtype).max
    call(kernel, x * huge, (4, 4), np.full((1, 1), 1 / 16, dtype))
    x[..., 4, 20] = np.inf
    call(kernel, x, (3, 3), np.zeros((1, 1), dtype))
    x[..., 4, 20] = 0
    call(kernel, x, (3, 3), np.full((1, 1), np.inf, dtype))
    call(kernel, x, (3, 3), bias=np.full((1, 1), np.inf, dtype))
    call(kernel, x, (3, 3), bias=np.full((1, 1), np.nan, dtype), relu=True)


@pytest.mark.parametrize("size", [(31, 31), (1, 500), (500, 1)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sums_do_not_drift(dtype, size, kernel):
    """What a window has left behind leaves no rounding in it."""
    x = np.full((1, 1, size[0] + 600, size[1] + 600), 0.1, dtype)
    x[..., :40, :40] = 1e6
    out = np.empty((1, 1, 601, 601), dtype)
    kernel(out, x, np.ones((1, 1), dtype), np.zeros((1, 1), dtype), size, False)
    count = size[0] * size[1]
    rounding = np.finfo(dtype).eps * (sum(size) + 1)
    exact = float(x[0, 0, -1, -1]) * count
    assert np.abs(out[..., 40:, 40:] / exact - 1).max() <= rounding


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_sample_goes_through_few_additions(dtype, size, kernel):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 1, 70, 90)).astype(dtype)
    out = np.empty((1, 1, 71 - size[0], 91 - size[1]), dtype)
    w, bias = np.full((1, 1), 0.3, dtype), np.zeros((1, 1), dtype)
    kernel(out, x, w, bias, size, False)
    dense = np.full((1, 1, 1, *size), w[0, 0]).astype(np.longdouble)
    exact = definition(x.astype(np.longdouble), dense, bias, (1, 1), (1, 1))
    bound = definition(np.abs(x).astype(np.longdouble), dense, bias, (1, 1), (1, 1))
    assert np.all(np.abs(out - exact) <= np.finfo(dtype).eps / 2 * (sum(size) + 1) * bound)


def test_no_bit_of_int64_is_lost(kernel):
    x = np.array([[[2**62 + 1, -(2**62) - 1, 2**53 + 1, 3, 2**62]]])
    for k in (1, 2, 3, 4):
        call(kernel, x, (k,), np.ones((1, 1), np.int64))


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL")
def test_other_threads_run_during_a_kernel(kernel):
    x, out = whole((1, 1, 2000, 2000), "float32"), np.empty((1, 1, 1986, 1986), "float32")
    one, bias = np.ones((1, 1), "float32"), np.zeros((1, 1), "float32")
    call(kernel, x[..., :16, :16], (3, 3))  # loads and compiles, which lets go of the GIL as well
    assert any(
        others_run_during(lambda: kernel(out, x, one, bias, (15, 15), False)) for _ in range(1000)
    )


def test_two_threads_may_run_a_kernel_at_once(kernel):
    x = np.random.default_rng(0).normal(size=(1, 1, 200, 200))
    one, bias = np.ones((1, 1)), np.zeros((1, 1))
    outs = [np.empty((1, 1, 196, 196)) for _ in range(4)]
    start = threading.Barrier(4)

    def work(out):
        start.wait(60)
        for _ in range(10):
            kernel(out, x, one, bias, (5, 5), False)

    threads = [threading.Thread(target=work, args=(out,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = np.empty_like(outs[0])
    kernel(wanted, x, one, bias, (5, 5), False)
    for out in outs:
        np.testing.assert_array_equal(out, wanted)


def test_numpy_calculates_in_python_integers():
    huge = np.array([[[2**100, -(2**90), 1, 5]]], dtype=object)
    out, w, bias = np.empty((1, 1, 2), object), np.array([[3]], object), np.array([[7]], object)
    backends.load("numpy").box(out, huge, w, bias, (3,), False)
    assert out.tolist() == [[[3 * (2**100 - 2**90 + 1) + 7, 3 * (6 - 2**90) + 7]]]


@pytest.mark.parametrize(
    "size", [*SIZES, (16, 16), (17, 16), (257, 1), (2, 130), (31, 31)], ids=str
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_small_integers_are_summed_exactly(dtype, size, kernel):
    """Windows whose sums leave 16 bits, too, and any width of what is done in vectors."""
    rng = np.random.default_rng(0)
    top, taps = np.iinfo(dtype).max, size[0] * size[1]
    weight = np.float32(2.0 ** -np.ceil(np.log2(taps)))
    for rows, width in ((1, 1), (3, 15), (2, 70), (5, 2100)):
        x = rng.integers(0, top + 1, (1, 1, rows + size[0] - 1, width + size[1] - 1), dtype)
        x[..., :1, :] = top
        framed = Framed((1, 1, rows, width), dtype)
        w, bias = np.full((1, 1), weight), np.full((1, 1), 0.25, np.float32)
        kernel(framed.array, x, w, bias, size, False)
        framed.assert_intact()
        windows = np.lib.stride_tricks.sliding_window_view(x[0, 0].astype(np.int64), size)
        sums = windows.sum((2, 3)).astype(np.float32)  # of 24 bits
        wanted = np.empty(sums.shape, dtype)
        dtypes.store(wanted, sums * weight + np.float32(0.25))
        np.testing.assert_array_equal(framed.array[0, 0], wanted)


@pytest.mark.parametrize("taps", [1, 2, 3, 4, 5, 6, 7, 9, 12, 15, 25])
def test_every_sum_of_bytes_is_rounded_as_floats_are(taps, kernel):
    """Whatever the weight, and although there are faster ways for some."""
    sums = np.arange(255 * taps + 1)
    row = np.arange(taps + 39) % taps
    x = (sums[:, None] // taps + (row < sums[:, None] % taps)).astype(np.uint8)[None, None]
    bias = np.zeros((1, 1), np.float32)
    for factor in (1, 0.5, 0.7, 0.999, 1.0001, 1.5, 0.01, 0):
        w = np.full((1, 1), factor / taps, np.float32)
        out, wanted = np.empty((1, 1, len(sums), 40), np.uint8), np.empty(len(sums), np.uint8)
        kernel(out, x, w, bias, (1, taps), False)
        dtypes.store(wanted, sums.astype(np.float32) * w[0, 0])
        np.testing.assert_array_equal(out[0, 0], np.broadcast_to(wanted[:, None], out.shape[2:]))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_weighted_integers_are_stored_as_all_sums_are(dtype, kernel):
    """Halves to the even number, NaN as 0, and what lies beyond the dtype as its extreme."""
    x = np.linspace(0, np.iinfo(dtype).max, 256).astype(dtype).reshape(1, 1, 1, 256)
    for factor, offset in ((0.5, 0), (1, -0.5), (3, -200), (-1, 100), (1e30, 0), (1, -1e30)):
        w, bias = np.full((1, 1), factor, np.float32), np.full((1, 1), offset, np.float32)
        out, wanted = np.empty_like(x), np.empty_like(x)
        kernel(out, x, w, bias, (1, 1), False)
        dtypes.store(wanted, x * np.float32(factor) + np.float32(offset))
        np.testing.assert_array_equal(out, wanted)
    kernel(out, x, w, np.full((1, 1), np.nan, np.float32), (1, 1), False)
    assert not out.any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_small_integers_in_any_order(dtype, kernel):
    """Colours of pixels, planes, columns apart, and weights of groups."""
    rng = np.random.default_rng(1)
    top = np.iinfo(dtype).max
    colours = rng.integers(0, top + 1, (60, 80, 3), dtype)
    volume = rng.integers(0, top + 1, (9, 30, 41), dtype)
    w, bias = np.array([[0.125], [0.25], [0.0625]], np.float32), np.zeros((3, 1), np.float32)
    planes = colours.transpose(2, 0, 1)[None, :, None]
    for samples in (planes, np.ascontiguousarray(planes), planes[..., ::2]):
        out = np.empty_like(samples[..., 2:, 2:])
        kernel(out, samples, w, bias, (3, 3), False)
        windows = np.lib.stride_tricks.sliding_window_view(samples.astype(int), (3, 3), (3, 4))
        wanted = np.clip(np.rint(windows.sum((-2, -1)) * w[:, None, None]), 0, top)
        np.testing.assert_array_equal(out, wanted)
    out = np.empty((1, 1, 7, 27, 37), dtype)
    kernel(out, volume[None, None], w[:1] / 4, bias[:1], (3, 4, 5), False)
    windows = np.lib.stride_tricks.sliding_window_view(volume.astype(int), (3, 4, 5))
    np.testing.assert_array_equal(out[0, 0], np.rint(windows.sum((3, 4, 5)) / 32).clip(0, top))
