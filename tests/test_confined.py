"""Long kernels beside samples that a transform would spread: each stays in its windows.

Expected values are direct sums in double precision.
"""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import backends
from fastconv.algorithms.fft import MIN_LONG_TAPS
from fastconv.run.program import OUT, X, operand

pytestmark = pytest.mark.compiled
CASES = [((3000,), (MIN_LONG_TAPS,)), ((70, 75), (47, 45)), ((18, 20, 21), (13, 13, 14))]
SPOILED = ["nan", "inf", "both signs", "nan and inf", "inf and zero taps", "inf tap", "nan tap"]


def direct(x, w, **how):
    """The definition, in double precision."""
    wide = np.result_type(x, w, np.float64)
    return fc.correlate(x.astype(wide), w.astype(wide), algorithm="direct", backend="numpy", **how)


def spoil(what, x, w):
    """Put what is not finite into samples or taps, in place."""
    first, second = (tuple(n * part // 5 for n in x.shape) for part in (2, 3))
    if "nan" in what.split() and "tap" not in what:
        x[first] = np.nan
    if ("inf" in what.split() and what != "inf tap") or what == "both signs":
        x[second] = -np.inf
    if what == "both signs":
        x[first] = np.inf
    if "zero" in what:
        w[(0,) * w.ndim] = 0
    if "tap" in what.split():
        w[(-1,) * w.ndim] = np.inf if what == "inf tap" else np.nan


def assert_same(got, wanted, bound, eps):
    """Hold what is not finite against the definition exactly, and the rest within rounding."""
    for a, b in ((got.real, wanted.real), (got.imag, wanted.imag)):
        finite = np.isfinite(b)
        np.testing.assert_array_equal(a[~finite], b[~finite])
        assert (np.abs(a[finite] - b[finite]) <= 64 * eps * bound[finite]).all()


@pytest.mark.parametrize("what", SPOILED)
@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
@pytest.mark.parametrize(("shape", "taps"), CASES, ids=str)
def test_infinity_and_nan_are_what_direct_sums_make_of_them(shape, taps, dtype, what, backend):
    x, w = oracle.samples(shape, dtype), oracle.samples(taps, dtype, 1)
    largest = np.abs(x).max() * np.abs(w).sum()
    spoil(what, x, w)
    got = fc.correlate(x, w, mode="valid", algorithm="fft", backend=backend)
    wanted = direct(x, w, mode="valid")
    assert not np.isfinite(wanted).all()
    eps = np.finfo(dtype).eps
    assert_same(got, wanted, np.full(wanted.shape, largest), eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_output_rounds_relative_to_its_own_window(dtype, backend):
    x, w = oracle.samples((9000,), dtype), oracle.samples((2500,), dtype, 1)
    x *= np.logspace(0, -30, x.size).astype(dtype)
    x[4000], x[4400] = 1e30, -1e15
    got = fc.correlate(x, w, mode="valid", algorithm="fft", backend=backend)
    largest = np.lib.stride_tricks.sliding_window_view(np.abs(x), w.size).max(axis=1)
    bound = largest.astype(float) * np.abs(w).sum() * (1 if dtype == "float32" else 4096)
    assert_same(got, direct(x, w, mode="valid"), bound, np.finfo(dtype).eps)


@pytest.mark.parametrize(
    ("boundary", "activation"), [("constant", "relu"), ("mirror", "relu6"), ("wrap", "relu")]
)
def test_borders_channels_bias_and_activations(boundary, activation, backend):
    x, w = oracle.samples((2, 2, 900), "f4"), oracle.samples((3, 2, 2100), "f4", 1)
    x[0, 1, 500] = np.nan
    bias = oracle.samples((3,), "f4", 2)
    how = {"boundary": boundary, "padding": 1100, "activation": activation}
    got = fc.conv1d(x, w, bias, algorithm="fft", backend=backend, **how)
    wide = (a.astype("f8") for a in (x, w, bias))
    wanted = fc.conv1d(*wide, algorithm="direct", backend="numpy", **how)
    assert np.isnan(wanted[0]).any()
    assert (np.nanmax(wanted) == 6) == (activation == "relu6")
    largest = np.nanmax(np.abs(x)) * np.abs(w).sum()
    assert_same(got, wanted, np.full(wanted.shape, largest), np.finfo("f4").eps)


def test_results_of_other_dtypes_and_constants(backend):
    x, w = oracle.samples((3000,), "f4"), oracle.samples((2500,), "f4", 1)
    how = {"algorithm": "fft", "backend": backend}
    beyond = fc.correlate(x, w, cval=np.inf, mode="same", **how)
    np.testing.assert_array_equal(np.isfinite(beyond), np.isfinite(direct(x, w, cval=np.inf)))
    x[100] = np.nan
    got = fc.correlate(x, w, dtype="int16", mode="valid", **how)
    wanted = np.rint(np.nan_to_num(direct(x, w, mode="valid")))
    assert np.abs(got - np.clip(wanted, -(2**15), 2**15 - 1)).max() <= 1


def test_transposed_convolutions(backend):
    x, w = oracle.samples((1, 1, 400), "f4"), oracle.samples((1, 1, 5000), "f4", 1)
    x[0, 0, 200] = np.inf
    got = fc.conv_transpose1d(x, w, stride=2, algorithm="fft", backend=backend)
    wide = x.astype("f8"), w.astype("f8")
    wanted = fc.conv_transpose1d(*wide, stride=2, algorithm="direct", backend="numpy")
    largest = np.abs(x[np.isfinite(x)]).max() * np.abs(w).sum()
    assert_same(got, wanted, np.full(wanted.shape, largest), np.finfo("f4").eps)


def test_calls_take_turns_with_spoiled_ones(backend):
    x, w = oracle.samples((6000,), "f4"), oracle.samples((2500,), "f4", 1)
    plan = fc.plan_correlate(x.shape, "f4", w, mode="valid", algorithm="fft", backend=backend)
    clean, spoiled = plan(x), x.copy()
    spoiled[0] = np.nan
    for threads in (1, 2):
        options = {"algorithm": "fft", "backend": backend, "threads": threads}
        got = fc.correlate(spoiled, w, mode="valid", **options)
        assert np.isnan(got[0])
        assert np.abs(got - clean)[1:].max() < 1e-5 * np.abs(w).sum()
        np.testing.assert_array_equal(plan(spoiled), got)
        np.testing.assert_array_equal(plan(x), clean)


def test_a_run_says_whether_its_results_count(backend):
    single = np.dtype("f4")
    for redo, wanted in ((False, False), (True, True)):
        program = backends.load(backend).program(0)
        program.begin_tiles(())
        x, out = operand(X, (1, 16), single), operand(OUT, (1, 16), single)
        program.store(out, x)
        program.in_range(x, 4096.0)
        if redo:
            with program.redo():
                program.store(out, x)
        values, result = np.ones((1, 16), "f4"), np.empty((1, 16), "f4")
        assert program.run((result, values, None), 1, 1.0) is True
        values[0, 3] = np.nan
        assert program.run((result, values, None), 1, 1.0) is wanted
        np.testing.assert_array_equal(result, values)
        program.begin_tiles(())
        program.in_range(operand(X, (1, 2), single), 4096.0)
        assert program.run((result, values, None), 2, 1.0) is wanted
