"""A process that makes calls when it is told to, and the other end of the line.

One line of JSON goes in, one comes out. `benchmarks.cases` is all that is imported of ours, for the
fastconv of the process may be an old one.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryFile
from time import perf_counter, process_time
from typing import Any, Self

import fastconv

from .cases import CASES


class Bench:
    """One call at a time.

    One thread is timed by the processor's time, from which others who had the processor in between
    are left out (Windows counts that in steps of 16 ms); several threads by the clock.
    """

    def __init__(self) -> None:
        alone = fastconv.get_num_threads() == 1 and os.name == "posix"
        self.clock = process_time if alone else perf_counter

    def load(self, case: str, backend: str) -> str | None:
        """Make the call once, which compiles it, and return why that failed, if it did."""
        self.call = None  # frees the arrays of the last one
        try:
            self.call = CASES[case].call(backend)
            self.call()
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    def burst(self, seconds: float) -> float:
        """Return the seconds of the fastest of many calls in a row, the first one left out."""
        self.call()
        best = float("inf")
        began = after = self.clock()
        while after - began < seconds:
            before = self.clock()
            self.call()
            after = self.clock()
            best = min(best, after - before)
        return best


class Worker:
    """A process that imports the fastconv in a folder, and makes calls when it is told to.

    Raises
    ------
    RuntimeError
        The process ended, with the last lines that it wrote, or fastconv comes from elsewhere.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.errors = TemporaryFile("w+")  # noqa: SIM115  it lives as long as the process
        here = Path(__file__).parents[1]
        paths = [str(folder), str(here), os.environ.get("PYTHONPATH", "")]
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "benchmarks.worker"],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join(filter(None, paths)),
                "NUMBA_CACHE_DIR": str(folder / "numba-cache"),
                "FASTCONV_CALIBRATION": "off",  # it may hold for the version of one of them only
                "FASTCONV_NUM_THREADS": str(threads),
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        file = self.answer()
        if not Path(file).is_relative_to(folder):
            raise RuntimeError(f"fastconv was imported from {file}, not from {folder}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()

    def answer(self) -> Any:
        """Return the next answer."""
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.errors.seek(0)
            last = "".join(self.errors.readlines()[-5:])
            raise RuntimeError(f"a worker ended with status {status}:\n{last}")
        return json.loads(line)

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of `benchmarks.worker.Bench` there."""
        with suppress(BrokenPipeError):  # `answer` says why
            print(json.dumps([method, *arguments]), file=self.process.stdin, flush=True)
        return self.answer()


def main() -> None:
    """Say which fastconv this is, and answer until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is not an answer

    def reply(answer: Any) -> None:
        print(json.dumps(answer), file=replies, flush=True)

    reply(fastconv.__file__)
    bench = Bench()
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        reply(getattr(bench, method)(*arguments))


if __name__ == "__main__":
    main()
