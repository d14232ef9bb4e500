"""The algorithm `winograd`: what it computes, how much it rounds, and when it is ruled out."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from conftest import forget
from tolerance import assert_close

import fastconv as fc
from fastconv.algorithms import winograd
from fastconv.backends.geometry.winograd import TILES, WEIGHTS

pytestmark = pytest.mark.compiled

LAYERS = {1: fc.conv1d, 2: fc.conv2d, 3: fc.conv3d}
CASES = {
    "two taps": ((1, 16, 9, 10), (16, 16, 2, 2), {}),
    "5x5": ((2, 32, 12, 9), (34, 16, 5, 5), {"padding": 2, "groups": 2}),
    "4x7": ((1, 17, 9, 14), (18, 17, 4, 7), {"padding": 3}),
    "11x11": ((1, 16, 14, 13), (16, 16, 11, 11), {"padding": 4}),
    "dilated": ((2, 17, 23, 9), (18, 17, 3, 3), {"padding": (2, 3), "dilation": (2, 3)}),
    "dilated, fewer outputs than steps": ((1, 16, 17, 9), (16, 16, 5, 3), {"dilation": (4, 3)}),
    "1x7": ((2, 17, 5, 11), (18, 17, 1, 7), {"padding": (0, 3)}),
    "7x1": ((2, 17, 11, 5), (18, 17, 7, 1), {"padding": (3, 0), "dilation": (2, 1)}),
    "stride down": ((2, 17, 11, 9), (18, 17, 3, 3), {"padding": 1, "stride": (2, 1)}),
    "stride across": ((2, 17, 11, 9), (18, 17, 3, 5), {"padding": 2, "stride": (1, 3)}),
    "a signal": ((2, 17, 61), (18, 17, 9), {"padding": 4}),
    "a signal, dilated": ((2, 32, 61), (36, 16, 3), {"padding": 5, "dilation": 5, "groups": 2}),
    "a volume": ((2, 17, 5, 6, 7), (18, 17, 3, 3, 3), {"padding": 1}),
    "a volume, one plane": ((2, 17, 3, 6, 7), (18, 17, 3, 3, 3), {"padding": (0, 1, 1)}),
    "a volume, stride": ((1, 17, 9, 6, 7), (18, 17, 3, 5, 2), {"stride": (2, 1, 1)}),
    "a volume, other planes": ((2, 17, 6, 7, 5), (18, 17, 3, 3, 2), {"stride": (1, 1, 2)}),
    "a volume, each plane": ((2, 34, 6, 5, 7), (36, 17, 1, 3, 3), {"groups": 2, "padding": 1}),
}

EPS = float(np.finfo(np.float32).eps)
BOUND = 3e-5
"""Documented: of the largest sample times the sum of the magnitudes of a filter's weights."""


@pytest.fixture(params=sorted(WEIGHTS))
def side(request, monkeypatch):
    """Both sizes of tiles, forced in turn; no plan of the other one is remembered."""
    if "backend" in request.fixturenames:
        request.getfixturevalue("backend")  # skips, where it is missing, before anything is due
    ran = set()
    sum_band, tilings = winograd._band, winograd._tilings

    def noted(*arguments):
        *_, tiling = arguments
        ran.add(tiling.outputs[0])
        return sum_band(*arguments)

    def chosen(problem):
        return [made for made in tilings(problem) if made.outputs[0] == request.param]

    monkeypatch.setattr(winograd, "_band", noted)
    monkeypatch.setattr(winograd, "_tilings", chosen)
    forget()
    yield request.param
    forget()
    assert ran == {request.param}


def run(x, w, bias=None, **how):
    return LAYERS[x.ndim - 2](x, w, bias, algorithm="winograd", **how)


def excess(got, x, w, bias=None, **how):
    """The largest error as a part of what is documented."""
    exact = LAYERS[x.ndim - 2](
        x.astype(float), w.astype(float), None if bias is None else bias.astype(float), **how
    )
    allowed = BOUND * np.abs(x).max() * np.abs(w).reshape(len(w), -1).sum(axis=1).astype(float)
    if bias is not None:
        allowed += EPS * np.abs(bias)
    return (np.abs(got - exact) / allowed.reshape(-1, *[1] * (x.ndim - 2))).max()


