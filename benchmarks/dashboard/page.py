"""The front page: how fast fastconv is today, how that changed, and what became slower."""

import json
import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

import numpy as np

from ..cases import CASES, Case, LayerCase
from . import drawing
from .history import Run, index

BACKENDS = ("cython", "numba", "numpy")
TRENDS = {
    "Images, signals and volumes": "calls.Filters",
    "Layers of networks": "calls.Layers",
    "Gradients of layers": "calls.Gradients",
}
STYLE = """
body { margin: 0 auto; max-width: 1120px; padding: 24px; background: #14161a; color: #f2f3f5;
       font: 15px/1.45 system-ui, "DejaVu Sans", sans-serif; }
h1 { margin-bottom: 0; } h2 { margin-top: 44px; } h3 { margin: 26px 0 4px; }
p, .dim { color: #9aa1ac; } a { color: #4da3ff; } svg { display: block; font-size: 13px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { color: #9aa1ac; font-weight: normal; text-align: left; }
th, td { padding: 4px 12px 4px 0; border-bottom: 1px solid #2a2e35; vertical-align: middle; }
td a { color: inherit; } .worse { color: #ff6f61; } .better { color: #3ecf9b; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 6px; margin: 0 6px 0 18px; }
"""


def write(site: Path, runs: Sequence[Run]) -> None:
    """Write ``site/index.html``; asv's pages are in ``site/asv``."""
    body = "\n".join(
        [
            *_heading(runs),
            *_peers(runs[-1]),
            *_trends(runs),
            *_regressions(site),
            *_start(runs[-1]),
            *_today(runs),
        ]
    )
    html = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>fastconv: how fast</title><style>{STYLE}</style></head>\n"
        f"<body>{body}</body></html>\n"
    )
    (site / "index.html").write_text(html, "utf-8")


def _heading(runs: Sequence[Run]) -> Iterator[str]:
    newest = runs[-1]
    machine = newest.machine
    yield "<h1>How fast fastconv is</h1>"
    yield (
        f"<p>At <b>{newest.commit[:8]}</b>, {escape(newest.subject)} ({newest.day}), and over "
        f"{len(runs)} commits; on {escape(machine['cpu'])}, {machine['num_cpu']} processors, "
        f"{escape(machine['os'].partition(' ')[0])}, Python {machine['python']}. "
        'Every number is in <a href="asv/index.html">asv\'s pages</a>.</p>'
    )


# -- other libraries ----------------------------------------------------------------------------


def _peers(run: Run) -> Iterator[str]:
    rows: dict[str, dict[tuple[str, str], float]] = {}
    for (name, *parameters), value in run.values.items():
        if name.startswith("speedups."):
            case, backend, peer = parameters
            rows.setdefault(case, {})[peer, backend] = 1 / value
    if not rows:
        return
    rows = {name: rows[name] for name in CASES if name in rows}
    peers = dict.fromkeys(peer for row in rows.values() for peer, _ in row)
    keys = "".join(
        f'<span class="key" style="background:{drawing.COLORS[peer]}"></span>{peer}'
        for peer in peers
    )
    yield "<h2>Compared with other libraries</h2>"
    yield (
        "<p>Speed-up over other libraries; each pair takes turns in one process. Right of 1×, "
        f"fastconv is faster. Discs are the cython backend, rings numba.{keys}</p>"
    )
    yield drawing.ratios(rows)
    yield (
        "<h3>Over the best library of each case</h3>"
        "<table><tr><th>group</th><th>backend</th><th>cases</th><th>ahead in</th>"
        "<th>geometric mean</th><th>worst</th><th>in</th></tr>"
    )
    for group in dict.fromkeys(CASES[name].group for name in rows):
        members = {name: row for name, row in rows.items() if CASES[name].group == group}
        yield from _group(group, members)
    yield "</table>"


def _group(group: str, rows: dict[str, dict[tuple[str, str], float]]) -> Iterator[str]:
    """The mean and the worst speed-up over the best library, for each backend."""
    for backend in BACKENDS[:2]:
        least = {
            name: min(value for (_, ours), value in row.items() if ours == backend)
            for name, row in rows.items()
            if any(ours == backend for _, ours in row)
        }
        if least:
            ahead = sum(value > 1 for value in least.values())
            mean = math.exp(float(np.log([*least.values()]).mean()))
            worst = min(least, key=least.__getitem__)
            cells = [group, backend, f"{len(least)}", f"{ahead}", f"{mean:.2f}×"]
            cells += [f"{least[worst]:.2f}×", escape(worst)]
            yield f"<tr><td>{'</td><td>'.join(cells)}</td></tr>"


# -- over the commits ---------------------------------------------------------------------------


def _trends(runs: Sequence[Run]) -> Iterator[str]:
    yield "<h2>Over the commits</h2>"
    yield (
        "<p>Time relative to the newest commit: the geometric mean over the cases that adjacent "
        "commits share, chained. Lower is faster.</p>"
    )
    names = [run.commit[:7] for run in runs]
    titles = [f"{run.commit[:8]} {run.subject}" for run in runs]
    for heading, prefix in TRENDS.items():
        lines = {backend: index(runs, prefix, backend) for backend in BACKENDS}
        yield f"<h3>{heading}</h3>"
        yield drawing.trend(lines, names, titles)
    yield "<h3>The machine itself</h3>"
    rates = ", ".join(
        f"{name} {1 / limits['copy']:.0f} GB/s and {1 / limits['products']:.0f} GFLOP/s"
        for name, run in zip(names, runs, strict=True)
        if (limits := _limits([run]))
    )
    yield f"<p>NumPy's copies and matrix products, for comparison: {rates}.</p>"


