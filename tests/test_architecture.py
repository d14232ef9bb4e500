"""The shape of the house: arrows run one way, imports are light, files short, calls flat."""

from __future__ import annotations

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from conftest import require
from interpreter import printed

import fastconv as fc
from fastconv.backends.numpy_backend import NumpyBackend

PACKAGE = Path(fc.__file__).parent

# Rows from the ground up: a module may import from rows below its own, and from its own package.
ROWS = [
    {"problem", "kernels"},
    {"run"},
    {"backends"},
    {"algorithms"},
    {"lower"},
    {"config"},
    {"plan"},
    {"api"},
    {"filters", "nn", "signal"},
    {"dask", "ndimage", "viz"},
    {"patch"},
    {"fastconv"},
    {"cli"},
    {"__main__"},
]
ROW = {room: number for number, row in enumerate(ROWS) for room in row}


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imports(name: str, path: Path) -> set[str]:
    """The modules of ours that a module imports anywhere in its file, absolute names."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= {full if full in SOURCES else base for full in names}
    return {module for module in found if module.split(".")[0] == "fastconv"}


def room(module: str) -> str:
    """The file or package right under fastconv/ that a module belongs to."""
    return module.split(".")[1] if "." in module else module


def upward(arrows: dict[str, set[str]]) -> list[str]:
    """The imports that do not point to a lower row."""
    return [
        f"{importer} imports {imported}"
        for importer, targets in arrows.items()
        for imported in sorted(targets)
        if room(importer) != room(imported) and ROW[room(importer)] <= ROW[room(imported)]
    ]


ARROWS = {name: imports(name, path) for name, path in SOURCES.items()}
# The one exception: the version lives where a release is cut, and is printed and compared below.
for name in ("fastconv.config", "fastconv.algorithms.rates"):
    ARROWS[name] = ARROWS[name] - {"fastconv"}


def test_every_module_has_its_row():
    assert {room(name) for name in SOURCES} == set(ROW)


def test_arrows_point_down():
    assert not upward(ARROWS)
    assert not any(map(ARROWS.get, ("fastconv.problem.problem", "fastconv.problem.boundary")))


def test_no_module_imports_itself_through_others():
    order = list(TopologicalSorter(ARROWS).static_order())
    assert order.index("fastconv.problem.problem") < order.index("fastconv.plan.plan")


def test_an_arrow_up_is_seen():
    assert upward({"fastconv.problem.boundary": {"fastconv.plan.plan"}}) == [
        "fastconv.problem.boundary imports fastconv.plan.plan"
    ]
    assert upward({"fastconv.run.threads": {"fastconv.plan.memo"}})
    assert not upward({"fastconv.plan.plan": {"fastconv.problem.boundary"}})
    cycle = {"fastconv.algorithms.direct": {"fastconv.algorithms.costs"}}
    cycle["fastconv.algorithms.costs"] = {"fastconv.algorithms.direct"}
    with pytest.raises(CycleError):
        list(TopologicalSorter(cycle).static_order())


def test_imports_are_found(tmp_path):
    file = tmp_path / "plan.py"
    file.write_text(
        "import fastconv.cli.main\nfrom .. import __version__\n"
        "from ..problem import boundary\nfrom ..problem.problem import Problem\n"
        "def f():\n    from fastconv.plan.tiling import cut\n"
    )
    assert imports("fastconv.plan.plan", file) == {
        "fastconv", "fastconv.cli.main", "fastconv.problem.boundary", "fastconv.problem.problem",
        "fastconv.plan.tiling",
    }  # fmt: skip
    file.write_text(
        "from ..problem.problem import Problem\nfrom . import layers\nfrom .arrays import x\n"
    )
    assert imports("fastconv.lower.images", file) == {
        "fastconv.problem.problem", "fastconv.lower.layers", "fastconv.lower.arrays",
    }  # fmt: skip


NEWLY_IMPORTED = """
import sys, __future__, cmath, contextvars, dataclasses, numbers, reprlib, threading, numpy
before = set(sys.modules)
import fastconv
print(*sorted({name.split(".")[0] for name in set(sys.modules) - before}))
"""


def test_importing_is_light():
    found = set(printed(NEWLY_IMPORTED).split())
    assert {name for name in found if "cython_" not in name} == {"fastconv", "numpy"}


def test_heavy_things_wait_for_a_call_that_needs_them():
    loaded = printed(
        "import sys, fastconv; fastconv.correlate([1.0], [1.0], backend='numpy', threads=1);"
        "print(*sys.modules)"
    ).split()
    assert "fastconv.backends.numpy_backend" in loaded
    assert not {"numba", "concurrent.futures", "argparse", "PIL", "scipy"} & set(loaded)


def test_files_are_short():
    root = Path(__file__).parents[1]
    files = [
        path
        for folder in ("fastconv", "tests", "benchmarks", "tools")
        for path in (root / folder).rglob("*")
        if path.suffix in {".py", ".pyi", ".pyx", ".pxi", ".h"}
    ]
    assert len(files) > 20
    lines = {path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert not {name: count for name, count in lines.items() if count > 500}


@pytest.mark.parametrize("name", sorted(set(SOURCES) - {"fastconv.__main__"}))
def test_listed_names_exist(name):
    if name.startswith("fastconv.backends.numba_backend."):
        require("numba")
    module = import_module(name)
    missing = [listed for listed in getattr(module, "__all__", ()) if not hasattr(module, listed)]
    assert not missing


def frames_to_the_kernel(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The Python functions between a user's call and the kernel, on one thread."""
    stack: list[str] = []
    kernel = NumpyBackend.correlate

    def spy(*args: object) -> None:
        frame = sys._getframe(1)
        while frame.f_code.co_name != "user":
            stack.append(frame.f_code.co_qualname)
            frame = frame.f_back
        kernel(*args)

    monkeypatch.setattr(NumpyBackend, "correlate", staticmethod(spy))

    def user() -> None:
        fc.correlate(np.zeros((5, 5)), np.eye(3), backend="numpy", threads=1)

    user()
    return stack[::-1]


def test_a_call_is_flat(monkeypatch):
    frames = frames_to_the_kernel(monkeypatch)
    assert frames[0] == "correlate"
    assert len(frames) <= 8  # correlate, run, threads.run, tile


def calls_of_ours(function) -> int:
    """Python functions of the package that a repeated call enters."""
    for _ in range(2):
        function()
    entered = []

    def count(frame, event, _) -> None:
        if event == "call" and frame.f_globals.get("__name__", "").startswith("fastconv"):
            entered.append(frame.f_code.co_qualname)

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return len(entered)


@pytest.mark.parametrize("name", ["box", "gaussian", "laplace", "sobel"])
def test_a_repeated_filter_makes_few_python_calls(name):
    require("cython")
    image, parameters = np.zeros((9, 9)), {"box": (3,), "gaussian": (1.0,)}.get(name, ())
    filtered = getattr(fc.filters, name)
    with fc.use_backend("cython"):
        assert calls_of_ours(lambda: filtered(image, *parameters, threads=1)) <= 60
