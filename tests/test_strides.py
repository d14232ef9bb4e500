"""Rows of every second sample, lines of channels, short copies: every length, the same bits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from conftest import require
from test_backends import Framed, call, definition, whole

from fastconv import backends
from fastconv.problem.boundary import runs

pytestmark = pytest.mark.compiled

FLOATS = ["float32", "float64"]
COMPILED = ["cython", "numba"]


@pytest.mark.parametrize("taps", [(1, 1), (3, 3), (5, 5), (2, 3), (3, 1), (1, 40)], ids=str)
@pytest.mark.parametrize("dtype", [*FLOATS, "int64"])
def test_every_length_of_rows_two_apart(dtype, taps, backend):
    kernel = backends.load(backend).correlate
    w, bias = whole((2, 1, 1, *taps), dtype, 1), whole((2, 1), dtype, 2)
    for rows, width in [(1, 70), (3, 9), *product((2, 5), range(1, 40))]:
        lines, cols = 2 * (rows - 1) + taps[0], 2 * (width - 1) + taps[1]
        x = whole((2, 1, lines, cols), dtype)
        call(kernel, x, w, bias, (2, 2), relu=width % 2 == 0)


@pytest.mark.parametrize("taps", [(3, 3), (5, 5), (1, 40)], ids=str)
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", COMPILED)
def test_bits_of_rows_two_apart_do_not_depend_on_the_place(name, dtype, taps):
    require(name)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 1, 25, 101 + taps[1])).astype(dtype)
    w, bias = rng.normal(size=(1, 1, 1, *taps)).astype(dtype), np.ones((1, 1), dtype)

    def run(samples):
        outputs = ((n - k) // 2 + 1 for n, k in zip(samples.shape[-2:], taps, strict=True))
        out = np.empty((1, 1, *outputs), dtype)
        backends.load(name).correlate(out, samples, w, bias, (2, 2), (1, 1), False)
        return out

    everything = run(x)
    for rows, width in product((1, 3, 4), range(2, 45)):
        lines, cols = 2 * (rows - 1) + taps[0], 2 * (width - 1) + taps[1]
        part = run(x[..., 4 : 4 + lines, 6 : 6 + cols])
        np.testing.assert_array_equal(part, everything[..., 2 : 2 + rows, 3 : 3 + width])


@pytest.mark.parametrize("name", ["cython", "numba"])
@pytest.mark.parametrize("taps", [(1, 3), (3, 3), (5, 5), (2, 2)], ids=str)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1)])
@pytest.mark.parametrize("dtype", FLOATS)
def test_lines_of_every_length_and_number_of_channels(name, dtype, stride, dilation, taps):
    kernel = backends.load(require(name)).depthwise
    for groups, width in product((1, 8, 19, 40), (1, 3, 7, 9, 16)):
        lines, cols = (
            (n - 1) * stride + (t - 1) * dilation + 1 for n, t in zip((3, width), taps, strict=True)
        )
        samples = whole((2, lines, cols, groups), dtype)
        x = np.moveaxis(samples, -1, 1)[:, :, None]
        weights, bias = whole((*taps, groups), dtype, 1), whole((groups, 1), dtype, 2)
        w = np.moveaxis(weights, -1, 0)
        wanted = definition(x, w[:, None, None], bias, (stride,) * 2, (dilation,) * 2, relu=True)
        steps = (3 * width * groups, 1, 1, width * groups, groups)
        framed = Framed((2, groups, 1, 3, width), dtype, steps)
        kernel(framed.array, x, w, bias, (stride,) * 2, (dilation,) * 2, (0, 0), True)
        framed.assert_intact()
        np.testing.assert_array_equal(framed.array, wanted)


@pytest.mark.parametrize("name", ["cython", "numba"])
@pytest.mark.parametrize("taps", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", FLOATS)
def test_bits_of_lines_do_not_depend_on_their_length(name, dtype, stride, taps):
    kernel = backends.load(require(name)).depthwise
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(1, taps, 60, 40)).astype(dtype)
    weights, bias = rng.normal(size=(taps, taps, 40)).astype(dtype), np.ones((40, 1), dtype)

    def run(part, groups):
        width = (part.shape[2] - taps) // stride + 1
        out = np.empty((1, 1, width, part.shape[3]), dtype)
        view = np.moveaxis(part, -1, 1)[:, :, None]
        target = np.moveaxis(out, -1, 1)[:, :, None]
        w = np.moveaxis(weights[..., groups], -1, 0)
        kernel(target, view, w, bias[groups], (stride,) * 2, (1, 1), (0, 0), False)
        return out

    everything = run(samples, slice(None))
    for width, groups in product(range(1, 12), (slice(3), slice(5, 14), slice(1, 18), slice(None))):
        first, cols = 2 * stride, (width - 1) * stride + taps
        part = run(samples[:, :, first : first + cols, groups], groups)
        np.testing.assert_array_equal(part, everything[:, :, 2 : 2 + width, groups])


@pytest.mark.parametrize("dtype", ["f4", "f8", "i8"])
def test_borders_of_short_rows(dtype, backend):
    extend = backends.load(backend).pad
    for width, border in product((*range(1, 20), 70), (1, 2, 9)):
        x = whole((3, 4, width), dtype)
        copy = Framed((3, 4, width + 2 * border), dtype)
        table = runs("constant", (-border,), width + 2 * border, width)
        extend(copy.array, x, (table,), 7)
        copy.assert_intact()
        padded = np.pad(x, ((0, 0), (0, 0), (border, border)), constant_values=7)
        np.testing.assert_array_equal(copy.array, padded)


@pytest.mark.parametrize("dtype", FLOATS)
def test_turned_copies_of_every_size(dtype, backend):
    store = backends.load(backend).store
    for rows, columns in product(range(1, 19), (1, 3, 4, 7, 8, 9, 17)):
        sums = whole((columns, rows), dtype)
        out = Framed((rows, columns), dtype, (columns + 3, 1))
        store(out.array, sums.T)
        out.assert_intact()
        np.testing.assert_array_equal(out.array, sums.T)
