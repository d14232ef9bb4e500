"""Kernels most of whose taps are zero: the same answer, and proof that zeros are left out."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from fastconv import backends

DTYPES = ["bool", "uint8", "int16", "int64", "uint64", "float16", "float32", "float64"]
SHAPES = {1: (19,), 2: (7, 9), 3: (4, 5, 6)}
TAPS = {1: (6,), 2: (4, 5), 3: (2, 3, 3)}


def sparse(taps, dtype, share=0.3, seed=0):
    """Some small weights, and zeros."""
    rng = np.random.default_rng(seed)
    w = np.zeros(np.prod(taps), dtype)
    count = max(1, int(w.size * share))
    weights = rng.integers(1, 4, count)
    w[rng.permutation(w.size)[:count]] = weights / 7 if w.dtype.kind == "f" else weights
    return w.reshape(taps)


def diagonal(k, dtype="float32"):
    """A motion blur."""
    return np.diag(np.linspace(1, 2, k)).astype(dtype)


def run(x, w, backend, ran, **how):
    got = fc.correlate(x, w, algorithm="sparse", backend=backend, **how)
    ran.only(backend, "sparse")
    return got


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_matrix(boundary, dtype, rank, backend, ran):
    x, w = oracle.samples(SHAPES[rank], dtype), sparse(TAPS[rank], dtype)
    if "int64" in dtype:
        x >>= 12  # beyond 64 bits, Python's integers take over from every backend
    got = run(x, w, backend, ran, boundary=boundary)
    assert_close(got, oracle.correlate(x, w, boundary=boundary).everywhere())


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize(
    ("shape", "taps", "how"),
    [
        ((40,), (9,), {"stride": 2}),
        ((7, 8), (4, 4), {"mode": "full", "stride": (2, 3)}),
        ((19, 20), (4, 5), {"mode": "valid", "dilation": (3, 2), "stride": (1, 2)}),
        ((9, 8), (3, 3), {"dilation": 40}),
        ((9, 8, 3), (4, 5), {"axes": (0, 1), "boundary": "wrap"}),
        ((9, 3, 8), (5, 4), {"axes": (2, 0)}),
        ((6, 5, 7), (4, 1, 5), {"stride": (1, 2, 2), "boundary": "mirror"}),
        ((5, 6, 7), (4, 5, 4), {"origin": (1, 0, -1)}),
        ((3, 2), (9, 8), {"boundary": "symmetric"}),
    ],
    ids=str,
)
def test_walks(shape, taps, how, dtype, backend, ran):
    x, w = oracle.samples(shape, dtype), sparse(taps, dtype)
    how = {"cval": 3, **how}
    assert_close(run(x, w, backend, ran, **how), oracle.correlate(x, w, **how).everywhere())


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_every_pixel_of_larger_arrays(boundary, dtype, backend, ran):
    x, w = oracle.samples((700, 611), dtype), diagonal(9)
    got = run(x, w, backend, ran, boundary=boundary, threads=2)
    assert_close(got, oracle.by_taps(x, w, boundary=boundary))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_integers_at_the_ends_of_their_range(dtype, backend):
    """Beyond 64 bits, too, where Python's integers take over."""
    limits = np.iinfo(dtype)
    x = np.where(oracle.samples((20, 30), bool), *np.array([limits.max, limits.min], dtype))
    w = sparse((3, 4), dtype)
    got = fc.correlate(x, w, algorithm="sparse", backend=backend)
    assert_close(got, oracle.correlate(x, w).everywhere())


def test_factors_with_zeros(backend, ran):
    x, factors = oracle.samples((20, 21), "float32"), ([1, 0, 0, 2.5], [0, -3, 0, 0.1])
    factors = tuple(np.float32(factor) for factor in factors)
    wanted = oracle.correlate(x, factors, boundary="wrap").everywhere()
    assert_close(run(x, factors, backend, ran, boundary="wrap"), wanted)


def test_layers_with_a_kernel_for_each_channel(backend, ran):
    """Taps of any of them are listed for all."""
    x = oracle.samples((2, 3, 12, 13), "float32")
    w = np.zeros((3, 1, 5, 4), np.float32)
    w[0, 0, 1, 2], w[1, 0, 4], w[2, 0, 0, 0] = 2, [1, 2, 3, 4], np.inf
    bias = np.float32([1, 2, 3])
    how = {"groups": 3, "padding": 2, "stride": 2, "activation": "relu", "backend": backend}
    x[np.isclose(x, 0)] = 1  # zero times infinity is NaN
    how["boundary"] = "nearest"
    got = fc.conv2d(x, w, bias, algorithm="sparse", **how)
    ran.only(backend, "sparse")
    wanted = fc.conv2d(x, w, bias, algorithm="direct", **how)
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


