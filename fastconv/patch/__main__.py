"""``python -m fastconv.patch script.py`` runs a program with SciPy's filters served by fastconv."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from .switch import patch


def main() -> None:
    """Run a script or a module as Python does, after patching SciPy."""
    parser = argparse.ArgumentParser(
        prog="python -m fastconv.patch",
        usage="%(prog)s [-h] [--report] (script.py | -m module) [arguments ...]",
        description="Run a program with SciPy's filters served by fastconv.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--report", action="store_true", help="print which calls were served, to stderr"
    )
    parser.add_argument("-m", action="store_true", dest="module", help="run a module")
    parser.add_argument(
        "program",
        nargs=argparse.PARSER,  # unlike REMAINDER after a name, it keeps "--"
        metavar="script.py",
        help="a script, or the name of a module, and what it is given",
    )
    given = parser.parse_args()
    program, *_ = given.program
    if not given.module and not Path(program).exists():
        parser.error(f"there is no script {program}")

    patch()
    sys.argv = given.program
    try:
        if given.module:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
        else:
            if not sys.flags.safe_path:
                sys.path[0] = str(Path(program).resolve().parent)
            runpy.run_path(program, run_name="__main__")
    finally:
        if given.report:
            print(patch.report(), file=sys.stderr)


if __name__ == "__main__":
    main()
