"""Every sentence of `backends/_protocol.py`, asked of a backend's `correlate` directly.

Numbers are whole and small where results are compared with the definition, so that every sum is
exact in any order; bits of rounded sums are compared between calls of the same kernel.
"""

from __future__ import annotations

import sys
import threading
from itertools import product

import numpy as np
import pytest
from interpreter import FENCED, printed
from numpy.lib.stride_tricks import as_strided

from fastconv import backends

pytestmark = pytest.mark.compiled

DTYPES = ["float32", "float64", "int64"]
FEW = [(1, 3), (1, 5), (1, 7), (1, 9)]
"""Rows of taps with kernels of their own."""
TAPS = [*((n, n) for n in range(1, 8)), (1, 4), (5, 1), (1, 31), (31, 1), *FEW]
WIDTHS = range(1, 71)
ROWS = range(1, 10)


@pytest.fixture
def kernel(backend):
    """The hot loop of each backend in turn."""
    return backends.load(backend).correlate


def whole(shape, dtype, seed=0):
    """Whole numbers from -4 to 4."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


def definition(x, w, bias, stride, dilation, relu=False):
    """The sentence itself: bias plus, for each channel and tap, a shifted view times a weight."""
    rank = len(stride)
    outputs = [
        (n - (k - 1) * d - 1) // s + 1
        for n, k, s, d in zip(x.shape[-rank:], w.shape[3:], stride, dilation, strict=True)
    ]
    ones = (1,) * rank
    out = np.zeros((*x.shape[: -rank - 2], *w.shape[:2], *outputs), x.dtype)
    out += bias.reshape(*bias.shape, *ones)
    for c, *taps in np.ndindex(w.shape[2:]):
        seen = tuple(
            slice(t * d, t * d + (o - 1) * s + 1, s)
            for t, d, o, s in zip(taps, dilation, outputs, stride, strict=True)
        )
        samples = x[(..., slice(None), c, *(slice(None),) * rank)][(..., *seen)]
        weights = w[(slice(None), slice(None), c, *taps)].reshape(*w.shape[:2], *ones)
        with np.errstate(invalid="ignore"):
            out += samples[(..., None, *(slice(None),) * rank)] * weights
    return np.where(out < 0, 0, out) if relu else out


class Framed:
    """An array in the middle of foreign memory, and the proof that the rest was left alone.

    `steps` are the distances between neighbours along each axis, in items; `None` packs them.
    """

    GUARD = 64

    def __init__(self, shape, dtype, steps=None):
        if steps is None:
            steps = [int(np.prod(shape[i + 1 :])) for i in range(len(shape))]
        reach = sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) + 1
        self.memory = np.empty(reach + 2 * self.GUARD, dtype)
        self.memory.view(np.uint8)[...] = 0xA5
        self.foreign = np.ones(self.memory.size, bool)
        self.array = self._view(self.memory, shape, steps)
        self._view(self.foreign, shape, steps)[...] = False
        self.before = self.memory[self.foreign].tobytes()

    def _view(self, memory, shape, steps):
        inside = memory[self.GUARD :]
        return as_strided(inside, shape, [step * memory.itemsize for step in steps])

    def assert_intact(self):
        assert self.memory[self.foreign].tobytes() == self.before, "wrote outside of out"


def call(kernel, x, w, bias=None, stride=None, dilation=None, relu=False, out=None):
    """Run a kernel into guarded memory, compare with the definition, and return the result."""
    rank = w.ndim - 3
    stride, dilation = stride or (1,) * rank, dilation or (1,) * rank
    bias = np.zeros(w.shape[:2], x.dtype) if bias is None else bias
    wanted = definition(x, w, bias, stride, dilation, relu)
    framed = out or Framed(wanted.shape, x.dtype)
    kernel(framed.array, x, w, bias, stride, dilation, relu)
    framed.assert_intact()
    np.testing.assert_array_equal(framed.array, wanted)
    return framed.array


# -- out is bias plus the sum over channels and taps --------------------------------------------


@pytest.mark.parametrize("taps", TAPS, ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_and_height_of_a_slab(dtype, taps, kernel):
    w, bias = whole((1, 1, 1, *taps), dtype, 1), whole((1, 1), dtype, 2)
    x = whole((1, 1, max(ROWS) + taps[0] - 1, max(WIDTHS) + taps[1] - 1), dtype)
    wanted = definition(x, w, bias, (1, 1), (1, 1))
    for rows, width in [*product((1, 4, 9), WIDTHS), *product(ROWS, (5, 16, 37, 70))]:
        slab = np.ascontiguousarray(x[..., : rows + taps[0] - 1, : width + taps[1] - 1])
        framed = Framed((1, 1, rows, width), dtype)
        kernel(framed.array, slab, w, bias, (1, 1), (1, 1), False)
        framed.assert_intact()
        np.testing.assert_array_equal(framed.array, wanted[..., :rows, :width])


@pytest.mark.parametrize("taps", [1, 2, 3, 5, 7, 9, 31])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_length_of_a_signal(dtype, taps, kernel):
    x, w = whole((1, 1, 100), dtype), whole((1, 1, 1, taps), dtype, 1)
    for length in WIDTHS:
        call(kernel, x[..., : length + taps - 1], w)


@pytest.mark.parametrize("side", [3, 5, 7])
@pytest.mark.parametrize("order", ["packed", "part", "transposed", "every second"])
@pytest.mark.parametrize("dilation", [(1, 1), (1, 3), (2, 1)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_squares_of_weights_in_any_strides(dtype, dilation, order, side, kernel):
    larger = whole((1, 2, 2, 2 * side, 2 * side), dtype, 1)
    w = {
        "packed": np.ascontiguousarray(larger[..., :side, :side]),
        "part": larger[..., :side, :side],
        "transposed": np.ascontiguousarray(larger[..., :side, :side]).swapaxes(-1, -2),
        "every second": larger[..., ::2, ::2],
    }[order]
    x = whole((1, 2, 4 * side, 60 + 3 * side), dtype)
    call(kernel, x, w, whole((1, 2), dtype, 2), dilation=dilation)


@pytest.mark.parametrize("stride", list(product((1, 2, 3), repeat=2)), ids=str)
@pytest.mark.parametrize("dilation", list(product((1, 2, 3), repeat=2)), ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_strides_and_dilations(dtype, dilation, stride, kernel):
    x, w = whole((2, 1, 2, 23, 41), dtype), whole((1, 3, 2, 3, 3), dtype, 1)
    call(kernel, x, w, whole((1, 3), dtype, 2), stride, dilation)


@pytest.mark.parametrize(
    ("batch", "groups", "filters", "channels"),
    [
        ((), 1, 1, 1),
        ((), 1, 5, 1),
        ((), 1, 1, 5),
        ((2,), 3, 1, 1),
        ((2, 3), 1, 1, 1),
        ((), 2, 3, 4),
        ((2,), 2, 17, 3),
        ((3, 1, 2), 2, 2, 2),
    ],
)
@pytest.mark.parametrize("taps", [(1, 1), (3, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_batches_groups_and_channels(dtype, taps, batch, groups, filters, channels, kernel):
    x = whole((*batch, groups, channels, 8, 21), dtype)
    w = whole((groups, filters, channels, *taps), dtype, 1)
    call(kernel, x, w, whole((groups, filters), dtype, 2))


@pytest.mark.parametrize("shape", [(9,), (6, 19), (4, 5, 18), (3, 4, 3, 17), (2, 3, 3, 3, 16)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_of_axes(dtype, shape, kernel):
    rank = len(shape)
    x, w = whole((2, 1, 2, *shape), dtype), whole((1, 2, 2, *(2,) * rank), dtype, 1)
    call(kernel, x, w, whole((1, 2), dtype, 2))
    stride, dilation = (2, *(1,) * (rank - 1)), (1,) * (rank - 1) + (2,)
    call(kernel, x, w, None, stride, dilation)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_one_output(dtype, size, kernel):
    x, w = whole((1, 1, size, size), dtype), whole((1, 1, 1, size, size), dtype, 1)
    assert call(kernel, x, w).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sums_of_many_terms(dtype, kernel):
    call(kernel, whole((1, 300, 5, 20), dtype), whole((1, 2, 300, 3, 3), dtype, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3, 4, 7, 8, 15, 16, 17, 31, 33, 64, 70])
def test_relu(width, dtype, kernel):
    x, w = whole((1, 2, 9, width + 2), dtype), whole((1, 3, 2, 3, 3), dtype, 1)
    assert call(kernel, x, w, whole((1, 3), dtype, 2), relu=True).min() == 0


def test_no_bit_of_int64_is_lost(kernel):
    x = np.array([[[2**62 + 1, -(2**62) - 1, 2**53 + 1, 3]]])
    assert call(kernel, x, np.array([[[[1]]]])).tolist() == x.tolist()
    summed = call(kernel, np.repeat(x // 4, 20, axis=-1), np.array([[[[3, -1]]]]))
    assert summed.dtype == np.int64


# -- it touches no byte outside of out, in any strides ------------------------------------------

STEPS = {
    "packed": None,
    "wide rows": (1000, 1000, 33, 1),
    "every other column": (2000, 2000, 70, 2),
    "every third column": (3000, 3000, 99, 3),
    "columns first": (1000, 1000, 1, 9),
    "columns first, wide": (1000, 1000, 2, 20),
    "rows touch": (270, 270, 27, 1),
}


@pytest.mark.parametrize("rows", [1, 3, 4, 9])
@pytest.mark.parametrize("columns", [1, 2, 7, 16, 27])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_written_around_out(dtype, steps, columns, rows, kernel):
    x, w = whole((1, 2, rows + 2, columns + 2), dtype), whole((1, 2, 2, 3, 3), dtype, 1)
    call(kernel, x, w, out=Framed((1, 2, rows, columns), dtype, STEPS[steps]))


@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_in_any_strides(dtype, steps, kernel):
    x, w = whole((1, 2, 9, 27), dtype), whole((1, 2, 2, 3, 2), dtype, 1)
    framed = Framed(x.shape, dtype, STEPS[steps])
    framed.array[...] = x
    wanted = call(kernel, x, w)
    np.testing.assert_array_equal(call(kernel, framed.array, w), wanted)
    np.testing.assert_array_equal(framed.array, x)
    framed.assert_intact()


@pytest.mark.parametrize("colors", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", DTYPES)
def test_colors_of_pixels(dtype, colors, kernel):
    pixels, w = whole((12, 37, colors), dtype), whole((1, 1, 1, 3, 3), dtype, 1)
    x = pixels.transpose(2, 0, 1)[:, None, None]
    out = Framed((colors, 1, 1, 10, 35), dtype, (1, 1, 1, 35 * colors, colors))
    call(kernel, x, w, out=out)


@pytest.mark.parametrize("dtype", DTYPES)
def test_samples_that_repeat(dtype, kernel):
    row = np.broadcast_to(whole((20,), dtype), (3, 1, 2, 6, 20))
    call(kernel, row, whole((1, 2, 2, 3, 3), dtype, 1))
    one = np.broadcast_to(whole((), dtype) + 1, (1, 1, 6, 20)).astype(dtype)
    call(kernel, np.broadcast_to(one[..., :1], one.shape), whole((1, 1, 1, 3, 3), dtype, 1))


def test_a_write_around_out_is_noticed():
    framed = Framed((2, 3), "float32", (8, 2))
    framed.array[...] = 1
    framed.assert_intact()
    for stray in (Framed.GUARD - 1, Framed.GUARD + 1, Framed.GUARD + 3, Framed.GUARD + 13):
        framed.memory[stray] += 1
        with pytest.raises(AssertionError, match="outside"):
            framed.assert_intact()
        framed.memory.view(np.uint8)[4 * stray : 4 * stray + 4] = 0xA5
    framed.assert_intact()


FENCED_WINDOWS = """
kernel = backend.correlate
for dtype in ("float32", "float64", "int64"):
    for end in (True, False):
        for taps in ((1, 1), (3, 3), (1, 7), (4, 2)):
            w = fenced((1, 2, 2, *taps), dtype, end)
            bias = fenced((1, 2), dtype, end)
            w[...], bias[...] = 1, 0
            for rows, width in [(r, n) for r in (1, 3, 4, 6) for n in range(1, 40)]:
                for stride in ((1, 1), (1, 2), (2, 2)):
                    lines = (rows - 1) * stride[0] + taps[0]
                    cols = (width - 1) * stride[1] + taps[1]
                    x = fenced((1, 2, lines, cols), dtype, end)
                    out = fenced((1, 2, rows, width), dtype, end)
                    x[...] = 1
                    kernel(out, x, w, bias, stride, (1, 1), False)
                    assert (out == 2 * taps[0] * taps[1]).all()
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fences memory by mprotect")
def test_nothing_is_touched_beyond_the_arrays(backend):
    assert printed(FENCED.format(backend=backend) + FENCED_WINDOWS) == "done"


