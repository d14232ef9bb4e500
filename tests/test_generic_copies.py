"""Copies and limits: the loops over typed memoryviews, and NumPy's kernels, held to plain NumPy."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from test_generic_kernels import DTYPES, LAYOUTS, Guarded, call, kernels, laid, whole

from fastconv.problem.boundary import TABLE, runs

__all__ = ["kernels"]

SAMPLES = ["?", "i1", "u1", "i2", "u2", "i4", "i8", "f2", "f4", "f8"]


@pytest.mark.parametrize("boundary", TABLE)
@pytest.mark.parametrize("dtype", SAMPLES)
def test_pad(dtype, boundary, kernels):
    x = whole((2, 3, 4, 5), "int8").astype(dtype)
    for rank, compute in product((1, 2, 3, 4), DTYPES):
        if compute == "int64" and np.dtype(dtype).kind == "f":
            continue
        tables = [runs(boundary, (-6, 1), 9, n) for n in x.shape[-rank:]]
        wanted = x.astype(compute)
        for axis, table in enumerate(tables, 4 - rank):
            items = [
                (f + s * i if f >= 0 else -1) for _, n, f, s in table.tolist() for i in range(n)
            ]
            outside = np.array(items) < 0
            wanted = wanted.take(np.maximum(items, 0), axis)
            np.moveaxis(wanted, axis, -1)[..., outside] = 7
        cval = 7.0 if boundary == "constant" else np.nan
        for layout in LAYOUTS:
            more = (laid(x, layout), tuple(tables), cval)
            got, _ = call(kernels.pad, wanted.shape, compute, *more)
            np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("sums", DTYPES)
@pytest.mark.parametrize(
    "dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
)
def test_store(dtype, sums, kernels):
    values = [0, 1, 127, 128, 255, 256, -1, -128, -129, 2**31, -(2**31), 2**62]
    if sums != "int64":
        values += [0.5, 1.5, -0.5, 2.5, 254.5, 1e30, -1e30, np.inf, -np.inf, np.nan, 1e-40]
    values = np.array(values * 2, sums).reshape(2, 1, -1)
    if np.dtype(dtype).kind == "f":
        with np.errstate(all="ignore"):
            wanted = values.astype(dtype)
    else:
        info = np.iinfo(dtype)
        exact = [0 if v != v else v for v in values.ravel().tolist()]
        exact = [min(max(v, -1e40), 1e40) for v in exact]
        limited = [min(max(round(v), info.min), info.max) for v in exact]
        wanted = np.array(limited, dtype).reshape(values.shape)
    for layout in LAYOUTS:
        out = Guarded(values.shape, dtype, layout)
        with np.errstate(all="raise"):
            kernels.store(out.array, laid(values, layout, frozen=False))
        np.testing.assert_array_equal(out.filled(), wanted)


@pytest.mark.parametrize("sums", DTYPES)
@pytest.mark.parametrize("dtype", ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])
def test_cast(dtype, sums, kernels):
    values = [0, 1, 127, 128, 255, 256, -1, -128, -129, 70_000, -70_000, 2**30]
    if sums != "int64":
        values += [0.5, 1.9, -0.5, -1.9, 254.5, 1e-40]
    values = np.array(values * 2, sums).reshape(2, 1, -1)
    info = np.iinfo(dtype)
    wanted = [(int(v) - info.min) % (info.max - info.min + 1) + info.min for v in values.flat]
    for layout in LAYOUTS:
        out = Guarded(values.shape, dtype, layout)
        with np.errstate(all="raise"):
            kernels.cast(out.array, laid(values, layout))
        np.testing.assert_array_equal(out.filled().ravel(), np.array(wanted, dtype))


@pytest.mark.parametrize("shape", [(7,), (3, 4), (2, 3, 1, 2, 5)], ids=str)
@pytest.mark.parametrize("dtype", DTYPES)
def test_at_most(dtype, shape, kernels):
    values = whole(shape, dtype)
    if dtype != "int64":
        values.flat[:3] = np.nan, np.inf, -np.inf
    for layout in LAYOUTS:
        got, _ = call(kernels.at_most, shape, dtype, 2.0, layout=layout, into=values)
        np.testing.assert_array_equal(got, np.minimum(values, values.dtype.type(2)))