def case(name):
    """Arrays and options of a case."""
    x_shape, w_shape, how = CASES[name]
    return oracle.samples(x_shape, np.float32), oracle.samples(w_shape, np.float32), how


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_matrix(layout, boundary, side, backend, ran):
    x = oracle.samples((2, 32, 11, 6), np.float32)
    w, bias = oracle.samples((34, 16, 3, 3), np.float32), oracle.samples((34,), np.float32)
    how = {"padding": ((1, 2), (3, 0)), "groups": 2, "boundary": boundary}
    channels_last = layout == "NHWC"
    given = np.ascontiguousarray(np.moveaxis(x, 1, -1)) if channels_last else x
    got = run(given, w, bias, backend=backend, layout=layout, activation="relu", **how)
    got = np.moveaxis(got, -1, 1) if channels_last else got
    ran.only(backend, "winograd")
    exact = fc.conv2d(x.astype(float), w.astype(float), bias.astype(float), **how)
    scale = np.abs(x).max() * np.abs(w).sum(axis=(1, 2, 3)) + np.abs(bias)
    assert (np.abs(got - np.maximum(exact, 0)) <= BOUND * scale[:, None, None]).all()


@pytest.mark.parametrize("name", CASES)
def test_other_kernels(name, side, backend, ran):
    x, w, how = case(name)
    bias = oracle.samples(w.shape[:1], np.float32)
    got = run(x, w, bias, backend=backend, **how)
    ran.only(backend, "winograd")
    assert excess(got, x, w, bias, **how) <= 1
    last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    layout = {1: "NLC", 2: "NHWC", 3: "NDHWC"}[x.ndim - 2]
    got = np.moveaxis(run(last, w, bias, backend=backend, layout=layout, **how), -1, 1)
    assert excess(got, x, w, bias, **how) <= 1


def test_tiles_lie_in_all_ways():
    def points(name):
        x, w, how = case(name)
        make = {1: fc.plan_conv1d, 2: fc.plan_conv2d, 3: fc.plan_conv3d}[x.ndim - 2]
        problem = make(x.shape, "f4", w, algorithm="winograd", **how)._recipe.problem
        return {tiling.points for tiling in winograd._tilings(problem)}

    assert {*TILES} == set().union(*map(points, CASES))


@pytest.mark.parametrize("rows", range(1, 10))
@pytest.mark.parametrize("cols", [1, 3, 4, 9])
def test_sizes_that_fill_no_tile(rows, cols, side, backend):
    x = oracle.samples((1, 16, rows + 2, cols + 2), np.float32)
    w = oracle.samples((16, 16, 3, 3), np.float32)
    assert excess(run(x, w, backend=backend), x, w) <= 1


def adversaries():
    """Arrays that make a tile lose digits."""
    rng = np.random.default_rng(0)
    shape = (1, 64, 20, 20)
    normal = rng.normal(size=shape)
    yield "normal", normal
    yield "positive", np.abs(normal) + 1
    yield "of all magnitudes", normal * 10.0 ** rng.integers(-6, 6, shape)
    alternating = (-1.0) ** np.add.outer(np.arange(20), np.arange(20))
    yield "alternating", np.broadcast_to(alternating, shape)
    yield "all equal", np.full(shape, 1e6)
    peak = normal.copy()
    peak[0, :, 0, 0] = 1e7
    yield "one large sample", peak
    yield "small", normal * 1e-30


