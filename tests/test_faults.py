"""Faults that were found once, each as the calls that showed it.

All of them came of calls that repeat, so that each test makes a few calls with other arrays between
them.  What corrupted memory, or hung, runs in an interpreter of its own.
"""

from __future__ import annotations

import copy
import os
import pickle
import re
import signal as signals
import sys
from itertools import count

import by_taps
import moments
import numpy as np
import oracle
import pytest
from interpreter import survives
from tolerance import assert_close

import fastconv as fc

MANY = 5


@pytest.fixture(autouse=True)
def on_backend(backend):
    """All calls of this file."""
    with fc.use_backend(backend):
        yield


def drawn(seed=0):
    """A function that draws an array of a shape, another one at each call."""
    rng = np.random.default_rng(seed)
    return lambda *shape, dtype="float32": rng.normal(size=shape).astype(dtype)


def correlated(x, w, **how):
    """Correlate, and hold the result against the oracle."""
    wanted = oracle.by_taps(np.array(x), np.array(w), **how)
    assert_close(fc.correlate(x, w, **how), wanted)


def convolved(x, w, bias=None, **how):
    """Run a layer in one or two axes, and hold the result against the oracle."""
    wanted = by_taps.conv(np.array(x), np.array(w), None if bias is None else np.array(bias), **how)
    call = fc.conv1d if np.ndim(w) == 3 else fc.conv2d
    near(call(x, w, bias, **how), wanted, x, w)


def near(got, wanted, x, w):
    """Hold the result of a layer within the bound of ``precision="fast"``."""
    sums = np.abs(np.asarray(w, float)).reshape(len(w), -1).sum(axis=1).max()
    np.testing.assert_allclose(got, wanted.values, rtol=0, atol=3e-5 * np.abs(x).max() * sums)


# -- 1: output channels beyond the last whole panel ---------------------------------------------


def layers_of(backend, channels, size, filters, taps):
    fc.set_backend(backend)
    draw = drawn()
    for algorithm in ("auto", "winograd"):
        for _ in range(MANY):
            x, w = draw(1, channels, size, size), draw(filters, channels, taps, taps)
            wanted = by_taps.conv(x, w)
            near(fc.conv2d(x, w, algorithm=algorithm), wanted, x, w)


@pytest.mark.parametrize(
    "layer",
    [(64, 20, 40, 9), (64, 20, 35, 9), (64, 20, 20, 9), (64, 20, 37, 9), (16, 14, 44, 7)],
    ids=str,
)
def test_output_channels_that_fill_no_vector(backend, layer):
    survives(layers_of, backend, *layer)


# -- 2: a kernel in the memory of the samples ---------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_kernel_that_is_a_part_of_the_signal(dtype):
    draw = drawn()
    signal = draw(1500, dtype=dtype)
    for start in (0, 100, 7, 1000, 1476):
        correlated(signal, signal[start : start + 24], mode="valid")
    for _ in range(MANY):
        correlated(draw(1500, dtype=dtype), draw(24, dtype=dtype), mode="valid")


def test_a_kernel_that_lies_beside_the_signal():
    draw = drawn()
    for memory in (draw(1500, dtype="float64"), draw(1500, dtype="float64")):
        for start in (0, 100, 7, 300, 400):
            correlated(memory[:1000], memory[1000 + start : 1024 + start])
            correlated(memory[24 + start :][:1000], memory[start : start + 24])


@pytest.mark.parametrize("mode", ["same", "valid", "full"])
@pytest.mark.parametrize("n", [24, 100])
def test_rows_correlated_with_themselves_and_then_each_other(n, mode):
    rows = drawn()(6, n, dtype="float64")
    for i, j in ((0, 0), (1, 1), (0, 1), (1, 2), (2, 2), (5, 3)):
        correlated(rows[i], rows[j], mode=mode)


@pytest.mark.parametrize(("size", "padding"), [(12, 0), (3, 1)])
def test_images_that_are_filters(size, padding):
    x = drawn()(6, 16, size, size)
    for i in (0, 1, 2, 3, 4):
        convolved(x, x[i : i + 1], padding=padding)
        convolved(x, x[i : i + 2], padding=padding)


# -- 3, 4: a bias, or a result, in the memory of the weights ------------------------------------


