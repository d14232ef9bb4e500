"""Machine code on disk: found by the next process, whatever happened to the files meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import require
from interpreter import OURS, printed

numba = pytest.importorskip("numba")

from fastconv.backends.numba_backend import compile as compiling  # noqa: E402

DIGEST_BYTES = 32
DOUBLES = numba.types.Array(numba.types.float64, 1, "C")
SINGLES = numba.types.Array(numba.types.float32, 1, "C")


@pytest.fixture(autouse=True, scope="module")
def available():
    require("numba")


def add_one(a):
    for i in range(len(a)):
        a[i] += 1


def multiply(a):
    for i in range(len(a)):
        a[i] *= 10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty cache."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def found(monkeypatch):
    """Whether each look at the disk found anything."""
    looks = []
    load = compiling.DiskCache.load_overload

    def watched(self, *arguments):
        result = load(self, *arguments)
        looks.append(result is not None)
        return result

    monkeypatch.setattr(compiling.DiskCache, "load_overload", watched)
    return looks


def run(function, kind=DOUBLES):
    """What a function makes of 1, 2 and 3."""
    array = np.array([1, 2, 3], np.float64 if kind is DOUBLES else np.float32)
    compiling.compiled(function, numba.types.void(kind))(array)
    return array.tolist()


def files(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_each_signature_has_a_file(folder, found):
    for _ in range(2):
        assert run(add_one) == run(add_one, SINGLES) == [2, 3, 4]
        assert run(multiply) == [10, 20, 30]
    assert found == [False] * 3 + [True] * 3
    assert len(files(folder)) == 3
    assert {path.suffix for path in files(folder)} == {".nbc"}


def truncated(size):
    return lambda content, other: content[:size]


def flipped(place):
    def flip(content, other):
        return content[:place] + bytes([content[place] ^ 1]) + content[place:][1:]

    return flip


DAMAGES = {
    "empty": truncated(0),
    "a part of the digest": truncated(DIGEST_BYTES - 1),
    "the digest alone": truncated(DIGEST_BYTES),
    "half": truncated(3000),
    "all but the last byte": truncated(-1),
    "a bit of the digest": flipped(3),
    "a bit of the code": flipped(2500),
    "more than all": lambda content, other: content + b"\0",
    "another signature's": lambda content, other: other,
    "none of ours": lambda content, other: b"not machine code" * 1000,
    "a pickle": lambda content, other: b"\x80\x04N.",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_bad_file_is_compiled_again(damage, folder, found):
    run(add_one)
    (path,) = files(folder)
    content = path.read_bytes()
    run(multiply)
    (other,) = {*files(folder)} - {path}
    path.write_bytes(damage(content, other.read_bytes()))
    found.clear()
    assert run(add_one) == [2, 3, 4]
    assert run(add_one) == [2, 3, 4]
    assert run(multiply) == [10, 20, 30]
    assert found == [False, True, True]
    assert len(files(folder)) == 2


def test_other_sources_are_compiled_again(folder, found, monkeypatch):
    for environment, times in (("one", 2), ("other", 2), ("one", 1)):
        monkeypatch.setattr(compiling, "_environment", lambda said=environment: said)
        for _ in range(times):
            assert run(add_one) == [2, 3, 4]
    assert found == [False, True, False, True, False]
    assert len(files(folder)) == 1


def test_what_code_depends_on():
    said = compiling._environment()
    assert numba.__version__ in said
    assert sys.version.split()[0] in said


def test_a_folder_in_the_place_of_a_file(folder, found):
    run(add_one)
    (path,) = files(folder)
    path.unlink()
    path.mkdir()
    assert run(add_one) == run(add_one) == [2, 3, 4]
    assert found == [False] * 3
    assert not files(folder)


def test_a_disk_without_room(folder, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(compiling.os, "replace", full)
    assert run(add_one) == run(add_one) == [2, 3, 4]
    assert not files(folder)


def test_threads_that_compile_at_once(folder):
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(lambda _: run(add_one), range(8))] == [[2, 3, 4]] * 8
    assert len(files(folder)) == 1


def test_no_folder_at_all(folder, monkeypatch):
    monkeypatch.setattr(compiling.CompileResultCacheImpl, "_locator_classes", [])
    assert run(add_one) == [2, 3, 4]
    assert not files(folder)


# -- processes ----------------------------------------------------------------------------------

PROCESS = """
import os, sys, time
import numpy as np
from pathlib import Path
from fastconv import backends
from fastconv.backends.numba_backend import compile as compiling, sums

looks = []
load, replace = compiling.DiskCache.load_overload, os.replace

def watched(self, *arguments):
    found = load(self, *arguments)
    looks.append(found is not None)
    time.sleep(DELAY)
    return found

def late(*arguments):
    time.sleep(DELAY)
    replace(*arguments)

compiling.DiskCache.load_overload, compiling.os.replace = watched, late
if FOLDER:
    Path(FOLDER, str(os.getpid())).touch()
    until = time.monotonic() + 60
    while len(os.listdir(FOLDER)) < 2 and time.monotonic() < until:
        time.sleep(0.01)
epilogue = backends.load("numba").epilogue
for dtype in ORDER:
    out = np.ones((2, 1, 3, 70), dtype)
    assert epilogue(out, np.array([1, -2], dtype), True)
    assert (out[0] == 2).all() and (out[1] == 0).all()
    assert backends.load("numba").in_range(out, 1.0) is False
print(looks.count(True), looks.count(False))
"""


def process(order, delay=0.0, folder=""):
    """A process that calls kernels, and waits before if there is a folder where two shall meet."""
    return f"ORDER, DELAY, FOLDER = {order}, {delay}, {str(folder)!r}\n{PROCESS}"


def test_a_second_process_compiles_nothing(tmp_path):
    for expected in ("0 4", "4 0"):
        assert printed(process(["f4", "f8"]), NUMBA_CACHE_DIR=tmp_path) == expected
    assert len(files(tmp_path)) == 4


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_two_processes_fill_an_empty_cache_at_once(delay, tmp_path):
    cache, meeting = tmp_path / "cache", tmp_path / "meeting"
    meeting.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    clean |= {"NUMBA_CACHE_DIR": str(cache)}
    started = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", process(order, delay, meeting)],
            env=clean,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for order in (["f4", "f8"], ["f8", "f4"])
    ]
    said = [each.communicate(timeout=300) for each in started]
    assert [complaint for _, complaint in said] == ["", ""]
    assert [each.returncode for each in started] == [0, 0]
    assert printed(process(["f4", "f8"]), NUMBA_CACHE_DIR=cache) == "4 0"
    assert len(files(cache)) == 4


def test_a_cache_that_cannot_be_written(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    assert printed(process(["f4"]), NUMBA_CACHE_DIR=blocked).split()
