"""Image files as arrays, and back, by Pillow.

Promises: samples keep the depth that they are stored with; palettes, single bits and exotic color
spaces become greyscale or RGB; the camera's orientation is applied; a color profile that still
fits is kept; a file is written whole or not at all.  Whatever goes wrong is an
:class:`ImageFileError` of one line.

Pillow itself cuts 16-bit color down to 8 bits.  Here it is read whole from PNG and TIFF, and
written to PNG; where that cannot be, it is refused.  Only the first frame of an animation is read,
and of the metadata only the color profile is carried over.
"""

from __future__ import annotations

import os
import struct
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["ImageFileError", "Picture", "check_target", "pillow", "read", "replacing", "write"]


class ImageFileError(Exception):
    """One line about one file: what could not be done with it, and why."""

    def __init__(self, action: str, path: Path, reason: BaseException | str) -> None:
        if isinstance(reason, OSError) and reason.strerror:
            reason = reason.strerror
        text = " ".join(str(reason).split()) or type(reason).__name__
        super().__init__(f"cannot {action} {path}: {text}")


@dataclass(frozen=True)
class Picture:
    """The samples of an image file."""

    color: NDArray[Any]
    """``(H, W, 1)`` or ``(H, W, 3)`` of uint8, uint16, int32 or float32."""
    alpha: NDArray[Any] | None = None
    """``(H, W, 1)``"""
    icc_profile: bytes | None = None


def pillow() -> ModuleType:
    """``PIL.Image``, or an ImportError that says how to get it."""
    try:
        import PIL.Image
        import PIL.ImageOps
    except ImportError:
        raise ImportError("Pillow is not installed: pip install 'fastconv[image]'") from None
    return PIL.Image


# -- reading ------------------------------------------------------------------------------------


def read(path: Path) -> Picture:
    """The first frame of an image file."""
    images = pillow()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # remarks on odd metadata
            with images.open(path) as image:
                deep = _rawmode_of_deep_color(image)
                samples = _deep_color(path, deep) if deep else _samples(image)
                profile = image.info.get("icc_profile") if _has_plain_colors(image) else None
    except images.UnidentifiedImageError:
        raise ImageFileError("read", path, "not an image, or of a kind Pillow lacks") from None
    except Exception as error:  # broken files make decoders raise anything
        raise ImageFileError("read", path, error) from error
    if samples.ndim == 2:
        return Picture(samples[..., None], None, profile)
    colors = 1 if samples.shape[2] == 2 else 3
    alpha = samples[..., colors:] if colors < samples.shape[2] else None
    return Picture(samples[..., :colors], alpha, profile)


def _has_plain_colors(image: ImageFile) -> bool:
    return image.mode not in ("CMYK", "HSV", "LAB", "YCbCr")


def _samples(image: ImageFile) -> NDArray[Any]:
    from PIL.ImageOps import exif_transpose

    mode = image.mode
    if mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        return np.asarray(exif_transpose(image)).astype(np.uint16)
    if image.has_transparency_data:
        wanted = "LA" if mode in ("1", "L", "LA", "La") else "RGBA"
    elif mode == "1":
        wanted = "L"
    else:
        wanted = mode if mode in ("L", "RGB", "I", "F") else "RGB"
    return np.asarray(exif_transpose(image).convert(wanted))


def _rawmode_of_deep_color(image: ImageFile) -> str | None:
    """How the file packs its 16-bit color, where it has any."""
    if image.mode in ("L", "I", "F") or not image.tile:
        return None
    codec, _, _, details = image.tile[0]
    rawmode = details if isinstance(details, str) else str(details[0] if details else "")
    deep_ppm = codec.startswith("ppm") and isinstance(details, tuple) and details[1] > 255
    if not deep_ppm and (";16" not in rawmode or image.mode.startswith("I;16")):
        return None
    if rawmode.partition(";")[0] != image.mode or deep_ppm or image.mode not in ("RGB", "RGBA"):
        raise ValueError("16-bit color is read from PNG and TIFF files of RGB or RGBA only")
    return rawmode


def _deep_color(path: Path, rawmode: str) -> NDArray[np.uint16]:
    """Both bytes of each sample: Pillow keeps the one that the byte order says is the high one."""
    first, second = (_half(path, rawmode, order) for order in "BL")
    order = rawmode[-1]
    little = order == "L" or (order == "N" and sys.byteorder == "little")
    high, low = (second, first) if little else (first, second)
    return high * np.uint16(256) + low


def _half(path: Path, rawmode: str, order: str) -> NDArray[np.uint16]:
    from PIL.ImageOps import exif_transpose

    def reordered(details: Any) -> Any:
        wanted = rawmode[:-1] + order
        return wanted if isinstance(details, str) else (wanted, *details[1:])

    with pillow().open(path) as image:
        image.tile = [(*tile[:3], reordered(tile[3])) for tile in image.tile]
        return np.asarray(exif_transpose(image)).astype(np.uint16)


# -- writing ------------------------------------------------------------------------------------


def check_target(path: Path) -> None:
    """Refuse a path that no image can be written to, before any work is done for it."""
    if path.is_dir():
        raise ImageFileError("write", path, "it is a directory")
    if path.exists() and not path.is_file():
        raise ImageFileError("write", path, "it is not a regular file")
    if not path.parent.is_dir():
        raise ImageFileError("write", path, f"there is no directory {path.parent}")
    if _format(path) not in pillow().SAVE:
        raise ImageFileError("write", path, f"no image format is known for {path.suffix!r}")


def _format(path: Path) -> str | None:
    extensions: dict[str, str] = pillow().registered_extensions()
    return extensions.get(path.suffix.lower())


def write(path: Path, picture: Picture) -> None:
    """Write an image file, in the format that its name says."""
    check_target(path)
    samples, profile = picture.color, picture.icc_profile
    if picture.alpha is not None:
        samples = np.concatenate([samples, picture.alpha], axis=2)
    try:
        with replacing(path) as file:
            if samples.dtype == np.uint16 and samples.shape[2] > 1:
                if _format(path) != "PNG":
                    raise ValueError("16-bit color is written as PNG only")
                _write_deep_png(file, samples, profile)
            else:
                image = pillow().fromarray(samples[..., 0] if samples.shape[2] == 1 else samples)
                # quality: for the formats that know it, little loss
                image.save(file, format=_format(path), icc_profile=profile, quality=95)
    except Exception as error:  # encoders, as decoders, raise anything
        raise ImageFileError("write", path, error) from error


def _write_deep_png(file: BinaryIO, samples: NDArray[np.uint16], profile: bytes | None) -> None:
    def chunk(kind: bytes, data: bytes) -> None:
        file.write(struct.pack(">I", len(data)) + kind + data)
        file.write(struct.pack(">I", zlib.crc32(kind + data)))

    height, width, channels = samples.shape
    color_type = {3: 2, 4: 6}[channels]
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
    """A new file that takes the place of ``path`` once the block has ended well, else vanishes."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".fastconv-{os.urandom(8).hex()}.tmp")
    with open(temporary, "xb") as file:
        try:
            yield file
            file.close()
            os.replace(temporary, target)
        except BaseException:
            file.close()
            temporary.unlink(missing_ok=True)
            raise
