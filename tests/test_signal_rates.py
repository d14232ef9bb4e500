"""`fastconv.signal.upfirdn` computes the phases of a filter in three ways, with SciPy's results."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest

from fastconv import signal
from fastconv.plan import choose
from fastconv.signal import phases

theirs = pytest.importorskip("scipy.signal")

MODES = ["constant", "wrap", "edge", "symmetric", "reflect"]
MODES += ["smooth", "antisymmetric", "antireflect", "line"]
WAYS = ("_apart", "_banks", "_planes")


@pytest.fixture
def ways(monkeypatch):
    """The ways that calls are prepared for, in turn."""
    found = []

    def watch(way):
        made = getattr(phases, way)
        monkeypatch.setattr(phases, way, lambda *how: [found.append(way), made(*how)][1])

    for way in WAYS:
        watch(way)
    choose.forget()
    return found


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("up", "down"), [(1, 4), (2, 3), (8, 6), (5, 7), (3, 20)])
def test_samples_by_residues(ways, up, down, mode):
    taps = oracle.samples(183, np.float64)
    for shape, dtype in itertools.product(((4003,), (3, 1, 1400)), (np.uint8, np.float32, float)):
        x = np.abs(oracle.samples(shape, np.float64, 1) * 9).astype(dtype)[..., ::-1]
        h = taps.astype(np.result_type(dtype, np.float32))
        got = signal.upfirdn(h, x, up, down, mode=mode)
        wanted = theirs.upfirdn(h, x, up, down, mode=mode)
        assert got.shape == wanted.shape
        assert got.dtype == wanted.dtype
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(got, wanted, 0, scale * 400 * np.finfo(got.dtype).eps)
    assert set(ways) == {"_planes"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("up", "down"), [(1, 1), (1, 4), (2, 3), (7, 2)])
def test_columns(ways, up, down, mode):
    taps, x = oracle.samples(31, np.float64), oracle.samples((3, 50, 17), np.float64, 1)
    got = signal.upfirdn(taps, x, up, down, axis=1, mode=mode)
    np.testing.assert_allclose(got, theirs.upfirdn(taps, x, up, down, 1, mode), 1e-12, 1e-12)
    if mode in MODES[:5]:
        assert ways == ["_apart"]


@pytest.mark.parametrize("bad", [np.nan, -np.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(("up", "down"), [(1, 4), (2, 3), (3, 2), (2, 1), (16, 7), (160, 147)])
def test_only_windows_with_a_bad_sample_are_bad(ways, up, down, dtype, bad):
    taps = 1 + np.abs(oracle.samples(64 if up < 10 else 1600, dtype))
    x = oracle.samples(4000, dtype, 1)
    finite = signal.upfirdn(taps, x, up, down)
    x[[7, 2100]] = bad
    got = signal.upfirdn(taps, x, up, down)
    reads = np.zeros(len(got), bool)
    for at in 7, 2100:
        under = np.arange(len(got)) * down - at * up
        reads |= (under >= 0) & (under < taps.size)
    np.testing.assert_array_equal(~np.isfinite(got), reads)
    close = 1e-4 if dtype == np.float32 else 1e-10
    np.testing.assert_allclose(got[~reads], finite[~reads], close, close)
    assert ways[-1] == "_apart"
    assert up > 1 or dtype == np.complex128 or ways[0] == "_planes"


@pytest.mark.parametrize(("length", "banks"), [(2000, 1), (3000, 2)])
def test_long_signals_take_narrower_banks(ways, monkeypatch, length, banks):
    made = []
    monkeypatch.setattr(
        phases, "Banks", lambda *how, of=phases.Banks: [made.append(how), of(*how)][1]
    )
    taps = oracle.samples(400, np.float64)
    x = oracle.samples(length, np.float64)
    for _ in range(2):
        got = signal.upfirdn(taps, x, 40, 37)
        np.testing.assert_allclose(got, theirs.upfirdn(taps, x, 40, 37), rtol=1e-12, atol=1e-9)
    assert ways == ["_banks"]
    ((plans, *_),) = made
    assert len(plans) == banks
    x[length // 2] = np.nan
    lost = np.isnan(theirs.upfirdn(taps, x, 40, 37))
    np.testing.assert_array_equal(np.isnan(signal.upfirdn(taps, x, 40, 37)), lost)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_one_phase_along_any_axis_is_its_plan(ways, axis):
    x = oracle.samples((17, 18, 19), np.float32)
    taps = oracle.samples(7, np.float32)
    for samples in (x, x[::-1, :, ::2], x.astype(">f4")):
        for _ in range(3):
            got = signal.upfirdn(taps, samples, 1, 2, axis=axis)
            want = theirs.upfirdn(taps, samples, 1, 2, axis=axis)
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-4)
    assert set(ways) == {"_apart"}
