"""Fresh interpreters: how the package behaves on another machine, or at another moment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

HERE = str(Path(__file__).parent)
OURS = ("FASTCONV_", "NUMBA_", "PYTHONWARNINGS")
FENCED = f"""
import sys
sys.path.insert(0, {HERE!r})
import numpy as np
from guard import empty as fenced
from fastconv import backends
backend = backends.load({{backend!r}})
"""
"""How code begins whose arrays lie beside pages that nobody may touch; needs a backend's name."""


def run(code: str, timeout: float = 300, **env: object) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python, without any choice of ours in the environment but `env`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=clean | {name: str(value) for name, value in env.items()},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def printed(code: str, **env: object) -> str:
    """What code prints in a new Python; it must neither fail nor write to stderr."""
    done = run(code, **env)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout.strip()


def last_line(code: str, **env: object) -> str:
    """The last line of the traceback with which code must fail."""
    done = run(code, **env)
    assert done.returncode == 1, done.stdout
    return done.stderr.strip().splitlines()[-1]


def survives(
    function: Callable[..., object], *arguments: object, seconds: int = 60, **env: object
) -> None:
    """A function of a test module must return in a new Python: it may crash there, or hang."""
    code = (
        "import faulthandler, sys, warnings\n"
        "warnings.simplefilter('ignore')  # of what the test modules import\n"
        f"faulthandler.enable(); faulthandler.dump_traceback_later({seconds}, exit=True)\n"
        f"sys.path.insert(0, {HERE!r})\n"
        f"import {function.__module__} as module\n"
        "warnings.simplefilter('error')\n"
        f"module.{function.__qualname__}(*{arguments!r})\n"
        "print('returned', flush=True)\n"
    )
    done = run(code, timeout=seconds + 60, **env)
    told = f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert done.returncode == 0, f"exit status {done.returncode}\n{told}"
    assert done.stdout.splitlines()[-1:] == ["returned"], told
