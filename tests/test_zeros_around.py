"""Zeros around samples that depthwise kernels read in place, as `_protocol.py` says."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from conftest import require
from test_contract import DTYPES, extent, groups_last, taps, weights_of_groups

import fastconv as fc
from fastconv import backends


@pytest.mark.parametrize("window", [(3, 3), (5, 5), (1, 4), (2, 1), (7, 9)], ids=str)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (2, 2), (3, 1), (1, 2)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_around_samples(dtype, stride, dilation, window, backend):
    """Some outputs read no sample, some read all of them, for every number of groups."""
    for across, groups in product((1, 3, 4, 7, 11), (1, 7, 19, 33)):
        w = weights_of_groups(groups, window, dtype)
        steps, gaps = (stride,) * 2, (dilation,) * 2
        reach = tuple(map(extent, (3, across), window, steps, gaps))
        for front, behind in ((1, 1), (0, 2), (dilation, 0), (4, 3)):
            zeros = [(min(front, n - 1), min(behind, n - 1 - min(front, n - 1))) for n in reach]
            lengths = tuple(n - sum(some) for n, some in zip(reach, zeros, strict=True))
            x = groups_last((2, groups, 1, *lengths), 2, dtype)
            taps(
                backends.load(backend),
                x,
                w,
                None,
                steps,
                gaps,
                relu=front == 1,
                gap=across % 2,
                zeros=zeros,
            )


@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_around_signals_and_volumes(dtype, backend):
    for window, lengths in (((5,), (9,)), ((3, 3, 3), (4, 2, 9)), ((2, 3, 5), (1, 5, 8))):
        rank = len(window)
        x = groups_last((3, 40, 1, *lengths), rank, dtype)
        zeros = [(k // 2, k // 2) for k in window]
        taps(backends.load(backend), x, weights_of_groups(40, window, dtype), zeros=zeros)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
def test_zeros_times_weights_that_are_not_finite(dtype, bad, backend):
    for groups, tap in product((1, 21, 40), ((0, 0), (1, 2), (2, 1))):
        w = weights_of_groups(groups, (3, 3), dtype)
        w[(groups // 2, *tap)] = bad
        x = groups_last((groups, 1, 9, 9), 2, dtype)
        taps(backends.load(backend), x, w, zeros=[(1, 1), (1, 1)])


@pytest.mark.parametrize(
    ("how", "copied"),
    [
        ({"padding": 1}, False),
        ({"padding": "same", "stride": 2, "dilation": 3}, False),
        ({"padding": ((0, 2), (1, 0))}, False),
        ({"padding": 1, "boundary": "nearest"}, True),
        ({"padding": 9}, True),
    ],
    ids=str,
)
def test_only_zeros_that_some_output_reads_samples_with_are_not_copied(how, copied):
    require("cython")
    w = np.ones((32, 1, 3, 3), "f4")
    how |= {"groups": 32, "layout": "NHWC", "algorithm": "depthwise"}
    plan = fc.plan_conv2d((1, 14, 14, 32), "f4", w, **how)
    assert ("of which 0 read a halo" not in str(plan)) == copied
