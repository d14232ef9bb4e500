"""Packages whose suites are run: skipped where they are missing, unless all of them are wanted."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

import pytest

__all__ = ["package"]


def package(name: str) -> Any:
    """A module of a package; with ``FASTCONV_REQUIRE_SUITES=1``, it has to be there."""
    if os.environ.get("FASTCONV_REQUIRE_SUITES"):
        return import_module(name)
    return pytest.importorskip(name)
