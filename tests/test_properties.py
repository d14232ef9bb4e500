"""What holds for every convolution, whatever the numbers: laws, checked on drawn questions.

All numbers are small and whole, so that every sum is exact and laws hold to the bit, in every dtype
that kernels calculate in.
"""

from __future__ import annotations

import numpy as np
import oracle
from hypothesis import given
from hypothesis import strategies as st

import fastconv as fc

BORDERS = st.sampled_from(oracle.BOUNDARIES)
MODES = st.sampled_from(["same", "valid", "full"])
KERNEL_DTYPES = st.sampled_from(["int64", "float32", "float64", "complex64"])
SEEDS = st.integers(0, 2**32 - 1)
PAD_NAMES = {"nearest": "edge", "symmetric": "symmetric", "mirror": "reflect", "wrap": "wrap"}


def whole(shape, dtype, seed):
    """Whole numbers from -4 to 4."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(dtype)


@st.composite
def arrays(draw, dtype=None):
    """An array of 1 to 3 axes and a kernel that fits on it."""
    rank = draw(st.integers(1, 3))
    taps = tuple(draw(st.integers(1, 4)) for _ in range(rank))
    shape = tuple(draw(st.integers(k, k + 5)) for k in taps)
    dtype = dtype or draw(KERNEL_DTYPES)
    return whole(shape, dtype, draw(SEEDS)), whole(taps, dtype, draw(SEEDS))


@st.composite
def walks(draw):
    """How a kernel walks: a border, a mode, strides and dilations."""
    return {
        "boundary": draw(BORDERS),
        "mode": draw(st.sampled_from(["same", "full"])),
        "stride": draw(st.integers(1, 3)),
        "dilation": draw(st.integers(1, 3)),
    }


@given(arrays(), walks(), SEEDS, st.integers(-3, 3))
def test_linear_in_the_samples(backend, xw, how, seed, factor):
    x, w = xw
    y = whole(x.shape, x.dtype, seed)
    left = fc.correlate(factor * x + y, w, backend=backend, **how)
    right = fc.correlate(x, w, backend=backend, **how) * factor
    np.testing.assert_array_equal(left, right + fc.correlate(y, w, backend=backend, **how))


@given(arrays(), walks(), SEEDS, st.integers(-3, 3))
def test_linear_in_the_kernel(backend, xw, how, seed, factor):
    x, w = xw
    v = whole(w.shape, w.dtype, seed)
    left = fc.correlate(x, factor * w + v, backend=backend, **how)
    right = fc.correlate(x, w, backend=backend, **how) * factor
    np.testing.assert_array_equal(left, right + fc.correlate(x, v, backend=backend, **how))


@given(arrays(), st.integers(-5, 5), st.integers(1, 3))
def test_wrapping_commutes_with_shifting(backend, xw, shift, dilation):
    x, w = xw
    axes, shifts = tuple(range(x.ndim)), tuple(range(shift, shift + x.ndim))
    how = {"boundary": "wrap", "dilation": dilation, "backend": backend}
    shifted = fc.correlate(np.roll(x, shifts, axes), w, **how)
    np.testing.assert_array_equal(shifted, np.roll(fc.correlate(x, w, **how), shifts, axes))


@given(arrays(), SEEDS)
def test_full_convolution_is_the_adjoint_of_valid_correlation(backend, xw, seed):
    x, w = xw
    down = fc.correlate(x, w, mode="valid", backend=backend)
    y = whole(down.shape, x.dtype, seed)
    up = fc.convolve(y, w, mode="full", backend=backend)
    assert up.shape == x.shape
    assert (down * y).sum() == (x * up).sum()


@given(arrays(), st.data())
def test_an_impulse_shows_the_kernel(backend, xw, data):
    x, w = xw
    where = tuple(data.draw(st.integers(0, n - 1)) for n in x.shape)
    around = tuple(slice(i, i + k) for i, k in zip(where, w.shape, strict=True))
    impulse = np.zeros_like(x)
    impulse[where] = 1
    shown = fc.convolve(impulse, w, mode="full", backend=backend)
    np.testing.assert_array_equal(shown[around], w)
    assert np.count_nonzero(shown) == np.count_nonzero(w)
    shown = fc.correlate(impulse, w, mode="full", backend=backend)
    np.testing.assert_array_equal(shown[around], np.flip(w))


@given(arrays(), BORDERS, MODES, st.integers(1, 3), st.data())
def test_convolution_is_correlation_with_the_flipped_kernel(
    backend, xw, border, mode, stride, data
):
    x, w = xw
    how = {"boundary": border, "mode": mode, "stride": stride, "backend": backend}
    origins = [0] * x.ndim
    if mode == "same":
        origins = [data.draw(st.integers(-(k // 2), (k - 1) // 2)) for k in w.shape]
    np.testing.assert_array_equal(
        fc.convolve(x, w, origin=[-o for o in origins], **how),
        fc.correlate(x, np.flip(w), origin=origins, **how),
    )


@given(arrays())
def test_full_convolution_commutes(backend, xw):
    x, w = xw
    np.testing.assert_array_equal(
        fc.convolve(x, w, mode="full", backend=backend),
        fc.convolve(w, x, mode="full", backend=backend),
    )


@given(arrays(), SEEDS, st.integers(1, 3))
def test_full_convolution_associates(backend, xw, seed, taps):
    x, w = xw
    v = whole((taps,) * x.ndim, x.dtype, seed)
    how = {"mode": "full", "backend": backend}
    one_by_one = fc.convolve(fc.convolve(x, w, **how), v, **how)
    np.testing.assert_array_equal(one_by_one, fc.convolve(x, fc.convolve(w, v, **how), **how))


@given(arrays(), walks(), SEEDS, st.sampled_from(["direct", "separable"]))
def test_factors_are_their_product_and_one_pass_an_axis(backend, xw, how, seed, algorithm):
    x, w = xw
    factors = tuple(whole((k,), x.dtype, seed + i) for i, k in enumerate(w.shape))
    got = fc.correlate(x, factors, backend=backend, algorithm=algorithm, **how)
    dense = np.ones((), x.dtype)
    for factor in factors:
        dense = np.multiply.outer(dense, factor)
    np.testing.assert_array_equal(got, fc.correlate(x, dense, backend=backend, **how))
    passed = x
    for axis, factor in enumerate(factors):
        passed = fc.correlate(passed, factor, axes=axis, backend=backend, **how)
    np.testing.assert_array_equal(got, passed)


@given(arrays(), walks())
def test_a_stride_takes_every_so_many(backend, xw, how):
    x, w = xw
    every = (slice(None, None, how["stride"]),) * x.ndim
    strided = fc.correlate(x, w, backend=backend, **how)
    dense = fc.correlate(x, w, backend=backend, **how | {"stride": 1})
    np.testing.assert_array_equal(strided, dense[every])


@given(arrays(), walks())
def test_dilation_puts_zeros_between_the_taps(backend, xw, how):
    x, w = xw
    spread = np.zeros(tuple((k - 1) * how["dilation"] + 1 for k in w.shape), w.dtype)
    spread[(slice(None, None, how["dilation"]),) * w.ndim] = w
    dilated = fc.correlate(x, w, backend=backend, **how)
    np.testing.assert_array_equal(
        dilated, fc.correlate(x, spread, backend=backend, **how | {"dilation": 1})
    )


@given(arrays("float32"), st.sampled_from(sorted(PAD_NAMES)))
def test_a_border_is_a_padded_array(backend, xw, border):
    x, w = xw
    before = [k // 2 for k in w.shape]
    pads = [(b, k - 1 - b) for b, k in zip(before, w.shape, strict=True)]
    padded = np.pad(x, pads, mode=PAD_NAMES[border])
    np.testing.assert_array_equal(
        fc.correlate(x, w, boundary=border, backend=backend),
        fc.correlate(padded, w, mode="valid", backend=backend),
    )


@st.composite
def layers(draw):
    """Images, filters and bias of a small layer, with its groups and walk."""
    groups = draw(st.integers(1, 3))
    per_group = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    taps = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    size = draw(st.integers(taps[0], 7)), draw(st.integers(taps[1], 7))
    dtype, seed = draw(KERNEL_DTYPES), draw(SEEDS)
    x = whole((draw(st.integers(1, 2)), groups * per_group[0], *size), dtype, seed)
    w = whole((groups * per_group[1], per_group[0], *taps), dtype, seed + 1)
    bias = whole(w.shape[:1], dtype, seed + 2)
    how = {"stride": draw(st.integers(1, 2)), "padding": draw(st.integers(0, 2))}
    return x, w, bias, groups, how | {"boundary": draw(BORDERS)}


@given(layers())
def test_groups_do_not_see_each_other(backend, layer):
    x, w, bias, groups, how = layer
    whole_layer = fc.conv2d(x, w, bias, groups=groups, backend=backend, **how)
    split = (np.split(a, groups, axis) for a, axis in ((x, 1), (w, 0), (bias, 0)))
    parts = [fc.conv2d(*group, backend=backend, **how) for group in zip(*split, strict=True)]
    np.testing.assert_array_equal(whole_layer, np.concatenate(parts, axis=1))


@given(layers())
def test_images_and_filters_do_not_see_each_other(backend, layer):
    x, w, bias, groups, how = layer
    together = fc.conv2d(x, w, bias, groups=groups, backend=backend, **how)
    for image in range(len(x)):
        alone = fc.conv2d(x[image], w, bias, groups=groups, backend=backend, **how)
        np.testing.assert_array_equal(together[image], alone)
    if groups == 1:
        for k in range(len(w)):
            alone = fc.conv2d(x, w[k : k + 1], bias[k : k + 1], backend=backend, **how)
            np.testing.assert_array_equal(together[:, k : k + 1], alone)


@given(layers(), st.randoms(use_true_random=False))
def test_the_order_of_channels_does_not_matter(backend, layer, random):
    x, w, bias, groups, how = layer
    order = list(range(w.shape[1]))
    random.shuffle(order)
    channels = [g * w.shape[1] + c for g in range(groups) for c in order]
    np.testing.assert_array_equal(
        fc.conv2d(x[:, channels], w[:, order], bias, groups=groups, backend=backend, **how),
        fc.conv2d(x, w, bias, groups=groups, backend=backend, **how),
    )


@given(layers())
def test_a_depth_of_one_changes_nothing(backend, layer):
    x, w, bias, groups, how = layer
    how |= {"groups": groups, "backend": backend}
    deep = how | {"stride": (1, *[how["stride"]] * 2), "padding": (0, *[how["padding"]] * 2)}
    np.testing.assert_array_equal(
        fc.conv3d(x[:, :, None], w[:, :, None], bias, **deep)[:, :, 0],
        fc.conv2d(x, w, bias, **how),
    )
