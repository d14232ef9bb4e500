"""The cut of a problem: every output once, in place where it may be, copies of a bounded size."""

from __future__ import annotations

from math import prod
from types import SimpleNamespace

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastconv as fc
from fastconv.algorithms import depthwise, direct, gemm, pointwise, winograd
from fastconv.backends import cython_backend
from fastconv.plan.tiling import ROWS, SCRATCH, cut, cut_layer


@st.composite
def problems(draw):
    """Problems of up to some millions of outputs, which are never calculated."""
    rank = draw(st.integers(1, 3))
    shape = tuple(draw(st.integers(1, {1: 10**6, 2: 1000, 3: 100}[rank])) for _ in range(rank))
    batch = tuple(draw(st.integers(1, 3)) for _ in range(draw(st.integers(0, 2))))
    colors = draw(st.sampled_from([(), (), (3,), (2, 200)]))
    plan = fc.plan_correlate(
        (*batch, *shape, *colors),
        draw(st.sampled_from(["uint8", "float32", "complex64"])),
        np.ones(tuple(draw(st.integers(1, 9)) for _ in range(rank)), "f4"),
        axes=tuple(range(len(batch), len(batch) + rank)),
        mode=draw(st.sampled_from(["same", "full"])),
        boundary=draw(st.sampled_from(oracle.BOUNDARIES)),
        stride=draw(st.integers(1, 5)),
        dilation=draw(st.integers(1, 3)),
    )
    return plan.problem


def cut_directly(problem, in_place):
    """The pieces of the algorithm ``direct`` on a compiled backend."""
    products, grain = direct.products(problem), direct.grain(problem)
    reads = "interior" if in_place else "nothing"
    return cut(problem, products, grain, cython_backend, cython_backend.PIECE, reads)


def volume(spans):
    return prod(span.stop - span.start for span in spans)


@given(problems(), st.booleans())
def test_every_output_belongs_to_one_piece(problem, in_place):
    covered = np.zeros(problem.canonical_out, np.uint8)
    for piece in cut_directly(problem, in_place and not problem.complex):
        covered[piece.out] += 1
    assert np.all(covered == 1)


@given(problems(), st.booleans())
def test_pieces_read_what_their_outputs_see(problem, in_place):
    for piece in cut_directly(problem, in_place and not problem.complex):
        rank = len(problem.axes)
        for number, (axis, span) in enumerate(zip(problem.axes, piece.out[-rank:], strict=True)):
            reads = piece.reads[number - rank]
            first, stop = axis.reads(span.start, span.stop)
            if piece.copy is None:
                assert (reads.start, reads.stop) == (first, stop)
                assert 0 <= first < stop <= axis.size
            else:
                assert (reads.start, reads.stop) == (0, axis.size)
                if piece.walk.dilation[number] == axis.dilation:
                    assert piece.copy.runs[number][:, 1].sum() == stop - first


def test_the_interior_is_read_in_place():
    problem = fc.plan_correlate((2000, 2000), "f4", np.ones((5, 5), "f4")).problem
    inside = sum(volume(piece.out) for piece in cut_directly(problem, True) if piece.copy is None)
    assert inside == 1996**2
    assert not any(piece.copy is None for piece in cut_directly(problem, False))


@pytest.mark.parametrize(
    ("shape", "taps", "how"),
    [
        ((4000, 4000), (3, 3), {}),
        ((10**7,), (7,), {"boundary": "wrap"}),
        ((40, 10**6), (5, 5), {}),
        ((10**6, 40), (5, 5), {}),
        ((200, 200, 200), (3, 3, 3), {"boundary": "mirror"}),
        ((10**8,), (3,), {"stride": 10**6}),
        ((10**4, 10**4), (3, 3), {"stride": 500}),
        ((10**6,), (3,), {"dilation": 10**8, "boundary": "wrap"}),
        ((100, 10**6), (3, 3), {"dilation": (10**5, 1)}),
        ((8, 10**6), (3,), {"axes": 0}),
        ((8, 100, 100, 100), (3,), {"axes": 0}),
        ((9, 3000, 1000, 3), (3,), {"axes": 0, "boundary": "nearest"}),
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "complex128"])
def test_copies_fit_a_cache(dtype, shape, taps, how):
    problem = fc.plan_correlate(shape, dtype, np.ones(taps, "f4"), **how).problem
    for in_place in (True, False):
        assert cut_directly(problem, in_place).copy_bytes < 3 * SCRATCH


def test_rows_of_memory_stay_long():
    colors, row = (
        plan.problem
        for plan in (
            fc.plan_correlate((4000, 1000, 3), "uint8", np.ones(3, "f4"), axes=0),
            fc.plan_correlate((8, 3, 3000, 70), "uint8", np.ones(3, "f4"), axes=0),
        )
    )
    for problem, inside in ((colors, 3), (row, 70)):
        for piece in cut_directly(problem, False):
            last = piece.out[len(problem.batch) - 1]
            assert last == slice(0, inside)


def test_copies_leave_gaps_out():
    problem = fc.plan_correlate((20, 3000), "f4", np.ones((3, 5), "f4"), dilation=(50, 2)).problem
    for piece in cut_directly(problem, False):
        rows = piece.out[-2].stop - piece.out[-2].start
        assert piece.walk.dilation == (rows, 2)


