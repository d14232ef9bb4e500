"""Tests of libraries that call SciPy, run with SciPy patched; they are selected as for pytest:

    python -m tests.conformance.patched                   # scikit-image's tests
    python -m tests.conformance.patched PATH/OF/TESTS     # other tests

As a plugin, this module patches SciPy before any test is imported. The run fails if no call was
served, or if calls were given back to SciPy for another reason than those in `GIVEN_BACK`.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import fastconv

SCIKIT_IMAGE = [
    f"skimage.{name}"
    for name in (
        "feature.tests.test_canny",
        "feature.tests.test_corner",
        "feature.tests.test_template",
        "filters.tests.test_edges",
        "filters.tests.test_gabor",
        "filters.tests.test_gaussian",
        "filters.tests.test_ridges",
        "metrics.tests.test_structural_similarity",
        "restoration.tests.test_restoration",
    )
]
GIVEN_BACK: tuple[str, ...] = ()
"""Patterns of reasons."""


def faults(report: fastconv.patch.Report) -> list[str]:
    """What the run fails for."""
    found = [] if report.served else ["fastconv served no call"]
    for name, reason in report.given_back:
        if not any(re.match(pattern, reason) for pattern in GIVEN_BACK):
            found.append(f"{name} was given back: {reason}")
    return found


def pytest_configure() -> None:
    fastconv.patch()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if session.exitstatus == pytest.ExitCode.OK and faults(fastconv.patch.report()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    report = fastconv.patch.report()
    terminalreporter.section("SciPy patched")
    terminalreporter.write_line(str(report))
    for fault in faults(report):
        terminalreporter.write_line(fault, red=True)


def main(arguments: list[str]) -> int:
    """Run the tests that `arguments` select, or scikit-image's."""
    ini = str(Path(__file__).with_name("pytest.ini"))
    chosen = arguments or ["--pyargs", *SCIKIT_IMAGE]
    return pytest.main(["-c", ini, "-p", "tests.conformance.patched", *chosen])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
