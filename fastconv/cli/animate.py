"""``fastconv animate``: the sliding window as a GIF or an animated PNG, or one frame of it."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import filters, kernels, viz
from . import imageio
from .operation import parse_rows, read_weights

__all__ = ["run"]

SIDE = 12
"""Rows and columns that the pixels of larger image files are averaged to."""
SUFFIXES = (".gif", ".png", ".apng")


def run(arguments: argparse.Namespace) -> int:
    """Write the file ``arguments.output``."""
    target: Path = arguments.output
    if target.suffix.lower() not in SUFFIXES:
        raise ValueError(f"{target}: the suffix has to be one of {', '.join(SUFFIXES)}")
    imageio.check_target(target)
    weights = _weights(arguments.kernel)
    samples = _samples(arguments.input, weights)
    if samples.ndim == 1:
        if len(weights) > 1:
            raise ValueError(f"a signal needs a kernel of one row, and this one has {len(weights)}")
        weights = weights[0]
    animation = _animation(samples, weights, arguments)
    if arguments.at is None:
        with imageio.replacing(target) as file:
            animation.save(file, "gif" if target.suffix.lower() == ".gif" else "apng")
        frames = f"{len(animation)} frame{'s' * (len(animation) > 1)}"
    else:
        if target.suffix.lower() == ".gif":
            raise ValueError(f"{target}: --at draws one frame, as .png")
        figure = animation.figure(_frame(animation, arguments.at))
        with imageio.replacing(target) as file:
            figure.savefig(file, format="png")
        frames = "1 frame"
    print(f"# {frames}: {target}")
    return 0


def _weights(name: str) -> NDArray[Any]:
    if name in kernels.names() and kernels.info(name).kind == "color":
        raise ValueError(f"--kernel {name!r} mixes colours, and does not slide over an image")
    return read_weights(name)


def _samples(text: str | None, weights: NDArray[Any]) -> NDArray[Any]:
    """The numbers of a file, those that the text spells out, or random digits."""
    if text is None:
        text = "8" if len(weights) == 1 else "6x6"
    if os.path.isfile(text):
        return _image(Path(text))
    size = re.fullmatch(r"(\d{1,3})(?:x(\d{1,3}))?", text)
    if size:
        shape = tuple(int(length) for length in size.groups() if length)
        return np.random.default_rng(0).integers(0, 10, shape)
    try:
        rows = parse_rows(text)
    except ValueError as error:
        message = f"{text!r}: no image file, no size such as 6x6, and not rows of numbers: {error}"
        raise ValueError(message) from None
    return rows[0] if len(rows) == len(weights) == 1 else rows


def _image(path: Path) -> NDArray[Any]:
    """An image file in grey, with at most `SIDE` rows and columns."""
    color = imageio.read(path).color
    grey = filters.grayscale(color) if color.shape[2] == 3 else color[..., 0]
    height, width = grey.shape
    factor = max(height, width) / SIDE
    if factor <= 1:
        return grey
    rows, columns = max(round(height / factor), 1), max(round(width / factor), 1)
    print(f"# {path}: {width}x{height} pixels averaged to {columns}x{rows}")
    image = imageio.pillow().fromarray(grey.astype(np.float32))
    small = np.asarray(image.resize((columns, rows), imageio.pillow().Resampling.BOX))
    return small if grey.dtype.kind == "f" else np.rint(small).astype(grey.dtype)


def _animation(
    samples: NDArray[Any], weights: NDArray[Any], arguments: argparse.Namespace
) -> viz.Animation:
    rank = samples.ndim
    call: Any = "convolve" if arguments.convolve else "correlate"
    options: dict[str, Any] = {
        name: value[0] if rank == 1 or len(set(value)) == 1 else value
        for name in ("stride", "dilation")
        if set(value := getattr(arguments, name)) != {1}
    }
    if arguments.boundary != "constant":
        options["boundary"] = arguments.boundary
    if arguments.padding is None:
        if arguments.mode != "same":
            options["mode"] = arguments.mode
    elif arguments.convolve or arguments.mode != "same":
        raise ValueError("--padding goes with neither --mode nor --convolve")
    else:
        call, options["padding"] = f"conv{rank}d", arguments.padding
        samples, weights = samples[None], weights[None, None]
    if samples.dtype.kind in "biu" and weights.dtype.kind in "iu":
        samples, weights = samples.astype(np.int64), weights.astype(np.int64)
    return viz.animate(samples, weights, call=call, fps=arguments.fps, **options)


def _frame(animation: viz.Animation, at: tuple[int, ...]) -> int:
    """The number of the frame for a position, without the channel of a layer."""
    rank = len(animation.explanations[0].axes)
    for number, explanation in enumerate(animation.explanations):
        if explanation.at[-rank:] == at:
            return number
    last = tuple(axis.outputs - 1 for axis in animation.explanations[0].axes)
    raise ValueError(f"--at {','.join(map(str, at))}: outputs lie from {(0,) * rank} to {last}")
