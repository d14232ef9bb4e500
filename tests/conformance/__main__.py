"""Run the suites of one row or more: `python -m tests.conformance ndimage [-n auto …]`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from .table import SUITES


def main(arguments: list[str]) -> int:
    rows = [argument for argument in arguments if argument in SUITES]
    rest = [argument for argument in arguments if argument not in SUITES]
    if not rows:
        print(f"usage: python -m tests.conformance {{{','.join(SUITES)}}} [options of pytest]")
        return 2
    return pytest.main(
        [
            "-c",
            str(Path(__file__).with_name("pytest.ini")),
            "-p",
            f"{__package__}.plugin",
            *[f"--conformance={row}" for row in rows],
            *[argument for row in rows for argument in SUITES[row].tests],
            *rest,
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
