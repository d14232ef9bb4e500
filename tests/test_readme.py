"""The README's programs run, and what it says of borders is what the table of borders says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import BACKENDS, require
from interpreter import printed

from fastconv.problem.boundary import TABLE

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")


def test_the_programs_run(tmp_path, monkeypatch):
    for backend in BACKENDS:
        require(backend)
    pytest.importorskip("matplotlib")
    pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(programs) == 6
    shown = printed("\n".join(programs))
    assert shown.startswith("correlate 512x512 float32")
    assert "numba" in shown


def test_the_commands_are_marked():
    for name in ("demo", "test"):
        assert re.search(rf"<!-- command: {name} -->\n```sh\npip install .*\n```", README)


def test_every_border_is_listed():
    for name in TABLE:
        assert f"| `{name}` |" in README
