"""Read and write image files with Pillow.

- Samples keep their bit depth.
- Palettes, single bits and other colour spaces become greyscale or RGB.
- The camera's orientation is applied.  A colour profile is kept if it still fits; other metadata
  is dropped.
- All frames of an animation and all pages of a TIFF are read and written, with their durations.
- A file is written completely or not at all.
- Every failure is an :class:`ImageFileError` of one line.

16-bit colour (:mod:`.deepcolor`) is read from PNG and TIFF and written to them, and refused
elsewhere.  (JPEG 2000 and AVIF are read in 8 bits, as in Pillow.)  Pillow's protection against
decompression bombs stays on, and counts the pixels of all frames.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import deepcolor

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = [
    "Film",
    "ImageFileError",
    "Picture",
    "check_target",
    "make_directory",
    "pillow",
    "read",
    "read_frames",
    "replacing",
    "suffixes",
    "write",
    "write_frames",
]

HOLDS: dict[str, dict[str, tuple[int, ...]]] = {
    "PNG": {"uint8": (1, 2, 3, 4), "uint16": (1, 2, 3, 4)},
    "TIFF": {"uint8": (1, 2, 3, 4), "uint16": (1, 2, 3, 4), "int32": (1,), "float32": (1,)},
    "JPEG": {"uint8": (1, 3)},
    "WEBP": {"uint8": (1, 2, 3, 4)},
    "JPEG2000": {"uint8": (1, 2, 3, 4), "uint16": (1,)},
    "AVIF": {"uint8": (1, 2, 3, 4)},
    "GIF": {"uint8": (1, 3, 4)},
    "BMP": {"uint8": (1, 3)},
    "PPM": {"uint8": (1, 3), "uint16": (1,)},
}
"""The formats that are written, and the numbers of channels that they hold of each dtype."""
FILMS = ("TIFF", "GIF", "WEBP", "PNG")
"""The formats that hold several frames or pages."""
CLEAR = 255
"""The palette index of transparent pixels in GIF files that have some."""
CHANNELS = {1: "greyscale", 2: "greyscale with alpha", 3: "RGB", 4: "RGB with alpha"}


class ImageFileError(Exception):
    """A file cannot be read or written; the message is one line with the reason."""

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


@dataclass(frozen=True)
class Film:
    """The frames of an animation, the pages of a TIFF, or one picture."""

    frames: Sequence[Picture]
    timing: dict[str, Any] = field(default_factory=dict)
    """What Pillow calls ``duration`` (a list, in milliseconds), ``loop`` and ``default_image``."""
    lossless: bool = False
    """Whether a format that is usually lossy kept all samples."""


def pillow() -> Any:
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
    return _read(path, first_only=True).frames[0]


def read_frames(path: Path, max_pixels: int | None = None) -> Film:
    """All frames of an image file, which may have ``max_pixels`` in all (default: Pillow's).

    To allow more than Pillow does raises its limit for the whole process meanwhile.
    """
    return _read(path, max_pixels=max_pixels)


def _read(path: Path, first_only: bool = False, max_pixels: int | None = None) -> Film:
    images = pillow()
    usual = images.MAX_IMAGE_PIXELS  # from which on Pillow warns; it refuses twice as many
    limit = max_pixels or 2 * (usual or sys.maxsize)
    raised = usual is not None and limit > 2 * usual
    if raised:
        images.MAX_IMAGE_PIXELS = -(-limit // 2)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about unusual metadata
            with images.open(path) as image:
                one = first_only or image.format not in FILMS
                return _film(path, image, 1 if one else getattr(image, "n_frames", 1), limit)
    except images.UnidentifiedImageError:
        raise ImageFileError(
            "read", path, "not an image in a format that Pillow can read"
        ) from None
    except images.DecompressionBombError:
        reason = f"more than {limit} pixels could be a decompression bomb; --max-pixels allows more"
        raise ImageFileError("read", path, reason) from None
    except Exception as error:  # for broken files, decoders raise anything
        raise ImageFileError("read", path, error) from error
    finally:
        if raised:
            images.MAX_IMAGE_PIXELS = usual


def _film(path: Path, image: ImageFile, count: int, limit: int) -> Film:
    frames, durations, pixels = [], [], 0
    for number in range(count):
        image.seek(number)
        pixels += image.width * image.height
        if pixels > limit:
            raise pillow().DecompressionBombError
        samples = _samples(path, number, image)
        frames.append(_picture(samples, _profile(image)))
        durations.append(image.info.get("duration", 0))
    timing = {} if not any(durations) else {"duration": durations}
    timing |= {key: image.info[key] for key in ("loop", "default_image") if key in image.info}
    lossless = image.format == "WEBP" and _is_lossless(path)
    return Film(frames, timing if count > 1 else {}, lossless)


def _profile(image: ImageFile) -> bytes | None:
    foreign = image.mode in ("CMYK", "HSV", "LAB", "YCbCr")
    return None if foreign else image.info.get("icc_profile")


def _picture(samples: NDArray[Any], profile: bytes | None) -> Picture:
    if samples.ndim == 2:
        return Picture(samples[..., None], None, profile)
    colors = 1 if samples.shape[2] == 2 else 3
    alpha = samples[..., colors:] if colors < samples.shape[2] else None
    return Picture(samples[..., :colors], alpha, profile)


def _samples(path: Path, number: int, image: ImageFile) -> NDArray[Any]:
    from PIL.ImageOps import exif_transpose

    mode = image.mode
    packing = deepcolor.packing_of(image)
    deep_grey = mode.startswith("I;16") or (mode == "I" and image.format == "PPM")
    if (packing or deep_grey) and "transparency" in image.info:
        raise ValueError("16-bit samples with one transparent colour are not supported")
    if packing:
        return deepcolor.read(path, number, packing)
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


def _is_lossless(path: Path) -> bool:
    """Whether the frames of a WebP file are lossless, which its chunks say."""
    kinds = set()
    with open(path, "rb") as file:
        file.seek(12)
        while len(head := file.read(8)) == 8:
            size = int.from_bytes(head[4:], "little")
            kinds.add(head[:4])
            # a frame is a header of 16 bytes and chunks of its own
            file.seek(16 if head[:4] == b"ANMF" else size + size % 2, os.SEEK_CUR)
    return b"VP8L" in kinds and b"VP8 " not in kinds


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


def suffixes() -> set[str]:
    """The suffixes of the formats that can be written."""
    return {suffix for suffix, name in pillow().registered_extensions().items() if name in HOLDS}


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
    write_frames(path, Film([picture]))


def write_frames(path: Path, film: Film, quality: int | None = None) -> None:
    """Write all frames into one file; ``quality`` (1 to 100) is for lossy formats."""
    name, profile = _format(path), film.frames[0].icc_profile
    pages = _pages(film.frames, alike=name != "TIFF")
    _check_holds(path, name, pages)
    deep = any(page.dtype == np.uint16 and page.shape[2] > 1 for page in pages)
    with replacing(path) as file:
        if deep and name == "PNG":
            deepcolor.write_png(file, pages[0], profile)
        elif deep:
            deepcolor.write_tiff(file, pages, profile)
        else:
            clear = name == "GIF" and pages[0].shape[2] == 4
            first, *rest = map(_gif_frame if clear else _frame, pages)
            several = {"save_all": True, "append_images": rest, **film.timing} if rest else {}
            if name == "PNG" and several.get("default_image") and "duration" in several:
                several["duration"] = several["duration"][1:]  # that image has no time of its own
            if clear:  # with 2, what is clear does not show an earlier frame
                several |= {"transparency": CLEAR, "disposal": 2, "optimize": False}
            several |= {"lossless": True} if film.lossless and quality is None else {}
            first.save(file, format=name, icc_profile=profile, quality=quality or 95, **several)


def _pages(frames: Sequence[Picture], alike: bool) -> list[NDArray[Any]]:
    """Colours and alpha of each frame; if they have to be alike, as many channels in each."""
    clear = any(frame.alpha is not None for frame in frames)
    most = max(frame.color.shape[2] for frame in frames)
    pages = []
    for frame in frames:
        color, alpha = frame.color, frame.alpha
        if alike and color.shape[2] < most:
            color = np.repeat(color, most, axis=2)
        if alike and clear and alpha is None:
            alpha = np.full((*color.shape[:2], 1), np.iinfo(color.dtype).max, color.dtype)
        pages.append(color if alpha is None else np.concatenate([color, alpha], axis=2))
    return pages


def _check_holds(path: Path, name: str, pages: Sequence[NDArray[Any]]) -> None:
    for page in pages:
        dtype, channels = str(page.dtype), page.shape[2]
        able = [other for other, holds in HOLDS.items() if channels in holds.get(dtype, ())]
        if name not in able:
            what = f"{CHANNELS[channels]} of {dtype} samples"
            raise ImageFileError(
                "write", path, f"{name} does not hold {what}; {', '.join(able)} can"
            )
    if len(pages) == 1 or name == "TIFF":
        return
    if name not in FILMS or pages[0].dtype != np.uint8:
        able = ["TIFF"] if pages[0].dtype != np.uint8 else list(FILMS)
        what = f"{len(pages)} frames of {pages[0].dtype} samples"
        raise ImageFileError("write", path, f"{name} does not hold {what}; {', '.join(able)} can")
    if len({page.shape for page in pages}) > 1:
        raise ImageFileError("write", path, f"{name} needs frames of one size; TIFF does not")


def _frame(page: NDArray[Any]) -> Any:
    return pillow().fromarray(page[..., 0] if page.shape[2] == 1 else page)


def _gif_frame(page: NDArray[np.uint8]) -> Any:
    """A Pillow image of 255 colours, the last index being what is more clear than opaque."""
    image = pillow().fromarray(page[..., :3]).quantize(CLEAR)
    indices = np.where(page[..., 3] < 128, np.uint8(CLEAR), np.asarray(image))
    indexed = pillow().fromarray(indices, "P")
    indexed.putpalette(image.getpalette())
    return indexed


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file that replaces ``path`` if the block succeeds, and is deleted otherwise.

    An exception in the block becomes an :class:`ImageFileError`.
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".fastconv-{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "x+b") as file:  # TIFF looks back
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