@pytest.mark.parametrize(("name", "x"), [*adversaries()])
@pytest.mark.parametrize("channels", [16, 64])
def test_it_errs_as_little_as_documented(name, x, channels, side, backend):
    x = x[:, :channels].astype(np.float32)
    rng = np.random.default_rng(1)
    signs = rng.choice([-1, 1], (32, channels, 3, 3))
    scales = 10.0 ** rng.integers(-3, 3, (32, channels, 3, 3))
    for w in (rng.normal(size=signs.shape), signs, signs * scales, np.abs(scales)):
        w = w.astype(np.float32)
        assert excess(run(x, w, padding=1, backend=backend), x, w, padding=1) <= 1


@pytest.mark.parametrize(("name", "x"), [*adversaries()])
@pytest.mark.parametrize("taps", [(2, 2), (5, 5), (7, 7), (1, 9)])
def test_blocks_of_taps_err_as_little(name, x, taps, side, backend):
    x = x[:, :16].astype(np.float32)
    rng = np.random.default_rng(3)
    for w in (rng.normal(size=(16, 16, *taps)), 10.0 ** rng.integers(-3, 3, (16, 16, *taps))):
        w = w.astype(np.float32)
        assert excess(run(x, w, padding=1, backend=backend), x, w, padding=1) <= 1


def test_many_channels_err_as_little(backend):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(1, 1024, 8, 8)).astype(np.float32)
    w = rng.normal(size=(16, 1024, 3, 3)).astype(np.float32)
    assert excess(run(x, w, backend=backend), x, w) <= 1


def test_the_bound_can_be_missed():
    x = oracle.samples((1, 16, 8, 8), np.float32)
    w = oracle.samples((16, 16, 3, 3), np.float32)
    got = run(x, w)
    got[0, 3, 2, 1] *= 1.01
    assert excess(got, x, w) > 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
def test_what_is_not_finite_stays_in_its_footprint(value, side, backend):
    x = oracle.samples((1, 16, 13, 14), np.float32)
    w = np.abs(oracle.samples((16, 16, 3, 3), np.float32)) + 0.1
    clean = run(x, w, padding=1, backend=backend)
    x[0, 4, 6, 7] = value
    got = run(x, w, padding=1, backend=backend)
    wanted = fc.conv2d(x.astype(float), w.astype(float), padding=1)
    with np.errstate(over="ignore"):
        wanted = wanted.astype(np.float32)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(wanted))
    far = np.ones(got.shape, bool)
    far[0, :, 5:8, 6:9] = False
    assert (np.abs(got - clean)[far] <= 2 * BOUND * 16 * np.abs(w).sum(axis=(1, 2, 3)).max()).all()


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("name", CASES)
def test_what_is_not_finite_stays_in_the_footprint_of_other_kernels(name, value, side, backend):
    x, w, how = case(name)
    w += np.sign(w) * np.float32(0.1)
    place = tuple(n // 2 for n in x.shape)
    x[place] = value
    got = run(x, w, backend=backend, **how)
    assert not np.isfinite(got).all()
    clean = x.copy()
    clean[place] = 0
    x, w = x.astype(float), w.astype(float)
    wanted = LAYERS[x.ndim - 2](x, w, **how)
    np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted))
    np.testing.assert_array_equal(np.isinf(got), np.isinf(wanted))
    finite = np.isfinite(got)
    allowed = BOUND * np.abs(clean).max() * np.abs(w).reshape(len(w), -1).sum(axis=1).max()
    assert (np.abs(got[finite] - wanted[finite]) <= allowed).all()


def test_strict_is_a_plain_sum(backend, ran):
    x = oracle.samples((1, 16, 6, 5), np.float32)
    w = oracle.samples((16, 16, 3, 3), np.float32)
    got = fc.conv2d(x, w, padding=1, precision="strict", backend=backend)
    assert_close(got, oracle.conv(x, w, padding=1).everywhere())
    ran.only(backend, "gemm")
    with pytest.raises(ValueError, match="precision='strict'"):
        run(x, w, precision="strict")


