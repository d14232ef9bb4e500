"""The time until the first result: imports, and compilation if there is any.

Everything is measured in separate processes.
"""

import os
import subprocess
import sys
from tempfile import TemporaryDirectory

import fastconv
from fastconv.backends import ORDER

FIRST_CALL = """
import sys
import time
import numpy as np
import fastconv

calls = {
    "filter": lambda: fastconv.correlate(x, w[0, 0], backend=backend),
    "layer": lambda: fastconv.conv2d(x, w, padding=1, backend=backend),
}
call, backend = sys.argv[1:]
x, w = np.ones((16, 64, 64), np.float32), np.ones((16, 16, 3, 3), np.float32)
start = time.perf_counter()
calls[call]()
print(time.perf_counter() - start)
"""


class Import:
    """Time to import fastconv, and NumPy alone for comparison."""

    param_names = ("module",)
    params = [["numpy", "fastconv"]]

    def timeraw_import(self, module: str) -> str:
        return f"import {module}"


class FirstCall:
    """Seconds of the first call of a process, with an empty and with a filled Numba cache.

    The difference is the time that Numba takes to compile.
    """

    param_names = ("call", "backend", "cache")
    params = [["filter", "layer"], list(ORDER), ["cold", "warm"]]
    unit = "seconds"

    def setup(self, call: str, backend: str, cache: str) -> None:
        self.folder = TemporaryDirectory()  # before a skip, after which teardown runs too
        if backend not in fastconv.available_backends():
            raise NotImplementedError(backend)
        if cache == "warm":
            self.first_call(call, backend)

    def teardown(self, call: str, backend: str, cache: str) -> None:
        self.folder.cleanup()

    def track_first_call(self, call: str, backend: str, cache: str) -> float:
        return self.first_call(call, backend)

    def first_call(self, call: str, backend: str) -> float:
        child = subprocess.run(
            [sys.executable, "-c", FIRST_CALL, call, backend],
            env=os.environ | {"NUMBA_CACHE_DIR": self.folder.name},
            stdout=subprocess.PIPE,
            check=True,
        )
        return float(child.stdout)
