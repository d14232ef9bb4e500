"""Images of bytes with whole weights: exact sums, and proof that bytes are multiplied."""

from __future__ import annotations

import re
from importlib import import_module
from itertools import product

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import backends
from fastconv.problem.form import whole_sum

pytestmark = pytest.mark.compiled

RESULTS = ("uint8", "int16", "int32", "float32", "int8", "uint16", "int64", "float64")
KERNELS = {
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], "i1"),
    "edge": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], "i1"),
    "binomial": np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]).astype("i2"),
    "binomial shares": np.outer([1, 2, 1], [1, 2, 1]).astype("f4") / 16,
    "sobel": (np.array([1, 2, 1], "f4"), np.array([1, 0, -1], "f4")),
    "largest pair": np.array([[64, -64], [64, 64]], "i2"),
    "too large a pair": np.array([[65, 64, 0]], "i2").T,
    "least byte": np.array([[-128, 0, 1]], "i2"),
    "beyond bytes": np.array([[128, 1], [0, -1]], "i2"),
    "below zero": np.full((4, 4), -16, "i2"),
    "longest interval": np.array([[-128], [1], [128]], "i2"),
    "one too long": np.array([[-128], [2], [128]], "i2"),
    "wide": np.array([[127, -128, 300], [-32767, 32000, 5]], "i4"),
    "small shares": np.array([[1, -3, 5, 7]], "f4") / 1024,
    "nothing": np.zeros((3, 3), "i1"),
}


@pytest.fixture(params=["cython", "numpy"])
def some_backend(request):
    """One that multiplies bytes, perhaps, and one that does not."""
    if request.param not in fc.available_backends():
        pytest.skip(f"{request.param} is not available")
    return request.param


def dense(w):
    return np.multiply.outer(*w) if isinstance(w, tuple) else w


def stored(values, dtype):
    """Sums as results: rounded half to even, and saturated."""
    values = np.asarray(values, float)
    if np.dtype(dtype).kind == "f":
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(values), limits.min, limits.max).astype(dtype)


def wanted(x, w, dtype, **how):
    return stored(oracle.by_taps(x, dense(w), **how).values, dtype)


def check(x, w, dtype, backend, ran, **how):
    got = fc.correlate(x, w, dtype=dtype, algorithm="direct", backend=backend, threads=2, **how)
    ran.only(backend, "direct")
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, wanted(x, w, dtype, **how))


def steps(x, w, **how):
    """The kernels that run for a call, on the compiled backend."""
    plan = fc.plan_correlate(x.shape, x.dtype, w, backend="cython", algorithm="direct", **how)
    return plan._recipe.usual_job.program.steps


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_results(dtype, name, some_backend, ran):
    x = oracle.samples((19, 75), dtype)
    for result in RESULTS:
        check(x, KERNELS[name], result, some_backend, ran, boundary="mirror")


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((230,), (0,)),
        ((21, 33), (0, 1)),
        ((21, 33), (1,)),
        ((21, 33), (0,)),
        ((9, 17, 3), (0, 1)),
        ((9, 17, 4), (0, 1)),
        ((3, 9, 17), (1, 2)),
        ((7, 6, 9), (0, 1, 2)),
        ((2, 5, 6, 7), (0, 1, 2, 3)),
    ],
)
def test_borders(shape, axes, dtype, boundary, some_backend, ran):
    x = oracle.samples(shape, dtype)
    for k in (2, 3, 5):
        w = oracle.small((k,) * len(axes), "int8")
        how = {"cval": 77} if boundary == "constant" else {}
        check(x, w, "int16", some_backend, ran, axes=axes, boundary=boundary, **how)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_extremes(dtype, name, some_backend, ran):
    limits, weights = np.iinfo(dtype), dense(KERNELS[name])
    for first, second in product((limits.min, limits.max), repeat=2):
        x = np.full((12, 80), first, dtype)
        x[3:, 40:] = second
        check(x, KERNELS[name], "float32", some_backend, ran, mode="valid")
        check(x, KERNELS[name], "int16", some_backend, ran, boundary="wrap")
    # What the largest and the smallest sum consist of.
    x = np.where(np.tile(weights, (6, 24)) > 0, limits.max, limits.min).astype(dtype)
    for samples in (x, -1 - x if dtype == "int8" else 255 - x):
        check(samples, KERNELS[name], "int32", some_backend, ran, mode="valid")


