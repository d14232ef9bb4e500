"""Tests of libraries that call SciPy, run with SciPy patched; they are selected as for pytest:

    python -m tests.conformance.patched                   # scikit-image's tests
    python -m tests.conformance.patched PATH/OF/TESTS     # other tests

As a plugin, this module patches SciPy before any test is imported. The run fails if no call was
served, or if a call was given back to SciPy.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import fastconv
from fastconv.patch import Report

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
IN_DOUBLE = "SciPy sums float32 samples in double precision"
FAILING = {
    "test_mssim_vs_legacy[float16]": IN_DOUBLE,
    "test_mssim_vs_legacy[float32]": IN_DOUBLE,
}
"""Tests of scikit-image that fastconv does not pass. The run fails if one of them passes."""


def faults(report: Report) -> list[str]:
    """What the run fails for."""
    found = [] if report.served else ["fastconv served no call"]
    return found + [f"{name} was given back: {reason}" for name, reason in report.given_back]


def pytest_configure() -> None:
    fastconv.patch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.name in FAILING:
            item.add_marker(pytest.mark.xfail(reason=FAILING[item.name], strict=True))


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
