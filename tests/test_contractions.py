"""The algorithms `gemm`, `pointwise` and `depthwise`: layers as products of matrices or vectors."""

from __future__ import annotations

from functools import partial

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from fastconv.algorithms import depthwise, gemm, pointwise, winograd
from fastconv.backends.cython_backend import GENERIC, instruction_set
from fastconv.plan.job import Job, thread_count

pytestmark = pytest.mark.compiled

CALLS = {1: fc.conv1d, 2: fc.conv2d, 3: fc.conv3d}
PLANS = {1: fc.plan_conv1d, 2: fc.plan_conv2d, 3: fc.plan_conv3d}
SIZES = {1: (9,), 2: (6, 7), 3: (3, 5, 4)}
TAPS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}
LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}
FLOATS = ["float16", "float32", "float64", "complex64", "complex128"]


def layer(rank, channels, filters, groups=1, dtype="float32", images=2, taps=None):
    taps = TAPS[rank] if taps is None else (taps,) * rank
    x = oracle.samples((images, channels, *SIZES[rank]), dtype)
    w = oracle.small((filters, channels // groups, *taps), dtype)
    return x, w, oracle.small((filters,), dtype, 7)


def run(x, w, bias, algorithm, backend, last=False, **how):
    """The result with channels after the batch, wherever the call had them."""
    call = CALLS[x.ndim - 2]
    if not last:
        return call(x, w, bias, algorithm=algorithm, backend=backend, **how)
    layout = LAST[x.ndim - 2]
    x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    got = call(x, w, bias, algorithm=algorithm, backend=backend, layout=layout, **how)
    return np.moveaxis(got, -1, 1)


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rank", CALLS)
def test_gemm_matrix(rank, dtype, boundary, last, backend, ran):
    x, w, bias = layer(rank, 4, 10, groups=2, dtype=dtype)
    how = {"padding": 1, "groups": 2, "boundary": boundary}
    got = run(x, w, bias, "gemm", backend, last, **how)
    assert got.dtype == dtype
    assert_close(got, oracle.conv(x, w, bias, **how).everywhere())
    ran.only(backend, "gemm")


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("rank", CALLS)
def test_depthwise_matrix(rank, dtype, boundary, last, backend, ran):
    x, w, bias = layer(rank, 11, 11, groups=11, dtype=dtype)
    how = {"padding": 1, "groups": 11, "boundary": boundary}
    got = run(x, w, bias, "depthwise", backend, last, **how)
    assert got.dtype == dtype
    assert_close(got, oracle.conv(x, w, bias, **how).everywhere())
    ran.only(backend, "depthwise")


@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("rank", CALLS)
def test_pointwise_matrix(rank, dtype, groups, backend, ran):
    x, w, bias = layer(rank, 6, 9, groups, dtype, taps=1)
    got = run(x, w, bias, "pointwise", backend, groups=groups)
    assert got.dtype == dtype
    assert_close(got, oracle.conv(x, w, bias, groups=groups).everywhere())
    ran.only(backend, "pointwise")


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("algorithm", ["gemm", "depthwise"])
@pytest.mark.parametrize("rank", CALLS)
def test_stride_and_dilation(rank, algorithm, stride, dilation, backend):
    groups = 9 if algorithm == "depthwise" else 1
    x, w, bias = layer(rank, 9, 9, groups)
    how = {"stride": stride, "dilation": dilation, "padding": 2, "groups": groups}
    for last in (False, True):
        got = run(x, w, bias, algorithm, backend, last, **how)
        assert_close(got, oracle.conv(x, w, bias, **how).everywhere())


@pytest.mark.parametrize(("activation", "most"), [("relu", None), ("relu6", 6)])
@pytest.mark.parametrize("algorithm", ["gemm", "depthwise", "pointwise"])
def test_rectifiers_are_fused(algorithm, activation, most, backend):
    groups = 9 if algorithm == "depthwise" else 1
    x, w, bias = layer(2, 9, 9, groups, taps=1 if algorithm == "pointwise" else None)
    w = 8 * w
    got = run(x, w, bias, algorithm, backend, groups=groups, activation=activation)
    plain = run(x, w, bias, algorithm, backend, groups=groups)
    assert plain.min() < 0
    assert plain.max() > 6
    np.testing.assert_array_equal(got, np.clip(plain, 0, most))


@pytest.mark.parametrize("algorithm", ["gemm", "depthwise", "direct"])
def test_compiled_products_limit_their_results(algorithm):
    pytest.importorskip("fastconv.backends.cython_backend._kernels_generic")
    groups = 1 if algorithm == "gemm" else 16
    x, w, bias = layer(2, 16, 16, groups)
    x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    how = {"layout": "NHWC", "groups": groups, "algorithm": algorithm, "backend": "cython"}
    plan = fc.plan_conv2d(x.shape, x.dtype, w, bias, activation="relu6", **how)
    steps = plan._recipe.usual_job.program.steps
    assert ("at_most" in steps) == (algorithm == "direct" or instruction_set() == GENERIC)


@pytest.mark.parametrize(
    ("algorithm", "channels", "filters", "groups", "taps"),
    [
        ("gemm", 3, 40, 1, 7),
        ("gemm", 130, 70, 1, 3),
        ("gemm", 5, 1, 1, 5),
        ("gemm", 1, 5, 1, 5),
        ("gemm", 24, 56, 8, 3),
        ("depthwise", 37, 37, 37, 5),
        ("pointwise", 600, 35, 1, 1),
        ("pointwise", 10, 1, 1, 1),
        ("pointwise", 1, 20, 1, 1),
    ],
)
def test_large_layers_are_float64_rounded(algorithm, channels, filters, groups, taps, backend):
    """Blocks of terms, panels of channels and pieces of outputs, against the plain sum."""
    x = oracle.samples((3, channels, 33, 29), np.float32)
    w = oracle.samples((filters, channels // groups, taps, taps), np.float32)
    how = {"padding": taps // 2, "groups": groups}
    wide = {"algorithm": "direct", "backend": "numpy", **how}
    wanted = fc.conv2d(x.astype(float), w.astype(float), **wide)
    reach = fc.conv2d(abs(x).astype(float), abs(w).astype(float), **wide)
    terms = channels // groups * taps * taps
    for last in (False, True):
        if last and algorithm == "pointwise":
            continue
        got = run(x, w, None, algorithm, backend, last, **how)
        bound = np.finfo(np.float32).eps * (terms + 4) * reach
        assert (np.abs(got - wanted) <= bound).all()


@pytest.mark.parametrize("algorithm", ["gemm", "depthwise", "pointwise"])
def test_arrays_that_lie_in_any_way(algorithm, backend):
    groups, taps = (9, 3) if algorithm == "depthwise" else (1, 1 if algorithm == "pointwise" else 3)
    x, w, bias = layer(2, 9, 9, groups, taps=taps)
    how = {"groups": groups, "algorithm": algorithm, "backend": backend}
    wanted = fc.conv2d(x, w, bias, **how)
    wide = np.zeros((2, 18, 12, 7), np.float32)
    wide[:, ::2, ::2] = x
    backwards = np.ascontiguousarray(x[:, :, ::-1, ::-1])[:, :, ::-1, ::-1]
    fortran = np.asfortranarray(x)
    same = np.testing.assert_array_equal
    if backend == "numpy":  # which leaves the order of a sum to BLAS
        same = partial(np.testing.assert_allclose, rtol=1e-4, atol=1e-5)
    for view in (wide[:, ::2, ::2], backwards, fortran, np.ascontiguousarray(x.T).T):
        same(fc.conv2d(view, w, bias, **how), wanted)
        out = np.full((2, 9, *(2 * n for n in wanted.shape[2:])), np.nan, np.float32)
        fc.conv2d(view, w, bias, out=out[:, :, ::2, ::2], **how)
        same(out[:, :, ::2, ::2], wanted)
        assert np.isnan(out[:, :, 1::2]).all()
        assert np.isnan(out[:, :, :, 1::2]).all()


@pytest.mark.parametrize("algorithm", ["gemm", "depthwise", "pointwise"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_footprint(algorithm, value, backend):
    groups, taps = (9, 3) if algorithm == "depthwise" else (1, 1 if algorithm == "pointwise" else 3)
    x = oracle.samples((1, 9, 12, 13), np.float32)
    w = np.ones((9, 9 // groups, taps, taps), np.float32)
    x[0, 4, 6, 7] = value
    got = fc.conv2d(x, w, padding=taps // 2, groups=groups, algorithm=algorithm, backend=backend)
    reached = np.zeros(got.shape, bool)
    near = taps // 2
    channels = slice(4, 5) if groups > 1 else slice(None)
    reached[0, channels, 6 - near : 7 + near, 7 - near : 8 + near] = True
    np.testing.assert_array_equal(~np.isfinite(got), reached)


def refusal(module, *shape_of_w, dtype="f4", **how):
    plan = fc.plan_conv2d((1, 8, 9, 9), dtype, np.ones(shape_of_w, dtype), **how)
    return module.algorithm.refuses(plan._recipe.problem)


def test_they_say_why_they_refuse():
    integers = "integers are summed in 64 bits, which few processors multiply in vectors"
    assert refusal(gemm, 4, 8, 3, 3) is None
    assert refusal(gemm, 4, 8, 3, 3, dtype="i8") == integers
    alone = "each channel of the result is made of one channel"
    assert refusal(gemm, 8, 1, 3, 3, groups=8) == alone
    assert refusal(pointwise, 4, 8, 1, 1) is None
    assert refusal(pointwise, 4, 8, 1, 1, dtype="i8") == integers
    assert refusal(pointwise, 4, 8, 1, 3) == "the kernel has more than one tap"
    assert refusal(pointwise, 8, 1, 1, 1, groups=8) == alone
    spread = "it takes no stride and no padding"
    assert refusal(pointwise, 4, 8, 1, 1, stride=2) == spread
    assert refusal(pointwise, 4, 8, 1, 1, padding=1) == spread
    last = fc.plan_conv2d((9, 9, 8), "f4", np.ones((4, 8, 1, 1), "f4"), layout="NHWC")
    assert pointwise.algorithm.refuses(last._recipe.problem) == (
        "channels are contiguous, not samples"
    )
    assert refusal(depthwise, 8, 1, 3, 3, groups=8) is None
    assert refusal(depthwise, 8, 1, 3, 3, groups=8, dtype="c8") == (
        "it sums real floating-point numbers"
    )
    many = "it takes 8 groups or more of one channel in and one out"
    assert refusal(depthwise, 8, 2, 3, 3, groups=4) == many
    assert refusal(depthwise, 16, 1, 3, 3, groups=8) == many
    with pytest.raises(ValueError, match="more than one tap"):
        fc.conv2d(np.ones((1, 8, 9, 9)), np.ones((4, 8, 3, 3)), algorithm="pointwise")


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize(
    ("algorithm", "taps", "groups"), [("gemm", 3, 1), ("pointwise", 1, 1), ("depthwise", 3, 64)]
)
def test_the_same_bits_for_any_number_of_threads(algorithm, taps, groups, threads, backend):
    x = oracle.samples((2, 64, 40, 33), np.float32)
    w = oracle.samples((64, 64 // groups, taps, taps), np.float32)
    how = {"groups": groups, "padding": taps // 2, "algorithm": algorithm, "backend": backend}
    plan = fc.plan_conv2d(x.shape, x.dtype, w, threads=threads, **how)
    wanted = fc.conv2d(x, w, threads=1, **how)
    np.testing.assert_array_equal(plan(x), wanted)


@pytest.mark.parametrize("algorithm", ["gemm", "winograd"])
@pytest.mark.parametrize("groups", [1, 2])
def test_weights_are_laid_out_on_threads(algorithm, groups, backend, monkeypatch):
    rng = np.random.default_rng(0)
    w = rng.standard_normal((groups * 330, 128, 3, 3)).astype(np.float32)
    shape, shares, run = (1, groups * 128, 8, 8), [], Job.run

    def counted(job, arrays, threads):
        shares.append((job.tiles, thread_count(job.tiles, job.worth, threads)))
        return run(job, arrays, threads)

    monkeypatch.setattr(Job, "run", counted)
    how = {"padding": 1, "groups": groups, "algorithm": algorithm, "backend": backend}
    for kernel in w, w[..., ::-1, ::-1]:
        shares.clear()
        one = fc.plan_conv2d(shape, "float32", kernel, threads=1, **how)
        assert {threads for _, threads in shares} == {1}
        several = fc.plan_conv2d(shape, "float32", kernel, threads=3, **how)
        assert max(shares) >= (2, 3)
        for mine, theirs in zip(one._packed.arrays, several._packed.arrays, strict=True):
            if algorithm == "winograd" and mine.ndim == 4:  # behind each row nothing is filled
                mine, theirs = (packed[..., : -winograd.PAD] for packed in (mine, theirs))
            np.testing.assert_array_equal(mine, theirs)
        x = rng.standard_normal(shape).astype(np.float32)
        np.testing.assert_array_equal(one(x), several(x))
