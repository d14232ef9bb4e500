"""Memory of every kind: beyond 2³¹ items, mapped, read-only, reversed, empty, in the way."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import oracle
import pytest
from numpy.lib.stride_tricks import as_strided
from tolerance import assert_close

import fastconv as fc

FAR = 2**31
sparse = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs sparse files")


@pytest.fixture
def mapped(tmp_path):
    """Arrays of any size in a sparse file, which takes the room of the pages that are touched."""

    def create(shape, dtype):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}"
        return np.memmap(file, dtype, "w+", shape=shape)

    return create


# -- 64-bit index arithmetic --------------------------------------------------------------------


@sparse
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_samples_beyond_31_bits(dtype, mapped, backend):
    step = 2**29
    x = mapped((4 * step + 100,), dtype)
    for i in range(5):
        x[i * step : i * step + 3] = [i + 1, 2, 3]
    got = fc.correlate(x, np.array([10, 1, 1], dtype), mode="valid", stride=step, backend=backend)
    assert got.tolist() == [10 * (i + 1) + 5 for i in range(5)]


@sparse
def test_taps_further_apart_than_31_bits(mapped, backend):
    x = mapped((FAR + 50,), "float32")
    x[:50], x[FAR:] = np.arange(50), 1
    how = {"mode": "valid", "dilation": FAR, "backend": backend}
    assert fc.correlate(x, np.float32([1, 100]), **how).tolist() == (np.arange(50) + 100).tolist()


@sparse
def test_rows_further_apart_than_31_bits(mapped, backend):
    x = mapped((5, FAR // 2), "float32")[:, 100:140]
    x[...] = oracle.samples(x.shape, "float32")
    w = oracle.samples((3, 3), "float32", 1)
    wanted = fc.correlate(x.copy(), w, boundary="mirror", backend=backend)
    np.testing.assert_array_equal(fc.correlate(x, w, boundary="mirror", backend=backend), wanted)
    out = mapped((5, FAR // 2), "float32")[:, 7:47]
    fc.correlate(x, w, boundary="mirror", out=out, backend=backend)
    np.testing.assert_array_equal(out, wanted)


@sparse
def test_channels_further_apart_than_31_bits(mapped, backend):
    x = mapped((3, FAR // 2), "float32")[:, :300].reshape(1, 3, 15, 20)
    assert x.strides[1] > FAR
    x[...] = oracle.samples(x.shape, "float32")
    w = oracle.samples((2, 3, 3, 3), "float32", 1)
    np.testing.assert_array_equal(
        fc.conv2d(x, w, backend=backend), fc.conv2d(x.copy(), w, backend=backend)
    )


def test_one_sample_that_repeats_beyond_32_bits(backend):
    x = as_strided(np.array([3], np.uint8), (2**33,), (0,))
    got = fc.correlate(x, np.array([1, 2], np.uint8), mode="valid", stride=2**31, backend=backend)
    assert got.tolist() == [9] * 4


def test_empty_arrays_of_astronomic_lengths(backend):
    got = fc.correlate(np.zeros((2**40, 0)), np.ones((3, 1)), mode="full", backend=backend)
    assert got.shape == (2**40 + 2, 0)


# -- no padded copy -----------------------------------------------------------------------------


def peak_of(call):
    """The bytes that a call held at most, beyond those that were there before."""
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_no_copy_of_the_image_is_made(boundary, backend):
    x, w = np.ones((2000, 2000), "float32"), np.ones((5, 5), "float32")
    out = np.empty_like(x)

    def call():
        fc.correlate(x, w, boundary=boundary, out=out, threads=1, backend=backend)

    call()
    assert peak_of(call) < x.nbytes / 3


@pytest.mark.parametrize("shape", [(8, 10**6), (8, 100, 100, 100)])
def test_copies_stay_small_where_long_rows_lie_inside_the_filtered_axis(shape, backend):
    x = np.ones(shape, "uint8")
    out = np.empty_like(x)

    def call():
        fc.correlate(x, np.ones(3, "uint8"), axes=0, out=out, threads=1, backend=backend)

    call()
    assert np.all(out[[0, -1]] == 2)
    assert np.all(out[1:-1] == 3)
    assert peak_of(call) < x.nbytes / 2


@pytest.mark.parametrize("algorithm", ["direct", "separable"])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_gaps_between_far_taps_are_not_copied(boundary, algorithm, backend):
    x, far = oracle.samples((10, 12), "float32"), (20011, 5003)
    w = oracle.samples((3,), "float32", 1), oracle.samples((2,), "float32", 2)
    how = {"dilation": far, "boundary": boundary, "cval": 2, "stride": (1, 3)}
    wanted = oracle.correlate(x, w, **how).everywhere()
    if algorithm == "direct":
        w = np.outer(*w)
    how |= {"algorithm": algorithm, "backend": backend, "threads": 1}
    assert_close(fc.correlate(x, w, **how), wanted)
    assert peak_of(lambda: fc.correlate(x, w, **how)) < 10**5


# -- inputs of every kind -----------------------------------------------------------------------


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


KINDS = {
    "read-only": read_only,
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "fortran": np.asfortranarray,
    "a part": lambda a: np.pad(a, 3)[(slice(3, -3),) * a.ndim],
    "every other": lambda a: np.repeat(a, 2, -1)[..., ::2],
    "swapped bytes": lambda a: a.astype(a.dtype.newbyteorder()),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "int16", "complex64"])
def test_large_arrays_in_any_layout(dtype, kind, backend):
    x, w = oracle.samples((300, 301), dtype), oracle.small((3, 3), dtype)
    if dtype == "int64":
        x >>= 16
    how = {"boundary": "symmetric", "backend": backend, "threads": 2}
    wanted = fc.correlate(x, w, **how)
    moved = KINDS[kind](x)
    np.testing.assert_array_equal(fc.correlate(moved, KINDS[kind](w), **how), wanted)
    np.testing.assert_array_equal(moved, x)
    out = np.empty_like(KINDS[kind](wanted))
    fc.correlate(moved, w, out=out, **how)
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_layers_in_any_layout(kind, backend):
    x, w = oracle.samples((2, 4, 20, 21), "float32"), oracle.samples((6, 2, 3, 3), "float32", 1)
    bias = oracle.samples((6,), "float32", 2)
    how = {"groups": 2, "padding": 1, "boundary": "wrap", "backend": backend}
    wanted = fc.conv2d(x, w, bias, **how)
    moved = (KINDS[kind](a) for a in (x, w, bias))
    np.testing.assert_array_equal(fc.conv2d(*moved, **how), wanted)


@pytest.mark.parametrize("axes", [(0, 1), (1, 2), (0, 2), (2, 1)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_colors_of_photographs(channels, axes, backend):
    photo = oracle.samples((260, 270, channels), "float32")
    w = oracle.samples((1, 1) if channels == 1 else (3, 2), "float32", 1)
    got = fc.correlate(photo, w, axes=axes, boundary="mirror", backend=backend)
    wanted = oracle.by_taps(photo, w, axes=axes, boundary="mirror")
    np.testing.assert_allclose(got, wanted.values, rtol=0, atol=1e-5)


def test_mapped_files(mapped, backend):
    x = mapped((300, 301), "float32")
    x[...] = oracle.samples(x.shape, "float32")
    w, out = oracle.samples((3, 3), "float32", 1), mapped(x.shape, "float32")
    wanted = fc.correlate(np.array(x), w, backend=backend)
    got = fc.correlate(x, w, out=out, backend=backend)
    assert got is out
    np.testing.assert_array_equal(out, wanted)
    assert type(fc.correlate(x, w, backend=backend)) is np.ndarray


# -- out ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(40, 41), (300, 301)])
def test_out_beside_x_in_one_buffer(shape, dtype, backend):
    both = np.zeros((*shape, 2), dtype)
    x, out = both[..., 0], both[..., 1]
    x[...] = oracle.samples(shape, dtype)
    w = oracle.samples((3, 3), dtype, 1)
    wanted = fc.correlate(x.copy(), w, boundary="wrap", backend=backend)
    kept = x.copy()
    assert fc.correlate(x, w, boundary="wrap", out=out, backend=backend) is out
    np.testing.assert_array_equal(out, wanted)
    np.testing.assert_array_equal(x, kept)


@pytest.mark.parametrize("shape", [(9, 8), (300, 301)])
def test_out_may_be_x_of_another_view(shape, backend):
    x, w = oracle.samples(shape, "float32"), oracle.samples((5, 4), "float32", 1)
    wanted = fc.correlate(x, w, boundary="nearest", backend=backend)
    same = x[:]
    assert fc.correlate(x, w, boundary="nearest", out=same, backend=backend) is same
    np.testing.assert_array_equal(x, wanted)


@pytest.mark.parametrize(
    "wrong",
    [
        {"mode": "middle"},
        {"boundary": "reflect"},
        {"stride": 0},
        {"cval": None},
        {"axes": (0, 0)},
        {"algorithm": "separable"},
        {"backend": "cuda"},
        {"threads": 0},
        {"dtype": "int8"},
    ],
    ids=str,
)
def test_a_wrong_call_leaves_out_alone(wrong):
    out = np.full((300, 301), 7, np.float32)
    with pytest.raises((TypeError, ValueError), match=next(iter(wrong)).replace("dtype", "out")):
        fc.correlate(np.zeros((300, 301), "f4"), np.ones((3, 3), "f4"), out=out, **wrong)
    assert np.all(out == 7)


@pytest.mark.parametrize("out", [np.full((3, 4), 7.0), np.full((4, 3), 7.0)[::-1].T])
def test_an_out_of_the_wrong_shape_is_left_alone(out):
    with pytest.raises(ValueError, match="out"):
        fc.correlate(np.zeros((4, 4)), np.ones((2, 2)), out=out)
    assert np.all(out == 7)


@pytest.mark.parametrize(("layout", "channels"), [("NHWC", 1), ("NCHW", 3)])
def test_large_results_of_layers_begin_where_a_line_does(layout, channels, backend):
    x = oracle.samples((1, 60, 61, 16) if channels == 1 else (1, 16, 60, 61), np.float32)
    w = oracle.samples((96, 16, channels, channels), np.float32)
    how = {"layout": layout, "backend": backend, "algorithm": "gemm"}
    results = [fc.conv2d(x, w, **how) for _ in range(4)]
    assert [result.ctypes.data % 64 for result in results] == [0] * 4
    assert all(result.flags.c_contiguous and result.flags.writeable for result in results)