# -- what is not finite --------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_bad_samples_reach_what_zeros_cover(dtype, bad, backend, ran):
    x = np.abs(oracle.samples((40, 300), dtype))
    places = ((0, 0), (17, 150), (39, 299))
    for place in places:
        x[place] = bad
    got = run(x, diagonal(9, dtype), backend, ran)
    wanted = fc.correlate(x, diagonal(9, dtype), algorithm="direct", backend=backend)
    for wrong in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(wrong(got), wrong(wanted))
    assert (~np.isfinite(got)).sum() == 25 + 81 + 25


@pytest.mark.parametrize("x_dtype", ["float32", "uint8"])
@pytest.mark.parametrize("cval", [np.nan, np.inf])
def test_a_bad_constant_reaches_the_border_only(cval, x_dtype, backend, ran):
    x, w = np.ones((30, 40), x_dtype), diagonal(5)
    got = run(x, w, backend, ran, cval=cval, dtype=np.float32)
    assert np.isfinite(got[2:-2, 2:-2]).all()
    assert np.isfinite(got).sum() == 26 * 36


def test_bad_weights_reach_everything(backend, ran):
    w = diagonal(5)
    w[0, 0] = np.nan
    assert np.isnan(run(np.ones((9, 9), np.float32), w, backend, ran)).all()


def test_sums_that_overflow_while_they_are_looked_at_do_no_harm(backend, ran):
    """Samples are finite, though their sum is not: zeros are left out all the same."""
    x = np.full((30, 40), 3e38, np.float32)
    look = backends.load(backend).in_range
    assert look(x, np.inf)
    x[7, 9] = np.inf
    assert not look(x, np.inf)
    x[7, 9] = 3e38
    got = run(x, diagonal(5) / 100, backend, ran, mode="valid")
    np.testing.assert_allclose(got, 3e38 * np.float64(0.075), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_weights_that_vanish_in_their_sums(dtype, backend, ran):
    """In float32 no tap is left."""
    w = np.zeros((5, 5))
    w[1, 2] = 1e-60
    got = run(oracle.samples((20, 30), dtype), w, backend, ran, dtype="float32")
    assert not got.any()


# -- plans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "uint8", "int64"])
def test_bits_do_not_depend_on_the_threads(dtype, backend):
    x, w = oracle.samples((700, 650), dtype), diagonal(15, "int64" if dtype == "int64" else float)
    x[300, 300] = 0 if dtype != "float32" else np.nan
    if dtype == "int64":
        x >>= 40
    how = {"algorithm": "sparse", "backend": backend, "boundary": "mirror"}
    one = fc.correlate(x, w, threads=1, **how)
    np.testing.assert_array_equal(fc.correlate(x, w, threads=3, **how), one)
    np.testing.assert_array_equal(fc.plan_correlate(x.shape, x.dtype, w, **how)(x), one)


def test_out_may_be_x(backend, ran):
    x, w = oracle.samples((300, 301), "float32"), diagonal(9)
    wanted = run(x, w, backend, ran)
    assert run(x, w, backend, ran, out=x) is x
    np.testing.assert_array_equal(x, wanted)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_the_planner_leaves_zeros_out_where_that_pays(dtype, backend, ran):
    x = oracle.samples((600, 700), dtype)
    fc.correlate(x, diagonal(31), backend=backend)
    ran.only(backend, "sparse")


@pytest.mark.parametrize(
    ("w", "reason"),
    [
        (sparse((5, 5), "float32", 0.53), "more than half"),
        (np.ones((5, 5)), "more than half"),
        (diagonal(5, "complex64"), "complex"),
    ],
)
def test_refusals(w, reason):
    with pytest.raises(ValueError, match=reason):
        fc.correlate(np.ones((9, 9)), w, algorithm="sparse")
    with pytest.raises(ValueError, match="one channel"):
        fc.conv2d(np.ones((1, 2, 9, 9)), np.zeros((1, 2, 3, 3)), algorithm="sparse")


def test_half_of_the_taps_are_few_enough():
    w = sparse((4, 5), "float32", 0.5)
    assert (
        fc.plan_correlate((50, 50), "f4", w, algorithm="sparse")._recipe.problem.form.nonzero == 10
    )