@pytest.mark.parametrize("size", [1, 2, 3, 31, 32, 33, 63, 64, 65, 97, 129, 1100, 2100])
def test_lengths(size, some_backend, ran):
    for rows, w in ((1, "sharpen"), (2, "wide"), (5, "binomial")):
        x = oracle.samples((rows, size), "uint8")
        for result in ("uint8", "float32"):
            check(x, KERNELS[w], result, some_backend, ran, boundary="nearest")


@pytest.mark.parametrize("name", ["sharpen", "wide", "binomial shares"])
def test_views(name, some_backend, ran):
    whole = oracle.samples((40, 90, 2), "uint8")
    views = {
        "every second": whole[::2, ::3, 0],
        "backwards": whole[::-1, ::-1, 1],
        "transposed": whole[..., 0].T,
        "one row": np.broadcast_to(whole[3, :, 0], (9, 90)),
        "Fortran": np.asfortranarray(whole[..., 1]),
        "flipped colours": whole[..., ::-1],
    }
    for x in views.values():
        how = {"axes": (0, 1)}
        check(x, KERNELS[name], "uint8", some_backend, ran, **how)
        space = np.zeros((2 * x.shape[0], 2 * x.shape[1], *x.shape[2:]), "int16")
        out = space[::2, 1::2]
        got = fc.correlate(
            x, KERNELS[name], out=out, algorithm="direct", backend=some_backend, **how
        )
        ran.only(some_backend, "direct")
        assert got is out
        np.testing.assert_array_equal(out, wanted(x, KERNELS[name], "int16", **how))
        assert not space[1::2].any()
        assert not space[:, ::2].any()


@pytest.mark.parametrize("shape", [(300, 400), (130, 140, 3)])
@pytest.mark.parametrize("name", ["edge", "wide"])
def test_threads_and_tiles_change_nothing(name, shape):
    x = oracle.samples(shape, "uint8")
    how = {"axes": (0, 1), "dtype": "float32", "boundary": "wrap", "algorithm": "direct"}
    exact = wanted(x, KERNELS[name], "float32", axes=(0, 1), boundary="wrap")
    for threads in (1, 2, 3, 8):
        got = fc.correlate(x, KERNELS[name], threads=threads, **how)
        np.testing.assert_array_equal(got, exact)


def test_sequences_of_kernels_share_nothing(some_backend):
    rng, x = np.random.default_rng(0), oracle.samples((30, 70), "uint8")
    for turn in range(60):
        k, most = int(rng.integers(1, 8)), int(rng.choice([1, 4, 40, 127, 1000]))
        w = rng.integers(-most, most + 1, (k, int(rng.integers(1, 8)))).astype("i4")
        w[rng.random(w.shape) < rng.choice([0, 0.5, 0.9])] = 0
        weights = w if turn % 2 else np.ldexp(w, -int(rng.integers(0, 12))).astype("f4")
        dtype = RESULTS[turn % 4]
        got = fc.correlate(x, weights, dtype=dtype, algorithm="direct", backend=some_backend)
        np.testing.assert_array_equal(got, wanted(x, weights, dtype))


def test_drop_ins_wrap():
    x, w = oracle.samples((20, 30), "uint8"), KERNELS["edge"]
    exact = oracle.by_taps(x, w, boundary="symmetric").values.astype(int).astype("uint8")
    np.testing.assert_array_equal(fc.ndimage.correlate(x, w), exact)


needs_bytes = pytest.mark.skipif(
    "cython" not in fc.available_backends() or not backends.load("cython").multiplies_bytes,
    reason="no instructions for it here",
)


def kernels():
    """`correlate` of the instruction set in use, and the loops over typed memoryviews."""
    if "cython" in fc.available_backends():
        name = "fastconv.backends.cython_backend._kernels_generic"
        yield pytest.param(import_module(name).correlate, id="generic")
        yield pytest.param(backends.load("cython").correlate, id="best", marks=needs_bytes)


def turned(values):
    """The same values with the first axes innermost in memory, and gaps between them."""
    space = np.full((*values.shape[::-1][:-1], 2 * values.shape[0]), 99, values.dtype)
    view = space[..., ::2].T
    view[...] = values
    return view


