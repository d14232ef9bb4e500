"""Kernels taken apart: within the bound that is promised, exactly for integers, or not at all."""

from __future__ import annotations

from functools import reduce

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv.problem import lowrank

SHAPES = [(4, 4), (5, 9), (31, 4), (4, 5, 6), (4, 1, 7), (4, 2, 3, 4)]


def whole(product):
    """A product multiplied out, in double precision or in Python's integers."""
    wide = (f.astype(object if f.dtype.kind == "i" else f.dtype) for f in product)
    return reduce(np.multiply.outer, wide)


def check(w, rank):
    """Find so many products, and hold their sum to the bound."""
    found = lowrank.factors(w)
    assert len(found) == rank
    assert all(factor.dtype == w.dtype for product in found for factor in product)
    terms = [whole([f.astype(float) for f in product]) for product in found]
    allowed = np.finfo(w.dtype).eps * sum(w.shape) * sum(map(np.abs, terms))
    assert np.all(np.abs(w.squeeze() - sum(terms)) <= allowed)
    return found


def products(shape, rank, dtype):
    """A kernel that is a sum of so many products, rounded once."""
    drawn = [
        [oracle.samples((k,), float, 10 * n + i) for i, k in enumerate(shape)] for n in range(rank)
    ]
    return sum(map(whole, drawn)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_product_along_any_axes(shape, dtype):
    w = products(shape, 1, dtype)
    (found,) = check(w, 1)
    assert [f.size for f in found] == [k for k in shape if k > 1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rank", [2, 3])
@pytest.mark.parametrize("shape", [(9, 7), (31, 31), (8, 1, 9)], ids=str)
def test_several_products_along_two_axes(shape, rank, dtype):
    check(products(shape, rank, dtype), rank)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_more_products_than_are_looked_for_are_none(dtype):
    assert lowrank.factors(products((9, 9), 2, dtype), 1) is None
    assert lowrank.factors(products((9, 9), lowrank.MOST + 1, dtype)) is None
    assert lowrank.factors(products((5, 5, 5), 2, dtype)) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("place", [(0, 0), (3, 4), "the largest"], ids=str)
@pytest.mark.parametrize(("part", "found"), [(0.1, True), (4, False)])
def test_a_product_but_for_one_weight(part, found, place, dtype):
    """The bound decides, wherever the one weight lies that is not the product's."""
    w = products((6, 9), 1, dtype)
    at = np.unravel_index(np.argmax(np.abs(w)), w.shape) if place == "the largest" else place
    w[at] *= 1 + part * np.finfo(dtype).eps * sum(w.shape)
    assert (lowrank.factors(w, 1) is not None) is found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_weight_that_should_not_be_zero(dtype):
    w = products((6, 9), 1, dtype)
    w[2, 3] = 0
    assert lowrank.factors(w, 1) is None
    check(w, 2)


@pytest.mark.parametrize(("dtype", "small"), [("float32", 1e-30), ("float64", 1e-200)])
def test_a_product_that_is_lost_below_the_range(dtype, small):
    """Zero times infinity is not what two small factors make of it."""
    line = np.array([1, 1, 1, small])
    w = np.outer(line, line).astype(dtype)
    assert w[3, 3] == 0
    assert lowrank.factors(w, 1) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite(bad):
    w = products((5, 5), 1, float)
    w[1, 2] = bad
    assert lowrank.factors(w) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_that_cancel_are_not_taken(dtype):
    """A cross with a heavy centre: a square, and all of it but the cross taken away again."""
    w = np.zeros((9, 9), dtype)
    w[4] = w[:, 4] = 1
    w[4, 4] = 2
    assert np.linalg.matrix_rank(w) == 2
    assert lowrank.factors(w) is None


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", object])
def test_zero_is_a_product(dtype):
    (found,) = lowrank.factors(np.zeros((4, 5), dtype))
    assert not np.any(whole(found))
    assert [f.shape for f in found] == [(4,), (5,)]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", object])
@pytest.mark.parametrize(
    "given",
    [
        ([2, -4, 6, 0], [3, 0, -3, 9]),
        ([0, 0, 0, 7], [0, 5, 10, 0]),
        ([1, 4, 6, 4, 1], [-1, -2, 0, 2, 1]),
        ([2, 4, 6, 8], [3, 6, 9, 12], [5, 10, 15, 25]),
        ([255] * 9, [255] * 7),
    ],
    ids=str,
)
def test_whole_numbers_are_exact(given, dtype):
    w = whole([np.array(f) for f in given]).astype(dtype)
    (found,) = lowrank.factors(w)
    assert np.array_equal(whole(found), w)
    assert all(f.dtype == w.dtype for f in found)


def test_huge_integers_are_exact():
    w = whole([np.array([2**40, 3, -1, 5]), np.array([2**20 + 1, 0, 1, 7])])
    (found,) = lowrank.factors(w.astype(np.int64))
    assert np.array_equal(whole(found), w)
    w = w * 2**60
    (found,) = lowrank.factors(w)
    assert np.array_equal(whole(found), w)


@pytest.mark.parametrize("dtype", ["int64", object])
def test_integers_that_are_nearly_a_product_are_none(dtype):
    w = np.outer([2, -4, 6, 8], [10**6, 10**7, 10**8, 10**9]).astype(dtype)
    for at in np.ndindex(w.shape):
        near = w.copy()
        near[at] += 1
        assert lowrank.factors(near) is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_no_sum_on_the_way_to_a_mean_overflows(rank, dtype, backend):
    rise = np.linspace(0.5, 1, 9)
    w = sum(np.outer(rise**n, 2 - rise**n) for n in range(1, rank + 1))
    w = (w / w.sum()).astype(dtype)
    check(w, rank)
    x = np.full((12, 13), np.finfo(dtype).max / 2, dtype)
    how = {"boundary": "nearest", "algorithm": "separable", "backend": backend}
    np.testing.assert_allclose(fc.correlate(x, w, **how), x, rtol=200 * np.finfo(dtype).eps)
