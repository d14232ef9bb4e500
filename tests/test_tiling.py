"""Tilings: every output once, in place where it may be, halos of a bounded size."""

from __future__ import annotations

from math import prod
from types import SimpleNamespace

import numpy as np
import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fastconv as fc
from fastconv import algorithms
from fastconv.backends.cython_backend import backend as compiled
from fastconv.plan.tiling import HALO_BYTES, MAX_ROWS, VECTOR, tiling

direct, gemm, pointwise, depthwise, winograd = map(
    algorithms.load, ("direct", "gemm", "pointwise", "depthwise", "winograd")
)


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
    return plan._recipe.problem


def tiled_directly(problem, in_place):
    """The tiles of the algorithm ``direct`` on a compiled backend, each for itself."""
    return tiling(problem, direct, compiled, in_place).tiles(apart=True)


def volume(spans):
    return prod(span.stop - span.start for span in spans)


@given(problems(), st.booleans())
def test_every_output_belongs_to_one_tile(problem, in_place):
    covered = np.zeros(problem.canonical_out, np.uint8)
    for tile in tiled_directly(problem, in_place and not problem.complex):
        covered[tile.out] += 1
    assert np.all(covered == 1)


@given(problems(), st.booleans())
def test_tiles_read_what_their_outputs_see(problem, in_place):
    for tile in tiled_directly(problem, in_place and not problem.complex):
        rank = len(problem.axes)
        for number, (axis, span) in enumerate(zip(problem.axes, tile.out[-rank:], strict=True)):
            reads = tile.reads[number - rank]
            first, stop = axis.reads(span.start, span.stop)
            if tile.halo is None:
                assert (reads.start, reads.stop) == (first, stop)
                assert 0 <= first < stop <= axis.size
            else:
                assert (reads.start, reads.stop) == (0, axis.size)
                if tile.walk.dilation[number] == axis.dilation:
                    assert tile.halo.runs[number][:, 1].sum() == stop - first


def test_the_interior_is_read_in_place():
    problem = fc.plan_correlate((2000, 2000), "f4", np.ones((5, 5), "f4"))._recipe.problem
    inside = sum(volume(tile.out) for tile in tiled_directly(problem, True) if tile.halo is None)
    assert inside == 1996 * (2000 - 2 * VECTOR)  # strips along rows fill vectors
    assert not any(tile.halo is None for tile in tiled_directly(problem, False))


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
    problem = fc.plan_correlate(shape, dtype, np.ones(taps, "f4"), **how)._recipe.problem
    for in_place in (True, False):
        halos = [tile.halo for tile in tiling(problem, direct, compiled, in_place).tiles()]
        items = max(prod(halo.memory) for halo in halos if halo is not None)
        assert items * problem.compute.itemsize < 3 * HALO_BYTES


def test_rows_of_memory_stay_long():
    colors, row = (
        plan._recipe.problem
        for plan in (
            fc.plan_correlate((4000, 1000, 3), "uint8", np.ones(3, "f4"), axes=0),
            fc.plan_correlate((8, 3, 3000, 70), "uint8", np.ones(3, "f4"), axes=0),
        )
    )
    for problem, inside in ((colors, 3), (row, 70)):
        for tile in tiled_directly(problem, False):
            last = tile.out[len(problem.batch) - 1]
            assert last == slice(0, inside)


def test_interiors_of_separable_kernels_keep_whole_rows():
    """Rows between two of their tiles are filtered twice, so there are few; columns stay whole."""
    factors = (np.arange(41, dtype="f4"),) * 2
    problem = fc.plan_correlate((2048, 2048), "float32", factors)._recipe.problem
    tiles = tiling(problem, algorithms.load("separable"), compiled, True).tiles(apart=True)
    inside = [tile.out for tile in tiles if tile.halo is None]
    assert len(inside) > 8
    assert all(out[-1] == slice(20, 2028) for out in inside)


def test_copies_leave_gaps_out():
    problem = fc.plan_correlate(
        (20, 3000), "f4", np.ones((3, 5), "f4"), dilation=(50, 2)
    )._recipe.problem
    for tile in tiled_directly(problem, False):
        rows = tile.out[-2].stop - tile.out[-2].start
        assert tile.walk.dilation == (rows, 2)


def test_astronomic_plans_can_be_printed():
    plan = fc.plan_correlate((2**40, 2**40), "f4", np.ones((3, 3), "f4"))
    assert "of which 109051906 read a halo" in str(plan)