def test_it_says_why_it_refuses():
    def refusal(shape, dtype="f4", **how):
        channels = shape[1] * how.get("groups", 1)
        make = {4: fc.plan_conv2d, 5: fc.plan_conv3d}[len(shape)]
        x = (1, channels, *[19] * (len(shape) - 2))
        return winograd.algorithm.refuses(
            make(x, dtype, np.ones(shape, dtype), **how)._recipe.problem
        )

    assert refusal((16, 16, 3, 3)) is None
    assert "rounds more than a plain sum" in refusal((16, 16, 3, 3), precision="strict")
    assert refusal((16, 16, 3, 3), "f8") == "it computes in float32, and rounds"
    assert refusal((16, 16, 3, 3), "c8") == "it computes in float32, and rounds"
    assert refusal((16, 16, 3, 3), "i2") == "it computes in float32, and rounds"
    assert refusal((16, 16, 5, 5), dilation=2) is None
    free = "its tiles lie along axes with two or more taps and without stride"
    assert refusal((16, 16, 1, 1)) == free
    assert refusal((16, 16, 3, 3), stride=2) == free
    assert refusal((16, 16, 3, 1), stride=(2, 1)) == free
    assert refusal((16, 16, 3, 3, 3), stride=(1, 2, 2)) == "its tiles lie along all axes but one"
    assert refusal((16, 16, 11, 11)) is None
    assert refusal((16, 16, 11, 12)) == "it has blocks of taps for at most 128 of them"
    few = "its transforms pay from 16 channels on, in and out"
    assert refusal((15, 16, 3, 3)) == few
    assert refusal((16, 15, 3, 3)) == few


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("name", CASES)
def test_the_same_bits_for_any_number_of_threads(name, side, threads, backend):
    x, w, how = case(name)
    how["backend"] = backend
    np.testing.assert_array_equal(run(x, w, threads=threads, **how), run(x, w, threads=1, **how))


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_same_bits_of_many_pieces(side, threads, backend):
    x = oracle.samples((2, 32, 41, 35), np.float32)
    w = oracle.samples((48, 32, 3, 3), np.float32)
    how = {"padding": 1, "backend": backend}
    np.testing.assert_array_equal(run(x, w, threads=threads, **how), run(x, w, threads=1, **how))


def same_bits_in_bands(x, w, backend, monkeypatch, **how):
    whole = run(x, w, backend=backend, **how)
    monkeypatch.setattr(winograd, "BAND_BYTES", 1)
    bands = run(x, w, backend=backend, **how)
    if backend == "numpy":  # which leaves the order of a sum to BLAS
        np.testing.assert_allclose(bands, whole, rtol=1e-3, atol=1e-3)
    else:
        np.testing.assert_array_equal(bands, whole)


def test_the_same_bits_in_bands_of_any_height(side, backend, monkeypatch):
    x = oracle.samples((2, 32, 41, 35), np.float32)
    w = oracle.samples((48, 32, 3, 3), np.float32)
    same_bits_in_bands(x, w, backend, monkeypatch, padding=1)


def test_the_same_bits_in_bands_of_some_planes(side, backend, monkeypatch):
    x = oracle.samples((2, 16, 9, 13, 10), np.float32)
    w = oracle.samples((16, 16, 3, 3, 3), np.float32)
    same_bits_in_bands(x, w, backend, monkeypatch, padding=1, dilation=(2, 1, 1))


@pytest.mark.parametrize(("rows", "cols"), [(17, 25), (16, 26), (18, 24), (3, 40)])
def test_the_same_bits_in_bands_of_dilated_images(rows, cols, side, backend, monkeypatch):
    x = oracle.samples((2, 16, rows + 4, cols + 12), np.float32)
    w = oracle.samples((16, 16, 3, 5), np.float32)
    same_bits_in_bands(x, w, backend, monkeypatch, dilation=(2, 3))


def test_many_dilated_images_cost_their_calls(backend):
    """With one tile each, products are few, but calls of kernels many."""
    x = oracle.samples((1, 16, 64, 64), np.float32)
    w = oracle.samples((16, 16, 3, 3), np.float32)
    plan = fc.plan_conv2d(x.shape, "f4", w, dilation=30, padding=30, backend=backend)
    assert plan.algorithm != "winograd"
