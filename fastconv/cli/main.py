"""The command ``fastconv``: ``demo``, ``apply``, ``kernels``, ``bench`` and ``info``.

Exit status: 0 if all went well; 1 if results that are compared disagree; 2 for a mistake in the
arguments or a file that cannot be read or written, with one line on stderr for each; 130 after
Ctrl-C; 141 if nobody reads what is printed.  Tables go to stdout and progress to stderr, there
only if a person is watching.

Pillow and scikit-image are imported by the commands that need them, when they need them.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

import fastconv as fc

from ..problem import dtypes
from . import imageio
from .. import kernels
from ..backends import ORDER as BACKENDS
from ..problem.boundary import TABLE as BORDERS

__all__ = ["main"]

Item = TypeVar("Item")


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
        sys.stdout.reconfigure(errors="replace")  # no terminal is too plain for us
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.command(arguments)
        print(end="", flush=True)
    except KeyboardInterrupt:
        _show_status()
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
        TypeError,
        ValueError,  # what fastconv says of wrong arguments
    ) as error:
        return _complain(error)
    return status


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="fastconv", description="Convolution of images, by three backends that agree."
    )
    parser.add_argument("--version", action="version", version=f"fastconv {fc.__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    demo = commands.add_parser(
        "demo",
        help="filter a photograph with every backend",
        description="Filter a photograph with every backend, compare them, and draw the feature "
        "maps on one sheet: DIR/fastconv-demo.png.",
    )
    demo.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path())
    demo.set_defaults(command=_demo)

    apply = commands.add_parser(
        "apply",
        help="filter image files",
        description="Filter image files. The result has the depth of the image: it is rounded and "
        "saturates. Alpha is never filtered.",
    )
    apply.add_argument("images", metavar="IMAGE", type=Path, nargs="+")
    apply.add_argument(
        "-k",
        "--kernel",
        required=True,
        metavar="KERNEL",
        help='a name (see: fastconv kernels), rows of weights ("0 1 0; 1 -4 1; 0 1 0"), or a file '
        "of them, .npy or text",
    )
    apply.add_argument(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        help="a file or a directory; several images need a directory, which is made",
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
        help=f"what lies beyond the edges: {', '.join(BORDERS)} (default: nearest, the edge goes "
        "on, as in image editors)",
    )
    apply.add_argument("--backend", help=f"{', '.join(BACKENDS)} (default: the fastest)")
    apply.add_argument(
        "--scale", type=_number, default=1.0, help="multiply the result by this (default: 1)"
    )
    apply.add_argument(
        "--offset",
        type=_number,
        default=0.0,
        help="then add this, such as 128 to see negative results in 8 bits (default: 0)",
    )
    apply.set_defaults(command=_apply)

    named = commands.add_parser(
        "kernels", help="list the named kernels", description="List the named kernels."
    )
    named.add_argument("name", metavar="NAME", nargs="?", help="show the numbers of this one")
    named.set_defaults(command=_kernels)

    bench = commands.add_parser(
        "bench",
        help="how fast it is here, beside other libraries",
        description="Time dense filters on every backend, and in OpenCV, SciPy and PyTorch where "
        "they are installed; print a table, and draw DIR/fastconv-bench.png.",
    )
    bench.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path())
    bench.add_argument(
        "--sizes", type=_sizes, default=(1024,), metavar="N,...", help="of images (default: 1024)"
    )
    default = "3,5,7,9,11,15,21,31"
    bench.add_argument(
        "--kernels",
        type=_sizes,
        default=_sizes(default),
        metavar="K,...",
        help=f"sizes of kernels (default: {default})",
    )
    bench.add_argument(
        "--dtype", choices=("float32", "float64", "uint8", "int16"), default="float32"
    )
    bench.add_argument("--threads", type=int, metavar="N", help="of each library (default: all)")
    bench.add_argument("--backend", help=f"one of {', '.join(BACKENDS)} (default: each)")
    bench.add_argument(
        "--calibrate",
        action="store_true",
        help="instead measure how fast each backend is here, and plan with that from now on; it "
        "may change which algorithm runs, and so the last bits of results",
    )
    bench.add_argument("--reset", action="store_true", help="with --calibrate: forget it again")
    bench.set_defaults(command=_bench)

    info = commands.add_parser(
        "info", help="print the configuration", description="Print the configuration."
    )
    info.set_defaults(command=_info)
    return parser


def _complain(error: Exception) -> int:
    _show_status()
    text = " ".join(str(error).split()) or type(error).__name__
    print(f"fastconv: {text}", file=sys.stderr)
    return 2


def _show_status(text: str = "") -> None:
    """Replace the last line of the terminal, if a person is watching; by nothing, to clear it."""
    if sys.stderr is not None and sys.stderr.isatty():
        width = shutil.get_terminal_size().columns - 1
        blank = " " * width
        print(f"\r{blank}\r{text[:width]}", end="", file=sys.stderr, flush=True)


def _with_progress(items: Sequence[Item]) -> Iterator[Item]:
    for done, item in enumerate(items):
        if len(items) > 1:
            bar = "#" * (30 * done // len(items))
            _show_status(f"[{bar:<30}] {done}/{len(items)}")
        yield item
    _show_status()


# -- filtering ----------------------------------------------------------------------------------


class _Filter(NamedTuple):
    """What an image is filtered with."""

    weights: NDArray[Any]
    color: bool = False
    """True for a matrix over the channels, False for a kernel over the pixels."""
    bias: float = 0.0
    """In units of white."""


def _filtered(
    image: NDArray[Any], by: _Filter, dtype: DTypeLike, arguments: argparse.Namespace
) -> NDArray[Any]:
    """The filtered image, as the image is: ``(H, W, channels)``."""
    if not by.color:
        return fc.correlate(
            image,
            by.weights,
            axes=(0, 1),
            boundary=arguments.boundary,
            stride=arguments.stride,
            dtype=dtype,
            backend=arguments.backend,
        )
    matrix = by.weights
    if image.shape[2] == 1:  # grey is three equal channels; three equal results are grey again
        matrix = matrix.sum(axis=1, keepdims=True, dtype=matrix.dtype)
        matrix = matrix[:1] if np.ptp(matrix) == 0 else matrix
    white = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1
    size = (-(-n // s) for n, s in zip(image.shape[:2], arguments.stride, strict=True))
    return fc.conv2d(
        image,
        matrix[..., None, None],
        np.full(len(matrix), by.bias * white, image.dtype) if by.bias else None,
        arguments.stride,
        layout="NHWC",
        out=np.empty((*size, len(matrix)), dtype),
        backend=arguments.backend,
    )


def _filter(text: str) -> _Filter:
    """The filter that ``--kernel`` names, holds or spells out."""
    if text not in kernels.names():
        if os.path.isfile(text):
            return _Filter(_load(Path(text)))
        if re.match(r"\s*[-+]?\.?\d", text):
            try:
                return _Filter(_parse(text))
            except ValueError as error:
                raise ValueError(
                    f"--kernel {text!r}: no file, and not rows of numbers: {error}"
                ) from None
    try:
        row = kernels.info(text)
    except ValueError as error:
        hint = "nor is it a file; 'fastconv kernels' lists the names"
        raise ValueError(f"--kernel: {error}, {hint}") from None
    return _Filter(row.array(), row.kind == "color", row.bias)


def _load(path: Path) -> NDArray[Any]:
    try:
        if path.suffix.lower() != ".npy":
            return _parse(path.read_text(encoding="utf-8-sig"))
        with path.open("rb") as file:
            return _matrix(np.atleast_2d(np.lib.format.read_array(file)))
    except UnicodeDecodeError:
        raise imageio.ImageFileError("read kernel", path, "neither .npy nor text") from None
    except (OSError, ValueError, MemoryError) as error:
        raise imageio.ImageFileError("read kernel", path, error) from error


def _parse(text: str) -> NDArray[Any]:
    """Rows end with ``;`` or the line, numbers with a space or comma, comments begin with ``#``."""
    lines = (line.partition("#")[0] for line in text.splitlines())
    rows = [row.replace(",", " ").split() for row in ";".join(lines).split(";")]
    rows = [row for row in rows if row]
    if not rows:
        raise ValueError("it holds no numbers")
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"row {i + 1} has {len(row)} numbers, row 1 has {len(rows[0])}")
    try:
        return np.array([[int(word) for word in row] for row in rows], np.int64)
    except (ValueError, OverflowError):
        weights = np.array([[float(word) for word in row] for row in rows])
    with np.errstate(over="ignore"):
        return _matrix(weights.astype(np.float32))


