"""Dense kernels that run as products of factors: the same answer, and proof that they do."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from fastconv.plan.candidates import candidates
from fastconv.problem import lowrank

FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["bool", "uint8", "int16", "int32", "int64", "uint64"]


def product(shape, dtype):
    """A kernel that is one product."""
    w = np.ones((1,) * len(shape))
    for axis, k in enumerate(shape):
        line = np.arange(1, k + 1) if np.dtype(dtype).kind in "biu" else np.linspace(-1, 1, k) ** 3
        w = w * line.reshape(*(-1 if i == axis else 1 for i in range(len(shape))))
    return w.astype(dtype)


def laplacian_of_gaussian(k, sigma=2.0):
    """A kernel of rank 2."""
    i = np.arange(k) - k // 2
    square = (i[:, None] ** 2 + i**2) / (2 * sigma**2)
    return ((square - 1) * np.exp(-square)).astype("float32")


def run(x, w, backend, ran, **how):
    got = fc.correlate(x, w, algorithm="separable", backend=backend, **how)
    ran.only(backend, "separable")
    return got


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("dtype", [*FLOATS, *INTEGERS])
def test_one_product(dtype, boundary, backend, ran):
    x, w = oracle.samples((6, 9), dtype), product((4, 5), dtype)
    if "int64" in dtype:
        x >>= 12
    got = run(x, w, backend, ran, boundary=boundary)
    wanted = oracle.correlate(x, w, boundary=boundary).everywhere()
    assert_close(got, wanted)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize(
    ("shape", "taps", "how"),
    [
        ((7, 8), (4, 4), {"mode": "full", "stride": (2, 3)}),
        ((19, 20), (4, 5), {"mode": "valid", "dilation": (3, 2), "stride": (1, 2)}),
        ((9, 8, 3), (4, 5), {"axes": (0, 1), "boundary": "wrap"}),
        ((9, 3, 8), (5, 4), {"axes": (2, 0)}),
        ((6, 5, 7), (4, 1, 5), {"stride": (1, 2, 2), "boundary": "mirror"}),
        ((5, 6, 7), (1, 4, 4), {"stride": 3}),
        ((5, 6, 5), (4, 4, 1), {"stride": (1, 2, 3), "mode": "full"}),
        ((5, 6, 7), (4, 5, 4), {"origin": (1, 0, -1)}),
        ((2, 4, 4, 3, 5), (4, 4, 2, 4), {"axes": (1, 2, 3, 4)}),
        ((3, 2), (9, 8), {"boundary": "symmetric"}),
    ],
    ids=str,
)
def test_walks(shape, taps, how, dtype, backend, ran):
    x, w = oracle.samples(shape, dtype), product(taps, dtype)
    how = {"cval": 3, **how}
    assert_close(run(x, w, backend, ran, **how), oracle.correlate(x, w, **how).everywhere())


@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "uint64"])
def test_integers_at_the_ends_of_their_range(dtype, backend, ran):
    limits = np.iinfo(dtype)
    x = np.where(oracle.samples((9, 11), bool), *np.array([limits.max, limits.min], dtype))
    w = product((5, 4), np.int32).astype(dtype)
    how = {"dtype": dtype if "64" in dtype else "int64", "backend": backend}
    got = fc.correlate(x, w, algorithm="separable", **how)
    assert_close(got, oracle.correlate(x, w).everywhere())


@pytest.mark.parametrize(
    "how", [{}, {"boundary": "mirror", "stride": 2}, {"mode": "full"}], ids=str
)
@pytest.mark.parametrize("rank", [2, 3])
def test_several_products(rank, how, backend, ran):
    """The bound is of what the products sum up, which is more than the weights."""
    x, w = oracle.samples((40, 37), "float32"), laplacian_of_gaussian(13)
    if rank == 3:
        w += np.outer(*[np.linspace(-1, 1, 13, dtype="float32") ** 3] * 2) / 2
    plan = fc.plan_correlate(x.shape, x.dtype, w, algorithm="separable", backend=backend, **how)
    assert f"rank {rank}, found" in str(plan)
    got = plan(x)
    ran.only(backend, "separable")
    magnitude = sum(np.outer(*map(np.abs, product)) for product in lowrank.factors(w))
    wanted = oracle.by_taps(x, w, **how)
    bound = oracle.by_taps(np.abs(x), magnitude, **how)
    terms = rank * sum(w.shape) + sum(w.shape)  # of the sums, and of the weights
    assert_close(got, oracle.Expected(wanted.values, bound.values, terms))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kernel", ["rank 1", "rank 2", "zeros"])
def test_bad_samples_reach_what_they_reach_in_a_dense_sum(kernel, bad, backend, ran):
    x = oracle.samples((40, 41), "float32")
    x[20, 9] = bad
    if kernel == "rank 1":
        w = np.outer([0, 1, -2, 3], [1, 0, 0, -1]).astype("float32") / 3
    else:
        w = laplacian_of_gaussian(9)
    if kernel == "zeros":
        w[w < 0] = 0
        w[2:7] = w[:1]
        w[:, 0] = 0
    got = run(x, w, backend, ran, boundary="wrap")
    wanted = fc.correlate(x, w, boundary="wrap", algorithm="direct", backend=backend)
    for wrong in (np.isnan, np.isposinf, np.isneginf):
        np.testing.assert_array_equal(wrong(got), wrong(wanted))
    assert (~np.isfinite(got)).sum() == w.size


def test_nothing_overflows_between_two_passes(backend, ran):
    x = np.full((9, 9), 3e38, "float32")
    w = np.outer(np.full(4, 8), [1, -1, 1, -1]).astype("float32") / 32
    assert np.all(run(x, w, backend, ran, mode="valid") == 0)


@pytest.mark.parametrize(
    ("dtype", "w"),
    [
        ("uint8", laplacian_of_gaussian(9).round(1) * 10),
        ("float32", oracle.samples((9, 9), "float32")),
        ("float32", np.full((9, 9), np.nan, "float32")),
        ("float32", np.outer([1, 1, 1], [1, 1, 1, 1, 1]).astype("float32") / 3),
        ("complex64", np.ones((5, 5), "float32") / 3),
        ("float32", np.ones((5, 5), "complex64") / 3),
    ],
)
def test_other_kernels_stay_dense(dtype, w):
    if dtype == "uint8":
        w = w.astype("int16")
    plan = fc.plan_correlate((500, 500), dtype, w)
    assert plan._recipe.problem.form.rank is None
    with pytest.raises(ValueError, match="factors"):
        fc.plan_correlate((500, 500), dtype, w, algorithm="separable")


def test_integers_nearly_a_product_are_summed_directly(backend, ran):
    x, w = oracle.samples((600, 500), "uint8"), product((9, 9), "int32")
    assert fc.plan_correlate(x.shape, x.dtype, w, backend=backend).algorithm == "separable"
    w[4, 5] += 1
    got = fc.correlate(x, w, backend=backend)
    ran.only(backend, "direct")
    assert_close(got, oracle.by_taps(x, w))


def test_the_planner_finds_what_pays(backend, ran):
    x = oracle.samples((600, 500), "float32")
    fc.correlate(x, product((15, 15), "float32"), backend=backend)
    ran.only(backend, "separable")
    fc.correlate(x, product((4, 4), "float32")[:3], backend=backend)
    ran.only(backend, "direct")
    two_products = laplacian_of_gaussian(13, 2.0)
    plan = fc.plan_correlate(x.shape, x.dtype, two_products, backend=backend)
    seconds = {
        candidate.algorithm: candidate.seconds
        for candidate in candidates(plan._recipe.problem, backend)
    }
    assert seconds["separable"] < seconds["direct"]


def test_layers_with_a_kernel_for_each_channel(backend, ran):
    x = oracle.samples((2, 3, 12, 13), "float32")
    w = np.stack([product((5, 4), "float32") * scale for scale in (1, 0, -3)])[:, None]
    bias = np.float32([1, 2, 3])
    how = {"groups": 3, "padding": 2, "stride": 2, "activation": "relu"}
    got = fc.conv2d(x, w, bias, algorithm="separable", backend=backend, **how)
    ran.only(backend, "separable")
    assert_close(got, oracle.conv(x, w, bias, **how).everywhere())


@pytest.mark.parametrize("rank", [1, 2])
def test_bits_do_not_depend_on_the_threads(rank, backend):
    x = oracle.samples((700, 650), "float32")
    w = product((9, 9), "float32") if rank == 1 else laplacian_of_gaussian(9)
    how = {"algorithm": "separable", "backend": backend, "boundary": "mirror"}
    one = fc.correlate(x, w, threads=1, **how)
    np.testing.assert_array_equal(fc.correlate(x, w, threads=3, **how), one)


def test_a_plan_says_where_the_factors_come_from():
    w = product((9, 9), "float32")
    assert "9x9 taps, rank 1, found\n" in str(fc.plan_correlate((50, 50), "f4", w))
    assert "9x9 taps, given as factors\n" in str(fc.plan_correlate((50, 50), "f4", (w[0], w[1])))
    assert "9x9 taps\n" in str(fc.plan_correlate((50, 50), "f4", oracle.samples((9, 9), float)))
