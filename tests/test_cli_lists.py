"""``fastconv kernels`` and ``fastconv info``: what they print."""

from __future__ import annotations

import io
import sys

from command import fails, run

import fastconv as fc
from fastconv import kernels
from fastconv.cli import main as cli


def test_kernels_lists_them_all():
    status, out, err = run("kernels")
    assert (status, err) == (0, "")
    for name in kernels.names():
        row = kernels.info(name)
        assert f" {name}\n" in out
        assert row.summary in out
        for line in kernels.picture(row.weights).splitlines():
            assert line in out


def test_kernels_shows_one():
    assert run("kernels", "emboss") == (
        0,
        "emboss\nRelief: the image as if lit from the upper left.\n"
        "Source: GIMP manual, Convolution Matrix\n\n"
        "≡≡ == ··\n== ▒▒ ▒▒\n·· ▒▒ ██\n\n"
        "-2 -1  0\n-1  1  1\n 0  1  2\n",
        "",
    )
    assert "all divided by 16\n" in run("kernels", "gaussian_blur")[1]
    assert run("kernels", "invert")[1].endswith("from red, green, blue, plus 1 of white\n")


def test_kernels_does_not_know_all_names():
    assert fails("kernels", "sobel_z").startswith(
        "no kernel is named 'sobel_z' (did you mean sobel_"
    )


def test_kernels_on_a_plain_terminal(monkeypatch):
    plain = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    monkeypatch.setattr(sys, "stdout", plain)
    assert cli.main(["kernels"]) == 0
    text = plain.buffer.getvalue().decode("ascii")
    assert "%% == ..         emboss\n" in text
    assert "The mean of 3?3 pixels." in text


def test_info_prints_the_configuration(capsys):
    status, out, err = run("info")
    fc.show_config()
    assert (status, out, err) == (0, capsys.readouterr().out, "")


def test_without_a_command_the_help_is_printed():
    assert run() == run("--help")


def test_version_and_help():
    assert run("--version") == (0, f"fastconv {fc.__version__}\n", "")
    for words in ([], ["demo"], ["apply"], ["kernels"], ["bench"], ["info"]):
        status, out, err = run(*words, "--help")
        assert (status, err) == (0, "")
        assert out.startswith(" ".join(["usage: fastconv", *words]))
