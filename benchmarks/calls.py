"""The time and the memory of one call.  Compilation happens in the setup."""

import fastconv
from fastconv.backends import ORDER

from .cases import CASES, names

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
            *("colour", "long", "thin"),
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


class Memory(CaseBenchmark):
    param_names = ("case", "backend")
    params = [LARGE, list(ORDER)]

    def peakmem_call(self, case: str, backend: str) -> None:
        self.call()