@pytest.mark.parametrize("correlate", [*kernels()])
@pytest.mark.parametrize("result", RESULTS[:4])
@pytest.mark.parametrize("taps", [(3,), (4, 3), (3, 2, 3), (2, 1, 3, 2)], ids=str)
def test_kernels_in_any_layout(taps, result, correlate):
    ones = (1,) * len(taps)
    for dtype, unit, bias in product(("uint8", "int8"), (1, 0.25), (0, -77)):
        lengths = *(k + 1 for k in taps[:-1]), taps[-1] + 37
        x = oracle.samples((3, 2, 1, 1, *lengths), dtype)
        w = oracle.small(taps, "int8").astype("f4") * np.float32(unit)
        sums = oracle.by_taps(x, w, axes=tuple(range(-len(taps), 0)), mode="valid").values + bias
        how = (w[None, None, None], np.full((1, 1), bias, "f4"), ones, ones, False)
        for laid in (np.ascontiguousarray, turned):
            out = laid(np.zeros(sums.shape, result))
            correlate(out, laid(x), *how)
            np.testing.assert_array_equal(out, stored(sums, result))
            if laid is turned:
                assert (out.base[..., 1::2] == 99).all()


@needs_bytes
def test_what_runs():
    x, bytes_ = np.zeros((64, 64), "uint8"), "correlate_bytes"
    assert bytes_ in steps(x, KERNELS["sharpen"])
    assert bytes_ in steps(x.view("i1"), KERNELS["binomial"])
    assert bytes_ in steps(x, KERNELS["binomial shares"], dtype="uint8")
    assert bytes_ in steps(x, KERNELS["sobel"], dtype="float32")
    assert bytes_ in steps(x, KERNELS["edge"], cval=255, boundary="constant")
    for other in (
        steps(x, np.full((3, 3), 1 / 9, "f4"), dtype="uint8"),
        steps(x, KERNELS["binomial shares"], cval=0.5),
        steps(x, KERNELS["edge"], cval=0, stride=2),
        steps(x, KERNELS["edge"], dilation=2),
        steps(x, KERNELS["binomial shares"].astype(float)),
        steps(x, KERNELS["binomial shares"] * np.float32(np.inf)),
        steps(x, np.array([[40_000, 1]])),
        steps(x.astype("u2"), KERNELS["edge"]),
        steps(x.astype(bool), KERNELS["edge"]),
    ):
        assert bytes_ not in other


@needs_bytes
@pytest.mark.parametrize("k", [3, 5, 9])
def test_it_is_chosen(k):
    w = np.random.default_rng(0).integers(-2, 3, (k, k)).astype("i1")
    plan = fc.plan_correlate((512, 512), "uint8", w, dtype="uint8", backend="cython")
    assert plan.algorithm == "direct"


def tiles_and_halos(plan):
    """The tiles of a plan, and how many of them read a halo."""
    found = re.search(r"tiles +(\d+), of which (\d+) read", str(plan))
    return tuple(map(int, found.groups()))


@needs_bytes
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_halos_are_counted_as_bytes(boundary):
    x = np.random.default_rng(0).integers(0, 256, (250, 330), "uint8")
    for w in (KERNELS["edge"], np.ones((1, 7), "i1")):
        how = {"boundary": boundary, "cval": 9, "dtype": "int32", "backend": "cython"}
        plan = fc.plan_correlate(x.shape, x.dtype, w, **how)
        assert tiles_and_halos(plan) == (8, 8)
        floats = fc.correlate(x.astype(float), w.astype(float), boundary=boundary, cval=9)
        np.testing.assert_array_equal(plan(x), floats)
        how["dtype"] = None
        tiles, halos = tiles_and_halos(fc.plan_correlate(x.shape, "f4", w.astype("f4"), **how))
        assert tiles > halos > 0


@pytest.mark.parametrize(
    ("w", "expected"),
    [
        ([[1, -2, 3]], 6),
        ([[0.5, -0.75]], 5),
        ([[0, 0]], 0),
        ([[32767]], 32767),
        ([[32768]], None),
        ([[2.0**-24]], 1),
        ([[2.0**-25]], None),
        ([[0.1, 1]], None),
        ([[np.nan, 1]], None),
        ([[np.inf]], None),
        ([[32767, 32767, 259]], 65793),
        ([[32767, 32767, 260]], None),
    ],
)
def test_whole_weights(w, expected):
    w = np.array(w, "f4")
    assert whole_sum((w,), np.dtype("u1"), np.dtype("f4")) == expected
    assert whole_sum((w,), np.dtype("u2"), np.dtype("f4")) is None
    assert whole_sum((w,), np.dtype("u1"), np.dtype("f8")) is None
    assert whole_sum((w + 0j,), np.dtype("u1"), np.dtype("f4")) is None
