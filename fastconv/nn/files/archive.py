"""States as archives of ``numpy.savez``, written atomically."""

from __future__ import annotations

import os
import tempfile
from math import prod
from typing import BinaryIO
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

__all__ = ["MAGIC", "read", "write"]

MAGIC = b"PK\x03\x04"
"""The first bytes of an archive that is not empty."""
MARK = "fastconv.state"
"""The name of the entry that identifies our archives; it holds the version and number of arrays."""
VERSION = 1
KINDS = "biufc"
"""Kinds of the supported dtypes."""


def write(path: str | os.PathLike[str], state: dict[str, NDArray]) -> None:
    """Write a new file next to the old one, and replace it."""
    folder, name = os.path.split(os.path.abspath(path))
    handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            with ZipFile(file, "w", ZIP_STORED) as archive:
                for key, array in {MARK: np.array([VERSION, len(state)]), **state}.items():
                    with archive.open(ZipInfo(f"{key}.npy"), "w", force_zip64=True) as entry:
                        npy.write_array(entry, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    """The permissions that are removed from new files."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def read(file: BinaryIO, name: str) -> dict[str, NDArray]:
    """All arrays of an archive written by `write`."""
    try:
        with ZipFile(file) as archive:
            entries = archive.infolist()
            if not entries or entries[0].filename != f"{MARK}.npy":
                raise ValueError("not a state that save_state wrote")
            arrays = {each.filename.removesuffix(".npy"): _array(archive, each) for each in entries}
    except (BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{name}: damaged or truncated ({error})") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    mark = arrays.pop(MARK).ravel().tolist()
    if mark[:1] != [VERSION]:
        raise ValueError(f"{name}: of version {mark[:1]}, this library reads version {VERSION}")
    if mark[1:] != [len(arrays)] or len(entries) != len(arrays) + 1:
        raise ValueError(f"{name}: damaged (it has {len(arrays)} arrays of {mark[1:]})")
    return arrays


def _array(archive: ZipFile, entry: ZipInfo) -> NDArray:
    """One array, checked against the length of its entry."""
    if entry.compress_type != ZIP_STORED:
        raise ValueError(f"{entry.filename} is compressed, which save_state does not do")
    with archive.open(entry) as file:
        version = npy.read_magic(file)
        header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}.get(version)
        if header is None:
            raise ValueError(f"{entry.filename} is damaged (a header of version {version})")
        shape, in_columns, dtype = header(file)
        if dtype.kind not in KINDS:
            raise ValueError(f"{entry.filename} holds {dtype}, which are no numbers")
        data = file.read()  # and compares the check sum
    if len(data) != prod(shape) * dtype.itemsize:
        raise ValueError(f"{entry.filename} is damaged ({len(data)} bytes for shape {shape})")
    flat: NDArray = np.frombuffer(data, dtype).copy()
    return flat.reshape(shape, order="F" if in_columns else "C")
