"""Scripts that call SciPy, OpenCV and PyTorch as users do, and how much faster fastconv makes them.

Each is a module with `inputs(size, rng)` and `run(*inputs)`. Those that call SciPy know nothing of
fastconv: they are patched. The others have a second version, `run_fastconv`, beside the first.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import fastconv


class Script(NamedTuple):
    """A script, and the library that it calls."""

    name: str
    library: str
    size: int
    """Of the benchmark: pixels along an edge, or samples."""

    def module(self) -> ModuleType:
        """The module, which imports its library."""
        return import_module(f"{__name__}.{self.name}")

    def inputs(self, size: int) -> tuple:
        """What the script reads, made from random numbers."""
        return self.module().inputs(size, np.random.default_rng(0))

    def original(self, inputs: tuple) -> list[NDArray]:
        """The results of the library."""
        return _listed(self.module().run(*inputs))

    def fast(self, inputs: tuple) -> list[NDArray]:
        """The results of fastconv; SciPy has to be patched."""
        module = self.module()
        run = module.run if self.library == "scipy" else module.run_fastconv
        return _listed(run(*inputs))

    def patched(self) -> AbstractContextManager[None]:
        """What `fast` runs in."""
        return fastconv.patched() if self.library == "scipy" else nullcontext()


def _listed(results: list[NDArray] | NDArray) -> list[NDArray]:
    return list(results) if isinstance(results, list) else [results]


SCRIPTS = [
    Script("particles", "scipy", 1024),
    Script("elevation", "scipy", 1024),
    Script("calcium", "cv2", 512),
    Script("noise_gate", "scipy", 2048),
    Script("similarity", "scipy", 1024),
    Script("similarity_torch", "torch", 256),
    Script("pixel_features", "scipy", 1024),
    Script("restoration", "scipy", 256),
    Script("teaching", "scipy", 1024),
    Script("microscopy", "scipy", 256),
    Script("kernels_torch", "torch", 512),
    Script("rasters", "scipy", 1024),
]
