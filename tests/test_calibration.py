"""Measured rates: where they are kept, when they count, that plans follow them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import conftest
import numpy as np
import pytest
from command import Terminal, fails, run
from interpreter import printed

import fastconv as fc
from fastconv import algorithms, backends
from fastconv.algorithms import direct, rates
from fastconv.backends.protocol import Rates
from fastconv.cli import calibrate, peers
from fastconv.plan.candidates import candidates

FACTORS = (np.ones(5, "f4"), np.ones(5, "f4"))


def forget():
    """Forget what was read and what was planned with it, as a new process does."""
    rates._calibration.cache_clear()
    conftest.forget()


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Where the rates of this test are kept; nothing is there yet."""
    path = tmp_path / "deep" / "rates.json"
    monkeypatch.setenv("FASTCONV_CALIBRATION", str(path))
    forget()
    yield path
    monkeypatch.undo()
    forget()


def keep(file, text):
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    forget()


def chosen(backend="numpy"):
    plan = fc.plan_correlate((500, 500), "f4", FACTORS, backend=backend)
    return plan.algorithm, {
        c.algorithm: c.seconds for c in candidates(plan._recipe.problem, backend)
    }


ROWS_COST = Rates(
    product=1e-9,
    summed=1e-9,
    contracted=1e-9,
    byte=0.0,
    call=0.0,
    one_row=3.0,
    sparse=3.0,
    operation=1e-6,
    addition=1e-6,
)
ROWS_ARE_FREE = ROWS_COST._replace(one_row=0.0)


def test_plans_follow_the_rates_that_were_measured(file, ran):
    keep(file, rates.encode({"numpy": ROWS_COST}))
    assert rates.of("numpy") == ROWS_COST
    algorithm, seconds = chosen()
    assert algorithm == "direct"
    assert seconds["direct"] == pytest.approx(25 * (500**2 + 500 * direct.START) * 1e-9)
    assert seconds["separable"] == pytest.approx(3 * 10 * 500**2 * 1e-9)
    fc.correlate(np.ones((500, 500), "f4"), FACTORS, backend="numpy")
    ran.only("numpy", "direct")
    keep(file, rates.encode({"numpy": ROWS_ARE_FREE}))
    algorithm, seconds = chosen()
    assert (algorithm, seconds["separable"]) == ("separable", 0.0)
    fc.correlate(np.ones((500, 500), "f4"), FACTORS, backend="numpy")
    ran.only("numpy", "separable")


def test_backends_that_were_not_measured_keep_their_own(file):
    keep(file, rates.encode({"numba": ROWS_COST}))
    assert rates.of("numba") == ROWS_COST
    assert rates.of("numpy") == backends.load("numpy").rates


def test_a_process_reads_the_file_once_and_at_its_first_plan(file):
    keep(file, rates.encode({"numpy": ROWS_COST}))
    code = (
        "import os, sys, fastconv as fc; from fastconv.algorithms import rates\n"
        "print('json' in sys.modules, rates._calibration.cache_info().misses)\n"
        "for n in (4, 5): plan = fc.plan_correlate((n,), float, [1.0], backend='numpy')\n"
        "os.remove(os.environ['FASTCONV_CALIBRATION'])\n"
        "fc.plan_correlate((6,), float, [1.0], backend='numpy')\n"
        "print(rates._calibration.cache_info().misses, rates.of('numpy').one_row)"
    )
    said = printed(code, FASTCONV_CALIBRATION=file).splitlines()
    assert said[0].endswith(" 0")
    assert said[1] == "1 3.0"


def edited(**changes):
    facts = json.loads(rates.encode({"numpy": ROWS_COST}))
    return json.dumps({**facts, **changes})


def test_rates_of_this_machine_are_told(file, capsys):
    keep(file, edited(date="2001-02-03"))
    fc.show_config()
    assert "rates    measured here on 2001-02-03\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (edited(processor="Z80"), "its processor is Z80, not"),
        (edited(fastconv="0.0.1"), "its fastconv is 0.0.1, not"),
        (edited(rates=[1]), "it holds no rates (AttributeError"),
        (edited(rates={"numpy": {"product": 1.0}}), "it holds no rates (TypeError"),
        (edited(rates={"numpy": {**ROWS_COST._asdict(), "more": 1.0}}), "it holds no rates"),
        (edited(rates={"numpy": ROWS_COST._replace(byte=-1.0)._asdict()}), "rates must be num"),
        (edited(rates={"numpy": ROWS_COST._replace(byte=1e999)._asdict()}), "rates must be num"),
        (edited(rates={"numpy": ROWS_COST._replace(call="1")._asdict()}), "rates must be num"),
        (edited(rates={"numpy": ROWS_COST._replace(call=np.nan)._asdict()}), "rates must be"),
        ("{}", "it holds no rates (KeyError"),
        ("[]", "it holds no rates (TypeError"),
        ("[" * 100_000, "it holds no rates (RecursionError"),
        (edited()[:1], "Expecting property name"),
        ("", "Expecting value"),
        ("\udcff", "'utf-8' codec can't decode"),
    ],
)
def test_files_that_are_wrong_count_for_nothing(text, reason, file, capsys):
    file.parent.mkdir()
    file.write_bytes(text.encode(errors="surrogateescape"))
    assert rates.of("numpy") == backends.load("numpy").rates
    fc.show_config()
    shown = capsys.readouterr().out
    assert f"rates    built in ({file} is ignored: {reason}" in shown


def test_files_that_cannot_be_read_count_for_nothing(file):
    file.mkdir(parents=True)
    assert rates.of("numpy") == backends.load("numpy").rates
    assert rates.describe().startswith(f"built in ({file} is ignored: ")


