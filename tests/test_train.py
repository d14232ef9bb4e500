"""``fastconv train``: digits are learned, runs go on where they stopped, a kernel finds lines."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from command import fails, run
from numpy.testing import assert_array_equal

from fastconv import nn
from fastconv.cli import train

pytest.importorskip("sklearn")
pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")
PICTURES = ("kernels", "layer1", "layer2", "detector", "zero-one")


@pytest.fixture
def few(folder, monkeypatch):
    """A working directory, where digits are few and nothing is drawn."""
    digits = train._load().part(np.arange(320))
    monkeypatch.setattr(train, "_load", lambda: digits)
    monkeypatch.setattr(train, "_draw_digits", lambda *parts: None)
    monkeypatch.setattr(train, "_zero_or_one", lambda *parts: None)
    return folder


def trained(*words):
    status, out, err = run("train", *words)
    assert (status, err) == (0, "")
    return out


def test_digits_are_recognised_and_drawn(folder):
    out = trained()
    share = re.search(r"([\d.]+)% of the digits that were held out are recognised", out)
    assert float(share[1]) >= 98
    share, likeness = re.search(
        r"([\d.]+)% of the held-out 0s and 1s.*\n.*resembles line_vertical \(correlation ([\d.]+)",
        out,
    ).groups()
    assert float(share) >= 95
    assert float(likeness) >= 0.85
    for name in PICTURES:
        with Image.open(f"fastconv-{name}.png") as picture:
            assert np.ptp(np.asarray(picture.convert("L"))) > 100, name
    assert sorted(p.suffix for p in folder.iterdir()) == [".npz", *[".png"] * len(PICTURES)]


class Killed(BaseException):
    """What no code of ours catches."""


def test_a_run_that_was_killed_goes_on_with_the_same_numbers(few, monkeypatch):
    whole = trained("--epochs", "3", "-o", "whole")
    step, steps = train._step, []

    def dying(*parts):
        steps.append(None)
        if len(steps) == 6:  # in the second of epochs with four batches
            raise Killed
        return step(*parts)

    monkeypatch.setattr(train, "_step", dying)
    with pytest.raises(Killed):
        run("train", "--epochs", "3", "-o", "killed")
    monkeypatch.setattr(train, "_step", step)
    again = trained("--epochs", "3", "-o", "killed")
    assert "1 of 3 epochs are done" in again
    losses = [re.findall(r"^ +\d  +([\d.]+)", out, re.MULTILINE) for out in (whole, again)]
    assert losses[1] == losses[0][1:]
    wanted, found = (nn.load_state(Path(name) / train.CHECKPOINT) for name in ("whole", "killed"))
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        assert_array_equal(found[name], array)
    assert "3 of 3 epochs are done" in trained("--epochs", "3", "-o", "killed")


def test_seed_and_backend_decide_the_numbers(few):
    def state(*words):
        trained("--epochs", "1", "--fresh", *words)
        return nn.load_state(train.CHECKPOINT)["net.0.weight"]

    first = state("--backend", "numpy")
    assert_array_equal(state("--backend", "numpy"), first)
    assert not np.array_equal(state("--backend", "numpy", "--seed", "1"), first)


def test_a_checkpoint_of_another_run_is_not_continued(few):
    trained("--epochs", "1")
    before = Path(train.CHECKPOINT).read_bytes()
    status, _, err = run("train", "--epochs", "1", "--seed", "7")
    assert status == 2
    assert err == (
        "fastconv: fastconv-train.npz is of seed 0, epochs 1; choose another directory, "
        "or pass --fresh\n"
    )
    Path(train.CHECKPOINT).write_bytes(before[:-100])
    status, _, err = run("train", "--epochs", "1")
    assert (status, err.count("\n")) == (2, 1)
    assert Path(train.CHECKPOINT).read_bytes() == before[:-100]
    nn.save_state(train.CHECKPOINT, {"weight": np.ones(3)})
    assert "is of another program" in run("train", "--epochs", "1")[2]


@pytest.mark.parametrize(
    ("package", "cure"), [("sklearn.datasets", "demo"), ("matplotlib.figure", "plot")]
)
def test_what_is_not_installed_is_told(package, cure, folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    assert fails("train").endswith(f"is not installed: pip install 'fastconv[{cure}]'")
    assert not list(folder.iterdir())


def test_wrong_words():
    line = fails("train", "--epochs", "0", command="fastconv train")
    assert line.startswith("argument --epochs: got '0', not a whole number of at least 1")
