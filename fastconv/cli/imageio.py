"""Read and write image files with Pillow.

- Samples keep their bit depth.
- Palettes, single bits and other colour spaces become greyscale or RGB.
- The camera's orientation is applied.  A colour profile is kept if it still fits; other metadata
  is dropped.
- Only the first frame of an animation is read.
- A file is written completely or not at all.
- Every failure is an :class:`ImageFileError` of one line.

Pillow reduces 16-bit colour to 8 bits.  Here, 16-bit colour is read from PNG and TIFF and written
to PNG, and refused elsewhere.  (JPEG 2000 and AVIF are read in 8 bits, as in Pillow.)  Pillow's
protection against decompression bombs stays on.
"""

from __future__ import annotations

import logging
import os
import shutil
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = [
    "ImageFileError",
    "Picture",
    "check_target",
    "make_directory",
    "pillow",
    "read",
    "replacing",
    "write",
]

HOLDS: dict[str, dict[str, tuple[int, ...]]] = {
    "PNG": {"uint8": (1, 2, 3, 4), "uint16": (1, 2, 3, 4)},
    "TIFF": {"uint8": (1, 2, 3, 4), "uint16": (1,), "int32": (1,), "float32": (1,)},
    "JPEG": {"uint8": (1, 3)},
    "WEBP": {"uint8": (1, 2, 3, 4)},
    "JPEG2000": {"uint8": (1, 2, 3, 4), "uint16": (1,)},
    "AVIF": {"uint8": (1, 2, 3, 4)},
    "GIF": {"uint8": (1, 3)},
    "BMP": {"uint8": (1, 3)},
    "PPM": {"uint8": (1, 3), "uint16": (1,)},
}
"""The formats that are written, and the numbers of channels that they hold of each dtype."""
CHANNELS = {1: "greyscale", 2: "greyscale with alpha", 3: "RGB", 4: "RGB with alpha"}


class ImageFileError(Exception):
    """What could not be done with a file, and why, in one line."""

    def __init__(self, action: str, path: Path, reason: BaseException | str) -> None:
        if isinstance(reason, OSError) and reason.strerror:
            reason = reason.strerror
        super().__init__(f"cannot {action} {path}: {reason or type(reason).__name__}")


@dataclass(frozen=True)
class Picture:
    """The samples of an image file."""

    color: NDArray[Any]
    """``(H, W, 1)`` or ``(H, W, 3)`` of uint8, uint16, int32 or float32."""
    alpha: NDArray[Any] | None = None
    """``(H, W, 1)``"""
    icc_profile: bytes | None = None


def pillow() -> ModuleType:
    """``PIL.Image``, or an ImportError that says how to install it."""
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError:
        raise ImportError("Pillow is not installed: pip install 'fastconv[image]'") from None
    logging.getLogger("PIL").addHandler(logging.NullHandler())  # errors are raised anyway
    return PIL.Image


# -- reading ------------------------------------------------------------------------------------


def read(path: Path) -> Picture:
    """The first frame of an image file."""
    images = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual metadata
            with images.open(path) as image:
                samples = _samples(path, image)
                foreign = image.mode in ("CMYK", "HSV", "LAB", "YCbCr")
                profile = None if foreign else image.info.get("icc_profile")
    except images.UnidentifiedImageError:
        raise ImageFileError(
            "read", path, "not an image in a format that Pillow can read"
        ) from None
    except Exception as error:  # for broken files, decoders raise anything
        raise ImageFileError("read", path, error) from error
    if samples.ndim == 2:
        return Picture(samples[..., None], None, profile)
    colors = 1 if samples.shape[2] == 2 else 3
    alpha = samples[..., colors:] if colors < samples.shape[2] else None
    return Picture(samples[..., :colors], alpha, profile)


def _samples(path: Path, image: ImageFile) -> NDArray[Any]:
    from PIL.ImageOps import exif_transpose

    mode = image.mode
    packing = _packing_of_deep_color(image)
    deep_grey = mode.startswith("I;16") or (mode == "I" and image.format == "PPM")
    if (packing or deep_grey) and "transparency" in image.info:
        raise ValueError("16-bit samples with one transparent colour are not supported")
    if packing:
        return _deep_color(path, packing)
    if deep_grey:
        return np.asarray(exif_transpose(image)).astype(np.uint16)
    if image.has_transparency_data:
        wanted = "LA" if mode in ("1", "L", "LA", "La") else "RGBA"
    elif mode == "1":
        wanted = "L"
    else:
        wanted = mode if mode in ("L", "RGB", "I", "F") else "RGB"
    samples = np.asarray(exif_transpose(image).convert(wanted))
    unsigned = mode == "I" and image.format == "TIFF" and image.getexif().get(339, (1,)) == (1,)
    if unsigned and samples.min() < 0:
        raise ValueError("32-bit samples above 2147483647 are not supported")
    return samples


