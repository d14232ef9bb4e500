"""What all tests share: the backends they run on, and proof of which one did the work.

`FASTCONV_REQUIRE_BACKENDS=1` turns a missing backend from a skip into an error, so that a machine
which should have all three cannot pass by testing fewer.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import fastconv as fc
from fastconv import algorithms, backends, config
from fastconv.plan import choose
from fastconv.plan.job import Job

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


@pytest.fixture(scope="session")
def ndimage() -> ModuleType:
    """SciPy's filters."""
    return pytest.importorskip("scipy.ndimage")


@pytest.fixture(scope="session")
def cv2() -> ModuleType:
    """OpenCV."""
    return pytest.importorskip("cv2")


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch."""
    return pytest.importorskip("torch")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


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


forget = choose.forget


def remembered() -> list[Any]:
    """The plans that are remembered."""
    return [entry.value for entry in choose._plans._list]


class Ran:
    """The backends and algorithms whose programs ran since the last look."""

    def __init__(self) -> None:
        self._backend_of: dict[int, str] = {}
        self._algorithms_of: dict[int, set[str]] = {}
        self._kept: list[object] = []
        self._backends: set[str] = set()
        self._algorithms: set[str] = set()

    def only(self, backend: str, algorithm: str) -> None:
        """Assert that this backend ran under this algorithm, and nothing else did."""
        assert self._backends == {backend}
        assert self._algorithms == {algorithm}
        self._backends.clear()
        self._algorithms.clear()

    def watch(self, patch: pytest.MonkeyPatch, backends_: list[str], names: list[str]) -> None:
        """Note which programs are built, by whom, and which of them run."""
        choose.forget()
        for name in backends_:
            kind = type(backends.load(name))
            patch.setattr(kind, "program", self._built(kind.program, name))
        for name in names:
            kind = type(algorithms.load(name))
            patch.setattr(kind, "run", self._filled(kind.run, name))
        patch.setattr(Job, "run", self._run(Job.run))

    def _built(self, program: Callable[..., Any], name: str) -> Callable[..., Any]:
        def spy(*args: object) -> Any:
            built = program(*args)
            self._kept.append(built)
            self._backend_of[id(built)] = name
            return built

        return spy

    def _filled(self, run: Callable[..., Any], name: str) -> Callable[..., Any]:
        def spy(algorithm: object, program: object, *args: object) -> None:
            self._algorithms_of.setdefault(id(program), set()).add(name)
            run(algorithm, program, *args)

        return spy

    def _run(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def spy(job: Job, *args: object) -> Any:
            algorithms_ = self._algorithms_of.get(id(job.program))
            if algorithms_:  # else it packs weights
                self._backends.add(self._backend_of[id(job.program)])
                self._algorithms |= algorithms_
            return run(job, *args)

        return spy


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ran]:
    """A record of what ran: `ran.only("numba", "direct")`."""
    record = Ran()
    record.watch(monkeypatch, [*fc.available_backends()], [*algorithms.ORDER])
    yield record
    choose.forget()


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
