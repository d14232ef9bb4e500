"""Layers whose weights are new in each call, as in training: planned by shapes, not by values."""

from __future__ import annotations

from functools import wraps
from itertools import pairwise

import numpy as np
import pytest
from conftest import forget, remembered
from oracle import conv, conv_transpose, samples
from tolerance import assert_close

import fastconv as fc
from fastconv import lower, nn

FINITE = 0, 2, 5
"""Some of the forms of weights without NaN and huge values."""
LAYERS = {
    "dense": ((2, 3, 7, 9), (4, 3, 3, 2), {"stride": 2, "padding": 1}),
    "grouped": ((1, 4, 6, 6), (6, 2, 2, 2), {"groups": 2, "boundary": "mirror", "padding": 1}),
    "pointwise": ((1, 5, 4, 4), (7, 5, 1, 1), {}),
    "depthwise": ((1, 8, 5, 6), (8, 1, 4, 4), {"groups": 8, "padding": 2}),
    "one channel": ((1, 1, 6, 7), (1, 1, 4, 5), {"padding": [(1, 2), (2, 2)]}),
}


@pytest.fixture(autouse=True)
def empty():
    forget()
    yield
    forget()


def weights(shape, dtype):
    """Weights of many forms, by turns: one array that changes in place."""
    w = samples(shape, dtype, 1)
    forms = [w.copy(), w * 2, np.ones_like(w), np.zeros_like(w), samples(shape, dtype, 5)]
    forms.append(np.where(np.arange(w.size).reshape(shape) % 3, 0, w))  # sparse
    forms.append(np.ones_like(w) * np.arange(1, shape[-1] + 1))  # of rank one
    for value in (np.nan, np.inf, np.finfo(dtype).max):
        forms.append(w.copy())
        forms[-1].flat[w.size // 2] = value
    for values in [*forms, *forms[::-1]]:
        w[...] = values
        yield w


@pytest.mark.parametrize("dtype", ["f2", "f4"])
@pytest.mark.parametrize("name", LAYERS)
def test_weights_that_change_in_place(name, dtype, backend):
    shape, w_shape, how = LAYERS[name]
    x = samples(shape, dtype)
    bias = samples(w_shape[:1], dtype, 3)
    for number, w in enumerate(weights(w_shape, dtype)):
        result = fc.conv2d(x, w, bias, **how, backend=backend)
        swapped = w.astype(w.dtype.newbyteorder())  # never remembered by its shape
        np.testing.assert_array_equal(result, fc.conv2d(x, swapped, bias, **how, backend=backend))
        if number in FINITE and dtype == "f4":
            assert_close(result, conv(x, w, bias, **how).everywhere())
        bias += 1


def test_gradients_and_transposed_layers_of_weights_that_change(backend):
    x, g = samples((1, 4, 7, 7), "f4"), samples((1, 8, 4, 4), "f4", 2)
    how = {"stride": 2, "padding": 1, "groups": 4}
    for number, w in enumerate(weights((8, 1, 3, 3), "f4")):
        grad = nn.grad.conv2d_input(x.shape, w, g, **how, backend=backend)
        forward = {"stride": 2, "padding": 1, "groups": 4, "output_padding": 0}
        same = fc.conv_transpose2d(g, w, **forward, backend=backend)
        np.testing.assert_array_equal(grad, same)
        if number in FINITE:
            assert_close(same, conv_transpose(g, w, **forward).everywhere())


@pytest.mark.parametrize("lowering", ["convolution", "with_weights"])
def test_only_the_first_call_is_lowered(monkeypatch, lowering):
    calls = []
    usual = getattr(lower, lowering)

    @wraps(usual)
    def counted(*given, **how):
        calls.append(lowering)
        return usual(*given, **how)

    monkeypatch.setattr(lower, lowering, counted)
    x, w = samples((1, 3, 5, 5), "f4"), samples((2, 3, 3, 3), "f4", 1)
    results = [fc.conv2d(x, w * scale) for scale in (1, 2, 4, 8)]
    assert len(calls) == {"convolution": 1, "with_weights": 3}[lowering]
    for one, two in pairwise(results):
        np.testing.assert_array_equal(2 * one, two)


def test_plans_are_kept_of_weights_that_come_again():
    x, w = samples((1, 3, 5, 5), "f4"), samples((2, 3, 3, 3), "f4", 1)
    for scale in range(1, 5):
        fc.conv2d(x, w * scale)
        fc.conv_transpose2d(x[:, :2], w * scale)
    assert not remembered()
    first = fc.conv2d(x, w)
    np.testing.assert_array_equal(fc.conv2d(x, w), first)
    assert len(remembered()) == 1


def test_what_differs_has_a_recipe_of_its_own():
    x, w, bias = samples((1, 4, 6, 6), "f4"), samples((4, 4, 3, 3), "f4", 1), np.ones(4, "f4")
    for scale, how in enumerate(
        [{}, {"padding": 1}, {"stride": 2}, {"activation": "relu"}, {"dilation": 2}, {}], 1
    ):
        for offset in (None, bias * scale, bias.astype("f8")):
            result = fc.conv2d(x, w * scale, offset, **how)
            assert_close(result, conv(x, w * scale, offset, **how).everywhere())


def test_an_algorithm_may_refuse_weights_after_it_took_others():
    x, w = samples((1, 8, 9, 9), "f4"), np.ones((8, 1, 3, 3), "f4")
    fc.conv2d(x, w, groups=8, algorithm="box")
    for _ in range(2):
        w[0, 0, 0, 0] += 1
        with pytest.raises(ValueError, match="not all equal"):
            fc.conv2d(x, w, groups=8, algorithm="box")


@pytest.mark.parametrize(
    ("wrong", "error"), [({"threads": 0}, ValueError), ({"algorithm": "fast"}, ValueError)], ids=str
)
def test_a_known_pattern_is_no_excuse(wrong, error):
    x, w = samples((1, 3, 5, 5), "f4"), samples((2, 3, 3, 3), "f4", 1)
    fc.conv2d(x, w)
    with pytest.raises(error, match=next(iter(wrong))):
        fc.conv2d(x, 2 * w, **wrong)


def test_out_may_be_the_weights():
    x = samples((1, 1, 5, 5), "f8")
    for number in range(1, 4):
        w = samples((1, 1, 3, 3), "f8", number)
        expected = conv(x, w).everywhere()
        fc.conv2d(x, w, out=w)
        assert_close(w, expected)


@pytest.mark.parametrize("rows", [1, 3, 4, 5, 9, 40])
def test_linear_layers_have_the_same_bits_in_batches_of_any_size(rows, backend):
    layer = nn.Linear(13, 10, rng=0)
    layer.bias.value[...] = np.arange(10)
    x = samples((40, 13), "f4")
    with fc.use_backend(backend):
        whole, part = layer(x), layer(x[:rows])
    assert part.flags.c_contiguous
    np.testing.assert_allclose(part, whole[:rows], rtol=1e-5, atol=1e-6)
    if backend != "numpy":  # whose products depend on their size
        np.testing.assert_array_equal(part, whole[:rows])


@pytest.mark.parametrize("algorithm", ["direct", "fft", "gemm", "winograd"])
def test_weights_that_are_read_only(algorithm, backend):
    """As in a file that is mapped into memory: in the first call, no copy of them is made."""
    x, w = samples((1, 16, 9, 9), "f4"), samples((17, 16, 3, 3), "f4", 1)
    expected = fc.conv2d(x, w, algorithm=algorithm, backend=backend)
    forget()
    w.flags.writeable = False
    result = fc.conv2d(x, w, algorithm=algorithm, backend=backend)
    np.testing.assert_array_equal(result, expected)
