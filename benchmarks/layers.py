"""Compare the layers of networks with other libraries, and print a Markdown table.

    python -m benchmarks.layers ResNet-50 --batch 8

Our layers run through plans, because other libraries also pack or compile the weights once.  Each
library is timed in both layouts, and its faster one counts.  Libraries take turns in one process,
in bursts with pauses between them.
"""

import argparse
from collections.abc import Iterator
from functools import partial

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances
from fastconv.cli.peers import check

from .cases import Call
from .frameworks import planned
from .networks import NETWORKS, Layer
from .peers import bursts

PLANS = {1: fastconv.plan_conv1d, 2: fastconv.plan_conv2d, 3: fastconv.plan_conv3d}
LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


def ours(layer: Layer, batch: int, backend: str) -> Iterator[tuple[str, Call]]:
    """Yield a planned call with channels first, and one with channels last."""
    x, w, bias = layer.arrays(batch)
    how = {**layer.options, "backend": backend}
    make = PLANS[layer.rank]
    first = make(x.shape, x.dtype, w, bias, **how)
    yield backend, partial(first, x, first(x))
    y = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    last = make(y.shape, y.dtype, w, bias, layout=LAST[layer.rank], **how)
    out = last(y)
    yield f"{backend}, last", lambda: np.moveaxis(last(y, out), -1, 1)


def table(name: str, batch: int, backends: list[str], rounds: int, seconds: float) -> None:
    """Print a row for each layer of a network, the totals, and the means of the ratios."""
    columns: list[str] = []
    ratios: dict[str, list[tuple[int, float]]] = {backend: [] for backend in backends}
    totals: dict[str, float] = {}
    for layer in NETWORKS[name]:
        own = [list(ours(layer, batch, backend)) for backend in backends]
        others = planned(layer, batch)
        calls = dict(pair for pairs in own for pair in pairs) | others
        check(calls)
        times = bursts(calls, rounds, seconds)
        best = min((times[k] for k in others), default=np.nan)
        mine = [min(times[k] for k, _ in pairs) for pairs in own]
        if not columns:
            columns = list(times)
            header = [name, *columns, "GFLOP/s", *(f"best peer / {b}" for b in backends)]
            print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
        cells = [f"{1e3 * times[column]:.3g}" if column in times else "–" for column in columns]
        speed = batch * layer.operations / min(mine) / 1e9
        for backend, own_time in zip(backends, mine, strict=True):
            ratios[backend].append((layer.count, best / own_time))
        row = [f"{layer.count} × {layer}", *cells, f"{speed:.0f}"]
        row += [f"{best / t:.2f}" for t in mine]
        print(f"| {' | '.join(row)} |", flush=True)
        for k, t in times.items():
            totals[k] = totals.get(k, 0.0) + layer.count * t
    print()
    print("All layers, ms: " + ", ".join(f"{k} {1e3 * t:.3g}" for k, t in totals.items()))
    for backend, found in ratios.items():
        counts, values = np.array(found).T
        mean = np.exp(np.average(np.log(values), weights=counts))
        print(f"Geometric mean of best peer / {backend}: {mean:.2f}, lowest {values.min():.2f}")
    print()


def main() -> None:
    """Print the tables of the given networks, or of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1, help="images; default: %(default)s")
    parser.add_argument("--backends", nargs="+", default=[*fastconv.available_backends()][:2])
    parser.add_argument("--rounds", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.networks if name not in NETWORKS]
    if unknown:
        parser.error(f"no such network: {', '.join(unknown)}")
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print('Milliseconds are medians; channels come first, except in columns "last".', end="\n\n")
    for name in arguments.networks or NETWORKS:
        table(name, arguments.batch, arguments.backends, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
