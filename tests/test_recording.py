"""Recordings: plans called again run the same kernels with the same bits, or none of them."""

from __future__ import annotations

import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import oracle
import pytest
from conftest import forget, require
from hypothesis import given
from hypothesis import strategies as st

import fastconv as fc
from fastconv.run import workspace
from fastconv.plan.work import Work


@pytest.fixture(autouse=True, scope="module", params=["cython", "numba"])
def backend(request):
    """The backends that have recordings."""
    with fc.use_backend(require(request.param)):
        yield


def planned(plan, *arguments, **how):
    """A plan that was never called."""
    forget()
    return plan(*arguments, **how)


def again(plan, x, monkeypatch):
    """What a plan calculates from its recording, which is all that is left to it."""
    for _ in range(2):
        plan(np.zeros_like(x))
    with monkeypatch.context() as patch:
        patch.delattr(Work, "run")
        return plan(x)


def filtered(**how):
    shape, dtype = how.pop("shape", (23, 37)), how.pop("dtype", "float32")
    w = oracle.small(how.pop("taps", (3, 5)), how.pop("weights", dtype))
    return lambda: planned(fc.plan_correlate, shape, dtype, w, **how)


def factored():
    factors = oracle.samples((5,), np.float32), oracle.samples((9,), np.float32)
    how = {"algorithm": "separable", "boundary": "mirror"}
    return planned(fc.plan_correlate, (40, 500), np.float32, factors, **how)


def sparse():
    w, how = np.diag([1, 2, 0, 3, 4]), {"algorithm": "sparse", "boundary": "mirror"}
    return planned(fc.plan_correlate, (40, 300), np.uint8, w, dtype=np.int16, **how)


def windows(shape, taps, dtype="float32", **how):
    w = np.full(taps, 0.25, np.float32)
    return lambda: planned(
        fc.plan_correlate, shape, dtype, w, dtype=dtype, algorithm="box", boundary="mirror", **how
    )


