"""The five borders: their pictures, kernels far wider than the array, a border for each axis."""

from __future__ import annotations

from itertools import product

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from fastconv.problem.boundary import OUTSIDE, index_map, runs


@pytest.mark.parametrize(
    ("boundary", "picture"),
    [
        ("constant", "kkkkkk|abcd|kkkkkk"),
        ("nearest", "aaaaaa|abcd|dddddd"),
        ("symmetric", "cddcba|abcd|dcbaab"),
        ("mirror", "abcdcb|abcd|cbabcd"),
        ("wrap", "cdabcd|abcd|abcdab"),
    ],
)
def test_pictures(boundary, picture, backend):
    x, first = np.frombuffer(b"abcd", np.uint8), np.eye(7, dtype=np.uint8)[0]
    how = {"mode": "full", "boundary": boundary, "cval": ord("k"), "backend": backend}
    left = bytes(fc.correlate(x, first, **how)[:6])
    inside_and_right = bytes(fc.correlate(x, first[::-1], **how))
    assert (left + inside_and_right).decode() == picture.replace("|", "")


@pytest.mark.parametrize("algorithm", ["direct", "separable"])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("taps", [2, 3, 6, 13])
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_kernels_wider_than_the_array(boundary, taps, n, algorithm, backend):
    x = oracle.samples((n, 3), np.int32, 2)
    w = oracle.small((taps,), np.int32), oracle.small((4,), np.int32, 5)
    wanted = oracle.correlate(x, w, boundary=boundary, cval=-7).everywhere()
    if algorithm == "direct":
        w = np.outer(*w)
    got = fc.correlate(x, w, boundary=boundary, cval=-7, algorithm=algorithm, backend=backend)
    assert_close(got, wanted)


@pytest.mark.parametrize("boundary", list(product(oracle.BOUNDARIES, repeat=2)), ids="-".join)
def test_a_border_for_each_axis(boundary, backend):
    x, w = oracle.samples((4, 5), float), oracle.samples((5, 3), float)
    how = {"boundary": boundary, "cval": 1.5}
    wanted = oracle.correlate(x, w, **how).everywhere()
    assert_close(fc.correlate(x, w, backend=backend, **how), wanted)
    wanted = oracle.convolve(x, w, mode="full", **how).everywhere()
    assert_close(fc.convolve(x, w, mode="full", backend=backend, **how), wanted)


@pytest.mark.parametrize(
    "boundary", list(product(["constant", "wrap", "mirror"], repeat=3)), ids="-".join
)
def test_a_border_for_each_axis_of_a_volume_of_factors(boundary, backend):
    x = oracle.samples((3, 2, 4), float)
    w = tuple(oracle.samples((k,), float) for k in (3, 2, 5))
    how = {"boundary": boundary, "cval": -0.5}
    got = fc.correlate(x, w, backend=backend, algorithm="separable", **how)
    assert_close(got, oracle.correlate(x, w, **how).everywhere())


def test_a_list_of_borders_is_one_for_each_axis(backend):
    x, w = oracle.samples((4, 5), float), oracle.samples((3, 3), float)
    got = fc.correlate(x, w, boundary=["wrap", "nearest"], backend=backend)
    np.testing.assert_array_equal(
        got, fc.correlate(x, w, boundary=("wrap", "nearest"), backend=backend)
    )


@pytest.mark.parametrize("cval", [0, 3, -2.5, np.float32(0.5), np.int64(7)])
@pytest.mark.parametrize("algorithm", ["direct", "separable"])
def test_cval(cval, algorithm, backend):
    x, w = oracle.samples((3, 4), float), (oracle.samples((3,), float), oracle.samples((2,), float))
    wanted = oracle.correlate(x, w, cval=float(cval)).everywhere()
    if algorithm == "direct":
        w = np.outer(*w)
    assert_close(fc.correlate(x, w, cval=cval, algorithm=algorithm, backend=backend), wanted)


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_valid_mode_never_looks_outside(boundary, backend):
    x, w = oracle.samples((4, 6), float), oracle.samples((2, 3), float)
    got = fc.correlate(x, w, mode="valid", boundary=boundary, cval=np.nan, backend=backend)
    np.testing.assert_array_equal(got, fc.correlate(x, w, mode="valid", backend=backend))


@pytest.mark.parametrize("boundary", ["nearest", "symmetric", "mirror", "wrap"])
def test_a_flat_image_stays_flat(boundary, backend):
    x = np.full((6, 5), 3.0)
    got = fc.correlate(x, np.ones((3, 8)), boundary=boundary, backend=backend)
    assert np.all(got == 72)


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_runs_are_the_index_map(boundary):
    for n, start, length in product((1, 2, 3, 4, 7), range(-80, 15), (1, 2, 3, 5, 9, 40, 90)):
        for starts in ((start,), (start, start + 95, 0)):
            filled = np.full(length * len(starts), -99)
            for place, count, first, step in runs(boundary, starts, length, n).tolist():
                filled[place : place + count] = (
                    OUTSIDE if first == OUTSIDE else first + step * np.arange(count)
                )
            wanted = [index_map(boundary, first, first + length, n) for first in starts]
            np.testing.assert_array_equal(filled, np.concatenate(wanted))


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_runs_are_in_order_and_few(boundary):
    for n, start, length in product((1, 2, 5, 100), range(-12, 3), (1, 30, 104)):
        table = runs(boundary, (start, start + 200), length, n)
        ends = table[:, 0] + table[:, 1]
        assert table[0, 0] == 0
        np.testing.assert_array_equal(table[1:, 0], ends[:-1])
        assert ends[-1] == 2 * length
    assert len(runs(boundary, (-2,), 104, 100)) <= 5


@pytest.mark.parametrize("dtype", ["uint8", "complex64"])
@pytest.mark.parametrize("boundary", [("wrap", "mirror"), ("symmetric", "wrap")], ids="-".join)
def test_kernels_as_wide_as_many_arrays(boundary, dtype, backend):
    for shape, taps in (((3, 40), (61, 3)), ((40, 3), (3, 61)), ((2, 3), (41, 50))):
        x, w = oracle.samples(shape, dtype), oracle.small(taps, dtype)
        wanted = oracle.by_taps(x, w, boundary=boundary)
        assert_close(fc.correlate(x, w, boundary=boundary, backend=backend), wanted)
