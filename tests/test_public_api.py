"""What the public calls look like: kernels and the axes they span, the names that are shown, plans
with the options of their calls, and docstrings that stand alone.
"""

from __future__ import annotations

import inspect
import pydoc
import re

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import filters

GRAD = fc.nn.grad
LAYER = {1: (2, 4, 9), 2: (2, 4, 9, 8), 3: (2, 4, 5, 6, 7)}


# -- what a kernel is, and the axes it spans -----------------------------------------------------


def test_tuples_of_numbers_are_kernels_and_tuples_of_arrays_factors(backend):
    x = oracle.samples((6, 7), "float64")
    nested, at = ((1, 2, 1), (0, 3, 5)), {"backend": backend}
    dense = np.array(nested)
    wanted = fc.correlate(x, dense, **at)
    np.testing.assert_array_equal(fc.correlate(x, nested, **at), wanted)
    np.testing.assert_array_equal(fc.correlate(x, [(1, 2, 1), [0, 3, 5]], **at), wanted)
    np.testing.assert_array_equal(
        fc.correlate(x[0], (1, 2, 1), **at), fc.correlate(x[0], [1, 2, 1])
    )
    scalars = (np.float64(1), np.float64(2), np.float64(1))
    np.testing.assert_array_equal(
        fc.correlate(x[0], scalars, **at), fc.correlate(x[0], [1, 2, 1.0])
    )
    factors = (np.array([1.0, 2.0]), np.array([1.0, 0.0, 3.0]))
    np.testing.assert_allclose(
        fc.correlate(x, factors, **at), fc.correlate(x, np.outer(*factors), **at), rtol=1e-12
    )
    for call in (fc.convolve, lambda x, w: fc.plan_convolve(x.shape, x.dtype, w)(x)):
        np.testing.assert_array_equal(call(x, nested), fc.convolve(x, dense))


