"""Time every algorithm on many cases, and print a Markdown table of how good the choices are.

    python -m benchmarks.choices --backend cython

All algorithms that can do a case take turns in one process. The last column is the ratio of the
chosen algorithm's time to that of the best one: the median of the ratios in each round.
"""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import fastconv as fc
from fastconv import algorithms
from fastconv.algorithms import rates
from fastconv.cli.bench import circumstances
from fastconv.cli.peers import alternate
from fastconv.plan.candidates import candidates

GOOD = 1.15
"""A choice is good if it takes at most this many times as long as the best."""


class Case(NamedTuple):
    """A filter; `kind` is a key of `KERNELS`."""

    x: tuple[int, ...]
    kind: str
    taps: tuple[int, ...]
    dtype: str = "float32"
    boundary: str = "constant"

    def __str__(self) -> str:
        sizes, taps = ("x".join(map(str, shape)) for shape in (self.x, self.taps))
        return f"{self.kind} {taps} on {sizes} {self.dtype} {self.boundary}"


def gaussian(taps: int) -> np.ndarray:
    steps = np.arange(taps) - (taps - 1) / 2
    row = np.exp(-0.5 * (6 * steps / taps) ** 2)
    return row / row.sum()


def product(rows: list[np.ndarray]) -> np.ndarray:
    """The outer product of some factors."""
    dense = np.ones(())
    for row in rows:
        dense = np.multiply.outer(dense, row)
    return dense


def random(taps: tuple[int, ...], seed: int = 0) -> np.ndarray:
    """Random weights whose sum is about a half."""
    return np.random.default_rng(seed).random(taps) / np.prod(taps)


