"""Every sentence of `backends/_protocol.py` about `correlate_sparse`, asked of backends directly.

It is `correlate` with zeros for the taps that are not listed.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_backends import STEPS, Framed, definition, whole

from fastconv import backends

DTYPES = ["float32", "float64", "int64"]
WALKS = list(product((1, 2, 3), repeat=2))


@pytest.fixture
def kernel(backend):
    """The kernel of each backend in turn."""
    return backends.load(backend).correlate_sparse


def some(taps, count, seed=0):
    """Places of as many taps, in no order."""
    chosen = np.random.default_rng(seed).permutation(np.prod(taps))[:count]
    return np.stack(np.unravel_index(chosen, taps), axis=-1)


def call(kernel, x, taps, places, filters=1, stride=None, dilation=None, relu=False, out=None):
    """Run a kernel into guarded memory, compare with the definition, and return the result."""
    groups, ones = x.shape[-len(taps) - 2], (1,) * len(taps)
    stride, dilation = stride or ones, dilation or ones
    w, bias = (
        whole((groups, filters, len(places)), x.dtype, 1),
        whole((groups, filters), x.dtype, 2),
    )
    dense = np.zeros((groups, filters, 1, *taps), x.dtype)
    dense[(slice(None), slice(None), 0, *places.T)] = w
    wanted = definition(x, dense, bias, stride, dilation, relu)
    framed = out or Framed(wanted.shape, x.dtype)
    kernel(framed.array, x, w, places, bias, stride, dilation, relu)
    framed.assert_intact()
    np.testing.assert_array_equal(framed.array, wanted)
    return framed.array


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.parametrize("dtype", DTYPES)
def test_every_width_and_many_heights_of_a_slab(dtype, count, kernel):
    x = whole((1, 1, 12, 140), dtype)
    for rows, width in [*product((1, 5), range(1, 135)), *product(range(1, 10), (5, 16, 70))]:
        call(kernel, x[..., : rows + 2, : width + 4], (3, 5), some((3, 5), count))


@pytest.mark.parametrize("stride", WALKS, ids=str)
@pytest.mark.parametrize("dilation", WALKS, ids=str)
def test_strides_and_dilations(stride, dilation, kernel):
    for dtype in DTYPES:
        x = whole((1, 1, 17, 60), dtype)
        call(kernel, x, (4, 3), some((4, 3), 5), stride=stride, dilation=dilation)


@pytest.mark.parametrize("shape", [(30,), (6, 19), (4, 5, 18), (3, 4, 3, 17)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_batches_groups_filters_and_any_number_of_axes(dtype, shape, kernel):
    taps = (3, 2, 2, 4)[: len(shape)]
    for lead, filters in product(((), (2,), (2, 3)), (1, 2)):
        x = whole((*lead, 3, 1, *shape), dtype)
        call(kernel, x, taps, some(taps, 2), filters)
        call(kernel, x, taps, some(taps, 2, 3), filters, relu=True)


@pytest.mark.parametrize("columns", [1, 2, 7, 16, 27])
@pytest.mark.parametrize("steps", STEPS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_written_around_out(dtype, steps, columns, kernel):
    x = whole((1, 1, 7, columns + 2), dtype)
    out = Framed((1, 1, 5, columns), dtype, STEPS[steps])
    call(kernel, x, (3, 3), some((3, 3), 4), out=out)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_do_not_depend_on_the_place(dtype, kernel):
    x = np.random.default_rng(0).random((1, 1, 9, 150)).astype(dtype)
    w = np.random.default_rng(1).random((1, 1, 11)).astype(dtype)
    places, bias = some((5, 9), 11), np.zeros((1, 1), dtype)

    def result(samples):
        out = np.empty((1, 1, samples.shape[2] - 4, samples.shape[3] - 8), dtype)
        kernel(out, samples, w, places, bias, (1, 1), (1, 1), False)
        return out

    wanted = result(x)
    for row, column, width in product((0, 3), range(0, 70, 7), (1, 5, 16, 33, 70)):
        got = result(x[:, :, row : row + 6, column : column + width + 8])
        np.testing.assert_array_equal(
            got, wanted[:, :, row : row + 2, column : column + width], strict=True
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_under_other_taps_are_not_read(bad, kernel):
    x = whole((1, 1, 9, 90), "float32")
    x[0, 0, 4, 40] = bad
    w, bias = np.ones((1, 1, 3), np.float32), np.zeros((1, 1), np.float32)
    out = np.empty((1, 1, 7, 88), np.float32)
    kernel(out, x, w, np.array([[0, 0], [1, 1], [2, 2]]), bias, (1, 1), (1, 1), False)
    wrong = np.argwhere(~np.isfinite(out[0, 0]))
    assert wrong.tolist() == [[2, 38], [3, 39], [4, 40]]
