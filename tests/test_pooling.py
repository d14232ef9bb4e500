"""Pooling and its gradients: against plain loops over windows, and against PyTorch."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from fastconv import nn
from fastconv.nn import windows as pieces

# name: height and width, then what max_pool2d takes
CASES = {
    "2": ((6, 8), {"kernel_size": 2}),
    "3 with rests": ((8, 7), {"kernel_size": 3}),
    "overlap": ((7, 9), {"kernel_size": 3, "stride": 1}),
    "resnet": ((9, 8), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "gaps": ((9, 10), {"kernel_size": 2, "stride": 3}),
    "oblong": ((7, 9), {"kernel_size": (1, 4), "stride": (2, 1), "padding": (0, 2)}),
    "whole": ((4, 5), {"kernel_size": (4, 5)}),
    "one pixel": ((1, 1), {"kernel_size": 3, "stride": 2, "padding": 1}),
    "ceil": ((8, 9), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
    "ceil with padding": ((6, 5), {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True}),
    "ceil drops": ((3, 5), {"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}),
    "ceil, larger": ((2, 3), {"kernel_size": 3, "stride": 2, "ceil_mode": True}),
}
DILATED = {
    "dilated": ((9, 9), {"kernel_size": 3, "stride": 2, "dilation": 2}),
    "dilated, padded": ((8, 9), {"kernel_size": (2, 3), "padding": 1, "dilation": (3, 2)}),
    "dilated, ceil": ((8, 10), {"kernel_size": 2, "stride": 3, "dilation": 3, "ceil_mode": True}),
    "padded by half": ((5, 9), {"kernel_size": (2, 3), "padding": (2, 3), "dilation": (3, 3)}),
    "nothing under it": ((1, 4), {"kernel_size": 2, "stride": 1, "padding": 1, "dilation": 2}),
}
MAXIMA = CASES | DILATED


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def starts(n, k, s, p, d, ceil):
    """Where windows begin: as long as one fits, or, rounding up, as long as one is needed."""
    extent = (k - 1) * d + 1
    found, start = [], -p
    while start + extent <= n + p or (ceil and start < n and start - s + extent < n + p):
        found.append(start)
        start += s
    return found


def windows(shape, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """For each output, the places that its window looks at, padding included."""
    sizes = pair(kernel_size)
    steps = sizes if stride is None else pair(stride)
    each = zip(shape, sizes, steps, pair(padding), pair(dilation), strict=True)
    along = [
        [[start + tap * d for tap in range(k)] for start in starts(n, k, s, p, d, ceil_mode)]
        for n, k, s, p, d in each
    ]
    return {
        (o, q): list(product(rows, columns))
        for o, rows in enumerate(along[0])
        for q, columns in enumerate(along[1])
    }


def inside(places, shape, margin=(0, 0)):
    return [
        place
        for place in places
        if all(i < n + m for i, n, m in zip(place, shape, margin, strict=True)) and min(place) >= 0
    ]


def counted(how, include):
    """A function that counts the places of a window: all but those beyond the padding, or fewer."""
    pads = pair(how.get("padding", 0)) if include else (0, 0)

    def count(places, shape):
        within = [pad + n for pad, n in zip(pads, shape, strict=True)]
        return sum(-pads[0] <= i < within[0] and -pads[1] <= j < within[1] for i, j in places)

    return count


def under(places, shape):
    """The places of a window at which there is a sample, row by row."""
    return [(i, j) for i, j in places if 0 <= i < shape[0] and 0 <= j < shape[1]]


def pooled(x, function, how):
    """``function(plane, places)`` at each window of each channel, ``(N, C, H, W)``."""
    found = windows(x.shape[2:], **how)
    height, width = np.max(list(found), axis=0) + 1
    out = np.empty((*x.shape[:2], height, width), object)
    for n, c, o, q in np.ndindex(out.shape):
        out[n, c, o, q] = function(x[n, c], found[o, q])
    return out


def sent_back(grads, shape, shares, how):
    """Each window's number added to samples of it: ``shares(n, c, places)`` says how much."""
    found = windows(shape[2:], **how)
    out = np.zeros(shape)
    for n, c, o, q in np.ndindex(grads.shape):
        for place, share in shares(n, c, found[o, q]):
            out[(n, c, *place)] += share * grads[n, c, o, q]
    return out


def last(x):
    """The same with the channels last."""
    return np.moveaxis(x, -3, -1)


def same_in_other_layouts(function, wanted, *arrays, **how):
    """Channels last, no batch, and arrays that are not contiguous change nothing."""
    assert_array_equal(function(*map(last, arrays), **how, layout="NHWC"), last(wanted))
    assert_array_equal(function(*(a[0] for a in arrays), **how), wanted[0])
    assert_array_equal(function(*(a[:, ::-1] for a in arrays), **how), wanted[:, ::-1])