def layer(channels, filters, taps, size=9, **how):
    last = how.get("layout") == "NHWC"
    shape = (2, size, size + 2, channels) if last else (2, channels, size, size + 2)
    w = oracle.samples((filters, channels // how.get("groups", 1), taps, taps), np.float32)
    bias = oracle.samples((filters,), np.float32)
    how = {"precision": "strict", **how}
    return lambda: planned(fc.plan_conv2d, shape, "float32", w, bias, **how)


def volumes():
    w = oracle.samples((24, 16, 3, 3, 3), np.float32)
    how = {"padding": 1, "algorithm": "winograd"}
    return planned(fc.plan_conv3d, (2, 16, 5, 7, 9), "float32", w, **how)


PLANS = {
    "image": filtered(algorithm="direct"),
    "double": filtered(dtype="float64", boundary="mirror", algorithm="direct"),
    "bytes": filtered(dtype="uint8", weights="float32", boundary="wrap", algorithm="direct"),
    "shorts": filtered(dtype="int16", weights="float32", boundary="nearest", algorithm="direct"),
    "integers": filtered(dtype="int32", algorithm="direct"),
    "complex": filtered(dtype="complex64", boundary="symmetric", algorithm="direct"),
    "half": filtered(dtype="float16", algorithm="direct"),
    "strides": filtered(stride=(2, 1), dilation=(1, 3), mode="full", cval=2.0, algorithm="direct"),
    "signal": filtered(shape=(1000,), taps=(7,), algorithm="direct"),
    "volume": filtered(shape=(9, 10, 11), taps=(3, 2, 3), boundary="mirror", algorithm="direct"),
    "colours": filtered(shape=(20, 30, 3), axes=(0, 1), algorithm="direct"),
    "large": filtered(shape=(700, 611), boundary="mirror", threads=2, algorithm="direct"),
    "factors": factored,
    "sparse": sparse,
    "windows": windows((200, 301), (5, 8)),
    "windows of bytes": windows((200, 301), (3, 4), "uint8"),
    "windows of volumes": windows((9, 30, 31), (3, 4, 5)),
    "nothing": filtered(shape=(0, 5), algorithm="direct"),
    "depthwise": layer(16, 16, 3, groups=16, padding=1, algorithm="depthwise"),
    "depthwise, last": layer(16, 16, 3, groups=16, layout="NHWC", algorithm="depthwise"),
    "pointwise": layer(24, 40, 1, activation="relu", algorithm="pointwise"),
    "gemm": layer(16, 40, 3, padding=1, boundary="wrap", algorithm="gemm"),
    "winograd": layer(16, 24, 3, 30, padding=1, algorithm="winograd", precision="fast"),
    "winograd, last": layer(
        16, 16, 3, 13, layout="NHWC", activation="relu", algorithm="winograd", precision="fast"
    ),
    "winograd, blocks": layer(
        16, 24, 5, 17, padding=3, dilation=2, algorithm="winograd", precision="fast"
    ),
    "winograd, volume": volumes,
    "gemm, last": layer(16, 40, 3, size=30, padding=1, layout="NHWC", stride=2, algorithm="gemm"),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_recording_has_the_bits_of_the_first_call(name, monkeypatch):
    x = oracle.samples(PLANS[name]().problem.x_shape, PLANS[name]().problem.x_dtype)
    wanted = PLANS[name]()(x)
    got = again(PLANS[name](), x, monkeypatch)
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("name", PLANS)
def test_a_recording_stays_in_its_room(name, monkeypatch):
    x = oracle.samples(PLANS[name]().problem.x_shape, PLANS[name]().problem.x_dtype)
    plan = PLANS[name]()
    plan(x), plan(x)
    rooms = []

    def fenced(shape, dtype):
        room = np.full(shape[0] + 128, 77, dtype)
        rooms.append(room)
        return room[64:-64]

    monkeypatch.setattr(scratch, "empty", fenced)
    plan(x)
    for room in rooms:
        assert (room[:64] == 77).all()
        assert (room[-64:] == 77).all()


@given(st.data())
def test_recordings_of_anything_have_the_bits_of_the_first_call(data):
    rank = data.draw(st.integers(1, 3))
    shape = tuple(data.draw(st.integers(1, 12)) for _ in range(rank))
    dtype = data.draw(st.sampled_from(["float32", "float64", "uint8", "int16", "complex64"]))
    how = {
        "boundary": data.draw(st.sampled_from(oracle.BOUNDARIES)),
        "mode": data.draw(st.sampled_from(["same", "full"])),
        "stride": data.draw(st.integers(1, 3)),
        "dilation": data.draw(st.integers(1, 3)),
        "algorithm": "direct",
    }
    w = oracle.small(tuple(data.draw(st.integers(1, 4)) for _ in range(rank)), dtype)
    x, other = (oracle.samples(shape, dtype, seed) for seed in (1, 2))
    plan = planned(fc.plan_correlate, shape, dtype, w, **how)
    wanted, _ = plan(x), plan(other)
    assert plan._repeated.recorded() is not None
    out = np.empty_like(wanted)
    assert plan(x, out) is out
    np.testing.assert_array_equal(out, wanted)
    np.testing.assert_array_equal(plan(x), wanted)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("boundary", ["constant", "mirror"])
def test_phases_of_a_transposed_convolution_are_recorded(boundary, groups, layout, monkeypatch):
    forget()
    shape = (2, 16, 9, 11) if layout == "NCHW" else (2, 9, 11, 16)
    gy, w = (
        oracle.samples((2, 16, 5, 6), np.float32),
        oracle.samples((16, 16 // groups, 3, 3), "f4"),
    )
    gy = gy if layout == "NCHW" else np.ascontiguousarray(np.moveaxis(gy, 1, -1))
    how = {"stride": 2, "padding": 1, "groups": groups, "boundary": boundary, "layout": layout}

    def gradient(gy):
        return fc.nn.grad.conv2d_input(shape, w, gy, precision="strict", **how)

    wanted, _ = gradient(gy), gradient(gy + 1)
    with monkeypatch.context() as patch:
        patch.delattr(Work, "run")
        np.testing.assert_array_equal(gradient(gy), wanted)
    np.testing.assert_array_equal(gradient(np.asfortranarray(gy)), wanted)


# -- what a recording does not fit --------------------------------------------------------------

X = oracle.samples((12, 16), np.float32)
W = oracle.samples((3, 3), np.float32)


@pytest.fixture
def recorded():
    plan = planned(fc.plan_correlate, X.shape, X.dtype, W, algorithm="direct")
    plan(X), plan(X)
    assert plan._repeated.recorded() is not None
    return plan


@pytest.fixture
def by_hand(monkeypatch):
    """Whether a piece ran without a recording."""
    seen = []
    run = Work.run

    def spy(*arguments):
        seen.append(True)
        run(*arguments)

    monkeypatch.setattr(Work, "run", spy)
    return seen


def off_by_a_byte(array):
    memory = np.empty(array.nbytes + 1, np.uint8)[1:]
    moved = memory.view(array.dtype).reshape(array.shape)
    moved[...] = array
    return moved


class Image(np.ndarray):
    """A subclass, which may mean anything."""


@pytest.mark.parametrize(
    "lay",
    [
        np.asfortranarray,
        off_by_a_byte,
        lambda x: np.repeat(x, 2, axis=1)[:, ::2],
        lambda x: x[::-1].copy()[::-1],
        lambda x: x.view(Image),
    ],
)
def test_other_arrays_are_walked_by_hand(lay, recorded, by_hand):
    wanted = recorded(X)
    assert not by_hand
    np.testing.assert_array_equal(recorded(lay(X)), wanted)
    assert len(by_hand) == 1
    out = lay(np.empty_like(X))
    assert recorded(X, out) is out
    np.testing.assert_array_equal(np.asarray(out), wanted)
    assert len(by_hand) == 2


def test_a_result_of_another_dtype_is_walked_by_hand(recorded, by_hand):
    wanted = recorded(X)
    for dtype in (np.float64, np.int16, ">f4"):
        out = np.empty(X.shape, dtype)
        recorded(X, out)
        np.testing.assert_array_equal(out, np.rint(wanted) if dtype is np.int16 else wanted)
    assert len(by_hand) == 3


def test_a_result_in_the_place_of_its_source(recorded, by_hand):
    wanted, x = recorded(X), X.copy()
    assert recorded(x, x) is x
    np.testing.assert_array_equal(x, wanted)
    assert by_hand


@pytest.mark.parametrize(
    "lies",
    [
        lambda: np.arange(5.0),
        lambda: X.astype(float),
        lambda: X.astype(">f4"),
        lambda: X[1:],
        lambda: np.ma.array(X),
        lambda: "no array",
    ],
)
def test_wrong_arrays_are_still_refused(lies, recorded, by_hand):
    with pytest.raises((TypeError, ValueError), match="correlate: x"):
        recorded(lies())
    assert not by_hand


def test_wrong_results_are_still_refused(recorded, by_hand):
    closed = np.empty_like(X)
    closed.flags.writeable = False
    both = np.empty((13, 16), np.float32)
    for x, out in (
        (X, closed),
        (X, np.empty((12, 15), np.float32)),
        (X, np.empty(X.shape, "M8[s]")),
        (X, np.ma.array(np.empty_like(X))),
        (X, [0.0]),
        (both[1:], both[:-1]),
    ):
        with pytest.raises((TypeError, ValueError), match="correlate: out"):
            recorded(x, out)
    assert not by_hand


def test_a_source_may_be_read_only(recorded, by_hand):
    x = X.copy()
    x.flags.writeable = False
    np.testing.assert_array_equal(recorded(x), recorded(X))
    assert not by_hand


def test_what_looks_at_its_values_is_not_recorded():
    x, w = oracle.samples((64, 64), np.float32), np.eye(5)
    plan = planned(fc.plan_correlate, x.shape, x.dtype, w, algorithm="sparse")
    finite = [plan(x) for _ in range(3)]
    assert plan._repeated.shared.recorded == [None]
    x[40, 50] = np.nan
    assert np.isnan(plan(x)).sum() == w.size
    x[40, 50] = 0
    np.testing.assert_array_equal(finite[2], finite[0])


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("shape", "taps"), [((400,), (9,)), ((300, 200), (9, 8))])
def test_transforms_are_recorded_and_what_they_spread_is_done_by_hand(shape, taps, bad):
    x, w = oracle.samples(shape, np.float32), oracle.samples(taps, np.float32, 1)
    plan = planned(fc.plan_correlate, shape, x.dtype, w, algorithm="fft", boundary="mirror")
    first, second, third = (plan(x) for _ in range(3))
    assert plan._repeated.shared.recorded[0]
    np.testing.assert_array_equal(first, third)
    np.testing.assert_array_equal(second, third)
    where = tuple(n // 2 for n in shape)
    x[where] = bad
    got = plan(x)
    assert (~np.isfinite(got)).sum() == w.size
    x[where] = 0
    np.testing.assert_allclose(plan(x)[np.isfinite(got)], got[np.isfinite(got)], atol=1e-5)


def test_transforms_of_new_samples_have_the_bits_of_a_first_call():
    w = oracle.samples((11, 11), np.float32)
    for threads in (1, 2):
        plan = planned(
            fc.plan_correlate, (257, 311), "float32", w, algorithm="fft", threads=threads
        )
        plan(oracle.samples((257, 311), np.float32)), plan(oracle.samples((257, 311), np.float32))
        x = oracle.samples((257, 311), np.float32, 1)
        got = plan(x)
        forget()
        fresh = fc.plan_correlate((257, 311), "float32", w, algorithm="fft", threads=1)
        np.testing.assert_array_equal(got, fresh(x))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("threads", [1, 2])
def test_sums_that_are_not_finite_are_done_by_hand(bad, threads, by_hand):
    w = oracle.samples((64, 64, 3, 3), np.float32)
    how = {"padding": 1, "algorithm": "winograd", "threads": threads}
    x, sick = (oracle.samples((64, 60, 60), np.float32, seed) for seed in (1, 2))
    sick[30, 10, 10] = bad
    plan = planned(fc.plan_conv2d, x.shape, x.dtype, w, **how)
    pieces = len(plan._work(plan.problem.view_x(x), plan.problem.view_out(plan(x))))
    assert pieces > 1
    wanted, _ = plan(sick), plan(x)
    by_hand.clear()
    healthy = plan(x)
    assert not by_hand
    got = plan(sick)
    assert 0 < len(by_hand) < pieces
    np.testing.assert_array_equal(got, wanted)
    assert np.isfinite(healthy).all()
    assert not np.isfinite(got[:, 9:12, 9:12]).any()


def test_wide_integers_are_not_recorded():
    x = np.array([2**62, 1, 5])
    plan = planned(fc.plan_correlate, x.shape, x.dtype, np.array([3, 1]))
    saturated = [2**62, 2**63 - 1, 8]
    for values, wanted in ((x, saturated), (x % 7, [4, 13, 8]), (x, saturated)):
        assert plan(values).tolist() == wanted
    assert plan._repeated.shared.recorded == [None]


def test_what_is_recorded_is_a_second_call_on_plain_arrays():
    plan = planned(fc.plan_correlate, X.shape, X.dtype, W)
    plan(X)
    for _ in range(2):
        plan(np.asfortranarray(X))
        plan(X, np.empty(X.shape))
        assert not plan._repeated.shared.recorded
    plan(X)
    assert plan._repeated.recorded() is not None


def test_a_recording_keeps_no_array_of_the_caller():
    x, out = X.copy(), np.empty_like(X)
    plan = planned(fc.plan_correlate, X.shape, X.dtype, W)
    for _ in range(3):
        plan(x, out)
    references = [weakref.ref(x), weakref.ref(out)]
    del x, out
    gc.collect()
    assert all(reference() is None for reference in references)


def test_changed_weights_are_noticed_by_repeated_calls():
    w = W.copy()
    before = [fc.correlate(X, w, algorithm="direct") for _ in range(4)][-1]
    w *= 2
    for _ in range(4):
        np.testing.assert_array_equal(fc.correlate(X, w, algorithm="direct"), 2 * before)


def test_threads_share_a_recording(recorded):
    images = [oracle.samples(X.shape, np.float32, seed) for seed in range(8)]
    wanted = [recorded(image) for image in images]
    start = threading.Barrier(len(images))

    def user(image):
        start.wait(60)
        return [recorded(image) for _ in range(50)]

    with ThreadPoolExecutor(len(images)) as users:
        for expected, results in zip(wanted, users.map(user, images), strict=True):
            for result in results:
                np.testing.assert_array_equal(result, expected)


def test_memory_apart_leaves_the_threads_own_alone():
    mark = workspace.mark()
    try:
        own = workspace.empty((workspace.SMALL,), np.dtype("u1"))
        own[...] = 7
        with workspace.apart() as room:
            small = workspace.empty((5,), np.dtype("u1"))
            assert np.shares_memory(small, room)
            small[...] = 1
        assert not np.shares_memory(workspace.empty((5,), np.dtype("u1")), room)
        assert (own == 7).all()
        assert workspace.mark() > mark
    finally:
        workspace.release(mark)
