"""A process that makes calls on request, and the function that starts one.

Requests and replies are lines of JSON. Of our modules, only `benchmarks.cases` is imported, because
the fastconv of the process may be an old one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter, process_time
from typing import Any

import fastconv

from .cases import CASES


class Bench:
    """Times one call at a time.

    One thread is timed in processor time, which leaves out other processes (but not on Windows,
    which counts it in steps of 16 ms).  Several threads are timed by the clock.
    """

    def __init__(self) -> None:
        alone = fastconv.get_num_threads() == 1 and os.name == "posix"
        self.clock = process_time if alone else perf_counter

    def load(self, case: str, backend: str) -> str | None:
        """Make the call once, which compiles it, and return the error, if any."""
        self.call = None  # frees the arrays of the last case
        try:
            self.call = CASES[case].call(backend)
            self.call()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def burst(self, seconds: float) -> float:
        """Return the seconds of the fastest of many calls in a row, not counting the first."""
        self.call()
        best = float("inf")
        began = self.clock()
        while True:
            before = self.clock()
            self.call()
            after = self.clock()
            best = min(best, after - before)
            if after - began >= seconds:
                return best


@contextmanager
def worker(folder: Path, threads: int) -> Iterator[Callable[..., Any]]:
    """Start a process that imports the fastconv in a folder.

    Yields
    ------
    callable
        ``ask(method, *arguments)`` calls a method of `Bench` there.

    Raises
    ------
    RuntimeError
        The process died (with the last lines that it wrote), or imported another fastconv.
    """
    paths = [str(folder), str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "NUMBA_CACHE_DIR": str(folder / "numba-cache"),
        "FASTCONV_CALIBRATION": "off",  # rates may be valid for only one of the versions
        "FASTCONV_NUM_THREADS": str(threads),
    }
    with (
        TemporaryFile("w+") as errors,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks.worker"],
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):

        def answer() -> Any:
            if line := process.stdout.readline():
                return json.loads(line)
            status = process.wait()
            errors.seek(0)
            last = "".join(errors.readlines()[-5:])
            raise RuntimeError(f"a worker ended with status {status}:\n{last}")

        def ask(method: str, *arguments: Any) -> Any:
            with suppress(BrokenPipeError):  # `answer` reports the reason
                print(json.dumps([method, *arguments]), file=process.stdin, flush=True)
            return answer()

        try:
            file = answer()
            if not Path(file).is_relative_to(folder):
                raise RuntimeError(f"fastconv was imported from {file}, not from {folder}")
            yield ask
        finally:
            process.kill()
            process.communicate()


def main() -> None:
    """Report which fastconv this is, and answer requests until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries may print to stdout

    def reply(answer: Any) -> None:
        print(json.dumps(answer), file=replies, flush=True)

    reply(fastconv.__file__)
    bench = Bench()
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        reply(getattr(bench, method)(*arguments))


if __name__ == "__main__":
    main()