def _limits(runs: Sequence[Run]) -> dict[str, float]:
    """The least seconds for 1e9 bytes and for 1e9 operations; {} if unknown."""
    found: dict[str, float] = {}
    for run in runs:
        for (name, *parameters), value in run.values.items():
            if name == "machine.Limits.track_limit":
                found[parameters[0]] = min(value, found.get(parameters[0], math.inf))
    return found if len(found) == 2 else {}


def _regressions(site: Path) -> Iterator[str]:
    found = json.loads((site / "asv" / "regressions.json").read_text("utf-8"))["regressions"]
    yield "<h2>Regressions</h2>"
    if not found:
        yield "<p>None: asv finds no increase that has not been reverted.</p>"
        return
    yield (
        "<p>Increases that asv finds in the graphs and that have not been reverted. Commits are "
        "measured at different times, so a busy machine may cause some of them.</p>"
        "<table><tr><th>benchmark</th><th>best</th><th>now</th><th>slow-down</th></tr>"
    )
    for name, _, _, _, now, best, *_ in sorted(found, key=lambda row: row[5] / row[4]):
        link = f"asv/index.html#{quote(name.partition('(')[0])}"
        yield (
            f'<tr><td><a href="{link}">{escape(name)}</a></td><td>{_number(best, name)}</td>'
            f'<td>{_number(now, name)}</td><td class="worse">{now / best:.2f}×</td></tr>'
        )
    yield "</table>"


def _number(value: float, name: str) -> str:
    """A value with its unit, which follows from the benchmark's name."""
    kind = name.rpartition(".")[2].partition("_")[0]
    if kind in ("time", "timeraw"):
        return f"{1e3 * value:.3g} ms"
    return f"{value / 2**20:.0f} MiB" if kind == "peakmem" else f"{value:.3g}"


def _start(run: Run) -> Iterator[str]:
    """Start-up times and memory, as far as they were measured."""
    groups = {
        "Seconds until the first result": "startup.FirstCall",
        "Seconds to import": "startup.Import",
        "Peak memory of a process": "calls.Memory",
    }
    for heading, prefix in groups.items():
        rows = [(key, value) for key, value in run.values.items() if key[0].startswith(prefix)]
        if rows:
            yield f"<h3>{heading}</h3><table>"
            for (name, *parameters), value in rows:
                what = escape(", ".join(parameters))
                yield f"<tr><td>{what}</td><td>{_number(value, name)}</td></tr>"
            yield "</table>"


# -- every case ---------------------------------------------------------------------------------


def _today(runs: Sequence[Run]) -> Iterator[str]:
    yield "<h2>Every case today</h2>"
    yield (
        "<p>Milliseconds, and the share of the machine's limit. The limit is the time to touch "
        "each byte once or the time for all operations of a direct sum, whichever is longer, at "
        "the best rates of NumPy's copies and matrix products above (half the latter for items of "
        "8 bytes). Algorithms with fewer operations may pass it. The small lines show the "
        "trend.</p>"
    )
    cases = [
        case
        for case in CASES.values()
        if any(not math.isnan(times[0]) for times in _times(runs[-1:], case).values())
    ]
    for group, members in groupby(cases, key=lambda case: case.group):
        yield f"<h3>{group}</h3><table><tr><th>case</th>"
        yield "".join(f"<th>{backend}</th>" for backend in BACKENDS) + "<th>trend</th></tr>"
        for case in members:
            yield _row(runs, case)
        yield "</table>"


def _row(runs: Sequence[Run], case: Case | LayerCase) -> str:
    limits = _limits(runs)
    times = _times(runs, case)
    cells = []
    for backend in BACKENDS:
        now = times[backend][-1]
        if math.isnan(now):
            cells.append('<td class="dim">–</td>')
            continue
        cells.append(f"<td>{1e3 * now:.3g}{_share(case, now, limits, backend)}</td>")
    link = f"asv/index.html#{_benchmark(case)}?p-case={quote(repr(case.name))}"
    return (
        f'<tr><td><a href="{link}">{escape(case.name)}</a></td>{"".join(cells)}'
        f"<td>{drawing.spark(times)}</td></tr>"
    )


def _share(case: Case | LayerCase, seconds: float, limits: dict[str, float], backend: str) -> str:
    """The share of the machine's limit that a time reaches, as a number and a bar."""
    if not limits:
        return ""
    wide = isinstance(case, Case) and case.dtype in ("float64", "complex128", "int64")
    products = case.operations * limits["products"] * (2 if wide else 1)
    limit = 1e-9 * max(case.nbytes * limits["copy"], products)
    share = limit / seconds
    return f' <span class="dim">{share:.0%}</span>{drawing.bar(share, drawing.COLORS[backend])}'


def _benchmark(case: Case | LayerCase) -> str:
    """The name of the asv benchmark that times a case."""
    return {"layers": "calls.Layers", "gradients": "calls.Gradients"}.get(
        case.group, "calls.Filters"
    ) + ".time_call"


def _times(runs: Sequence[Run], case: Case | LayerCase) -> dict[str, list[float]]:
    """Seconds of a case in each run, by backend; NaN where it was not measured."""
    return {
        backend: [run.values.get((_benchmark(case), case.name, backend), math.nan) for run in runs]
        for backend in BACKENDS
    }
