"""``fastconv bench``: the table, the picture, and what is compared before it is timed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest
from command import Terminal, fails, run

import fastconv as fc
from benchmarks import choices
from fastconv.cli import bench, chart, peers
from fastconv.cli.bench import Limit

Image = pytest.importorskip("PIL.Image")
pytest.importorskip("matplotlib")
COLUMNS = ["image", "kernel", "library", "algorithm", "ms", "GFLOP/s", "of", "limit"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working directory, where nothing is timed for long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "CALLS", 1)
    return tmp_path


@pytest.fixture
def alone(monkeypatch):
    """No other library is installed."""
    for library in peers.LIBRARIES.values():
        monkeypatch.setitem(sys.modules, library.module, None)
    peers.available.cache_clear()
    yield
    monkeypatch.undo()
    peers.available.cache_clear()


def table(out):
    return [line.split() for line in out.splitlines() if not line.startswith("#")]


def test_bench_times_every_backend_and_library(folder):
    status, out, err = run("bench", "--sizes", "40,24", "--kernels", "5,3", "-o", "there")
    assert (status, err) == (0, "")
    header, *rows = table(out)
    libraries = peers.available()
    assert header == [*COLUMNS, *(word for name in libraries for word in ("vs", name))]
    who = [*fc.available_backends(), *libraries]
    wanted = [[f"{n}x{n}", f"{k}x{k}", name] for n in (40, 24) for k in (3, 5) for name in who]
    assert [row[:3] for row in rows] == wanted
    for row in rows:
        ours = row[2] not in libraries
        numbers = [float(word.removesuffix("%")) for word in row[3 + ours :]]
        assert len(numbers) == 3 + len(libraries) * ours
        assert min(numbers) >= 0
        milliseconds, gflops = numbers[:2]
        pixels, taps = (int(word.split("x")[0]) ** 2 for word in row[:2])
        gflop = 2e-9 * pixels * taps
        assert 1e3 * gflop / (milliseconds + 6e-4) - 0.06 < gflops  # what rounding leaves of it
        assert milliseconds < 6e-4 or gflops < 1e3 * gflop / (milliseconds - 6e-4) + 0.06
    assert os.listdir("there") == ["fastconv-bench.png"]
    with Image.open("there/fastconv-bench.png") as picture:
        assert (picture.format, picture.size) == ("PNG", (1200, 1600))
        colors = {color for _, color in picture.convert("RGB").getcolors(1 << 20)}
    drawn = [bench.LIMIT_COLOR, *(bench.COLORS[name] for name in who)]
    assert {tuple(bytes.fromhex(color[1:])) for color in drawn} <= colors


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8", "int16"])
def test_bench_needs_no_other_library(dtype, folder):
    words = ("--sizes", "20", "--kernels", "4", "--dtype", dtype, "--backend", "numpy")
    status, out, err = run("bench", *words, "--threads", "1")
    assert (status, err) == (0, "")
    header, row = table(out)
    assert header == COLUMNS
    assert row[:4] == ["20x20", "4x4", "numpy", "direct"]
    for name in peers.LIBRARIES:
        assert f"# without {name}: " in out
    assert "processors: " in out
    assert "threads: 1; " in out
    assert Path("fastconv-bench.png").is_file()


@pytest.mark.usefixtures("alone")
def test_bench_tells_a_waiting_person_what_it_does(folder):
    words = ("bench", "--sizes", "20", "--kernels", "3", "--backend", "numpy")
    status, _, shown = run(*words, stderr=Terminal())
    assert status == 0
    assert "20x20, kernel 3x3" in shown
    assert shown.rstrip(" ").endswith("\r")


@pytest.mark.usefixtures("alone")
def test_bench_fails_where_results_disagree(folder, monkeypatch):
    wrong = peers.Library("math", lambda x, w, boundary: lambda: np.zeros_like(x))
    monkeypatch.setattr(peers.Library, "version", lambda library: "0")
    monkeypatch.setattr(peers, "LIBRARIES", {"Zero": wrong})
    peers.available.cache_clear()
    status, out, _ = run("bench", "--sizes", "20", "--kernels", "3", "--backend", "numpy")
    assert status == 1
    assert out.endswith("# Zero and numpy disagree on 20x20, kernel 3x3\n")
    assert not Path("fastconv-bench.png").exists()


@pytest.mark.usefixtures("alone")
def test_a_slow_call_is_timed_once(folder, monkeypatch):
    counts = {"slow": 0, "numpy": 0}

    def slow():
        counts["slow"] += 1
        return fc.correlate(*bench._arrays(20, 3, "float32"), backend="numpy")

    library = peers.Library("math", lambda x, w, boundary: slow)
    monkeypatch.setattr(peers, "LIBRARIES", {"slow": library})
    monkeypatch.setattr(peers, "check", lambda calls: {"numpy": 1e-6, "slow": 60.0})
    peers.available.cache_clear()
    ours, other = bench._measured(20, 3, "float32", ["numpy"], 1)
    assert (other.who, other.seconds, counts["slow"]) == ("slow", 60.0, 0)
    assert ours.seconds != 1e-6


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--sizes", "2"], "a kernel of 31 is larger than an image of 2"),
        (["--backend", "cuda"], "backend: got 'cuda', allowed is 'cython', 'numba', 'numpy'"),
        (["--threads", "0"], "threads: "),
        (["-o", "file"], "cannot write into file: it is not a directory"),
    ],
)
def test_bench_that_cannot_begin(words, line, folder):
    Path("file").touch()
    assert fails("bench", *words).startswith(line)
    assert os.listdir() == ["file"]


@pytest.mark.parametrize("sizes", ["", "0", "3,", "3x3", "-1", "9999999"])
def test_sizes_that_cannot_be_parsed(sizes):
    line = fails("bench", f"--kernels={sizes}", command="fastconv bench")
    assert line.startswith(f"argument --kernels: got {sizes!r}, not whole numbers")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("missing", ["matplotlib.figure", "PIL"])
def test_without_matplotlib_there_is_a_table_and_no_picture(missing, folder, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    status, out, err = run("bench", "--sizes", "20", "--kernels", "3", "--backend", "numpy")
    assert (status, err, len(table(out))) == (0, "", 2)
    hint = "# no picture: Matplotlib is not installed: pip install 'fastconv[plot]'"
    assert out.splitlines()[-1] == hint
    assert os.listdir() == []


def test_the_limit_is_the_longer_of_copying_and_multiplying():
    limit = Limit(product_rate=1000.0, copy_seconds=2.0)
    assert limit.seconds(100, 9) == 2.0
    assert limit.seconds(100, 20) == 2.0
    assert limit.seconds(100, 25) == 2.5


@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_limits_are_measured(dtype, backend, monkeypatch):
    monkeypatch.setattr(bench, "ROUNDS", 1)
    monkeypatch.setattr(bench, "CALLS", 1)
    assert 0 < bench.product_rate(backend, dtype, threads=2) < 1e15
    copied = []
    copyto = np.copyto
    monkeypatch.setattr(np, "copyto", lambda to, x: copied.append(x.size) or copyto(to, x))
    assert bench.copy_seconds(7, dtype, threads=3) > 0
    assert sum(copied) % 49 == 0


# -- other libraries ----------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("library", peers.LIBRARIES)
def test_other_libraries_answer_the_same_question(library, separable, boundary, backend):
    if library not in peers.available():
        pytest.skip(f"{library} is not installed")
    x = oracle.samples((9, 8), "float32")
    w = oracle.samples((3, 5), "float32")
    w = (w[:, 0], w[0]) if separable else w
    call = peers.LIBRARIES[library].filter(x, w, boundary)
    if call is None:
        cannot = {"OpenCV": boundary == "wrap", "PyTorch": separable or boundary != "constant"}
        assert cannot[library]
        return
    ours = fc.plan_correlate(x.shape, x.dtype, w, boundary=boundary, backend=backend)
    peers.check({"ours": lambda: ours(x), library: call})


def test_pytorch_is_spared_huge_workspaces():
    pytest.importorskip("torch")
    x, w = np.ones((300, 300)), np.ones((41, 41))
    assert peers.pytorch(x, w, "constant") is None
    assert peers.pytorch(x, w[:3, :3], "constant") is not None
    assert peers.pytorch(x, w[:4, :4], "constant") is None


@pytest.mark.parametrize(
    ("dtype", "off", "same"),
    [("uint8", 2, True), ("uint8", 3, False), ("float32", 1e-5, True), ("float32", 1e-3, False)],
)
def test_results_are_compared(dtype, off, same):
    expected = np.array([0, 1], dtype)
    calls = {"a": lambda: expected, "b": lambda: (expected + off).astype(dtype)}
    if same:
        assert set(peers.check(calls)) == {"a", "b"}
        return
    with pytest.raises(ArithmeticError, match="b and a disagree"):
        peers.check(calls)


def test_results_of_other_shapes_disagree():
    with pytest.raises(ArithmeticError, match="disagree"):
        peers.check({"a": lambda: np.zeros((2, 1)), "b": lambda: np.zeros((1, 2))})


def test_functions_take_turns():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "abc"}
    times = peers.alternate(calls, rounds=20, seconds=60)
    assert {name: len(row) for name, row in times.items()} == dict.fromkeys("abc", 20)
    rounds = ["".join(order[i : i + 3]) for i in range(0, len(order), 3)]
    assert rounds[0] == "abc"
    assert {"".join(sorted(turn)) for turn in rounds} == {"abc"}
    assert len(set(rounds)) > 2
    assert len(peers.alternate(calls, rounds=20, seconds=0)["a"]) == 3
    assert len(peers.alternate(calls, rounds=1, seconds=60)["a"]) == 1


# -- the chart ----------------------------------------------------------------------------------


@pytest.mark.parametrize("ends", [[5.0], [5, 5, 5], [1, 2, 99, 100], [100, 100, 100, 100]])
def test_names_stay_apart_and_on_the_page(ends):
    places = chart._spread(ends, 10, 100)
    assert len(places) == len(ends)
    assert min(np.diff(places), default=10) >= 10
    assert max(places) <= 100


def test_a_name_with_room_stays_at_its_line():
    assert chart._spread([10, 50, 55], 10, 100) == [10, 50, 60]


def test_a_chart_shows_its_lines_and_their_names():
    lines = [
        chart.Line("ours", "#ff0000", [(3, 100.0), (5, 60.0), (7, 59.0)]),
        chart.Line("theirs", "#00ff00", [(3, 90.0), (5, 61.0), (7, 59.5)], "square"),
    ]
    limit = chart.Line("limit", "#ffffff", [(2.9, 200.0), (7.1, 150.0)])
    one = chart.Chart("heading", ["a remark"], "size", "speed", lines, limit)
    page = chart.draw([one, one])
    assert tuple(page.get_size_inches() * page.dpi) == (1200, 1600)
    assert [text.get_text() for text in page.texts] == ["heading", "a remark"] * 2
    for ax in page.axes:
        assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
        assert (ax.get_xlabel(), ax.get_title(loc="left")) == ("size", "speed")
        drawn = {line.get_color(): list(line.get_xydata()[:, 1]) for line in ax.lines}
        assert drawn == {
            "#ffffff": [200.0, 150.0],
            "#ff0000": [100.0, 60.0, 59.0],
            "#00ff00": [90.0, 61.0, 59.5],
        }
        names = {text.get_text(): text.xyann[1] for text in ax.texts}
        assert names["limit"] > names["theirs"] > names["ours"]
        assert names["theirs"] - names["ours"] >= chart.MIN_SPACING
        assert [tick.get_text() for tick in ax.get_xticklabels()] == ["3", "5", "7"]


# -- how good the choice is ---------------------------------------------------------------------


def test_choices_are_shown_for_forty_cases_and_more():
    assert len(choices.CASES) >= 40
    assert len(set(choices.CASES)) == len(choices.CASES)
    case = choices.Case((20, 21), "factors", (3, 5), "int16", "wrap")
    line, ratio = choices.row(case, "numpy", 1, 1, 1.0)
    name, *cells, chosen, shown = [cell.strip() for cell in line.strip("|").split("|")]
    assert name == "factors 3x5 on 20x21 int16 wrap"
    assert chosen in fc.plan_correlate((20, 21), "int16", (np.ones(3), np.ones(5))).__repr__()
    assert sum("(" in cell for cell in cells) == 3
    assert float(shown) == pytest.approx(ratio, abs=0.005)
    line, ratio = choices.row(
        case._replace(x=(2,) * 4, kind="random", taps=(2,) * 4), "numpy", 1, 1, 1.0
    )
    assert np.isnan(ratio)  # one algorithm is no choice


@pytest.mark.parametrize("kind", choices.KERNELS)
def test_each_kind_of_kernel_can_be_planned(kind):
    case = choices.Case((12, 11), kind, (3, 5))
    chosen, able = choices.plans(case, "numpy", 1)
    assert chosen.algorithm in able
    assert "direct" in able
    assert chosen._recipe.problem.form.factors == (kind == "factors")
