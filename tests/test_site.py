"""The documentation site has a page for every public name."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

import fastconv as fc

PAGES = Path(__file__).parents[1] / "docs" / "api"
MODULES = {
    "fastconv.filters": fc.filters,
    "fastconv.kernels": fc.kernels,
    "fastconv.dask": fc.dask,
    "fastconv.ndimage": fc.ndimage,
    "fastconv.nn": fc.nn,
    "fastconv.nn.grad": fc.nn.grad,
    "fastconv.viz": fc.viz,
    "fastconv.patch": import_module("fastconv.patch"),
    "fastconv.signal": fc.signal,
}


def listed(text: str) -> set[str]:
    """The names that a page lists in its tables, with the module that they are in."""
    found, module = set(), ""
    for line in text.splitlines():
        if directive := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = directive[1]
        elif name := re.fullmatch(r"   ([A-Za-z]\w*)", line):
            found.add(f"{module}.{name[1]}")
    return found


PUBLISHED = {name for page in PAGES.glob("*.rst") for name in listed(page.read_text("utf-8"))}
TYPES = {"AlgorithmName", "BackendName", "Boundary", "__version__"}
"""Names without a docstring of their own; configuration.rst says what they are."""


@pytest.mark.parametrize("module", MODULES)
def test_every_name_of_a_module_has_a_page(module):
    nested = {"grad"} if module == "fastconv.nn" else set()
    same = {name for name in MODULES[module].__all__ if hasattr(fc, name)}
    wanted = set(MODULES[module].__all__) - nested - same
    assert {f"{module}.{name}" for name in wanted} <= PUBLISHED


def test_every_name_of_the_package_has_a_page():
    modules = {name.removeprefix("fastconv.") for name in MODULES}
    wanted = {f"fastconv.{name}" for name in set(fc.__all__) - modules - TYPES}
    assert wanted <= PUBLISHED


def test_no_page_lists_what_does_not_exist():
    known = {f"{module}.{name}" for module, found in MODULES.items() for name in found.__all__}
    assert known | {f"fastconv.{name}" for name in fc.__all__} >= PUBLISHED


def test_names_are_found():
    page = ".. currentmodule:: a.b\n\n.. autosummary::\n   :toctree: generated\n\n   f\n   G\n"
    assert listed(page) == {"a.b.f", "a.b.G"}
