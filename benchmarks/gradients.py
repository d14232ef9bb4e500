"""Compare layers and both of their gradients with PyTorch, and print a table in Markdown.

    python -m benchmarks.gradients --batch 8

Each call is made as training makes it, without a plan, and PyTorch's with channels first.  They
take turns in one process, in bursts with pauses between them.
"""

import argparse
from functools import partial
from typing import Any

import numpy as np

import fastconv
from fastconv.bench import circumstances
from fastconv.peers import Call, check

from .layers import arrays
from .networks import Layer
from .peers import bursts

LAYERS = (
    Layer(3, 224, 64, 7, 2),
    Layer(64, 56, 64, 3),
    Layer(64, 56, 256),
    Layer(256, 56, 64),
    Layer(128, 56, 128, 3, 2),
    Layer(128, 28, 128, 3),
    Layer(256, 14, 256, 3),
    Layer(512, 7, 512, 3),
    Layer(160, 7, 960),
    Layer(144, 56, 144, 3, groups=144),
)
STEPS = ("forward", "input", "weight")


def samples(layer: Layer, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return samples, weights, and a gradient of what comes of them."""
    x, w, _ = arrays(layer, batch)
    side = round(layer.outputs ** (1 / layer.rank))
    shape = (batch, layer.filters, *[side] * layer.rank)
    return x, w, np.random.default_rng(1).standard_normal(shape, np.float32)


def ours(layer: Layer, batch: int, backend: str) -> dict[str, Call]:
    """Return the calls of a backend, by the step of training."""
    x, w, gy = samples(layer, batch)
    how = (layer.stride, layer.padding, layer.dilation, layer.groups)
    rank, grad = layer.rank, fastconv.nn.grad
    forward = partial(getattr(fastconv, f"conv{rank}d"), x, w, None, *how)
    of_input = partial(getattr(grad, f"conv{rank}d_input"), x.shape, w, gy, *how)
    of_weight = partial(getattr(grad, f"conv{rank}d_weight"), x, w.shape, gy, *how)
    calls = zip(STEPS, (forward, of_input, of_weight), strict=True)
    return {step: partial(call, backend=backend) for step, call in calls}


def pytorch(layer: Layer, batch: int) -> dict[str, Call]:
    """Return PyTorch's calls, by the step of training."""
    import torch

    torch.set_num_threads(fastconv.get_num_threads())
    x, w, gy = map(torch.from_numpy, samples(layer, batch))
    how = [[n] * layer.rank for n in (layer.stride, layer.padding, layer.dilation)]

    def backward(*wanted: bool) -> Any:
        made = torch.ops.aten.convolution_backward(
            gy, x, w, None, *how, False, [0] * layer.rank, layer.groups, [*wanted, False]
        )
        return made[0] if wanted[0] else made[1]

    function = getattr(torch.nn.functional, f"conv{layer.rank}d")
    forward = partial(function, x, w, None, *how, layer.groups)
    calls = (forward, partial(backward, True, False), partial(backward, False, True))
    return dict(zip(STEPS, calls, strict=True))


def row(layer: Layer, batch: int, backends: list[str], rounds: int, seconds: float) -> list[float]:
    """Print the cells of a layer, and return how much less time each backend takes in all."""
    takers = {backend: ours(layer, batch, backend) for backend in backends}
    takers["PyTorch"] = pytorch(layer, batch)
    times: dict[str, list[float]] = {name: [] for name in takers}
    for step in STEPS:
        calls = {name: steps[step] for name, steps in takers.items()}
        check(calls)
        for name, found in bursts(calls, rounds, seconds / len(STEPS)).items():
            times[name].append(found)
    totals = {name: sum(found) for name, found in times.items()}
    ratios = [totals["PyTorch"] / totals[backend] for backend in backends]
    speed = len(STEPS) * batch * layer.operations / min(totals[b] for b in backends) / 1e9
    cells = [" / ".join(f"{1e3 * t:.3g}" for t in found) for found in times.values()]
    cells += [f"{ratio:.2f}" for ratio in ratios]
    print(f"| {layer} | {' | '.join(cells)} | {speed:.0f} |", flush=True)
    return ratios


def main() -> None:
    """Print a row for each layer, and the mean of the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradients")
    parser.add_argument("--batch", type=int, default=1, help="images; default: %(default)s")
    parser.add_argument("--backends", nargs="+", default=[*fastconv.available_backends()][:2])
    parser.add_argument("--rounds", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=3.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    backends = arguments.backends
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print("Medians of milliseconds: forward / gradient of the input / of the weights.", end="\n\n")
    header = ["layer", *backends, "PyTorch", *(f"PyTorch / {b}" for b in backends), "GFLOP/s"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    limits = arguments.rounds, arguments.seconds
    ratios = [row(layer, arguments.batch, backends, *limits) for layer in LAYERS]
    means = np.exp(np.log(ratios).mean(axis=0))
    print()
    for backend, mean, least in zip(backends, means, np.min(ratios, axis=0), strict=True):
        print(f"Geometric mean of PyTorch / {backend}: {mean:.2f}, least {least:.2f}")


if __name__ == "__main__":
    main()
