"""``fastconv apply``: filter image files."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

import fastconv as fc

from .. import kernels
from ..problem import dtypes
from . import imageio
from .progress import complain, with_progress

__all__ = ["run"]


class _Filter(NamedTuple):
    """What ``--kernel`` stands for."""

    weights: NDArray[Any]
    color: bool = False
    """True for a matrix over the channels, False for a kernel over the pixels."""
    bias: float = 0.0
    """As a fraction of white."""


def run(arguments: argparse.Namespace) -> int:
    """Filter every image, and return 2 if any of them failed."""
    boundary, backend = arguments.boundary, arguments.backend
    fc.plan_correlate((1, 1), np.uint8, [[1]], boundary=boundary, backend=backend)  # checks both
    by = _filter(arguments.kernel)
    status = 0
    for source, target in with_progress(_jobs(arguments.images, arguments.output)):
        try:
            imageio.check_target(target)
            picture = imageio.read(source)
            imageio.write(target, _applied(picture, by, arguments))
        except imageio.ImageFileError as error:
            status = complain(error)
    return status


def _jobs(images: Sequence[Path], output: str) -> list[tuple[Path, Path]]:
    """Each image and the file that its result goes to."""
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


# -- the kernel ---------------------------------------------------------------------------------


def _filter(text: str) -> _Filter:
    """The filter that ``--kernel`` names, points to or spells out."""
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
    """Rows of numbers.

    Rows end with ``;`` or the line, numbers with a space or a comma, and ``#`` begins a comment.
    """
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


# -- the image ----------------------------------------------------------------------------------


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


def _filtered(
    image: NDArray[Any], by: _Filter, dtype: DTypeLike, arguments: argparse.Namespace
) -> NDArray[Any]:
    """The filtered image, ``(H, W, channels)`` like the image."""
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
