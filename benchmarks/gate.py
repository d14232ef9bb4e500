"""Check whether one commit is slower than another anywhere, and print a Markdown table.

    python -m benchmarks.gate                       # the working tree against main
    python -m benchmarks.gate 'dense 3x3' 'tiny 3x3' --base v0.1.0 --head HEAD

Three processes take turns at bursts of calls, in a new order each round: *base*, base *again*, and
*head*. The fastest call of a burst counts. One start of the processes gives one value for a case,
the median of head / base over the rounds; the case's ratio is the median over several starts.

The band is the range of again / base, the same commit twice, in 95 % of the starts: over all cases
or for this one, whichever is wider, and never narrower than a floor. A case is *slower* if its
ratio is above the band, and above it again when it is measured a second time with fresh processes.
Then the exit status is 1.

False alarms: without a change, head / base varies as again / base does. One start is then above
the band in 1 of 40 cases, a median of three in 1 of 500, and two such medians in 1 of 300 000, if
starts are independent. They are not quite: a process that was given unlucky memory is slow for all
similar cases. This is why the processes are started several times.

The fastconv of each commit is built into a folder of its own. Interpreter, dependencies and the
table of cases are the same for both, and Numba compiles before anything is timed.
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
"""Files in a source folder that are not copied."""
SHARE = 0.95
"""The share of starts of the same commit that lie within the band."""
VALUES = 20
"""The least number of starts behind a band; if there are few cases, they are started more often."""

DEFAULT = [
    name
    for name, case in CASES.items()
    if case.group != "filters" and not name.endswith(" forward")
]
"""Without filters and layers called without a plan: these run the kernels of other cases."""

Row = tuple[str, str]
"""A case and a backend."""
Times = Mapping[Row, np.ndarray]
"""The seconds of each row, indexed by start, role and round."""


class Effort(NamedTuple):
    """How much is measured."""

    starts: int
    rounds: int
    seconds: float
    """Length of a burst."""
    threads: int


class Verdict(NamedTuple):
    """The result of measuring a row once: its ratio, and the largest ratio that may be noise."""

    milliseconds: float
    ratio: float
    band: float

    @property
    def word(self) -> str:
        """The verdict in one word."""
        if self.ratio > self.band:
            return "slower"
        return "faster" if self.ratio < 1 / self.band else "unchanged"


def judge(times: Times, floor: float) -> dict[Row, Verdict]:
    """Return the verdict on every row; `floor` is the narrowest band, as a ratio."""
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
    """Return the rows that cannot be run, with the reason; the others are compiled."""
    with worker(folder, threads) as ask:
        return {row: error for row in rows if (error := ask("load", *row)) is not None}


def measure(folders: Mapping[str, Path], rows: Sequence[Row], effort: Effort) -> Times:
    """Time rows, with the fastconv of each role from its folder."""
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
    """Install fastconv from a source folder or a git revision into a folder."""
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
    """The comparison of two commits."""

    first: Mapping[Row, Verdict]
    second: Mapping[Row, Verdict]
    """Only the rows that were slower at first."""
    skipped: Mapping[Row, str]
    """Rows that base cannot run, with the reason."""
    broken: Mapping[Row, str]
    """Rows that head cannot run but base can, with the reason."""

    @property
    def passed(self) -> bool:
        return not self.broken and not confirmed(self.first, self.second)

    def table(self) -> str:
        """Return the table in Markdown, the worst rows first."""
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
    """Compare the fastconv of two folders.

    Raises
    ------
    RuntimeError
        A process died, or base can run none of the rows.
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
    parser.add_argument("cases", nargs="*", metavar="CASE", help="a case or a group")
    either = "a source folder or a git revision; default: %(default)s"
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
