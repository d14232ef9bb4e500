"""Gradients of convolutions: against loops, and as adjoints, with every border and backend."""

from __future__ import annotations

import tracemalloc

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tolerance import assert_close

import fastconv as fc

RANKS = (1, 2, 3)
SIZES = {1: (7,), 2: (5, 6), 3: (3, 4, 5)}
TAPS = {1: (3,), 2: (3, 2), 3: (2, 3, 1)}
FIRST = {1: "NCL", 2: "NCHW", 3: "NCDHW"}
LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


def gradients(x, w, gy, **how):
    """Of the input, the weights and the bias."""
    rank = w.ndim - 2
    of_input, of_weight, of_bias = (
        getattr(fc.nn.grad, f"conv{rank}d_{of}") for of in ("input", "weight", "bias")
    )
    layout = {"layout": how["layout"]} if "layout" in how else {}
    return of_input(x.shape, w, gy, **how), of_weight(x, w.shape, gy, **how), of_bias(gy, **layout)


def layer(rank, channels=4, filters=6, groups=1, dtype="float64", images=2):
    x = oracle.samples((images, channels, *SIZES[rank]), dtype)
    return x, oracle.samples((filters, channels // groups, *TAPS[rank]), dtype, 1)


def upper(x, w, **how):
    """A gradient of the result, and the result."""
    y = getattr(fc, f"conv{w.ndim - 2}d")(x, w, **how)
    return oracle.samples(y.shape, y.dtype, 5), y


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
@pytest.mark.parametrize("rank", RANKS)
def test_matrix(rank, dtype, boundary, backend):
    x, w = layer(rank, channels=2, filters=4, groups=2, dtype=dtype, images=1)
    how = {"padding": 2, "groups": 2, "boundary": boundary}
    gy, _ = upper(x, w, **how)
    gx, gw, gb = gradients(x, w, gy, backend=backend, **how)
    assert gx.dtype == gw.dtype == gb.dtype == dtype
    wanted_x, wanted_w = oracle.conv_gradients(x, w, gy, **how)
    assert_close(gx, wanted_x)
    assert_close(gw, wanted_w)
    sums = oracle.numbers(gy).sum((0, *range(2, gy.ndim)))
    size = np.abs(gy).astype(float).sum((0, *range(2, gy.ndim)))
    assert_close(gb, oracle.Expected(sums, size, gy[:, 0].size))


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, "same", "same_lower", "pairs"])
@pytest.mark.parametrize("boundary", ["constant", "symmetric"])
@pytest.mark.parametrize("rank", RANKS)
def test_adjoint_identities(rank, boundary, padding, dilation, stride, backend):
    """<conv(x, w), gy> = <x, input gradient> = <w, weight gradient>, in both layouts."""
    if padding == "pairs":
        padding = [(3, 1), (0, 2), (1, 0)][:rank]
    for groups, layout in ((1, FIRST), (2, LAST)):
        x, w = layer(rank, groups=groups)
        if layout is LAST:
            x = np.moveaxis(x, 1, -1)
        how = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        if rank == 3 and padding == 0:
            how["dilation"] = (dilation, 1, 1)
        how |= {"boundary": boundary, "layout": layout[rank], "backend": backend}
        gy, y = upper(x, w, **how)
        gx, gw, _ = gradients(x, w, gy, **how)
        assert gx.shape == x.shape
        assert gw.shape == w.shape
        bound = np.finfo(float).eps * (abs(y) * abs(gy)).sum() * (w[0].size + 50)
        assert abs((y * gy).sum() - (gx * x).sum()) <= bound
        assert abs((y * gy).sum() - (gw * w).sum()) <= bound


@pytest.mark.parametrize("boundary", ["nearest", "symmetric", "mirror", "wrap"])
def test_borders_wider_than_the_image(boundary, backend):
    x, w = oracle.samples((1, 2, 3, 2), float), oracle.samples((2, 2, 5, 5), float)
    how = {"padding": ((7, 4), (0, 9)), "boundary": (boundary, "wrap")}
    gy, _ = upper(x, w, **how)
    gx, gw, _ = gradients(x, w, gy, backend=backend, **how)
    wanted_x, wanted_w = oracle.conv_gradients(x, w, gy, **how)
    assert_close(gx, wanted_x)
    assert_close(gw, wanted_w)


def test_borders_that_turn_often(backend):
    x, w = oracle.samples((1, 1, 2), float), oracle.samples((1, 1, 3), float)
    how = {"padding": 30, "boundary": "mirror"}
    gy, _ = upper(x, w, **how)
    gx, gw, _ = gradients(x, w, gy, backend=backend, **how)
    wanted_x, wanted_w = oracle.conv_gradients(x, w, gy, **how)
    assert_close(gx, wanted_x)
    assert_close(gw, wanted_w)


