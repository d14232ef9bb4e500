"""Missing data: masks, masked arrays, `out`, plans, filters and wrong calls; and astropy."""

from __future__ import annotations

import itertools
import pickle

import numpy as np
import oracle
import pytest
from valid_sums import holes, with_nan

import fastconv as fc

GAUSS = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
FACTORS = (GAUSS / GAUSS.sum(), GAUSS[1:6])
DENSE = np.random.default_rng(5).random((3, 5)) + 0.1
UNIFORM = np.full((3, 3), 0.25)
LARGE = np.random.default_rng(7).random((9, 9))


# -- masks, masked arrays, and arrays that share memory ------------------------------------------


def test_masks_are_constant_along_batch_axes(backend):
    x = oracle.samples((3, 20, 18), "float32")
    mask = holes((20, 18), 0.1)
    how = {"axes": (1, 2), "backend": backend, "boundary": "nearest"}
    wanted = fc.correlate(x, DENSE, mask=np.broadcast_to(mask, x.shape), **how)
    np.testing.assert_array_equal(fc.correlate(x, DENSE, mask=mask, **how), wanted)
    np.testing.assert_array_equal(fc.correlate(x, DENSE, mask=mask[None], **how), wanted)
    each = [fc.correlate(plane, DENSE, mask=mask, boundary="nearest") for plane in x]
    np.testing.assert_allclose(wanted, each, rtol=1e-5, atol=1e-6)
    last = np.moveaxis(x, 0, -1)
    given = fc.correlate(last, DENSE, mask=mask, **{**how, "axes": (0, 1)})
    np.testing.assert_allclose(np.moveaxis(given, -1, 0), wanted, rtol=1e-5, atol=1e-6)
    given = fc.correlate(with_nan(x, holes(x.shape)), DENSE, mask=mask, nan="ignore", **how)
    both = fc.correlate(x, DENSE, mask=mask | holes(x.shape), **how)
    np.testing.assert_array_equal(given, both)


def test_masked_arrays(backend):
    x = oracle.samples((9, 10), "float64")
    mask = holes(x.shape, 0.1)
    how = {"boundary": "nearest", "backend": backend}
    plain = fc.correlate(x, DENSE, mask=mask, **how)
    given = fc.correlate(np.ma.array(x, mask=mask), DENSE, **how)
    assert isinstance(given, np.ma.MaskedArray)
    np.testing.assert_array_equal(given.mask, np.isnan(plain))
    np.testing.assert_array_equal(given.filled(np.nan), plain)
    given = fc.convolve(np.ma.array(x, mask=mask), DENSE[::-1, ::-1], **how, nan="fill")
    np.testing.assert_array_equal(given.mask, mask | np.isnan(plain))
    given = fc.correlate(np.ma.array(x), DENSE, **how)
    assert isinstance(given, np.ma.MaskedArray)
    assert not given.mask.any()
    whole = np.ma.array(np.arange(9, dtype=np.uint8), mask=np.arange(9) < 4)
    given = fc.correlate(whole, np.ones(3, np.uint8), **how)
    assert given.dtype == np.uint8
    np.testing.assert_array_equal(given.mask, np.arange(9) < 3)
    out = np.empty_like(x)
    given = fc.correlate(np.ma.array(x, mask=mask), DENSE, out=out, **how)
    assert given.data is out or np.shares_memory(given.data, out)
    np.testing.assert_array_equal(out, plain)


def test_out_may_share_memory(backend):
    x = with_nan(oracle.samples((9, 10), "float64"), holes((9, 10), 0.1))
    kept = x.copy()
    wanted = fc.correlate(x, DENSE, nan="ignore", backend=backend)
    np.testing.assert_array_equal(x, kept)
    for dtype in ("float32", "uint8", "float64"):
        out = np.full(x.shape, 7, dtype)
        assert fc.correlate(x, DENSE, nan="ignore", backend=backend, out=out) is out
        if dtype == "float64":
            np.testing.assert_array_equal(out, wanted)
        elif dtype == "float32":
            np.testing.assert_allclose(out, wanted, rtol=1e-6)
    fc.correlate(x, DENSE, nan="ignore", backend=backend, out=x)
    np.testing.assert_array_equal(x, wanted)
    mask = np.zeros((4, 5), bool)
    mask[1] = True
    shared = mask.view(np.uint8)
    fc.correlate(np.arange(20, dtype=np.uint8).reshape(4, 5), UNIFORM, mask=mask, out=shared)
    again = np.zeros((4, 5), bool)
    again[1] = True
    given = fc.correlate(
        np.arange(20, dtype=np.uint8).reshape(4, 5), UNIFORM, mask=again, out=np.empty_like(shared)
    )
    np.testing.assert_array_equal(shared, given)


def test_threads_do_not_matter(backend):
    x = with_nan(oracle.samples((300, 400), "float32"), holes((300, 400), 0.01))
    for w in (FACTORS, LARGE):
        one, four = (fc.correlate(x, w, nan="ignore", threads=n, backend=backend) for n in (1, 4))
        np.testing.assert_array_equal(one, four)


