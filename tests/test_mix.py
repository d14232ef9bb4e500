"""Colours: few channels, neighbours in memory, that a matrix mixes."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_backends import definition, whole
from test_contract import DTYPES, channels_last, framed

import fastconv as fc
from fastconv import backends
from fastconv.problem import dtypes

pytestmark = pytest.mark.compiled


@pytest.fixture
def kernels(backend):
    """Each backend in turn."""
    return backends.load(backend)


def mixed(kernels, x, gap, filters, dtype, relu=False):
    """Run `pointwise` on pixels into guarded memory, and compare with the definition."""
    *batch, _, channels, _ = x.shape
    w, bias = whole((1, filters, channels), dtype, 1), whole((1, filters), dtype, 2)
    wanted = definition(x, w[..., None], bias, (1,), (1,), relu)
    order = [*range(len(batch) + 1), len(batch) + 2, len(batch) + 1]
    out = framed(wanted.shape, order, dtype, gap)
    kernels.pointwise(out.array, x, w, bias, relu)
    out.assert_intact()
    np.testing.assert_array_equal(out.array, wanted)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("gap", [0, 1, 3])
@pytest.mark.parametrize(
    ("channels", "filters"), [(c, k) for c, k in product(range(1, 5), repeat=2) if c * k > 1]
)
def test_colours_of_pixels(channels, filters, gap, dtype, kernels):
    for batch, pixels in product([(), (2,), (2, 3)], [2, 3, 7, 8, 9, 16, 23]):
        x = channels_last((*batch, 1, channels, pixels), 1, dtype, gap=gap)
        mixed(kernels, x, gap, filters, dtype)
        mixed(kernels, x, 0, filters, dtype, relu=True)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("gap", [0, 1])
@pytest.mark.parametrize(
    ("channels", "filters"), [(c, k) for c, k in product(range(1, 5), repeat=2) if c * k > 1]
)
def test_pixels_of_small_integers(channels, filters, gap, dtype, kernels):
    """They are mixed as floats are, and stored as all sums are, whatever the weights."""
    rng = np.random.default_rng(0)
    matrix = (rng.integers(-200, 400, (1, filters, channels)) / 256).astype(np.float32)
    extreme = matrix.copy()
    extreme[0, 0] = np.float32(1e30)
    extreme[0, -1, -1] = np.nan
    top = np.iinfo(dtype).max
    for (batch, pixels), w in product(
        [*product([(), (2,), (2, 3)], [1, 2, 9, 10, 11]), ((), 64), ((2,), 157)], (matrix, extreme)
    ):
        shape = (*batch, 1, channels, pixels)
        x = channels_last(shape, 1, dtype, gap=gap)
        x[...] = rng.integers(0, top + 1, shape)
        bias = rng.integers(-3, 4, (1, filters)).astype(np.float32) / 2
        sums = np.moveaxis(np.empty((*batch, 1, pixels, filters), np.float32), -1, -2)
        kernels.pointwise(sums, channels_like(x), w, bias, False)
        wanted = np.empty(sums.shape, dtype)
        dtypes.store(wanted, sums)
        order = [*range(len(batch) + 1), len(batch) + 2, len(batch) + 1]
        out = framed(wanted.shape, order, dtype, gap)
        kernels.pointwise(out.array, x, w, bias, False)
        out.assert_intact()
        np.testing.assert_array_equal(out.array, wanted)


def channels_like(x):
    """The same pixels in float32, with contiguous channels."""
    return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, -2, -1), np.float32), -1, -2)


@pytest.mark.parametrize("channels", [3, 4])
def test_a_pixel_that_is_not_finite_stays_alone(channels, kernels):
    x = channels_last((2, 1, channels, 21), 1, "float32")
    x[1, 0, 2, 5], x[0, 0, 1, 20] = np.nan, np.inf
    w, bias = np.zeros((1, channels, channels), np.float32), np.zeros((1, channels), np.float32)
    out = np.moveaxis(np.empty((2, 1, 21, channels), np.float32), -1, -2)
    kernels.pointwise(out, x, w, bias, False)
    lost = np.isnan(out[:, 0]).all(axis=1)
    assert lost.sum() == 2
    assert lost[1, 5]
    assert lost[0, 20]
    assert not np.isnan(out[:, 0][:, :, ~lost.any(axis=0)]).any()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colour_matrices_of_photographs(channels, dtype, backend):
    rng = np.random.default_rng(0)
    for height, width in ((1, 1), (5, 9), (90, 71)):
        image = rng.integers(0, 256, (height, width, channels)).astype(dtype)
        for part in (image, image[:, ::-1], image[:, ::2], np.asfortranarray(image)):
            for name in ("sepia", "grayscale"):
                matrix = fc.kernels.get(name, np.float64)
                wanted = part[..., :3] @ matrix.T
                got = getattr(fc.filters, name)(part, backend=backend)
                assert got.dtype == dtype
                if channels == 4:
                    np.testing.assert_array_equal(got[..., -1], part[..., 3])
                    got = got[..., :-1]
                got = got.reshape(wanted.shape)
                if np.dtype(dtype).kind in "iu":
                    wanted = wanted.clip(None, np.iinfo(dtype).max)
                    assert np.abs(got - wanted).max() <= 0.501
                else:
                    np.testing.assert_allclose(got, wanted, rtol=1e-5)
