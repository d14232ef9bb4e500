"""What all tests share: the backends they run on, and proof of which one did the work.

`FASTCONV_REQUIRE_BACKENDS=1` turns a missing backend from a skip into an error, so that a machine
which should have all three cannot pass by testing fewer.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

import fastconv as fc
from fastconv import algorithms, backends

# Drawn examples are the same at every run; a backend is the same for all examples of a test.
settings.register_profile(
    "fastconv",
    derandomize=True,
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("fastconv")

BACKENDS = ("cython", "numba", "numpy")


def require(name: str) -> str:
    """`name`, where this installation can run that backend; else a skip, or an error in CI."""
    if name not in fc.available_backends():
        reason = f"backend {name!r} is not available: {backends.unavailable(name)}"
        if os.environ.get("FASTCONV_REQUIRE_BACKENDS") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return name


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend in turn."""
    return require(request.param)


class Ran:
    """The names of the backends and algorithms that did any work since the last look."""

    def __init__(self) -> None:
        self._backends: list[str] = []
        self._algorithms: list[str] = []

    def only(self, backend: str, algorithm: str) -> None:
        """Assert that this backend ran under this algorithm, and nothing else did."""
        assert set(self._backends) == {backend}
        assert set(self._algorithms) == {algorithm}
        self.__init__()

    def watch(self, patch: pytest.MonkeyPatch, module: ModuleType, function: str, log: str) -> None:
        name, seen = module.__name__.split(".")[-1].removesuffix("_backend"), getattr(self, log)
        wrapped = getattr(module, function)

        def spy(*args: object, **kwargs: object) -> object:
            seen.append(name)
            return wrapped(*args, **kwargs)

        patch.setattr(module, function, spy)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ran]:
    """A record of what ran: `ran.only("numba", "direct")`."""
    record = Ran()
    for name in fc.available_backends():
        record.watch(monkeypatch, backends.load(name), "correlate", "_backends")
    for name in algorithms.ORDER:
        module = import_module(f"fastconv.algorithms.{name}")
        record.watch(monkeypatch, module, "run", "_algorithms")
    return record


@pytest.fixture
def own_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No choice of backend or threads from outside, and none left behind."""
    monkeypatch.delenv("FASTCONV_BACKEND", raising=False)
    monkeypatch.delenv("FASTCONV_NUM_THREADS", raising=False)
    yield monkeypatch
    fc.set_backend(None)
    fc.set_num_threads(None)
