"""Kernels as long as what they filter: signals are folded into images, tiles grow with the taps."""

from __future__ import annotations

import numpy as np
import pytest

import fastconv as fc

pytestmark = pytest.mark.compiled
SIGNALS = [(700, 64), (5000, 70), (5000, 4999), (20000, 3000), (300, 5000), (70000, 20000)]


def spectral(x, w):
    """The full convolution, by transforms in double precision."""
    shape = [n + k - 1 for n, k in zip(x.shape, w.shape, strict=True)]
    axes, wide = range(x.ndim), np.complex128
    product = np.fft.fftn(x.astype(wide), shape, axes) * np.fft.fftn(w.astype(wide), shape, axes)
    full = np.fft.ifftn(product)
    return full if np.iscomplexobj(x) else full.real


def assert_near(got, wanted, x, w):
    """Hold a result against the bound of sums that a transform rounds."""
    eps = np.finfo(got.dtype).eps
    largest = np.sqrt(
        (np.abs(x.astype(complex)) ** 2).sum() * (np.abs(w.astype(complex)) ** 2).sum()
    )
    assert np.abs(got - wanted).max() <= 4 * eps * np.log2(x.size + w.size) * largest


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize(("samples", "taps"), SIGNALS, ids=str)
def test_long_kernels_of_signals(samples, taps, dtype, backend, ran):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=samples).astype(dtype), rng.normal(size=taps).astype(dtype)
    full = spectral(x, w)
    for _ in range(2):
        got = fc.convolve(x, w, mode="full", algorithm="fft", backend=backend)
        assert_near(got, full, x, w)
    if samples >= taps:
        got = fc.convolve(x, w, mode="valid", algorithm="fft", backend=backend, threads=2)
        assert_near(got, full[taps - 1 : samples], x, w)
    ran.only(backend, "fft")


@pytest.mark.parametrize(
    ("shape", "taps"),
    [
        ((200, 300), (150, 160)),
        ((97, 411), (97, 3)),
        ((40, 30), (90, 70)),
        ((30, 40, 20), (20, 40, 3)),
    ],
    ids=str,
)
def test_kernels_as_large_as_images_and_volumes(shape, taps, backend, ran):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=shape).astype("f4"), rng.normal(size=taps).astype("f4")
    got = fc.convolve(x, w, mode="full", algorithm="fft", backend=backend)
    assert_near(got, spectral(x, w), x, w)
    ran.only(backend, "fft")


def test_many_rows_under_one_long_kernel(backend):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 4, 900)).astype("f4"), rng.normal(size=400).astype("f4")
    got = fc.convolve(x, w, mode="full", backend=backend, algorithm="fft")
    for i, j in np.ndindex(3, 4):
        assert_near(got[i, j], spectral(x[i, j], w), x[i, j], w)


@pytest.mark.parametrize("level", [1e-5, 1e-9, 1e-25])
def test_quiet_samples_beside_loud_ones(level, backend):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=9000).astype("f4"), rng.normal(size=1500).astype("f4")
    x[3000:7000] *= np.float32(level)
    got = fc.correlate(x, w, mode="valid", algorithm="fft", backend=backend)
    wanted = np.correlate(x.astype(float), w.astype(float), "valid")
    quiet = slice(3000, 5500)
    bound = np.correlate(np.abs(x).astype(float), np.abs(w).astype(float), "valid")
    error = np.abs(got - wanted)[quiet] / bound[quiet]
    assert error.max() < 100 * np.finfo("f4").eps


@pytest.mark.parametrize("value", [np.nan, np.inf, -3e38])
def test_what_is_not_finite_or_huge_stays_in_its_windows(value, backend):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=8000).astype("f4"), rng.normal(size=1200).astype("f4")
    clean = fc.correlate(x, w, mode="valid", algorithm="fft", backend=backend)
    x[5000] = value
    got = fc.correlate(x, w, mode="valid", algorithm="fft", backend=backend)
    reads = np.zeros(got.size, bool)
    reads[5000 - 1199 : 5001] = True
    bound = 1e-5 * np.sqrt(1200)
    assert np.abs(got - clean)[~reads].max() < bound
    if not np.isfinite(value):
        assert not np.isfinite(got[reads]).any()


@pytest.mark.parametrize("backend", ["cython"], indirect=True)
def test_axes_without_taps_are_batch_axes(backend):
    rng = np.random.default_rng(0)
    x, taps = rng.normal(size=(5, 6, 40)), rng.normal(size=9)
    wanted = fc.correlate(x, taps, boundary="mirror")
    for w, axes in ((taps[None], (1, 2)), (taps[None, None], (0, 1, 2))):
        got = fc.correlate(x, w, axes=axes, boundary=["wrap", "wrap", "mirror"][-w.ndim :])
        np.testing.assert_array_equal(got, wanted)
    factors = np.array([2.0]), taps
    np.testing.assert_allclose(fc.correlate(x[0], factors, boundary="mirror"), 2 * wanted[0])
    single = fc.correlate(x, np.full((1, 1, 1), 3.0))
    np.testing.assert_array_equal(single, 3 * x)