# -- results of another dtype, large weights, outputs beyond the edges ----------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_integers_in_floats_are_fractions_and_nan(backend, dtype):
    x, mask = np.array([1, 2, 4, 9, 6, 8]), np.array([0, 1, 0, 1, 1, 1], bool)
    for w in ([1, 1, 1], [-1, -1, -1], [1, 1, np.int64(1) << 60]):
        sums, shares = (oracle.correlate(v, w).everywhere().values for v in (x * ~mask, ~mask * 1))
        full = oracle.correlate(np.ones(6, int), w, boundary="nearest").everywhere().values
        outside = [w[0], 0, 0, 0, 0, w[2]]
        wanted = [
            a * f / (s + o) if s + o else np.nan
            for a, f, s, o in zip(sums, full, shares, outside, strict=True)
        ]
        how = {"mask": mask, "backend": backend}
        rtol = 4 * np.finfo(dtype).eps
        with np.errstate(over="ignore"):
            wanted = np.array(wanted).astype(dtype)
        given = fc.correlate(x, w, dtype=dtype, **how)
        np.testing.assert_allclose(given, wanted, rtol=rtol)
        out = np.zeros(6, dtype)
        fc.correlate(x, w, out=out, **how)
        np.testing.assert_array_equal(out, given)


def test_integer_weights_that_may_leave_64_bits_are_refused(backend):
    x, mask = np.arange(5), np.eye(5, dtype=bool)[2]
    for w in (np.full(2, 2**62), np.array([-(2**62), 3, 2**62]), np.full(2, 2**63, np.uint64)):
        with pytest.raises(ValueError, match=r"correlate: w.*magnitudes.*2\*\*63"):
            fc.correlate(x, w, mask=mask, out=np.empty(5), backend=backend)
    given = fc.correlate(x, [2**62, 2**61], mask=mask, dtype="float64", backend=backend)
    np.testing.assert_allclose(given, np.array([0, 1, 3, 9, 10]) * 2.0**61)


def test_fill_beyond_edges_does_not_depend_on_missing_samples(backend):
    x = oracle.samples((9, 10), "float64")
    how = {"nan": "fill", "mode": "full", "boundary": "ignore", "backend": backend}
    whole = fc.correlate(x, DENSE, **how)
    other = x.copy()
    other[4, 4] = np.nan
    hurt = np.isnan(fc.correlate(other, DENSE, **how))
    hurt[5, 6] = False
    np.testing.assert_array_equal(np.isnan(whole), hurt)
    assert not np.isnan(whole[1:-1, 2:-2]).any()
    assert np.isnan(whole).sum() == whole.size - x.size


# -- plans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("nan", ["propagate", "ignore", "fill"])
def test_plans_are_the_calls(backend, nan):
    x = oracle.samples((40, 45), "float32")
    mask = holes(x.shape, 0.05)
    for kernel in (FACTORS, DENSE, LARGE, fc.kernels.get("sharpen")):
        w = kernel if isinstance(kernel, tuple) else kernel.copy()
        how = {"mask": mask.copy(), "boundary": "ignore", "backend": backend}
        plan = fc.plan_correlate(x.shape, x.dtype, w, nan=nan, **how)
        again = pickle.loads(pickle.dumps(plan))
        for frame in (x, x[::-1], with_nan(x, holes(x.shape, 0.1, 9))):
            wanted = fc.correlate(frame, kernel, nan=nan, **how)
            np.testing.assert_array_equal(plan(frame), wanted)
            out = np.empty_like(wanted)
            assert plan(frame, out) is out
            np.testing.assert_array_equal(out, wanted)
            np.testing.assert_array_equal(again(frame), wanted)
        if w is not kernel:
            w[...] = 0
            np.testing.assert_array_equal(plan(frame), wanted)
        how["mask"][...] = False
        np.testing.assert_array_equal(plan(frame), wanted)
        masked = plan(np.ma.array(x, mask=x > 1))
        np.testing.assert_array_equal(
            masked.filled(np.nan),
            fc.correlate(x, kernel, nan=nan, **{**how, "mask": mask | (x > 1)}),
        )


def test_a_plan_says_what_it_is_for():
    plan = fc.plan_convolve((4, 5), "uint8", UNIFORM, mask=np.eye(4, 5) > 0)
    assert (plan.out_shape, plan.dtype, plan.algorithm) == ((4, 5), np.float64, "direct")
    assert "missing    nan='propagate', with a mask" in repr(plan)
    assert type(fc.plan_convolve((4, 5), "uint8", UNIFORM)) is fc.Plan
    with pytest.raises(ValueError, match="convolve: x"):
        plan(np.zeros((4, 4), np.uint8))


