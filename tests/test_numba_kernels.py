"""Numba's kernels where other files of kernel tests do not look: sums and samples as a whole, few
channels under Winograd's transforms, dtypes without machine code, calls from inside an import.
"""

from __future__ import annotations

import sys
from itertools import product

import numpy as np
import pytest
from conftest import require
from interpreter import FENCED, printed
from numpy.lib.stride_tricks import as_strided
from test_backends import Framed
from test_rows import RESULTS, SAMPLES, everything, rounded
from test_winograd_kernels import POINTS, check_outputs, check_samples, check_weights, numbers

from fastconv import backends

FLOATS = ["float32", "float64"]


@pytest.fixture(scope="module")
def kernels():
    return backends.load(require("numba"))


def normal(shape, dtype, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


# -- bias epilogue ------------------------------------------------------------------------------

LAYOUTS = {
    "packed": None,
    "gaps": (2000, 300, 60, 1),
    "channels last": (1, 400, 100, 5),
    "channels last, gaps": (1, 700, 140, 7),
    "columns apart": (2000, 500, 90, 2),
}


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_epilogue(dtype, layout, relu, kernels):
    for channels, cols in product((1, 5), (1, 3, 8, 16, 19)):
        sums = normal((channels, 2, 3, cols), dtype)
        bias = normal((2 * channels,), dtype, 1)[::2]
        framed = Framed(sums.shape, dtype, LAYOUTS[layout])
        framed.array[...] = sums
        assert kernels.epilogue(framed.array, bias, relu)
        framed.assert_intact()
        wanted = sums + bias[:, None, None, None]
        np.testing.assert_array_equal(framed.array, np.maximum(wanted, 0) if relu else wanted)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_epilogue_says_whether_sums_are_finite_before_relu(dtype, layout, bad, relu, kernels):
    shape = (5, 2, 3, 19)
    for place in ((0, 0, 0, 0), (4, 1, 2, 18), (2, 1, 0, 16), (3, 0, 2, 7)):
        out = Framed(shape, dtype, LAYOUTS[layout]).array
        out[...] = 1
        out[place] = bad
        assert not kernels.epilogue(out, np.zeros(5, dtype), relu)
        wanted = np.ones(shape, dtype)
        wanted[place] = 0 if relu and bad == -np.inf else bad
        np.testing.assert_array_equal(out, wanted)
    out[...] = np.finfo(dtype).max
    assert not kernels.epilogue(out, np.full(5, np.finfo(dtype).max, dtype), relu)


# -- samples in range ---------------------------------------------------------------------------


def in_range(x, limit):
    """The sentence itself."""
    x = np.atleast_2d(np.abs(x))
    if not np.isfinite(x).all():
        return False
    if limit == np.inf or not x.size:
        return True
    blocks = [
        float(x[..., i : i + 16, j : j + 16][index].max())
        for index in np.ndindex(x.shape[:-2])
        for i, j in product(range(0, x.shape[-2], 16), range(0, x.shape[-1], 16))
    ]
    largest = max(blocks)
    return all(b >= largest / limit if b else largest <= limit for b in blocks)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    "shape", [(1,), (40,), (3, 5), (16, 16), (33, 50), (2, 3, 17, 40)], ids=str
)
def test_in_range(shape, dtype, kernels):
    rng = np.random.default_rng(0)
    for limit, scale in product((np.inf, 1e3, 1.0), (1.0, 1e5)):
        x = normal(shape, dtype)
        for _ in range(30):
            copy = x.copy()
            place = tuple(rng.integers(0, n) for n in shape)
            copy[place] *= scale
            block = tuple(slice(n // 16 * 16, n // 16 * 16 + 16) for n in place[-2:])
            if rng.integers(3) == 0:
                copy[(..., *block)] *= rng.choice([0.0, 1e-4, 1.0])
            for view in (copy, copy[..., ::-1], np.asfortranarray(copy), np.stack([copy] * 3)[1]):
                assert kernels.in_range(view, limit) == in_range(view, limit)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bad", [np.nan, -np.nan, np.inf, -np.inf])
def test_in_range_sees_what_is_not_finite(bad, dtype, kernels):
    whole = normal((2, 37, 90), dtype)
    for view in (whole, whole[:, ::2, 1:], whole[..., ::3], whole.swapaxes(1, 2), whole[1, 5]):
        last = tuple(n - 1 for n in view.shape)
        for place in ((0,) * view.ndim, last, (*last[:-1], 16)):
            before = view[place]
            assert kernels.in_range(view, np.inf)
            assert kernels.in_range(view, 1e30)
            view[place] = bad
            assert not kernels.in_range(view, np.inf)
            assert not kernels.in_range(view, 1e30)
            view[place] = before


def test_in_range_of_nothing_and_of_zeros(kernels):
    assert kernels.in_range(np.empty((3, 0), "f4"), 10.0)
    assert kernels.in_range(np.zeros((40, 40)), 10.0)
    x = np.zeros((40, 40), "f4")
    x[0, 0] = 100  # zeros may stand beside the square of the limit
    assert kernels.in_range(x, 10.0)
    x[0, 0] = 101
    assert not kernels.in_range(x, 10.0)


# -- sums of arrays -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, "int64"])
def test_accumulate(dtype, kernels):
    x = (normal((3, 4, 5), "f8") * 100).astype(dtype)
    for steps in (None, (40, 8, 1), (1, 3, 12), (100, 20, 2)):
        framed = Framed(x.shape, dtype, steps)
        framed.array[...] = x[::-1]
        kernels.accumulate(framed.array, x)
        framed.assert_intact()
        np.testing.assert_array_equal(framed.array, x[::-1] + x)
    huge = np.full(3, np.finfo("f4").max)
    kernels.accumulate(huge, huge.copy())  # emits no warning


@pytest.mark.parametrize("dtype", [*FLOATS, "int64"])
def test_at_most(dtype, kernels):
    x = (normal((3, 4, 5), "f8") * 3).astype(dtype)
    if dtype != "int64":
        x.flat[:3] = np.nan, np.inf, -np.inf
    for steps in (None, (40, 8, 1), (1, 3, 12), (100, 20, 2)):
        framed = Framed(x.shape, dtype, steps)
        framed.array[...] = x
        kernels.at_most(framed.array, 2.0)
        framed.assert_intact()
        np.testing.assert_array_equal(framed.array, np.minimum(x, x.dtype.type(2)))


# -- Winograd -----------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [*range(1, 18)])
@pytest.mark.parametrize("points", POINTS)
def test_any_number_of_channels_under_winograd(points, channels, kernels):
    for gap in (0, 3):
        check_samples(kernels, points, 2, 2, channels, (5, 7 if points in (36, 16) else 3), gap)
        check_outputs(kernels, points, 2, 2, channels, (5, 7), gap, relu=gap == 0)


@pytest.mark.parametrize("channels", [1, 7, 8, 16, 20])
@pytest.mark.parametrize("points", POINTS)
def test_sums_below_zero_are_checked_before_relu(points, channels, kernels):
    tiles = np.zeros((points, 1, 1, 1, 1, channels), np.float32)
    out = np.zeros((1, 3, 3 if points in (36, 16) else 1, 1, channels), np.float32)
    out, bias = out.transpose(0, 3, 4, 1, 2), np.zeros((1, channels), np.float32)
    assert kernels.winograd_outputs(out, tiles, bias, True)
    tiles[0, ..., -1] = -np.inf
    assert not kernels.winograd_outputs(out, tiles, bias, True)
    assert (out == 0).all()
    tiles[0] = 0
    bias[0, -1] = -np.inf
    assert not kernels.winograd_outputs(out, tiles, bias, True)


@pytest.mark.parametrize("points", [36, 16])
def test_outputs_beyond_the_edges_are_not_checked(points, kernels):
    tiles = np.zeros((points, 1, 1, 1, 1, 20), np.float32)
    tiles[-1] = np.inf  # read by the last output of the tile alone
    bias, side = np.zeros((1, 20), np.float32), {36: 4, 16: 2}[points]
    for size, finite in ((side, False), (side - 1, True)):
        out = np.ones((1, size, size, 1, 20), np.float32).transpose(0, 3, 4, 1, 2)
        assert kernels.winograd_outputs(out, tiles, bias, False) == finite


def test_weights_of_any_strides(kernels):
    width = kernels.panel(np.dtype("f4"))
    memory = numbers((1, 2, width, 5, 4, 6))
    views = [memory, memory[..., ::-1, ::-1], memory[:, ::-1, ::-1, ::-1], memory[..., ::2, ::-2]]
    views += [memory.swapaxes(-1, -2), as_strided(memory, memory.shape, (0,) * 6)]
    for w, points in product(views, (36, 16)):
        check_weights(kernels, points, w)


FEW_CHANNELS = """
for channels, (points, m, n) in [(c, p) for c in (1, 3, 4, 7, 8, 15, 16)
                                 for p in ((36, 4, 4), (16, 2, 2), (6, 4, 1), (4, 2, 1))]:
    for end in (True, False):
        def ones(*shape):
            array = fenced(shape, "float32", end)
            array[...] = 1
            return array
        tiles, x = ones(points, 1, 1, 2, 1, channels), ones(1, m + 3, 3, 1, channels)
        out = ones(1, m + 1, n, 1, channels)
        backend.winograd_samples(tiles, x.transpose(0, 3, 4, 1, 2))
        tiles[...] = 0
        view = out.transpose(0, 3, 4, 1, 2)
        assert backend.winograd_outputs(view, tiles, ones(1, channels), False)
        assert (out == 1).all()
for dtype in ("float32", "float64"):
    for end in (True, False):
        for shape in ((1, 1, 1, 1), (3, 1, 2, 7), (2, 2, 3, 33), (1, 1, 17, 16), (1, 1, 33, 31)):
            x, bias = fenced(shape, dtype, end), fenced(shape[:1], dtype, end)
            x[...], bias[...] = 1, 2
            assert backend.in_range(x, 2.0)
            assert backend.in_range(x.swapaxes(-1, -2), 2.0)
            assert backend.epilogue(x, bias, True)
            backend.accumulate(x, x.copy())
            assert (x == 6).all()
            last = fenced(shape[1:] + shape[:1], dtype, end)
            last[...] = 1
            assert backend.epilogue(last.transpose(3, 0, 1, 2), bias, True)
            assert (last == 3).all()
print("done")
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="fences memory by mprotect")
def test_nothing_is_touched_beyond_the_arrays(kernels):
    assert printed(FENCED.format(backend="numba") + FEW_CHANNELS) == "done"


# -- copies of every pair of dtypes -------------------------------------------------------------


@pytest.mark.parametrize("sums", ["f4", "f8", "i8"])
@pytest.mark.parametrize("dtype", SAMPLES)
def test_samples_of_every_dtype(dtype, sums, kernels):
    x = everything(dtype, 200)[:120].reshape(4, 30)
    if np.dtype(dtype).kind == "f" and sums == "i8":
        x = np.where(np.isfinite(x), x, 1)
    tables = (np.array([[0, 2, -2, 0], [2, 30, 0, 1]]),)
    for of in (x, x[::-1, ::-1], x.T.copy().T):
        copy = np.empty((4, 32), sums)
        kernels.pad(copy, of, tables, 3)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(copy[:, 2:], of.astype(sums))
        assert (copy[:, :2] == 3).all()


@pytest.mark.parametrize("sums", ["f4", "f8", "i8"])
@pytest.mark.parametrize("dtype", RESULTS)
def test_results_of_every_dtype(dtype, sums, kernels):
    values = everything(sums, 400)
    if np.dtype(dtype).kind == "f":
        with np.errstate(over="ignore"):
            wanted = values.astype(dtype)
    else:
        wanted = np.array([rounded(v, dtype) for v in values.tolist()], dtype)
    out = np.empty(400, dtype)
    kernels.store(out, values.copy())
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("cval", [np.nan, np.inf, -np.inf, 1e300, -3, np.float64(7.0)])
def test_a_constant_that_is_not_used_may_be_anything(cval, kernels):
    x = everything("u1", 30)
    for dtype in ("u1", "f4", "i8"):
        copy = np.empty(30, dtype)
        kernels.pad(copy, x, (np.array([[0, 30, 0, 1]]),), cval)
        np.testing.assert_array_equal(copy, x)


def test_byte_orders_by_name_are_native(kernels):
    order = "<" if sys.byteorder == "little" else ">"
    for dtype in ("f8", "f4", "u2"):
        said = np.dtype(dtype).newbyteorder(order)
        x, copy = np.arange(50).astype(said), np.empty(50, np.dtype("f8").newbyteorder(order))
        kernels.pad(copy, x, (np.array([[0, 50, 0, 1]]),), 0)
        np.testing.assert_array_equal(copy, np.arange(50))
        out = np.empty(50, said)
        kernels.store(out, copy)
        np.testing.assert_array_equal(out, np.arange(50))
    x = np.arange(50.0).astype(np.dtype("f8").newbyteorder(order)).reshape(1, 1, 50)
    out, w = np.empty((1, 1, 48), x.dtype), np.ones((1, 1, 1, 3), x.dtype)
    kernels.correlate(out, x, w, np.zeros((1, 1), x.dtype), (1,), (1,), False)
    np.testing.assert_array_equal(out[0, 0], 3 * np.arange(1.0, 49))


# -- loading ------------------------------------------------------------------------------------

LIGHT = """
import sys
from fastconv import backends
backend = backends.load("numba")
backend.rates, backend.name
print("numba" in sys.modules or "llvmlite" in sys.modules)
"""

NESTED = """
import sys, numpy as np
from importlib.abc import MetaPathFinder
from fastconv import backends
backend = backends.load("numba")
x, w, bias = np.ones((1, 1, 9)), np.ones((1, 1, 1, 3)), np.zeros((1, 1))
results = []

def call():
    out = np.empty((1, 1, 7))
    assert backend.unavailable() is None
    backend.correlate(out, x, w, bias, (1,), (1,), False)
    results.append((out == 3).all())

class Interrupt(MetaPathFinder):
    "A call inside every import of Numba's, as a finalizer could make it."
    def find_spec(self, name, path, target=None):
        if name.startswith("numba.") and len(results) < 50:
            call()

sys.meta_path.insert(0, Interrupt())
call()
print(len(results), all(results))
"""


def test_loading_imports_nothing_heavy():
    assert printed(LIGHT) == "False"


def test_calls_inside_an_import_of_numba(kernels):
    count, right = printed(NESTED).split()
    assert int(count) > 10
    assert right == "True"
