"""Measure the memory that calls need besides their arrays, and print a Markdown table (Linux).

    python -m benchmarks.memory

Each case runs in a process of its own.  The result is the peak memory while a plan is made and
called on two threads, minus the memory in use before, when samples and result are allocated and a
small call of the same kind has been made.  So packed weights count, and code does not.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances

CALLS = 3
IMAGES = 8
"""Batch size of layers."""
SMALL = 16
"""The side of the images of small calls."""


class Case(NamedTuple):
    """One plan: an image filter if weights have two axes, else a layer with channels last."""

    algorithm: str
    side: int
    w: np.ndarray
    how: dict[str, Any]

    def shape(self, side: int) -> tuple[int, ...]:
        """Return the shape of the samples."""
        if self.w.ndim == 2:
            return side, side
        return IMAGES, side, side, self.w.shape[1] * self.how["groups"]

    def plan(self, side: int, backend: str) -> fastconv.Plan:
        """Return the plan for images of a given side."""
        how = {"algorithm": self.algorithm, "backend": backend, "threads": 2, **self.how}
        if self.w.ndim == 2:
            how = {"boundary": "mirror", **how}
            return fastconv.plan_correlate(self.shape(side), self.w.dtype, self.w, **how)
        return fastconv.plan_conv2d(self.shape(side), self.w.dtype, self.w, layout="NHWC", **how)


def image(algorithm: str, side: int, w: np.ndarray) -> tuple[str, Case]:
    """Return the name of a case, and the case."""
    taps = "x".join(map(str, w.shape))
    return f"{algorithm} {taps} of {side}² {w.dtype}", Case(algorithm, side, w, {})


def layer(algorithm: str, side: int, *w: int, **how: int) -> tuple[str, Case]:
    """Return the name of a case, and the case."""
    how = {"groups": 1, "stride": 1, "padding": w[-1] // 2, **how}
    filters, channels, taps, _ = w
    name = f"{algorithm} {IMAGES} × {channels * how['groups']}×{side}² → {filters}, k{taps}"
    name += f" s{how['stride']}" if how["stride"] > 1 else ""
    return name, Case(algorithm, side, random(*w), how)


def random(*shape: int, dtype: str = "f4") -> np.ndarray:
    """Return random weights."""
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


CASES = dict(
    [
        image("direct", 4096, random(5, 5)),
        image("direct", 2048, random(31, 31, dtype="f8")),
        image("separable", 4096, np.outer(random(15), random(15))),
        image("box", 4096, np.ones((15, 15), "f4")),
        image("sparse", 4096, np.eye(31, dtype="f4")),
        image("fft", 4096, random(31, 31)),
        image("fft", 2048, random(31, 31, dtype="f8")),
        layer("winograd", 112, 64, 64, 3, 3),
        layer("winograd", 112, 32, 32, 7, 7),
        layer("gemm", 112, 128, 64, 3, 3, stride=2),
        layer("gemm", 112, 256, 64, 1, 1),
        layer("depthwise", 112, 144, 1, 3, 3, groups=144),
    ]
)


def status(line: str) -> int:
    """Return the bytes of a line of this process's status."""
    for text in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, rest = text.partition(":")
        if name == line:
            return 1024 * int(rest.split()[0])
    raise LookupError(line)


def measured(name: str, backend: str) -> tuple[int, int]:
    """Return the bytes of samples and result, and the peak besides them."""
    case = CASES[name]
    side = SMALL + max(case.w.shape[-2:])
    small = case.plan(side, backend)
    for _ in range(CALLS):
        small(np.ones(case.shape(side), case.w.dtype))
    x = np.ones(case.shape(case.side), case.w.dtype)
    out = np.ones(case.plan(case.side, backend).out_shape, case.w.dtype)
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    plan = case.plan(case.side, backend)
    for _ in range(CALLS):
        plan(x, out)
    return x.nbytes + out.nbytes, status("VmHWM") - before


def main() -> None:
    """Print the table, or the numbers of one case."""
    if len(sys.argv) > 1:
        print(*measured(*sys.argv[1:]))
        return
    backends = [*fastconv.available_backends()]
    print(*circumstances(2), sep="; ", end="\n\n")
    header = ["case", "arrays MiB"]
    for backend in backends:
        header += [f"{backend} MiB", "share"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for name in CASES:
        cells: list[str] = []
        for backend in backends:
            command = [sys.executable, "-m", "benchmarks.memory", name, backend]
            arrays, extra = map(int, subprocess.check_output(command, text=True).split())
            cells += [f"{extra / 2**20:.1f}", f"{extra / arrays:.1%}"]
        print(f"| {' | '.join([name, f'{arrays / 2**20:.0f}', *cells])} |", flush=True)


if __name__ == "__main__":
    main()
