"""Compare dense kernels with libvips, and print a Markdown table.

    pip install pyvips pyvips-binary
    python -m benchmarks.libvips

libvips repeats the edge samples beyond the image, so the other libraries do the same here.  It
filters 8-bit images in fixed point, which changes results by up to three, and others in floats.
"""

import argparse
from functools import partial

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances
from fastconv.cli.peers import LIBRARIES, alternate

from .cases import Call

SIZES = (3, 5, 7, 11, 15, 31)


def libvips(x: np.ndarray, w: np.ndarray) -> Call:
    """Return the call that filters the whole image, with libvips' cache disabled."""
    import pyvips

    pyvips.cache_set_max(0)
    image, kernel = pyvips.Image.new_from_array(x), pyvips.Image.new_from_array(w.tolist())
    precision = "integer" if x.dtype == np.uint8 else "float"
    made = np.uint8 if x.dtype == np.uint8 else np.float32

    def call() -> np.ndarray:
        result = image.conv(kernel, precision=precision).write_to_memory()
        return np.frombuffer(result, made).reshape(x.shape)

    return call


def row(n: int, k: int, dtype: str, rounds: int, seconds: float) -> list[str]:
    """Return the cells of one kernel size."""
    rng = np.random.default_rng(k)
    x = (rng.random((n, n)) * 255).astype(dtype)
    w = rng.random((k, k)).astype(np.float32)
    w /= w.sum()
    out = np.uint8 if dtype == "uint8" else np.float32
    backends = [*fastconv.available_backends()][:2]
    ours = partial(fastconv.correlate, x, w, boundary="nearest", dtype=out)
    calls: dict[str, Call] = {backend: partial(ours, backend=backend) for backend in backends}
    calls["libvips"] = libvips(x, w)
    calls["OpenCV"] = LIBRARIES["OpenCV"].filter(x, w, "nearest")
    expected = calls[backends[0]]().astype(float)
    if np.abs(calls["libvips"]() - expected).max() > (3 if dtype == "uint8" else 1e-3):
        raise ArithmeticError("libvips disagrees")
    times = {who: np.median(found) for who, found in alternate(calls, rounds, seconds).items()}
    best = min(times[who] for who in times if who not in backends)
    cells = [f"{1e3 * found:.3g}" for found in times.values()]
    return [f"{n}² {dtype}, {k}x{k}", *cells, *(f"{best / times[b]:.2f}" for b in backends)]


def main() -> None:
    """Print a row for each dtype and kernel size."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.libvips")
    parser.add_argument("--size", type=int, default=2048, help="of the image; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=4.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    backends = [*fastconv.available_backends()][:2]
    print(*circumstances(fastconv.get_num_threads()), sep="; ", end="\n\n")
    columns = ["image, kernel", *backends, "libvips", "OpenCV", *(f"best / {b}" for b in backends)]
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for dtype in ("uint8", "int16"):
        for k in SIZES:
            cells = row(arguments.size, k, dtype, arguments.rounds, arguments.seconds)
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
