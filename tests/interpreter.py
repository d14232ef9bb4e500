"""Fresh interpreters: how the package behaves on another machine, or at another moment."""

from __future__ import annotations

import os
import subprocess
import sys

OURS = ("FASTCONV_", "NUMBA_", "PYTHONWARNINGS")


def run(code: str, **env: object) -> subprocess.CompletedProcess[str]:
    """Run code in a new Python, without any choice of ours in the environment but `env`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=clean | {name: str(value) for name, value in env.items()},
        capture_output=True,
        text=True,
        timeout=300,
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
