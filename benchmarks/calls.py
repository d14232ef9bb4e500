"""One call: its time, its memory, and how it stands beside other libraries."""

import numpy as np

from fastconv.backends import ORDER
from fastconv.peers import alternate, check

from .cases import CASES, CompiledCall, names
from .peers import peers


class Filters(CompiledCall):
    params = [names("dense", "dtypes", "borders", "separable", "filters", "tiny"), list(ORDER)]

    def time_call(self, case: str, backend: str) -> None:
        self.call()


class Layers(CompiledCall):
    params = [names("layers"), list(ORDER)]

    def time_call(self, case: str, backend: str) -> None:
        self.call()


class Memory(CompiledCall):
    params = [["dense 3x3", "wrap 5x5", "uint8 5x5", "separable 9x9"], list(ORDER)]

    def peakmem_call(self, case: str, backend: str) -> None:
        self.call()


class Speedup:
    """Other libraries' time as a multiple of that of the backend that is chosen by itself."""

    param_names = ("case", "peer")
    params = [
        [
            *("dense 3x3", "dense 7x7", "dense 15x15", "uint8 5x5", "float64 5x5", "separable 9x9"),
            *("float32 gaussian 2", "uint8 gaussian 2", "float32 box 15", "float32 sobel"),
        ],
        ["OpenCV", "SciPy"],
    ]
    unit = "times faster"

    def setup(self, case: str, peer: str) -> None:
        others = peers(CASES[case])
        if peer not in others:
            raise NotImplementedError(peer)
        self.calls = {"fastconv": CASES[case].call(None), peer: others[peer]}
        check(self.calls)

    def track_speedup(self, case: str, peer: str) -> float:
        times = alternate(self.calls, rounds=15, seconds=2.0)
        return float(np.median(times[peer] / times["fastconv"]))
