"""The arguments of the command line."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import fastconv as fc

from ..backends import ORDER as BACKENDS
from ..problem.boundary import TABLE as BORDERS
from .operation import FILTERS, option

__all__ = ["parser"]

BENCH_KERNELS = "3,5,7,9,11,15,21,31"


class _Parser(argparse.ArgumentParser):
    """Reports an error in one line, without the usage."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As its base class does, with kernels that begin with a minus."""
        return super().parse_known_args(_joined(sys.argv[1:] if args is None else args), namespace)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``command`` is the name of one, or None."""
    whole = _Parser(
        prog="fastconv",
        description="Convolution of images, on three interchangeable backends.",
        epilog="fastconv COMMAND --help shows the options of a command.",
    )
    whole.add_argument("--version", action="version", version=f"fastconv {fc.__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", dest="command")

    demo = commands.add_parser(
        "demo",
        help="filter a photograph with every backend",
        description="Filter a photograph with every backend, compare the results, and draw the "
        "feature maps on a contact sheet: DIR/fastconv-demo.png.",
    )
    _add_directory(demo)

    apply = commands.add_parser(
        "apply",
        help="filter image files",
        description="Filter image files. The result has the bit depth of the image: values are "
        "rounded and saturate. All frames of TIFF, GIF, WebP and animated PNG are filtered. Blurs "
        "weight colours by the alpha channel and blur it, too; other filters leave it alone.",
    )
    apply.add_argument("images", metavar="IMAGE", type=Path, nargs="+")
    apply.add_argument(
        "-k",
        "--kernel",
        required=True,
        metavar="KERNEL",
        help="a kernel or a filter by its name (see: fastconv kernels), rows of weights "
        '("0 1 0; 1 -4 1; 0 1 0"), or a file with such rows, as .npy or text',
    )
    apply.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file, or a directory, which several images need; it is created",
    )
    apply.add_argument(
        "--stride",
        metavar="N|ROWS,COLUMNS",
        type=_stride,
        default=(1, 1),
        help="keep only every Nth row and column (default: 1)",
    )
    apply.add_argument(
        "--boundary",
        default="nearest",
        help=f"how the image continues beyond its edges: {', '.join(BORDERS)} (default: nearest, "
        "which repeats the edge, as image editors do)",
    )
    _add_backend(apply, "the fastest")
    apply.add_argument(
        "--scale", type=_number, default=1.0, help="multiply the result by this (default: 1)"
    )
    apply.add_argument(
        "--offset",
        type=_number,
        default=0.0,
        help="then add this fraction of white: 0.5 shows negative results below middle grey "
        "(default: 0)",
    )
    apply.add_argument(
        "--quality",
        type=_quality,
        metavar="1-100",
        help="of JPEG, WebP and AVIF (default: 95, or lossless for WebP from a lossless WebP)",
    )
    apply.add_argument(
        "--max-pixels",
        type=_count,
        metavar="N",
        help="read files with at most this many pixels in all frames; more could be a "
        "decompression bomb (default: about 179 million)",
    )
    parameters = apply.add_argument_group("parameters of filters")
    for name, filters in _filters_by_parameter().items():
        parameters.add_argument(
            option(name),
            type=_parameter,
            metavar="X[,X]",
            help="of " + ", ".join(filters),
        )

    named = commands.add_parser(
        "kernels",
        help="list the named kernels and the filters",
        description="List the named kernels and the filters.",
    )
    named.add_argument("name", metavar="NAME", nargs="?", help="show only this one")

    _add_animate(commands)

    bench = commands.add_parser(
        "bench",
        help="time this machine, next to other libraries",
        description="Time dense filters on every backend, and in OpenCV, SciPy and PyTorch where "
        "they are installed. Print a table, and draw DIR/fastconv-bench.png.",
    )
    _add_directory(bench)
    bench.add_argument(
        "--sizes", type=_sizes, default=(1024,), metavar="N,...", help="of images (default: 1024)"
    )
    bench.add_argument(
        "--kernels",
        type=_sizes,
        default=_sizes(BENCH_KERNELS),
        metavar="K,...",
        help=f"sizes of kernels (default: {BENCH_KERNELS})",
    )
    bench.add_argument(
        "--dtype", choices=("float32", "float64", "uint8", "int16"), default="float32"
    )
    bench.add_argument("--threads", type=int, metavar="N", help="of each library (default: all)")
    _add_backend(bench, "each")
    bench.add_argument(
        "--calibrate",
        action="store_true",
        help="instead measure how fast each backend is here, and choose algorithms by that from "
        "now on; another algorithm may change the last bits of results",
    )
    bench.add_argument("--reset", action="store_true", help="with --calibrate: forget the rates")

    explore = commands.add_parser(
        "explore",
        help="watch a convolution in the browser",
        description="Open a page on which a convolution can be watched, cell by cell. It is served "
        "to this machine only, until Ctrl-C.",
    )
    explore.add_argument(
        "--port", type=_port, default=0, metavar="N", help="default: any that is free"
    )
    explore.add_argument(
        "--no-browser",
        dest="browser",
        action="store_false",
        help="only print the address, to be opened in a browser by hand",
    )

    train = commands.add_parser(
        "train",
        help="train small networks on handwritten digits",
        description="Train a network on scikit-learn's 1797 digits, a fifth of them held out, "
        "and a single kernel that tells 0 from 1. Write a checkpoint after each epoch, from which "
        "a run that was stopped goes on, and pictures of kernels and feature maps.",
    )
    _add_directory(train)
    train.add_argument("--epochs", type=_count, default=12, metavar="N", help="default: 12")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    train.add_argument("--fresh", action="store_true", help="begin anew, without the checkpoint")
    _add_backend(train, "the fastest")

    commands.add_parser(
        "info", help="print the configuration", description="Print the configuration."
    )
    return whole


def _add_animate(commands: Any) -> None:
    animate = commands.add_parser(
        "animate",
        help="draw a window that slides over a small signal or image",
        description="Draw how a kernel slides over a small signal or image: the samples in its "
        "window, the products, their sum, the output. One frame shows one output.",
    )
    animate.add_argument(
        "input",
        metavar="INPUT",
        nargs="?",
        help='an image file, a size filled with random digits (8 or 6x6), or rows ("1 2; 3 4") '
        "(default: 6x6, or 8 for a kernel of one row); large images are averaged to 12 rows or "
        "columns",
    )
    animate.add_argument(
        "-k",
        "--kernel",
        required=True,
        metavar="KERNEL",
        help='a kernel by its name, rows of weights ("0 1 0; 1 -4 1; 0 1 0"), or a file with such '
        "rows, as .npy or text",
    )
    animate.add_argument(
        "-o", "--output", required=True, metavar="OUT", type=Path, help="a .gif, .png or .apng"
    )
    for name in ("--stride", "--dilation"):
        animate.add_argument(
            name, metavar="N|ROWS,COLUMNS", type=_stride, default=(1, 1), help="default: 1"
        )
    animate.add_argument("--mode", choices=("same", "valid", "full"), default="same")
    animate.add_argument(
        "--padding",
        type=_padding,
        metavar="N",
        help="instead of --mode: samples added on both sides, as in conv2d",
    )
    animate.add_argument(
        "--boundary",
        choices=tuple(BORDERS),
        default="constant",
        help="how the input continues beyond its edges (default: constant, which is 0)",
    )
    animate.add_argument("--convolve", action="store_true", help="flip the kernel")
    animate.add_argument(
        "--at", metavar="ROW,COLUMN", type=_place, help="draw only this output, as a .png"
    )
    animate.add_argument("--fps", type=_number, default=2.0, help="frames in a second (default: 2)")


def _add_directory(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-o", "--output", metavar="DIR", type=Path, default=Path(), help="default: here"
    )


def _add_backend(command: argparse.ArgumentParser, default: str) -> None:
    command.add_argument("--backend", help=f"{', '.join(BACKENDS)} (default: {default})")


def _joined(words: Sequence[str]) -> list[str]:
    """The words, with ``-k -1,0,1`` as one: argparse would take the numbers for an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] in ("-k", "--kernel") and re.match(r"-\.?\d", word):
            joined[-1] = f"--kernel={word}"
        else:
            joined.append(word)
    return joined


