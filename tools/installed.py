"""A pytest plugin that makes sure that the tests run on an installed package.

    python -m pytest -p tools.installed --backends cython,numpy

Pytest refuses to start if ``fastconv`` is a source tree that happens to be importable, if other
backends are available than those named, or if another instruction set is in use than
``FASTCONV_ISA`` asks for. The report header says what was found. Every worker of pytest-xdist
checks for itself.
"""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path

import pytest

import fastconv as fc
from fastconv import backends
from fastconv.backends import cython_backend


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--backends``."""
    parser.addoption(
        "--backends", default="cython,numpy", help="the backends that must be available, no others"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Check where the package is and what it runs."""
    home = Path(fc.__file__).resolve()
    site_packages = Path(sysconfig.get_path("platlib")).resolve()
    if not home.is_relative_to(site_packages):
        raise pytest.UsageError(f"fastconv is {home}, which is not in {site_packages}")
    found = ",".join(fc.available_backends())
    if found != config.getoption("backends"):
        raise pytest.UsageError(f"the backends are {found}, not {config.getoption('backends')}")
    forced = os.environ.get("FASTCONV_ISA")
    if forced and not cython_backend.instruction_set().endswith(forced):
        raise pytest.UsageError(f"{cython_backend.instruction_set()} runs, not {forced}")


def pytest_report_header() -> str:
    """Report what was found."""
    running = (f"{name} ({backends.load(name).describe()})" for name in fc.available_backends())
    return (
        f"installed: fastconv {fc.__version__} in {Path(fc.__file__).parent}, {', '.join(running)}"
    )
