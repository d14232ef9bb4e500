"""Missing data tile by tile: where tiles end, threads and what is remembered change no bit."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from test_missing import DENSE, FACTORS, KERNELS
from tolerance import assert_close
from valid_sums import expected, filled, with_nan

import fastconv as fc
from fastconv import backends
from fastconv.plan import choose, gaps, tiling
from fastconv.run.program import Program

pytestmark = pytest.mark.compiled


@pytest.fixture
def deducted(backend, monkeypatch):
    """For each tile with missing samples, whether shares that were deducted from one count."""
    kept = []
    kernels = backends.load(backend)
    plain = kernels.deduct

    def deduct(shares, valid, missing, *rest):
        counts = plain(shares, valid, missing, *rest)
        if missing[0]:
            kept.append(counts)
        return counts

    monkeypatch.setattr(kernels, "deduct", deduct)
    monkeypatch.setattr(kernels, "program", lambda weights: Program(kernels, weights))
    choose.forget()
    yield kept
    choose.forget()


def in_small_tiles(monkeypatch, call):
    """What a call gives where tiles are small."""
    choose.forget()
    with monkeypatch.context() as patched:
        patched.setattr(tiling, "HALO_BYTES", 5000)
        given = call()
    choose.forget()
    return given


@pytest.mark.parametrize("algorithm", list(KERNELS))
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_tiles_and_threads_change_no_bit(backend, algorithm, dtype, monkeypatch):
    w = KERNELS[algorithm]
    x = oracle.samples((97, 130), dtype)
    missing = np.random.default_rng(4).random(x.shape) < 0.004
    monkeypatch.setattr(gaps, "DEDUCTION", 1e-9)  # in each tile, however few or many are missing
    choose.forget()
    for boundary in ("mirror", "wrap"):

        def of_threads(boundary=boundary):
            how = {"boundary": boundary, "algorithm": algorithm, "backend": backend}
            how |= {"nan": "ignore", "dtype": dtype}
            return [fc.correlate(with_nan(x, missing), w, threads=n, **how) for n in (1, 3)]

        given = of_threads()
        np.testing.assert_array_equal(*given)
        small = in_small_tiles(monkeypatch, of_threads)
        np.testing.assert_array_equal(*small)
        if algorithm not in ("box", "fft") and backend != "numpy":
            np.testing.assert_array_equal(given[0], small[0])


@pytest.mark.parametrize("boundary", ["wrap", "mirror", "ignore", "constant"])
@pytest.mark.parametrize("place", [(0, 0), (20, 24), (-1, -1)])
def test_a_hole_is_seen_from_all_tiles(backend, place, boundary, monkeypatch):
    """Perhaps from beyond the other edge."""
    x = oracle.samples((37, 50), "float64")
    missing = np.zeros(x.shape, bool)
    missing[place] = True
    how = {"boundary": boundary, "backend": backend}
    for w in (DENSE, FACTORS):
        wanted = filled(expected(x, missing, w, boundary=boundary), np.nan)
        calls = [
            lambda w=w: fc.correlate(with_nan(x, missing), w, nan="ignore", **how),
            lambda w=w: fc.correlate(x, w, mask=missing, **how),
        ]
        for call in calls:
            assert_close(call(), wanted)
            assert_close(in_small_tiles(monkeypatch, call), wanted)


@pytest.mark.parametrize("share", [0.002, 0.5])
def test_programs_in_c_are_programs(backend, share, monkeypatch):
    """Kernels that are called one by one give the same bits."""
    x = oracle.samples((97, 130), "float32")
    missing = np.random.default_rng(4).random(x.shape) < share
    kernels = backends.load(backend)

    def call():
        how = {"mask": missing, "boundary": "ignore", "fill_value": 7, "backend": backend}
        return [fc.correlate(x, w, **how) for w in KERNELS.values()]

    given = in_small_tiles(monkeypatch, call)
    monkeypatch.setattr(kernels, "program", lambda weights: Program(kernels, weights))
    np.testing.assert_array_equal(in_small_tiles(monkeypatch, call), given)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("shape", "how"),
    [
        ((500,), {"boundary": "mirror"}),
        ((40, 30), {"boundary": "wrap", "dilation": 2}),
        ((30, 40), {"stride": (2, 3), "boundary": "nearest"}),
        ((30, 40, 3), {"axes": (0, 1)}),
        ((3, 30, 40), {"axes": (1, 2), "boundary": "symmetric"}),
        ((12, 14, 16), {"axes": (2, 0), "mode": "valid"}),
        ((9, 10, 11), {"mode": "full", "boundary": "wrap"}),
    ],
    ids=str,
)
def test_few_missing_samples_are_deducted(deducted, backend, shape, how, dtype):
    x = oracle.samples(shape, dtype)
    axes = how.get("axes", range(len(shape)))
    w = np.random.default_rng(8).random((3, 4, 3)[: len(axes)]) + 0.2
    missing = np.zeros(shape, bool)
    for place in ((0,) * 3, (5, 6, 2), (-1,) * 3, (-4, 4, 1)):
        missing[tuple(np.mod(place[: len(shape)], shape))] = True
    wanted = filled(expected(x, missing, w.astype(dtype), **how), np.nan)
    given = fc.correlate(
        with_nan(x, missing), w.astype(dtype), nan="ignore", backend=backend, **how
    )
    assert deducted
    assert all(deducted)
    assert_close(given, wanted)


def test_what_would_cancel_is_summed(deducted, backend):
    """Of one weight that makes up most of the sum, and of windows without anything else."""
    x = oracle.samples((40, 50), "float32")
    w = np.full((3, 3), 1e-6, np.float32)
    w[1, 1] = 1
    missing = np.zeros(x.shape, bool)
    missing[20, 20] = True
    wanted = filled(expected(x, missing, w), np.nan)
    assert_close(fc.correlate(with_nan(x, missing), w, nan="ignore", backend=backend), wanted)
    assert deducted == [False]


def test_many_missing_samples_are_not_deducted(deducted, backend):
    x = oracle.samples((40, 50), "float64")
    missing = np.random.default_rng(0).random(x.shape) < 0.7
    wanted = filled(expected(x, missing, DENSE), np.nan)
    assert_close(fc.correlate(with_nan(x, missing), DENSE, nan="ignore", backend=backend), wanted)
    assert not any(deducted)


def test_what_is_remembered_is_of_the_kernel_alone(backend):
    """Masks, least weights, fill values and weights take turns."""
    x = oracle.samples((30, 31), "float64")
    rng = np.random.default_rng(1)
    masks = [rng.random(x.shape) < share for share in (0.01, 0.02, 0.4)]
    kernels = [DENSE, DENSE * 2, DENSE[::-1], FACTORS]
    for _ in range(2):
        for w in kernels:
            for mask in masks:
                for least in (0.0, 0.9):
                    how = {"mask": mask, "min_weight": least, "boundary": "nearest"}
                    given = fc.correlate(x, w, backend=backend, **how)
                    plan = fc.plan_correlate(x.shape, x.dtype, w, backend=backend, **how)
                    np.testing.assert_array_equal(plan(x), given)
                    at = {"boundary": "nearest", "backend": "numpy"}
                    held = fc.correlate(np.where(mask, 0, x), w, **at)
                    total = np.prod([np.sum(part) for part in (w if type(w) is tuple else [w])])
                    share = fc.correlate((~mask).astype(float), w, **at) / total
                    with np.errstate(invalid="ignore"):
                        wanted = held / np.where(share < max(least, 1e-9) - 1e-9, np.nan, share)
                    np.testing.assert_allclose(given, wanted, rtol=1e-11, atol=1e-11)
