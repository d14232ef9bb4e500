"""What `backends/_protocol.py` says of the Winograd kernels, asked of each backend directly.

Expected values are the matrices of `points.py` times each tile by itself, in float64.
"""

from __future__ import annotations

import sys
from math import prod

import numpy as np
import pytest
from interpreter import FENCED, printed
from numpy.lib.stride_tricks import as_strided
from oracle import Expected
from test_backends import Framed, others_run_during
from tolerance import assert_close

from fastconv import backends
from fastconv.backends.geometry.winograd import BLOCK, OUTPUTS, SAMPLES, TILES, WEIGHTS

pytestmark = pytest.mark.compiled

POINTS = list(TILES)
CHANNELS = [16, 17, 20, 23, 24, 31, 32, 33, 40]
# Outputs of a slab, down and across, in tiles and fractions of them.
SLABS = {36: [(1, 1), (4, 4), (2, 7), (8, 12), (11, 5), (10, 13)]}
SLABS[16] = [(1, 1), (2, 2), (1, 3), (4, 6), (5, 4), (7, 7)]
SLABS |= {6: [*SLABS[36], (9, 1)], 4: [*SLABS[16], (5, 1)]}
EACH_SLAB = [(points, slab) for points in POINTS for slab in SLABS[points]]
KERNELS = [(3, 3), (2, 2), (1, 3), (3, 1), (4, 3), (5, 5), (6, 7), (11, 11)]
LINES = [(3, 1), (2, 1), (4, 1), (9, 1), (25, 1), (128, 1)]
EACH_KERNEL = [(points, taps) for points in (36, 16) for taps in KERNELS]
EACH_KERNEL += [(points, taps) for points in (6, 4) for taps in LINES]


@pytest.fixture
def kernels(backend):
    """Each backend in turn."""
    return backends.load(backend)


@pytest.fixture
def compiled(backend, kernels):
    """Each backend that lets go of the GIL and sums in an order of its own."""
    if backend == "numpy":
        pytest.skip("BLAS has the order of its sums, and NumPy the GIL")
    return kernels


