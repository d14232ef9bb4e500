"""Mean and variance over a window: exact for integers, and without cancellation in floats."""

from __future__ import annotations

import doctest
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest

import fastconv
from fastconv import filters


def exact(x: np.ndarray, size: tuple[int, ...], boundary: str, cval: Any = 0) -> tuple[Any, Any]:
    """The fractions, from windows that plain loops give."""
    mean, variance = np.empty(x.shape, object), np.empty(x.shape, object)
    reference = oracle.correlate(x, np.ones(size, int), boundary=boundary, cval=cval)
    for point in np.ndindex(x.shape):
        window = [Fraction(sample) for _, sample in reference.products(point)]
        mean[point] = sum(window) / len(window)
        variance[point] = sum((s - mean[point]) ** 2 for s in window) / len(window)
    return mean, variance


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "uint16", "int32", "int64", "uint64"])
@pytest.mark.parametrize("boundary", ["symmetric", "constant", "wrap"])
def test_integers_are_exact(backend, dtype, boundary):
    x = oracle.samples((9, 8), dtype)
    if x.dtype.itemsize > 2:  # far from zero, within some thousands of each other
        x = (x % 5000).astype(dtype)
        x += np.iinfo(dtype).max - 5000 if x.dtype.itemsize == 4 else 1 << 40
    cval = int(x.ravel()[3])
    how = {"boundary": boundary, "backend": backend, "cval": cval}
    found = filters.local_moments(x, (3, 4), **how)
    mean, variance = exact(x, (3, 4), boundary, cval)
    assert found.mean.dtype == found.variance.dtype == np.float64
    np.testing.assert_array_equal(found.mean, mean.astype(float))
    np.testing.assert_allclose(found.variance, variance.astype(float), rtol=3e-16, atol=0)
    np.testing.assert_array_equal(found.std, np.sqrt(found.variance))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("offset", [0, 1e6, -3e8])
@pytest.mark.parametrize("window", [{"size": 7}, {"sigma": 1.5}])
def test_an_offset_cancels_nothing(backend, dtype, offset, window):
    x = (oracle.samples((40, 50), "float64") + offset).astype(dtype)
    x[3, 4] = np.float64(offset) + 1e5
    found = filters.local_moments(x, **window, backend=backend)
    assert found.mean.dtype == found.variance.dtype == dtype
    w = np.full(7, 1 / 7)
    if "sigma" in window:
        w = np.exp(-0.5 * (np.arange(-6, 7) / 1.5) ** 2)
        w /= w.sum()
    d = x.astype("float64") - offset
    mean = oracle.by_taps(d, (w, w), boundary="symmetric").values.astype(float)
    second = oracle.by_taps(d * d, (w, w), boundary="symmetric").values.astype(float)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(found.mean, mean + offset, rtol=2 * eps, atol=1e-9)
    far = oracle.by_taps(d * d, (w > 0, w > 0), boundary="symmetric").values.astype(float)
    error = np.abs(found.variance - (second - mean * mean))
    assert np.all(error <= eps * found.variance + 4e-15 * far)
    assert not np.any(found.variance < 0)


def test_images_that_are_constant_have_no_variance(backend):
    for x in (np.full((9, 9), 250, np.uint8), np.full((9, 9), 0.1), np.full((3, 4, 5), 1e30)):
        found = filters.local_moments(x, 3, backend=backend)
        np.testing.assert_array_equal(found.mean, x)
        np.testing.assert_array_equal(found.variance, 0)
    assert filters.local_moments(np.zeros((0, 4)), 1, backend=backend).mean.shape == (0, 4)


def test_channels_signals_and_even_sizes(backend):
    x = oracle.samples((8, 9, 3), "uint8")
    found = filters.local_moments(x, (2, 3), channel_axis=-1, backend=backend)
    for c in range(3):
        one = filters.local_moments(x[..., c], (2, 3), backend=backend)
        np.testing.assert_array_equal(found.variance[..., c], one.variance)
    signal = filters.local_moments(x[:, 0, 0], 4, boundary="wrap", backend=backend)
    mean, variance = exact(x[:, 0, 0], (4,), "wrap")
    np.testing.assert_array_equal(signal.mean, mean.astype(float))
    np.testing.assert_allclose(signal.variance, variance.astype(float), rtol=1e-15)