def _packing_of_deep_color(image: ImageFile) -> str | None:
    """Pillow's name for how the file packs its 16-bit colour, or None."""
    if image.mode in ("L", "I", "F") or image.mode.startswith("I;16") or not image.tile:
        return None
    details = image.tile[0].args
    packing = str(details[0] if isinstance(details, tuple) else details)
    in_planes = False
    if image.format == "PPM":
        deep = isinstance(details, tuple) and details[1] > 255
    elif image.format == "TIFF":
        bits_per_sample, planar = (image.getexif().get(tag, (1,)) for tag in (258, 284))
        deep, in_planes = max(np.atleast_1d(bits_per_sample)) > 8, planar == 2
    else:
        deep = ";16" in packing
    if not deep:
        return None
    if in_planes or packing[:-1] not in ("RGB;16", "RGBA;16"):
        raise ValueError("16-bit colour is read only from PNG and interleaved TIFF, as RGB or RGBA")
    return packing


def _deep_color(path: Path, packing: str) -> NDArray[np.uint16]:
    """Both bytes of each sample.

    Pillow keeps the high byte, so the file is read once in each byte order.
    """
    first, second = (_half(path, packing[:-1] + order) for order in "BL")
    little = packing[-1] == "L" or (packing[-1] == "N" and sys.byteorder == "little")
    high, low = (second, first) if little else (first, second)
    return high * np.uint16(256) + low


def _half(path: Path, packing: str) -> NDArray[np.uint16]:
    from PIL.ImageOps import exif_transpose

    def repacked(args: Any) -> Any:
        return (packing, *args[1:]) if isinstance(args, tuple) else packing

    with pillow().open(path) as image:
        image.tile = [tile._replace(args=repacked(tile.args)) for tile in image.tile]
        return np.asarray(exif_transpose(image)).astype(np.uint16)


# -- writing ------------------------------------------------------------------------------------


def check_target(path: Path) -> None:
    """Refuse a path that cannot be written to, before any work is done."""
    if path.is_dir():
        raise ImageFileError("write", path, "it is a directory")
    if path.exists() and not path.is_file():
        raise ImageFileError("write", path, "it is not a regular file")
    if path.exists() and not os.access(path, os.W_OK):
        raise ImageFileError("write", path, "it is write-protected")
    if not path.parent.is_dir():
        raise ImageFileError("write", path, f"there is no directory {path.parent}")
    if _format(path) not in HOLDS:
        reason = f"the suffix {path.suffix!r} is none of {', '.join(HOLDS)}"
        raise ImageFileError("write", path, reason)
    if _format(path) not in pillow().SAVE:
        raise ImageFileError("write", path, f"this Pillow was built without {_format(path)}")


def _format(path: Path) -> str:
    extensions: dict[str, str] = pillow().registered_extensions()
    return extensions.get(path.suffix.lower(), "")


def make_directory(path: Path) -> None:
    """Make a directory for images, unless it exists."""
    try:
        path.mkdir(exist_ok=True)
    except FileExistsError:
        raise ImageFileError("write into", path, "it is not a directory") from None
    except OSError as error:
        raise ImageFileError("make directory", path, error) from error


def write(path: Path, picture: Picture) -> None:
    """Write an image file in the format of its suffix; see :func:`check_target`."""
    samples, profile, name = picture.color, picture.icc_profile, _format(path)
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha], axis=2)
    dtype, channels = str(samples.dtype), samples.shape[2]
    able = [other for other, holds in HOLDS.items() if channels in holds.get(dtype, ())]
    if name not in able:
        what = f"{CHANNELS[channels]} of {dtype} samples"
        raise ImageFileError("write", path, f"{name} does not hold {what}; {', '.join(able)} can")
    with replacing(path) as file:
        if dtype == "uint16" and channels > 1:
            _write_deep_png(file, samples, profile)
        else:
            image = pillow().fromarray(samples[..., 0] if channels == 1 else samples)
            # quality: for lossy formats
            image.save(file, format=name, icc_profile=profile, quality=95)


def _write_deep_png(file: BinaryIO, samples: NDArray[np.uint16], profile: bytes | None) -> None:
    def chunk(kind: bytes, data: bytes) -> None:
        file.write(struct.pack(">I", len(data)) + kind + data)
        file.write(struct.pack(">I", zlib.crc32(kind + data)))

    height, width, channels = samples.shape
    color_type = {2: 4, 3: 2, 4: 6}[channels]
    rows = np.ascontiguousarray(samples, ">u2").view(np.uint8).reshape(height, -1)
    less_row_above = np.diff(rows, axis=0, prepend=np.zeros_like(rows[:1]))  # filter type 2
    file.write(b"\x89PNG\r\n\x1a\n")
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))
    if profile:
        chunk(b"iCCP", b"icc\0\0" + zlib.compress(profile))
    chunk(b"IDAT", zlib.compress(np.insert(less_row_above, 0, 2, axis=1).tobytes()))
    chunk(b"IEND", b"")


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that replaces ``path`` if the block succeeds, and is deleted otherwise.

    An exception in the block becomes an :class:`ImageFileError`.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".fastconv-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
        if target.exists():
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, Exception):  # encoders raise anything, too
            raise ImageFileError("write", path, error) from error
        raise