@pytest.mark.parametrize(
    ("channels", "filters", "taps"),
    [(4, 4, 3), (1, 9, 3), (1, 16, 1), (16, 16, 1), (16, 16, 3)],
)
@pytest.mark.parametrize("shared", [(0,), (0, 1), (1, 3)], ids=str)
def test_a_bias_in_the_memory_of_the_weights(channels, filters, taps, shared):
    draw = drawn()
    for i in range(6):
        x, w = draw(2, channels, 8, 8), draw(filters, channels, taps, taps)
        convolved(x, w, w.ravel()[:filters] if i in shared else draw(filters))


def transposed(x, w, **how):
    wanted = by_taps.conv_transpose(x.copy(), w.copy(), **how)
    near(fc.conv_transpose2d(x, w, **how), wanted, x, np.swapaxes(w, 0, 1))


def test_a_bias_in_the_memory_of_transposed_weights():
    draw = drawn()
    for i in range(6):
        x, w = draw(2, 4, 5, 5), draw(4, 6, 3, 3)
        transposed(x, w, bias=w.ravel()[:6] if i in (0, 1, 3) else draw(6), stride=2)


def overlapping(memory, offset, shape, numbers):
    """For each number, a part of `memory` filled anew, or an array of its own."""
    draw = drawn()
    for i in range(6):
        memory[:] = draw(memory.size)
        part = memory[1000 + offset :][: np.prod(shape)].reshape(shape)
        yield part if i in numbers else np.empty_like(part)


@pytest.mark.parametrize("shared", [range(6), (1, 2, 3), (2, 4)], ids=str)
@pytest.mark.parametrize("offset", [-3, 0, 2])
@pytest.mark.parametrize(("size", "taps"), [((40, 40), (3, 3)), ((3, 3), (3, 3)), ((300,), (24,))])
def test_a_filter_whose_result_overlaps_its_kernel(size, taps, offset, shared):
    memory, draw = np.empty(8000), drawn(1)
    x, w = draw(*size, dtype="float64"), memory[1000 : 1000 + np.prod(taps)].reshape(taps)
    for out in overlapping(memory, offset, size, shared):
        wanted = oracle.by_taps(x, w.copy())
        assert fc.correlate(x, w, out=out) is out
        assert_close(out, wanted)


LAYERS = {
    "conv2d": (
        (1, 8, 6, 6),
        (8, 8, 3, 3),
        (1, 8, 6, 6),
        lambda x, w: by_taps.conv(x, w, padding=1),
    ),
    "conv2d of one tap": ((1, 16, 6, 6), (16, 16, 1, 1), (1, 16, 6, 6), by_taps.conv),
    "conv_transpose2d": ((1, 16, 6, 6), (16, 8, 3, 3), (1, 8, 8, 8), by_taps.conv_transpose),
    "conv2d_input": (
        (1, 8, 6, 6),
        (8, 8, 3, 3),
        (1, 8, 8, 8),
        lambda x, w: by_taps.conv_gradients(np.zeros((1, 8, 8, 8)), w, x)[0],
    ),
    "conv2d_weight": (
        (1, 8, 6, 6),
        (1, 8, 4, 4),
        (8, 8, 3, 3),
        lambda x, w: by_taps.conv_gradients(x, np.zeros((8, 8, 3, 3)), w)[1],
    ),
}


