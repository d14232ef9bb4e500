"""Blocks of arrays: each item once, whatever the layout and the number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastconv.run import elementwise as module
from fastconv.run.elementwise import elementwise

SHAPES = [(), (0,), (3, 0), (1,), (50,), (7, 9), (1, 60), (60, 1), (2, 3, 4, 5), (1, 2, 90)]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(module, "BLOCK_ITEMS", 8)
    monkeypatch.setattr(module, "MIN_THREAD_ITEMS", 16)


def add(out, x, y):
    out += x * y


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_item_once(shape, count):
    x = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    rows = np.full(shape[-1:], 2.0)
    one = np.full([1] * len(shape), 3.0)
    for layout in (np.array, np.transpose, np.asfortranarray):
        values = layout(x)
        for other in (values + 1, rows if layout is np.array else one, one):
            out = np.ones_like(values)
            elementwise(add, (out, values, other), count)
            assert_array_equal(out, 1 + values * other)


@pytest.mark.parametrize("count", [1, 3])
def test_blocks_are_small_and_several(count):
    sizes = []
    x = np.zeros((4, 25))
    elementwise(lambda block: sizes.append(block.size), [x], count)
    assert sum(sizes) == x.size
    assert max(sizes) <= 8


@pytest.mark.parametrize("columns", [2, 4])
def test_rows_stay_whole_where_shapes_differ(columns):
    shapes = []
    elementwise(
        lambda x, row: shapes.append(x.shape), (np.zeros((40, columns)), np.zeros(columns)), 1
    )
    assert {shape[1] for shape in shapes} == {columns}
    assert sum(shape[0] for shape in shapes) == 40


def test_no_warnings(recwarn):
    x = np.full(40, 1e308)
    for count in (1, 3):
        elementwise(lambda block: np.multiply(block, 10, out=block), [x], count)
    assert not recwarn
    assert np.isinf(x).all()