def test_no_file_and_no_calibration(file, monkeypatch):
    assert rates.describe() == "built in (fastconv bench --calibrate measures them here)"
    keep(file, rates.encode({"numpy": ROWS_COST}))
    monkeypatch.setenv("FASTCONV_CALIBRATION", "off")
    forget()
    assert rates.of("numpy") == backends.load("numpy").rates
    assert rates.describe() == "built in (FASTCONV_CALIBRATION is off)"


@pytest.mark.parametrize(
    ("platform", "env", "folder"),
    [
        ("linux", {"XDG_CACHE_HOME": "/cache"}, "/cache"),
        ("linux", {"XDG_CACHE_HOME": ""}, "/me/.cache"),
        ("darwin", {"XDG_CACHE_HOME": "/cache"}, "/me/Library/Caches"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local"),
    ],
)
def test_the_cache_directory_of_each_system(platform, env, folder, monkeypatch):
    monkeypatch.delenv("FASTCONV_CALIBRATION")
    monkeypatch.setattr(rates.sys, "platform", platform)
    for name, value in {"HOME": "/me", "USERPROFILE": "/me", **env}.items():
        monkeypatch.setenv(name, value)
    assert Path(rates.path()) == Path(folder) / "fastconv" / "calibration.json"


def test_the_processor_has_a_name():
    assert len(rates.processor()) > 2
    assert rates.processor() == rates.processor()


# -- measuring ----------------------------------------------------------------------------------

TRUE = Rates(
    product=3e-11,
    summed=3e-11,
    contracted=2e-11,
    byte=5e-11,
    call=2e-5,
    one_row=1.7,
    sparse=1.9,
    operation=3e-11,
    addition=1e-9,
)


def as_predicted(calls, rounds, seconds):
    """The times that algorithms predict, and longer ones."""
    found = {}
    for name, call in calls.items():
        plan = call.func
        assert plan._threads == 1
        exact = algorithms.load(plan.algorithm).cost(plan._recipe.problem, plan.backend)
        found[name] = np.array([2 * exact, exact, 3 * exact])
    return found


@pytest.fixture
def times(monkeypatch):
    """Calls that take exactly as long as the algorithms predict from true rates."""
    monkeypatch.setattr(rates, "of", lambda backend: TRUE)
    monkeypatch.setattr(peers, "alternate", as_predicted)


@pytest.mark.usefixtures("times")
def test_what_is_measured_undoes_what_is_predicted():
    found = calibrate.measured("numpy")
    # call is measured with the few rows, products and bytes of 8×8
    assert found.call == pytest.approx(TRUE.call, rel=2e-2)
    assert found._replace(call=TRUE.call) == pytest.approx(TRUE, rel=1e-3)


@pytest.mark.parametrize("best", ["3x3", "15+15"])
def test_times_that_contradict_each_other_are_refused(best, file, monkeypatch):
    monkeypatch.setattr(
        peers, "alternate", lambda calls, *_: {n: np.array([1.0 + (n == best)]) for n in calls}
    )
    assert fails_to_measure() == "the machine is too busy to measure anything: try again"
    assert not file.exists()


def fails_to_measure():
    status, _, err = run("bench", "--calibrate")
    assert status == 2
    return err.removeprefix("fastconv: ").strip()


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(calibrate, "LARGE", 512)
    monkeypatch.setattr(calibrate, "MEDIUM", 384)
    monkeypatch.setattr(calibrate, "SECONDS", 0.0)
    monkeypatch.setattr(peers, "alternate", as_predicted)  # a busy machine may refuse


@pytest.mark.usefixtures("small")
def test_calibrate_keeps_what_it_prints_until_reset(file):
    status, out, err = run("bench", "--calibrate", stderr=Terminal())
    assert status == 0
    assert "measuring numpy" in err
    header, *lines = [line.split() for line in out.splitlines()]
    assert header == ["backend", *Rates._fields]
    assert " ".join(lines.pop()).startswith(f"# kept in {file}: ")
    assert [line[0] for line in lines] == list(fc.available_backends())
    forget()
    assert rates.describe().startswith("measured here on 20")
    for backend, *printed_rates in lines:
        assert rates.of(backend) == pytest.approx([*map(float, printed_rates)], rel=6e-3)
    facts = json.loads(file.read_text())
    assert facts["numpy"] == np.__version__
    assert os.listdir(file.parent) == [file.name]

    status, out, err = run("bench", "--calibrate", "--reset")
    assert (status, err) == (0, "")
    assert str(file) in out
    assert not file.exists()
    forget()
    assert rates.of("numpy") == backends.load("numpy").rates
    assert run("bench", "--calibrate", "--reset")[0] == 0


@pytest.mark.usefixtures("times")
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_stop_in_the_middle_of_writing_leaves_what_was_there(error, file, monkeypatch):
    file.parent.mkdir()
    file.write_text("what was there")

    def refuse(*paths):
        raise error

    monkeypatch.setattr(calibrate.imageio.os, "replace", refuse)
    status, _, err = run("bench", "--calibrate")
    if isinstance(error, KeyboardInterrupt):
        assert (status, err) == (130, "")
    else:
        assert (status, err) == (2, f"fastconv: cannot write {file}: No space left on device\n")
    assert file.read_text() == "what was there"
    assert os.listdir(file.parent) == [file.name]


def test_calibrate_where_it_is_off(monkeypatch):
    monkeypatch.setenv("FASTCONV_CALIBRATION", "off")
    reason = "FASTCONV_CALIBRATION is off, so rates cannot be kept"
    assert fails("bench", "--calibrate") == reason
    assert fails("bench", "--calibrate", "--reset") == reason
    assert fails("bench", "--reset") == "--reset goes with --calibrate"
