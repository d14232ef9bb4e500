"""``fastconv demo``: the table, the sheet, and what happens where backends disagree."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from command import Terminal, fails, run

import fastconv as fc
from fastconv.cli import demo

Image = pytest.importorskip("PIL.Image")


def test_demo_compares_every_backend_and_draws_the_sheet(folder):
    status, out, err = run("demo", "-o", "sheets")
    assert (status, err) == (0, "")
    backends = fc.available_backends()
    rows = [line.split() for line in out.splitlines() if not line.startswith("#")]
    assert rows[0] == ["kernel", "backend", "milliseconds", "difference"]
    assert [row[:2] for row in rows[1:]] == [[k, b] for k in demo.KERNELS for b in backends]
    assert all(float(milliseconds) > 0 for _, _, milliseconds, _ in rows[1:])
    assert all(0 <= float(difference) < 1e-5 for *_, difference in rows[1:])
    if len(backends) > 1:
        assert f"# agree within rounding: {', '.join(backends)}\n" in out
    assert os.listdir("sheets") == ["fastconv-demo.png"]
    with Image.open("sheets/fastconv-demo.png") as sheet:
        assert (sheet.format, sheet.mode) == ("PNG", "RGB")
        assert sheet.width > 1000
        assert len(np.unique(np.asarray(sheet).reshape(-1, 3), axis=0)) > 5000


def test_demo_runs_what_the_issue_of_it_asks_for():
    lines = {"line_vertical", "line_horizontal", "line_diagonal_down", "line_diagonal_up"}
    blur = {"gaussian_blur_5x5"}
    assert {"sharpen", "emboss", "edge_detect", "sepia"} | lines | blur <= set(demo.KERNELS)


@pytest.fixture
def small_photograph(monkeypatch):
    photo = np.random.default_rng(0).random((16, 120, 3), np.float32)
    monkeypatch.setattr(demo, "_photograph", lambda: photo)


def test_demo_fails_where_backends_disagree(folder, small_photograph, monkeypatch):
    honest = demo._filtered

    def wrong(image, kernel, backend=None):
        result = honest(image, kernel, backend)
        return result + np.float32(1e-3) if (kernel.name, backend) == ("sepia", "numpy") else result

    monkeypatch.setattr(demo, "_filtered", wrong)
    if len(fc.available_backends()) < 2:
        pytest.skip("one backend cannot disagree")
    status, out, _ = run("demo")
    assert status == 1
    assert out.endswith("# the backends DISAGREE beyond rounding in sepia\n")


def test_demo_tells_which_backend_is_missing(folder, small_photograph, monkeypatch):
    only_numpy = {"cython": "no compiler", "numba": "no numba", "numpy": None}
    monkeypatch.setattr(demo.backends, "unavailable", only_numpy.get)
    status, out, _ = run("demo")
    assert status == 0
    assert out.startswith("# without cython: no compiler\n# without numba: no numba\n")
    assert "agree" not in out


def test_demo_tells_a_waiting_person_what_it_does(folder, small_photograph, monkeypatch):
    status, _, shown = run("demo", stderr=Terminal())
    assert status == 0
    assert "starting numba; if it has to compile first, this takes a while" in shown
    assert shown.rstrip(" ").endswith("\r")


def test_demo_that_cannot_write(folder):
    Path("file").touch()
    assert fails("demo", "-o", "file") == "cannot write into file: it is not a directory"
    Path("dir/fastconv-demo.png").mkdir(parents=True)
    assert fails("demo", "-o", "dir").endswith("fastconv-demo.png: it is a directory")
