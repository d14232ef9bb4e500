"""conv_transpose1d, 2d and 3d against the oracle, on every backend."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import oracle
import pytest
from conftest import forget, remembered, require
from hypothesis import given
from hypothesis import strategies as st
from tolerance import assert_close

import fastconv as fc
from fastconv import lower
from fastconv.plan import transposed

CALLS = {1: fc.conv_transpose1d, 2: fc.conv_transpose2d, 3: fc.conv_transpose3d}
CONVS = {1: fc.conv1d, 2: fc.conv2d, 3: fc.conv3d}
SIZES = {1: (6,), 2: (4, 5), 3: (2, 3, 3)}
TAPS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}
LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


def layer(rank, channels=4, filters=6, groups=1, dtype="float32", images=2):
    x = oracle.samples((images, channels, *SIZES[rank]), dtype)
    if dtype == "int64":
        x >>= 12  # beyond 64 bits, Python's integers take over from every backend
    w = oracle.small((channels, filters // groups, *TAPS[rank]), dtype)
    return x, w, oracle.small((filters,), dtype, 7)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    "dtype",
    ["bool", "int8", "uint8", "int64", "float16", "float32", "float64", "complex64", "complex128"],
)
@pytest.mark.parametrize("rank", CALLS)
def test_matrix(rank, dtype, stride, backend, ran):
    x, w, bias = layer(rank, channels=2, filters=4, groups=2, dtype=dtype)
    how = {"groups": 2, "algorithm": "direct", "backend": backend}
    got = CALLS[rank](x, w, bias, stride, 1, **how)
    assert got.dtype == ("uint8" if dtype == "bool" else dtype)
    assert_close(got, oracle.conv_transpose(x, w, bias, stride, 1, groups=2).everywhere())
    ran.only(backend, "direct")


@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("rank", CALLS)
def test_stride_dilation_padding(rank, padding, dilation, stride, backend):
    x, w, bias = layer(rank, filters=2, images=1)
    for more in {0, max(stride, dilation) - 1}:
        how = {"padding": padding, "output_padding": more, "dilation": dilation}
        got = CALLS[rank](x, w, bias, stride, backend=backend, **how)
        assert_close(got, oracle.conv_transpose(x, w, bias, stride, **how).everywhere())


@pytest.mark.parametrize(
    ("rank", "how"),
    [
        (1, {"padding": [(2, 0)], "stride": 3}),
        (1, {"padding": [(0, 1)], "stride": 2, "output_padding": 1}),
        (1, {"padding": [(3, 1)], "dilation": 3}),
        (2, {"padding": [(0, 1), (2, 0)], "stride": 2, "output_padding": (1, 0)}),
        (2, {"padding": [(1, 1), (0, 0)], "stride": (3, 2), "output_padding": (2, 1)}),
        (2, {"padding": [(2, 1), (1, 2)], "dilation": (2, 3)}),
        (2, {"padding": [(0, 1), (1, 0)], "stride": (4, 1), "dilation": (1, 2), "groups": 2}),
        (2, {"stride": (2, 3), "dilation": (6, 2), "groups": 2}),
        (3, {"padding": [(0, 1), (1, 0), (1, 1)], "stride": 2, "output_padding": 1, "groups": 2}),
        (3, {"padding": [(1, 0), (0, 2), (0, 0)], "stride": (1, 2, 3), "dilation": (2, 1, 1)}),
    ],
    ids=str,
)
def test_what_onnx_has_too(rank, how, backend):
    """A number for each axis or pad."""
    x, w, bias = layer(rank, groups=how.get("groups", 1))
    got = CALLS[rank](x, w, bias, backend=backend, **how)
    assert_close(got, oracle.conv_transpose(x, w, bias, **how).everywhere())


@pytest.mark.parametrize(
    ("channels", "filters", "groups"), [(4, 6, 2), (4, 4, 4), (4, 8, 4), (6, 3, 3), (1, 5, 1)]
)
def test_groups(channels, filters, groups, backend):
    x, w, bias = layer(2, channels, filters, groups)
    got = fc.conv_transpose2d(x, w, bias, 2, 1, 1, groups, backend=backend)
    assert_close(got, oracle.conv_transpose(x, w, bias, 2, 1, 1, groups).everywhere())


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("channels", [8, 19])
@pytest.mark.parametrize("rank", CALLS)
def test_channels_with_kernels_of_their_own(rank, channels, dtype, backend):
    x, w, bias = layer(rank, channels, channels, channels, dtype)
    for stride in (2, (1,) * (rank - 1) + (3,)):
        more = {"padding": 1, "groups": channels, "activation": "relu"}
        got = CALLS[rank](x, w, bias, stride, backend=backend, **more)
        wanted = oracle.conv_transpose(x, w, bias, stride, **more).everywhere()
        assert_close(got, wanted)
        last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
        again = CALLS[rank](last, w, bias, stride, layout=LAST[rank], backend=backend, **more)
        assert_close(np.moveaxis(again, -1, 1), wanted)


def test_phases_of_kept_copies_have_the_bits_of_phases_in_place(monkeypatch):
    x, w = oracle.samples((2, 16, 9, 8), "float32"), oracle.samples((16, 1, 3, 3), "float32")
    how = {"stride": 2, "padding": 1, "groups": 16, "algorithm": "depthwise"}
    how["backend"] = require("cython")
    forget()
    copied = [fc.conv_transpose2d(x, w, threads=threads, **how) for threads in (1, 2, 1)]
    assert all(plan._recipe._block for plan in remembered())
    monkeypatch.setattr(transposed, "MAX_BLOCK_BYTES", 0)
    forget()
    in_place = fc.conv_transpose2d(x, w, **how)
    assert not any(plan._recipe._block for plan in remembered())
    for found in copied:
        np.testing.assert_array_equal(found, in_place)


@pytest.mark.parametrize("rank", CALLS)
@pytest.mark.parametrize("taps", [1, 3])
def test_one_sample(taps, rank, backend):
    x = oracle.samples((2, 3) + (1,) * rank, "float32")
    w = oracle.samples((3, 2) + (taps,) * rank, "float32")
    for how in ({}, {"stride": 2, "output_padding": 1}, {"dilation": 2, "padding": taps // 2}):
        got = CALLS[rank](x, w, backend=backend, **how)
        assert_close(got, oracle.conv_transpose(x, w, **how).everywhere())


def test_one_sample_is_multiplied_by_each_weight_and_nothing_else_is(backend):
    w = np.float32([[[1, np.inf, 3]]])
    got = fc.conv_transpose1d(np.float32([[2]]), w, padding=[(0, 1)], backend=backend)
    assert got.tolist() == [[2, np.inf]]


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("dtype", ["int16", "float16", "float32", "float64"])
@pytest.mark.parametrize(("activation", "most"), [("relu", None), ("relu6", 6)])
def test_rectifiers_are_fused(activation, most, dtype, stride, backend):
    x, w, bias = layer(2, dtype=dtype)
    w, bias = 8 * w, 8 * bias
    got = fc.conv_transpose2d(x, w, bias, stride, activation=activation, backend=backend)
    wanted = oracle.conv_transpose(x, w, bias, stride, activation=activation)
    assert_close(got, wanted.everywhere())
    plain = fc.conv_transpose2d(x, w, bias, stride, backend=backend)
    assert plain.min() < 0
    np.testing.assert_array_equal(got, np.clip(plain, 0, most))


def test_nan_stays_where_taps_reach(backend):
    x = np.float32([[[1, np.nan, 1, np.inf]]])
    w = np.float32([[[1, 2]]])
    got = fc.conv_transpose1d(x, w, np.float32([5]), stride=3, backend=backend)
    nan, inf = np.nan, np.inf
    np.testing.assert_array_equal(got, [[[6, 7, 5, nan, nan, 5, 6, 7, 5, inf, inf]]])


@pytest.mark.parametrize("algorithm", ["auto", "direct"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", CALLS)
def test_channels_last_and_unbatched(rank, groups, algorithm, backend):
    x, w, bias = layer(rank, groups=groups)
    asked = {"padding": 1, "groups": groups, "stride": 2, "activation": "relu"}
    how = {**asked, "algorithm": algorithm, "backend": backend}
    first = CALLS[rank](x, w, bias, **how)
    x_last = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    last = CALLS[rank](x_last, w, bias, layout=LAST[rank], **how)
    wanted = oracle.conv_transpose(x, w, bias, **asked).everywhere()
    assert_close(first, wanted)
    assert_close(np.moveaxis(last, -1, 1), wanted)
    if algorithm == "direct":  # layouts may run different algorithms
        np.testing.assert_array_equal(np.moveaxis(last, -1, 1), first)
    np.testing.assert_array_equal(CALLS[rank](x[1], w, bias, **how), first[1])
    one = CALLS[rank](x_last[1], w, bias, layout=LAST[rank], **how)
    np.testing.assert_array_equal(one, last[1])


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_out(layout, stride, backend):
    x, w, bias = layer(2)
    if layout == "NHWC":
        x = np.moveaxis(x, 1, -1)
    how = {"stride": stride, "layout": layout, "backend": backend}
    plain = fc.conv_transpose2d(x, w, bias, **how)
    room = np.full((2, *plain.shape), 7, np.float32)
    out = room[::-1][1]
    assert fc.conv_transpose2d(x, w, bias, out=out, **how) is out
    np.testing.assert_array_equal(room[0], plain)
    assert np.all(room[1] == 7)
    rounded = fc.conv_transpose2d(x, w, bias, out=np.empty(plain.shape, np.int8), **how)
    np.testing.assert_array_equal(rounded, np.rint(plain).clip(-128, 127))


def test_in_place(backend):
    x, w = oracle.samples((2, 3, 6, 6), "float32"), oracle.samples((3, 3, 2, 2), "float32")
    how = {"stride": 2, "padding": 3, "backend": backend}
    wanted = fc.conv_transpose2d(x, w, **how)
    assert fc.conv_transpose2d(x, w, out=x, **how) is x
    np.testing.assert_array_equal(x, wanted)


def test_integers_are_exact_and_saturate(backend):
    bias = np.array([2**63 - 1, -(2**63)])
    for x, w in (
        (oracle.samples((1, 3, 4, 4), np.int64), oracle.samples((3, 2, 3, 3), np.int64, 4)),
        (
            oracle.samples((1, 3, 4, 4), np.int64) >> 32,
            oracle.samples((3, 2, 3, 1), np.int64) >> 34,
        ),
        (oracle.samples((1, 3, 4, 4), np.uint8), oracle.samples((3, 2, 3, 1), np.int8, 4)),
    ):
        for offset in (None, bias):
            got = fc.conv_transpose2d(x, w, offset, 2, backend=backend)
            assert_close(got, oracle.conv_transpose(x, w, offset, 2).everywhere())
    narrow = np.empty((1, 2, 4), np.int8)
    fc.conv_transpose1d(np.int8([[[1]]]), np.int8([[[9], [9]]]), bias, 4, 0, 3, out=narrow)
    assert narrow.tolist() == [[[127] * 4, [-128] * 4]]


def test_the_bias_takes_part_in_promotion(backend):
    x, w = np.ones((1, 1, 3), np.float32), np.ones((1, 2, 1), np.float32)
    got = fc.conv_transpose1d(x, w, np.array([1e-12, 0.5]), 2, backend=backend)
    assert got.dtype == np.float64
    assert got[0].tolist() == [[1 + 1e-12, 1e-12] * 2 + [1 + 1e-12], [1.5, 0.5] * 2 + [1.5]]


def test_empty_batch(backend):
    got = fc.conv_transpose2d(np.ones((0, 2, 3, 3)), np.ones((2, 5, 3, 3)), stride=2)
    assert got.shape == (0, 5, 7, 7)


@pytest.mark.parametrize("algorithm", ["direct", "fft"])
def test_every_algorithm(algorithm, backend):
    x, w = oracle.samples((1, 1, 40, 41), float), oracle.samples((1, 1, 9, 8), float)
    how = {"stride": 2, "padding": 3}
    got = fc.conv_transpose2d(x, w, algorithm=algorithm, backend=backend, **how)
    wanted = fc.conv_transpose2d(x, w, algorithm="direct", backend="numpy", **how)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12)


@pytest.mark.parametrize("stride", [1, 2])
def test_the_same_bits_for_any_number_of_threads(stride, backend):
    x = oracle.samples((2, 24, 40, 41), "float32")
    w = oracle.samples((24, 20, 4, 4), "float32")
    how = {"stride": stride, "padding": 1, "backend": backend}
    one, two, three = (fc.conv_transpose2d(x, w, threads=n, **how) for n in (1, 2, 3))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)


def test_no_zeros_are_inserted(backend):
    """With them there would be 64 times as many samples as in x."""
    x, w = np.ones((1, 32, 64, 64), "float32"), np.ones((32, 1, 8, 8), "float32")
    out = np.empty((1, 1, 512, 512), "float32")
    fc.conv_transpose2d(x, w, stride=8, out=out, backend=backend, threads=1)
    tracemalloc.start()
    try:
        fc.conv_transpose2d(x, w, stride=8, out=out, backend=backend, threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.all(out == 32)
    assert peak < 2 * x.nbytes


def test_calls_that_say_the_same_are_remembered():
    forget()
    x, w, bias = layer(2, dtype="int32")
    x %= 100
    first = fc.conv_transpose2d(x, w, bias, 2)
    (kept,) = remembered()
    np.testing.assert_array_equal(fc.conv_transpose2d(x, w.copy(), bias, 2), first)
    assert remembered() == [kept]
    bias[0] += 1
    np.testing.assert_array_equal(fc.conv_transpose2d(x, w, bias, 2)[:, 0], first[:, 0] + 1)
    w[...] = 0
    assert np.all(fc.conv_transpose2d(x, w, bias, 2) == bias[:, None, None])
    gone = weakref.ref(w)
    del w
    gc.collect()
    assert gone() is None


@st.composite
def layers(draw):
    """A convolution with padding that its transpose can undo, and an input for it."""
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    stride, dilation = ([draw(st.integers(1, 3)) for _ in range(rank)] for _ in range(2))
    taps = [draw(st.integers(1, 3)) for _ in range(rank)]
    reach = [(k - 1) * d for k, d in zip(taps, dilation, strict=True)]
    padding = [(draw(st.integers(0, r)), draw(st.integers(0, r))) for r in reach]
    sizes = [
        draw(st.integers(max(r + 1 - sum(p), 1), r + 6))
        for r, p in zip(reach, padding, strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-4, 5, (2, 2 * groups, *sizes))
    w = rng.integers(-4, 5, (3 * groups, 2, *taps))
    how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return x, w, how, reach, rng


@given(layers(), st.sampled_from(["int64", "float32", "complex64"]))
def test_the_transpose_is_the_adjoint(backend, asked, dtype):
    x, w, how, reach, rng = asked
    rank = len(reach)
    x, w = x.astype(dtype), w.astype(dtype)
    y = CONVS[rank](x, w, backend=backend, **how)
    u = rng.integers(-4, 5, y.shape).astype(dtype)
    more = [
        (n + sum(p) - r - 1) % s
        for n, p, r, s in zip(x.shape[2:], how["padding"], reach, how["stride"], strict=True)
    ]
    back = CALLS[rank](u, w, output_padding=more, backend=backend, **how)
    assert back.shape == x.shape
    assert (u * y).sum() == (back * x).sum()


def test_layers_that_differ_in_where_phases_lie_are_told_apart():
    """The phases of both paddings are the same convolutions, at other places of the result."""
    gy, w = oracle.samples((1, 2, 3), "float64"), oracle.samples((2, 2, 3), "float64", 1)
    found = {}
    for padding in ("same", "same_lower", "same"):
        how = {"stride": 3, "dilation": 2, "padding": padding}
        found[padding] = fc.nn.grad.conv1d_input((1, 2, 7), w, gy, **how)
    for padding, gx in found.items():
        forget()
        how = {"stride": 3, "dilation": 2, "padding": padding}
        np.testing.assert_array_equal(fc.nn.grad.conv1d_input((1, 2, 7), w, gy, **how), gx)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("bias", [False, True])
def test_new_weights_of_remembered_shapes(bias, stride, groups, backend):
    x, w, offset = layer(2, groups=groups, filters=4)
    how = {"stride": stride, "padding": 1, "groups": groups, "backend": backend}
    alike = np.ones_like(w)  # a kernel that needs no products, then one that does
    sparse = w * (np.arange(w.size).reshape(w.shape) % 5 == 0)
    swapped = w.astype(w.dtype.newbyteorder("S"))
    for weights in (alike, w, sparse, w[..., ::-1, :], swapped, w + 1):
        got = fc.conv_transpose2d(x, weights, offset if bias else None, **how)
        expected = oracle.conv_transpose(
            x, weights.astype("f4"), offset if bias else None, stride, 1, groups=groups
        )
        assert_close(got, expected.everywhere())


def test_shapes_are_remembered_and_weights_are_not(monkeypatch):
    require("cython")
    lowered = []
    real = lower.input_gradient

    def input_gradient(*args, **options):
        lowered.append(args[0])
        return real(*args, **options)

    monkeypatch.setattr(lower, "input_gradient", input_gradient)
    forget()
    grads = oracle.samples((1, 6, 4, 5), "float32")
    first = [fc.nn.grad.conv2d_input((1, 4, 4, 5), w, grads, padding=1) for w in kernels()]
    assert len(lowered) == 1
    with pytest.raises(TypeError, match="stride"):  # 1.0 equals 1, and is refused all the same
        fc.nn.grad.conv2d_input((1, 4, 4, 5), next(kernels()), grads, 1.0, padding=1)
    for w, got in zip(kernels(), first, strict=True):
        forget()
        again = fc.nn.grad.conv2d_input((1, 4, 4, 5), w, grads, padding=1)
        np.testing.assert_array_equal(again, got)
    released = next(kernels())
    known = weakref.ref(released)
    forget()
    fc.nn.grad.conv2d_input((1, 4, 4, 5), released, grads, padding=1)
    del released
    gc.collect()
    assert known() is None


def kernels():
    for seed in range(3):
        yield oracle.samples((6, 4, 3, 3), "float32") + np.float32(seed)
