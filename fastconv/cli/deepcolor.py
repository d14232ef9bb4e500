"""16-bit colour, which Pillow reduces to 8 bits: read from PNG and TIFF, written to both."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["packing_of", "read", "write_png", "write_tiff"]


def packing_of(image: ImageFile) -> str | None:
    """Pillow's name for how a frame packs its 16-bit colour, or None."""
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


def read(path: Path, frame: int, packing: str) -> NDArray[np.uint16]:
    """Both bytes of each sample.

    Pillow keeps the high byte, so the frame is read once in each byte order.
    """
    first, second = (_half(path, frame, packing[:-1] + order) for order in "BL")
    little = packing[-1] == "L" or (packing[-1] == "N" and sys.byteorder == "little")
    high, low = (second, first) if little else (first, second)
    return high * np.uint16(256) + low


def _half(path: Path, frame: int, packing: str) -> NDArray[np.uint16]:
    import PIL.Image
    from PIL.ImageOps import exif_transpose

    def repacked(args: Any) -> Any:
        return (packing, *args[1:]) if isinstance(args, tuple) else packing

    with PIL.Image.open(path) as image:
        image.seek(frame)
        image.tile = [tile._replace(args=repacked(tile.args)) for tile in image.tile]
        return np.asarray(exif_transpose(image)).astype(np.uint16)


def write_png(file: BinaryIO, samples: NDArray[np.uint16], profile: bytes | None) -> None:
    """Write ``(H, W, channels)``."""

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


def write_tiff(file: BinaryIO, pages: Sequence[NDArray[np.uint16]], profile: bytes | None) -> None:
    """Write pages ``(H, W, channels)``."""
    try:
        import tifffile
    except ImportError:
        raise ImportError(
            "16-bit colour in TIFF needs tifffile: pip install 'fastconv[tiff]'"
        ) from None
    with tifffile.TiffWriter(file) as writer:
        for page in pages:
            channels = page.shape[2]
            writer.write(
                page if channels > 1 else page[..., 0],
                photometric="rgb" if channels > 2 else "minisblack",
                planarconfig="contig" if channels > 1 else None,
                extrasamples=["unassalpha"] if channels in (2, 4) else None,
                iccprofile=profile,
                metadata=None,
                contiguous=False,
            )
