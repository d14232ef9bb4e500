"""``benchmarks.side_by_side``: its summary, and the calls that it compares."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.cases import CASES, ChangingCase
from benchmarks.peers import peers
from benchmarks.side_by_side import summary
from fastconv.cli.peers import check

CHANGING = [name for name, case in CASES.items() if isinstance(case, ChangingCase)]


def test_each_group_has_its_mean_and_its_worst_row():
    speedups = {
        "dense 3x3": [2.0, 1.0],
        "long 3000 of 100000": [3.0, 3.0],
        "dense 5x5": [0.5, 4.0],
    }
    assert summary(speedups) == [
        "| dense | 2 | 1.00 | 0.50, dense 5x5 | 2.00 | 1.00, dense 3x3 |",
        "| long | 1 | 3.00 | 3.00, long 3000 of 100000 | 3.00 | 3.00, long 3000 of 100000 |",
    ]


@pytest.mark.parametrize("name", CHANGING)
def test_what_changes_does_not_come_back(name):
    case = CASES[name]
    seen = set()
    call = case.every(lambda x, w: seen.add((x.shape, w.tobytes())))
    for _ in range(2000):
        call()
    assert len(seen) == 2000


@pytest.mark.parametrize("name", CHANGING)
def test_libraries_are_given_the_same_arrays(name):
    pytest.importorskip("scipy")
    case = CASES[name]
    calls = {"numpy": case.call("numpy"), **peers(case)}
    assert len(calls) > 1
    for _ in range(3):
        check(calls)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.group == "stacks"])
def test_frames_are_filtered_alike(name):
    pytest.importorskip("cv2")
    case = CASES[name]
    small = replace(case, x=(3, 40, 50, *case.x[3:]))
    check({"ours": small.call(None), **peers(small)})
