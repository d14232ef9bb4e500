"""The command ``fastconv``: see ``fastconv --help``.

Exit status
    0 for success; 1 if results that should agree do not; 2 for wrong arguments or a file that
    cannot be read or written, with one line on stderr for each; 130 after Ctrl-C (0 for
    ``explore``, which is meant to end so); 141 if whoever reads the output has closed it.

Tables go to stdout.  Progress goes to stderr, and only to a terminal.  Pillow and scikit-image are
imported by the commands that need them.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from itertools import zip_longest

import fastconv as fc

from .. import filters, kernels
from . import imageio
from .operation import FILTERS, option
from .parser import parser
from .progress import complain, show_status

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments.  Default: those of the process.

    Returns
    -------
    int

    Raises
    ------
    SystemExit
        From argparse, for ``--help`` and for arguments that it cannot parse.

    Examples
    --------
    >>> from fastconv.cli.main import main
    >>> main(["kernels", "ridge"])  # doctest: +ELLIPSIS
    ridge
    ...
    0
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # for terminals that lack our characters
    commands = parser()
    arguments = commands.parse_args(argv)
    try:
        if arguments.command is None:
            commands.print_help()
            status = 0
        else:
            status = _COMMANDS[arguments.command](arguments)
        print(end="", flush=True)
    except KeyboardInterrupt:
        show_status("")
        return 130
    except BrokenPipeError:  # as in: fastconv kernels | head
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (
        imageio.ImageFileError,
        fc.BackendUnavailableError,
        ArithmeticError,
        ImportError,
        MemoryError,
        OSError,
        TypeError,  # with ValueError, fastconv's own messages about wrong arguments
        ValueError,
    ) as error:
        return complain(error)
    return status


def _demo(arguments: argparse.Namespace) -> int:
    from . import demo

    return demo.run(arguments.output, show_status)


def _apply(arguments: argparse.Namespace) -> int:
    from . import apply

    return apply.run(arguments)


def _animate(arguments: argparse.Namespace) -> int:
    from . import animate

    return animate.run(arguments)


def _bench(arguments: argparse.Namespace) -> int:
    from . import bench, calibrate

    if arguments.reset and not arguments.calibrate:
        raise ValueError("--reset goes with --calibrate")
    if arguments.reset:
        return calibrate.reset()
    if arguments.calibrate:
        return calibrate.run(show_status)
    return bench.run(
        arguments.sizes,
        arguments.kernels,
        arguments.dtype,
        arguments.threads,
        arguments.backend,
        arguments.output,
        show_status,
    )


def _explore(arguments: argparse.Namespace) -> int:
    from .explore import server

    return server.run(arguments.port, arguments.browser)


def _train(arguments: argparse.Namespace) -> int:
    from . import train

    return train.run(arguments, show_status)


def _info(arguments: argparse.Namespace) -> int:
    fc.show_config()
    return 0


def _kernels(arguments: argparse.Namespace) -> int:
    name = arguments.name
    if name in FILTERS and name not in kernels.names():
        print("\n".join(_described(name)))
        return 0
    if name is not None:
        _show(kernels.info(name))
        return 0
    for name in kernels.names():
        row = kernels.info(name)
        drawing = _picture(row).splitlines()
        text = (name, row.summary, row.source)
        for left, right in zip_longest(drawing, text, fillvalue=""):
            print(f"{left:<{max(14, len(drawing[0]))}}   {right}".rstrip())
        print()
    print("Filters, which have parameters or are more than one kernel:\n")
    for name, parameters in FILTERS.items():
        if parameters or name not in kernels.names():
            print("\n    ".join(_described(name)) + "\n")
    return 0


def _described(name: str) -> list[str]:
    """A filter and its options, and what it does."""
    words = [
        f"{option(key)} X" if parameter.default is parameter.empty else f"[{option(key)} X]"
        for key, parameter in FILTERS[name].items()
    ]
    summary = (getattr(filters, name).__doc__ or "").split("\n\n")[0]
    return [" ".join([name, *words]), " ".join(summary.split())]


def _show(row: kernels.Kernel) -> None:
    print(f"{row.name}\n{row.summary}\nSource: {row.source}\n\n{_picture(row)}\n")
    words = [[f"{weight:.6g}" for weight in line] for line in row.weights]
    width = max(len(word) for line in words for word in line)
    for line in words:
        print(" ".join(f"{word:>{width}}" for word in line))
    if row.divisor != 1:
        print(f"\nall divided by {row.divisor}")
    if row.kind == "color":
        print("\nfrom red, green, blue" + (f", plus {row.bias:g} of white" if row.bias else ""))


def _picture(row: kernels.Kernel) -> str:
    drawing = kernels.picture(row.weights)
    try:
        drawing.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return kernels.picture(row.weights, ascii_only=True)
    return drawing


_COMMANDS = {
    "demo": _demo,
    "apply": _apply,
    "animate": _animate,
    "kernels": _kernels,
    "bench": _bench,
    "explore": _explore,
    "info": _info,
    "train": _train,
}
