"""The checkers checked: the oracle against sums by hand and SciPy; each seen to fail once."""

from __future__ import annotations

import by_taps
import numpy as np
import oracle
import pytest
from tolerance import assert_close, stored_as


@pytest.mark.parametrize(
    ("boundary", "before", "after"),
    [
        ("symmetric", "dcbaabcddcba", "dcbaabcddcba"),
        ("mirror", "dcbabcdcb", "cbabcdcba"),
        ("nearest", "aaaaaaaaa", "ddddddddd"),
        ("wrap", "dabcdabcd", "abcdabcda"),
    ],
)
def test_borders_look_like_their_pictures(boundary, before, after):
    def drawn(positions):
        return "".join("abcd"[oracle.source(boundary, i, 4)] for i in positions)

    assert drawn(range(-len(before), 0)) == before
    assert drawn(range(4, 4 + len(after))) == after


def test_a_constant_border_reads_nothing_outside():
    assert [oracle.source("constant", i, 2) for i in range(-1, 3)] == [None, 0, 1, None]


@pytest.mark.parametrize("boundary", ["nearest", "symmetric", "mirror", "wrap"])
def test_one_sample_is_every_neighbour(boundary):
    assert {oracle.source(boundary, i, 1) for i in range(-5, 6)} == {0}


@pytest.mark.parametrize(
    ("w", "how", "by_hand"),
    [
        ([10, 1, 0], {}, [1, 12, 23, 34]),
        ([10, 1, 0], {"cval": 7}, [71, 12, 23, 34]),
        ([10, 1, 0], {"boundary": "wrap"}, [41, 12, 23, 34]),
        ([10, 1, 0], {"mode": "valid"}, [12, 23]),
        ([10, 1, 0], {"mode": "full"}, [0, 1, 12, 23, 34, 40]),
        ([10, 1, 0], {"stride": 2}, [1, 23]),
        ([10, 1], {"dilation": 2}, [2, 13, 24, 30]),
        ([1, 10, 100], {"origin": 1}, [100, 210, 321, 432]),
        (([1, 10, 100],), {"boundary": "mirror"}, [212, 321, 432, 343]),
    ],
)
def test_correlate_by_hand(w, how, by_hand):
    assert oracle.correlate([1, 2, 3, 4], w, **how).everywhere().values.tolist() == by_hand


def test_convolve_by_hand():
    assert oracle.convolve([1, 2, 3, 4], [10, 1, 0]).everywhere().values.tolist() == [21, 32, 43, 4]
    assert oracle.convolve([0, 0, 1, 0], [1, 2]).everywhere().values.tolist() == [0, 0, 1, 2]


def test_axes_by_hand():
    x = np.arange(12).reshape(2, 3, 2)
    summed = oracle.correlate(x, [[1, 1, 1], [1, 1, 1]], axes=(2, 1), mode="valid")
    assert summed.everywhere().values.tolist() == [[[15]], [[51]]]


def test_conv_by_hand():
    x = [[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]]
    summed = oracle.conv(x, [[[[10]], [[1]]]])
    assert summed.everywhere().values.tolist() == [[[[15, 26], [37, 48]]]]
    grouped = oracle.conv(x, [[[[10]]], [[[1]]]], [-50, 3], groups=2, activation="relu")
    assert grouped.everywhere().values.tolist() == [[[[0, 0], [0, 0]], [[8, 9], [10, 11]]]]
    padded = oracle.conv(x, np.ones((1, 2, 2, 2), int), stride=2, padding=[(1, 0), (1, 1)])
    assert padded.everywhere().values.tolist() == [[[[6, 8]]]]