def numbers(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def framed_planes(shape, gap=0):
    """Guarded memory for `(B, G, C, H, W)`, channels last, and gaps between the groups of them."""
    _, groups, channels, rows, cols = shape
    group = channels + gap
    pixel = group * groups
    return Framed(shape, np.float32, (pixel * rows * cols, group, 1, pixel * cols, pixel))


def planes(shape, gap=0, seed=0):
    framed = framed_planes(shape, gap)
    framed.array[...] = numbers(shape, seed)
    return framed.array


def framed_tiles(points, batch, groups, channels, outputs, gap=0):
    """Guarded memory for as many tiles as have outputs, and gaps between their points."""
    tiles = (-(-n // m) for n, m in zip(outputs, TILES[points], strict=True))
    shape = (points, groups, batch, *tiles, channels)
    steps = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    return Framed(shape, np.float32, (steps[0] + gap, *steps[1:]))


def places(tiles):
    """The index of each tile and channel, without the points."""
    return np.ndindex(tiles.shape[1:])


def read(points, outputs):
    """Samples that outputs read, down and across."""
    return [n + 2 * (m > 1) for n, m in zip(outputs, TILES[points], strict=True)]


def both(matrices, points):
    """What makes a column of all values of a tile, and what makes the magnitude of rounding."""
    down, across = (matrices[m] if m > 1 else np.ones((1, 1)) for m in TILES[points])
    return np.kron(down.astype(float), across.astype(float))


def samples_at_points(tiles, x):
    """Values and magnitudes of all tiles, one by one."""
    points = len(tiles)
    (m, n), matrix, sides = TILES[points], both(SAMPLES, points), read(points, TILES[points])
    values, magnitude = np.zeros(tiles.shape), np.zeros(tiles.shape)
    for g, b, ty, tx, c in places(tiles):
        seen = x[b, g, c, ty * m : ty * m + sides[0], tx * n : tx * n + sides[1]]
        tile = np.zeros(sides)
        tile[: seen.shape[0], : seen.shape[1]] = seen
        values[:, g, b, ty, tx, c] = matrix @ tile.ravel()
        magnitude[:, g, b, ty, tx, c] = abs(matrix) @ abs(tile).ravel()
    return Expected(values, magnitude, sum(sides))


def outputs_of_tiles(tiles, bias, shape, relu=False):
    """Values and magnitudes of a slab, tile by tile."""
    points = len(tiles)
    (m, n), matrix = TILES[points], both(OUTPUTS, points)
    values, magnitude = np.zeros(shape), np.zeros(shape)
    for g, b, ty, tx, c in places(tiles):
        tile = tiles[:, g, b, ty, tx, c].astype(float)
        where = (b, g, c, slice(ty * m, ty * m + m), slice(tx * n, tx * n + n))
        rows, cols = values[where].shape
        sums = (matrix @ tile).reshape(m, n) + float(bias[g, c])
        most = (abs(matrix) @ abs(tile)).reshape(m, n) + abs(float(bias[g, c]))
        values[where], magnitude[where] = sums[:rows, :cols], most[:rows, :cols]
    terms = sum(read(points, TILES[points])) + 1
    return Expected(np.maximum(values, 0) if relu else values, magnitude, terms)


def check_samples(kernels, points, batch, groups, channels, outputs, gap=0):
    """Run `winograd_samples` into guarded memory, and compare with the matrices."""
    x = planes((batch, groups, channels, *read(points, outputs)), gap)
    tiles = framed_tiles(points, batch, groups, channels, outputs, gap)
    kernels.winograd_samples(tiles.array, x)
    tiles.assert_intact()
    assert_close(tiles.array, samples_at_points(tiles.array, x))


def check_outputs(kernels, points, batch, groups, channels, outputs, gap=0, relu=False):
    """Run `winograd_outputs` into guarded memory, and compare with the matrices."""
    tiles = framed_tiles(points, batch, groups, channels, outputs, gap).array
    tiles[...], bias = numbers(tiles.shape), numbers((groups, channels), 1)
    out = framed_planes((batch, groups, channels, *outputs), gap)
    assert kernels.winograd_outputs(out.array, tiles, bias, relu)
    out.assert_intact()
    assert_close(out.array, outputs_of_tiles(tiles, bias, out.array.shape, relu))


def check_weights(kernels, points, w):
    """Run `winograd_weights` into guarded memory, and compare with the matrices."""
    groups, panels, width, channels, *taps = w.shape
    sides = [BLOCK if m > 1 else 1 for m in TILES[points]]
    down, across = (-(-n // side) for n, side in zip(taps, sides, strict=True))
    shape = (groups, panels, points, down * across, channels, width)
    values = Framed(shape, np.float32, [prod(shape[axis + 1 :]) for axis in range(6)])
    kernels.winograd_weights(values.array, w)
    values.assert_intact()
    whole = np.zeros((*w.shape[:4], down * sides[0], across * sides[1]))
    whole[..., : taps[0], : taps[1]] = w
    matrix = both(WEIGHTS, points)
    wanted, magnitude = np.zeros(shape), np.zeros(shape)
    for block, (i, j) in enumerate(np.ndindex(down, across)):
        part = whole[..., i * sides[0] :, j * sides[1] :][..., : sides[0], : sides[1]]
        flat = part.reshape(*w.shape[:4], -1).transpose(0, 1, 4, 3, 2)
        wanted[:, :, :, block] = np.einsum("pt,gntck->gnpck", matrix, flat)
        magnitude[:, :, :, block] = np.einsum("pt,gntck->gnpck", abs(matrix), abs(flat))
    # One more for each axis: factors such as 1/6 are rounded themselves.
    assert_close(values.array, Expected(wanted, magnitude, sum(sides) + 2))


# -- values are those of the matrices -----------------------------------------------------------


@pytest.mark.parametrize(("points", "outputs"), EACH_SLAB, ids=str)
def test_samples_of_every_slab(points, outputs, kernels):
    for batch, groups, gap in ((1, 1, 0), (2, 3, 5)):
        check_samples(kernels, points, batch, groups, 17, outputs, gap)


@pytest.mark.parametrize(("points", "outputs"), EACH_SLAB, ids=str)
def test_outputs_of_every_slab(points, outputs, kernels):
    for batch, groups, gap, relu in ((1, 1, 0, True), (2, 3, 5, False)):
        check_outputs(kernels, points, batch, groups, 17, outputs, gap, relu)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("points", POINTS)
def test_every_number_of_channels(points, channels, kernels):
    m = TILES[points][0]
    for gap in (0, 3):
        check_samples(kernels, points, 1, 2, channels, (m + 1, 2 * m - 1), gap)
        check_outputs(kernels, points, 1, 2, channels, (m + 1, 2 * m - 1), gap, relu=gap == 0)


@pytest.mark.parametrize(("points", "taps"), EACH_KERNEL, ids=str)
def test_weights_of_every_kernel(points, taps, kernels):
    width = kernels.panel(np.dtype("f4"))
    for groups, panels, channels in ((1, 1, 1), (2, 3, 11)):
        w = numbers((groups, panels, width, channels, *taps))
        check_weights(kernels, points, w)
        check_weights(kernels, points, w[..., ::-1, ::-1])
        check_weights(kernels, points, numbers((*w.shape[:4], 2 * taps[0], taps[1]))[..., ::2, :])
        check_weights(kernels, points, numbers((*taps, *w.shape[:4])).transpose(2, 3, 4, 5, 0, 1))
        check_weights(kernels, points, w.swapaxes(2, 3).copy().swapaxes(2, 3))


@pytest.mark.parametrize("points", POINTS)
def test_tiles_beyond_all_samples_are_zeros(points, kernels):
    m = TILES[points][0]
    tiles = framed_tiles(points, 1, 1, 17, (3 * m, 2 * m))
    kernels.winograd_samples(tiles.array, planes((1, 1, 17, m, m)))
    tiles.assert_intact()
    assert (tiles.array[:, :, :, 1:] == 0).all()
    tiles.array[...], bias = 1, np.zeros((1, 17), np.float32)
    out = framed_planes((1, 1, 17, m, m))
    assert kernels.winograd_outputs(out.array, tiles.array, bias, False)
    out.assert_intact()


# -- sums that are not finite are told ----------------------------------------------------------


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("points", [36, 16])
def test_sums_that_are_not_finite(points, bad, relu, kernels):
    m, _ = TILES[points]
    outputs, channels = (2 * m, 2 * m - 1), 21
    good = framed_tiles(points, 2, 1, channels, outputs).array
    good[...] = 1
    bias, wanted = np.zeros((1, channels), np.float32), planes((2, 1, channels, *outputs))
    assert kernels.winograd_outputs(wanted, good, bias, relu)
    for b, ty, tx, c in ((0, 0, 0, 0), (1, 1, 1, 20), (0, 1, 0, 17), (1, 0, 1, 8)):
        tiles, out = good.copy(), planes((2, 1, channels, *outputs))
        tiles[0, 0, b, ty, tx, c] = bad
        assert not kernels.winograd_outputs(out, tiles, bias, relu)
        corner = out[b, 0, c, ty * m, tx * m]
        np.testing.assert_equal(corner, np.float32(0) if relu and bad == -np.inf else bad)
        tile = (b, 0, c, slice(ty * m, ty * m + m), slice(tx * m, tx * m + m))
        out[tile] = wanted[tile]
        np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("points", POINTS)
def test_a_sum_that_overflows(points, kernels):
    m, n = TILES[points]
    tiles, out = framed_tiles(points, 1, 1, 19, (m, n)).array, planes((1, 1, 19, m, n))
    bias = np.zeros((1, 19), np.float32)
    tiles[...] = 0
    tiles[0, ..., 18] = tiles[1, ..., 18] = 3e38
    assert not kernels.winograd_outputs(out, tiles, bias, False)
    tiles[1] = 0
    assert kernels.winograd_outputs(out, tiles, bias, False)
    bias[0, 3] = np.nan
    assert not kernels.winograd_outputs(out, tiles, bias, True)


@pytest.mark.parametrize("points", POINTS)
def test_samples_that_are_not_finite_stay_in_their_tiles(points, kernels):
    m, n = TILES[points]
    x = planes((1, 1, 18, 2 * m + 2, n + 2))
    x[0, 0, 17, m + 2, 0] = np.nan
    tiles = framed_tiles(points, 1, 1, 18, (2 * m, n)).array
    kernels.winograd_samples(tiles, x)
    assert np.isnan(tiles[:, 0, 0, 1, 0, 17]).any()
    tiles[:, 0, 0, 1, 0, 17] = 0
    assert np.isfinite(tiles).all()


# -- the bits of a tile do not depend on where it stands ----------------------------------------


@pytest.mark.parametrize("points", [36, 16])
def test_bits_do_not_depend_on_the_place(points, compiled):
    m, _ = TILES[points]
    x, outputs = planes((1, 1, 40, 3 * m + 2, 3 * m + 2)), (3 * m, 3 * m)
    everything = framed_tiles(points, 1, 1, 40, outputs).array
    compiled.winograd_samples(everything, x)
    bias, wanted = numbers((1, 40), 1), planes((1, 1, 40, *outputs))
    compiled.winograd_outputs(wanted, everything, bias, False)
    for ty, tx, first, channels in ((0, 0, 1, 16), (1, 2, 7, 33), (2, 1, 0, 21), (2, 2, 24, 16)):
        some = slice(first, first + channels)
        rows, cols = slice(ty * m, ty * m + m + 2), slice(tx * m, tx * m + m + 2)
        tile = framed_tiles(points, 1, 1, channels, (m, m)).array
        compiled.winograd_samples(tile, x[:, :, some, rows, cols])
        there = everything[..., ty : ty + 1, tx : tx + 1, some]
        np.testing.assert_array_equal(tile, there)
        out = planes((1, 1, channels, m, m - 1))
        compiled.winograd_outputs(out, tile, bias[:, some].copy(), False)
        rows, cols = slice(ty * m, ty * m + m), slice(tx * m, tx * m + m - 1)
        np.testing.assert_array_equal(out, wanted[:, :, some, rows, cols])


# -- no byte outside of the arrays is touched ---------------------------------------------------


FENCED_TILES = """
for m, lines, end in [(m, l, e) for m in (4, 2) for l in (False, True) for e in (True, False)]:
    n, points = (1, m + 2) if lines else (m, (m + 2) ** 2)
    def ones(*shape):
        array = fenced(shape, "float32", end)
        array[...] = 1
        return array
    for rows, cols, channels in [(1, 1, 16), (m, m, 17), (m + 1, 2 * m - 1, 23), (2 * m, 1, 40)]:
        tiles = ones(points, 1, 1, -(-rows // m), -(-cols // n), channels)
        x = ones(1, rows + 2, cols if lines else cols + 2, 1, channels)
        out = ones(1, rows, cols, 1, channels)
        backend.winograd_samples(tiles, x.transpose(0, 3, 4, 1, 2))
        assert (tiles[-1, 0, 0, 0, 0] == tiles[-1, 0, 0, 0, 0, 0]).all()
        tiles[...] = 0
        view = out.transpose(0, 3, 4, 1, 2)
        assert backend.winograd_outputs(view, tiles, ones(1, channels), False)
        assert (out == 1).all()
    width = backend.panel(np.dtype("float32"))
    for rows, cols in [(1, 1), (3, 1), (4, 1)] if lines else [(1, 2), (3, 3), (5, 4)]:
        blocks = -(-rows // 3) * -(-cols // 3)
        values = ones(1, 2, points, blocks, 3, width)
        backend.winograd_weights(values, ones(1, 2, width, 3, rows, cols))
        assert (values[:, :, -1, 0] == (rows >= 3 and (lines or cols >= 3))).all()
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fences memory by mprotect")
def test_nothing_is_touched_beyond_the_arrays(backend):
    assert printed(FENCED.format(backend=backend) + FENCED_TILES) == "done"


# -- the checks above can fail, and other threads run -------------------------------------------


class Wrong:
    """NumPy's kernels, and one more added to an item: of a result, or of the memory around it."""

    def __init__(self, stray):
        self.stray = stray

    def winograd_samples(self, tiles, x):
        backends.load("numpy").winograd_samples(tiles, x)
        self.add(tiles)

    def winograd_outputs(self, out, *arguments):
        finite = backends.load("numpy").winograd_outputs(out, *arguments)
        self.add(out)
        return finite

    def winograd_weights(self, values, w):
        backends.load("numpy").winograd_weights(values, w)
        self.add(values)

    def add(self, array):
        as_strided(array, (array.size + 9,), (array.itemsize,))[self.stray] += 1


@pytest.mark.parametrize(("stray", "complaint"), [(0, "off by"), (16, "outside of out")])
def test_a_wrong_item_is_noticed(stray, complaint):
    with pytest.raises(AssertionError, match=complaint):
        check_outputs(Wrong(stray), 16, 1, 1, 16, (1, 1), gap=2)
    stray = stray and 16 * 16
    with pytest.raises(AssertionError, match=complaint):
        check_samples(Wrong(stray), 16, 1, 1, 16, (1, 1))
    with pytest.raises(AssertionError, match=complaint):
        check_weights(Wrong(stray), 16, numbers((1, 1, 16, 1, 3, 3)))


@pytest.mark.skipif(not getattr(sys, "_is_gil_enabled", lambda: True)(), reason="there is no GIL")
@pytest.mark.parametrize("kernel", ["winograd_samples", "winograd_outputs"])
def test_other_threads_run_during_the_transforms(kernel, compiled):
    x, tiles = planes((1, 1, 128, 114, 114)), framed_tiles(36, 1, 1, 128, (112, 112)).array
    tiles[...] = 0
    out, bias = planes((1, 1, 128, 112, 112)), np.zeros((1, 128), np.float32)
    arguments = {"winograd_samples": (tiles, x), "winograd_outputs": (out, tiles, bias, False)}

    def work():
        getattr(compiled, kernel)(*arguments[kernel])

    work()  # loads and compiles, which lets go of the GIL as well
    assert any(others_run_during(work) for _ in range(1000))
