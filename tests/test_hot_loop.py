"""`docs/hot-loop.md` quotes the code as it is, and the three backends mirror each other."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "hot-loop.md").read_text(encoding="utf-8")
QUOTES = re.findall(r"^`(fastconv/[\w/.]+)`:\n\n```\w+\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
KERNELS = [
    "correlate",
    "sparse",
    "box",
    "gemm",
    "depthwise",
    "winograd",
    "fourier",
    "copy",
    "sums",
    "magnitude",
]
BACKENDS = ROOT / "fastconv" / "backends"


def occurs(quote: str, code: str) -> bool:
    """Whether the lines of a quote follow each other in code, at any indentation."""
    wanted, lines = quote.splitlines(), code.splitlines()
    return any(
        dedent("\n".join(lines[start : start + len(wanted)])).splitlines() == wanted
        for start in range(len(lines) - len(wanted) + 1)
    )


@pytest.mark.parametrize(("path", "quote"), QUOTES, ids=[path for path, _ in QUOTES])
def test_quotes_are_the_code(path, quote):
    assert occurs(quote, (ROOT / path).read_text(encoding="utf-8"))


def test_every_version_is_quoted():
    assert PAGE.count("```") == 2 * len(QUOTES)
    files = {path for path, _ in QUOTES}
    assert {Path(path).suffix for path in files} == {".py", ".pxi", ".h"}
    assert {Path(path).parent.name for path in files} == {
        "numpy_backend", "numba_backend", "cython_backend",
    }  # fmt: skip
    for name in ("numpy", "numba"):
        quoted = [quote for path, quote in QUOTES if f"{name}_backend" in path]
        assert 15 <= sum(len(quote.splitlines()) for quote in quoted) <= 40


def test_a_quote_that_is_not_the_code_is_seen():
    code = "def f(x):\n    if x:\n        return 1\n    return 2\n"
    assert occurs("if x:\n    return 1\n", code)
    assert not occurs("if x:\n    return 2\n", code)
    assert not occurs("if x:\nreturn 1\n", code)


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_have_the_same_file_in_each_backend(kernel):
    assert (BACKENDS / "numpy_backend" / f"{kernel}.py").exists()
    assert (BACKENDS / "numba_backend" / f"{kernel}.py").exists()
    assert (BACKENDS / "cython_backend" / f"{kernel}.pxi").exists()
