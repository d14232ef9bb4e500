"""``benchmarks.gate``: verdicts from times that are written down, and processes that fail."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from benchmarks import gate
from benchmarks.gate import Effort, Verdict, compare, confirmed, judge
from benchmarks.worker import worker

ROW, OTHER = ("dense 3x3", "numpy"), ("3x3 input", "numpy")
WORKING = """
def get_num_threads():
    return 1

def correlate(x, w, backend, threads):
    return x + 1
"""


def seconds(again, head):
    """Times of one row: what every start's ratios to base are, in three unequal rounds."""
    base = np.ones(len(again))
    return np.stack([base, again, head], axis=1)[..., None] * [2.0, 1.0, 3.0]


def noisy(rng, spread, slower=1.0):
    """Times of one row that all vary alike, of which those of head are longer."""
    return np.exp(spread * rng.standard_normal((5, 3, 3))) * [[1], [1], [slower]]


def package(folder, code):
    """A fastconv of that code, in a folder."""
    (folder / "fastconv").mkdir(parents=True)
    (folder / "fastconv" / "__init__.py").write_text(code, encoding="utf-8")
    return folder


@pytest.fixture
def quick(monkeypatch):
    """As little as can be measured, for which no ratio is above the floor."""
    monkeypatch.setattr(gate, "VALUES", 1)
    return Effort(starts=1, rounds=1, seconds=0, threads=1), 1e9


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run the command on packages that are in tmp_path already; exit status."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["gate", *words])
        with pytest.raises(SystemExit) as left:
            gate.main()
        return left.value.code

    monkeypatch.setattr(gate, "build", lambda name, folder: (tmp_path / name).rename(folder))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    return run


def test_a_ratio_is_the_median_of_starts_and_the_band_what_the_same_commit_does():
    times = {ROW: seconds([1.1, 1.1, 1 / 1.1, 1.1, 1.1], [1.3, 1.15, 0.9, 1.2, 1.0])}
    verdict = judge(times, 1.05)[ROW]
    assert verdict.milliseconds == 2000
    assert verdict.ratio == pytest.approx(1.15)
    assert verdict.band == pytest.approx(1.1)
    assert verdict.word == "slower"


def test_no_band_is_narrower_than_the_floor():
    times = {ROW: seconds([1.0] * 5, [1.04] * 5), OTHER: seconds([1.0] * 5, [0.9] * 5)}
    verdicts = judge(times, 1.05)
    assert [verdict.band for verdict in verdicts.values()] == [1.05, 1.05]
    assert [verdict.word for verdict in verdicts.values()] == ["unchanged", "faster"]


def test_a_noisy_row_widens_its_own_band_and_a_little_that_of_all():
    times = {(str(n), "numpy"): seconds([1.0] * 5, [1.2] * 5) for n in range(30)}
    times[ROW] = seconds([1.5] * 5, [1.2] * 5)
    verdicts = judge(times, 1.05)
    assert verdicts.pop(ROW).word == "unchanged"
    assert {verdict.word for verdict in verdicts.values()} == {"slower"}


def test_a_process_with_unlucky_memory_changes_nothing():
    times = {ROW: seconds([1.0] * 5, [1.0, 1.5, 1.0, 1.5, 1.0])}
    assert judge(times, 1.05)[ROW].word == "unchanged"


@pytest.mark.parametrize("spread", [0.001, 0.02, 0.1, 0.5])
def test_what_varies_alike_raises_no_alarm(spread):
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = (
            judge({(str(n), "numpy"): noisy(rng, spread) for n in range(100)}, 1.05)
            for _ in range(2)
        )
        assert confirmed(first, second) == []


@pytest.mark.parametrize("spread", [0.001, 0.02, 0.05])
def test_a_fifth_more_time_is_found_and_nothing_else_is(spread):
    rng = np.random.default_rng(0)
    rows = [(str(n), "numpy") for n in range(100)]
    first, second = (
        judge({row: noisy(rng, spread, 1.2 if row in rows[:3] else 1.0) for row in rows}, 1.05)
        for _ in range(2)
    )
    assert confirmed(first, second) == rows[:3]


def test_slower_is_who_is_above_the_wider_band_twice():
    first = {ROW: Verdict(1, 1.3, 1.1), OTHER: Verdict(1, 1.15, 1.1)}
    second = {ROW: Verdict(1, 1.2, 1.15), OTHER: Verdict(1, 1.3, 1.2)}
    assert confirmed(first, second) == [ROW]
    assert confirmed(first, {}) == []


def test_a_worker_calls_the_fastconv_of_its_folder(tmp_path):
    with worker(package(tmp_path, WORKING), threads=1) as ask:
        assert ask("load", *ROW) is None
        assert ask("burst", 0) > 0
        assert ask("load", *OTHER).startswith("NotImplementedError")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise ImportError('half built')", "(?s)status 1.*half built"),
        (WORKING + "    \nimport os; correlate = lambda *_, **how: os._exit(3)", "status 3"),
    ],
)
def test_the_end_of_a_worker_is_an_error_that_says_why(tmp_path, code, words):
    folder = package(tmp_path, code)
    with pytest.raises(RuntimeError, match=words), worker(folder, threads=1) as ask:
        ask("load", *ROW)


def test_a_worker_refuses_another_fastconv(tmp_path):
    with pytest.raises(RuntimeError, match="imported from"), worker(tmp_path, threads=1):
        pass


def test_what_base_cannot_run_is_skipped_and_what_head_cannot_is_broken(tmp_path, quick):
    old = package(tmp_path / "old", WORKING)
    result = compare(old, old, [ROW, OTHER], *quick)
    assert (set(result.first), set(result.skipped), set(result.broken)) == ({ROW}, {OTHER}, set())
    assert result.passed
    assert "3x3 input on numpy: NotImplementedError" in result.table()
    with pytest.raises(RuntimeError, match="none of the cases"):
        compare(old, old, [OTHER], *quick)

    new = package(tmp_path / "new", WORKING.replace("x + 1", "x.nothing"))
    result = compare(old, new, [ROW], *quick)
    assert (result.first, set(result.broken)) == ({}, {ROW})
    assert not result.passed
    assert "dense 3x3 on numpy: AttributeError" in result.table()


@pytest.mark.parametrize(
    ("ratio", "status", "counts"),
    [(1.2, 1, "1 slower, 0 not confirmed"), (1.0, 0, "0 slower, 0 not confirmed")],
)
def test_the_command_prints_a_table_and_its_status_is_the_verdict(
    tmp_path, monkeypatch, capsys, command, ratio, status, counts
):
    for name in ("old", "new"):
        package(tmp_path / name, WORKING)
    times = {ROW: seconds([1.0] * 5, [ratio] * 5)}
    monkeypatch.setattr(gate, "measure", lambda folders, rows, effort: times)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    words = ("--base", "old", "--head", "new", "--backends", "numpy")
    assert command("dense 3x3", *words) == status
    page = capsys.readouterr().out
    assert counts in page
    assert f"| dense 3x3 | numpy | 2e+03 | {ratio:.3f} | 1.050 |" in page
    assert (tmp_path / "summary").read_text(encoding="utf-8") == page


def test_the_command_fails_with_a_status_of_its_own_where_it_cannot_compare(
    tmp_path, capsys, command
):
    package(tmp_path / "old", WORKING)
    package(tmp_path / "new", "raise ImportError('half built')")
    assert command("dense 3x3", "--base", "old", "--head", "new", "--backends", "numpy") == 2
    assert "half built" in capsys.readouterr().err
    assert command("dense 4x4") == 2
    assert "no such case: dense 4x4" in capsys.readouterr().err
