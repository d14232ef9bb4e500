"""The documentation site has a page for every public name."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import FunctionType

import pytest

import fastconv as fc

PAGES = Path(__file__).parents[1] / "docs" / "api"
MODULES = {
    "fastconv.api.explanation": import_module("fastconv.api.explanation"),
    "fastconv.filters": fc.filters,
    "fastconv.kernels": fc.kernels,
    "fastconv.dask": fc.dask,
    "fastconv.ndimage": fc.ndimage,
    "fastconv.nn": fc.nn,
    "fastconv.nn.grad": fc.nn.grad,
    "fastconv.patch": import_module("fastconv.patch"),
    "fastconv.viz": fc.viz,
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


def classes(annotation: object, module: str) -> Iterator[type]:
    """The classes of ours that an annotation in a module names."""
    for word in re.findall(r"[A-Za-z]\w*", str(annotation)):
        found = vars(sys.modules[module]).get(word)
        if inspect.isclass(found) and found.__module__.startswith("fastconv."):
            yield found


def found_in(public: object) -> Iterator[object]:
    """What users get from a function or a class: classes that it returns or has as attributes."""
    if inspect.isfunction(public):
        public = inspect.unwrap(public)
        yield from classes(inspect.signature(public).return_annotation, public.__module__)
    elif inspect.isclass(public):
        for base in public.__mro__:
            for name, annotation in inspect.get_annotations(base).items():
                if not name.startswith("_"):
                    yield from classes(annotation, base.__module__)
        for name, member in inspect.getmembers_static(public):
            if isinstance(member, property | cached_property):
                member = member.fget if isinstance(member, property) else member.func
            if inspect.isfunction(member) and not name.startswith("_"):
                yield member


def test_every_class_that_users_meet_has_a_page():
    pages = {name.rpartition(".")[2] for name in PUBLISHED}
    waiting = [getattr(fc, name) for name in fc.__all__]
    waiting += [getattr(module, name) for module in MODULES.values() for name in module.__all__]
    known = set()
    while waiting:
        public = waiting.pop()
        if isinstance(public, type | FunctionType) and public not in known:
            known.add(public)
            waiting += found_in(public)
    ours = {each for each in known if each.__module__.startswith("fastconv.")}
    assert {each.__name__ for each in ours if inspect.isclass(each)} <= pages


def test_no_page_lists_what_does_not_exist():
    known = {f"{module}.{name}" for module, found in MODULES.items() for name in found.__all__}
    assert known | {f"fastconv.{name}" for name in fc.__all__} >= PUBLISHED


def test_names_are_found():
    page = ".. currentmodule:: a.b\n\n.. autosummary::\n   :toctree: generated\n\n   f\n   G\n"
    assert listed(page) == {"a.b.f", "a.b.G"}