@pytest.mark.parametrize("call", [fc.correlate, fc.convolve])
@pytest.mark.parametrize("w", [np.ones((3, 3)), (np.ones(3), np.ones(3))], ids=["dense", "factors"])
def test_axes_are_not_guessed(call, w):
    x = oracle.samples((5, 6, 3), "float64")
    with pytest.raises(ValueError, match=r"axes=\(0, 1\).*axes=\(-2, -1\)"):
        call(x, w)
    plan = getattr(fc, f"plan_{call.__name__}")
    with pytest.raises(ValueError, match=r"axes=\(0, 1\).*axes=\(-2, -1\)"):
        plan(x.shape, x.dtype, w)
    each = np.stack([call(x[..., c], w) for c in range(3)], -1)
    np.testing.assert_allclose(call(x, w, axes=(0, 1)), each, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(call(x, [1.0, 2.0]), call(x, [1.0, 2.0], axes=-1))


@pytest.mark.parametrize(
    "name", sorted(set(filters.__all__) - {"sepia", "grayscale", "local_moments", "Moments"})
)
@pytest.mark.parametrize("colours", [3, 4])
def test_photographs_are_not_taken_for_volumes(name, colours):
    filtered = getattr(filters, name)
    if list(inspect.signature(filtered).parameters)[1] in ("sigma", "size", "low_sigma", "length"):
        filtered = lambda image, f=filtered, **how: f(image, 1, **how)  # noqa: E731
    x = oracle.samples((6, 5, colours), "float64")
    with pytest.raises(ValueError, match="channel_axis") as caught:
        filtered(x)
    assert str(caught.value).startswith(f"{name}: image")
    assert filtered(x, channel_axis=-1).shape == x.shape
    assert filtered(x[:, :, :2], channel_axis=-1).shape == (6, 5, 2)
    if name in ("motion_blur", "roberts", "edge_detect", "edge_enhance", "sharpen", "emboss"):
        return  # an image of two axes is what they want
    assert filtered(x, channel_axis=None).shape == x.shape
    np.testing.assert_array_equal(filtered(x[..., :2]), filtered(x[..., :2], channel_axis=None))
    assert filtered(x[:, 0]).shape == (6, colours)


# -- public names --------------------------------------------------------------------------------


def test_the_public_names_are_all_that_is_shown():
    assert dir(fc) == sorted(fc.__all__)
    assert {"AlgorithmName", "BackendName", "Boundary"} <= set(dir(fc))
    for name in fc.__all__:
        assert getattr(fc, name) is not None


PLANS = [name for name in fc.__all__ if name.startswith("plan_")]


def test_every_call_has_a_plan_with_its_options():
    assert len(PLANS) == 8
    for name in PLANS:
        plan = inspect.signature(getattr(fc, name)).parameters
        call = inspect.signature(getattr(fc, name.removeprefix("plan_"))).parameters
        assert list(plan)[:2] == ["x_shape", "x_dtype"]
        assert list(plan)[2:] == [each for each in call if each not in ("x", "out")]
        assert all(plan[each].default == call[each].default for each in list(plan)[2:])


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_a_plan_of_a_transposed_layer_is_the_layer(rank, backend):
    x = oracle.samples(LAYER[rank], "float32")
    w, bias = oracle.samples((4, 3, *(3,) * rank), "float32"), np.arange(6, dtype="f4")
    how = {"stride": 2, "padding": 1, "groups": 2, "activation": "relu", "backend": backend}
    plan = getattr(fc, f"plan_conv_transpose{rank}d")(x.shape, x.dtype, w, bias, **how)
    call = getattr(fc, f"conv_transpose{rank}d")
    wanted = call(x, w, bias, **how)
    np.testing.assert_array_equal(plan(x), wanted)
    w[...], bias[...] = 0, 0
    out = np.empty_like(wanted)
    assert plan(x, out) is out
    np.testing.assert_array_equal(out, wanted)
    with pytest.raises(ValueError, match=rf"plan_conv_transpose{rank}d: x_shape"):
        getattr(fc, f"plan_conv_transpose{rank}d")((-1,), "f4", w)


PUBLIC = [
    function
    for module in (fc, filters, fc.nn, GRAD, fc.kernels, fc.ndimage, fc.viz)
    for name in module.__all__
    if inspect.isfunction(function := getattr(module, name)) or inspect.isclass(function)
    if function.__module__.startswith("fastconv") and function is not fc.BackendUnavailableError
]


@pytest.mark.parametrize("function", dict.fromkeys(PUBLIC), ids=lambda f: f.__qualname__)
def test_a_docstring_lists_the_parameters_that_there_are(function):
    text = inspect.getdoc(function)
    assert not re.search(
        r"\b(As|as) (in|for|from) `(correlate|conv\w+|gaussian|sobel|fastconv)", text
    )
    accepted = [each.lstrip("*") for each in inspect.signature(function).parameters]
    section = re.search(r"^Parameters\n-+\n(.*?)(\n\n[A-Z]\w+\n---|\Z)", text, re.DOTALL | re.M)
    listed = re.findall(r"^\*{0,2}(\w+)(?: :.*)?$", section[1], re.M) if section else []
    assert listed == accepted or function.__name__ in (
        *("Plan", "Layer", "Kernel", "Frozen", "Explanation", "Animation"),
        *("ReceptiveField", "StackedLayer", "TransposedPlan", "Moments"),
    )
    assert pydoc.render_doc(function)


def test_what_calls_share_they_say_in_the_same_words():
    shared = {}
    for name in set(filters.__all__) - {"Moments"}:
        text = inspect.getdoc(getattr(filters, name))
        misses = "mask" in inspect.signature(getattr(filters, name)).parameters
        for parameter in ("boundary", "cval", "out", "backend", "threads"):
            found = re.search(rf"^{parameter} : .*?(?=^\S)", text, re.DOTALL | re.M)
            if found:
                key = parameter, misses and parameter == "boundary"
                shared.setdefault(key, set()).add(found[0])
    assert {name: len(texts) for name, texts in shared.items()} == dict.fromkeys(shared, 1)