def test_samples_that_no_output_reads_have_no_gradient(backend):
    x, w = np.ones((1, 1, 9)), np.ones((1, 1, 2))
    gx, _, _ = gradients(x, w, np.ones((1, 1, 3)), stride=3, backend=backend)
    assert gx.tolist() == [[[1, 1, 0] * 3]]
    gx = fc.nn.grad.conv1d_input((1, 1, 11), w, np.full((1, 1, 4), np.nan), 3, backend=backend)
    np.testing.assert_array_equal(np.isfinite(gx), [[[False, False, True] * 3 + [False] * 2]])


@pytest.mark.parametrize("boundary", ["constant", "mirror"])
def test_mixed_dtypes(boundary, backend):
    x, w = layer(2, dtype="float32")
    how = {"padding": 1, "boundary": boundary}
    gy, _ = upper(x.astype("c16"), w, **how)
    gx, gw, gb = gradients(x, w, gy, backend=backend, **how)
    wanted_x, wanted_w = oracle.conv_gradients(x, w, gy, **how)
    assert gx.dtype == gw.dtype == gb.dtype == "complex128"
    assert_close(gx, wanted_x)
    assert_close(gw, wanted_w)


@pytest.mark.parametrize("boundary", ["constant", "mirror"])
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("rank", RANKS)
def test_layouts_and_unbatched(rank, groups, boundary, backend):
    x, w = layer(rank, groups=groups)
    how = {"padding": 1, "stride": 2, "groups": groups, "boundary": boundary, "backend": backend}
    gy, _ = upper(x, w, **how)
    gx, gw, gb = gradients(x, w, gy, **how)
    last = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, gy))
    x_last, gy_last = last
    gx_last, gw_last, gb_last = gradients(x_last, w, gy_last, layout=LAST[rank], **how)
    np.testing.assert_allclose(np.moveaxis(gx_last, -1, 1), gx, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gw_last, gw, rtol=0, atol=1e-12)
    np.testing.assert_allclose(gb_last, gb, rtol=0, atol=1e-12)
    each = [gradients(a, w, b, **how) for a, b in zip(x, gy, strict=True)]
    np.testing.assert_array_equal(np.stack([one[0] for one in each]), gx)
    np.testing.assert_allclose(sum(one[1] for one in each), gw, rtol=0, atol=1e-12)
    np.testing.assert_allclose(sum(one[2] for one in each), gb, rtol=0, atol=1e-12)


@pytest.mark.parametrize("boundary", ["constant", "wrap"])
def test_memory_of_every_kind(boundary, backend):
    x, w = layer(2, dtype="float32")
    how = {"padding": 1, "boundary": boundary, "backend": backend}
    gy, _ = upper(x, w, **how)
    plain = gradients(x, w, gy, **how)
    for change in (
        np.asfortranarray,
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.repeat(a, 2, axis=3)[..., ::2],
        lambda a: a.astype(">f4"),
    ):
        got = gradients(change(x), change(w), change(gy), **how)
        for mine, wanted in zip(got, plain, strict=True):
            np.testing.assert_allclose(mine, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "float32", "int8"])