def _matrix(weights: NDArray[Any]) -> NDArray[Any]:
    real = dtypes.supported(weights.dtype) and weights.dtype.kind != "c"
    if not real or weights.ndim != 2 or not weights.size:
        raise ValueError(f"not a matrix of numbers but {weights.dtype} of shape {weights.shape}")
    if not np.isfinite(weights).all():
        raise ValueError("its weights are not all finite")
    return weights


def _stride(text: str) -> tuple[int, int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)?", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not whole numbers of at least 1")
    rows, _, columns = text.partition(",")
    return int(rows), int(columns or rows)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise argparse.ArgumentTypeError(f"got {text!r}, not a finite number")
    return number


# -- fastconv apply -----------------------------------------------------------------------------


def _apply(arguments: argparse.Namespace) -> int:
    boundary, backend = arguments.boundary, arguments.backend
    fc.plan_correlate((1, 1), np.uint8, [[1]], boundary=boundary, backend=backend)  # are they fit?
    by = _filter(arguments.kernel)
    status = 0
    for source, target in _with_progress(_jobs(arguments.images, arguments.output)):
        try:
            imageio.check_target(target)
            picture = imageio.read(source)
            imageio.write(target, _applied(picture, by, arguments))
        except imageio.ImageFileError as error:
            status = _complain(error)
    return status


