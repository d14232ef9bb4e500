"""What the page looks at: small grids of numbers, a photograph, and images that are loaded.

Images become grey, with whole numbers from 0 (black) to 255 (white), and are reduced to at most
`LONGEST` pixels along each side, so that the page can show every pixel.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastconv as fc

from ... import kernels
from .. import imageio
from .refusal import RefusedError

__all__ = ["GRIDS", "LONGEST", "Pictures", "prepared"]

LONGEST = 256
"""Pixels of the longer side of an image on the page."""
MAX_PIXELS = 60_000_000
"""Pixels of an image that is decoded."""
MAX_LOADED = 8
"""Loaded images that are kept, at most."""
PHOTOGRAPH = "photograph"


def _drawn(*rows: str) -> list[list[int]]:
    return [[int(mark == "#") for mark in row] for row in rows]


GRIDS: dict[str, list[list[int]]] = {
    "a 1": _drawn(
        ".........",
        "....#....",
        "....#....",
        "....#....",
        "....#....",
        "....#....",
        "....#....",
        "....#....",
        ".........",
    ),
    "a 0": _drawn(
        ".........",
        "...###...",
        "..#...#..",
        "..#...#..",
        "..#...#..",
        "..#...#..",
        "..#...#..",
        "...###...",
        ".........",
    ),
    "an L": _drawn(
        ".........",
        "..#......",
        "..#......",
        "..#......",
        "..#......",
        "..#......",
        "..######.",
        ".........",
        ".........",
    ),
    "a smiley": _drawn(
        ".......",
        ".#...#.",
        ".......",
        "...#...",
        ".#...#.",
        "..###..",
        ".......",
    ),
    "numbers": [
        [1, 2, 0, 1, 3],
        [0, 1, 2, 2, 1],
        [3, 1, 0, 1, 2],
        [2, 0, 1, 3, 0],
        [1, 1, 2, 0, 1],
    ],
    "a ramp": [[column + row for column in range(8)] for row in range(8)],
    "an edge": [[0] * 4 + [9] * 4 for _ in range(8)],
    "a single 1": _drawn(
        ".......",
        ".......",
        ".......",
        "...#...",
        ".......",
        ".......",
        ".......",
    ),
}
"""The samples, by name; several are those of docs/guide/worked-examples.md."""


class Pictures:
    """The images of a server, by name; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._decoding = threading.Lock()  # Pillow's limits hold for the process
        self._loaded: dict[str, NDArray[np.float64]] = {}
        self._count = 0

    @staticmethod
    def photographs() -> list[str]:
        """The names of the built-in photographs, if there are any."""
        return [PHOTOGRAPH] if find_spec("skimage") else []

    def get(self, name: str) -> NDArray[np.float64]:
        """An image, ``(rows, columns)``."""
        with self._lock:
            if name not in self._loaded and name in self.photographs():
                self._loaded[name] = _photograph()
            image = self._loaded.get(name)
        if image is not None:
            return image
        raise RefusedError("this image is no longer there; load it again", "input")

    def load(self, name: str, data: bytes) -> str:
        """Decode an image file called ``name``, and return the name that `get` knows it by."""
        with self._decoding:
            image = prepared(_decoded(name, data))
        with self._lock:
            self._count += 1
            key = f"image {self._count}"
            self._loaded[key] = image
            for old in [key for key in self._loaded if key != PHOTOGRAPH][:-MAX_LOADED]:
                del self._loaded[old]
        return key


def _photograph() -> NDArray[np.float64]:
    from skimage import data

    load: Callable[[], NDArray[np.uint8]] = data.astronaut
    return prepared(imageio.Picture(load()))


def _decoded(name: str, data: bytes) -> imageio.Picture:
    try:
        images = imageio.pillow()
    except ImportError as error:
        raise RefusedError(str(error), "input") from None
    with TemporaryDirectory(prefix="fastconv-") as folder:
        path = Path(folder, "image")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about sizes that are refused below
                with images.open(BytesIO(data)) as image:
                    width, height = image.size
                    if image.format == "EPS":  # Ghostscript would run it
                        raise RefusedError(f"{name}: EPS is a program, not an image", "input")
            if width * height > MAX_PIXELS:
                came = f"has {width}×{height} pixels, allowed are {MAX_PIXELS:,} at most"
                raise RefusedError(f"{name}: {came}", "input")
            path.write_bytes(data)
            return imageio.read(path)
        except imageio.ImageFileError as error:
            raise RefusedError(str(error).replace(str(path), name), "input") from None
        except (OSError, ValueError, SyntaxError, images.DecompressionBombError):
            reason = "not an image in a format that Pillow can read"
            raise RefusedError(f"cannot read {name}: {reason}", "input") from None


def prepared(picture: imageio.Picture) -> NDArray[np.float64]:
    """Grey from 0 to 255 in whole numbers, on white, with at most `LONGEST` pixels a side."""
    image = _of_full_scale(picture.color)
    if picture.alpha is not None:
        opacity = _of_full_scale(picture.alpha)
        image = opacity * image + (1 - opacity)
    if image.shape[2] == 3:
        weights = kernels.get("grayscale", np.float64)
        image = fc.conv2d(image, weights[..., None, None], layout="NHWC")
    grey: NDArray[np.float64] = np.rint(255 * image[..., 0])
    return grey


def _of_full_scale(samples: NDArray[Any]) -> NDArray[np.float64]:
    """From 0 to 1, and reduced: integers by the range of their dtype, others by their own."""
    values = _reduced(samples)
    if samples.dtype in (np.uint8, np.uint16):
        return values / float(np.iinfo(samples.dtype).max)
    values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low or 1.0)


def _reduced(samples: NDArray[Any]) -> NDArray[np.float64]:
    """Means of blocks of pixels."""
    step = -(-max(samples.shape[:2]) // LONGEST)
    height, width = (min(step, size) for size in samples.shape[:2])
    rows, columns = samples.shape[0] // height, samples.shape[1] // width
    whole = samples[: rows * height, : columns * width]
    blocks = whole.reshape(rows, height, columns, width, -1)
    means: NDArray[np.float64] = blocks.mean((1, 3), dtype=np.float64)
    return means
