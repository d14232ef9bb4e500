"""The site of benchmarks over commits: what it reads, compares and draws."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import subprocess
from xml.etree import ElementTree

import pytest

from benchmarks import calls, cases
from benchmarks.dashboard import drawing, history, offline, page
from benchmarks.dashboard.history import Run

COLUMNS = ["result", "params", "version"]
TIME = "calls.Filters.time_call"


def results(commit, *rows):
    """A file of asv's, as far as it is read."""
    machine = {"cpu": "a processor", "num_cpu": "2", "os": "an OS", "python": "3.11"}
    return {
        "commit_hash": commit,
        "params": machine,
        "result_columns": COLUMNS,
        "results": {name: [values, parameters, "1"] for name, values, parameters in rows},
    }


def run(**values):
    """A run of one benchmark: seconds by case, on one backend."""
    keyed = {(TIME, case, "cython"): seconds for case, seconds in values.items()}
    return Run("c0ffee00", "a subject", "2026-01-01", {}, keyed)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Five commits, the package from the second on, a tag on the third."""
    monkeypatch.chdir(tmp_path)

    def git(*arguments):
        who = ("-c", "user.name=n", "-c", "user.email=e")
        command = ["git", *who, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    hashes = []
    for number in range(5):
        (tmp_path / "fastconv").mkdir(exist_ok=True)
        name = "fastconv/__init__.py" if number else "README"
        (tmp_path / name).write_text(str(number))
        git("add", ".")
        git("commit", "-q", "-m", f"subject {number}")
        hashes.append(git("rev-parse", "HEAD"))
        if number == 2:
            git("tag", "-a", "v1", "-m", "one")
    return hashes


@pytest.mark.parametrize(
    ("count", "chosen"), [(1, [4]), (2, [1, 4]), (3, [1, 2, 4]), (9, [1, 2, 3, 4])]
)
def test_commits_are_spread_and_end_with_the_newest(repository, count, chosen):
    assert history.commits("main", count, tags=False) == [repository[i] for i in chosen]


def test_commits_since_one(repository):
    chosen = history.commits("main", 9, tags=False, since=repository[3])
    assert chosen == repository[3:]


def test_commits_with_tags_and_the_newest(repository):
    assert history.commits("main", 1, tags=True) == [repository[2], repository[4]]


def test_runs_are_read_in_the_order_of_history(repository, tmp_path):
    folder = tmp_path / "results" / "machine"
    folder.mkdir(parents=True)
    (folder / "machine.json").write_text("{}")
    rows = (TIME, [1.5, None, math.nan, 2.0], [["'a'", "'b'"], ["'cython'", "'numba'"]])
    for i in (4, 1):
        data = results(repository[i], rows, ("startup.Import", [0.25], []))
        (folder / f"{repository[i]}.json").write_text(json.dumps(data))
    empty = results(repository[2])
    (folder / "empty.json").write_text(json.dumps(empty))
    runs = history.read(tmp_path / "results", "main")
    assert [each.commit for each in runs] == [repository[1], repository[4]]
    assert [each.subject for each in runs] == ["subject 1", "subject 4"]
    expected = {(TIME, "a", "cython"): 1.5, (TIME, "b", "numba"): 2.0, ("startup.Import",): 0.25}
    assert runs[0].values == expected


def test_nothing_measured_is_said(repository, tmp_path):
    with pytest.raises(FileNotFoundError, match="run asv"):
        history.read(tmp_path, "main")


def test_an_index_chains_the_cases_that_neighbours_share():
    runs = [run(old=8.0), run(old=4.0, new=100.0), run(new=50.0), run(new=50.0)]
    found = history.index(runs, "calls.Filters", "cython")
    assert found == pytest.approx([4.0, 2.0, 1.0, 1.0])
    assert history.index(runs, "calls.Filters", "numba")[-1] == 1.0
    assert math.isnan(history.index(runs, "calls.Filters", "numba")[0])


def test_an_index_is_a_geometric_mean():
    runs = [run(a=2.0, b=8.0), run(a=1.0, b=1.0)]
    assert history.index(runs, "calls.Filters", "cython")[0] == pytest.approx(4.0)


# -- drawings ------------------------------------------------------------------------------------


def elements(svg, tag):
    return [node for node in ElementTree.fromstring(svg).iter() if node.tag.endswith("}" + tag)]


def test_a_trend_has_a_dot_for_every_value():
    lines = {"cython": [math.nan, 2.0, 1.0], "numba": [4.0, 2.0, 1.0]}
    svg = drawing.trend(lines, ["a", "b", "c"], ["<a>", "b", "c"])
    dots = elements(svg, "circle")
    assert len(dots) == 5
    assert len(elements(svg, "polyline")) == 2
    heights = [float(dot.get("cy")) for dot in dots[2:]]
    assert heights == sorted(heights)  # smaller values lie lower
    assert heights[1] - heights[0] == pytest.approx(heights[2] - heights[1], abs=0.2)


def test_ratios_are_dots_right_of_one_where_we_are_faster():
    rows = {"one": {("OpenCV", "cython"): 2.0, ("OpenCV", "numba"): 0.5}, "two": {}}
    svg = drawing.ratios(rows)
    (fast, slow) = elements(svg, "circle")
    one = next(
        float(line.get("x1")) for line in elements(svg, "line") if line.get("stroke") == "#f2f3f5"
    )
    assert float(slow.get("cx")) < one < float(fast.get("cx"))
    assert fast.get("fill") != "none" == slow.get("fill")
    assert "2.00 times as fast as OpenCV" in fast[0].text


def test_small_drawings():
    assert len(elements(drawing.spark({"cython": [1.0, 2.0]}), "polyline")) == 1
    assert drawing.spark({"cython": [math.nan]}) == ""
    assert [float(node.get("width")) for node in elements(drawing.bar(0.5, "red"), "rect")] == [
        60,
        30,
    ]
    assert [float(node.get("width")) for node in elements(drawing.bar(2.5, "red"), "rect")] == [
        60,
        60,
    ]


# -- pages ---------------------------------------------------------------------------------------


def test_every_timed_case_is_in_the_page_and_links_to_its_benchmark():
    groups = {"Filters": calls.Filters, "Layers": calls.Layers, "Gradients": calls.Gradients}
    timed = [name for group in groups.values() for name in group.params[0]]
    assert sorted(timed) == sorted(cases.CASES)
    for name, case in cases.CASES.items():
        _, group, function = page._benchmark(case).split(".")
        assert function == "time_call"
        assert name in groups[group].params[0]


def test_the_front_page(tmp_path):
    (tmp_path / "asv").mkdir()
    regression = [f"{TIME}('dense 3x3', 'cython')", "", {}, 0, 3e-3, 2e-3, []]
    text = json.dumps({"regressions": [regression]})
    (tmp_path / "asv" / "regressions.json").write_text(text)
    machine = {"cpu": "a <processor>", "num_cpu": "2", "os": "an OS", "python": "3.11"}
    values = {
        (TIME, "dense 3x3", "cython"): 2e-3,
        ("machine.Limits.track_limit", "copy"): 0.03,
        ("machine.Limits.track_limit", "products"): 0.005,
        ("speedups.OnImages.track_ratio", "dense 3x3", "cython", "OpenCV"): 0.5,
        ("speedups.OnImages.track_ratio", "dense 3x3", "cython", "SciPy"): 0.1,
        ("speedups.OnImages.track_ratio", "dense 7x7", "cython", "OpenCV"): 1.25,
        ("startup.Import.timeraw_import", "fastconv"): 0.1,
    }
    runs = [
        Run("a" * 40, "first", "2026-01-01", machine, values),
        Run(
            "b" * 40,
            "second",
            "2026-01-02",
            machine,
            values | {(TIME, "dense 3x3", "cython"): 3e-3},
        ),
    ]
    page.write(tmp_path, runs)
    html = (tmp_path / "index.html").read_text("utf-8")
    assert "bbbbbbbb" in html
    assert "a &lt;processor&gt;" in html
    cells = ["dense", "cython", "2", "1", "1.26×", "0.80×", "dense 7x7"]  # the root of 2 · 0.8
    assert f"<tr><td>{'</td><td>'.join(cells)}</td></tr>" in html
    assert "33 GB/s and 200 GFLOP/s" in html
    assert '<td class="worse">1.50×</td>' in html
    copy = 2 * 4 * 2048**2 * 0.03e-9
    assert f'<td>3 <span class="dim">{copy / 3e-3:.0%}</span>' in html
    assert "100 ms" in html
    assert "http://www.w3.org" in html
    assert html.count("http") == html.count("http://www.w3.org")  # nothing is loaded from the web


# -- asv's pages without the web -----------------------------------------------------------------


def tag(name, content, attribute="src"):
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    address = f'{attribute}="https://example.org/x/{name}"'
    return f'<script {address} integrity="sha256-{digest}" crossorigin="anonymous">'


@pytest.fixture
def npm(monkeypatch):
    """A registry of packages whose files hold their own paths."""
    monkeypatch.setattr(offline, "_fetch", lambda package, path, folder: path.encode())


def test_asv_pages_load_what_lies_beside_them(tmp_path, npm):
    page = tmp_path / "index.html"
    style = tag("bootstrap.min.css", b"dist/css/bootstrap.min.css", "href").replace(
        "script", "link"
    )
    flot = tag("jquery.flot.min.js", b"another file, for the original is not on npm")
    page.write_text(f"{style}\n{flot}</script>\n<script src='own.js'></script>")
    offline.make_offline(tmp_path)
    html = page.read_text()
    assert "https://" not in html
    assert '<link rel="stylesheet" href="vendor/bootstrap.min.css">' in html
    assert '<script src="vendor/jquery.flot.min.js" onerror="js_load_failure()"></script>' in html
    assert (tmp_path / "vendor" / "jquery.flot.min.js").read_bytes() == b"jquery.flot.js"


@pytest.mark.parametrize(
    ("html", "error"),
    [
        (tag("md5.min.js", b"something else"), ValueError),
        (tag("new.min.js", b""), LookupError),
        ('<script src="https://example.org/no-integrity.js">', LookupError),
    ],
)
def test_asv_pages_that_changed_are_refused(tmp_path, npm, html, error):
    (tmp_path / "index.html").write_text(html)
    with pytest.raises(error):
        offline.make_offline(tmp_path)
    assert (tmp_path / "index.html").read_text() == html