# -- maxima ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("case", MAXIMA)
def test_maxima_of_large_maps_are_found_in_pieces(case, layout, monkeypatch):
    (height, width), how = MAXIMA[case]
    shape = (3, 2, height, width) if layout == "NCHW" else (3, height, width, 2)
    x = oracle.samples(shape, "float32")
    wanted = nn.max_pool2d(x, **how, layout=layout)
    monkeypatch.setattr(pieces, "SHARED_BYTES", 0)
    for size in (1, 40, 300):
        monkeypatch.setattr(pieces, "PIECE_BYTES", size)
        assert_array_equal(nn.max_pool2d(x, **how, layout=layout), wanted)


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8", "int8"])
@pytest.mark.parametrize("name", MAXIMA)
def test_largest_of_each_window(name, dtype):
    size, how = MAXIMA[name]
    x = oracle.samples((2, 3, *size), dtype)
    lowest = np.iinfo(dtype).min if x.dtype.kind in "iu" else -math.inf

    def largest(plane, places):
        return max((plane[place] for place in under(places, size)), default=lowest)

    found = nn.max_pool2d(x, **how)
    assert found.dtype == dtype
    assert_array_equal(found, pooled(x, largest, how).astype(dtype))
    same_in_other_layouts(nn.max_pool2d, found, x, **how)


def test_bool_counts_as_uint8():
    found = nn.max_pool2d(np.array([[[False, True], [False, False]]]), (1, 2))
    assert found.dtype == np.uint8
    assert found.tolist() == [[[1], [0]]]


def test_nan_and_infinities_reach_their_windows_only():
    x = np.zeros((1, 6, 6), np.float32)
    x[0, 0, 0], x[0, 1, 5], x[0, 5, :2] = np.nan, np.inf, -np.inf
    with np.errstate(all="raise"):
        assert_array_equal(nn.max_pool2d(x, 2), [[[np.nan, 0, np.inf], [0, 0, 0], [0, 0, 0]]])
        x[0, 4, :2] = -np.inf
        found = nn.avg_pool2d(x, 2)
    assert_array_equal(found, [[[np.nan, 0, np.inf], [0, 0, 0], [-np.inf, 0, 0]]])


@pytest.mark.parametrize("kind", ["ties", "distinct", "nan"])
@pytest.mark.parametrize("name", MAXIMA)
def test_gradient_goes_to_the_first_that_is_largest(name, kind):
    size, how = MAXIMA[name]
    x = oracle.samples((2, 3, *size), "float64")
    if kind == "ties":
        x = np.maximum(np.round(x), 0)
    if kind == "nan":
        x[..., ::2, ::3] = np.nan

    def first(n, c, places):
        inside = under(places, size)
        nans = [place for place in inside if math.isnan(x[n, c][place])]
        return [((nans or [max(inside, key=lambda place: x[n, c][place])])[0], 1)] if inside else []

    grads = np.round(4 * oracle.samples(nn.max_pool2d(x, **how).shape, "float32"))
    found = nn.grad.max_pool2d(x, grads, **how)
    assert found.dtype == np.float32
    assert_array_equal(found, sent_back(grads, x.shape, first, how))
    same_in_other_layouts(nn.grad.max_pool2d, found, x, grads, **how)


def test_gradient_of_infinity_stays_where_it_is():
    grads = np.array([[[np.inf, 1.0]]])
    found = nn.grad.max_pool2d([[[3.0, 2.0, 1.0, 4.0]]], grads, (1, 2))
    assert found.tolist() == [[[np.inf, 0.0, 0.0, 1.0]]]


def test_maxima_of_integers_have_gradients():
    found = nn.grad.max_pool2d(np.array([[[3, 9]]], np.uint8), [[[0.5]]], (1, 2))
    assert found.tolist() == [[[0.0, 0.5]]]


# -- means ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("name", CASES)
def test_mean_of_each_window(name, dtype, include):
    size, how = CASES[name]
    x = oracle.samples((2, 3, *size), dtype)
    count = counted(how, include)

    def mean(plane, places):
        return sum(float(plane[place]) for place in under(places, size)) / count(places, size)

    found = nn.avg_pool2d(x, **how, count_include_pad=include)
    assert found.dtype == dtype
    terms = math.prod(pair(how["kernel_size"])) + 2
    close(found, pooled(x, mean, how).astype(float), terms * np.abs(x).max())
    same_in_other_layouts(nn.avg_pool2d, found, x, **how, count_include_pad=include)


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_gradient_is_shared(name, include):
    size, how = CASES[name]
    count = counted(how, include)

    def shared(n, c, places):
        return [(place, 1 / count(places, size)) for place in under(places, size)]

    shape = (2, 3, *size)
    pooled_shape = nn.avg_pool2d(np.zeros(shape), **how).shape
    grads = oracle.samples(pooled_shape, "float32")
    found = nn.grad.avg_pool2d(shape, grads, **how, count_include_pad=include)
    assert found.dtype == np.float32
    terms = math.prod(pair(how["kernel_size"])) + 2
    close(found, sent_back(grads, shape, shared, how), terms * np.abs(grads).max())
    channels_last = nn.grad.avg_pool2d(
        (2, *size, 3), last(grads), **how, count_include_pad=include, layout="NHWC"
    )
    assert_array_equal(channels_last, last(found))