def test_integers_do_not_wrap_and_floats_are_doubles():
    huge = oracle.correlate(np.array([2**63 - 1]), np.array([2**63 - 1]))
    assert huge.everywhere().values.tolist() == [(2**63 - 1) ** 2]
    fine = oracle.correlate(np.float32([1]), np.float64([0.1]))
    assert fine.everywhere().values.tolist() == [0.1]


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("mode", ["same", "valid", "full"])
def test_taps_say_what_loops_say(boundary, mode):
    rng = np.random.default_rng(0)
    x, w = rng.integers(-9, 9, (4, 5, 6)), rng.integers(-9, 9, (3, 2))
    how = {"axes": (2, 0), "mode": mode, "boundary": (boundary, "constant"), "cval": 3}
    how |= {"stride": (1, 2), "dilation": (2, 1)}
    loops, taps = oracle.correlate(x, w, **how).everywhere(), oracle.by_taps(x, w, **how)
    np.testing.assert_array_equal(taps.values.astype(int), loops.values.astype(int))
    np.testing.assert_array_equal(taps.magnitude.astype(float), loops.magnitude)


@pytest.mark.parametrize(
    ("boundary", "scipy_name"),
    [
        ("constant", "constant"),
        ("nearest", "nearest"),
        ("symmetric", "reflect"),
        ("mirror", "mirror"),
        ("wrap", "wrap"),
    ],
)
@pytest.mark.parametrize("shape", [(1, 2), (3, 4), (2, 5)])
def test_scipy_agrees_with_the_oracle(boundary, scipy_name, shape):
    ndimage = pytest.importorskip("scipy.ndimage")
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(3, 5)), rng.normal(size=shape)
    ours = oracle.correlate(x, w, boundary=boundary, cval=2.0).everywhere()
    assert_close(ndimage.correlate(x, w, mode=scipy_name, cval=2.0), ours)


def test_sampled_points_include_every_corner():
    points = oracle.spread((4, 7), 20)
    assert {(0, 0), (0, 6), (3, 0), (3, 6)} <= set(points)
    everywhere = oracle.correlate(np.arange(28).reshape(4, 7), np.ones((3, 3), int))
    sampled = everywhere.at(points).values.tolist()
    assert sampled == [everywhere.everywhere().values[p] for p in points]


def test_conv_transpose_by_hand():
    x, w = [[[1, 2]]], [[[1, 10, 100]]]
    for how, wanted in (
        ({}, [1, 12, 120, 200]),
        ({"stride": 2}, [1, 10, 102, 20, 200]),
        ({"stride": 2, "output_padding": 1}, [1, 10, 102, 20, 200, 0]),
        ({"stride": 2, "padding": [(1, 2)]}, [10, 102]),
        ({"dilation": 2, "bias": [1000]}, [1001, 1002, 1010, 1020, 1100, 1200]),
    ):
        assert oracle.conv_transpose(x, w, **how).everywhere().values.tolist() == [[wanted]]


def test_conv_transpose_groups_by_hand():
    x, w = [[[1], [2], [3], [4]]], [[[1], [10]]] * 4
    wanted = [[[3], [30], [7], [70]]]
    assert oracle.conv_transpose(x, w, groups=2).everywhere().values.tolist() == wanted


def test_conv_gradients_by_hand():
    gx, gw = oracle.conv_gradients([[[1, 2, 3]]], [[[1, 10]]], [[[1, 0]]])
    assert gx.values.tolist() == [[[1, 10, 0]]]
    assert gw.values.tolist() == [[[1, 2]]]
    how = {"padding": 1, "boundary": "wrap"}
    gx, gw = oracle.conv_gradients([[[1, 2, 3]]], [[[1, 10]]], [[[1, 0, 0, 100]]], **how)
    assert gx.values.tolist() == [[[1010, 0, 101]]]
    assert gw.values.tolist() == [[[303, 101]]]
    assert (gx.terms, gw.terms) == (3, 4)


def integers(*shape):
    return np.random.default_rng(sum(shape)).integers(-9, 9, shape)


