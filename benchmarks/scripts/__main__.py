"""Measure how much faster the scripts are with fastconv, and print a Markdown table.

    python -m benchmarks.scripts
    python -m benchmarks.scripts teaching microscopy --rounds 9

Original and fastconv take turns in one process: a block of calls each, and a rest before it.
"""

import argparse
from collections.abc import Callable
from time import perf_counter, sleep

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances

from . import SCRIPTS, Script

REST_SECONDS = 0.2
BLOCK_SECONDS = 0.3
"""No call begins later in a block."""


def block(call: Callable[[], object]) -> float:
    """Seconds of the fastest call of a block; the first one only warms up."""
    sleep(REST_SECONDS)
    call()
    times = []
    end = perf_counter() + BLOCK_SECONDS
    while not times or perf_counter() < end:
        start = perf_counter()
        call()
        times.append(perf_counter() - start)
    return min(times)


def row(script: Script, rounds: int) -> list[str]:
    """Return the cells of a script: its name, its library, milliseconds of both, and the ratio."""
    inputs = script.inputs(script.size)
    times = []
    for _ in range(rounds):
        original = block(lambda: script.original(inputs))
        with script.patched():
            times.append((original, block(lambda: script.fast(inputs))))
    original, fast = 1e3 * np.median(times, axis=0)
    ratio = np.median([before / after for before, after in times])
    return [script.name, script.library, f"{original:.3g}", f"{fast:.3g}", f"{ratio:.2f}"]


def main() -> None:
    """Print a row for each given script, or for all."""
    names = [script.name for script in SCRIPTS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scripts")
    parser.add_argument("scripts", nargs="*", metavar="SCRIPT", help=", ".join(names))
    parser.add_argument("--rounds", type=int, default=7, help="default: %(default)s")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.scripts) - set(names))
    if unknown:
        parser.error(f"no such script: {', '.join(unknown)}")

    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print(
        "Milliseconds are medians of the blocks' fastest calls; ratios are medians of the rounds'."
    )
    print("\n| script | library | library, ms | fastconv, ms | × |\n|---|---|---|---|---|")
    for script in SCRIPTS:
        if not arguments.scripts or script.name in arguments.scripts:
            print(f"| {' | '.join(row(script, arguments.rounds))} |", flush=True)


if __name__ == "__main__":
    main()
