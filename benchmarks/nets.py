"""Small networks as wholes: steps of training against PyTorch, models of ONNX against onnxruntime.

All take turns in one process, in blocks with a rest between them, so that threads of one library
that wait for more work do not disturb the next.  Shown are the best blocks, in wall-clock and in
processor time.

    python -m benchmarks.nets                     # everything
    python -m benchmarks.nets LeNet --threads 1
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import fastconv as fc
from fastconv import nn

from . import onnx_models

__all__ = ["main"]

BLOCKS = 6
BLOCK_SECONDS = 0.5
REST_SECONDS = 0.3

NETS: dict[str, tuple[tuple[int, ...], list[tuple[Any, ...]]]] = {
    "LeNet": (
        (64, 1, 28, 28),
        [
            ("Conv2d", 1, 6, 5, 1, 2), ("ReLU",), ("MaxPool2d", 2), ("Conv2d", 6, 16, 5),
            ("ReLU",), ("MaxPool2d", 2), ("Flatten",), ("Linear", 400, 120), ("ReLU",),
            ("Linear", 120, 84), ("ReLU",), ("Linear", 84, 10),
        ],
    ),
    "digits": (
        (64, 1, 8, 8),
        [
            ("Conv2d", 1, 16, 3), ("ReLU",), ("Conv2d", 16, 32, 3), ("ReLU",), ("MaxPool2d", 2),
            ("Flatten",), ("Linear", 128, 10),
        ],
    ),
    "784-128-10": ((64, 784), [("Linear", 784, 128), ("ReLU",), ("Linear", 128, 10)]),
    "512-512": ((128, 512), [("Linear", 512, 512)]),
}  # fmt: skip
MODELS = ("mobilenet_v2", "resnet18")


def built(library: Any, layers: list[tuple[Any, ...]]) -> Any:
    """A network of layers that both libraries have."""
    return library.Sequential(*(getattr(library, name)(*args) for name, *args in layers))


def steps(name: str, threads: int) -> dict[str, Callable[[], object]]:
    """A step of training, as each library takes it."""
    shape, layers = NETS[name]
    rng = np.random.default_rng(0)
    images, labels = rng.standard_normal(shape, np.float32), rng.integers(0, 10, shape[0])
    net = built(nn, layers)
    descent = nn.SGD(net.parameters, 0.01, 0.9)

    def ours() -> None:
        net.parameter_gradients(nn.grad.cross_entropy(net(images), labels))
        descent.step()

    try:
        import torch
    except ImportError:
        return {"fastconv": ours}
    torch.set_num_threads(threads)
    other = built(torch.nn, layers)
    its_descent = torch.optim.SGD(other.parameters(), 0.01, 0.9)
    tensor, its_labels = torch.tensor(images), torch.tensor(labels)

    def theirs() -> None:
        its_descent.zero_grad()
        torch.nn.functional.cross_entropy(other(tensor), its_labels).backward()
        its_descent.step()

    return {"fastconv": ours, "torch": theirs}


def inferences(name: str, threads: int) -> dict[str, Callable[[], object]]:
    """One image through a model, as each library does it; nothing without the package onnx."""
    try:
        import onnx
    except ImportError:
        return {}
    data = getattr(onnx_models, name)(onnx).SerializeToString()
    image = np.random.default_rng(0).standard_normal((1, 3, 224, 224), np.float32)
    net = nn.load_onnx(data)
    found: dict[str, Callable[[], object]] = {"fastconv": lambda: net(image)}
    try:
        import onnxruntime
    except ImportError:
        return found
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    found["onnxruntime"] = lambda: session.run(None, {"x": image})
    return found


def timed(functions: dict[str, Callable[[], object]]) -> dict[str, tuple[float, float]]:
    """Wall-clock and processor time of each function, of its best blocks."""
    walls: dict[str, list[float]] = {name: [] for name in functions}
    works: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(BLOCKS):
        for name, function in functions.items():
            time.sleep(REST_SECONDS)
            function()
            calls, wall, work = 0, time.perf_counter(), time.process_time()
            while time.perf_counter() - wall < BLOCK_SECONDS:
                function()
                calls += 1
            walls[name].append((time.perf_counter() - wall) / calls)
            works[name].append((time.process_time() - work) / calls)
    return {name: (min(walls[name]), min(works[name])) for name in functions}


def main() -> None:
    """Print a line for each network and library."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", choices=[[], *NETS, *MODELS], metavar="NAME")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    fc.set_num_threads(arguments.threads)
    print(f"{'':14}{'':13}{'wall ms':>9}{'cpu ms':>9}")
    for name in arguments.names or [*NETS, *MODELS]:
        functions = (steps if name in NETS else inferences)(name, arguments.threads)
        for library, (wall, work) in timed(functions).items():
            print(f"{name:14}{library:13}{wall * 1e3:9.2f}{work * 1e3:9.2f}", flush=True)


if __name__ == "__main__":
    main()
