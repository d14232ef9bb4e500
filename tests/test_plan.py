"""Plans: the same bits as the one-shot call, what they say, and proof of what ran."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import oracle
import pytest

import fastconv as fc
from benchmarks.cases import CASES, Case, LayerCase
from fastconv import backends
from fastconv.plan.candidates import candidates
from fastconv.problem import boundary

IMAGE = (37, 41)


def layer():
    x, w = oracle.samples((2, 4, 9, 10), np.float32), oracle.samples((6, 2, 3, 3), np.float32)
    return x, w, oracle.samples((6,), np.float32)


FILTERS = [
    {},
    {"boundary": ("mirror", "wrap"), "stride": (2, 1)},
    {"mode": "full", "cval": 2.0, "dilation": 2},
    {"mode": "valid", "dtype": np.int16},
    {"axes": (1, 0), "origin": (1, -1), "boundary": "nearest"},
]


@pytest.mark.parametrize("how", FILTERS, ids=str)
@pytest.mark.parametrize("algorithm", ["direct", "separable"])
def test_a_plan_is_the_call_to_the_bit(algorithm, how, backend, ran):
    x = oracle.samples(IMAGE, np.float32)
    w = (oracle.samples((3,), np.float32), oracle.samples((5,), np.float32))
    how = {"algorithm": algorithm, "backend": backend, **how}
    plan = fc.plan_correlate(x.shape, x.dtype, w, **how)
    assert (plan.algorithm, plan.backend) == (algorithm, backend)
    wanted = fc.correlate(x, w, **how)
    ran.only(backend, algorithm)
    for _ in range(2):
        got = plan(x)
        assert got.dtype == wanted.dtype
        np.testing.assert_array_equal(got, wanted)
    ran.only(backend, algorithm)


@pytest.mark.parametrize(
    ("plan", "call", "rank"),
    [
        (fc.plan_conv1d, fc.conv1d, 1),
        (fc.plan_conv2d, fc.conv2d, 2),
        (fc.plan_conv3d, fc.conv3d, 3),
    ],
)
def test_a_plan_of_a_layer_is_the_layer(plan, call, rank, backend, ran):
    x = oracle.samples((2, 4, 5, 6, 7)[: rank + 2], np.float32)
    w, bias = oracle.samples((6, 2, 3, 3, 3)[: rank + 2], np.float32), np.arange(6, dtype="f4")
    how = {"stride": 2, "padding": "same", "groups": 2, "activation": "relu", "backend": backend}
    made = plan(x.shape, x.dtype, w, bias, **how)
    np.testing.assert_array_equal(made(x), call(x, w, bias, **how))
    ran.only(backend, made.algorithm)


def test_a_plan_fills_any_out_that_holds_the_result(backend):
    x = oracle.samples(IMAGE, np.float32) * 100
    plan = fc.plan_correlate(x.shape, x.dtype, oracle.samples((3, 3), np.float32), backend=backend)
    wanted = plan(x)
    for dtype in (np.float32, np.float64, np.complex64, np.int16, np.uint8):
        out = np.empty(x.shape, dtype)
        assert plan(x, out) is out
        if out.dtype.kind in "iu":
            limits = np.iinfo(dtype)
            np.testing.assert_array_equal(out, np.rint(wanted).clip(limits.min, limits.max))
        else:
            np.testing.assert_array_equal(out, wanted)
    assert plan(x, out=x) is x
    np.testing.assert_array_equal(x, wanted)


def test_a_plan_takes_any_array_of_its_shape_and_dtype(backend):
    plan = fc.plan_correlate((3,), "int64", [1, 1], backend=backend)
    assert plan([1, 2, 3]).tolist() == [1, 3, 5]
    assert plan(np.arange(9)[::-3]).tolist() == [8, 13, 7]


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_a_plan_keeps_the_kernel_it_was_made_with(dtype, backend):
    x, w = oracle.samples(IMAGE, dtype), oracle.small((3, 3), dtype)
    plan = fc.plan_correlate(x.shape, x.dtype, w, backend=backend)
    wanted = plan(x)
    w[...] = 1
    np.testing.assert_array_equal(plan(x), wanted)
    x, w, bias = layer()
    plan = fc.plan_conv2d(x.shape, x.dtype, w, bias, groups=2, backend=backend)
    wanted = plan(x)
    w[...] = 1
    bias[...] = 1
    np.testing.assert_array_equal(plan(x), wanted)


def test_a_plan_keeps_the_kernel_for_wide_integers_too():
    x, w = np.array([2**62, 1]), np.array([3, 1])
    plan = fc.plan_correlate(x.shape, x.dtype, w, backend="numpy")
    wanted = plan(x)
    w[...] = 0
    np.testing.assert_array_equal(plan(x), wanted)


@pytest.mark.parametrize("name", ["problem", "backend", "algorithm", "candidates"])
def test_a_plan_cannot_be_changed(name):
    plan = fc.plan_correlate((5,), float, [1.0])
    with pytest.raises(AttributeError):
        setattr(plan, name, getattr(plan, name))


def test_a_problem_cannot_be_changed():
    problem = fc.plan_correlate((5,), float, [1.0])._recipe.problem
    with pytest.raises(AttributeError):
        problem.relu = True
    with pytest.raises(AttributeError):
        problem.axes[0].taps = 2
    assert hash(problem) == hash(problem._replace())


def test_what_ran_is_noticed(ran):
    x = oracle.samples(IMAGE, np.float32)
    factors = (np.ones(3, "f4"),) * 2
    with pytest.raises(AssertionError):
        ran.only("numpy", "direct")
    fc.correlate(x, factors, algorithm="direct", backend="numpy")
    for wrong in (("numpy", "separable"), ("cython", "direct")):
        with pytest.raises(AssertionError):
            ran.only(*wrong)
    ran.only("numpy", "direct")
    fc.correlate(x, factors, algorithm="direct", backend="numpy")
    fc.correlate(x, factors, algorithm="separable", backend="numpy")
    with pytest.raises(AssertionError):
        ran.only("numpy", "direct")


def test_many_threads_share_a_plan(backend):
    x, w = oracle.samples((3, 100, 101), np.float32), oracle.samples((3, 3), np.float32)
    how = {"axes": (1, 2), "boundary": "mirror", "threads": 2, "backend": backend}
    plan = fc.plan_correlate(x.shape, x.dtype, w, **how)
    images = [oracle.samples(x.shape, np.float32, seed) for seed in range(6)]
    wanted = [plan(image) for image in images]
    start = threading.Barrier(len(images))

    def user(image):
        start.wait(60)
        return [plan(image) for _ in range(5)]

    with ThreadPoolExecutor(len(images)) as users:
        for expected, results in zip(wanted, users.map(user, images), strict=True):
            for result in results:
                np.testing.assert_array_equal(result, expected)


# -- what a plan says ---------------------------------------------------------------------------


def test_a_plan_shows_the_question_and_its_answer(backend):
    plan = fc.plan_correlate(
        (48, 640),
        "uint8",
        oracle.samples((3, 5), "f4"),
        boundary=("wrap", "mirror"),
        backend=backend,
    )
    text = repr(plan)
    assert text == str(plan)
    first, *rest = text.splitlines()
    assert first == "correlate 48x640 uint8 -> 48x640 float32"
    said = {line[2:].split()[0]: line for line in rest}
    assert "3x5 taps" in said["kernel"]
    assert "wrap, mirror" in said["borders"]
    assert "float32" in said["sums"]
    assert backend in said["backend"]
    assert "refuses: the kernel is not known as a product" in said["separable"]
    assert said["direct"].startswith("* direct")
    assert "ms predicted" in said["direct"]
    assert {"tiles", "threads", "workspace"} <= set(said)


def test_a_plan_stars_the_algorithm_it_runs():
    factors = (np.ones(9, "f4"),) * 2
    for algorithm in ("separable", "direct"):
        lines = repr(fc.plan_correlate((500, 500), "f4", factors, algorithm=algorithm)).splitlines()
        assert [line.split()[1] for line in lines if line.startswith("*")] == [algorithm]
    assert "given as factors" in "\n".join(lines)


def test_the_number_of_threads_is_shown():
    w = np.ones((5, 5), "f4")
    for threads in (1, 2, 3):
        said = repr(fc.plan_correlate((2000, 2000), "f4", w, threads=threads))
        assert f"threads    {threads}\n" in said


def test_a_plan_of_nothing_can_be_shown_and_called(backend):
    plan = fc.plan_correlate((0, 5), "float32", np.ones((3, 3)), backend=backend)
    assert "0x5" in repr(plan)
    assert plan(np.zeros((0, 5), "float32")).shape == (0, 5)


def test_automatic_is_the_cheapest_that_can():
    for taps in ((1, 1), (3, 3), (15, 15)):
        factors = tuple(np.arange(k, dtype="f4") for k in taps)
        plan = fc.plan_correlate((512, 512), "f4", factors)
        seconds = {
            c.algorithm: c.seconds
            for c in candidates(plan._recipe.problem, plan.backend)
            if c.seconds is not None
        }
        assert {"direct", "fft", "separable"} <= set(seconds)
        assert plan.algorithm == min(seconds, key=seconds.get)
    assert plan.algorithm == "separable"


def test_caches_are_bounded():
    assert boundary.runs.cache_info().maxsize is not None


# -- the cases that are benchmarked -------------------------------------------------------------


def shrunk(case):
    """The same call on an image of a few pixels, or on an eighth of many channels."""
    if case.function == "correlate":
        x, w = (
            tuple(min(n, most) for n in part)
            for part, most in ((case.x, max(IMAGE)), (case.w, 300))
        )
        return replace(case, x=x, w=w)
    images, channels, *sizes = case.x
    eighth = 8 if channels >= 64 else 1
    filters, per_group, *taps = case.w
    return replace(
        case,
        x=(images, channels // eighth, *map(min, sizes, IMAGE)),
        w=(filters // eighth, per_group // eighth, *taps),
    )


IMAGES = [name for name, case in CASES.items() if isinstance(case, Case) and case.w]


@pytest.mark.parametrize("name", IMAGES)
def test_benchmarked_cases_agree_on_all_backends(name, backend):
    case = shrunk(CASES[name])
    x, w = case.arrays()
    wanted = case.call("numpy")()
    got = case.call(backend)()
    assert got.dtype == wanted.dtype
    if got.dtype.kind in "iu":
        assert np.abs(got.astype(np.int64) - wanted).max() <= (0 if w.dtype.kind in "iu" else 1)
        return
    magnitude = getattr(fc, case.function)(np.abs(x), absolute(w), backend="numpy", **case.options)
    eps = np.finfo(got.dtype).eps
    terms = sum(f.size for f in w) if case.separable else w[0].size
    assert np.all(np.abs(got - wanted) <= 2 * eps * (terms + 4) * np.abs(magnitude))


def absolute(w):
    return tuple(map(np.abs, w)) if isinstance(w, tuple) else np.abs(w)


STEPS = [name for name, case in CASES.items() if isinstance(case, LayerCase)]


@pytest.mark.parametrize("name", STEPS)
def test_benchmarked_steps_agree_on_all_backends(name, backend):
    case = CASES[name]
    channels, filters, groups = (
        max(n // 8, 1) for n in (case.layer.channels, case.layer.filters, case.layer.groups)
    )
    small = case.layer._replace(channels=channels, filters=filters, groups=groups, size=13)
    case = replace(case, layer=small)
    wanted = case.call("numpy")()
    # No output is beyond the max |x| · Σ |w| that Winograd's error is promised to be small beside.
    assert np.abs(case.call(backend)() - wanted).max() <= 3e-5 * np.abs(wanted).max()


def test_a_printed_plan_says_how_many_outputs_stay_in_registers(backend):
    said = str(fc.plan_correlate((9, 9), "f4", np.ones((2, 2), "f4"), backend=backend))
    tile = backends.load(backend).register_tile(np.dtype("f4"))
    assert ("registers " in said) == (backend != "numpy")
    if tile is not None:
        assert f"  registers  {tile[0]}x{tile[1]} outputs" in said
