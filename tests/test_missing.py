"""Missing data: sums over what is valid, on every algorithm and border, against plain loops."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from oracle import Expected
from tolerance import assert_close
from valid_sums import expected, filled, holes, with_nan

import fastconv as fc

GAUSS = np.exp(-0.5 * (np.arange(-3, 4) / 1.5) ** 2)
FACTORS = (GAUSS / GAUSS.sum(), GAUSS[1:6])
DENSE = np.random.default_rng(5).random((3, 5)) + 0.1
RAGGED = np.where(np.random.default_rng(6).random((5, 5)) < 0.4, 1.5, 0.0)
UNIFORM = np.full((3, 3), 0.25)
LARGE = np.random.default_rng(7).random((9, 9))
KERNELS = {
    "separable": FACTORS, "direct": DENSE, "sparse": RAGGED, "box": UNIFORM, "fft": LARGE,
}  # fmt: skip


# -- the definition ------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", [*KERNELS, "auto"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_ignored_nan_take_no_part(backend, algorithm, dtype):
    w = KERNELS.get(algorithm, FACTORS)
    x = oracle.samples((14, 13), dtype)
    missing = holes(x.shape)
    cast = tuple(f.astype(dtype) for f in w) if isinstance(w, tuple) else w.astype(dtype)
    wanted = filled(expected(x, missing, cast, boundary="symmetric"), np.nan)
    how = {"boundary": "symmetric", "algorithm": algorithm, "backend": backend}
    assert_close(fc.correlate(with_nan(x, missing), cast, nan="ignore", **how), wanted)
    spoilt = np.where(missing, np.inf, x).astype(dtype)
    assert_close(fc.correlate(spoilt, cast, mask=missing, **how), wanted)
    assert_close(fc.correlate(with_nan(x, missing), cast, mask=missing, **how), wanted)


@pytest.mark.parametrize("boundary", [*oracle.BOUNDARIES, "ignore", ("ignore", "wrap")])
@pytest.mark.parametrize("mode", ["same", "valid", "full"])
def test_borders_and_modes(backend, boundary, mode):
    x = oracle.samples((9, 11), "float64")
    missing = holes(x.shape, 0.1)
    for w, cval in ((FACTORS, 0), (DENSE, 0)):
        how = {"boundary": boundary, "mode": mode, "cval": cval}
        wanted = filled(expected(x, missing, w, **how), np.nan)
        given = fc.correlate(with_nan(x, missing), w, nan="ignore", backend=backend, **how)
        assert_close(given, wanted)


@pytest.mark.parametrize(
    ("shape", "taps", "how"),
    [
        ((20,), (5,), {"stride": 2}),
        ((20,), (3,), {"dilation": 3, "boundary": "mirror"}),
        ((3, 17), (4,), {"origin": 1, "boundary": "ignore"}),
        ((9, 8), (3, 2), {"stride": (2, 3), "dilation": (2, 1), "boundary": "nearest"}),
        ((4, 6, 5), (3, 3), {"axes": (2, 0), "boundary": "wrap"}),
        ((4, 6, 5), (3, 3, 2), {"boundary": "ignore"}),
        ((2, 5, 4, 4), (2, 3, 3), {"axes": (1, 2, 3), "mode": "full"}),
        ((6, 7), (1, 3), {"boundary": "ignore"}),
    ],
)
def test_ranks_strides_and_axes(backend, shape, taps, how):
    x = oracle.samples(shape, "float64")
    missing = np.random.default_rng(1).random(shape) < 0.2
    w = np.abs(oracle.samples(taps, "float64", 4)) + 0.1
    wanted = filled(expected(x, missing, w, **how), np.nan)
    given = with_nan(x, missing)
    assert_close(fc.correlate(given, w, nan="ignore", backend=backend, **how), wanted)
    strided = np.repeat(given, 2, axis=0)[::-2][::-1]
    strided.flags.writeable = False
    assert_close(fc.correlate(strided, w, nan="ignore", backend=backend, **how), wanted)


@pytest.mark.parametrize("dtype", ["float16", "complex64", "complex128", "uint8", "int16", "int64"])
def test_dtypes(backend, dtype):
    x = oracle.samples((12, 11), dtype)
    if dtype == "int64":
        x //= 1 << 20
    missing = holes(x.shape)
    w = np.array([[1, 2, 1], [2, 5, 2], [1, 2, 1]], np.uint8)
    how = {"boundary": "nearest", "backend": backend}
    kernel = w if x.dtype.kind in "iu" else w.astype(np.float16)
    wanted = expected(x, missing, kernel, boundary="nearest")
    nothing = np.nan if x.dtype.kind in "fc" else 0
    given = fc.correlate(x, kernel, mask=missing, **how)
    assert given.dtype == np.result_type(x, kernel)
    assert_close(given, filled(wanted, nothing))
    if x.dtype.kind in "fc":
        given = fc.correlate(with_nan(x, missing), kernel, nan="ignore", **how)
        assert_close(given, filled(wanted, nothing))


def test_integers_are_exact(backend):
    x = np.array([1 << 61, 3, (1 << 61) + 1, -5, 7, 1, 0, 9], np.int64)
    mask = np.array([0, 1, 0, 0, 1, 0, 1, 0], bool)
    w = np.array([3, 1, 2], np.int64)
    wanted = expected(x, mask, w, boundary="wrap")
    given = fc.correlate(x, w, boundary="wrap", mask=mask, backend=backend)
    assert_close(given, filled(wanted, 0))
    signed = np.array([3, -1, 2], np.int64)
    wanted = expected(x, mask, signed, boundary="wrap")
    given = fc.correlate(x, signed, boundary="wrap", mask=mask, backend=backend)
    assert_close(given, filled(wanted, 0))


def test_signed_and_complex_kernels(backend):
    x = oracle.samples((10, 9), "float64")
    missing = holes(x.shape, 0.1)
    for w in (fc.kernels.get("sharpen"), DENSE * (1 + 0.5j)):
        wanted = filled(expected(x, missing, w, boundary="mirror"), np.nan)
        given = fc.correlate(x, w, boundary="mirror", mask=missing, backend=backend)
        assert_close(given, wanted)


def test_the_checker_sees_a_sample_that_took_part(backend):
    x = oracle.samples((8, 8), "float64")
    missing = holes(x.shape, 0.1)
    wanted = filled(expected(x, missing, DENSE), np.nan)
    with pytest.raises(AssertionError):
        assert_close(fc.correlate(x, DENSE, backend=backend), wanted)
    with pytest.raises(AssertionError):
        assert_close(fc.correlate(np.where(missing, 0, x), DENSE, backend=backend), wanted)


# -- windows without missing samples -------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(KERNELS))
@pytest.mark.parametrize("shape", [(70, 83), (40, 300)])
def test_valid_windows_keep_their_bits(backend, algorithm, shape):
    w = KERNELS[algorithm]
    w = tuple(f.astype("f4") for f in w) if isinstance(w, tuple) else w.astype("f4")
    x = oracle.samples(shape, "float32")
    missing = np.random.default_rng(2).random(shape) < 0.005
    how = {"algorithm": algorithm, "backend": backend, "boundary": "mirror"}
    given = fc.correlate(with_nan(x, missing), w, nan="ignore", **how)
    taps = tuple(map(len, w)) if isinstance(w, tuple) else w.shape
    clear = fc.correlate(missing, np.ones(taps, np.uint8), boundary="mirror") == 0
    assert clear.any()
    # A transform rounds with what lies nearby, which are zeros here.
    plain = np.where(missing, 0, x) if algorithm == "fft" else with_nan(x, missing)
    np.testing.assert_array_equal(given[clear], fc.correlate(plain, w, **how)[clear])
    whole = fc.correlate(x, w, nan="ignore", mask=np.zeros(shape, bool), **how)
    np.testing.assert_array_equal(whole, fc.correlate(x, w, **how))


@pytest.mark.parametrize("shape", [(260, 300), (5, 130, 70)])
def test_boxes_of_outputs_cover_all_holes(backend, shape):
    """Only some outputs need their share of weight: clusters, single samples, edges."""
    x = oracle.samples(shape, "float64")
    axes = (-2, -1)
    for places in ([(0, 0)], [(31, 40), (-1, -1)], [(64, 64), (128, 63), (90, 2)]):
        missing = np.zeros(shape, bool)
        for place in places:
            missing[(..., *place)] = True
        missing[..., 40:60, 10:45] = True
        for boundary in ("wrap", "symmetric", "ignore"):
            given = fc.correlate(
                x, FACTORS, axes=axes, mask=missing, boundary=boundary, backend=backend
            )
            at = {"axes": axes, "boundary": "constant" if boundary == "ignore" else boundary}
            held = fc.correlate(np.where(missing, 0, x), FACTORS, **at)
            share = fc.correlate((~missing).astype(float), FACTORS, **at)
            with np.errstate(invalid="ignore"):
                wanted = held / share * np.prod([f.sum() for f in FACTORS])
            np.testing.assert_allclose(given, wanted, rtol=1e-12, atol=1e-13)


# -- what becomes of outputs without a result ----------------------------------------------------


def test_least_weight(backend):
    x = oracle.samples((11, 12), "float64")
    missing = holes(x.shape, 0.3)
    wanted = filled(expected(x, missing, DENSE), np.nan)
    share = oracle.by_taps((~missing).astype(float), DENSE, cval=1).values / DENSE.sum()
    for least in (0.25, 0.75, 1.0):
        given = fc.correlate(x, DENSE, mask=missing, min_weight=least, backend=backend)
        enough = share >= least - 1e-12
        assert_close(given, Expected(
            np.where(enough, wanted.values, np.nan), wanted.magnitude, wanted.terms
        ))  # fmt: skip
        assert 0 < enough.sum() < enough.size


def test_least_weight_of_signed_kernels_counts_magnitudes():
    x, w = np.arange(6.0), [-1.0, 4.0, -1.0]
    mask = np.array([0, 0, 0, 1, 0, 0], bool)
    given = fc.correlate(x, w, mask=mask, min_weight=0.9, boundary="nearest")
    np.testing.assert_array_equal(np.isnan(given), [0, 0, 1, 1, 1, 0])
    given = fc.correlate(x, w, mask=mask, min_weight=0.8, boundary="nearest")
    np.testing.assert_array_equal(np.isnan(given), [0, 0, 0, 1, 0, 0])


def test_fill_restores_missing_centres(backend):
    x = oracle.samples((10, 12), "float64")
    missing = np.random.default_rng(0).random(x.shape) < 0.2
    ignored = fc.correlate(x, DENSE, mask=missing, backend=backend)
    given = fc.correlate(with_nan(x, missing), DENSE, nan="fill", backend=backend)
    np.testing.assert_array_equal(given, np.where(missing, np.nan, ignored))
    given = fc.correlate(x, DENSE, nan="fill", mask=missing, stride=(2, 3), backend=backend)
    np.testing.assert_allclose(given, np.where(missing, np.nan, ignored)[::2, ::3], rtol=1e-13)
    given = fc.correlate(x, DENSE, nan="fill", mask=missing, mode="valid", backend=backend)
    np.testing.assert_array_equal(given, np.where(missing, np.nan, ignored)[1:-1, 2:-2])


def test_fill_value(backend):
    x = np.arange(8, dtype=np.uint8)
    mask = np.array([1, 1, 1, 0, 0, 0, 0, 0], bool)
    how = {"mask": mask, "boundary": "nearest", "backend": backend}
    w = np.ones(3, np.uint8)
    np.testing.assert_array_equal(fc.correlate(x, w, **how)[:3], [0, 0, 9])
    np.testing.assert_array_equal(fc.correlate(x, w, fill_value=77, **how)[:3], [77, 77, 9])
    np.testing.assert_array_equal(fc.correlate(x / 1.0, w, fill_value=-1, **how)[:3], [-1, -1, 9])
    assert np.isnan(fc.correlate(x / 1.0, w, **how)[:2]).all()


def test_nothing_is_valid(backend):
    x = oracle.samples((6, 7), "float32")
    for w in (FACTORS, DENSE, LARGE):
        for algorithm in ("auto", "direct"):
            how = {"backend": backend, "algorithm": algorithm, "boundary": "nearest"}
            assert np.isnan(fc.correlate(x, w, mask=np.ones((1, 1), bool), **how)).all()
            assert np.isnan(fc.correlate(np.full_like(x, np.nan), w, nan="ignore", **how)).all()
    assert fc.correlate(x[:, :0], DENSE, nan="ignore", backend=backend).shape == (6, 0)


def test_small_shares_are_not_drowned_by_a_transform(backend):
    """Next to a hole, a few samples with little weight are left; elsewhere there are large ones."""
    x = oracle.samples((60, 64), "float32")
    x[:, 40:] *= 1e4
    missing = np.zeros(x.shape, bool)
    missing[:, 2:36] = True
    distance = np.hypot(*np.meshgrid(*[np.arange(-10, 11)] * 2))
    w = np.exp(-distance).astype("f4")
    how = {"mask": missing, "boundary": "ignore"}
    given = fc.correlate(x, w, algorithm="fft", backend=backend, **how)
    x, w = x.astype("f8"), w.astype("f8")
    exact = fc.correlate(x, w, algorithm="direct", **how)
    np.testing.assert_array_equal(np.isnan(given), np.isnan(exact))
    assert np.isnan(exact).any()
    near = fc.correlate(np.abs(x), w, algorithm="direct", **how)
    error = np.abs(given - exact) / near
    assert np.nanmax(error[:, :12]) < 1e-4
