"""Blurs of bytes in fixed point: the definition, its bound, and when it is used."""

from __future__ import annotations

from itertools import product

import numpy as np
import oracle
import pytest
from test_backends import Framed

import fastconv as fc
from fastconv import backends, filters
from fastconv.filters import factors
from fastconv.problem import fixed

pytestmark = pytest.mark.compiled

BOUND = 0.1
"""Of the documentation: how far a result may be from the exact mean before it is rounded."""


def one_mean(numbers, weights):
    """The definition in `fixed`, for all samples that one output reads along an axis."""
    half = len(weights) - 1
    total = numbers[half] * weights[0] >> 16
    for j in range(1, half + 1):
        total += ((numbers[half - j] + numbers[half + j] + 1) >> 1) * weights[j] >> 16
    return total


def means(numbers, weights, axis):
    """All of them along an axis, as numbers of Python."""
    return np.apply_along_axis(
        lambda row: np.array(
            [one_mean(row[i:], weights) for i in range(len(row) - 2 * len(weights) + 2)], object
        ),
        axis,
        numbers,
    )


def blurred(x, down, across):
    numbers = x.astype(object) * 256
    both = means(means(numbers, down, -2), across, -1)
    return ((both + fixed.around(len(down) + len(across))) // 256).astype(np.uint8)


def weights_of(taps, sigma=1.0):
    found = fixed.weights(factors.gaussian(sigma, 0, taps // 2).astype("f4"))
    assert found is not None
    return found


@pytest.fixture
def kernel(backend):
    return backends.load(backend).blur


@pytest.mark.parametrize("taps", [(3, 5), (9, 3), (1, 3)], ids=str)
def test_the_kernel_is_the_definition_in_every_layout(taps, kernel):
    rng = np.random.default_rng(0)
    down, across = (weights_of(k) if k > 1 else (40000,) for k in taps)
    w = np.array([*down, *across], np.uint16)
    for channels, (rows, cols) in product((1, 3, 4), ((1, 1), (4, 33), (7, 90))):
        shape = (channels, rows + taps[0] - 1, cols + taps[1] - 1)
        samples = rng.integers(0, 256, shape, np.uint8) // 255 * 255
        wanted = blurred(samples, down, across)
        for order in ((0, 1, 2), (1, 2, 0), (2, 1, 0), (0, 2, 1)):
            back = np.argsort(order)
            x = np.ascontiguousarray(samples.transpose(order)).transpose(back)
            for contiguous in (True, False):
                framed = Framed([wanted.shape[axis] for axis in order], "u1")
                out = framed.array.transpose(back) if contiguous else framed.array
                if not contiguous:
                    framed = Framed(wanted.shape, "u1")
                    out = framed.array
                kernel(out[:, None, None], x[:, None, None], w)
                framed.assert_intact()
                np.testing.assert_array_equal(out, wanted)


def test_strips_of_a_long_row(kernel):
    x = np.random.default_rng(1).integers(0, 256, (1, 1, 7, 2600), np.uint8)
    down, across = weights_of(5), weights_of(33, 4.0)
    out = np.empty((1, 1, 3, 2568), np.uint8)
    kernel(out, x, np.array([*down, *across], np.uint16))
    at = np.r_[0:3, 1020:1030, 2565:2568]
    windows = np.lib.stride_tricks.sliding_window_view(x, 33, axis=-1)[..., at, :]
    for place in range(len(at)):
        wanted = blurred(windows[..., place, :], down, across)
        np.testing.assert_array_equal(out[..., at[place] : at[place] + 1], wanted)


@pytest.mark.parametrize("sigma", [0.3, 0.6, 1.0, 2.0, 4.0])
def test_errors_of_all_gaussians_are_below_the_bound(sigma):
    for taps in range(3, fixed.MOST_TAPS + 1, 2):
        factor = factors.gaussian(sigma, 0, taps // 2).astype("f4")
        found = fixed.weights(factor)
        if found is None:
            continue
        assert sum(found) == 2**16
        assert min(found) >= 0
        assert max(found) < 2**16
        exact = np.append(factor[taps // 2], 2 * factor[taps // 2 + 1 :].astype(float)) * 2**16
        off = np.abs(np.array(found) - exact).sum() / 2**16 * 255 / 2
        assert 2 * off + (len(found) + 1) / 256 < BOUND


@pytest.mark.parametrize("shape", [(9, 14), (6, 30, 3)], ids=str)
def test_gaussians_are_within_the_bound(shape, backend, ran):
    channel = -1 if len(shape) > 2 else None
    x = np.random.default_rng(2).integers(0, 2, shape, np.uint8) * 255
    for sigma, boundary in product((0.5, 1.0, (0.7, 2.0)), oracle.BOUNDARIES):
        got = filters.gaussian(
            x, sigma, boundary=boundary, cval=7, channel_axis=channel, backend=backend
        )
        ran.only(backend, "separable")
        w = [
            factors.gaussian(s, 0, int(4 * s + 0.5))
            for s in (sigma if isinstance(sigma, tuple) else (sigma, sigma))
        ]
        how = {"boundary": boundary, "cval": 7}
        planes = np.moveaxis(np.atleast_3d(x), -1, 0)
        wanted = [oracle.by_taps(plane, np.multiply.outer(*w), **how).values for plane in planes]
        wanted = np.moveaxis(np.array(wanted), 0, -1).reshape(shape)
        assert np.abs(got - wanted).max() <= 0.5 + BOUND


def test_flat_images_stay_what_they_are(backend):
    for value, sigma in product((0, 1, 127, 128, 254, 255), (0.4, 1.0, 3.0, 4.0)):
        x = np.full((20, 70), value, np.uint8)
        np.testing.assert_array_equal(filters.gaussian(x, sigma, backend=backend), x)


def test_results_do_not_depend_on_size_tiles_layout_or_backend():
    x = np.random.default_rng(3).integers(0, 256, (300, 500, 3), np.uint8)
    whole = filters.gaussian(x, 1.0, channel_axis=-1, boundary="mirror")
    part = filters.gaussian(x[:12, :13].copy(), 1.0, channel_axis=-1, boundary="mirror")
    np.testing.assert_array_equal(part[:8, :9], whole[:8, :9])
    planes = np.ascontiguousarray(np.moveaxis(x, -1, 0))
    for samples in (x[::-1].copy()[::-1], np.asfortranarray(x), np.moveaxis(planes, 0, -1)):
        for threads in (1, 2):
            got = filters.gaussian(
                samples, 1.0, channel_axis=-1, boundary="mirror", threads=threads
            )
            np.testing.assert_array_equal(got, whole)
    for backend in fc.available_backends():
        got = filters.gaussian(x, 1.0, channel_axis=-1, boundary="mirror", backend=backend)
        np.testing.assert_array_equal(got, whole)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: filters.gaussian(x, 1.0, algorithm="direct"),
        lambda x: filters.gaussian(x, 1.0, boundary="constant", cval=0.5),
        lambda x: filters.gaussian(x, 1.0, mask=np.zeros(x.shape, bool)),
        lambda x: filters.gaussian(x, 1.0, out=np.empty(x.shape, np.int16)),
        lambda x: filters.gaussian(x, 4.3),
        lambda x: fc.correlate(x, (factors.gaussian(1.0, 0, 4).astype("f4"),) * 2, dtype="u1"),
        lambda x: fc.ndimage.gaussian_filter(x, 1.0),
    ],
    ids=["direct", "cval", "mask", "out", "long", "correlate", "ndimage"],
)
def test_what_is_summed_in_floats(call, monkeypatch):
    x = np.random.default_rng(4).integers(0, 256, (40, 50), np.uint8)

    def refused(*_):
        raise AssertionError("in fixed point")

    monkeypatch.setattr(type(backends.load("numpy")), "blur", refused)
    with fc.use_backend("numpy"):
        call(x)
        with pytest.raises(AssertionError, match="in fixed point"):
            filters.gaussian(x, 1.0)


@pytest.mark.parametrize(
    "factor",
    [(1.0,), (0.5, 0.5), (0.2, 0.3, 0.5), (-0.1, 1.2, -0.1), (0.3, 0.3, 0.3), (0.5, 0.0, 0.5),
     (1e-9, 1.0, 1e-9), (np.nan, 1.0, np.nan)],
    ids=str,
)  # fmt: skip
def test_weights_that_have_no_fixed_point(factor):
    assert fixed.weights(np.array(factor, "f4")) is None
