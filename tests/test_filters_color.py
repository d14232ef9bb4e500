"""Colours: matrices over channels, the negative, and what becomes of alpha."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from fastconv import filters

SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
GREY = np.array([[0.299, 0.587, 0.114]])
DTYPES = ["bool", "uint8", "int16", "int64", "float16", "float32", "float64", "complex64"]


def mixed(image, matrix, alpha):
    """Sums over the channels, which come last; a fourth one is put behind them as it is."""
    exact = np.stack([image[..., :3].astype(complex) @ row for row in matrix], axis=-1)
    size = np.stack([abs(image[..., :3].astype(complex)) @ row for row in matrix], axis=-1)
    if alpha:
        exact = np.concatenate([exact, image[..., 3:]], axis=-1)
        size = np.concatenate([size, abs(image[..., 3:].astype(complex))], axis=-1)
    return oracle.Expected(exact if image.dtype.kind == "c" else exact.real, size, 3)


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("name", "matrix"), [("sepia", SEPIA), ("grayscale", GREY)])
def test_matrices(name, matrix, dtype, channels, backend):
    image = oracle.samples((6, 7, channels), dtype)
    got = getattr(filters, name)(image, backend=backend)
    assert got.dtype == ("uint8" if dtype == "bool" else dtype)
    wanted = mixed(image, matrix, channels == 4)
    if name == "grayscale" and channels == 3:
        assert got.shape == (6, 7)
        got = got[..., None]
    if got.dtype.kind not in "iu":
        assert_close(got, wanted, compute="float64" if dtype == "float64" else "float32")
        return
    limits = np.iinfo(got.dtype)
    exact = np.clip(wanted.values, float(limits.min), float(limits.max))
    eps = np.finfo("float64" if got.dtype.itemsize > 2 else "float32").eps
    assert np.all(abs(got.astype(float) - exact) <= 0.5 + 8 * eps * wanted.magnitude)
    if channels == 4:
        np.testing.assert_array_equal(got[..., -1], image[..., -1])


@pytest.mark.parametrize("name", ["sepia", "grayscale", "invert"])
@pytest.mark.parametrize("channel_axis", [0, 1, 2, -2])
@pytest.mark.parametrize("channels", [3, 4])
def test_channels_lie_anywhere(name, channel_axis, channels):
    image = oracle.samples((6, 7, channels), "uint8")
    call = getattr(filters, name)
    got = call(np.moveaxis(image, -1, channel_axis), channel_axis=channel_axis)
    wanted = call(image, channel_axis=-1)
    if wanted.ndim == 3:
        got = np.moveaxis(got, channel_axis, -1)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", ["sepia", "invert"])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_in_place(name, channels, dtype):
    image = oracle.samples((6, 7, channels), dtype)
    call = getattr(filters, name)
    wanted = call(image, channel_axis=-1)
    assert call(image, channel_axis=-1, out=image) is image
    np.testing.assert_array_equal(image, wanted)


@pytest.mark.parametrize("channels", [3, 4])
def test_out_of_another_dtype(channels):
    image = oracle.samples((6, 7, channels), "uint8")
    for name in ("sepia", "grayscale", "invert"):
        call = getattr(filters, name)
        plain = call(image, channel_axis=-1)
        out = np.zeros(plain.shape, "float64")
        assert call(image, channel_axis=-1, out=out) is out
        np.testing.assert_allclose(np.minimum(out, 255), plain, rtol=0, atol=0.5 + 1e-4)
        rounded = np.zeros(plain.shape, np.int8)
        call(image.astype("float64"), channel_axis=-1, out=rounded)
        assert rounded.max() <= 127


def test_alpha_of_floats_is_rounded_into_integers_and_left_alone():
    image = np.full((2, 2, 4), 0.75)
    image[..., 3] = 200.6
    out = np.zeros((2, 2, 4), np.uint8)
    filters.sepia(image, out=out)
    np.testing.assert_array_equal(out[..., 3], 201)
    filters.invert(image, channel_axis=-1, out=out)
    np.testing.assert_array_equal(out[..., 3], 201)
    np.testing.assert_array_equal(image[..., 3], 200.6)


@pytest.mark.parametrize(
    ("dtype", "before", "after"),
    [
        ("bool", [0, 1], [1, 0]),
        ("uint8", [0, 1, 255], [255, 254, 0]),
        ("uint64", [0, 1, 2**64 - 1], [2**64 - 1, 2**64 - 2, 0]),
        ("int8", [-128, -1, 0, 127], [127, 0, -1, -128]),
        ("float16", [0, 0.25, 1, 2], [1, 0.75, 0, -1]),
        ("float64", [0, 0.25, 1, 2], [1, 0.75, 0, -1]),
    ],
)
def test_negatives(dtype, before, after):
    image = np.array(before, dtype)
    got = filters.invert(image)
    assert got.dtype == ("uint8" if dtype == "bool" else dtype)
    assert got.tolist() == after
    assert filters.invert(got.astype(dtype)).tolist() == before


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_the_negative_keeps_alpha(channels):
    image = oracle.samples((400, 300, channels), "uint8")
    colors = channels - (channels in (2, 4))
    got = filters.invert(image, channel_axis=2, threads=2)
    np.testing.assert_array_equal(got[..., :colors], 255 - image[..., :colors])
    np.testing.assert_array_equal(got[..., colors:], image[..., colors:])
    np.testing.assert_array_equal(filters.invert(image, channel_axis=None), 255 - image)


def test_grey_is_grey_and_sepia_brown():
    grey = np.full((2, 2, 3), 0.5, np.float32)
    np.testing.assert_allclose(filters.grayscale(grey), 0.5, rtol=1e-6)
    red, green, blue = filters.sepia(grey)[0, 0]
    assert red > green > blue
    assert filters.sepia(np.zeros((0, 3, 3), np.uint8)).shape == (0, 3, 3)
    white = np.full((1, 1, 3), 255, np.uint8)
    assert filters.sepia(white).tolist() == [[[255, 255, 239]]]
    assert fc.filters.grayscale(white).tolist() == [[255]]
