"""Compare fastconv with other libraries, and print a Markdown table.

    python -m benchmarks.side_by_side "dense 3x3" "dense 5x5" --rounds 25

All functions of a row take turns in one process, each library with its default number of threads.
A ratio is the median of the ratios in each round. Do not compare times of different runs.
"""

import argparse

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances
from fastconv.cli.peers import alternate, available, check

from .cases import CASES
from .peers import peers


def row(name: str, rounds: int, seconds: float) -> list[str]:
    """Return the cells of a case: its name, milliseconds, and the ratios to the best peer."""
    backends = fastconv.available_backends()
    others = peers(CASES[name])
    calls = {backend: CASES[name].call(backend) for backend in backends} | others
    check(calls)
    times = alternate(calls, rounds, seconds)
    cells = [
        f"{1e3 * np.median(times[column]):.3g}" if column in times else "–"
        for column in [*backends, *available()]
    ]
    if not others:
        return [name, *cells, *["–"] * len(backends)]
    best = min(others, key=lambda other: np.median(times[other]))
    ratios = [f"{np.median(times[best] / times[backend]):.2f}" for backend in backends]
    return [name, *cells, *ratios]


def main() -> None:
    """Print a row for each given case, or for all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=10.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")

    backends = fastconv.available_backends()
    header = ["ms", *backends, *available(), *(f"best peer / {backend}" for backend in backends)]
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print("Milliseconds are medians; ratios are medians of the ratios in each round.", end="\n\n")
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    for name in arguments.cases or CASES:
        print(f"| {' | '.join(row(name, arguments.rounds, arguments.seconds))} |", flush=True)


if __name__ == "__main__":
    main()
