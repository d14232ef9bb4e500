"""The first calls with a shape do with one tile; their results have the bits of all later ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from test_tiling import problems

import fastconv as fc
from fastconv import algorithms
from fastconv.plan import choose
from fastconv.plan.job import Job
from fastconv.plan.recipe import MAX_SINGLE_RUNS

fft = algorithms.load("fft")
generator = np.random.default_rng(0)
KERNELS = {
    "dense": generator.normal(size=(5, 3)),
    "row": generator.normal(size=(1, 9)),
    "long row": generator.normal(size=(1, 19)),
    "column": generator.normal(size=(17, 1)),
    "separable": (np.array([1.0, 2.0, 4.0, 2.0, 1.0]), np.array([1.0, -2.0, 5.0])),
    "wide": (np.array([1.0, 2.0, 1.0]), generator.normal(size=9)),
    "box": (np.full(9, 1 / 9), np.full(9, 1 / 9)),
}
STRANGE = [np.nan, np.inf, -np.inf, 3e38, -3e38, 0.0, 1e-40]


@pytest.fixture(autouse=True)
def nothing_known():
    choose.forget()
    yield
    choose.forget()


@pytest.fixture
def jobs(monkeypatch):
    """The jobs that run, in order."""
    seen, run = [], Job.run

    def watched(job, *arguments):
        seen.append(job)
        return run(job, *arguments)

    monkeypatch.setattr(Job, "run", watched)
    return seen


def samples(shape, dtype, layout):
    x = (np.random.default_rng(1).normal(size=shape) * 100).astype(dtype)
    if x.dtype.kind == "f":
        x.flat[np.linspace(0, x.size - 1, len(STRANGE), dtype=int)] = STRANGE
    if layout == "every second":
        wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
        wide[..., ::2] = x
        return wide[..., ::2]
    return np.asarray(x, order=layout)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("layout", ["C", "F", "every second"])
def test_first_calls_have_the_bits_of_later_ones(backend, kernel, dtype, layout, jobs):
    w = KERNELS[kernel]
    if not isinstance(w, tuple):
        w = w.astype(np.float32)
    for shape in ((411, 307), (300, 9), (9, 4000), (4000, 5), (190, 150, 3)):
        x = samples(shape, dtype, layout)
        for boundary in ("constant", "mirror"):
            options = {"axes": (0, 1), "boundary": boundary, "backend": backend, "threads": 1}
            first, *others = [
                fc.correlate(x, w, **options).tobytes() for _ in range(MAX_SINGLE_RUNS + 2)
            ]
            assert others == [first] * len(others)
    assert not jobs[-1].single


def test_only_the_first_calls_do_with_one_tile(jobs):
    x, w = np.ones((300, 300), np.float32), KERNELS["dense"].astype(np.float32)
    for _ in range(MAX_SINGLE_RUNS + 2):
        fc.correlate(x, w, backend="cython")
    assert [job.single for job in jobs] == [True] * MAX_SINGLE_RUNS + [False, False]
    assert [job.tiles > 1 for job in jobs] == [False] * MAX_SINGLE_RUNS + [True, True]
    assert jobs[-1] is jobs[-2]


def test_a_plan_is_for_many_calls_from_the_first_one_on(jobs):
    x, w = np.ones((300, 300), np.float32), KERNELS["dense"].astype(np.float32)
    fc.correlate(x, w, backend="cython")
    plan = fc.plan_correlate(x.shape, x.dtype, w, backend="cython")
    plan(x)
    assert [job.single for job in jobs] == [True, False]
    assert f"tiles      {jobs[-1].tiles}," in str(plan)


@pytest.mark.parametrize("algorithm", ["fft", "sparse", "separable"])
def test_tiles_whose_place_may_change_bits_are_never_joined(algorithm, jobs):
    w = np.zeros((5, 5), np.float32)
    w[0, 0] = w[4, 4] = w[0, 4] = w[3, 3] = 1  # of rank 2 and sparse
    fc.correlate(np.ones((300, 300), np.float32), w, algorithm=algorithm, backend="cython")
    assert not any(job.single for job in jobs)


def test_nor_are_tiles_of_outputs_that_step_over_samples(jobs):
    x, w = np.ones((300, 600), np.float32), np.full((5, 9), 0.5, np.float32)
    fc.correlate(x, w, stride=3, dilation=2, backend="cython")
    assert not any(job.single for job in jobs)


@pytest.mark.parametrize(
    ("dtype", "single"), [("uint8", True), ("uint16", True), ("float32", False)]
)
def test_tiles_of_a_box_are_joined_where_its_sums_are_exact(dtype, single, jobs):
    fc.filters.box(np.ones((400, 300), dtype), 9, algorithm="box", backend="cython")
    assert [job.single for job in jobs] == [single]


@given(problems())
def test_a_transform_costs_no_less_than_its_bound(problem):
    if problem.outputs and fft.refuses(problem) is None:
        for backend in fc.available_backends():
            assert fft.least_cost(problem, backend) < fft.cost(problem, backend)