def test_astronomic_plans_can_be_printed():
    plan = fc.plan_correlate((2**40, 2**40), "f4", np.ones((3, 3), "f4"))
    assert "of which 50331650 read a copy" in str(plan)
    problem = plan.problem
    pieces = cut_directly(problem, True)
    first, last = pieces[0], pieces[len(pieces) - 1]
    assert first.copy is None
    assert first.out[-2].start == 1
    assert last.copy is not None
    assert [span.stop for span in last.out[-2:]] == [2**40 - 1, 2**40]
    with pytest.raises(IndexError):
        pieces[len(pieces)]


def test_large_layers_in_place_have_some_hundred_pieces():
    w = np.ones((256, 256, 3, 3), "f4")
    problem = fc.plan_conv2d((64, 256, 56, 56), "f4", w).problem
    pieces = cut_directly(problem, True)
    assert all(piece.copy is None for piece in pieces)
    assert 200 < len(pieces) < 1000


def test_spans_do_not_depend_on_threads():
    w = np.ones((3, 3), "f4")
    problems = {fc.plan_correlate((900, 900), "f4", w, threads=n).problem for n in (1, 2, 5)}
    assert len(problems) == 1


@st.composite
def layers(draw):
    """An algorithm for layers, and a problem that it takes."""
    algorithm = draw(st.sampled_from([gemm, pointwise, depthwise, winograd]))
    rank = draw(st.integers(1, 3))
    shape = [draw(st.integers(1, {1: 10**5, 2: 300, 3: 40}[rank])) for _ in range(rank)]
    groups = draw(st.integers(1, 3))
    filters, channels = (draw(st.integers(16, 300)) for _ in range(2))
    how = {"boundary": draw(st.sampled_from(["nearest", "constant"]))}
    if algorithm is depthwise:
        groups, filters, channels = draw(st.integers(8, 300)), 1, 1
    taps = draw(st.integers(1, 5))
    if algorithm is pointwise:
        taps = 1
    elif algorithm is winograd:
        taps = draw(st.integers(2, 5))
        how |= {"padding": taps - 1, "dilation": draw(st.integers(1, 3))}
        how["padding"] *= how["dilation"]
    else:
        how |= {name: draw(st.integers(1, 3)) for name in ("stride", "dilation")}
        how["padding"] = "same"
    make = {1: fc.plan_conv1d, 2: fc.plan_conv2d, 3: fc.plan_conv3d}[rank]
    w = np.ones((groups * filters, channels, *[taps] * rank), "f4")
    x = (draw(st.integers(1, 4)), groups * channels, *shape)
    problem = make(x, "f4", w, groups=groups, backend="numpy", **how).problem
    assert algorithm.refuses(problem) is None
    return algorithm, problem


def cut_of(algorithm, problem, in_place, width):
    """The pieces of an algorithm for layers on a compiled backend."""
    backend = SimpleNamespace(STRIPS=cython_backend.STRIPS, panel=lambda _: width)
    products, grain = algorithm.products(problem), algorithm.grain(problem)
    reads = algorithm.IN_PLACE if in_place else "nothing"
    finest = cython_backend.PIECE
    return cut_layer(problem, products, grain, backend, finest, algorithm.LAYOUT, reads)


@given(layers(), st.booleans())
def test_pieces_of_layers_read_what_their_outputs_see(layer, in_place):
    algorithm, problem = layer
    zeros = problem.axes[0].boundary == "constant" and prod(problem.taps) < 64
    rank = len(problem.axes)
    for piece in cut_of(algorithm, problem, in_place, 16):
        edges = zip(problem.axes, piece.out[-rank:], piece.reads[-rank:], strict=True)
        for (axis, span, reads), before in zip(edges, piece.walk.before, strict=True):
            first, stop = axis.reads(span.start, span.stop)
            if piece.copy is not None:
                assert (before, reads) == (0, slice(0, axis.size))
                assert not (algorithm is depthwise and in_place and zeros)
                continue
            assert reads.start - before == first
            assert 0 <= reads.start < reads.stop <= axis.size
            assert reads.stop == stop or reads.stop == axis.size < stop
            assert before == 0 or reads.start == 0
            assert algorithm is depthwise or (reads.start, reads.stop) == (first, stop)


@given(layers(), st.booleans(), st.sampled_from([8, 16, 32]))
def test_every_output_of_a_layer_belongs_to_one_piece(layer, in_place, width):
    algorithm, problem = layer
    panel = width if algorithm in (gemm, winograd) else 1
    grain = algorithm.grain(problem)
    covered = np.zeros(problem.canonical_out, np.uint8)
    rank = len(problem.axes)
    for piece in cut_of(algorithm, problem, in_place, width):
        covered[piece.out] += 1
        for axis, span, n in zip(problem.axes, piece.out[-rank:], grain, strict=True):
            assert span.start % n == 0
            assert span.stop % n == 0 or span.stop == axis.out
        channels = piece.out[-rank - 1]
        groups, weights = piece.weights
        assert piece.bias == (groups, channels) == (piece.out[-rank - 2], channels)
        assert weights.start * panel == channels.start
        assert channels.stop <= weights.stop * panel < channels.stop + panel
        if algorithm.LAYOUT == "channels":
            *batch, _, _ = piece.out[:-rank]
            assert volume(batch) * volume(piece.out[-rank:]) <= 2 * ROWS * np.prod(grain)
    assert np.all(covered == 1)