# -- filters -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "uint8", "uint16"])
def test_smoothing_filters(backend, dtype):
    image = oracle.samples((20, 24, 3), dtype)
    mask = holes((20, 24), 0.1)
    calls = {
        "gaussian": lambda x, **how: fc.filters.gaussian(x, (1.5, 0.7), **how),
        "box": lambda x, **how: fc.filters.box(x, (3, 4), **how),
        "motion_blur": lambda x, **how: fc.filters.motion_blur(x, 5, 30, **how),
    }
    for call in calls.values():
        how = {"channel_axis": -1, "backend": backend}
        given = call(image, mask=mask, **how)
        assert given.dtype == image.dtype
        wide = image.astype("float64")
        share = call((~mask).astype("float64"), backend=backend)
        with np.errstate(all="ignore"):
            wanted = call(np.where(mask[..., None], 0, wide), **how) / share[..., None]
        gone = np.broadcast_to(share[..., None] < 1e-12, given.shape)
        if dtype == "float32":
            np.testing.assert_allclose(given[~gone], wanted[~gone], rtol=2e-5, atol=1e-5)
            assert np.isnan(given[gone]).all()
        else:
            assert np.abs(given[~gone] - wanted[~gone]).max() <= 0.51
            assert not given[gone].any()
    given = fc.filters.gaussian(image, (2, 0), mask=mask, channel_axis=-1, backend=backend)
    assert given.shape == image.shape


def test_constants_stay_at_edges_that_are_ignored(backend):
    image = np.full((15, 17), 7.0)
    for x in (image, np.where(holes(image.shape, 0.1), np.nan, image)):
        given = fc.filters.gaussian(x, 2, boundary="ignore", nan="ignore", backend=backend)
        np.testing.assert_allclose(given, 7, rtol=1e-12)
    given = fc.filters.box(np.full((9, 9), 200, np.uint8), 5, boundary="ignore", backend=backend)
    np.testing.assert_array_equal(given, 200)


# -- wrong calls ---------------------------------------------------------------------------------

X = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ({"nan": "skip"}, ValueError, ["correlate: nan", "'skip'", "'ignore'", "'fill'"]),
        ({"nan": None}, TypeError, ["correlate: nan", "None"]),
        ({"mask": X}, TypeError, ["correlate: mask", "float64", "bool"]),
        ({"mask": X[:, :2] > 0}, ValueError, ["correlate: mask", "(3, 2)", "(3, 4)"]),
        ({"min_weight": 1.5}, ValueError, ["min_weight", "1.5", "0 to 1"]),
        ({"min_weight": "1"}, TypeError, ["min_weight", "'1'"]),
        ({"min_weight": np.zeros(2)}, TypeError, ["min_weight", "array"]),
        ({"nan": "ignore", "fill_value": 1j}, TypeError, ["fill_value", "1j", "float64"]),
        ({"nan": "ignore", "fill_value": "0"}, TypeError, ["fill_value", "'0'"]),
        ({"boundary": ("ignore", "constant"), "cval": 2}, ValueError, ["boundary", "cval=2"]),
        ({"boundary": ("ignore", "reflect")}, ValueError, ["boundary", "mirror", "symmetric"]),
        ({"boundary": ("ignore", "zero")}, ValueError, ["boundary", "'zero'", "'ignore'"]),
    ],
)
def test_wrong_arguments_are_named(how, kind, words):
    out = np.full(X.shape, 5.0)
    with pytest.raises(kind) as caught:
        fc.correlate(X, DENSE[:, :3], out=out, **how)
    assert all(word in str(caught.value) for word in words)
    assert (out == 5).all()


@pytest.mark.parametrize(
    "call",
    [
        lambda **how: fc.correlate(X, [[1.0, 0.0, -1.0]], **how),
        lambda **how: fc.convolve(X, fc.kernels.get("laplace"), **how),
        lambda **how: fc.correlate(X.astype(int), [[1, -1]], **how),
        lambda **how: fc.correlate(X, (np.ones(3), np.array([0.1, 0.2, -0.3])), **how),
        lambda **how: fc.filters.gaussian(X, 1, order=1, **how),
    ],
)
def test_kernels_without_weight_are_refused(call):
    call()
    for how in ({"nan": "ignore"}, {"mask": X > 3}, {"boundary": "ignore"}):
        with pytest.raises(ValueError, match=r"sum to .*nan='propagate'.*local\s+mean"):
            call(**how)


# -- others --------------------------------------------------------------------------------------


def test_astropy_agrees():
    convolution = pytest.importorskip("astropy.convolution")
    x = oracle.samples((23, 31), "float64")
    missing = holes(x.shape, 0.1)
    given = with_nan(x, missing)
    kernel = np.abs(oracle.samples((5, 7), "float64", 4)) + 0.1
    for theirs, ours in itertools.product(
        ({"boundary": "fill"}, {"boundary": "wrap"}, {"boundary": "extend"}), (False, True)
    ):
        border = {"fill": "constant", "wrap": "wrap", "extend": "nearest"}[theirs["boundary"]]
        wanted = convolution.convolve(
            given, kernel, normalize_kernel=False, preserve_nan=ours, **theirs
        )
        found = fc.convolve(given, kernel, boundary=border, nan="fill" if ours else "ignore")
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
    normal = kernel / kernel.sum()
    wanted = convolution.convolve(given, kernel, boundary="extend")
    found = fc.convolve(given, normal, boundary="nearest", nan="ignore")
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