def _jobs(images: Sequence[Path], output: str) -> list[tuple[Path, Path]]:
    """Each image with the file that its result goes to."""
    directory = Path(output)
    if len(images) == 1 and not directory.is_dir() and not output.endswith(("/", os.sep)):
        jobs = [(images[0], directory)]
    else:
        if len({os.path.normcase(image.name) for image in images}) < len(images):
            raise ValueError(f"two of the images would have the same name in {directory}")
        imageio.make_directory(directory)
        jobs = [(image, directory / image.name) for image in images]
    for source, target in jobs:
        if target.exists() and source.exists() and target.samefile(source):
            raise ValueError(f"{target} is both the image and the output; choose another output")
    return jobs


def _applied(
    picture: imageio.Picture, by: _Filter, arguments: argparse.Namespace
) -> imageio.Picture:
    scale, offset = arguments.scale, arguments.offset
    plain = (scale, offset) == (1, 0)
    dtype = picture.color.dtype
    color = _filtered(picture.color, by, dtype if plain else np.float64, arguments)
    if not plain:
        sums, color = color, np.empty(color.shape, dtype)
        dtypes.store(color, sums * scale + offset)
    rows, columns = arguments.stride
    alpha = None if picture.alpha is None else picture.alpha[::rows, ::columns]
    same_colors = color.shape[2] == picture.color.shape[2]
    return imageio.Picture(color, alpha, picture.icc_profile if same_colors else None)


# -- fastconv kernels, fastconv info ------------------------------------------------------------


def _kernels(arguments: argparse.Namespace) -> int:
    if arguments.name is not None:
        _show(kernels.info(arguments.name))
        return 0
    for name in kernels.names():
        row = kernels.info(name)
        drawing = _picture(row).splitlines()
        text = (name, row.summary, row.source)
        for left, right in zip_longest(drawing, text, fillvalue=""):
            print(f"{left:<{max(14, len(drawing[0]))}}   {right}".rstrip())
        print()
    return 0


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


def _info(arguments: argparse.Namespace) -> int:
    fc.show_config()
    return 0


# -- fastconv bench -----------------------------------------------------------------------------


def _sizes(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"[1-9]\d{0,5}(,[1-9]\d{0,5})*", text):
        raise argparse.ArgumentTypeError(f"got {text!r}, not whole numbers from 1 to 999999")
    return tuple(map(int, text.split(",")))


def _bench(arguments: argparse.Namespace) -> int:
    from . import bench, calibrate

    if arguments.reset and not arguments.calibrate:
        raise ValueError("--reset goes with --calibrate")
    if arguments.reset:
        return calibrate.reset()
    if arguments.calibrate:
        return calibrate.run(_show_status)
    return bench.run(
        arguments.sizes,
        arguments.kernels,
        arguments.dtype,
        arguments.threads,
        arguments.backend,
        arguments.output,
        _show_status,
    )


# -- fastconv demo ------------------------------------------------------------------------------


def _demo(arguments: argparse.Namespace) -> int:
    from .demo import run

    return run(arguments.output, _show_status)
