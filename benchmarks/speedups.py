"""fastconv compared with other libraries, taking turns in one process."""

from importlib.util import find_spec

import fastconv

from .cases import CASES, names

BACKENDS = ["cython", "numba"]
IMAGES = [
    *("dense 3x3", "dense 7x7", "dense 15x15", "dense 31x31", "uint8 5x5", "float64 5x5"),
    *("separable 9x9", "float32 gaussian 2", "uint8 gaussian 2", "float32 box 15"),
    *("float32 sobel", "tiny 3x3"),
]
FAMILIES = names("colour", "long", "thin", "stacks", "volumes", "changing")
LAYERS = [
    *("stem 7x7 s2 planned", "3x3 planned", "3x3 of 256 planned", "3x3 s2 planned"),
    *("1x1 to more planned", "depthwise 3x3 planned", "3x3 input", "3x3 weight"),
]


class BesidePeers:
    """Our time divided by that of another library: below one, we are faster."""

    param_names = ("case", "backend", "peer")
    unit = "of their time"

    def setup(self, case: str, backend: str, peer: str) -> None:
        if find_spec("fastconv.cli.peers") is None or backend not in fastconv.available_backends():
            raise NotImplementedError  # asv skips the case: old commits lack the module
        from fastconv.cli.peers import check

        from .peers import peers

        ours = CASES[case].call(backend)
        others = {name: call for name, call in peers(CASES[case]).items() if name.startswith(peer)}
        if not others:
            raise NotImplementedError(peer)
        self.calls = {"fastconv": ours, **others}
        check(self.calls)

    def ratio(self, case: str, backend: str, peer: str) -> float:
        from .peers import bursts

        times = bursts(self.calls, rounds=4, seconds=1.0)
        return times.pop("fastconv") / min(times.values())


class OnImages(BesidePeers):
    params = [IMAGES, BACKENDS, ["OpenCV", "SciPy"]]
    track_ratio = BesidePeers.ratio


class OnFamilies(BesidePeers):
    """Where no single image is filtered in grey."""

    params = [FAMILIES, BACKENDS[:1], ["OpenCV", "SciPy"]]
    track_ratio = BesidePeers.ratio


class OnLayers(BesidePeers):
    """Each library in its faster layout."""

    params = [LAYERS, BACKENDS, ["PyTorch", "onnxruntime"]]
    track_ratio = BesidePeers.ratio
