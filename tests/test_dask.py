"""Chunked arrays are filtered as if they were whole."""

from __future__ import annotations

import inspect

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import filters

da = pytest.importorskip("dask.array")
chunked = pytest.importorskip("fastconv.dask")

BORDERS = ["constant", "nearest", "symmetric", "mirror", "wrap", "ignore"]
ARGUMENTS = {
    "gaussian": [{"sigma": 1.5}, {"sigma": [0.5, 2.0]}, {"sigma": 1.0, "radius": [3, 1]}],
    "gaussian_laplace": [{"sigma": 1.2, "truncate": 3.0}],
    "difference_of_gaussians": [{"low_sigma": 1}, {"low_sigma": [1, 2], "high_sigma": 3}],
    "box": [{"size": 4}, {"size": [1, 7]}],
    "motion_blur": [{"length": 6, "angle": 30}],
    "sobel": [{}, {"axis": 1}],
}


def assert_same(made, wanted):
    assert isinstance(made, da.Array)
    assert made.shape == wanted.shape
    assert made.dtype == wanted.dtype
    got = made.compute(scheduler="synchronous")
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    if wanted.dtype.kind in "biu":
        np.testing.assert_array_equal(got, wanted)
    else:
        np.testing.assert_allclose(got, wanted, 1e-5, 1e-5)


@pytest.mark.parametrize("boundary", BORDERS)
@pytest.mark.parametrize("taps", [(3, 3), (4, 2), (1, 6), (50, 3)])
def test_kernels(taps, boundary):
    x = oracle.samples((13, 20), np.float64)
    w = np.abs(oracle.samples(taps, np.float64, 1)) + 0.1
    for call, chunks in (("correlate", (5, 7)), ("convolve", (13, 6)), ("correlate", (1, 20))):
        made = getattr(chunked, call)(da.from_array(x, chunks), w, boundary=boundary)
        assert_same(made, getattr(fc, call)(x, w, boundary=boundary))


@pytest.mark.parametrize(
    "how",
    [
        {"origin": [1, -1], "boundary": "mirror"},
        {"dilation": [2, 3], "boundary": "wrap"},
        {"dilation": 2, "origin": -1, "boundary": ["wrap", "nearest"]},
        {"cval": 3, "dtype": np.float32},
        {"nan": "fill", "fill_value": -1, "min_weight": 0.5, "boundary": "ignore"},
        {"algorithm": "fft", "backend": "numpy", "threads": None},
    ],
)
def test_keywords(how):
    x, w = oracle.samples((24, 31), np.float64), np.ones((3, 5))
    if "nan" in how:
        x[3:9, 4:7] = np.nan
    made = chunked.correlate(da.from_array(x, (6, 9)), w, **how)
    assert_same(made, fc.correlate(x, w, **how))


def test_axes_and_dtypes():
    x = oracle.samples((3, 12, 15), np.int64).astype(np.int16)
    for w, axes in ((np.array([1, 2, 3]), None), (np.ones((3, 2), int), (1, 2)), ([1, 5], 1)):
        made = chunked.convolve(da.from_array(x, (2, 4, 5)), w, axes=axes, boundary="symmetric")
        assert_same(made, fc.convolve(x, w, axes=axes, boundary="symmetric"))
    factors = np.array([1, 2, 1]), np.array([-1, 0, 1])
    plane = x[0].astype(np.uint8)
    assert_same(chunked.correlate(da.from_array(plane, 4), factors), fc.correlate(plane, factors))
    assert_same(chunked.correlate(plane, factors), fc.correlate(plane, factors))


@pytest.mark.parametrize("name", sorted(set(filters.__all__) - {"local_moments", "Moments"}))
def test_filters(name):
    function = getattr(filters, name)
    image = (np.abs(oracle.samples((14, 17, 3), np.float64)) * 40).astype(np.uint8)
    borders = ["mirror", "wrap"]
    borders = borders if "boundary" in inspect.signature(function).parameters else [None]
    for how in ARGUMENTS.get(name, [{}]):
        for border in borders:
            more = how if border is None else {**how, "boundary": border}
            made = chunked.apply(function, da.from_array(image, (7, 9, 2)), channel_axis=-1, **more)
            assert_same(made, function(image, channel_axis=-1, **more))
            if name not in ("sepia", "grayscale"):
                plane = image[..., 0] / 7
                made = chunked.apply(function, da.from_array(plane, (9, 8)), **more)
                assert_same(made, function(plane, **more))


def test_a_chunk_is_no_photograph():
    volume = oracle.samples((8, 9, 12), np.float64)
    made = chunked.apply(filters.gaussian, da.from_array(volume, (4, 9, 3)), 0.3, radius=1)
    assert_same(made, filters.gaussian(volume, 0.3, radius=1))
    with pytest.raises(ValueError, match="channel_axis"):
        chunked.apply(filters.sharpen, da.zeros((8, 9, 3)))


def test_nothing_is_computed_before_the_result():
    def refuse(block):
        raise AssertionError

    x = da.zeros((20, 20), chunks=5).map_blocks(refuse, meta=np.zeros((0, 0)))
    assert chunked.correlate(x, np.ones((3, 3))).shape == (20, 20)
    assert chunked.apply(filters.sobel, x).dtype == np.float64


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda x: chunked.correlate(x, np.ones(3), boundary="reflect"), ValueError, "mirror"),
        (lambda x: chunked.correlate(x, np.ones((3, 3, 3))), ValueError, "axes"),
        (lambda x: chunked.convolve(x, np.ones(3), axes=2), ValueError, "axes"),
        (lambda x: chunked.apply(filters.gaussian, x, -1), ValueError, "sigma"),
        (lambda x: chunked.apply(filters.gaussian, x), TypeError, "sigma"),
        (lambda x: chunked.apply(filters.box, x, 3, out=1), TypeError, "out"),
        (lambda x: chunked.apply(filters.local_moments, x, 3), TypeError, "function"),
        (lambda x: chunked.apply(np.sin, x), TypeError, "function"),
    ],
)
def test_wrong_arguments_are_refused_at_once(call, error, match):
    with pytest.raises(error, match=match):
        call(da.zeros((9, 9), chunks=3))