def _filters_by_parameter() -> dict[str, list[str]]:
    """The filters that take each parameter."""
    found: dict[str, list[str]] = {}
    for filter_name, parameters in FILTERS.items():
        for name in parameters:
            found.setdefault(name, []).append(filter_name)
    return found


def _stride(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not whole numbers of at least 1")
    rows, _, columns = text.partition(",")
    return int(rows), int(columns or rows)


def _padding(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not a whole number")
    return int(text)


def _place(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d{1,6}(,\d{1,6})?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not ROW,COLUMN")
    return tuple(map(int, text.split(",")))


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"got {text!r}, not a port from 1 to 65535")
    return int(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"got {text!r}, not a finite number")
    return number


def _parameter(text: str) -> float | tuple[float, ...]:
    """A number, or one for each axis."""
    numbers = tuple([_number(word) for word in text.split(",")])
    numbers = tuple([int(number) if number.is_integer() else number for number in numbers])
    return numbers if len(numbers) > 1 else numbers[0]


def _quality(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d?|100", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not a whole number from 1 to 100")
    return int(text)


def _count(text: str) -> int:
    number = _number(text)
    if number < 1 or not number.is_integer():
        raise argparse.ArgumentTypeError(f"got {text!r}, not a whole number of at least 1")
    return int(number)


def _sizes(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d{0,5}(,[1-9]\d{0,5})*", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not whole numbers from 1 to 999999")
    return tuple(map(int, text.split(",")))
