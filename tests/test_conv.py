"""conv1d, conv2d and conv3d against the oracle, on every backend: layers of a network."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc

pytestmark = pytest.mark.compiled

CALLS = {1: fc.conv1d, 2: fc.conv2d, 3: fc.conv3d}
SIZES = {1: (9,), 2: (6, 7), 3: (3, 5, 4)}
TAPS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}


def layer(rank, channels=4, filters=6, groups=1, dtype="float32", images=2):
    x = oracle.samples((images, channels, *SIZES[rank]), dtype)
    if dtype == "int64":
        x >>= 12  # beyond 64 bits, Python's integers take over from every backend
    w = oracle.small((filters, channels // groups, *TAPS[rank]), dtype)
    return x, w, oracle.small((filters,), dtype, 7)


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize(
    "dtype", ["int8", "uint8", "int64", "float16", "float32", "float64", "complex64"]
)
@pytest.mark.parametrize("rank", CALLS)
def test_matrix(rank, dtype, boundary, backend, ran):
    x, w, bias = layer(rank, channels=2, filters=4, groups=2, dtype=dtype)
    how = {"algorithm": "direct", "backend": backend}
    got = CALLS[rank](x, w, bias, padding=1, groups=2, boundary=boundary, **how)
    assert got.dtype == dtype
    wanted = oracle.conv(x, w, bias, padding=1, groups=2, boundary=boundary).everywhere()
    assert_close(got, wanted)
    ran.only(backend, "direct")


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 2])
@pytest.mark.parametrize("rank", CALLS)
def test_stride_dilation_padding(rank, padding, dilation, stride, backend):
    x, w, bias = layer(rank)
    how = {"stride": stride, "padding": max(padding, dilation), "dilation": dilation}
    got = CALLS[rank](x, w, bias, backend=backend, **how)
    assert_close(got, oracle.conv(x, w, bias, **how).everywhere())


@pytest.mark.parametrize(
    ("padding", "pairs"),
    [
        (1, [(1, 1), (1, 1)]),
        ((2, 0), [(2, 2), (0, 0)]),
        ([0, 1], [(0, 0), (1, 1)]),
        (((1, 0), (0, 2)), [(1, 0), (0, 2)]),
        ([[0, 3], [1, 1]], [(0, 3), (1, 1)]),
        ("valid", [(0, 0), (0, 0)]),
        ("same", [(1, 1), (0, 1)]),
        ("same_lower", [(1, 1), (1, 0)]),
    ],
)
def test_paddings(padding, pairs, backend):
    x, w, bias = layer(2)
    got = fc.conv2d(x, w, bias, padding=padding, backend=backend)
    assert_close(got, oracle.conv(x, w, bias, padding=pairs).everywhere())
    positional = fc.conv2d(x, w, bias, 1, padding, 1, 1, backend=backend)
    np.testing.assert_array_equal(positional, got)


@pytest.mark.parametrize("n", range(1, 9))
@pytest.mark.parametrize("k", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_makes_one_output_each_stride(dilation, stride, k, n, backend):
    x, w = oracle.samples((1, 1, n), float), oracle.samples((1, 1, k), float)
    total = max((-(-n // stride) - 1) * stride + (k - 1) * dilation + 1 - n, 0)
    for padding, pair in {
        "same": (total // 2, total - total // 2),
        "same_lower": (total - total // 2, total // 2),
    }.items():
        how = {"stride": stride, "dilation": dilation}
        got = fc.conv1d(x, w, padding=padding, backend=backend, **how)
        assert got.shape == (1, 1, -(-n // stride))
        assert_close(got, oracle.conv(x, w, padding=[pair], **how).everywhere())


def test_a_stride_that_does_not_fit_drops_the_rest(backend):
    x, w = oracle.samples((1, 1, 8, 9), float), oracle.samples((1, 1, 3, 3), float)
    got = fc.conv2d(x, w, stride=(3, 4), backend=backend)
    assert got.shape == (1, 1, 2, 2)
    assert_close(got, oracle.conv(x, w, stride=(3, 4)).everywhere())


@pytest.mark.parametrize(
    ("channels", "filters", "groups"),
    [(4, 6, 2), (4, 4, 4), (4, 8, 4), (3, 9, 3), (6, 3, 3), (1, 5, 1), (5, 1, 1)],
)
def test_groups(channels, filters, groups, backend):
    x, w, bias = layer(2, channels, filters, groups)
    got = fc.conv2d(x, w, bias, padding=1, groups=groups, backend=backend)
    assert_close(got, oracle.conv(x, w, bias, padding=1, groups=groups).everywhere())


@pytest.mark.parametrize("dtype", ["int16", "float16", "float32", "float64"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("activation", "most"), [("relu", None), ("relu6", 6)])
def test_rectifiers_are_fused(activation, most, groups, dtype, backend):
    x, w, bias = layer(2, groups=groups, dtype=dtype)
    w = 8 * w
    how = {"padding": 1, "groups": groups}
    got = fc.conv2d(x, w, bias, activation=activation, backend=backend, **how)
    assert_close(got, oracle.conv(x, w, bias, activation=activation, **how).everywhere())
    plain = fc.conv2d(x, w, bias, backend=backend, **how)
    assert plain.min() < 0
    assert plain.max() > 6
    np.testing.assert_array_equal(got, np.clip(plain, 0, most))


@pytest.mark.parametrize("channels", [1, 16])
def test_rectifiers_keep_nan(channels, backend):
    x = np.float32([[[np.nan, -1, 1, 9, np.inf, -np.inf]]]).repeat(channels, 1)
    w = np.ones((channels, 1, 1), np.float32)
    for activation, most in (("relu", np.inf), ("relu6", 6)):
        got = fc.conv1d(x, w, groups=channels, activation=activation, backend=backend)
        np.testing.assert_array_equal(got, np.clip(x, 0, most))


def test_rectified_integers_that_leave_64_bits(backend):
    x = np.array([[[1 << 63, 1, 0]]], np.uint64)
    w = np.array([[[1 << 40]], [[-(1 << 40)]]])
    got = fc.conv1d(x, w, activation="relu6", backend=backend)
    np.testing.assert_array_equal(got, [[[6, 6, 0], [0, 0, 0]]])


LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}
FIRST = {1: "NCL", 2: "NCHW", 3: "NCDHW"}


@pytest.mark.parametrize("algorithm", ["auto", "direct", "gemm"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", CALLS)
def test_channels_last(rank, groups, algorithm, backend):
    x, w, bias = layer(rank, groups=groups)
    how = {"padding": 1, "groups": groups, "stride": 2, "activation": "relu", "backend": backend}
    how["algorithm"] = algorithm
    first = CALLS[rank](x, w, bias, layout=FIRST[rank], **how)
    last = np.moveaxis(CALLS[rank](
        np.ascontiguousarray(np.moveaxis(x, 1, -1)), w, bias, layout=LAST[rank], **how
    ), -1, 1)  # fmt: skip
    wanted = oracle.conv(x, w, bias, 2, 1, groups=groups, activation="relu").everywhere()
    assert_close(first, wanted)
    assert_close(last, wanted)
    if algorithm != "auto":
        np.testing.assert_array_equal(last, first)


@pytest.mark.parametrize("layout", [FIRST, LAST])
@pytest.mark.parametrize("rank", CALLS)
def test_unbatched(rank, layout, backend):
    x, w, bias = layer(rank)
    if layout is LAST:
        x = np.moveaxis(x, 1, -1)
    how = {"padding": 1, "layout": layout[rank], "backend": backend}
    batch = CALLS[rank](x, w, bias, **how)
    for image, wanted in zip(x, batch, strict=True):
        np.testing.assert_array_equal(CALLS[rank](image, w, bias, **how), wanted)


@pytest.mark.parametrize("boundary", ["nearest", "symmetric", "mirror", "wrap"])
def test_borders_wider_than_the_image(boundary, backend):
    x, w = oracle.samples((1, 2, 3, 2), float), oracle.samples((2, 2, 5, 5), float)
    how = {"padding": ((7, 4), (0, 9)), "boundary": (boundary, "wrap")}
    got = fc.conv2d(x, w, backend=backend, **how)
    assert_close(got, oracle.conv(x, w, **how).everywhere())


def test_padding_more_than_the_kernel_reaches(backend):
    x, w, bias = layer(2)
    got = fc.conv2d(x, w, bias, padding=6, backend=backend)
    assert_close(got, oracle.conv(x, w, bias, padding=6).everywhere())


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("x_shape", "w_shape", "how"),
    [
        ((2, 16, 40, 45), (24, 16, 3, 3), {"padding": 1}),
        ((1, 3, 130, 131), (9, 3, 5, 5), {"stride": 2, "padding": 2}),
        ((1, 64, 33, 34), (65, 64, 1, 1), {}),
        ((2, 34, 31, 30), (34, 1, 3, 3), {"groups": 34, "padding": 1}),
        ((1, 12, 61, 62), (18, 4, 3, 2), {"groups": 3, "dilation": 2, "padding": 3}),
        ((5, 4, 9, 8), (8, 4, 9, 8), {"activation": "relu"}),
        ((1, 2, 300, 301), (2, 2, 3, 3), {"boundary": "mirror", "padding": 2}),
        ((9, 7, 1, 2001), (5, 7, 1, 7), {"padding": (0, 3)}),
    ],
    ids=str,
)
def test_larger_layers_at_many_points(x_shape, w_shape, how, threads, backend):
    x, w = oracle.samples(x_shape, np.float32), oracle.samples(w_shape, np.float32)
    bias = oracle.samples(w_shape[:1], np.float32)
    got = fc.conv2d(x, w, bias, threads=threads, backend=backend, **how)
    if isinstance(how.get("padding"), tuple):
        how = {**how, "padding": [(p, p) for p in how["padding"]]}
    reference = oracle.conv(x, w, bias, **how)
    assert got.shape == reference.shape
    points = oracle.spread(got.shape, 150)
    assert_close(got[tuple(np.transpose(points))], reference.at(points))


def test_a_layer_is_a_sum_of_correlations_everywhere(backend):
    x, w = oracle.samples((2, 3, 150, 171), float), oracle.samples((4, 3, 3, 5), float)
    got = fc.conv2d(x, w, backend=backend, threads=2)
    for image, k in np.ndindex(2, 4):
        sums = sum(
            fc.correlate(x[image, c], w[k, c], mode="valid", backend=backend) for c in range(3)
        )
        np.testing.assert_allclose(got[image, k], sums, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_out(layout, backend):
    x, w, bias = layer(2)
    if layout == "NHWC":
        x = np.moveaxis(x, 1, -1)
    how = {"padding": 1, "layout": layout, "backend": backend}
    plain = fc.conv2d(x, w, bias, **how)
    room = np.full((2, *plain.shape), 7, np.float32)
    out = room[::-1][1]
    assert fc.conv2d(x, w, bias, out=out, **how) is out
    np.testing.assert_array_equal(room[0], plain)
    assert np.all(room[1] == 7)
    rounded = fc.conv2d(x, w, bias, out=np.empty(plain.shape, np.int8), **how)
    np.testing.assert_array_equal(rounded, np.rint(plain).clip(-128, 127))


def test_integer_layers_are_exact_and_saturate(backend):
    x, w = oracle.samples((1, 3, 6, 6), np.int64), oracle.samples((2, 3, 3, 3), np.int64, 4)
    bias = np.array([2**63 - 1, -(2**63)])
    assert_close(fc.conv2d(x, w, bias, backend=backend), oracle.conv(x, w, bias).everywhere())
    x, w = x >> 32, w >> 34
    assert_close(fc.conv2d(x, w, bias, backend=backend), oracle.conv(x, w, bias).everywhere())
    x, w = oracle.samples((1, 3, 6, 6), np.uint8), oracle.samples((2, 3, 3, 3), np.int8, 4)
    assert_close(fc.conv2d(x, w, backend=backend), oracle.conv(x, w).everywhere())


def test_bias_takes_part_in_promotion(backend):
    x, w = np.ones((1, 1, 3), np.float32), np.ones((2, 1, 1), np.float32)
    got = fc.conv1d(x, w, np.array([1e-12, 0.5]), backend=backend)
    assert got.dtype == np.float64
    assert got[0, :, 0].tolist() == [1 + 1e-12, 1.5]


@pytest.mark.parametrize(
    ("shape", "wanted"), [((0, 2, 5, 5), (0, 3, 3, 3)), ((2, 2, 0, 5), (2, 3, 2, 7))]
)
def test_empty(shape, wanted, backend):
    w, bias = np.ones((3, 2, 3, 3)), np.array([1.0, 2.0, 3.0])
    got = fc.conv2d(np.zeros(shape), w, bias, padding=0 if shape[0] == 0 else 2, backend=backend)
    assert got.shape == wanted
    assert np.all(got == bias[:, None, None])


def test_layouts_in_memory(backend):
    x, w, bias = layer(2)
    plain = fc.conv2d(x, w, bias, padding=1, backend=backend)
    for moved in (
        np.asfortranarray(x),
        x[::-1].copy()[::-1],
        np.repeat(x, 2, axis=3)[..., ::2],
        x.astype(">f4"),
        np.ascontiguousarray(np.moveaxis(x, 1, -1)).transpose(0, 3, 1, 2),
    ):
        got = fc.conv2d(
            moved, np.asfortranarray(w), bias[::-1].copy()[::-1], padding=1, backend=backend
        )
        np.testing.assert_array_equal(got, plain)


@pytest.mark.parametrize("padding", ["same", "same_lower"])
@pytest.mark.parametrize("stride", [1, 2, 5])
@pytest.mark.parametrize("boundary", ["constant", "wrap"])
def test_an_empty_signal_stays_empty(padding, stride, boundary):
    how = {"padding": padding, "stride": stride, "boundary": boundary}
    assert fc.conv1d(np.ones((1, 0)), np.ones((1, 1, 3)), **how).shape == (1, 0)


def test_padding_may_be_an_array():
    x, w = np.ones((1, 3, 3)), np.ones((1, 1, 3, 3))
    pairs = np.array([[1, 1], [0, 0]])
    np.testing.assert_array_equal(
        fc.conv2d(x, w, padding=pairs), fc.conv2d(x, w, padding=((1, 1), (0, 0)))
    )


@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("axis", [1, 2])
def test_depthwise_layers_of_samples_that_repeat(axis, taps, backend):
    """Samples that do not move from one to the next do not say what the stride is."""
    shape = [1, 9, 15, 16]
    one = [1 if i == axis else n for i, n in enumerate(shape)]
    x = np.broadcast_to(oracle.samples(tuple(one), "float32"), shape)
    w = oracle.samples((16, 1, taps, taps), "float32", 1)
    for padding in (1, 2):
        how = {"groups": 16, "stride": 2, "padding": padding, "layout": "NHWC"}
        got = fc.conv2d(x, w, algorithm="depthwise", backend=backend, **how)
        same = fc.conv2d(x.copy(), w, algorithm="depthwise", backend=backend, **how)
        np.testing.assert_allclose(got, same, rtol=0, atol=1e-5)
