"""How fastconv stands beside other libraries, in turns within one process."""

import numpy as np

import fastconv
from fastconv.peers import alternate, check

from .cases import CASES
from .peers import bursts, peers

BACKENDS = ["cython", "numba"]
IMAGES = [
    *("dense 3x3", "dense 7x7", "dense 15x15", "dense 31x31", "uint8 5x5", "float64 5x5"),
    *("separable 9x9", "float32 gaussian 2", "uint8 gaussian 2", "float32 box 15"),
    *("float32 sobel", "tiny 3x3"),
]
LAYERS = [
    *("stem 7x7 s2 planned", "3x3 planned", "3x3 of 256 planned", "3x3 s2 planned"),
    *("1x1 to more planned", "depthwise 3x3 planned", "3x3 input", "3x3 weight"),
]


class Speedup:
    """Another library's time as a multiple of ours, the median of neighbours in time."""

    param_names = ("case", "backend", "peer")
    unit = "times faster"

    def setup(self, case: str, backend: str, peer: str) -> None:
        if backend not in fastconv.available_backends():
            raise NotImplementedError(backend)
        ours = CASES[case].call(backend)
        others = {name: call for name, call in peers(CASES[case]).items() if name.startswith(peer)}
        if not others:
            raise NotImplementedError(peer)
        self.calls = {"fastconv": ours, **others}
        check(self.calls)


class OnImages(Speedup):
    params = [IMAGES, BACKENDS, ["OpenCV", "SciPy"]]

    def track_speedup(self, case: str, backend: str, peer: str) -> float:
        times = alternate(self.calls, rounds=15, seconds=1.0)
        return float(np.median(times[peer] / times["fastconv"]))


class OnLayers(Speedup):
    """PyTorch in the layout that it is faster in."""

    params = [LAYERS, BACKENDS, ["PyTorch", "onnxruntime"]]

    def track_speedup(self, case: str, backend: str, peer: str) -> float:
        times = bursts(self.calls, rounds=4, seconds=1.0)
        ours = times.pop("fastconv")
        return min(times.values()) / ours