def only(taps: tuple[int, ...], kept: Callable[..., np.ndarray]) -> np.ndarray:
    """Random weights where `kept` is true of the distances from the centre, and zeros elsewhere."""
    distances = np.meshgrid(*(np.arange(k) - k // 2 for k in taps), indexing="ij")
    return random(taps) * kept(*distances)


KERNELS = {
    "random": random,
    "factors": lambda taps: tuple(map(gaussian, taps)),
    "gaussian": lambda taps: product(list(map(gaussian, taps))),
    "box": lambda taps: np.full(taps, 1 / np.prod(taps)),
    "diagonal": lambda taps: only(taps, lambda rows, columns: rows == columns),
    "ring": lambda taps: only(
        taps, lambda rows, columns: abs(np.hypot(rows, columns) - taps[0] // 2) < 0.5
    ),
    "cross": lambda taps: only(taps, lambda rows, columns: rows * columns == 0),
    "every fourth": lambda taps: only(taps, lambda rows, columns: rows % 4 + columns % 4 == 0),
    "a tenth": lambda taps: random(taps) * (random(taps, 1) < 0.1 * random(taps, 1).max()),
    "sum of two products": lambda taps: product(list(map(gaussian, taps))) - 1 / np.prod(taps),
}

CASES = [
    *(Case((n, n), "random", (3, 3)) for n in (256, 1024, 4096)),
    *(Case((n, n), "random", (7, 7)) for n in (256, 1024, 4096)),
    *(Case((n, n), "random", (15, 15)) for n in (256, 1024, 2048)),
    *(Case((n, n), "random", (31, 31)) for n in (256, 1024, 2048)),
    *(Case((1024, 1024), "random", (k, k)) for k in (5, 11, 21, 25, 45, 63)),
    *(Case((n, n), "factors", (k, k)) for n in (256, 1024, 2048) for k in (3, 5, 9, 31)),
    *(Case((1024, 1024), "gaussian", (k, k)) for k in (3, 5, 7, 9, 15, 31, 63)),
    *(Case((1024, 1024), "box", (k, k)) for k in (3, 5, 9, 15, 31, 63)),
    *(Case((1024, 1024), "sum of two products", (k, k)) for k in (5, 9, 15, 31)),
    *(
        Case((n, n), kind, (k, k), dtype)
        for n in (256, 1024)
        for kind, k in [
            *(("diagonal", 9), ("diagonal", 31), ("ring", 31)),
            *(("cross", 5), ("a tenth", 15), ("every fourth", 17)),
        ]
        for dtype in ("float32", "uint8")
    ),
    *(Case((1023, 769), "random", (9, 9), boundary=b) for b in ("mirror", "wrap")),
    *(Case((1023, 769), "factors", (9, 9), boundary=b) for b in ("nearest", "symmetric")),
    *(
        Case((1024, 1024), kind, (15, 15), dtype)
        for dtype in ("float64", "uint8", "int16", "complex64")
        for kind in ("random", "gaussian")
    ),
    Case((1024, 1024), "random", (1, 31)),
    Case((1024, 1024), "random", (31, 1)),
    Case((1024, 1024), "factors", (3, 31)),
    *(Case((1 << 20,), "random", (k,)) for k in (3, 31, 255, 1023)),
    *(Case((128, 128, 128), "random", (k, k, k)) for k in (3, 7)),
    *(Case((128, 128, 128), "factors", (k, k, k)) for k in (3, 9)),
]


def plans(case: Case, backend: str, threads: int) -> tuple[fc.Plan, dict[str, Any]]:
    """Return the plan of "auto", and the plan of each algorithm that does not refuse."""
    x = np.empty(case.x, case.dtype)
    precise = np.float64 if case.dtype == "float64" else np.float32
    w = KERNELS[case.kind](case.taps)
    w = tuple(row.astype(precise) for row in w) if isinstance(w, tuple) else w.astype(precise)
    make = partial(
        fc.plan_correlate,
        x.shape,
        x.dtype,
        w,
        boundary=case.boundary,
        dtype=case.dtype,
        backend=backend,
        threads=threads,
    )
    chosen = make()
    able = [name for name, seconds in predicted(chosen).items() if seconds is not None]
    return chosen, {name: make(algorithm=name) for name in able}


def predicted(plan: fc.Plan) -> dict[str, float | None]:
    """The predicted seconds of every algorithm, or None if it refuses."""
    found = candidates(plan._recipe.problem, plan.backend)
    return {candidate.algorithm: candidate.seconds for candidate in found}


def row(case: Case, backend: str, threads: int, rounds: int, seconds: float) -> tuple[str, float]:
    """Return the row of a case, and the ratio of the chosen algorithm's time to the best.

    The ratio is NaN if there is only one algorithm.
    """
    chosen, able = plans(case, backend, threads)
    expected = predicted(chosen)
    x = (np.random.default_rng(1).random(case.x) * 100).astype(case.dtype)
    times = alternate({name: partial(plan, x) for name, plan in able.items()}, rounds, seconds)
    best = min(able, key=lambda name: np.median(times[name]))
    ratio = float(np.median(times[chosen.algorithm] / times[best])) if len(able) > 1 else np.nan
    cells = [
        f"{1e3 * np.median(times[name]):.3g} ({1e3 * expected[name]:.3g})" if name in able else "–"
        for name in algorithms.ORDER
    ]
    return f"| {case} | {' | '.join(cells)} | {chosen.algorithm} | {ratio:.2f} |".replace(
        "nan", "–"
    ), ratio


def main() -> None:
    """Print a row for each case, and the number of good choices."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.choices")
    parser.add_argument("words", nargs="*", metavar="WORD", help="cases with one of these words")
    parser.add_argument("--backend", default=fc.get_backend(), help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--rounds", type=int, default=15, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    cases = [
        case
        for case in CASES
        if not arguments.words or set(arguments.words) & set(str(case).split())
    ]
    if not cases:
        parser.error("no case has any of these words")

    print(*circumstances(arguments.threads), sep="; ")
    print(f"Backend {arguments.backend}, rates {rates.describe()};")
    print("median milliseconds; in brackets, as predicted for one thread.", end="\n\n")
    header = ["case", *algorithms.ORDER, "chosen", "chosen / best"]
    print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
    ratios: dict[Case, float] = {}
    for case in cases:
        line, ratio = row(
            case, arguments.backend, arguments.threads, arguments.rounds, arguments.seconds
        )
        print(line, flush=True)
        if not np.isnan(ratio):
            ratios[case] = ratio
    if ratios:
        good = sum(ratio <= GOOD for ratio in ratios.values())
        worst = max(ratios, key=lambda case: ratios[case])
        print(f"\n{good} of {len(ratios)} choices are within {GOOD - 1:.0%} of the best algorithm;")
        print(f"the worst takes {ratios[worst]:.2f} times as long: {worst}.")


if __name__ == "__main__":
    main()