# -- the bits of an output do not depend on where it stands -------------------------------------


@pytest.mark.parametrize("channels", [1, 9])
@pytest.mark.parametrize(
    "taps", [(1, 1), (3, 3), (5, 5), (7, 7), (4, 2), (9, 1), (1, 31), *FEW], ids=str
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_the_place(dtype, taps, channels, backend, kernel, request):
    if backend == "numpy" and channels > 1:
        reason = "most BLAS sum in an order of their own where a slab has one column"
        request.applymarker(pytest.mark.xfail(strict=False, reason=reason))
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 1, channels, 13 + taps[0], 80 + taps[1])).astype(dtype)
    w = rng.normal(size=(1, 3, channels, *taps)).astype(dtype)
    bias = rng.normal(size=(1, 3)).astype(dtype)

    def run(samples):
        outputs = (n - k + 1 for n, k in zip(samples.shape[-2:], taps, strict=True))
        out = np.empty((len(samples), 1, 3, *outputs), dtype)
        kernel(out, samples, w, bias, (1, 1), (1, 1), False)
        return out

    everything = run(x)
    for width in WIDTHS:
        for top, left, rows in ((0, 0, 14), (3, 1, 4), (5, 9, 1), (1, 2, 7)):
            slab = x[1:, ..., top : top + rows + taps[0] - 1, left : left + width + taps[1] - 1]
            wanted = everything[1:, ..., top : top + rows, left : left + width]
            for samples in (slab, np.ascontiguousarray(slab)):
                np.testing.assert_array_equal(run(samples), wanted, err_msg=f"{rows}x{width}")


