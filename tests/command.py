"""The command `fastconv`, run in this process."""

from __future__ import annotations

import io
from contextlib import redirect_stderr, redirect_stdout

from fastconv.cli import main as cli


class Terminal(io.StringIO):
    """A stream that claims to be watched by a person."""

    def isatty(self) -> bool:
        return True


def run(*words: object, stderr: io.StringIO | None = None) -> tuple[int, str, str]:
    """The exit status, stdout and stderr of ``fastconv WORDS``."""
    out, err = io.StringIO(), stderr or io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as left:
            status = left.code
    return status, out.getvalue(), err.getvalue()


def fails(*words: object, command: str = "fastconv") -> str:
    """The one line, without its prefix, with which ``fastconv WORDS`` must fail."""
    status, out, err = run(*words)
    assert (status, out, err.count("\n")) == (2, "", 1), (status, out, err)
    assert err.startswith(f"{command}: ")
    return err.removeprefix(f"{command}: ").removesuffix("\n").replace("\\", "/")