@given(problems(), st.booleans())
def test_tiles_of_a_grid_are_those_that_are_asked_for_apart(problem, in_place):
    tiles = tiling(problem, direct, compiled, in_place and not problem.complex)
    apart = {
        tuple((span.start, span.stop) for span in tile.out) for tile in tiles.tiles(apart=True)
    }
    of_grids = set()
    for tile in tiles.tiles():
        counts = [count for count, _ in tile.grid]
        for number in np.ndindex(*counts):
            moved = [n * step for n, (_, step) in zip(number, tile.grid, strict=True)]
            moved.insert(len(problem.batch) + 1, moved.pop())
            of_grids.add(
                tuple(
                    (span.start + by, span.stop + by)
                    for span, by in zip(tile.out, moved, strict=True)
                )
            )
    assert of_grids == apart
    assert len(apart) == tiles.total


def test_large_images_have_few_entries():
    problem = fc.plan_correlate((5000, 5000), "f4", np.ones((5, 5), "f4"))._recipe.problem
    tiles = tiling(problem, direct, compiled, True)
    assert tiles.total > 100
    assert len([*tiles.tiles()]) < 20


def test_large_layers_in_place_have_some_hundred_tiles():
    w = np.ones((256, 256, 3, 3), "f4")
    problem = fc.plan_conv2d((64, 256, 56, 56), "f4", w)._recipe.problem
    tiles = [*tiled_directly(problem, True)]
    assert all(tile.halo is None for tile in tiles)
    assert 200 < len(tiles) < 1000


def test_spans_do_not_depend_on_threads():
    w = np.ones((3, 3), "f4")
    problems = {
        fc.plan_correlate((900, 900), "f4", w, threads=n)._recipe.problem for n in (1, 2, 5)
    }
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
    problem = make(x, "f4", w, groups=groups, backend="numpy", **how)._recipe.problem
    assert algorithm.refuses(problem) is None
    return algorithm, problem


def tiled(algorithm, problem, in_place, width):
    """The tiles of an algorithm for layers on a compiled backend, each for itself."""
    backend = SimpleNamespace(
        min_interior_bytes=compiled.min_interior_bytes,
        min_tile_macs=compiled.min_tile_macs,
        panel=lambda _: width,
    )
    return tiling(problem, algorithm, backend, in_place).tiles(apart=True)


@given(layers(), st.booleans())
def test_tiles_of_layers_read_what_their_outputs_see(layer, in_place):
    algorithm, problem = layer
    zeros = problem.axes[0].boundary == "constant" and prod(problem.taps) < 64
    rank = len(problem.axes)
    for tile in tiled(algorithm, problem, in_place, 16):
        edges = zip(problem.axes, tile.out[-rank:], tile.reads[-rank:], strict=True)
        for (axis, span, reads), before in zip(edges, tile.walk.before, strict=True):
            first, stop = axis.reads(span.start, span.stop)
            if tile.halo is not None:
                assert (before, reads) == (0, slice(0, axis.size))
                assert not (algorithm is depthwise and in_place and zeros)
                continue
            assert reads.start - before == first
            assert 0 <= reads.start < reads.stop <= axis.size
            assert reads.stop == stop or reads.stop == axis.size < stop
            assert before == 0 or reads.start == 0
            assert algorithm is depthwise or (reads.start, reads.stop) == (first, stop)


@given(layers(), st.booleans(), st.sampled_from([8, 16, 32]))
def test_every_output_of_a_layer_belongs_to_one_tile(layer, in_place, width):
    algorithm, problem = layer
    panel = width if algorithm in (gemm, winograd) else 1
    grain = algorithm.min_tile(problem)
    covered = np.zeros(problem.canonical_out, np.uint8)
    rank = len(problem.axes)
    for tile in tiled(algorithm, problem, in_place, width):
        covered[tile.out] += 1
        for axis, span, n in zip(problem.axes, tile.out[-rank:], grain, strict=True):
            assert span.start % n == 0
            assert span.stop % n == 0 or span.stop == axis.out
        channels = tile.out[-rank - 1]
        assert tile.groups == tile.out[-rank - 2]
        first, last = tile.channels
        assert (first, last) == (channels.start, channels.stop)
        assert first % panel == 0
        if algorithm.layout == "channels":
            *batch, _, _ = tile.out[:-rank]
            assert volume(batch) * volume(tile.out[-rank:]) <= 2 * MAX_ROWS * np.prod(grain)
    assert np.all(covered == 1)