# -- NaN and infinities reach the outputs that read them and no others --------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bad_samples_stay_in_their_footprint(dtype, relu, bad, kernel):
    w = whole((1, 1, 1, 3, 3), dtype, 1)
    w[..., 1, 1] = 0
    for width in (5, 18, 35, 70):
        for row, column in product((0, 2, 6), range(0, width, 3)):
            x = whole((1, 1, 7, width), dtype)
            x[..., row, column] = bad
            call(kernel, x, w, relu=relu)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_infinities_cancel_to_nan(dtype, kernel):
    x = np.full((1, 1, 3, 40), np.inf, dtype)
    for w in ([[1, -1]], [[0, 1]]):
        assert np.all(np.isnan(call(kernel, x, np.array(w, dtype)[None, None, None])))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_relu_keeps_nan(dtype, kernel):
    x = np.tile(np.array([np.nan, -np.inf, -1, 0, 1, np.inf], dtype), 12)[None, None, None]
    got = call(kernel, x, np.ones((1, 1, 1, 1, 1), dtype), relu=True)
    np.testing.assert_array_equal(got[0, 0, 0, :6], [np.nan, 0, 0, 0, 1, np.inf])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bad_weights_and_bias_reach_every_output(dtype, kernel):
    x, w = whole((1, 1, 5, 40), dtype), np.ones((1, 1, 1, 2, 2), dtype)
    w[..., 1, 0] = np.nan
    assert np.all(np.isnan(call(kernel, x, w)))
    bias = np.full((1, 1), np.inf, dtype)
    assert np.all(np.isinf(call(kernel, x, np.ones((1, 1, 1, 2, 2), dtype), bias)))


