"""A pytest plugin: tests of another library call fastconv, and prove that they did.

`pytest -p tests.conformance.plugin --conformance ndimage …` replaces every function of a row of
`table.SUITES` before tests are imported.  The run fails if a replaced function was never called, or
if fastconv called the original behind a caller's back.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from .table import SAMPLE, SUITES

LEDGER = pytest.StashKey["Ledger"]()
SERVED, REFUSED, FELL_BACK = "served", "refused", "fell back"


class Ledger:
    """How often each replaced function answered, raised, or was run by its original."""

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.counts: Counter[tuple[str, str]] = Counter()
        self._lock = threading.Lock()
        self._inside = threading.local()

    def note(self, name: str, what: str) -> None:
        with self._lock:
            self.counts[name, what] += 1

    @property
    def busy(self) -> bool:
        """Whether this thread is inside of a function of ours."""
        return getattr(self._inside, "depth", 0) > 0

    @contextmanager
    def inside(self) -> Iterator[None]:
        self._inside.depth = getattr(self._inside, "depth", 0) + 1
        try:
            yield
        finally:
            self._inside.depth -= 1

    def faults(self, *, whole: bool) -> list[str]:
        """What the run fails for; functions that are never called matter in whole runs only."""
        called = {name for name, what in self.counts if what != FELL_BACK}
        fell_back = sorted({name for name, what in self.counts if what == FELL_BACK})
        missing = [name for name in self.names if name not in called] if whole else []
        return [f"{name} was never called" for name in missing] + [
            f"{name} was computed by the original" for name in fell_back
        ]


def served(ledger: Ledger, name: str, original: Any, ours: Callable[..., Any]) -> Any:
    """Our function in the place of the original, counting its calls."""

    @functools.wraps(original)
    def replacement(*args: Any, **kwargs: Any) -> Any:
        try:
            with ledger.inside():
                result = ours(*args, **kwargs)
        except Exception:
            ledger.note(name, REFUSED)
            raise
        ledger.note(name, SERVED)
        return result

    return replacement


def watched(ledger: Ledger, name: str, original: Any) -> Any:
    """The original, where the library itself still calls it: not from within fastconv."""

    @functools.wraps(original)
    def watch(*args: Any, **kwargs: Any) -> Any:
        if ledger.busy:
            ledger.note(name, FELL_BACK)
        return original(*args, **kwargs)

    return watch


def replace(ledger: Ledger, module: str, ours: str, names: tuple[str, ...]) -> None:
    """Put our functions into a public module, and watch the originals in all others."""
    public, own = import_module(module), import_module(ours)
    for name in names:
        original = getattr(public, name)
        replacement = served(ledger, f"{module}.{name}", original, getattr(own, name))
        watch = watched(ledger, f"{module}.{name}", original)
        for other in list(sys.modules.values()):
            if other is public or not getattr(other, "__name__", "").startswith(module):
                continue
            for bound, value in list(vars(other).items()):
                if value is original:
                    setattr(other, bound, watch)
        setattr(public, name, replacement)
        _register(original, replacement)


def _register(original: Any, replacement: Any) -> None:
    """SciPy's tests look up what array libraries a function supports."""
    arrays = sys.modules.get("scipy._lib._array_api")
    table = getattr(arrays, "xp_capabilities_table", {})
    if original in table:
        table[replacement] = table[original]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance", action="append", default=[], choices=[*SUITES], help="rows to replace"
    )
    parser.addoption("--all", action="store_true", help="every test of large classes")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what the rows name, and of large classes a sample."""
    rows = [SUITES[key] for key in config.getoption("--conformance")]
    seen: Counter[str] = Counter()

    def wanted(item: Any) -> bool:
        row = next((row for row in rows if item.module.__name__.startswith(row.module)), None)
        name = (item.cls or item.function).__name__
        if row is None or not row.only:
            return True
        seen[name] += 1
        whole = config.option.all or name not in row.sampled
        return name in row.only and (whole or seen[name] % SAMPLE == 1)

    kept = [item for item in items if wanted(item)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def pytest_configure(config: pytest.Config) -> None:
    rows = [SUITES[key] for key in config.getoption("--conformance")]
    ledger = Ledger([f"{row.module}.{name}" for row in rows for name in row.names])
    config.stash[LEDGER] = ledger
    for row in rows:
        replace(ledger, row.module, row.ours, row.names)


def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    ledger = config.stash[LEDGER]
    if hasattr(config, "workeroutput"):
        config.workeroutput["ledger"] = [(*key, count) for key, count in ledger.counts.items()]
        return
    if ledger.faults(whole=_whole(config)) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of pytest-xdist counted."""
    for name, what, count in getattr(node, "workeroutput", {}).get("ledger", ()):
        node.config.stash[LEDGER].counts[name, what] += count


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    ledger = config.stash[LEDGER]
    terminalreporter.section("calls that fastconv served")
    for name in ledger.names:
        answered, raised = (ledger.counts[name, what] for what in (SERVED, REFUSED))
        terminalreporter.write_line(f"{name:<45} {answered:>7} and {raised} errors")
    for fault in ledger.faults(whole=_whole(config)):
        terminalreporter.write_line(fault, red=True)


def _whole(config: pytest.Config) -> bool:
    """Whether all tests of the suites are asked for."""
    return not config.option.keyword and not any("::" in arg for arg in config.args)