def same(taps, loops):
    np.testing.assert_array_equal(taps.values.astype(int), loops.values.astype(int))
    np.testing.assert_array_equal(taps.magnitude, loops.magnitude)
    assert taps.terms >= loops.terms


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("groups", [1, 2])
def test_layers_by_taps_say_what_loops_say(boundary, groups):
    x, w = integers(2, 4, 5, 6), integers(6, 4 // groups, 3, 2)
    how = {"stride": (1, 2), "padding": [(1, 2), (0, 3)], "dilation": (2, 1), "groups": groups}
    how["boundary"] = (boundary, "constant")
    more = {"bias": integers(6), "activation": "relu"}
    wanted = oracle.conv(x, w, **how, **more).everywhere()
    same(by_taps.conv(x, w, **how, **more), wanted)
    gy = integers(*wanted.values.shape)
    for taps, loops in zip(
        by_taps.conv_gradients(x, w, gy, **how),
        oracle.conv_gradients(x, w, gy, **how),
        strict=True,
    ):
        same(taps, loops)


@pytest.mark.parametrize("groups", [1, 2])
def test_transposed_layers_by_taps_say_what_loops_say(groups):
    x, w = integers(2, 4, 3, 4), integers(4, 3, 3, 2)
    how = {"stride": (1, 3), "padding": [(1, 2), (0, 1)], "output_padding": (0, 2)}
    how |= {"dilation": (2, 1), "groups": groups, "bias": integers(3 * groups)}
    wanted = oracle.conv_transpose(x, w, **how, activation="relu").everywhere()
    same(by_taps.conv_transpose(x, w, **how, activation="relu"), wanted)


def test_complex_gradients_by_taps_are_conjugated():
    x, w, gy = (integers(1, 2, n) + 1j * integers(1, 2, n) for n in (5, 2, 4))
    for taps, loops in zip(
        by_taps.conv_gradients(x, w.reshape(1, 2, 2), gy[:, :1]),
        oracle.conv_gradients(x, w.reshape(1, 2, 2), gy[:, :1]),
        strict=True,
    ):
        np.testing.assert_array_equal(taps.values, loops.values.astype(complex))


def expected(*values, magnitude=1.0, terms=1):
    return oracle.Expected(np.array(values, dtype=object), np.full(len(values), magnitude), terms)


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (np.float64([1 + 1e-12]), expected(1.0)),
        (np.float32([1 + 1e-5]), expected(1.0)),
        (np.float16([1.01]), expected(1.0)),
        (np.complex64([1 + 1e-5j]), expected(1.0)),
        (np.float64([np.nan]), expected(1.0)),
        (np.float64([1.0]), expected(float("nan"))),
        (np.float64([np.inf]), expected(-np.inf)),
        (np.float16([65504]), expected(1e6, magnitude=1e6)),
        (np.uint8([4]), expected(5)),
        (np.uint8([0]), expected(256)),
        (np.int64([2**62]), expected(2**62 + 1)),
        (np.float64([1.0, 1.0]), expected(1.0)),
    ],
)
def test_assert_close_fails(actual, wanted):
    with pytest.raises(AssertionError):
        assert_close(actual, wanted)


@pytest.mark.parametrize(
    ("actual", "wanted"),
    [
        (np.float64([1 + 1e-15]), expected(1.0)),
        (np.float32([1e-6]), expected(0.0, magnitude=2.0, terms=1)),
        (np.float16([1.001]), expected(1.0)),
        (np.float64([np.nan, np.inf]), expected(float("nan"), np.inf)),
        (np.float16([np.inf]), expected(1e6, magnitude=1e6)),
        (np.uint8([255, 0, 2, 4, 0]), expected(256, -1, 2.5, 3.5, float("nan"))),
        (np.uint64([2**64 - 1]), expected(2**70)),
        (np.zeros((0,), np.float32), expected()),
    ],
)
def test_assert_close_passes(actual, wanted):
    assert_close(actual, wanted)


def test_the_computing_dtype_sets_the_bound():
    off = np.float64([1 + 1e-7])
    assert_close(off, expected(1.0), compute=np.float32)
    with pytest.raises(AssertionError):
        assert_close(off, expected(1.0))


def test_saturation_of_infinities():
    assert stored_as(np.array([np.inf, -np.inf]), np.dtype(np.int8)).tolist() == [127, -128]
