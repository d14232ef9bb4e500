"""Say whether a commit made anything slower than another one, and print a table in Markdown.

    python -m benchmarks.gate                       # the working tree against main
    python -m benchmarks.gate 'dense 3x3' 'tiny 3x3' --base v0.1.0 --head HEAD

Three processes, base, base again and head, take turns at bursts of calls, in another order each
round; the median over the rounds of head / base, each the fastest call of a burst, is the value of
one start of the processes, and a case's ratio is the median over several starts.
The band is what again / base, the same commit twice, stays within in 95 of 100 starts, those of
all cases or those of this one, whichever is wider, and it is never narrower than a floor.
A case is slower if its ratio lies above the band, and does so again when measured anew with fresh
processes: then the exit status is 1.

False alarms: without a change head / base varies as again / base does. So one start lies above the
band in 1 of 40 cases, a median of three in 1 of 500, and two of them in 1 of 300 000, if starts
vary independently. They do not quite: the memory that one process happened to get slows down all
its cases that are alike. This is why processes are started again at all.

Each commit's fastconv is built into a folder of its own. Interpreter, dependencies and the table of
cases are the same for both, and Numba compiles before anything is timed.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from math import ceil
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from fastconv.backends import ORDER
from fastconv.cli.bench import circumstances

from .cases import CASES, names
from .worker import worker

ROLES = ("base", "again", "head")
LEFTOVERS = (".*", "build", "dist", "*.egg-info", "__pycache__", "*.c", "*.so", "*.pyd")
"""What a folder of sources may hold that is not a source."""
SHARE = 0.95
"""Of the starts of the same commit, how many lie within the band."""
VALUES = 20
"""Starts that a band rests on, at least: few cases are started more often."""

DEFAULT = [
    name
    for name, case in CASES.items()
    if case.group != "filters" and not name.endswith(" forward")
]
"""Who has a kernel of their own: filters call those of others, and layers those of their plans."""

Row = tuple[str, str]
"""A case and a backend."""
Times = Mapping[Row, np.ndarray]
"""Seconds of a row: one for each start, role and round."""


class Effort(NamedTuple):
    """How much is measured."""

    starts: int
    rounds: int
    seconds: float
    """Of a burst."""
    threads: int


class Verdict(NamedTuple):
    """What one measurement says of a row: its ratio, and the largest one that may be noise."""

    milliseconds: float
    ratio: float
    band: float

    @property
    def word(self) -> str:
        """Where the ratio lies."""
        if self.ratio > self.band:
            return "slower"
        return "faster" if self.ratio < 1 / self.band else "unchanged"


def judge(times: Times, floor: float) -> dict[Row, Verdict]:
    """Return the verdict of every row; no band is narrower than the ratio `floor`."""
    ratios = {row: np.median(seconds / seconds[:, :1], axis=2) for row, seconds in times.items()}
    noise = {row: np.abs(np.log(values[:, 1])) for row, values in ratios.items()}
    shared = np.quantile(np.concatenate(list(noise.values())), SHARE)
    return {
        row: Verdict(
            1e3 * float(np.median(times[row][:, 0])),
            float(np.median(values[:, 2])),
            max(floor, float(np.exp(max(shared, np.quantile(noise[row], SHARE))))),
        )
        for row, values in ratios.items()
    }


def confirmed(first: Mapping[Row, Verdict], second: Mapping[Row, Verdict]) -> list[Row]:
    """Return the rows that are slower in both measurements, by the wider of the two bands."""
    return [
        row
        for row, verdict in second.items()
        if min(verdict.ratio, first[row].ratio) > max(verdict.band, first[row].band)
    ]


def failures(folder: Path, rows: Sequence[Row], threads: int) -> dict[Row, str]:
    """Return why rows cannot be run; those that can are compiled."""
    with worker(folder, threads) as ask:
        return {row: error for row in rows if (error := ask("load", *row)) is not None}


def measure(folders: Mapping[str, Path], rows: Sequence[Row], effort: Effort) -> Times:
    """Time rows; the fastconv of each role comes from its folder."""
    starts = max(effort.starts, ceil(VALUES / len(rows)))
    times = {row: np.empty((starts, len(ROLES), effort.rounds)) for row in rows}
    random = Random()

    def shuffled() -> list[str]:
        return random.sample(ROLES, len(ROLES))

    for start in range(starts):
        progress(f"{len(rows)} rows, start {start + 1} of {starts}")
        with ExitStack() as stack:
            ask = {
                role: stack.enter_context(worker(folders[role], effort.threads))
                for role in shuffled()
            }
            for row in rows:
                for role in shuffled():
                    if error := ask[role]("load", *row):
                        raise RuntimeError(f"{role}, {' on '.join(row)}: {error}")
                for turn in range(effort.rounds):
                    for role in shuffled():
                        best = ask[role]("burst", effort.seconds)
                        times[row][start, ROLES.index(role), turn] = best
    return times


def build(name: str, folder: Path) -> None:
    """Install the fastconv of a folder of sources, or else of a revision of git, into a folder."""
    source = folder.with_suffix(".source")
    if Path(name).is_dir():
        shutil.copytree(name, source, ignore=shutil.ignore_patterns(*LEFTOVERS))
    else:
        archive = subprocess.run(["git", "archive", name], stdout=subprocess.PIPE, check=True)
        with tarfile.open(fileobj=BytesIO(archive.stdout)) as tar:
            tar.extractall(source, filter="data")
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(folder), str(source)], check=True)


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


class Result(NamedTuple):
    """What a comparison of two commits found."""

    first: Mapping[Row, Verdict]
    second: Mapping[Row, Verdict]
    """Of those rows alone that were slower at first."""
    skipped: Mapping[Row, str]
    """Why base cannot run them."""
    broken: Mapping[Row, str]
    """Why head cannot run them, though base can."""

    @property
    def passed(self) -> bool:
        return not self.broken and not confirmed(self.first, self.second)

    def table(self) -> str:
        """Return it in Markdown, what matters first."""
        slower = confirmed(self.first, self.second)
        words = {
            row: "slower" if row in slower else verdict.word.replace("slower", "not confirmed")
            for row, verdict in self.first.items()
        }
        order = ["slower", "not confirmed", "faster", "unchanged"]
        counts = [f"{list(words.values()).count(word)} {word}" for word in order]
        lines = [
            ", ".join([*counts, f"{len(self.skipped)} skipped", f"{len(self.broken)} broken"])
            + ".",
            "",
            "| case | backend | base, ms | head / base | band | again | verdict |",
            "|---|---|--:|--:|--:|--:|---|",
        ]
        for row in sorted(words, key=lambda row: (order.index(words[row]), -self.first[row].ratio)):
            milliseconds, ratio, band = self.first[row]
            again = f"{self.second[row].ratio:.3f}" if row in self.second else ""
            cells = [*row, f"{milliseconds:.3g}", f"{ratio:.3f}", f"{band:.3f}", again, words[row]]
            lines.append(f"| {' | '.join(cells)} |")
        for title, errors in ("Head cannot run", self.broken), ("Base cannot run", self.skipped):
            if errors:
                lines += ["", f"{title}:", ""]
                lines += [f"- {' on '.join(row)}: {error}" for row, error in errors.items()]
        return "\n".join(lines)


def compare(base: Path, head: Path, rows: Sequence[Row], effort: Effort, floor: float) -> Result:
    """Compare two folders that fastconv was installed into.

    Raises
    ------
    RuntimeError
        A process ended by itself, or base can run none of the rows.
    """
    progress("compiling")
    skipped = failures(base, rows, effort.threads)
    able = [row for row in rows if row not in skipped]
    if not able:
        raise RuntimeError(f"base can run none of the cases: {next(iter(skipped.values()))}")
    broken = failures(head, able, effort.threads)
    able = [row for row in able if row not in broken]
    folders = {"base": base, "again": base, "head": head}
    first = judge(measure(folders, able, effort), floor) if able else {}
    slower = [row for row, verdict in first.items() if verdict.word == "slower"]
    second = judge(measure(folders, slower, effort), floor) if slower else {}
    return Result(first, second, skipped, broken)


def main() -> None:
    """Print the table; the exit status is 1 if head is slower or broken."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate")
    parser.add_argument("cases", nargs="*", metavar="CASE", help="the name of a case or of a group")
    either = "a folder of sources, or else a revision of git; default: %(default)s"
    parser.add_argument("--base", default="main", help=either)
    parser.add_argument("--head", default=".", help=either)
    parser.add_argument("--backends", nargs="+", default=["cython", "numba"], choices=ORDER)
    parser.add_argument("--threads", type=int, default=1, help="default: %(default)s")
    parser.add_argument("--starts", type=int, default=3, help="at least; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="a start; default: %(default)s")
    parser.add_argument("--seconds", type=float, default=0.01, help="a burst; default: %(default)s")
    parser.add_argument("--floor", type=float, default=5, help="in %%; default: %(default)s")
    arguments = parser.parse_args()
    cases = [name for word in arguments.cases for name in names(word) or [word]] or DEFAULT
    if unknown := [name for name in cases if name not in CASES]:
        parser.error(f"no such case: {', '.join(unknown)}")

    rows = [(case, backend) for case in cases for backend in arguments.backends]
    effort = Effort(arguments.starts, arguments.rounds, arguments.seconds, arguments.threads)
    try:
        with TemporaryDirectory() as scratch:
            commits = dict.fromkeys([arguments.base, arguments.head])
            folders = {name: Path(scratch, str(number)) for number, name in enumerate(commits)}
            progress(f"building {' and '.join(commits)}")
            with ThreadPoolExecutor() as pool:
                list(pool.map(build, folders, folders.values()))
            base, head = folders[arguments.base], folders[arguments.head]
            result = compare(base, head, rows, effort, 1 + arguments.floor / 100)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    title = f"## Speed of {arguments.head} against {arguments.base}"
    page = "\n\n".join([title, "; ".join(circumstances(arguments.threads)), result.table()])
    print(page)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a", encoding="utf-8") as file:
            print(page, file=file)
    sys.exit(not result.passed)


if __name__ == "__main__":
    main()
