"""Symmetric and antisymmetric 1-D kernels: flat samples have no slope, and mirrored samples give
mirrored results, to the last bit.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from fastconv.ndimage import gaussian_filter, gaussian_filter1d

TAPS = (2, 3, 5, 6, 7, 9, 11, 16, 17, 21, 35)
MOST_SYMMETRIC = 17
"""Taps of symmetric kernels that have this promise on all backends."""
SHAPES = ((1,), (53,), (3, 70), (70, 3), (19, 37), (2, 9, 11))
BORDERS = ("constant", "nearest", "symmetric", "mirror", "wrap")


def weights(taps: int, sign: int, dtype: str) -> np.ndarray:
    """Antisymmetric weights for -1, symmetric ones for 1."""
    some = np.random.default_rng(taps).standard_normal(taps)
    return (some + sign * some[::-1]).astype(dtype)


def cases(sign: int) -> list[int]:
    return [taps for taps in TAPS if sign < 0 or taps <= MOST_SYMMETRIC]


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_slopes_of_flat_samples_are_exactly_zero(backend: str, dtype: str) -> None:
    for taps in TAPS:
        w = weights(taps, -1, dtype)
        for shape in SHAPES:
            x = np.full(shape, 0.1, dtype)
            for axis in range(x.ndim):
                y = fc.correlate(
                    x, w, axes=axis, boundary="nearest", backend=backend, algorithm="direct"
                )
                assert not y.any(), f"{taps} taps, axis {axis} of {shape}"


@pytest.mark.compiled
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mirrored_samples_give_mirrored_bits(backend: str, dtype: str, sign: int) -> None:
    for taps in cases(sign):
        w = weights(taps, sign, dtype)
        for number, shape in enumerate(SHAPES):
            x = oracle.samples(shape, dtype, seed=taps)
            border = BORDERS[(number + taps) % 5]
            how = {"boundary": border, "backend": backend, "algorithm": "direct"}
            for axis in range(x.ndim):
                origin = 0 if taps % 2 else -1  # the other middle of an even kernel
                y = fc.correlate(x, w, axes=axis, **how)
                mirrored = fc.correlate(np.flip(x, axis), w, axes=axis, origin=origin, **how)
                np.testing.assert_array_equal(np.flip(mirrored, axis), sign * y)


@pytest.mark.compiled
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_the_oracle(backend: str, dtype: str, sign: int) -> None:
    steps = ({}, {"stride": 2}, {"dilation": 2}, {"mode": "full"})
    for number, taps in enumerate(TAPS):
        w = weights(taps, sign, dtype)
        for axis, shape in ((0, (21, 9)), (1, (5, 25))):
            x = oracle.samples(shape, dtype, seed=taps)
            x.flat[5 * number] = (np.nan, np.inf, -np.inf)[number % 3]
            how = {"boundary": BORDERS[number % 5], "axes": axis, **steps[(number + axis) % 4]}
            y = fc.correlate(x, w, **how, backend=backend, algorithm="direct")
            assert_close(y, oracle.correlate(x, w, **how).everywhere())


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_huge_samples_do_not_overflow_before_they_are_weighted(backend: str, dtype: str) -> None:
    huge = np.finfo(dtype).max
    for taps in (3, 9, 17, 21):
        w = np.full(taps, 0.5 / taps, dtype)
        smooth = fc.correlate(
            np.full((30, 30), huge, dtype), w, axes=0, boundary="nearest", backend=backend,
            algorithm="direct",
        )  # fmt: skip
        np.testing.assert_allclose(smooth, huge * 0.5, rtol=1e-5)
        w[: taps // 2] *= -1
        w[taps // 2] = 0
        edge = np.where(np.arange(30) < 15, -huge, huge).astype(dtype)
        slope = fc.correlate(edge, w, backend=backend, algorithm="direct", boundary="nearest")
        assert np.isfinite(slope).all()
        assert slope.max() > 0.3 * huge


@pytest.mark.compiled
@pytest.mark.parametrize("sign", [-1, 1])
def test_bits_do_not_depend_on_tiles(backend: str, sign: int) -> None:
    """Parts of an image, from one vector to several tiles, have the bits of all of it."""
    x = oracle.samples((90, 130), "float32", seed=3)
    for taps in cases(sign):
        w = weights(taps, sign, "float32")
        for axis in (0, 1):
            how = {"axes": axis, "mode": "valid", "backend": backend, "algorithm": "direct"}
            y = fc.correlate(x, w, **how)
            for rows, cols in ((90, 39), (taps + 2, 130), (taps, 64), (50, taps + 8)):
                part = fc.correlate(x[:rows, :cols], w, **how)
                np.testing.assert_array_equal(part, y[: part.shape[0], : part.shape[1]])


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.5])
def test_gaussian_derivatives(backend: str, dtype: str, sigma: float) -> None:
    flat = np.full((13, 17), 0.7, dtype)
    for order in ((1, 0), (0, 1), (1, 1)):
        assert not gaussian_filter(flat, sigma, order, backend=backend).any()
    x = oracle.samples((4, 60), dtype, seed=5)
    y = gaussian_filter1d(x, sigma, order=1, backend=backend)
    mirrored = gaussian_filter1d(x[:, ::-1], sigma, order=1, backend=backend)
    np.testing.assert_array_equal(mirrored[:, ::-1], -y)
