"""Compare fastconv with other libraries, and print Markdown tables.

    python -m benchmarks.side_by_side "dense 3x3" "dense 5x5" --rounds 25
    python -m benchmarks.side_by_side colour long --backends cython --threads 1

Libraries take turns in one process: a burst of calls each, with the processors to itself, and a
rest before it, so that no library waits for threads of another.  A second table has the mean and
the worst row of each group of cases.  Do not compare times of different runs.
"""

import argparse

import numpy as np

import fastconv
from fastconv.cli.bench import circumstances
from fastconv.cli.peers import LIBRARIES, available, check

from .cases import CASES
from .peers import bursts, peers


def row(
    name: str, backends: list[str], threads: int | None, rounds: int, seconds: float
) -> tuple[list[str], list[float]]:
    """Return the name of a case and milliseconds, and its speed-ups over the best peer."""
    others = peers(CASES[name])
    calls = {backend: CASES[name].call(backend, threads) for backend in backends} | others
    check(calls)
    times = bursts(calls, rounds, seconds)
    cells = [
        f"{1e3 * times[column]:.3g}" if column in times else "–"
        for column in [*backends, *available()]
    ]
    best = min((times[other] for other in others), default=np.nan)
    return [name, *cells], [best / times[backend] for backend in backends]


def summary(speedups: dict[str, list[float]]) -> list[str]:
    """Return a row for each group of cases: how many, the mean speed-ups, and the worst row."""
    groups: dict[str, list[str]] = {}
    for name in speedups:
        groups.setdefault(CASES[name].group, []).append(name)
    rows = []
    for group, members in groups.items():
        cells = [group, str(len(members))]
        for values in np.array([speedups[name] for name in members]).T:
            worst = int(values.argmin())
            mean = np.exp(np.log(values).mean())
            cells += [f"{mean:.2f}", f"{values[worst]:.2f}, {members[worst]}"]
        rows.append(f"| {' | '.join(cells)} |")
    return rows


def main() -> None:
    """Print a row for each given case, for all of the given groups, or for all."""
    groups = list(dict.fromkeys(case.group for case in CASES.values()))
    parser = argparse.ArgumentParser(prog="python -m benchmarks.side_by_side")
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"groups: {', '.join(groups)}; {', '.join(CASES)}"
    )
    parser.add_argument("--backends", nargs="+", default=[*fastconv.available_backends()])
    parser.add_argument("--threads", type=int, help="by default, what each library takes")
    parser.add_argument("--rounds", type=int, default=9, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=5.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.cases if name not in CASES and name not in groups]
    if unknown:
        parser.error(f"no such case: {', '.join(unknown)}")
    wanted = {*arguments.cases} or {*groups}
    names = [name for name, case in CASES.items() if wanted & {name, case.group}]
    backends, threads = arguments.backends, arguments.threads
    if threads is not None:
        for library in available():
            LIBRARIES[library].use_threads(threads)

    header = ["ms", *backends, *available(), *(f"best peer / {backend}" for backend in backends)]
    print(*circumstances(threads or fastconv.get_num_threads()), sep="; ")
    print("Milliseconds are medians of bursts of calls.", end="\n\n")
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    speedups = {}
    for name in names:
        cells, found = row(name, backends, threads, arguments.rounds, arguments.seconds)
        ratios = ["–" if np.isnan(value) else f"{value:.2f}" for value in found]
        print(f"| {' | '.join([*cells, *ratios])} |", flush=True)
        if not np.isnan(found).any():
            speedups[name] = found
    columns = [cell for backend in backends for cell in (f"mean, {backend}", f"worst, {backend}")]
    header = ["group", "rows", *columns]
    print(f"\n| {' | '.join(header)} |\n|{'---|' * len(header)}", *summary(speedups), sep="\n")


if __name__ == "__main__":
    main()