def test_missing_samples_take_no_part(backend):
    x = oracle.samples((12, 13), "float64") + 1e6
    missing = np.random.default_rng(0).random(x.shape) < 0.3
    missing[2:7, 3:8] = True
    given = np.where(missing, np.nan, x)
    found = filters.local_moments(given, 3, nan="ignore", boundary="ignore", backend=backend)
    for point in np.ndindex(x.shape):
        window = tuple(slice(max(i - 1, 0), i + 2) for i in point)
        valid = x[window][~missing[window]]
        if valid.size:
            assert found.mean[point] == pytest.approx(valid.mean(), rel=1e-15)
            assert found.variance[point] == pytest.approx(valid.var(), rel=1e-9, abs=1e-12)
        else:
            assert np.isnan(found.mean[point])
            assert np.isnan(found.variance[point])
    counts = np.ma.array(np.round(x).astype(int), mask=missing)
    masked = filters.local_moments(counts, 3, boundary="ignore", backend=backend)
    np.testing.assert_array_equal(masked.mean.mask, np.isnan(found.mean))
    assert np.abs(masked.mean - found.mean).max() <= 0.5


def test_the_guide_computes_structural_similarity():
    metrics = pytest.importorskip("skimage.metrics")
    guide = Path(__file__).parents[1] / "docs" / "guide" / "local-statistics.md"
    if not guide.exists():
        pytest.skip("only an installed package, without its documentation")
    examples = doctest.DocTestParser().get_examples(guide.read_text(encoding="utf-8"))
    source = next(e.source for e in examples if e.source.startswith("def structural_similarity"))
    known: dict[str, Any] = {"fc": fastconv, "np": np}
    exec(source, known)
    image = oracle.samples((40, 50), "uint8")
    other = image // 2 + oracle.samples((40, 50), "uint8", 3) // 2
    similarity = known["structural_similarity"](image, other, 255)
    mean, wanted = metrics.structural_similarity(image, other, full=True, data_range=255)
    np.testing.assert_allclose(similarity, wanted, rtol=1e-10, atol=1e-12)
    assert similarity[3:-3, 3:-3].mean() == pytest.approx(mean, rel=1e-12)


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ({}, ValueError, ["local_moments: size", "size=None and sigma=None"]),
        ({"size": 3, "sigma": 1}, ValueError, ["local_moments: size", "sigma=1"]),
        ({"size": 0}, ValueError, ["local_moments: size", "0", "at least 1"]),
        ({"sigma": -1}, ValueError, ["local_moments: sigma", "-1"]),
        ({"size": 3, "cval": 1j}, TypeError, ["local_moments: cval", "1j"]),
        ({"size": 3, "mask": np.zeros(2, bool)}, ValueError, ["local_moments: mask", "(2,)"]),
    ],
)
def test_wrong_calls(how, kind, words):
    with pytest.raises(kind) as caught:
        filters.local_moments(np.zeros((4, 5)), **how)
    assert all(word in str(caught.value) for word in words), caught.value
    with pytest.raises(ValueError, match="channel_axis"):
        filters.local_moments(np.zeros((4, 5, 3)), 3)
    with pytest.raises(TypeError, match="local_moments: image"):
        filters.local_moments(np.zeros((4, 5), complex), 3)


def test_what_a_mask_hides_does_not_matter(backend):
    x = oracle.samples((12, 13), "float64")
    missing = np.random.default_rng(1).random(x.shape) < 0.7
    ways = (
        lambda image: filters.local_moments(image, 3, mask=missing, backend=backend),
        lambda image: filters.local_moments(np.ma.array(image, mask=missing), 3, backend=backend),
        lambda image: filters.local_moments(
            np.ma.array(image, mask=missing), 3, mask=missing[:, :1] & False, backend=backend
        ),
    )
    for moments in ways:
        found = [moments(np.where(missing, hidden, x)) for hidden in (0, 1e20, -np.inf)]
        for other in found[1:]:
            np.testing.assert_allclose(other.mean, found[0].mean, rtol=1e-12, atol=1e-14)
            np.testing.assert_allclose(other.variance, found[0].variance, rtol=1e-9, atol=1e-14)


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
def test_whole_numbers_as_far_apart_as_64_bits_allow(dtype, backend):
    info = np.iinfo(dtype)
    for x in ([info.min, *[info.max] * 4], [info.max, *[info.min] * 4]):
        signal = np.array(x, dtype)
        found = filters.local_moments(signal, 3, backend=backend)
        mean, variance = exact(signal, (3,), "symmetric")
        np.testing.assert_allclose(found.mean, mean.astype(float), rtol=1e-15)
        np.testing.assert_allclose(found.variance, variance.astype(float), rtol=1e-15)
