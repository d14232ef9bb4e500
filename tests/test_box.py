"""Kernels of equal weights run as sums of windows: the same answer, and proof that they do."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc

INTEGERS = ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"]
FLOATS = ["float16", "float32", "float64"]
SHAPES = {1: (9,), 2: (5, 6), 3: (3, 4, 5), 4: (3, 2, 4, 3)}
SIZES = {1: (4,), 2: (3, 2), 3: (2, 3, 2), 4: (2, 1, 3, 2)}


def box(size, dtype):
    """Equal weights that are no power of two."""
    kind = np.dtype(dtype).kind
    return np.full(size, {"b": 1, "u": 3, "i": -3, "f": -0.3}[kind], dtype)


def run(x, w, backend, ran, **how):
    got = fc.correlate(x, w, algorithm="box", backend=backend, **how)
    ran.only(backend, "box")
    return got


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_matrix(boundary, dtype, rank, backend, ran):
    x, w = oracle.samples(SHAPES[rank], dtype), box(SIZES[rank], dtype)
    if "int64" in dtype:
        x >>= 12  # beyond 64 bits, Python's integers take over from every backend
    got = run(x, w, backend, ran, boundary=boundary)
    wanted = oracle.correlate(x, w, boundary=boundary).everywhere()
    assert_close(got, wanted)


@pytest.mark.parametrize(
    "how",
    [
        {"mode": "valid"},
        {"mode": "full", "boundary": "mirror"},
        {"mode": "full", "cval": 2.5},
        {"origin": (1, -1), "boundary": ("wrap", "nearest")},
        {"axes": (1, 0)},
    ],
    ids=str,
)
@pytest.mark.parametrize("call", ["correlate", "convolve"])
def test_walks(call, how, backend, ran):
    x, w = oracle.samples((8, 9), float), box((3, 4), float)
    got = getattr(fc, call)(x, w, algorithm="box", backend=backend, **how)
    ran.only(backend, "box")
    assert_close(got, getattr(oracle, call)(x, w, **how).everywhere())


@lru_cache
def large_sums(shape, size, boundary):
    """Sums of samples and of magnitudes, one axis after the other."""
    values = oracle.samples(shape, "float32").astype(float)
    magnitude = np.abs(values)
    for axis, k in enumerate(size):
        how = {"axes": axis, "boundary": boundary}
        values = oracle.by_taps(values, np.ones(k), **how).values
        magnitude = oracle.by_taps(magnitude, np.ones(k), **how).values
    return values, magnitude


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((700, 611), (5, 4)),
        ((700, 611), (31, 31)),
        ((1, 70_001), (1, 9)),
        ((70_001, 1), (9, 1)),
        ((9, 40), (21, 99)),
        ((5, 6), (31, 40)),
        ((13, 50, 51), (3, 4, 5)),
    ],
)
def test_every_pixel_of_larger_arrays(shape, size, boundary, backend, ran):
    x, w = oracle.samples(shape, "float32"), box(size, "float32")
    got = run(x, w, backend, ran, boundary=boundary, threads=2)
    values, magnitude = large_sums(shape, size, boundary)
    weight = float(w.flat[0])
    wanted = oracle.Expected(values * weight, magnitude * abs(weight), sum(size))
    assert_close(got, wanted)


@pytest.mark.parametrize("channels", [1, 3, 4, 70])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_colors_of_photographs(dtype, channels, backend, ran):
    x, w = oracle.samples((60, 70, channels), dtype), box((3, 5), dtype)
    how = {"axes": (0, 1), "boundary": "mirror"}
    got = run(x, w, backend, ran, **how)
    assert_close(got, oracle.by_taps(x, w, **how))


def test_factors_that_are_equal(backend, ran):
    x, factors = oracle.samples((20, 21), "float32"), (box((5,), "float32"), box((4,), "float32"))
    wanted = oracle.correlate(x, factors, boundary="wrap").everywhere()
    assert_close(run(x, factors, backend, ran, boundary="wrap"), wanted)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint32", "int64", "uint64"])
@pytest.mark.parametrize("weight", [1, 200, 2**40])
def test_integers_at_the_ends_of_their_range(weight, dtype, backend):
    """Beyond 64 bits, too, where Python's integers take over."""
    limits = np.iinfo(dtype)
    x = np.where(oracle.samples((20, 30), bool), *np.array([limits.max, limits.min], dtype))
    w = np.full((3, 4), weight, np.int64)
    got = fc.correlate(x, w, dtype=np.int64, algorithm="box", backend=backend)
    assert_close(got, oracle.correlate(x, w).everywhere())


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", FLOATS)
def test_bad_samples_stay_in_their_footprint(dtype, bad, backend, ran):
    for place in ((0, 0), (17, 300), (39, 599)):
        x = oracle.samples((40, 600), dtype)
        x[place] = bad
        got = run(x, box((7, 9), dtype), backend, ran)
        wrong = ~np.isfinite(got)
        rows, columns = (
            slice(max(at - k // 2, 0), at + k // 2 + 1) for at, k in zip(place, (7, 9), strict=True)
        )
        assert np.all(wrong[rows, columns])
        assert wrong.sum() == wrong[rows, columns].size


@pytest.mark.parametrize("axis", [0, 1])
def test_sums_do_not_drift(axis, backend, ran):
    """Small numbers after large ones, along rows much longer than a window."""
    x = np.full((4, 20_000), 0.1, "float32")
    x[:, ::5000] = 1e6
    w = np.ones((1, 15), "float32")
    if axis == 0:
        x, w = np.ascontiguousarray(x.T), w.T
    got = run(x, w, backend, ran, mode="valid")
    far = np.abs(oracle.by_taps(x, w, mode="valid").values) < 2
    assert far.sum() > 50_000
    assert np.abs(got[far] / (15 * float(np.float32(0.1))) - 1).max() <= 15 * 2.0**-24


def test_weighting_comes_first(backend, ran):
    """Means of the largest numbers are no infinities."""
    x = np.full((40, 50), 3e38, "float32")
    got = run(x, np.full((5, 5), 0.04, "float32"), backend, ran, boundary="nearest")
    np.testing.assert_allclose(got, 3e38, rtol=1e-6)


def test_layers_with_a_box_for_each_channel(backend, ran):
    x = oracle.samples((2, 3, 12, 13), "float32")
    w = np.ones((3, 1, 5, 4), "float32") * np.float32([1, 0, -3]).reshape(3, 1, 1, 1)
    bias = np.float32([1, 2, 3])
    how = {"groups": 3, "padding": 2, "activation": "relu"}
    got = fc.conv2d(x, w, bias, algorithm="box", backend=backend, **how)
    ran.only(backend, "box")
    assert_close(got, oracle.conv(x, w, bias, **how).everywhere())


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("size", [(3, 3), (31, 15)], ids=str)
def test_bits_do_not_depend_on_the_threads(size, dtype, backend):
    x, w = oracle.samples((900, 950), dtype), np.full(size, 0.01)
    how = {"algorithm": "box", "backend": backend, "boundary": "mirror"}
    one = fc.correlate(x, w, threads=1, **how)
    np.testing.assert_array_equal(fc.correlate(x, w, threads=3, **how), one)
    plan = fc.plan_correlate(x.shape, x.dtype, w, **how)
    np.testing.assert_array_equal(plan(x), one)


def test_out_may_be_x(backend, ran):
    x, w = oracle.samples((300, 301), "float32"), box((9, 9), "float32")
    wanted = run(x, w, backend, ran)
    assert run(x, w, backend, ran, out=x) is x
    np.testing.assert_array_equal(x, wanted)


def test_the_planner_sums_windows_where_that_pays(backend, ran):
    x = oracle.samples((600, 700), "float32")
    for w in (np.ones((25, 25), "float32"), (np.ones(31, "float32"),) * 2):
        fc.correlate(x, w, backend=backend)
        ran.only(backend, "box")


@pytest.mark.parametrize(
    ("w", "how", "reason"),
    [
        (np.float32([[1, 1, 1], [1, 1, 2]]), {}, "not all equal"),
        ((np.ones(3), np.array([1.0, 0, -1])), {}, "not all equal"),
        (np.full((3, 3), np.nan), {}, "not all equal"),
        (np.ones((3, 3), "complex64"), {}, "complex"),
        (np.ones((3, 3)), {"stride": 2}, "strides"),
        (np.ones((3, 3)), {"dilation": (1, 2)}, "dilation"),
    ],
)
def test_refusals(w, how, reason):
    with pytest.raises(ValueError, match=reason):
        fc.correlate(np.ones((9, 9)), w, algorithm="box", **how)
    x, layer = np.ones((1, 2, 9, 9)), np.ones((1, 2, 3, 3))
    with pytest.raises(ValueError, match="not all equal"):
        fc.conv2d(x, layer, algorithm="box")


def test_a_plan_says_that_weights_are_equal():
    said = str(fc.plan_correlate((50, 50), "f4", np.ones((9, 9), "f4")))
    assert "9x9 taps, rank 1, found, all equal\n" in said


BYTES = [(40, 50), (9, 10, 11), (300,), (70, 41, 3)]
EDGES = [("constant", 0), ("constant", 7), ("constant", 2.5)] + [
    (boundary, 300) for boundary in oracle.BOUNDARIES
]


@pytest.mark.parametrize("shape", BYTES, ids=str)
@pytest.mark.parametrize(("boundary", "cval"), EDGES)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_integers_are_the_nearest_to_their_mean(dtype, boundary, cval, shape, backend, ran):
    """By their sums, or those of float32 where borders or windows ask for it: never one off."""
    x = oracle.samples(shape, dtype)
    axes = (0, 1)[: len(shape)] if shape[-1] == 3 else range(len(shape))
    sizes = [n for n, _ in zip((5, 4, 3), axes, strict=False)]
    w = np.full(sizes, 0.9 / np.prod(sizes), np.float32)
    how = {"boundary": boundary, "cval": cval, "axes": tuple(axes)}
    got = run(x, w, backend, ran, dtype=dtype, **how)
    wanted = oracle.correlate(x.astype(float), w, **how).everywhere().values
    top = np.iinfo(dtype).max
    assert (np.abs(got - wanted.clip(0, top)) <= 0.5 + 1e-6 * top).all()


@pytest.mark.parametrize("k", [3, 14, 31])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_small_integers_have_the_same_bits_on_any_threads_and_planned(dtype, k, backend):
    x, w = oracle.samples((700, 611), dtype), np.full((k, k), 1 / k**2, np.float32)
    how = {"boundary": "mirror", "dtype": dtype, "algorithm": "box", "backend": backend}
    alone = fc.correlate(x, w, threads=1, **how)
    plan = fc.plan_correlate(x.shape, x.dtype, w, threads=2, **how)
    for _ in range(3):
        np.testing.assert_array_equal(fc.correlate(x, w, threads=2, **how), alone)
        np.testing.assert_array_equal(plan(x), alone)


def test_a_receiver_of_another_dtype_is_not_rounded_to_bytes(backend):
    x, w = np.array([[0, 1, 0, 255]], np.uint8), np.full((1, 2), 0.75, np.float32)
    how = {"mode": "valid", "dtype": np.uint8, "algorithm": "box", "backend": backend}
    plan, out = fc.plan_correlate(x.shape, x.dtype, w, **how), np.empty((1, 3), np.float32)
    for _ in range(3):
        np.testing.assert_array_equal(plan(x, out), [[0.75, 0.75, 191.25]])
        np.testing.assert_array_equal(plan(x), [[1, 1, 191]])


def test_infinite_weights_are_no_box():
    x = np.array([[0, 1, 2]], np.uint8)
    plan = fc.plan_correlate(x.shape, x.dtype, np.full((1, 2), np.inf, np.float32))
    assert plan.algorithm != "box"
