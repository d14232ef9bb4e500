"""The algorithm `fft`: its kernels, and what it promises above them.

A transform of n samples errs by a few eps times log2(n) times the norm of what it transforms, and
so does every output of a tile, whatever its own magnitude: results are compared relative to the
sum of |w| times the largest sample in reach of the tile, which is bounded by that of the array.
"""

from __future__ import annotations

import sys

import numpy as np
import oracle
import pytest
from conftest import require
from interpreter import FENCED, printed
from test_backends import Framed

import fastconv as fc
from fastconv import backends
from fastconv.backends.geometry import fourier

pytestmark = pytest.mark.compiled

FLOATS = ["float32", "float64"]
LENGTHS = [n for n in fourier.LENGTHS if n <= 512]
ROUNDINGS = 4  # of a pass: products with a rounded twiddle, and two sums


@pytest.fixture
def module(backend):
    return backends.load(backend)


def planes(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=(2, *shape)).astype(dtype)


def joined(a):
    return a[0].astype(np.float64) + 1j * a[1].astype(np.float64)


def bound(n, dtype, *factors):
    """What a transform of n may err by: its passes' roundings of the 1-norm of a column."""
    size = np.prod([np.abs(f).max() for f in factors])
    return ROUNDINGS * np.log2(n) * float(np.finfo(dtype).eps) * n * size


# -- the kernels --------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [1, 3, 8, 37])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_a_transform_is_the_definition(dtype, n, columns, module):
    x = planes((n, columns), dtype)
    framed = Framed((2, n, columns), dtype)
    module.transform(framed.array, x, False)
    framed.assert_intact()
    turns = np.outer(fourier.order(n), np.arange(n)) % n / n
    wanted = np.exp(-2j * np.pi * turns) @ joined(x)
    assert np.abs(joined(framed.array) - wanted).max() < bound(n, dtype, x)