@pytest.mark.parametrize("shared", [range(6), (1, 2, 3), (2, 4)], ids=str)
@pytest.mark.parametrize("offset", [-30, 0, 10])
@pytest.mark.parametrize("call", LAYERS)
def test_a_layer_whose_result_overlaps_its_weights(call, offset, shared):
    size, weights, result, reference = LAYERS[call]
    memory = np.empty(80_000, np.float32)
    x, w = drawn(1)(*size), memory[1000 : 1000 + np.prod(weights)].reshape(weights)
    for out in overlapping(memory, offset, result, shared):
        wanted = reference(x, w.copy())
        if call == "conv_transpose2d":
            fc.conv_transpose2d(x, w, out=out)
        elif call == "conv2d_input":
            fc.nn.grad.conv2d_input(result, w, x, out=out)
        elif call == "conv2d_weight":
            fc.nn.grad.conv2d_weight(x, result, w, out=out)
        else:
            fc.conv2d(x, w, padding=weights[2] // 2, out=out)
        bound = 3e-5 * wanted.magnitude.max()
        np.testing.assert_allclose(out, wanted.values, rtol=0, atol=bound)


# -- 5: transposed layers, again with the same weights ------------------------------------------


def transposed_again(backend, taps, algorithm):
    fc.set_backend(backend)
    draw = drawn()
    ws = [draw(16, 16, taps, taps) for _ in range(3)]
    for i in (0, 1, 1, 1, 2, 2, 0, 1, 2):
        x = draw(1, 16, 2, 2)
        wanted = by_taps.conv_transpose(x, ws[i], stride=2)
        got = fc.conv_transpose2d(x, ws[i], stride=2, algorithm=algorithm)
        near(got, wanted, x, np.swapaxes(ws[i], 0, 1))


@pytest.mark.parametrize("algorithm", ["auto", "gemm", "direct"])
@pytest.mark.parametrize("taps", [1, 2, 3])
def test_transposed_layers_with_weights_seen_before(backend, taps, algorithm):
    survives(transposed_again, backend, taps, algorithm)


# -- 6, 7: byte orders and strides of zero ------------------------------------------------------


def in_byte_order(backend, order):
    fc.set_backend(backend)
    draw = drawn()
    for dtype in ("f4", "f8", "i4"):
        said = np.dtype(dtype).newbyteorder(order)
        for _ in range(MANY):
            x = (4 * draw(40, 50, dtype="f8")).astype(dtype)
            w = (4 * draw(3, 3, dtype="f8")).astype(dtype)
            wanted = oracle.by_taps(x, w, boundary="symmetric")
            for xs, ws in ((x.astype(said), w), (x, w.astype(said)), (x, w)):
                assert_close(fc.correlate(xs, ws, boundary="symmetric"), wanted)
            smooth = fc.filters.gaussian(x, 2.0)
            np.testing.assert_array_equal(fc.filters.gaussian(x.astype(said), 2.0), smooth)
            out = np.empty(x.shape, said)
            fc.correlate(x, w, boundary="symmetric", out=out)
            assert_close(out.astype(dtype), wanted)
        images, layer = draw(1, 16, 9, 9).astype(said), draw(16, 16, 3, 3).astype(said)
        for _ in range(MANY):
            convolved(images, layer, padding=1)


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_dtype_that_says_its_byte_order(backend, order):
    survives(in_byte_order, backend, order)


def broadcast_samples(backend, taps):
    fc.set_backend(backend)
    draw = drawn()
    for size in ((1, 16, 1, 8), (1, 1, 8, 8), (1, 16, 8, 8), (2, 16, 1, 1), (1, 16, 8, 1)):
        for strided in (True, False):
            for _ in range(MANY):
                x = np.broadcast_to(draw(*size), (2, 16, 8, 8))
                w = draw(16, 16, taps, taps)
                wanted = by_taps.conv(x, w, padding=taps // 2)
                out = np.zeros((2, 16, 8, 16), np.float32)[..., ::2]
                if not strided:
                    out = np.zeros((2, 8, 8, 16), np.float32).transpose(0, 3, 1, 2)
                fc.conv2d(x, w, padding=taps // 2, out=out)
                near(out, wanted, x, w)
                wanted, _ = by_taps.conv_gradients(np.zeros(x.shape), w, x, padding=taps // 2)
                fc.nn.grad.conv2d_input(x.shape, w, x, padding=taps // 2, out=out)
                near(out, wanted, x, np.swapaxes(w, 0, 1))
                images = draw(2, 8, 8, 16).transpose(0, 3, 1, 2)
                convolved(images, w, padding=taps // 2)


@pytest.mark.parametrize("taps", [1, 3])
def test_broadcast_samples_and_a_strided_result(backend, taps):
    survives(broadcast_samples, backend, taps)


# -- 8: Winograd with odd strides, and with sums that overflow on their way ---------------------


def weights_of_records(backend, before, behind):
    fc.set_backend(backend)
    draw = drawn()
    fields = [("name", f"S{before}"), ("w", "f4"), ("more", f"S{behind}")]
    records = np.zeros((16, 16, 3, 3), fields)
    for algorithm in ("auto", "winograd", "gemm", "direct"):
        for _ in range(MANY):
            records["w"] = draw(16, 16, 3, 3)
            x = draw(1, 16, 20, 20)
            wanted = by_taps.conv(x, records["w"].copy())
            near(fc.conv2d(x, records["w"], algorithm=algorithm), wanted, x, records["w"])
            convolved(x, draw(16, 16, 3, 3))


@pytest.mark.parametrize("record", [(1, 1), (2, 4), (4, 3), (0, 2)], ids=str)
def test_weights_that_are_a_field_of_records(backend, record):
    survives(weights_of_records, backend, *record)


@pytest.mark.parametrize("activation", [None, "relu"])
@pytest.mark.parametrize("size", [2e38, 3e38])
def test_sums_that_overflow_on_their_way(activation, size):
    rng = np.random.default_rng(0)
    for _ in range(40):
        x, w = np.zeros((1, 16, 24), np.float32), np.zeros((16, 16, 3), np.float32)
        x[:, 0] = rng.choice([-size, size, 0], 24)
        w[:, 0] = rng.choice([0.1, 0.5], (16, 3))
        wanted = by_taps.conv(x, w, activation=activation)
        fits = wanted.magnitude < 3e38
        got = fc.conv1d(x, w, activation=activation, algorithm="winograd")
        bound = 3e-5 * wanted.magnitude.max()
        np.testing.assert_allclose(got[fits], wanted.values[fits], rtol=0, atol=bound)


# -- 10, 22: interrupts, and calls of signal handlers and finalizers ----------------------------


def interrupt():
    raise KeyboardInterrupt


def interrupted_calls(backend):
    fc.set_backend(backend)
    draw = drawn()
    x, w, large = draw(4000), draw(5), (1000 * draw(800, 800)).astype("int16")
    images, layer = draw(1, 16, 12, 12), draw(16, 16, 3, 3)
    usual = [fc.correlate(x[:40], w), fc.conv2d(images, layer), fc.filters.gaussian(large, 40)]

    def call(number):
        fc.correlate(x[: 50 + number], w)
        fc.correlate(x[: 50 + number], w)

    for moment in moments.every(call, interrupt, step=3):
        np.testing.assert_array_equal(fc.correlate(x[:40], w), usual[0])
        if moment.number % 10 == 0:
            np.testing.assert_array_equal(fc.conv2d(images, layer), usual[1])
        if moment.file == "contextlib.py" and backend == "cython":  # the others take seconds
            np.testing.assert_array_equal(fc.filters.gaussian(large, 40), usual[2])
    np.testing.assert_array_equal(fc.filters.gaussian(large, 40), usual[2])  # takes much workspace


def test_an_interrupt_at_any_moment_leaves_nothing_behind(backend):
    survives(interrupted_calls, backend, seconds=200)


def calls_inside_calls(backend):
    fc.set_backend(backend)
    draw = drawn()
    x, y, w, v = draw(4000), draw(4000), draw(5), draw(5)
    got = {}

    def call(number):
        got["number"] = number
        for _ in range(2):
            got["outside"] = fc.correlate(x[: 50 + number], w)

    def inside():
        got["inside"] = fc.correlate(y[: 50 + got["number"]], v)

    for moment in moments.every(call, inside, step=3):
        size = 50 + moment.number
        for name, a, b in (("outside", x, w), ("inside", y, v)):
            np.testing.assert_array_equal(got.pop(name), fc.correlate(a[:size], b))
            assert_close(fc.correlate(a[:size], b), oracle.by_taps(a[:size], b))


def test_a_call_at_any_moment_of_another_call(backend):
    survives(calls_inside_calls, backend, seconds=200)


def first_calls_inside_first_calls(backend):
    """Each in a forked child, where nothing was imported that the first call imports."""
    x, w = np.arange(40.0), np.ones(3)
    wanted = oracle.by_taps(x, w).values
    for number in count(step=5):
        got = []
        moment = moments.Moment(
            number, lambda got=got: got.append(fc.correlate(x, w, backend=backend)), "<module>"
        )
        child = os.fork()
        if not child:
            signals.alarm(60)
            try:
                with moments.traced(moment):
                    got.append(fc.correlate(x, w, backend=backend))
                right = all(np.allclose(each, wanted) for each in got)
                os._exit(0 if right and len(got) == 2 else 1 if moment.came else 77)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(2)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if status == 77:
            return
        assert status == 0, f"moment {number}: exit status {status}"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_call_while_the_first_call_imports(backend):
    survives(first_calls_inside_first_calls, backend, seconds=250)


# -- 15: plans that travel ----------------------------------------------------------------------


def plans():
    draw = drawn()
    factors = draw(5), draw(9)
    yield fc.plan_correlate((23, 37), "float32", draw(3, 5), boundary="mirror"), (23, 37)
    yield fc.plan_correlate((40, 50), "float32", factors, algorithm="separable"), (40, 50)
    yield fc.plan_correlate((70, 80), "float32", draw(25, 25), algorithm="fft"), (70, 80)
    yield fc.plan_correlate((40, 50), "float32", np.ones((5, 5)), algorithm="box"), (40, 50)
    yield fc.plan_conv1d((2, 3, 30), "float32", draw(4, 3, 5), draw(4), stride=2), (2, 3, 30)
    size = (1, 16, 15, 15)
    for algorithm in ("winograd", "gemm", "direct"):
        layer = draw(16, 16, 3, 3)
        yield fc.plan_conv2d(size, "float32", layer, padding=1, algorithm=algorithm), size
    yield fc.plan_conv2d(size, "float32", draw(16, 1, 3, 3), groups=16, activation="relu"), size
    yield fc.plan_conv3d((1, 2, 5, 6, 7), "float64", draw(3, 2, 2, 2, 2)), (1, 2, 5, 6, 7)


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda plan: pickle.loads(pickle.dumps(plan)),
    "oldest pickle": lambda plan: pickle.loads(pickle.dumps(plan, 2)),
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("number", range(10))
def test_plans_are_copied_and_pickled(way, number):
    draw = drawn(1)
    plan, size = [*plans()][number]
    dtype = "float64" if len(size) == 5 else "float32"
    xs = [draw(*size, dtype=dtype) for _ in range(4)]
    wanted = [plan(x) for x in xs[:2]]
    other = COPIES[way](plan)
    wanted += [plan(x) for x in xs[2:]]
    for x, result in zip(xs + xs, wanted + wanted, strict=True):
        np.testing.assert_array_equal(other(x), result)
    for x, result in zip(xs, wanted, strict=True):
        np.testing.assert_array_equal(COPIES[way](other)(x), result)
    assert str(other) == str(plan)
    assert (other.algorithm, other.backend) == (plan.algorithm, plan.backend)


# -- 16: what a plan says of its tiles ----------------------------------------------------------


@pytest.mark.parametrize("number", range(10))
def test_a_plan_prints_the_tiles_that_run(number, backend):
    plan, _ = [*plans()][number]
    said = re.search(r"tiles +(\d+), of which", str(plan))
    assert said
    assert int(said[1]) == plan._recipe.usual_job.tiles


# -- 20: one huge sample ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "huge"),
    [("float32", 1e20), ("float32", 1e38), ("float32", -3.4e38), ("float64", -1e300)],
)
@pytest.mark.parametrize("algorithm", ["auto", "fft"])
def test_a_huge_sample_stays_in_its_window(dtype, huge, algorithm):
    draw = drawn()
    for i in range(3):
        x, w = draw(60, 70, dtype=dtype), np.abs(draw(17, 17, dtype=dtype))
        w /= w.sum()
        if i != 1:
            x[5 + 20 * i, 50] = huge
        wanted = oracle.by_taps(x, w)
        got = fc.correlate(x, w, algorithm=algorithm)
        apart = wanted.magnitude < 1e3
        assert apart.any()
        error = np.abs(got - wanted.values)[apart] / wanted.magnitude[apart]
        assert error.max() < 1e4 * np.finfo(dtype).eps
        reading = ~apart & np.isfinite(wanted.values)
        error = np.abs(got - wanted.values)[reading] / wanted.magnitude[reading]
        assert error.max(initial=0) < 1e4 * np.finfo(dtype).eps
