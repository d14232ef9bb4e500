"""Scripts that call SciPy give the same results when it is patched; the others have a twin."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from interpreter import run

import benchmarks.scripts as script_package
import fastconv
from benchmarks.scripts import SCRIPTS, __main__

SIZE = 64

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_results_are_equal(script):
    pytest.importorskip(script.library)
    inputs = script.inputs(SIZE)
    copies = script.inputs(SIZE)
    expected = script.original(inputs)
    with script.patched():
        found = script.fast(inputs)
    if script.library == "scipy":
        report = fastconv.patch.report()
        assert report.served
        assert not report.given_back
    for before, after in zip(copies, inputs, strict=True):
        np.testing.assert_array_equal(before, after)
    for wanted, result in zip(expected, found, strict=True):
        assert_equal(result, wanted)


CLOSE = {"f": 2e-5, "d": 1e-11, "F": 2e-5, "D": 1e-11}
"""Times the largest result: several scripts subtract filtered images that are nearly equal."""


def assert_equal(result, wanted):
    """Integers are the same; floats are as close as sums in their precision can be."""
    result, wanted = np.asarray(result), np.asarray(wanted)
    assert result.dtype == wanted.dtype
    if wanted.dtype.kind in "biu":
        np.testing.assert_array_equal(result, wanted)
    else:
        scale = np.abs(wanted[np.isfinite(wanted)]).max()
        np.testing.assert_allclose(result, wanted, rtol=0, atol=CLOSE[wanted.dtype.char] * scale)


def test_a_difference_is_seen():
    with pytest.raises(AssertionError):
        assert_equal(np.float32(1.0001), np.float32(1))
    with pytest.raises(AssertionError):
        assert_equal(np.uint8([1, 2]), np.uint8([1, 3]))
    with pytest.raises(AssertionError):
        assert_equal(np.float64([1, np.nan]), np.float64([1, 2]))


def test_the_command_runs_a_script_as_it_is():
    pytest.importorskip("scipy")
    script = str(Path(script_package.__file__).with_name("teaching.py"))
    expected = run(RUN.format(words=[script, "40"], start=f"run_path({script!r}"))
    found = run(
        RUN.format(words=["", "--report", script, "40"], start="run_module('fastconv.patch'")
    )
    assert expected.returncode == found.returncode == 0, found.stderr
    assert len(expected.stdout.splitlines()) == 6
    assert found.stdout == expected.stdout
    assert found.stderr.splitlines()[:2] == [
        "fastconv served 9 calls",
        "       9  scipy.signal.convolve2d",
    ]


RUN = """
import runpy, sys, warnings
warnings.simplefilter("ignore", PendingDeprecationWarning)  # np.matrix
sys.argv = {words!r}
runpy.{start}, run_name="__main__")
"""


def test_the_table_has_a_row_for_each(capsys, monkeypatch):
    pytest.importorskip("scipy")
    monkeypatch.setattr("sys.argv", ["", "teaching", "noise_gate", "--rounds", "1"])
    monkeypatch.setattr(__main__, "REST_SECONDS", 0)
    monkeypatch.setattr(__main__, "BLOCK_SECONDS", 0)
    monkeypatch.setattr(__main__, "SCRIPTS", [each._replace(size=32) for each in SCRIPTS])
    __main__.main()
    rows = capsys.readouterr().out.splitlines()[5:]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| noise_gate", "scipy"],
        ["| teaching", "scipy"],
    ]
