"""The gradient of weights: every way to cut the sums makes the same numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv.plan import candidates, choose, depthwise_gradient, slabs, weight_gradient

CUTS = {
    "one task": {},
    "parts of the slabs": {"SLAB": 5, "MIN_TASK_MACS": 1, "FEW_TASKS": 4, "MIN_PART": 1},
    "blocks of weights": {
        "BLOCK_BYTES": 64,
        "PARTIAL_BYTES": 1,
        "CHANNELS": 2,
        "FILTERS": 3,
        "MIN_TASK_MACS": 1,
    },
    "both": {
        "BLOCK_BYTES": 256,
        "PARTIAL_BYTES": 4096,
        "CHANNELS": 2,
        "FILTERS": 4,
        "SLAB_ITEMS": 64,
        "MIN_TASK_MACS": 1,
        "MIN_PART": 1,
    },
}


@dataclass(frozen=True)
class Layer:
    x: tuple[int, ...]
    w: tuple[int, ...]
    options: dict[str, Any]

    def arrays(self, dtype, rng):
        x, w = (rng.integers(-4, 5, shape).astype(dtype) for shape in (self.x, self.w))
        if x.dtype.kind == "c":
            x += 1j * rng.integers(-4, 5, self.x)
        y = getattr(fc, f"conv{len(self.x) - 2}d")(x, w, **self.options)
        gy = rng.integers(-4, 5, y.shape).astype(dtype)
        return x, w, gy * (1 + 1j) if x.dtype.kind == "c" else gy


LAYERS = {
    "dense": Layer((3, 5, 7, 6), (7, 5, 3, 3), {"padding": 1}),
    "strides": Layer((2, 4, 9, 8), (3, 4, 3, 2), {"stride": (2, 3), "dilation": (1, 2)}),
    "groups": Layer((2, 12, 9), (6, 4, 3), {"padding": 2, "groups": 3, "boundary": "wrap"}),
    "one tap, more channels in": Layer((2, 9, 5, 4), (4, 9, 1, 1), {}),
    "one tap, more channels out": Layer((2, 4, 5, 5), (9, 4, 1, 1), {"stride": 2}),
    "one tap, groups": Layer((2, 4, 5), (6, 2, 1), {"groups": 2}),
    "one tap beyond the edges": Layer((2, 2, 5), (6, 2, 1), {"padding": 2, "boundary": "mirror"}),
    "groups of one channel": Layer((2, 11, 8, 7), (11, 1, 3, 3), {"padding": 1, "groups": 11}),
    "the same, apart": Layer(
        (2, 9, 9, 9), (9, 1, 3, 2), {"groups": 9, "stride": (2, 1), "dilation": (1, 3)}
    ),
    "few groups of one channel": Layer((2, 3, 9), (3, 1, 3), {"groups": 3}),
    "several filters of one channel": Layer((2, 9, 6), (18, 1, 3), {"groups": 9, "padding": 1}),
    "volumes": Layer((1, 3, 4, 3, 5), (2, 3, 2, 2, 3), {"padding": 1}),
}


@pytest.fixture
def cut(monkeypatch):
    """Set how sums are cut, for calls that nobody remembers."""

    def set_limits(name):
        choose.forget()
        for limit, value in CUTS[name].items():
            for module in (weight_gradient, depthwise_gradient):
                if hasattr(module, limit):
                    monkeypatch.setattr(module, limit, value)

    return set_limits


def gradient(layer, x, w, gy, **how):
    rank = len(layer.x) - 2
    of = getattr(fc.nn.grad, f"conv{rank}d_weight")
    return of(x, w.shape, gy, **layer.options, **how)


@pytest.mark.parametrize("dtype", ["float32", "complex64"])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
@pytest.mark.parametrize("name", CUTS)
def test_sums_of_whole_numbers(name, layer, dtype, backend, cut):
    x, w, gy = layer.arrays(dtype, np.random.default_rng(0))
    _, wanted = oracle.conv_gradients(x, w, gy, **layer.options)
    cut(name)
    np.testing.assert_array_equal(gradient(layer, x, w, gy, backend=backend), wanted.values)
    last, gy_last = (np.ascontiguousarray(np.moveaxis(a, 1, -1)) for a in (x, gy))
    layout = {3: "NLC", 4: "NHWC", 5: "NDHWC"}[x.ndim]
    again = gradient(layer, last, w, gy_last, layout=layout, backend=backend)
    np.testing.assert_array_equal(again, wanted.values)


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_the_same_bits_for_any_number_of_threads(layer, name, backend, cut, monkeypatch):
    rng = np.random.default_rng(0)
    x, w, gy = layer.arrays("float32", rng)
    x, gy = (rng.normal(size=a.shape).astype("float32") for a in (x, gy))
    cut(name)
    monkeypatch.setattr(weight_gradient.Sums, "seconds", 1.0)
    one, *others = (
        gradient(layer, x, w, gy, backend=backend, threads=threads) for threads in (1, 2, 3)
    )
    for other in others:
        np.testing.assert_array_equal(other, one)


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_repeated_calls_have_the_bits_of_the_first(layer, order, name, backend, cut):
    rng = np.random.default_rng(0)
    x, w, gy = layer.arrays("float32", rng)
    x, gy = (rng.normal(size=a.shape).astype("float32", order) for a in (x, gy))
    cut(name)
    wanted = gradient(layer, x, w, gy, backend=backend)
    gradient(layer, x + 1, w, gy + 1, backend=backend)
    for _ in range(2):
        np.testing.assert_array_equal(gradient(layer, x, w, gy, backend=backend), wanted)


def test_the_cuts_above_are_what_they_are_called(cut):
    seen = {}
    for name in CUTS:
        x, w, gy = LAYERS["dense"].arrays("float32", np.random.default_rng(0))
        cut(name)
        gradient(LAYERS["dense"], x, w, gy)
        (found,) = [entry.value for entry in candidates.recipes._list]
        blocks, parts = found._sums._cut
        seen[name] = len(blocks) > 1, len(parts) > 1
    assert seen == {
        "one task": (False, False),
        "parts of the slabs": (False, True),
        "blocks of weights": (True, False),
        "both": (True, True),
    }


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_what_is_not_finite_reaches_the_taps_that_met_it(layer, bad, backend):
    x, w, gy = layer.arrays("float32", np.random.default_rng(0))
    x[(0,) * x.ndim] = bad
    gy[gy == 0] = 1
    with np.errstate(invalid="ignore"):
        _, wanted = oracle.conv_gradients(x, w, gy, **layer.options)
    found = gradient(layer, x, w, gy, backend=backend)
    np.testing.assert_array_equal(found, wanted.values.astype("float32"))
    assert not np.isfinite(found).all()
    assert np.isfinite(found).any()


@pytest.mark.parametrize("length", [1, 5, 16, 33])
@pytest.mark.parametrize("parts", [1, 2, 3, 40])
@pytest.mark.parametrize("step", [1, 4, 32])
def test_spans_are_everything_once(length, parts, step):
    spans = slabs.spans(length, parts, step)
    assert [i for span in spans for i in range(length)[span]] == list(range(length))
    assert len(spans) <= parts
    assert all(span.start < span.stop and span.start % step == 0 for span in spans)


def test_samples_may_be_the_gradients_too(backend):
    x, gy = (oracle.samples((2, 16, 12, 12), np.float32, seed) for seed in (1, 2))

    def gradient(samples, gradients):
        how = {"groups": 16, "padding": 1, "backend": backend}
        return fc.nn.grad.conv2d_weight(samples, (16, 1, 3, 3), gradients, **how)

    wanted = gradient(x, gy)
    for _ in range(3):
        gradient(x, x)
    np.testing.assert_array_equal(gradient(x, gy), wanted)