@pytest.mark.parametrize("boundary", ["constant", "nearest"])
def test_out(boundary, dtype, backend):
    x, w = layer(2, dtype="float32")
    how = {"padding": 1, "boundary": boundary, "backend": backend}
    gy, _ = upper(x, w, **how)
    plain = gradients(x, w, gy, **how)
    rooms = [np.empty(a.shape[::-1], dtype).T for a in plain]
    got = (
        fc.nn.grad.conv2d_input(x.shape, w, gy, out=rooms[0], **how),
        fc.nn.grad.conv2d_weight(x, w.shape, gy, out=rooms[1], **how),
        fc.nn.grad.conv2d_bias(gy, out=rooms[2]),
    )
    for mine, room, wanted in zip(got, rooms, plain, strict=True):
        assert mine is room
        if dtype == "int8":
            wanted = np.rint(wanted).clip(-128, 127)
        np.testing.assert_allclose(mine, wanted.astype(dtype), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("boundary", ["constant", "mirror"])
def test_strict_rounds_as_a_plain_sum_does(boundary, backend):
    x = oracle.samples((1, 64, 28, 28), "float32")
    w = oracle.samples((64, 64, 3, 3), "float32", 1)
    how = {"padding": 1, "boundary": boundary, "backend": backend}
    gy, _ = upper(x, w, **how)
    wide = [a.astype(float) for a in (w, gy)]
    exact = fc.nn.grad.conv2d_input(x.shape, *wide, **how)
    size = fc.nn.grad.conv2d_input(x.shape, *map(np.abs, wide), **how)
    strict = fc.nn.grad.conv2d_input(x.shape, w, gy, precision="strict", **how)
    assert np.all(abs(strict - exact) <= 9 * 64 * np.finfo(np.float32).eps * size)
    fast = fc.nn.grad.conv2d_input(x.shape, w, gy, **how)
    bound = 3e-5 * abs(gy).max() * abs(w).sum(axis=(0, 2, 3))
    strips = 1 if boundary == "constant" else 4  # samples in a corner take part in four
    assert np.all(abs(fast - exact) <= strips * bound[:, None, None])


@pytest.mark.parametrize("boundary", ["constant", "wrap"])
@pytest.mark.parametrize(("groups", "taps"), [(1, 3), (1, 1), (80, 3)])
def test_the_same_bits_for_any_number_of_threads(groups, taps, boundary, backend):
    x = oracle.samples((2, 80, 30, 31), "float32")
    w = oracle.samples((80, 80 // groups, taps, taps), "float32", 1)
    how = {"padding": 1, "groups": groups, "boundary": boundary, "backend": backend}
    gy, _ = upper(x, w, **how)
    one, *others = (gradients(x, w, gy, threads=threads, **how) for threads in (1, 2, 3))
    for other in others:
        for mine, wanted in zip(other, one, strict=True):
            np.testing.assert_array_equal(mine, wanted)


@pytest.mark.parametrize(("channels", "filters", "groups"), [(70, 130, 1), (130, 1, 1), (1, 3, 1)])
def test_many_channels_and_outputs(channels, filters, groups, backend):
    """More than one block of everything."""
    x = oracle.samples((3, channels, 9, 610), float)
    w = oracle.samples((filters, channels, 1, 3), float, 1)
    how = {"padding": (0, 1), "backend": backend}
    gy, _ = upper(x, w, **how)
    gw = fc.nn.grad.conv2d_weight(x, w.shape, gy, **how)
    padded = np.pad(x, ((0, 0), (0, 0), (0, 0), (1, 1)))
    for tap in range(3):
        wanted = np.einsum("nkij,ncij->kc", gy, padded[..., tap : tap + 610])
        np.testing.assert_allclose(gw[:, :, 0, tap], wanted, rtol=0, atol=1e-10)


def test_long_sums_stay_accurate(backend):
    """One sum of a million equal products errs by a hundredth, if it is taken in order."""
    x = gy = np.full((1, 1, 1024, 1024), 0.3, np.float32)
    exact = 2**20 * float(x[0, 0, 0, 0]) ** 2
    gw = fc.nn.grad.conv2d_weight(x, (1, 1, 1, 1), gy, backend=backend)
    assert abs(gw.item() - exact) <= np.finfo(np.float32).eps * (2**12 + 2**8) * exact
    gb = fc.nn.grad.conv2d_bias(np.moveaxis(gy, 1, -1), layout="NHWC")
    assert gb.item() == np.float32(2**20 * float(x[0, 0, 0, 0]))


def peak(call):
    """Bytes that a call, made before, asks for at most."""
    call()
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_taps(backend):
    x, w = np.ones((1, 32, 192, 192), np.float32), np.ones((32, 32, 5, 5), np.float32)
    how = {"padding": 2, "boundary": "mirror", "threads": 1, "backend": backend}
    gx, gw = np.empty_like(x), np.empty_like(w)
    assert peak(lambda: fc.nn.grad.conv2d_weight(x, w.shape, x, out=gw, **how)) < 4 << 20
    used = peak(lambda: fc.nn.grad.conv2d_input(x.shape, w, x, out=gx, **how))
    assert used < 4 << 20, "a padded copy has 4.9 MB"


def test_nothing_to_sum(backend):
    w = np.ones((3, 2, 3, 3))
    gx, gw, gb = gradients(np.ones((0, 2, 5, 5)), w, np.ones((0, 3, 3, 3)), backend=backend)
    assert gx.shape == (0, 2, 5, 5)
    assert not gw.any()
    assert not gb.any()
    x, gy = np.ones((1, 2, 0, 5)), np.ones((1, 3, 2, 3))
    gx, gw, gb = gradients(x, w, gy, padding=((2, 2), (0, 0)), backend=backend)
    assert gx.shape == x.shape
    assert not gw.any()
    assert gb.tolist() == [6, 6, 6]


@given(st.data())
def test_gradients_are_adjoints_of_whole_numbers(backend, data):
    """Whole numbers, so that all sums are exact."""
    draw = data.draw
    rank, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    taps = [draw(st.integers(1, 3)) for _ in range(rank)]
    how = {
        "stride": [draw(st.integers(1, 3)) for _ in range(rank)],
        "dilation": [draw(st.integers(1, 3)) for _ in range(rank)],
        "padding": [(draw(st.integers(0, 5)), draw(st.integers(0, 5))) for _ in range(rank)],
        "boundary": [draw(st.sampled_from(oracle.BOUNDARIES)) for _ in range(rank)],
        "groups": groups,
    }
    sizes = [
        draw(st.integers(max((k - 1) * d + 1 - sum(pair), 1), 8))
        for k, d, pair in zip(taps, how["dilation"], how["padding"], strict=True)
    ]
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    dtype = draw(st.sampled_from(["float32", "complex64"]))
    x = rng.integers(-4, 5, (2, 2 * groups, *sizes)).astype(dtype)
    w = rng.integers(-4, 5, (3 * groups, 2, *taps)).astype(dtype)
    y = getattr(fc, f"conv{rank}d")(x, w, backend=backend, **how)
    gy = rng.integers(-4, 5, y.shape).astype(dtype)
    gx, gw, _ = gradients(x, w, gy, backend=backend, **how)
    assert np.vdot(gy, y) == np.vdot(gx, x) == np.vdot(gw, w)
