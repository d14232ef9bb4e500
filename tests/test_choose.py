"""Plans are remembered: for calls that say the same, to the last bit, and for no others."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import forget, remembered

import fastconv as fc
from fastconv.plan import choose
from fastconv.plan.memo import Memo

X = np.arange(30.0).reshape(5, 6)
W = np.array([[1.0, 2.0], [3.0, 5.0]])


@pytest.fixture(autouse=True)
def empty():
    forget()


def test_the_same_call_gets_the_same_plan():
    first = fc.plan_correlate(X.shape, X.dtype, W)
    assert fc.plan_correlate(X.shape, X.dtype, W.copy()) is first
    fc.correlate(X, W)
    assert remembered() == [first]


@pytest.mark.parametrize(
    "other",
    [
        {"mode": "full"},
        {"boundary": "wrap"},
        {"boundary": ("wrap", "mirror")},
        {"cval": 1.0},
        {"cval": -0.0},
        {"origin": (0, -1)},
        {"stride": 2},
        {"dilation": (1, 2)},
        {"dtype": "f4"},
        {"axes": (1, 0)},
        {"algorithm": "direct"},
        {"threads": 1},
        {"w": np.nextafter(W, 9)},
        {"w": W.astype("f4")},
        {"w": W.T},
        {"w": (W[0], W[1])},
        {"x_shape": (5, 7)},
        {"x_dtype": np.float32},
    ],
    ids=str,
)
def test_another_call_gets_another_plan(other):
    usual = {"x_shape": X.shape, "x_dtype": X.dtype, "w": W, "cval": 0.0, "threads": 2}
    first = fc.plan_correlate(**usual)
    assert fc.plan_correlate(**usual) is first
    assert fc.plan_correlate(**usual | other) is not first


def test_convolution_is_not_correlation():
    np.testing.assert_array_equal(fc.correlate([1.0, 0, 0], [1.0, 2, 3]), [2, 1, 0])
    np.testing.assert_array_equal(fc.convolve([1.0, 0, 0], [1.0, 2, 3]), [2, 3, 0])


@pytest.mark.parametrize("wrong", [{"stride": 1.0}, {"cval": "0"}], ids=str)
def test_what_equals_a_right_argument_is_still_wrong(wrong):
    fc.correlate(X, W, stride=1)
    with pytest.raises(TypeError, match=next(iter(wrong))):
        fc.correlate(X, W, **wrong)


def test_masked_weights_are_still_refused():
    fc.correlate(X, W)
    with pytest.raises(TypeError, match="masked"):
        fc.correlate(X, np.ma.array(W))


def test_changed_weights_are_new_weights():
    w = W.copy()
    before = fc.correlate(X, w)
    w *= 2
    np.testing.assert_array_equal(fc.correlate(X, w), 2 * before)


def test_large_kernels_are_not_kept():
    w = np.ones(choose.MAX_KERNEL_BYTES // 8 + 1)
    fc.convolve(w, w, mode="valid")
    fc.convolve(w, w, mode="valid")
    assert not remembered()


def test_large_weights_are_remembered_when_they_come_again():
    w = np.arange(choose.LARGE_BYTES // 8 + 1.0)
    plans = [fc.plan_correlate(X.shape, X.dtype, w[None]) for _ in range(4)]
    assert plans[0] is not plans[1]
    assert plans[1] is plans[2] is plans[3]


def test_large_weights_that_change_are_not_copied():
    w = np.arange(choose.LARGE_BYTES // 8 + 1.0)
    for _ in range(3):
        w += 1
        fc.plan_correlate(X.shape, X.dtype, w[None])
    assert not remembered()


def test_numbers_of_numpy_are_not_taken_for_each_other():
    x = np.ones(3)
    one = fc.correlate(x, [1.0, 1.0, 1.0], cval=np.float64(1.0))
    np.testing.assert_array_equal(one, 3)
    same_bytes = np.float64(1.0).view(np.int64)
    many = fc.correlate(x, [1.0, 1.0, 1.0], cval=same_bytes)
    assert many[0] == float(same_bytes)


def test_no_array_of_the_caller_is_kept():
    x, w, out = X.copy(), W.copy(), np.empty_like(X)
    fc.correlate(x, w, out=out)
    references = [weakref.ref(array) for array in (x, w, out)]
    del x, w, out
    gc.collect()
    assert all(reference() is None for reference in references)


def test_layers_are_remembered_with_their_bias():
    x, w = np.ones((1, 2, 4, 4)), np.ones((3, 2, 3, 3))
    zero, one = (fc.conv2d(x, w, np.full(3, b)) for b in (0.0, 1.0))
    np.testing.assert_array_equal(one, zero + 1)
    for b in (0.0, 1.0):
        fc.conv2d(x, w, np.full(3, b))
    assert len(remembered()) == 2


def test_the_choice_of_the_backend_is_part_of_the_call():
    with fc.use_backend("numpy"):
        assert fc.plan_correlate(X.shape, X.dtype, W).backend == "numpy"
    for name in fc.available_backends():
        with fc.use_backend(name):
            assert fc.plan_correlate(X.shape, X.dtype, W).backend == name


def test_many_threads_at_once():
    kernels = [W * n for n in range(7)]
    wanted = [fc.correlate(X, w) for w in kernels]
    forget()
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: fc.correlate(X, kernels[n % 7]), range(200)))
    for n, result in enumerate(results):
        np.testing.assert_array_equal(result, wanted[n % 7])


def test_calls_that_take_turns_are_found_again(monkeypatch):
    """More of them than there is room for still find their share."""
    monkeypatch.setattr(choose, "_plans", Memo(20))
    kernels = [W + n for n in range(30)]
    plans = [fc.plan_correlate(X.shape, X.dtype, w) for w in kernels]
    assert len(remembered()) == 20
    found = sum(fc.plan_correlate(X.shape, X.dtype, w) in plans for w in kernels)
    assert 0 < found < 30


def test_weights_of_remembered_plans_are_limited(monkeypatch):
    """A spectrum may be a thousand times as large as its kernel."""
    first = fc.plan_correlate((64, 64), "float32", np.full((9, 9), 2.0), algorithm="fft")
    limit = int(2.5 * (first._nbytes + 9 * 9 * 8))
    monkeypatch.setattr(choose, "_plans", Memo(100, limit))
    for n in range(5):
        fc.plan_correlate((64, 64), "float32", np.full((9, 9), n), algorithm="fft")
    assert len(remembered()) == 2


def test_large_weights_are_told_apart_by_every_byte():
    x, w = np.ones((1, 64, 3, 3), np.float32), np.ones((64, 64, 1, 1), np.float32)
    assert choose.HASHED_BYTES < w.nbytes < choose.MAX_KERNEL_BYTES
    first = fc.plan_conv2d(x.shape, x.dtype, w)
    assert fc.plan_conv2d(x.shape, x.dtype, w.copy()) is first
    for place in (0, 1, 2047, 4094, 4095):
        other = w.copy()
        other.ravel()[place] = np.nextafter(np.float32(1), np.float32(2))
        assert fc.plan_conv2d(x.shape, x.dtype, other) is not first


def test_large_weights_are_remembered_as_they_were():
    w = np.ones((64, 64, 1, 1), np.float32)
    factors = np.ones(1500), np.ones(3)
    assert min(w.nbytes, factors[0].nbytes) > choose.HASHED_BYTES
    asks = [
        lambda: fc.plan_conv2d((1, 64, 3, 3), w.dtype, w),
        lambda: fc.plan_correlate((2000, 8), factors[0].dtype, factors),
    ]
    for ask, changed in zip(asks, (w, factors[0]), strict=True):
        first = ask()
        changed.ravel()[1] = 2
        second = ask()
        assert second is not first
        assert ask() is second
        changed.ravel()[1] = 1
        assert ask() is first


def test_equal_choices_of_other_types_are_not_taken_for_each_other():
    first = fc.plan_correlate(X.shape, X.dtype, W, cval=1, stride=1)
    assert fc.plan_correlate(X.shape, X.dtype, W, cval=1, stride=1) is first
    for cval in (1.0, True):
        other = fc.plan_correlate(X.shape, X.dtype, W, cval=cval, stride=1)
        assert other is not first
        assert fc.plan_correlate(X.shape, X.dtype, W, cval=cval, stride=1) is other
    assert fc.plan_correlate(X.shape, X.dtype, W, cval=1, stride=1) is first
    steps = [1, 2]
    second = fc.plan_correlate(X.shape, X.dtype, W, stride=steps)
    steps[0] = 2
    assert fc.plan_correlate(X.shape, X.dtype, W, stride=steps) is not second


@pytest.mark.parametrize("rows", [list, tuple])
def test_rows_that_change_in_place_are_another_kernel(rows):
    x, row = np.arange(1400.0).reshape(2, 700), np.ones(700)
    assert row.nbytes > choose.HASHED_BYTES
    for i in range(5):
        row[i] = i + 2.0  # the bytes that are hashed stay the same
        wanted = fc.correlate(x, np.array([row, row]), axes=(0, 1))
        for _ in range(3):
            kernel = rows([row, row]) if rows is list else (np.ones(2), row)
            np.testing.assert_allclose(fc.correlate(x, kernel, axes=(0, 1)), wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("call", "stride", "shapes"),
    [
        (fc.conv2d, (2, 2), [(3, 20), (20, 3)]),
        (fc.conv3d, (2, 1, 2), [(3, 9, 20), (20, 9, 3)]),
    ],
)
def test_shapes_that_lose_a_stride_share_no_packed_weights(call, stride, shapes):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(16, 16, *[3] * len(stride))).astype(np.float32)
    for shape in shapes:
        x = rng.normal(size=(1, 16, *shape)).astype(np.float32)
        wanted = call(x, w, stride=stride, algorithm="direct")
        got = call(x, w, stride=stride, algorithm="winograd")
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-3)


def test_forget_clears_the_calls_of_the_drop_ins():
    from fastconv import ndimage, signal
    from fastconv.ndimage.calls import _filters
    from fastconv.signal.calls import _runs

    x, w = np.ones((5, 5)), np.ones((3, 3))
    ndimage.correlate(x, w)
    signal.convolve2d(x, w)
    assert [len(memo) > 0 for memo in (_filters, _runs)] == [True, True]
    forget()
    assert [len(memo) for memo in (_filters, _runs)] == [0, 0]
