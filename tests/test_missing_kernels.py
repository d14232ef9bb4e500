"""The kernels `select` and `divide`, held to their sentences in `protocol.py`, on every backend and
in the loops over typed memoryviews.
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


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("share", [0, 0.05, 1])
def test_select(shape, dtype, share, kernels):
    rng = np.random.default_rng(0)
    values = rng.normal(size=shape).astype(dtype)
    values[rng.random(shape) < 0.2] = np.nan
    values[rng.random(shape) < 0.2] = -np.inf
    for turned in (False, True):
        x = values[..., ::-1] if turned else values
        valid = (rng.random(shape) >= share).astype(np.uint8)
        x.flags.writeable = valid.flags.writeable = False
        out = Framed(shape, dtype)
        kernels.select(out.array, x, valid)
        out.assert_intact()
        np.testing.assert_array_equal(out.array, np.where(valid, x, 0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_divide(shape, dtype, kernels):
    rng = np.random.default_rng(1)
    sums = rng.normal(size=shape).astype(dtype)
    shares = rng.choice([0, 1e-30, 0.25, 0.5, 0.999, 1, 1.001], shape).astype(dtype)
    sums[rng.random(shape) < 0.1] = np.inf
    sums[rng.random(shape) < 0.1] = -0.0
    for least, turned in ((1e-40, False), (0.5, False), (0.5, True)):
        of = shares[..., ::-1] if turned else shares
        of.flags.writeable = False
        out = Framed(shape, dtype)
        out.array[...] = sums
        kernels.divide(out.array, of, 0.9995, least)
        out.assert_intact()
        with np.errstate(all="ignore"):
            wanted = np.where(of >= 0.9995, sums, np.where(of < least, np.nan, sums / of))
        np.testing.assert_array_equal(out.array, wanted.astype(dtype))
        np.testing.assert_array_equal(
            np.signbit(out.array), np.signbit(wanted) & (wanted == wanted)
        )
