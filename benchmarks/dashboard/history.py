"""asv's results: one run for each commit, in the order of the history."""

import json
import math
import subprocess
from ast import literal_eval
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

Key = tuple[str, ...]
"""The name of a benchmark and its parameters."""


@dataclass(frozen=True)
class Run:
    """One commit on one machine."""

    commit: str
    subject: str
    day: str
    machine: dict[str, str]
    values: dict[Key, float]
    """Seconds, bytes or ratios, as the benchmark returns them."""


def git(*arguments: str) -> str:
    """Return what git prints."""
    command = ["git", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def commits(branch: str, count: int, tags: bool, since: str | None = None) -> list[str]:
    """Return commits of a branch, oldest first: the tagged ones, or some at even distances.

    The newest is always among them.  None is older than ``since``, by default the first commit with
    a package.
    """
    since = since or git("rev-list", "--reverse", branch, "--", "fastconv/__init__.py").split()[0]
    range_ = (branch, "--not", f"{since}^@")
    every = git("rev-list", "--first-parent", "--reverse", *range_).split()
    if tags:
        tagged = set(
            git("tag", "--merged", branch, "--format=%(objectname) %(*objectname)").split()
        )
        return [commit for commit in every[:-1] if commit in tagged] + every[-1:]
    last = len(every) - 1
    steps = min(count, len(every)) - 1
    return [every[last - round(last * i / max(steps, 1))] for i in range(steps, -1, -1)]


def read(results: Path, branch: str) -> list[Run]:
    """Return the runs of a branch, oldest first, on the machine with the most runs.

    Raises
    ------
    FileNotFoundError
        No commit of the branch has been measured.
    """
    folders: dict[Path, list[dict[str, Any]]] = {}
    for file in sorted(results.glob("*/*.json")):
        if file.name != "machine.json":
            folders.setdefault(file.parent, []).append(json.loads(file.read_text("utf-8")))
    if not folders:
        raise FileNotFoundError(f"no results in {results}: run asv first")
    files = {
        data["commit_hash"]: data
        for data in max(folders.values(), key=len)
        if any(data["results"].values())
    }
    log = git("log", "--first-parent", "--reverse", "--format=%H%x09%as%x09%s", branch)
    rows = [line.split("\t", 2) for line in log.splitlines()]
    runs = [
        Run(commit, subject, day, files[commit]["params"], dict(_values(files[commit])))
        for commit, day, subject in rows
        if commit in files
    ]
    if not runs:
        raise FileNotFoundError(f"no results of {branch} in {results}: run asv first")
    return runs


def _values(data: dict[str, Any]) -> Iterator[tuple[Key, float]]:
    """All numbers in one of asv's result files."""
    for name, cells in data["results"].items():
        row = dict(zip(data["result_columns"], cells, strict=False))
        combinations = product(*([_plain(value) for value in values] for values in row["params"]))
        for parameters, value in zip(combinations, row["result"] or (), strict=False):
            if value is not None and not math.isnan(value):
                yield (name, *parameters), value


def _plain(written: str) -> str:
    """A parameter's value as text, from the `repr` that asv keeps."""
    return str(literal_eval(written))


def index(runs: Sequence[Run], prefix: str, backend: str) -> list[float]:
    """Return the time of a backend's calls in each run, as a multiple of the newest run's.

    Adjacent runs are compared by the geometric mean over the cases that both have, and the means
    are chained, so that new cases do not change earlier ratios.
    """
    chain = [1.0]
    for older, newer in zip(runs[-2::-1], runs[:0:-1], strict=True):
        ratios = [
            math.log(older.values[key] / newer.values[key])
            for key in older.values.keys() & newer.values.keys()
            if key[0].startswith(prefix) and key[2:] == (backend,)
        ]
        step = math.exp(sum(ratios) / len(ratios)) if ratios else math.nan
        chain.append(chain[-1] * step)
    return chain[::-1]
