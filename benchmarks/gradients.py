"""Compare layers and both of their gradients with PyTorch, and print a Markdown table.

    python -m benchmarks.gradients --batch 8

Calls are made without a plan, with channels first.  Libraries take turns in one process, in bursts
with pauses between them.  With ``--new-weights``, our calls never see the same weights twice, as in
training, so that packed weights cannot be reused.
"""

import argparse
from typing import Any

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances
from fastconv.cli.peers import check

from .cases import Call, LayerCase, StepName
from .frameworks import pytorch_step
from .networks import KINDS
from .peers import bursts

STEPS: tuple[StepName, ...] = ("forward", "input", "weight")


def renewed(call: Call) -> Call:
    """Return a call that first changes the weights."""
    _, weights, *_ = call.args  # type: ignore[attr-defined]

    def renew_and_call() -> Any:
        weights.flat[0] = np.nextafter(weights.flat[0], weights.dtype.type(np.inf))
        return call()

    return renew_and_call


def row(
    kind: str, batch: int, backends: list[str], rounds: int, seconds: float, new_weights: bool
) -> list[float]:
    """Print the row of a layer, and return the speed-up of each backend over PyTorch."""
    layer = KINDS[kind]
    times: dict[str, list[float]] = {name: [] for name in (*backends, "PyTorch")}
    for step in STEPS:
        case = LayerCase(kind, "gradients", layer, step)
        calls = {backend: case.call(backend, batch=batch) for backend in backends}
        calls["PyTorch"] = pytorch_step(layer, step, batch)
        check(calls)
        if new_weights and step != "weight":
            calls |= {backend: renewed(calls[backend]) for backend in backends}
        for name, found in bursts(calls, rounds, seconds / len(STEPS)).items():
            times[name].append(found)
    totals = {name: sum(found) for name, found in times.items()}
    ratios = [totals["PyTorch"] / totals[backend] for backend in backends]
    speed = len(STEPS) * batch * layer.operations / min(totals[b] for b in backends) / 1e9
    cells = [" / ".join(f"{1e3 * t:.3g}" for t in found) for found in times.values()]
    cells += [f"{ratio:.2f}" for ratio in ratios]
    print(f"| {kind}: {layer} | {' | '.join(cells)} | {speed:.0f} |", flush=True)
    return ratios


def main() -> None:
    """Print a row for each layer, and the means of the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gradients")
    parser.add_argument("--batch", type=int, default=1, help="images; default: %(default)s")
    parser.add_argument("--backends", nargs="+", default=[*fastconv.available_backends()][:2])
    parser.add_argument("--rounds", type=int, default=4, help="default: %(default)s")
    parser.add_argument(
        "--new-weights", action="store_true", help="change weights before each call"
    )
    parser.add_argument("--seconds", type=float, default=3.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    backends = arguments.backends
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print("Medians of milliseconds: forward / gradient of the input / of the weights.", end="\n\n")
    header = ["layer", *backends, "PyTorch", *(f"PyTorch / {b}" for b in backends), "GFLOP/s"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    limits = arguments.rounds, arguments.seconds, arguments.new_weights
    ratios = [row(kind, arguments.batch, backends, *limits) for kind in KINDS]
    means = np.exp(np.log(ratios).mean(axis=0))
    print()
    for backend, mean, least in zip(backends, means, np.min(ratios, axis=0), strict=True):
        print(f"Geometric mean of PyTorch / {backend}: {mean:.2f}, lowest {least:.2f}")


if __name__ == "__main__":
    main()