@pytest.mark.parametrize("n", fourier.LENGTHS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_there_and_back_is_times_n(dtype, n, module):
    x = planes((n, 5), dtype)
    spectrum, back = np.empty((2, 5, n), dtype), Framed((2, n, 5), dtype)
    module.transform(spectrum.swapaxes(1, 2), x, False)
    module.transform(back.array, spectrum.swapaxes(1, 2), True)
    back.assert_intact()
    assert np.abs(back.array - n * x).max() < 2 * bound(n, dtype, x)


@pytest.mark.parametrize("dtype", FLOATS)
def test_frequencies_are_in_order(dtype, module):
    for n in LENGTHS:
        assert sorted(fourier.order(n)) == list(range(n))
        x = np.zeros((2, n, 1), dtype)
        x[0, 1] = 1
        out = np.empty_like(x)
        module.transform(out, x, False)
        wanted = np.exp(-2j * np.pi * fourier.order(n) / n)
        assert np.abs(joined(out)[:, 0] - wanted).max() < bound(n, dtype, x) / n


@pytest.mark.parametrize("dtype", FLOATS)
def test_a_transform_is_linear(dtype, module):
    a, b = planes((48, 9), dtype, 1), planes((48, 9), dtype, 2)
    outs = [np.empty_like(a) for _ in range(3)]
    for out, x in zip(outs, (a, b, a + 2 * b), strict=True):
        module.transform(out, x, False)
    assert np.abs(outs[0] + 2 * outs[1] - outs[2]).max() < 4 * bound(48, dtype, a + 2 * b)


@pytest.mark.parametrize("rows", [1, 12, 31, 47, 48])
@pytest.mark.parametrize("dtype", FLOATS)
def test_missing_rows_are_zeros(dtype, rows, module):
    x, padded = planes((rows, 11), dtype), np.zeros((2, 48, 11), dtype)
    padded[:, :rows] = x
    out, wanted = np.empty((2, 2, 48, 11), dtype)
    module.transform(out, x, False)
    module.transform(wanted, padded, False)
    np.testing.assert_array_equal(out, wanted)
    part, whole = Framed((2, rows, 11), dtype), np.empty_like(padded)
    module.transform(part.array, out, True)
    module.transform(whole, out, True)
    part.assert_intact()
    np.testing.assert_array_equal(part.array, whole[:, :rows])


STEPS = [(3000, 1, 60), (3000, 61, 1), (6000, 2, 150), (9000, 183, 3), (48, 96, 1)]


@pytest.mark.parametrize("steps", STEPS, ids=str)
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_any_steps(dtype, inverse, steps, module):
    shape = (2, 48, 37)
    x, wanted = planes((48, 37), dtype), np.empty(shape, dtype)
    module.transform(wanted, x, inverse)
    source, target = Framed(shape, dtype, steps), Framed(shape, dtype, steps)
    source.array[...] = x
    module.transform(target.array, source.array, inverse)
    target.assert_intact()
    np.testing.assert_array_equal(target.array, wanted)
    np.testing.assert_array_equal(source.array, x)


@pytest.mark.parametrize("columns", [1, 7, 16, 37])
@pytest.mark.parametrize(("rows", "taps"), [(30, 5), (48, 1), (70, 20), (200, 9), (100, 48)])
@pytest.mark.parametrize("same", [False, True])
@pytest.mark.parametrize("dtype", FLOATS)
def test_filter_columns(dtype, same, rows, taps, columns, module):
    n = 48
    x, w = planes((rows, columns), dtype), planes((taps, 1 if same else columns), "f8", 1)
    kernel = np.fft.fft(joined(w)[::-1], n, axis=0)[fourier.order(n)] / n
    kernel *= np.exp(2j * np.pi * fourier.order(n) * (taps - 1) / n)[:, None]
    spectrum = np.stack((kernel.real, kernel.imag)).astype(dtype)
    spectrum = np.broadcast_to(spectrum, (2, n, columns))
    out = Framed((2, rows - taps + 1, columns), dtype)
    module.filter_columns(out.array, x, spectrum)
    out.assert_intact()
    z, weights = joined(x), np.broadcast_to(joined(w), (taps, columns))
    wanted = sum(weights[t] * z[t : t + rows - taps + 1] for t in range(taps))
    assert np.abs(joined(out.array) - wanted).max() < 4 * bound(n, dtype, x) * np.abs(w).max()
    inplace = x.copy()
    module.filter_columns(inplace[:, : rows - taps + 1], inplace, spectrum)
    np.testing.assert_array_equal(inplace[:, : rows - taps + 1], out.array)


@pytest.mark.parametrize("columns", [1, 8, 37])
@pytest.mark.parametrize("n", LENGTHS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_negacyclic_transforms(dtype, n, columns, module):
    x, rows = planes((n, columns), dtype), n - 3
    turned = joined(x) * np.exp(0.5j * np.pi / n * np.arange(n))[:, None]
    turns = np.outer(fourier.order(n), np.arange(n)) % n / n
    out, part = np.empty_like(x), Framed((2, rows, columns), dtype)
    module.transform(out, x, False, True)
    wanted = np.exp(-2j * np.pi * turns) @ turned
    assert np.abs(joined(out) - wanted).max() < 2 * bound(n, dtype, x)
    module.transform(part.array, out, True, True)
    part.assert_intact()
    assert np.abs(part.array - n * x[:, :rows]).max() < 3 * bound(n, dtype, x)


@pytest.mark.parametrize("columns", [1, 16, 37])
@pytest.mark.parametrize("dtype", FLOATS)
def test_negacyclic_sums_wrap_around_with_the_other_sign(dtype, columns, module):
    n = 48
    x, w = planes((n, columns), dtype), planes((n, columns), dtype, 1)
    spectrum, out = np.empty_like(w), Framed(x.shape, dtype)
    module.transform(spectrum, w, False, True)
    module.filter_columns(out.array, x, spectrum, True)
    out.assert_intact()
    wanted, taps = np.zeros((4 * n, columns)), w.reshape(2 * n, columns).astype(float)
    for t, tap in enumerate(taps):
        wanted[t : t + 2 * n] += tap * x.reshape(2 * n, columns)
    wanted = (wanted[: 2 * n] - wanted[2 * n :]) * n
    error = np.abs(out.array.reshape(2 * n, columns) - wanted).max()
    assert error < 16 * bound(n, dtype, x, w)


@pytest.mark.parametrize("dtype", FLOATS)
def test_columns_are_apart(dtype, module):
    x = planes((96, 40), dtype)
    x[0, 3, 17] = np.nan
    together, alone = np.empty_like(x), np.empty((2, 96, 1), dtype)
    module.transform(together, x, False)
    for column in range(40):
        module.transform(alone, x[..., column : column + 1], False)
        np.testing.assert_array_equal(together[..., column : column + 1], alone)
        assert np.isfinite(alone).all() == (column != 17)


FENCED_COLUMNS = """
def ones(*how):
    array = fenced(*how)
    array[...] = 1
    return array

for dtype in ("float32", "float64"):
    for end in (True, False):
        for n in (12, 20, 24, 32, 48):
            for columns in (1, 7, 8, 16, 19):
                for rows in (n, n - 5):
                    spectrum, part = (ones((2, r, columns), dtype, end) for r in (n, rows))
                    backend.transform(spectrum, part, False)
                    backend.transform(part, spectrum, True)
                    turned, part = (ones((2, columns, r), dtype, end) for r in (n, rows))
                    backend.transform(turned.swapaxes(1, 2), part.swapaxes(1, 2), False)
                    backend.transform(part.swapaxes(1, 2), turned.swapaxes(1, 2), True)
                x, out = (ones((2, r, columns), dtype, end) for r in (3 * n, 3 * n - 6))
                backend.filter_columns(out, x, spectrum)
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fences memory by mprotect")
def test_nothing_is_touched_beyond_the_arrays(backend):
    assert printed(FENCED.format(backend=backend) + FENCED_COLUMNS) == "done"


# -- the algorithm ------------------------------------------------------------------------------


def assert_near(got, x, w, wanted, dtype):
    """Within the rounding of transforms, relative to the largest sum that the array could make."""
    reach = np.abs(x).max() * np.abs(w).sum()
    error = np.abs(np.asarray(got, wanted.dtype) - wanted).max()
    roundings = 2 * ROUNDINGS * x.ndim * np.log2(256)
    assert error <= roundings * float(np.finfo(dtype).eps) * reach


CASES = [
    ((1,), (1,)),
    ((9,), (4,)),
    ((9,), (23,)),
    ((700,), (31,)),
    ((5, 6), (3, 2)),
    ((3, 70), (9, 9)),
    ((70, 3), (4, 15)),
    ((131, 67), (11, 8)),
    ((300, 310), (15, 15)),
    ((9, 20, 31), (3, 4, 5)),
]


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize(("shape", "taps"), CASES)
def test_every_border_rank_and_dtype(shape, taps, dtype, boundary, backend, ran):
    x, w = oracle.samples(shape, dtype), oracle.samples(taps, dtype, 1)
    how = {"boundary": boundary, "backend": backend}
    wanted = oracle.by_taps(x, w, boundary=boundary).values
    wide = wanted.astype(np.result_type(dtype, np.float64))
    got = fc.correlate(x, w, algorithm="fft", **how)
    assert got.dtype == dtype
    assert_near(got, x, w, wide, dtype)
    ran.only(backend, "fft")


@pytest.mark.parametrize(("shape", "taps"), CASES[1:])
def test_transforms_do_the_work(shape, taps, backend, module, monkeypatch):
    reads = []
    correlate = module.correlate

    def spy(out, *rest):
        if out.shape[2:] != taps:  # the kernel, scaled
            reads.append(out.size)
        correlate(out, *rest)

    monkeypatch.setattr(module, "correlate", spy)
    x, w = oracle.samples(shape, "f4"), oracle.samples(taps, "f4", 1)
    fc.correlate(x, w, algorithm="fft", backend=backend)
    assert sum(reads) <= 0.2 * x.size  # thin strips along the edges


@pytest.mark.parametrize("mode", ["same", "valid", "full"])
@pytest.mark.parametrize("call", ["correlate", "convolve"])
def test_extents(call, mode, backend):
    x, w = oracle.samples((90, 83), "f8"), oracle.samples((8, 9), "f8", 1)
    how = {"mode": mode, "boundary": "mirror"}
    got = getattr(fc, call)(x, w, algorithm="fft", backend=backend, **how)
    wanted = getattr(fc, call)(x, w, algorithm="direct", backend="numpy", **how)
    assert_near(got, x, w, wanted, "f8")


def test_colors_of_pixels(backend):
    x, w = oracle.samples((60, 71, 3), "f4"), oracle.samples((9, 9), "f4", 1)
    got = fc.correlate(x, w, axes=(0, 1), algorithm="fft", backend=backend)
    for color in range(3):
        wanted = oracle.by_taps(x[..., color], w).values.astype(float)
        assert_near(got[..., color], x, w, wanted, "f4")


def test_float16_and_floats_times_integers(backend):
    x, w = oracle.samples((50, 60), "f2"), oracle.samples((9, 9), "f2", 1)
    wanted = oracle.by_taps(x, w).values.astype(float)
    got = fc.correlate(x, w, algorithm="fft", backend=backend)
    assert got.dtype == np.float16
    assert np.abs(got - wanted).max() <= 2e-3 * np.abs(wanted).max()
    pixels = oracle.samples((50, 60), "u1")
    got = fc.correlate(pixels, w.astype("f4"), algorithm="fft", backend=backend)
    wanted = oracle.by_taps(pixels, w.astype("f4")).values.astype(float)
    assert_near(got, pixels.astype(float), w, wanted, "f4")


@pytest.mark.parametrize("activation", [None, "relu"])
def test_layers_with_channels_groups_and_bias(activation, backend, ran):
    x, w = oracle.samples((2, 4, 40, 33), "f4"), oracle.samples((6, 2, 9, 9), "f4", 1)
    bias = oracle.samples((6,), "f4", 2)
    how = {"padding": 3, "groups": 2, "activation": activation}
    got = fc.conv2d(x, w, bias, algorithm="fft", backend=backend, **how)
    ran.only(backend, "fft")
    wide = (a.astype("f8") for a in (x, w, bias))
    wanted = fc.conv2d(*wide, algorithm="direct", backend="numpy", **how)
    reach = np.abs(x).max() * np.abs(w).sum(axis=(1, 2, 3)).max()
    assert np.abs(got - wanted).max() <= 100 * np.finfo("f4").eps * reach


def test_factors_are_multiplied_out(backend):
    x, factors = (
        oracle.samples((60, 60), "f8"),
        tuple(oracle.samples((9,), "f8", s) for s in (1, 2)),
    )
    got = fc.correlate(x, factors, algorithm="fft", backend=backend)
    dense = np.outer(*factors)
    assert_near(got, x, dense, oracle.by_taps(x, dense).values.astype(float), "f8")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(
    ("shape", "taps"), [((400,), (9,)), ((90, 300), (9, 8)), ((20, 21, 40), (3, 4, 5))]
)
@pytest.mark.parametrize("dtype", FLOATS)
def test_bad_samples_stay_in_their_footprint(dtype, shape, taps, bad, backend):
    x, w = oracle.samples(shape, dtype), np.abs(oracle.samples(taps, dtype, 1))
    clean = fc.correlate(x, w, boundary="mirror", algorithm="fft", backend=backend)
    for place in oracle.spread(shape, 3):
        x[place] = bad
    got = fc.correlate(x, w, boundary="mirror", algorithm="fft", backend=backend)
    wanted = oracle.by_taps(x, w, boundary="mirror").values.astype(float)
    with np.errstate(invalid="ignore"):
        regular = np.isfinite(wanted)
    np.testing.assert_array_equal(got[~regular], wanted[~regular])
    assert_near(
        got[regular], np.where(np.isfinite(x), x, 0), w, clean[regular].astype(float), dtype
    )


def test_relu_keeps_nan(backend):
    x = oracle.samples((1, 60, 60), "f4")
    x[0, 30, 30] = np.nan
    w = oracle.samples((1, 1, 9, 9), "f4", 1)
    got = fc.conv2d(x, w, activation="relu", algorithm="fft", backend=backend)
    assert np.isnan(got).sum() == 81
    assert np.nanmin(got) == 0


@pytest.mark.parametrize("value", [2e38, 3e37])
def test_a_transform_that_overflows_is_no_excuse(value, backend):
    x = np.full((100, 100), np.float32(value))
    w = np.zeros((9, 9), np.float32)
    w[4, 4], w[0, 0] = 0.5, -0.5
    got = fc.correlate(x, w, mode="valid", algorithm="fft", backend=backend)
    np.testing.assert_array_equal(got, 0)


@pytest.mark.parametrize("shape", [(50_000,), (400, 410), (30, 40, 50)])
def test_bits_do_not_depend_on_threads(shape, backend):
    x, w = oracle.samples(shape, "f4"), oracle.samples((5,) * len(shape), "f4", 1)
    how = {"algorithm": "fft", "backend": backend, "boundary": "wrap"}
    one = fc.correlate(x, w, threads=1, **how)
    for threads in (2, 5):
        np.testing.assert_array_equal(fc.correlate(x, w, threads=threads, **how), one)


@pytest.mark.parametrize(
    ("x", "w", "how", "reason"),
    [
        (np.ones((9, 9), "u1"), np.ones((3, 3), "i4"), {}, "integers"),
        (np.ones((9, 9), "u1"), np.ones((3, 3), "i4"), {"dtype": "f4"}, "integers"),
        (np.ones((9, 9)), np.ones((3, 3)), {"stride": 2}, "stride"),
        (np.ones((9, 9)), np.ones((3, 3)), {"dilation": 2}, "gaps"),
        (np.ones((2, 2, 2, 2)), np.ones((2, 2, 2, 2)), {}, "axes"),
        (np.ones((3, 40000)), np.ones((3, 16385)), {}, "32768 samples"),
    ],
)
def test_it_says_why_it_refuses(x, w, how, reason):
    with pytest.raises(ValueError, match=f"fft.*{reason}"):
        fc.correlate(x, w, algorithm="fft", **how)


def test_it_is_chosen_where_it_costs_less():
    require("cython")

    def chosen(shape, taps):
        return fc.plan_correlate(
            shape, "f4", oracle.samples(taps, "f4"), backend="cython"
        ).algorithm

    assert chosen((2048, 2048), (31, 31)) == "fft"
    assert chosen((2048, 2048), (5, 5)) == "direct"
    assert chosen((64, 64), (9, 9)) == "direct"
    assert chosen((1_000_000,), (1000,)) == "fft"
