"""The kernels `drop`, `deduct`, `divide` and `below`, held to their sentences in `protocol.py`, on
every backend and in the loops over typed memoryviews.
"""

from __future__ import annotations

import os
from importlib import import_module

import numpy as np
import pytest
from conftest import require
from test_backends import Framed

from fastconv import backends

pytestmark = pytest.mark.compiled

SHAPES = [(0,), (1,), (63,), (64,), (200,), (3, 50), (2, 3, 67), (2, 0, 3)]


@pytest.fixture(params=["cython", "numba", "numpy", "generic"])
def kernels(request):
    if request.param != "generic":
        return backends.load(require(request.param))
    try:
        return import_module("fastconv.backends.cython_backend._kernels_generic")
    except ImportError as error:
        if os.environ.get("FASTCONV_REQUIRE_BACKENDS") == "1":
            raise
        pytest.skip(str(error))


def counted(n):
    """The number of missing samples, as kernels read it."""
    return np.array([n], np.int64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0, 0.05, 1])
def test_drop(shape, dtype, share, kernels):
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).astype(dtype)
    values[rng.random(shape) < share] = np.nan
    values[rng.random(shape) < 0.2] = -np.inf
    known = (rng.random(shape) >= share).astype(np.uint8)
    for nan, told in ((False, True), (True, True), (True, False), (False, False)):
        x, valid, missing = Framed(shape, dtype), Framed(shape, "uint8"), Framed((1,), "int64")
        x.array[...], valid.array[...] = values, known if told else 7
        kernels.drop(x.array, valid.array, missing.array, nan, told)
        for framed in (x, valid, missing):
            framed.assert_intact()
        wanted = ((known != 0) | (not told)) & ~(nan & np.isnan(values))
        np.testing.assert_array_equal(valid.array, wanted)
        np.testing.assert_array_equal(x.array, np.where(wanted, values, 0))
        assert missing.array[0] == wanted.size - wanted.sum()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("width", [1, 3, 8, 17, 40])
@pytest.mark.parametrize("share", [0, 0.02, 0.5, 1])
def test_deduct(width, dtype, share, kernels):
    rng = np.random.default_rng(2)
    line = 64 // np.dtype(dtype).itemsize
    w = np.zeros((3, -(-width // line) * line), dtype)
    w[:, :width] = rng.random((3, width)) / 64
    starts = np.array([70, 0, 20])
    for shape in ((1,), (7,), (20, 10)):
        valid = (rng.random(shape) >= share).astype(np.uint8)
        places = np.flatnonzero(valid == 0)
        wanted = np.ones(valid.size + 70 + w.shape[1])
        for i in places:
            for row, start in zip(w, starts, strict=True):
                wanted[i + start : i + start + len(row)] -= row
        for array in (valid, w, starts):
            array.flags.writeable = False
        for least, most in ((-50.0, 200), (float(wanted.min()) + 1e-3, 200), (-50.0, 0)):
            shares = Framed(wanted.shape, dtype)
            shares.array[...] = 5
            missing = counted(len(places))
            counts = kernels.deduct(shares.array, valid, missing, w, starts, width, most, least)
            shares.assert_intact()
            if len(places) == 0 or len(places) > most:
                assert (shares.array == 5).all()
            else:
                np.testing.assert_allclose(shares.array, wanted, rtol=1e-5, atol=1e-5)
            assert counts == (len(places) == 0 or (least < 0 and most > 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_divide_and_below(shape, dtype, kernels):
    rng = np.random.default_rng(1)
    sums = rng.normal(size=shape).astype(dtype)
    shares = rng.choice([0, 1e-30, 0.25, 0.5, 0.999, 1, 1.001], shape).astype(dtype)
    sums[rng.random(shape) < 0.1] = np.inf
    sums[rng.random(shape) < 0.1] = -0.0
    apart = np.repeat(shares, 2, axis=-1)[..., ::2]
    for least, of in ((1e-40, shares), (0.5, shares), (0.5, apart)):
        of.flags.writeable = False
        out, lost = Framed(shape, dtype), Framed(shape, "uint8")
        out.array[...] = sums
        for missing in (0, 3):
            kernels.divide(out.array, of, counted(missing), 0.9995, least)
            kernels.below(lost.array, of, counted(missing), least)
            out.assert_intact()
            lost.assert_intact()
            if not missing:
                np.testing.assert_array_equal(out.array, sums)
        with np.errstate(all="ignore"):
            wanted = np.where(of >= 0.9995, sums, np.where(of < least, np.nan, sums / of))
        np.testing.assert_array_equal(lost.array, of < least)
        np.testing.assert_array_equal(out.array, wanted.astype(dtype))
        np.testing.assert_array_equal(
            np.signbit(out.array), np.signbit(wanted) & (wanted == wanted)
        )