def close(actual, wanted, terms):
    """Sums of terms of about unit size."""
    assert_allclose(actual, wanted, rtol=0, atol=terms * np.finfo(actual.dtype).eps)


# -- laws -----------------------------------------------------------------------------------------


@st.composite
def walks(draw):
    """A size, and windows that find a sample on it."""
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    return {
        "size": tuple(draw(st.integers(k, k + 6)) for k in kernel),
        "how": {
            "kernel_size": tuple(kernel),
            "stride": tuple(draw(st.integers(1, 4)) for _ in range(2)),
            "padding": tuple(draw(st.integers(0, k // 2)) for k in kernel),
            "ceil_mode": draw(st.booleans()),
        },
    }


@given(walks(), st.integers(0, 2**32 - 1))
def test_laws(walk, seed):
    size, how = walk["size"], walk["how"]
    x = np.random.default_rng(seed).permutation(2 * size[0] * size[1]).reshape(1, 2, *size)
    largest = nn.max_pool2d(x, **how)
    ones = np.ones(largest.shape)
    chosen = nn.grad.max_pool2d(x, ones, **how)
    assert chosen.sum() == ones.sum()
    assert set(x[chosen > 0]) == set(largest.ravel())
    means = nn.avg_pool2d(x.astype(float), **how, count_include_pad=False)
    assert np.all(means <= largest)
    assert np.all(nn.avg_pool2d(np.ones((1, *size)), **how, count_include_pad=False) == 1)
    back = nn.grad.avg_pool2d(x.shape, largest.astype(float), **how)
    forth = nn.avg_pool2d(x.astype(float), **how)
    assert math.isclose((forth * largest).sum(), (back * x).sum(), rel_tol=1e-12)


def test_arrays_without_samples_or_channels():
    for shape in ((0, 3, 4, 4), (2, 0, 4, 4)):
        x, pooled_shape = np.zeros(shape), (*shape[:2], 2, 2)
        assert nn.max_pool2d(x, 2).shape == nn.avg_pool2d(x, 2).shape == pooled_shape
        assert nn.grad.max_pool2d(x, np.zeros(pooled_shape), 2).shape == shape
        assert nn.grad.avg_pool2d(shape, np.zeros(pooled_shape), 2).shape == shape


# -- PyTorch --------------------------------------------------------------------------------------


def with_gradient(torch, function, x, grads):
    tensor = torch.tensor(x, requires_grad=True)
    result = function(tensor)
    result.backward(torch.tensor(grads))
    return result.detach().numpy(), tensor.grad.numpy()


@pytest.mark.parametrize("name", [*CASES, "dilated", "dilated, padded", "dilated, ceil"])
def test_torch_max(name, torch):
    size, how = MAXIMA[name]
    x = np.maximum(np.round(2 * oracle.samples((2, 3, *size), "float32")), 0)
    found = nn.max_pool2d(x, **how)
    grads = oracle.samples(found.shape, "float32")

    def function(tensor):
        return torch.nn.functional.max_pool2d(tensor, **how)

    result, gradient = with_gradient(torch, function, x, grads)
    assert_array_equal(found, result)
    close(nn.grad.max_pool2d(x, grads, **how), gradient, 50)
    x[0, 0, 0, 0] = np.nan
    assert_array_equal(nn.max_pool2d(x, **how), function(torch.tensor(x)).numpy())


@pytest.mark.parametrize("include", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_torch_avg(name, include, torch):
    size, how = CASES[name]
    x = oracle.samples((2, 3, *size), "float64")
    found = nn.avg_pool2d(x, **how, count_include_pad=include)
    grads = oracle.samples(found.shape, "float64")

    def function(tensor):
        return torch.nn.functional.avg_pool2d(tensor, **how, count_include_pad=include)

    result, gradient = with_gradient(torch, function, x, grads)
    close(found, result, 100)
    close(nn.grad.avg_pool2d(x.shape, grads, **how, count_include_pad=include), gradient, 100)