# -- it runs on the calling thread and lets go of the GIL ---------------------------------------


def others_run_during(work):
    """True if another Python thread gets its turn while `work` runs.

    Threads are never preempted here: only who lets go of the GIL lets others run.
    """
    interval = sys.getswitchinterval()
    waiting, ran = threading.Lock(), []
    started = threading.Event()
    waiting.acquire()

    def other():
        started.set()
        with waiting:
            ran.append(True)

    thread = threading.Thread(target=other)
    thread.start()
    started.wait()
    sys.setswitchinterval(1000)
    try:
        waiting.release()
        work()
        return bool(ran)
    finally:
        sys.setswitchinterval(interval)
        thread.join()


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL")
def test_other_threads_run_during_a_kernel(kernel):
    x, w = whole((1, 1, 1200, 1200), "float32"), whole((1, 1, 1, 15, 15), "float32", 1)
    out, bias = np.empty((1, 1, 1186, 1186), "float32"), np.zeros((1, 1), "float32")

    def work():
        kernel(out, x, w, bias, (1, 1), (1, 1), False)

    call(kernel, x[..., :16, :16], w)  # loads and compiles, which lets go of the GIL as well
    assert any(others_run_during(work) for _ in range(1000))


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL")
def test_a_held_gil_is_noticed():
    assert not any(others_run_during(lambda: sum(range(10**6))) for _ in range(5))


def test_two_threads_may_run_a_kernel_at_once(kernel):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(1, 1, 200, 200)), rng.normal(size=(1, 1, 1, 5, 5))
    bias, outs = np.zeros((1, 1)), [np.empty((1, 1, 196, 196)) for _ in range(4)]
    start = threading.Barrier(4)

    def work(out):
        start.wait(60)
        for _ in range(10):
            kernel(out, x, w, bias, (1, 1), (1, 1), False)

    threads = [threading.Thread(target=work, args=(out,)) for out in outs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = np.empty_like(outs[0])
    kernel(wanted, x, w, bias, (1, 1), (1, 1), False)
    for out in outs:
        np.testing.assert_array_equal(out, wanted)


# -- a backend is a module with four functions --------------------------------------------------


def test_a_backend_says_what_it_is(backend):
    module = backends.load(backend)
    assert module.unavailable() is None
    assert module.describe()
    assert "\n" not in module.describe()
    module.warmup()


def test_numpy_calculates_in_python_integers():
    huge = np.array([[[2**100, -(2**90), 1]]], dtype=object)
    out = np.empty((1, 1, 2), object)
    numpy = backends.load("numpy").correlate
    numpy(out, huge, np.array([[[[3, 1]]]], object), np.array([[7]], object), (1,), (1,), False)
    assert out.tolist() == [[[3 * 2**100 - 2**90 + 7, 1 - 3 * 2**90 + 7]]]
