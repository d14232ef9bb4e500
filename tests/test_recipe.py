"""Recipes: calls with new weights share all but these, and have the bits of a first call."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import oracle
import pytest
from conftest import forget, require
from hypothesis import given
from hypothesis import strategies as st

import fastconv as fc
from fastconv.plan.recipe import Recipe

pytestmark = pytest.mark.compiled

conv, turned = fc.conv2d, fc.conv_transpose2d


def input_gradient(gy, w, bias, **how):
    sizes = {"NCHW": (2, 16, 9, 11), "NHWC": (2, 9, 11, 16)}
    return fc.nn.grad.conv2d_input(sizes[how.get("layout", "NCHW")], w, gy, **how)


CALLS = {
    "gemm": (conv, (2, 16, 9, 11), (24, 16, 3, 3), {"padding": 1, "algorithm": "gemm"}),
    "direct": (conv, (2, 16, 9, 11), (24, 16, 3, 3), {"stride": 2, "algorithm": "direct"}),
    "winograd": (conv, (2, 16, 9, 11), (40, 16, 3, 3), {"padding": 1, "algorithm": "winograd"}),
    "pointwise": (conv, (2, 16, 9, 11), (24, 16, 1, 1), {"algorithm": "pointwise"}),
    "groups": (conv, (2, 16, 9, 11), (24, 4, 3, 3), {"groups": 4, "boundary": "wrap"}),
    "depthwise": (conv, (2, 16, 9, 11), (16, 1, 3, 3), {"groups": 16, "algorithm": "depthwise"}),
    "depthwise, direct": (conv, (2, 16, 9, 11), (16, 1, 3, 3), {"groups": 16, "padding": 1}),
    "depthwise, large": (conv, (2, 16, 9, 11), (16, 1, 5, 5), {"groups": 16, "padding": 2}),
    "fft": (conv, (2, 1, 40, 41), (3, 1, 9, 9), {"padding": 4, "algorithm": "fft"}),
    "last": (conv, (2, 9, 11, 16), (24, 16, 3, 3), {"layout": "NHWC", "activation": "relu"}),
    "transposed": (turned, (2, 16, 9, 11), (16, 24, 3, 3), {"stride": 2, "padding": 1}),
    "transposed, gaps": (turned, (2, 16, 5, 6), (16, 8, 1, 1), {"stride": 2}),
    "gradient": (input_gradient, (2, 24, 9, 11), (24, 16, 3, 3), {"padding": 1}),
    "gradient, border": (
        input_gradient,
        (2, 24, 9, 11),
        (24, 16, 3, 3),
        {"padding": 1, "boundary": "mirror"},
    ),
    "gradient, strides": (
        input_gradient,
        (2, 5, 6, 24),
        (24, 16, 3, 3),
        {"padding": 1, "stride": 2, "layout": "NHWC"},
    ),
    "gradient, depthwise": (
        input_gradient,
        (2, 16, 5, 6),
        (16, 1, 3, 3),
        {"padding": 1, "stride": 2, "groups": 16},
    ),
}


@pytest.fixture(autouse=True, params=["cython", "numba", "numpy"])
def backend(request):
    """Every backend."""
    with fc.use_backend(require(request.param)):
        forget()
        yield request.param


def never(name):
    """A function of that name that must not be called."""

    def asked(*arguments, **how):
        raise AssertionError(f"{name} was asked")

    asked.__name__ = name
    return asked


def weights(name, seed, dtype=np.float32):
    function, _, shape, _ = CALLS[name]
    filters = shape[1] if function is turned else shape[0]
    return oracle.samples(shape, dtype, seed), oracle.samples((filters,), dtype, seed + 100)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_new_weights_have_the_bits_of_a_first_call(name, dtype):
    function, shape, _, how = CALLS[name]
    if (name, dtype) == ("winograd", "float64"):
        how = {**how, "algorithm": "gemm"}
    x = oracle.samples(shape, dtype)
    several = [weights(name, seed, dtype) for seed in range(4)]
    got = [function(x, w, bias, **how) for w, bias in several]
    for (w, bias), result in zip(several, got, strict=True):
        forget()
        np.testing.assert_array_equal(result, function(x, w, bias, **how))


@pytest.mark.parametrize("name", CALLS)
def test_new_weights_build_no_program(name, backend, monkeypatch):
    function, shape, _, how = CALLS[name]
    x = oracle.samples(shape, np.float32)
    first, second, third = (weights(name, seed) for seed in range(3))
    expected = function(x, *third, **how)
    forget()
    function(x, *first, **how), function(x, *second, **how)

    monkeypatch.setattr(Recipe, "_build", never("_build"))
    np.testing.assert_array_equal(function(x, *third, **how), expected)


FOR_ALL_SHAPES = ["gemm", "direct", "winograd", "pointwise", "groups", "depthwise", "last"]


@pytest.mark.parametrize("name", FOR_ALL_SHAPES)
def test_weights_are_packed_once_for_all_shapes(name, monkeypatch):
    function, shape, _, how = CALLS[name]
    how = {"algorithm": "direct", **how}
    longer = tuple(n + 5 if n in (9, 11) else n for n in shape)
    x, other = (oracle.samples(lengths, np.float32) for lengths in (shape, longer))
    w, bias = weights(name, 1)
    expected = function(other, w, bias, **how)
    forget()
    for _ in range(2):  # packed weights are kept when they come again
        function(x, w, bias, **how)
    monkeypatch.setattr(Recipe, "pack", never("pack"))
    np.testing.assert_array_equal(function(other, w, bias, **how), expected)
    with pytest.raises(AssertionError, match="pack was asked"):
        function(other, w + 1, bias, **how)


def test_what_was_asked_does_not_change_with_the_lists_of_a_caller():
    w, dtype = oracle.samples((3, 3), np.float32), np.float32
    layer = oracle.samples((4, 2, 3, 3), dtype)
    one, two = [2, 1], ["wrap", "mirror"]
    said = {"stride": one, "dilation": [1, 2], "origin": [0, 1], "boundary": two, "axes": [0, 1]}
    asked = {"padding": [2, 0], "stride": one, "boundary": two}
    fc.correlate(oracle.samples((9, 9), dtype), w, **said)
    fc.conv2d(oracle.samples((1, 2, 9, 9), dtype), layer, **asked)
    again, more = ({k: list(v) for k, v in how.items()} for how in (said, asked))
    for values in (*said.values(), *asked.values()):
        values[:] = [values[1], values[1]]
    got = fc.correlate(oracle.samples((8, 7), dtype), w, **again)
    layered = fc.conv2d(oracle.samples((1, 2, 8, 7), dtype), layer, **more)
    forget()
    np.testing.assert_array_equal(got, fc.correlate(oracle.samples((8, 7), dtype), w, **again))
    x = oracle.samples((1, 2, 8, 7), dtype)
    np.testing.assert_array_equal(layered, fc.conv2d(x, layer, **more))


def test_a_known_kernel_refuses_what_a_new_one_does():
    w, layer = np.ones((3, 3), "f4"), np.ones((4, 2, 3, 3), "f4")
    fc.correlate(np.ones((5, 5), "f4"), w, mode="valid")
    fc.conv2d(np.ones((1, 2, 5, 5), "f4"), layer)
    with pytest.raises(ValueError, match="correlate: x has 2 samples along axis 1"):
        fc.correlate(np.ones((5, 2), "f4"), w, mode="valid")
    with pytest.raises(ValueError, match="conv2d: w has 2 input channels per group, but x has 3"):
        fc.conv2d(np.ones((1, 3, 5, 5), "f4"), layer)
    with pytest.raises(ValueError, match="conv2d: x has 2 samples along axis 2"):
        fc.conv2d(np.ones((1, 2, 2, 5), "f4"), layer)


@pytest.mark.parametrize("call", [conv])
def test_weights_that_come_once_are_read_as_they_lie(call, backend, ran):
    x = oracle.samples((1, 160, 7, 7), np.float32)
    shape = (960, 160, 1, 1) if call is conv else (160, 960, 1, 1)
    first, second = (oracle.samples(shape, np.float32, seed) for seed in range(2))
    results = []
    for w, algorithm in ((first, "pointwise"), (second, "pointwise"), (second, "gemm")):
        results.append(call(x, w))
        if backend == "cython":
            ran.only(backend, algorithm)
    np.testing.assert_array_equal(results[1], results[2])


@pytest.mark.parametrize("seen", [1, 2])
@pytest.mark.parametrize("shape", [(16, 16, 1, 1), (160, 160, 1, 1), (48, 64, 3, 3), (16, 1, 3, 3)])
def test_plans_own_their_weights(shape, seen):
    channels = shape[0] if shape[1] == 1 else shape[1]
    x, how = oracle.samples((1, channels, 6, 5), np.float32), {"groups": channels // shape[1]}
    fc.conv2d(x, oracle.samples(shape, np.float32), **how)
    w = oracle.samples(shape, np.float32, 1)
    plans = [fc.plan_conv2d(x.shape, x.dtype, w, **how) for _ in range(seen)]
    expected = plans[0](x)
    assert all((plan(x) == expected).all() for plan in plans)
    w *= 2
    assert all((plan(x) == expected).all() for plan in plans)
    np.testing.assert_array_equal(fc.conv2d(x, w, **how), 2 * expected)


@pytest.mark.parametrize("kernel", ["zeros", "equal", "product", "some zeros"])
def test_weights_of_another_form_are_asked_for(kernel):
    x, how = oracle.samples((1, 16, 40, 30), np.float32), {"groups": 16, "algorithm": "auto"}
    w = oracle.samples((16, 1, 5, 5), np.float32)
    other = {
        "zeros": np.zeros_like(w),
        "equal": np.ones_like(w),
        "product": w[..., :1] * w[..., :1, :],
        "some zeros": w * np.eye(5, dtype=np.float32),
    }[kernel]
    for _ in range(2):
        fc.conv2d(x, w, **how)
    got = fc.conv2d(x, other, **how)
    plan = fc.plan_conv2d(x.shape, x.dtype, other, **how)
    forget()
    fresh = fc.plan_conv2d(x.shape, x.dtype, other, **how)
    assert plan._recipe.problem == fresh._recipe.problem
    assert plan.algorithm == fresh.algorithm
    np.testing.assert_array_equal(got, fresh(x))


@given(st.data())
def test_weights_of_any_kind_have_the_bits_of_a_first_call(data):
    forget()
    groups = data.draw(st.sampled_from([1, 3]))
    per_group = data.draw(st.integers(1, 3))
    shape = (groups * data.draw(st.integers(1, 3)), per_group, *data.draw(st.sampled_from(TAPS)))
    x = oracle.samples((1, groups * per_group, 8, 9), np.float32)
    drawn = st.lists(st.sampled_from([0.0, 1.0, -2.5, np.nan]), min_size=1, max_size=7)
    how = {"groups": groups, "dtype": data.draw(st.sampled_from(["f4", "i2", "c8"]))}
    dtype = how.pop("dtype")
    several = []
    for _ in range(3):
        values = np.resize(np.array(data.draw(drawn)), shape)
        several.append(
            np.nan_to_num(values).astype(dtype) if dtype == "i2" else values.astype(dtype)
        )
    got = [fc.conv2d(x, w, **how) for w in several]
    for w, result in zip(several, got, strict=True):
        forget()
        np.testing.assert_array_equal(result, fc.conv2d(x, w, **how))


TAPS = [(1, 1), (3, 3), (1, 4), (4, 5)]


def test_nothing_of_the_caller_is_kept():
    x, (w, bias) = oracle.samples((1, 16, 9, 11), np.float32), weights("gemm", 1)
    large = np.resize(w, (200, *w.shape[1:])), np.resize(bias, 200)
    kept = [weakref.ref(array) for array in large]
    for _ in range(2):
        fc.conv2d(x, *large)
    del large
    gc.collect()
    assert [ref() for ref in kept] == [None, None]


def test_weights_in_another_order_are_laid_out_right():
    x = oracle.samples((1, 16, 9, 11), np.float32)
    w, _ = weights("gemm", 1)
    for order in ("C", "F", "C"):
        other = np.array(w + (order == "F"), order=order)
        result = fc.conv2d(x, other)
        forget()
        np.testing.assert_array_equal(result, fc.conv2d(x, np.ascontiguousarray(other)))


def test_options_tell_calls_apart():
    x, (w, bias) = oracle.samples((1, 16, 9, 11), np.float32), weights("gemm", 1)
    for how in ({}, {"activation": "relu"}, {"padding": 1}, {"stride": 2}):
        result = fc.conv2d(x, w + np.float32(len(how)), bias, **how)
        forget()
        np.testing.assert_array_equal(result, fc.conv2d(x, w + np.float32(len(how)), bias, **how))
        fc.conv2d(x, w, bias)


def test_threads_share_what_calls_have_in_common(backend):
    from concurrent.futures import ThreadPoolExecutor

    x = oracle.samples((1, 16, 9, 11), np.float32)
    several = [weights("gemm", seed) for seed in range(20)]
    with ThreadPoolExecutor(4) as pool:
        got = list(pool.map(lambda pair: fc.conv2d(x, *pair, backend=backend), several))
    for pair, result in zip(several, got, strict=True):
        forget()
        np.testing.assert_array_equal(result, fc.conv2d(x, *pair))
