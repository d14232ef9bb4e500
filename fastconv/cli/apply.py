"""``fastconv apply``: filter image files."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

from .. import config
from ..problem import dtypes
from . import imageio
from .operation import Operation, operation, white
from .progress import complain, with_progress

__all__ = ["run"]


def run(arguments: argparse.Namespace) -> int:
    """Filter every image, and return 2 if any of them failed."""
    boundary, backend = arguments.boundary, arguments.backend
    config.resolve_backend(backend)  # the command's choice, and so named without a call
    fc.plan_correlate((1, 1), np.uint8, [[1]], boundary=boundary)  # checks it
    by = operation(arguments)
    status = 0
    for source, target in with_progress(_jobs(arguments.images, arguments.output)):
        try:
            imageio.check_target(target)
            film = imageio.read_frames(source, arguments.max_pixels)
            frames = [_applied(frame, by, arguments) for frame in film.frames]
            imageio.write_frames(target, replace(film, frames=frames), arguments.quality)
        except imageio.ImageFileError as error:
            status = complain(error)
    return status


def _jobs(images: Sequence[Path], output: str) -> list[tuple[Path, Path]]:
    """Each image and the file that its result goes to."""
    directory = Path(output)
    if len(images) == 1 and not directory.is_dir() and not output.endswith(("/", os.sep)):
        jobs = [(images[0], directory)]
    else:
        if directory.suffix.lower() in imageio.suffixes() and not directory.is_dir():
            raise ValueError(f"{len(images)} images need a directory as output, not {directory}")
        if len({os.path.normcase(image.name) for image in images}) < len(images):
            raise ValueError(f"two of the images would have the same name in {directory}")
        imageio.make_directory(directory)
        jobs = [(image, directory / image.name) for image in images]
    for source, target in jobs:
        if target.exists() and source.exists() and target.samefile(source):
            raise ValueError(f"{target} is both the image and the output; choose another output")
    return jobs


def _applied(
    picture: imageio.Picture, by: Operation, arguments: argparse.Namespace
) -> imageio.Picture:
    scale, offset = arguments.scale, arguments.offset
    dtype, alpha = picture.color.dtype, picture.alpha
    if by.averages and alpha is not None and np.any(alpha < white(dtype)):
        sums, alpha = _averaged(picture.color, alpha, by)
        color = dtypes.stored(sums * scale + offset * white(dtype), dtype, None)
    else:
        rows, columns = arguments.stride
        alpha = None if alpha is None else alpha[::rows, ::columns]
        if (scale, offset) == (1, 0):
            color = by.run(picture.color, dtype)
        else:
            sums = by.run(picture.color, np.float64)
            color = dtypes.stored(sums * scale + offset * white(dtype), dtype, None)
    same_colors = color.shape[2] == picture.color.shape[2]
    return imageio.Picture(color, alpha, picture.icc_profile if same_colors else None)


def _averaged(
    color: NDArray[Any], alpha: NDArray[Any], by: Operation
) -> tuple[NDArray[Any], NDArray[Any]]:
    """The sums of colours, weighted by alpha, and the mean alpha.

    Transparent pixels have colours as well, which must not affect their neighbours.
    """
    opacity = alpha / white(alpha.dtype)
    opacities = by.run(opacity, np.float64)
    sums = by.run(color * opacity, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        sums = np.where(opacities > 0, sums / opacities * by.gain, 0)
    return sums, dtypes.stored(opacities / by.gain * white(alpha.dtype), alpha.dtype, None)
