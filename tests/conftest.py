"""What all tests share: the backends they run on, and proof of which one did the work.

`FASTCONV_REQUIRE_BACKENDS=1` turns a missing backend from a skip into an error, so that a machine
which should have all three cannot pass by testing fewer.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import fastconv as fc
from fastconv import algorithms, backends, config
from fastconv.plan import choose as planner
from fastconv.plan.recorded import Repeated

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
KERNELS = (
    "correlate",
    "correlate_sparse",
    "box",
    "filter_columns",
    "gemm",
    "pointwise",
    "depthwise",
)


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


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> Iterator[None]:
    """Let an interrupt interrupt: what a shell starts in the background is born deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def built_in_rates() -> Iterator[None]:
    """Predict as on any machine, whatever was measured on this one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTCONV_CALIBRATION", "off")
        yield


def forget() -> None:
    """Forget all calls, and what others would share with them."""
    planner._plans.clear()
    planner._alike.clear()


class Ran:
    """The backends and algorithms that did any work since the last look."""

    def __init__(self) -> None:
        self._backends: set[str] = set()
        self._algorithms: set[str] = set()

    def only(self, backend: str, algorithm: str) -> None:
        """Assert that this backend ran under this algorithm, and nothing else did."""
        assert self._backends == {backend}
        assert self._algorithms == {algorithm}
        self._backends.clear()
        self._algorithms.clear()

    def watch(self, patch: pytest.MonkeyPatch, backends: list[str], algorithms: list[str]) -> None:
        """Note each call of a kernel, and of an algorithm's work on a slab, with none recorded."""
        patch.setattr(Repeated, "begin", lambda *_: None)
        forget()
        for name in backends:
            module = import_module(f"fastconv.backends.{name}_backend")
            for kernel in KERNELS:
                spy = self._noted(getattr(module, kernel), self._backends, name)
                patch.setattr(module, kernel, spy)
        for name in algorithms:
            module = import_module(f"fastconv.algorithms.{name}")
            patch.setattr(module, "run", self._noted(module.run, self._algorithms, name))

    @staticmethod
    def _noted(function: Callable[..., Any], seen: set[str], name: str) -> Callable[..., Any]:
        def spy(*args: object) -> Any:
            seen.add(name)
            return function(*args)

        return spy


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """A record of what ran: `ran.only("numba", "direct")`."""
    record = Ran()
    record.watch(monkeypatch, [*fc.available_backends()], [*algorithms.ORDER])
    return record


@pytest.fixture
def own_choice(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No choice of backend or threads from outside, and none left behind; the environment is read
    at every call.
    """
    monkeypatch.setattr(config, "_environment", os.environ.get)
    monkeypatch.delenv("FASTCONV_BACKEND", raising=False)
    monkeypatch.delenv("FASTCONV_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield monkeypatch
    fc.set_backend(None)
    fc.set_num_threads(None)
