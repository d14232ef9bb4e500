"""The time and the memory of one call.  Compilation happens in the setup."""

from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec

import fastconv
from fastconv.backends import ORDER

from .cases import CASES, names
from .scripts import SCRIPTS

COMPILED = ["cython", "numba"]
THREADED = [
    *("dense 7x7", "dense 31x31", "separable 9x9", "float32 gaussian 2", "float32 box 15"),
    *("3x3 planned", "3x3 s2 planned", "1x1 to more planned", "3x3 input", "3x3 weight"),
]
LARGE = [
    *("dense 3x3", "dense 31x31", "wrap 5x5", "uint8 5x5", "separable 9x9", "float32 box 15"),
    *("3x3 forward", "1x1 to more forward", "3x3 input", "3x3 weight"),
]


class CaseBenchmark:
    """A benchmark of a case on a backend."""

    warmup_time = 0.0
    processes = 1
    repeat = (3, 15, 0.4)  # at least, at most, and seconds after which asv stops

    def setup(self, case: str, backend: str, threads: int | None = None) -> None:
        try:  # import no other backend: its memory would count
            self.call = CASES[case].call(backend, threads)
            self.call()
        except fastconv.BackendUnavailableError as error:
            raise NotImplementedError(backend) from error  # asv skips the case


class Filters(CaseBenchmark):
    param_names = ("case", "backend")
    params = [
        names(
            *("dense", "fft", "dtypes", "borders", "separable", "filters", "box", "ranks", "tiny"),
            *("colour", "long", "thin", "stacks", "volumes", "changing"),
        ),
        list(ORDER),
    ]

    def time_call(self, case: str, backend: str) -> None:
        self.call()


class Layers(CaseBenchmark):
    param_names = ("case", "backend")
    params = [names("layers"), list(ORDER)]

    def time_call(self, case: str, backend: str) -> None:
        self.call()


class Gradients(CaseBenchmark):
    param_names = ("case", "backend")
    params = [names("gradients"), list(ORDER)]

    def time_call(self, case: str, backend: str) -> None:
        self.call()


class Threads(CaseBenchmark):
    param_names = ("case", "backend", "threads")
    params = [THREADED, COMPILED, [1, 2]]

    def time_call(self, case: str, backend: str, threads: int) -> None:
        self.call()


class Scripts:
    """Whole scripts, of which convolution is the larger part."""

    processes = 1
    repeat = (2, 5, 1.0)
    param_names = ("script",)
    params = [[script.name for script in SCRIPTS]]

    def setup(self, name: str) -> None:
        script = next(script for script in SCRIPTS if script.name == name)
        if find_spec(script.library) is None:
            raise NotImplementedError(script.library)  # asv skips it
        inputs = script.inputs(script.size)
        self.patched = ExitStack()
        self.patched.enter_context(script.patched())
        self.call = partial(script.fast, inputs)
        self.call()

    def teardown(self, name: str) -> None:
        self.patched.close()

    def time_script(self, name: str) -> None:
        self.call()


class Memory(CaseBenchmark):
    param_names = ("case", "backend")
    params = [LARGE, list(ORDER)]

    def peakmem_call(self, case: str, backend: str) -> None:
        self.call()
