"""Build, audit, install and test every distribution that this machine can make, in one command:

    python tools/wheels.py              30 to 45 minutes on two cores
    python tools/wheels.py --quick      with only a few of the test files

It builds the commit HEAD, from a clean copy: an sdist, and from this sdist a wheel for this
platform (abi3) and one without the compiled part (py3-none-any). Each is built twice, and both
builds must be identical. After the audit they are copied to dist/. Each wheel is then installed
into clean virtual environments, with the oldest and the newest NumPy of each Python, and the tests
run on the installed package, with each instruction set in turn.

What this machine cannot do is skipped, with a reason. The first failure ends the run with exit
status 1. Needs git, a C compiler and PyPI, on Linux or macOS. Everything is installed into a
temporary folder.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
RUNNER = PYPROJECT["tool"]["cibuildwheel"]["test-requires"]

OLDEST_NUMPY = {"3.11": "2.0.0", "3.12": "2.0.0", "3.13": "2.1.0", "3.14": "2.3.2"}
"""The first NumPy 2 release with wheels for each Python."""

LARGEST_WHEEL = 2e6
LONGEST_START = 0.3
X86_64 = platform.machine() in {"x86_64", "AMD64"}
INSTRUCTION_SETS = (*(("v2", "v3", "v4") if X86_64 else ("baseline",)), "generic")
QUICK = ("architecture", "cli_lists", "isolation", "packaging", "plan", "separable")

FIRST_RESULT = """
import numpy as np, fastconv as fc
print(fc.correlate(np.ones((64, 64), "f4"), np.ones((3, 3), "f4"))[5, 5])
"""
STARTS = 9
DESCRIBED = """
import ensurepip, json, sys, sysconfig, venv
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
print(json.dumps([sys.implementation.name, *sys.version_info[:2], free_threaded]))
"""
WHEELS_ONLY = ("--only-binary", ":all:")
SUITE = ("-m", "pytest", "-p", "tools.installed", "-p", "no:cacheprovider", "-n", "2", "-r", "")
SUPPORTED = "from fastconv.backends.cython_backend._probe import supported; print(*supported())"
NUMPY = "import numpy; print(numpy.__version__)"


class FailedError(Exception):
    """A check that failed, with the reason."""


class Row(NamedTuple):
    """A line of the table at the end."""

    what: str
    result: str
    seconds: float


table: list[Row] = []


@contextmanager
def step(what: str) -> Iterator[list[str]]:
    """One line of the table; the block appends its result to the list."""
    print(f"\n=== {what}", flush=True)
    found: list[str] = []
    start = time.perf_counter()
    try:
        yield found
    except FailedError as error:
        print(error)
        found[:] = ["FAILED"]
        raise
    finally:
        table.append(Row(what, ", ".join(found), time.perf_counter() - start))
        print(f"    {', '.join(found)}", flush=True)


def skip(what: str, why: str) -> None:
    """Report what is skipped and why, now and in the table."""
    print(f"\n=== {what}\n    skipped: {why}", flush=True)
    table.append(Row(what, f"skipped: {why}", 0))


def check(holds: bool, sentence: str) -> None:
    """Raise `FailedError` unless it holds."""
    if not holds:
        raise FailedError(sentence)


def run(*command: object, cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """The output of a command, or `FailedError` with it.

    Environment variables of Python, Numba and fastconv are not passed on.
    """
    ours = ("FASTCONV_", "NUMBA_", "PYTHON")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=clean | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_QUIET": "1"} | (env or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise FailedError(
            f"{done.stdout}\nexit status {done.returncode}: {' '.join(map(str, command))}"
        )
    return done.stdout.strip()


# -- interpreters and environments --------------------------------------------------------------


def interpreters(given: list[str]) -> dict[str, Path]:
    """A CPython for each version that pyproject.toml lists and each newer one, by version."""
    listed = [
        name.rpartition(" ")[2]
        for name in PROJECT["classifiers"]
        if name.startswith("Programming Language :: Python :: 3.")
    ]
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates: Sequence[str | None] = given or [
        *(shutil.which(f"python3.{minor}") for minor in range(11, 30)),
        *map(str, sorted(pyenv.glob("*/bin/python"))),
        sys.executable,
    ]
    found: dict[str, Path] = {}
    for candidate in filter(None, candidates):
        try:
            name, major, minor, free_threaded = json.loads(run(candidate, "-c", DESCRIBED))
        except (FailedError, OSError, ValueError) as error:
            check(not given, f"{candidate} is not a Python that can create environments: {error}")
            continue  # a shim for a missing version, a Python without venv, Python 2
        if name != "cpython" or (major, minor) < (3, 11):
            continue
        if free_threaded:
            skip(str(candidate), "it is free-threaded, which the abi3 wheel is not for")
            continue
        found.setdefault(f"{major}.{minor}", Path(candidate))
    missing = [version for version in listed if version not in found]
    check(bool(given or not missing), f"no Python {', '.join(missing)} here: see --python")
    return dict(sorted(found.items(), key=lambda item: int(item[0].partition(".")[2])))


def environment(python: Path, folder: Path, *requirements: object) -> Path:
    """The Python of a new virtual environment with some requirements, all from wheels."""
    run(python, "-m", "venv", folder)
    inside = folder / "bin" / "python"
    if requirements:
        run(inside, "-m", "pip", "install", *WHEELS_ONLY, *requirements)
    return inside


# -- building -----------------------------------------------------------------------------------


def unpacked(archive: Path, folder: Path) -> Path:
    """The top folder of an unpacked sdist."""
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (inside,) = folder.iterdir()
    return inside


def build(python: Path, commit: str, folder: Path) -> list[Path]:
    """The sdist, the platform wheel and the pure wheel of a commit, in `folder`/dist."""
    folder.mkdir()
    epoch = run("git", "log", "-1", "--format=%ct", commit, cwd=ROOT)
    run("git", "archive", "--format=tar", f"--output={folder}/commit.tar", commit, cwd=ROOT)
    dist, sources = folder / "dist", folder / "commit"
    with tarfile.open(folder / "commit.tar") as tar:
        tar.extractall(sources, filter="data")
    make = (python, "-m", "build", "--outdir", dist)
    moment = {"SOURCE_DATE_EPOCH": epoch}
    run(*make, sources, env=moment | {"FASTCONV_COMPILED": "0"})
    (sdist,) = dist.glob("*.tar.gz")
    inside = unpacked(sdist, folder / "sdist")
    run(*make, "--wheel", inside, env=moment | {"FASTCONV_COMPILED": "1"})
    (portable,) = dist.glob("*-py3-none-any.whl")
    (native,) = set(dist.glob("*.whl")) - {portable}
    return [sdist, native, portable]


def build_twice(python: Path, commit: str, folder: Path) -> list[Path]:
    """The files of `build`, which must be identical when built again in another folder."""
    with step("build: sdist, and two wheels from it") as found:
        first = build(python, commit, folder / "once")
        found.append(f"{len(first)} files")
    with step("build again: identical to the last bit") as found:
        again = build(python, commit, folder / "once-more")
        for one, other in zip(first, again, strict=True):
            digests = [hashlib.sha256(file.read_bytes()).hexdigest() for file in (one, other)]
            print(f"    {digests[0]}  {one.name}")
            check(digests[0] == digests[1], f"{one.name} differs the second time")
        found.append("identical")
    return first


# -- looking inside -----------------------------------------------------------------------------


def audit_wheel(wheel: Path, compiled: set[str]) -> str:
    """Check the contents of a wheel, and return its size."""
    with zipfile.ZipFile(wheel) as archive:
        names = [PurePosixPath(name) for name in archive.namelist()]
    modules = {name.name.partition(".")[0] for name in names if name.suffix == ".so"}
    check(modules == compiled, f"{wheel.name} holds the compiled modules {modules}")
    for wanted in ("fastconv/py.typed", "fastconv/backends/cython_backend/_probe.pyi"):
        check(PurePosixPath(wanted) in names, f"{wheel.name} holds no {wanted}")
    info = "-".join(wheel.name.split("-")[:2]) + ".dist-info"
    check(PurePosixPath(info, "licenses/LICENSE") in names, f"{wheel.name} holds no LICENSE")
    strangers = [
        str(name)
        for name in names
        if name.parts[0] != info
        and (name.parts[0] != "fastconv" or name.suffix not in {".py", ".pyi", ".so", ".typed"})
    ]
    check(not strangers, f"{wheel.name} holds {strangers}")
    size = wheel.stat().st_size
    check(size < LARGEST_WHEEL, f"{wheel.name} has {size} bytes")
    return f"{size / 1e6:.2f} MB"


def audit_sdist(sdist: Path, commit: str) -> str:
    """Check that an sdist holds all committed files (except hidden ones) and no build results."""
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    committed = run("git", "ls-tree", "-r", "--name-only", commit, cwd=ROOT).splitlines()
    missing = [name for name in committed if name not in names and not name.startswith(".")]
    check(not missing, f"{sdist.name} lacks {missing}: see MANIFEST.in")
    made = [name for name in names if name.endswith((".c", ".so", ".pyc"))]
    check(not made, f"{sdist.name} holds what was made from it: {made}")
    return f"{sdist.stat().st_size / 1e6:.2f} MB"


def audit(python: Path, commit: str, sdist: Path, native: Path, portable: Path) -> None:
    """Check distributions without installing them."""
    tools = python.parent
    with step("sdist: all committed files, no build results") as found:
        found.append(audit_sdist(sdist, commit))
    with step(f"{native.name}: contents") as found:
        modules = {"_probe", *(f"_kernels_{isa}" for isa in INSTRUCTION_SETS)}
        found.append(audit_wheel(native, modules))
    with step(f"{portable.name}: contents") as found:
        found.append(audit_wheel(portable, set()))
    with step("twine check --strict, check-wheel-contents") as found:
        run(tools / "twine", "check", "--strict", sdist, native, portable)
        run(tools / "check-wheel-contents", native, portable)
        found.append("passed")
    with step("abi3audit --strict") as found:
        run(tools / "abi3audit", "--strict", native)
        found.append("passed")
    if sys.platform != "linux":
        skip("auditwheel show", "only Linux has such wheels")
        return
    with step("auditwheel show") as found:
        shown = " ".join(run(tools / "auditwheel", "show", native).split())
        _, _, tag = shown.partition('platform tag: "')
        check(tag.startswith("manylinux"), shown)
        found.append(tag.partition('"')[0])


# -- testing ------------------------------------------------------------------------------------


class Installation(NamedTuple):
    """A wheel in an environment, and the backends that must be available there."""

    python: str
    wheel: str
    numpy: str
    backends: str
    instruction_sets: tuple[str, ...] = ("",)

    def __str__(self) -> str:
        numpy = f"NumPy {self.numpy}" if self.numpy else "newest NumPy"
        return f"Python {self.python}, {numpy}, {self.backends}"


def installations(versions: list[str], native: Path, portable: Path) -> Iterator[Installation]:
    """Every Python with its oldest and its newest NumPy.

    The first one runs each instruction set in turn, the others only the best one.
    """
    sets: tuple[str, ...] = INSTRUCTION_SETS
    for version in versions:
        if version in OLDEST_NUMPY:
            oldest = OLDEST_NUMPY[version]
            yield Installation(version, f"{native}", oldest, "cython,numpy", sets)
            sets = ("",)
        else:
            skip(f"Python {version}, oldest NumPy", "OLDEST_NUMPY in this script has no row for it")
        yield Installation(version, f"{native}[test]", "", "cython,numba,numpy")
    yield Installation(versions[-1], f"{portable}", "", "numpy")
    yield Installation(versions[-1], f"{portable}[numba]", "", "numba,numpy")


def try_out(
    installation: Installation, python: Path, house: Path, folder: Path, files: list[str]
) -> None:
    """Install a wheel, and run the tests in a folder without the package."""
    wheel, numpy = installation.wheel, installation.numpy
    with step(f"install: {installation}") as found:
        first = f"numpy=={numpy}" if numpy else "numpy"
        inside = environment(python, folder, first)
        offered = run(inside, "-c", NUMPY)
        run(inside, "-m", "pip", "install", *WHEELS_ONLY, wheel, *RUNNER)
        got = run(inside, "-c", NUMPY)
        found.append(f"NumPy {got}")
        if got != offered:
            check(not numpy, f"NumPy {got} replaced {numpy}")
            found.append(f"because a requirement excludes {offered}")
    supported: list[str] = []
    if installation.instruction_sets != ("",):
        supported = [*(run(inside, "-I", "-c", SUPPORTED).split() or ["baseline"]), "generic"]
    for isa in installation.instruction_sets:
        what = f"test: {installation}"
        if isa:
            what += f", FASTCONV_ISA={isa}"
            if isa not in supported:
                skip(what, f"this processor runs {', '.join(supported)}, not {isa}")
                continue
        with step(what) as found:
            command = (*SUITE, "--backends", installation.backends, *files)
            report = run(inside, *command, cwd=house, env={"FASTCONV_ISA": isa}).splitlines()
            print("   ", next(line for line in report if line.startswith("installed: ")))
            found.append(report[-1].strip("= "))


def try_without_compiler(python: Path, dist: Path, folder: Path) -> None:
    """Check that `pip install` works without a compiler, and how fast a process starts."""
    with step("pip install without a compiler, from a folder with all three files") as found:
        inside = environment(python, folder, "numpy")
        bare = {"PATH": str(inside.parent), "CC": "/bin/false", "CXX": "/bin/false"}
        compilers = [shutil.which(name, path=bare["PATH"]) for name in ("cc", "gcc", "clang")]
        check(not any(compilers), f"there is a compiler: {compilers}")
        offline = ("--no-index", "--find-links", dist)
        run(inside, "-m", "pip", "install", *offline, PROJECT["name"], env=bare)
        best, *_ = run(inside, "-I", "-c", SUPPORTED).split() or ["baseline"]
        info = run(inside.parent / "fastconv", "info", env=bare)
        print(info)
        check(
            any(
                line.split()[:3] == ["cython", "compiled", "for"] and line.endswith(best)
                for line in info.splitlines()
            ),
            "fastconv info does not show the compiled part for this processor",
        )
        check("\ndefault  cython" in info, "the compiled part is not the default")
        found.append(f"compiled for {best}")
    with step(f"a fresh process, from its start to the first result (best of {STARTS})") as found:
        times = []
        for _ in range(STARTS):
            start = time.perf_counter()
            result = run(inside, "-I", "-c", FIRST_RESULT, env=bare)
            times.append(time.perf_counter() - start)
            check(result == "9.0", f"the first result is {result}, not 9.0")
        found.append(f"{min(times):.3f} s")
        check(min(times) < LONGEST_START, f"{min(times):.3f} s, not below {LONGEST_START} s")


# -- all of it ----------------------------------------------------------------------------------


def work(options: argparse.Namespace, folder: Path) -> None:
    """Run every step; raises `FailedError` at the first failure."""
    with step("interpreters") as found:
        pythons = interpreters(options.python)
        found.append(", ".join(pythons))
    changed = run("git", "status", "--porcelain", cwd=ROOT).splitlines()
    if changed:
        skip("what is not committed", f"HEAD is built, without {len(changed)} changed files")
    oldest, newest = next(iter(pythons.values())), [*pythons.values()][-1]
    tools = environment(oldest, folder / "tools", *PYPROJECT["dependency-groups"]["release"])

    commit = run("git", "rev-parse", "HEAD", cwd=ROOT)
    distributions = build_twice(tools, commit, folder)
    sdist, native, portable = distributions
    audit(tools, commit, *distributions)
    options.output.mkdir(parents=True, exist_ok=True)
    for file in distributions:
        shutil.copy(file, options.output)
    try_without_compiler(newest, sdist.parent, folder / "no-compiler")

    house = unpacked(sdist, folder / "house")
    shutil.rmtree(house / "fastconv")
    files = [f"tests/test_{name}.py" for name in QUICK] if options.quick else ["tests"]
    for number, one in enumerate(installations(list(pythons), native, portable)):
        try_out(one, pythons[one.python], house, folder / f"environment-{number}", files)


def main() -> int:
    """Run everything, print the table, and return the exit status."""
    parser = argparse.ArgumentParser(description="Build, audit, install and test the wheels.")
    parser.add_argument("--quick", action="store_true", help="run only a few of the test files")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PATH",
        help="an interpreter to install into, instead of all that are found; may be repeated",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "dist", metavar="DIR")
    options = parser.parse_args()
    status = 0
    with tempfile.TemporaryDirectory(prefix="fastconv-wheels-") as folder:
        try:
            work(options, Path(folder))
        except FailedError:
            status = 1
    print("\n=== summary")
    width = max(len(row.what) for row in table)
    for row in table:
        print(f"{row.what:{width}}  {row.seconds:6.0f} s  {row.result}")
    print(f"{'failed' if status else 'passed'} in {sum(row.seconds for row in table) / 60:.1f} min")
    return status


if __name__ == "__main__":
    sys.exit(main())
