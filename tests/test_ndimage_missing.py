"""`fastconv.ndimage` where samples are missing: NaN, masks, masked arrays, ignored edges."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from valid_sums import holes, with_nan

import fastconv as fc
from fastconv import ndimage

KERNEL = np.random.default_rng(3).random((3, 4)) + 0.1
ROW = np.array([1.0, 2.0, 4.0, 1.0])
CALLS = {
    "correlate": lambda x, **how: ndimage.correlate(x, KERNEL, origin=(0, -1), **how),
    "convolve": lambda x, **how: ndimage.convolve(x, KERNEL, **how),
    "correlate1d": lambda x, **how: ndimage.correlate1d(x, ROW, axis=0, **how),
    "convolve1d": lambda x, **how: ndimage.convolve1d(x, ROW, origin=-1, **how),
    "gaussian_filter": lambda x, **how: ndimage.gaussian_filter(x, (1.2, 0.7), **how),
    "gaussian_filter1d": lambda x, **how: ndimage.gaussian_filter1d(x, 1.5, axis=0, **how),
    "uniform_filter": lambda x, **how: ndimage.uniform_filter(x, (3, 4), **how),
    "uniform_filter1d": lambda x, **how: ndimage.uniform_filter1d(x, 5, origin=1, **how),
}
BLURS = ("gaussian_filter", "gaussian_filter1d", "uniform_filter", "uniform_filter1d")


def recipe(call, x, valid, mode):
    """The recipe of two calls: the filtered samples over the filtered weights, in float64."""
    filled = np.where(valid, x, 0).astype(np.float64)
    whole = call(np.ones_like(filled), mode="wrap")
    with np.errstate(invalid="ignore"):
        return call(filled, mode=mode) / call(valid.astype(np.float64), mode=mode) * whole


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("mode", ["reflect", "mirror", "nearest", "grid-wrap"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_recipe_of_two_calls(name, mode, dtype, backend):
    call = CALLS[name]
    x = oracle.samples((17, 14), dtype)
    mask = holes(x.shape, 0.1)
    wanted = recipe(call, x, ~mask, mode)
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    for given in (
        call(x, mode=mode, mask=mask, backend=backend),
        call(with_nan(x, mask), mode=mode, nan="ignore", backend=backend),
    ):
        assert given.dtype == dtype
        np.testing.assert_allclose(given, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", CALLS)
def test_what_lies_beyond_the_edges_may_be_missing(name, backend):
    x = oracle.samples((9, 11), "float64")
    wanted = recipe(CALLS[name], x, np.ones(x.shape, bool), "constant")
    given = CALLS[name](x, mode="ignore", backend=backend)
    np.testing.assert_allclose(given, wanted, rtol=1e-12, atol=1e-12)


def test_one_mode_for_each_axis(backend):
    x = np.ones((6, 8)) * np.arange(6)[:, None]
    given = ndimage.uniform_filter(x, 3, mode=("ignore", "wrap"), backend=backend)
    rows = [0.5, 1, 2, 3, 4, 4.5]
    np.testing.assert_allclose(given, np.ones((6, 8)) * np.array(rows)[:, None], rtol=1e-14)


@pytest.mark.parametrize("name", BLURS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32"])
def test_constant_integers_stay_what_they_are(name, dtype, backend):
    """A mean of sevens is not cast to six."""
    x = np.full((12, 13), 7, dtype)
    given = CALLS[name](x, mask=holes(x.shape, 0.2), mode="ignore", backend=backend)
    assert given.dtype == dtype
    assert set(given.ravel().tolist()) <= {0, 7}
    assert (given == 7).mean() > 0.9


def test_integers_lose_their_fraction():
    x, mask = [3, 4, 100, 7], [False, False, True, False]
    np.testing.assert_array_equal(ndimage.uniform_filter1d(x, 3, mask=mask), [3, 3, 5, 7])
    mean = ndimage.uniform_filter1d(x, 3, mask=mask, output=float)
    np.testing.assert_allclose(mean, [10 / 3, 3.5, 5.5, 7], rtol=1e-14)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", ["float64", "uint8"])
def test_masked_arrays_give_masked_arrays(name, dtype, backend):
    x = oracle.samples((9, 10), dtype)
    mask = holes(x.shape, 0.1)
    mask[:6, :6] = True
    plain = CALLS[name](x, mask=mask, output="float64", backend=backend)
    given = CALLS[name](np.ma.array(x, mask=mask), backend=backend)
    assert isinstance(given, np.ma.MaskedArray)
    assert given.dtype == dtype
    np.testing.assert_array_equal(given.mask, np.isnan(plain))
    assert given.mask.any()


def test_outputs(backend):
    x = oracle.samples((9, 10), "float32")
    mask = holes(x.shape, 0.2)
    wanted = ndimage.gaussian_filter(x, 1, mask=mask, backend=backend)
    for out in (
        np.empty((9, 10), "f4"),
        np.empty((10, 9), "f8").T,
        np.empty((9, 20), "f4")[:, ::2],
    ):
        assert ndimage.gaussian_filter(x, 1, output=out, mask=mask, backend=backend) is out
        np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-6)
    own = x.copy()
    ndimage.gaussian_filter(own, 1, output=own, mask=mask, backend=backend)
    np.testing.assert_array_equal(own, wanted)


def test_some_axes_and_a_mask_of_these(backend):
    x = oracle.samples((3, 8, 9), "float64")
    mask = holes((8, 9), 0.2)
    given = ndimage.uniform_filter(x, 3, axes=(1, 2), mask=mask, backend=backend)
    each = [ndimage.uniform_filter(plane, 3, mask=mask, backend=backend) for plane in x]
    np.testing.assert_array_equal(given, each)


def test_what_few_samples_tell(backend):
    x = np.array([1.0, np.nan, np.nan, np.nan, 5.0])
    given = ndimage.uniform_filter1d(x, 3, nan="ignore", backend=backend)
    np.testing.assert_array_equal(given, [1, 1, np.nan, 5, 5])
    how = {"min_weight": 0.5, "fill_value": -1, "backend": backend}
    np.testing.assert_array_equal(
        ndimage.uniform_filter1d(x, 3, nan="ignore", **how), [1, -1, -1, -1, 5]
    )
    given = ndimage.uniform_filter1d(x, 3, nan="fill", backend=backend)
    np.testing.assert_array_equal(given, [1, np.nan, np.nan, np.nan, 5])


def test_it_agrees_with_the_filters(backend):
    x = with_nan(oracle.samples((20, 15), "float64"), holes((20, 15), 0.1))
    given = ndimage.gaussian_filter(x, 1.5, nan="ignore", backend=backend)
    wanted = fc.filters.gaussian(x, 1.5, nan="ignore", backend=backend)
    np.testing.assert_allclose(given, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("how", "error", "message"),
    [
        ({"nan": "skip"}, ValueError, "gaussian_filter: nan"),
        ({"mask": np.zeros((3, 3), bool)}, ValueError, "gaussian_filter: mask"),
        ({"mask": np.zeros((5, 6))}, TypeError, "gaussian_filter: mask"),
        ({"nan": "ignore", "min_weight": 2}, ValueError, "gaussian_filter: min_weight"),
        ({"mode": "ignored"}, RuntimeError, "boundary mode not supported"),
        ({"mode": ("ignore", "constant"), "cval": 1}, ValueError, "gaussian_filter: boundary"),
        ({"nan": "ignore", "order": 1}, ValueError, "sum to"),
    ],
)
def test_wrong_arguments(how, error, message):
    out = np.full((5, 6), 9.0)
    with pytest.raises(error, match=message):
        ndimage.gaussian_filter(np.ones((5, 6)), 1, output=out, **how)
    assert (out == 9).all()


def test_calls_do_not_change_each_other(backend):
    """Equal calls but for their mask, and calls without one, one after the other."""
    x = oracle.samples((9, 10), "float64")
    masks = [None, holes(x.shape, 0.1), holes(x.shape, 0.3)]
    first = [ndimage.correlate(x, KERNEL, mask=mask, backend=backend) for mask in masks]
    for _ in range(3):
        for mask, wanted in zip(masks, first, strict=True):
            given = ndimage.correlate(x, KERNEL, mask=mask, backend=backend)
            np.testing.assert_array_equal(given, wanted)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[1], first[2])
