"""The operations of ``fastconv apply --kernel``: a named kernel, a filter, a file, or numbers."""

from __future__ import annotations

import argparse
import inspect
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

import fastconv as fc

from .. import filters, kernels
from ..problem import dtypes
from . import imageio

__all__ = [
    "FILTERS",
    "Operation",
    "operation",
    "option",
    "parse_rows",
    "read_weights",
    "white",
]

SHARED = {"boundary", "cval", "channel_axis", "out", "algorithm", "backend", "threads"}
"""Keywords of all filters, which are no parameters of a single one."""
MISSING_DATA = {"nan", "mask", "min_weight", "fill_value"}
"""Keywords for missing data, which image files do not have."""


class Operation(NamedTuple):
    """What happens to an image."""

    run: Callable[[NDArray[Any], DTypeLike], NDArray[Any]]
    """From an image ``(H, W, channels)`` to its result in a dtype."""
    averages: bool = False
    """Whether it takes weighted means over pixels, so that colours have to be weighted by alpha."""
    gain: float = 1.0
    """The sum of the weights."""


def _parameters(name: str) -> dict[str, inspect.Parameter]:
    """The parameters of a filter, without the image and the keywords that all filters share."""
    _, *rest = inspect.signature(getattr(filters, name)).parameters.values()
    return {one.name: one for one in rest if one.name not in SHARED | MISSING_DATA}


FILTERS = {
    name: _parameters(name) for name in filters.__all__ if name not in ("local_moments", "Moments")
}
"""The parameters of each filter that makes one image, by their names."""


def option(parameter: str) -> str:
    """The option for a parameter of a filter."""
    return f"--{parameter.replace('_', '-')}"


def operation(arguments: argparse.Namespace) -> Operation:
    """The operation that the arguments of ``fastconv apply`` describe."""
    name = arguments.kernel
    given = {
        key: getattr(arguments, key)
        for parameters in FILTERS.values()
        for key in parameters
        if getattr(arguments, key) is not None
    }
    if name in FILTERS and (given or name not in kernels.names()):
        return _filter(name, given, arguments)
    if given:
        options = ", ".join(map(option, given))
        raise ValueError(f"{options} is for filters, but --kernel {name!r} is not a filter")
    if name in kernels.names():
        row = kernels.info(name)
        if row.kind == "color":
            return _matrix(row.array(), row.bias, arguments)
        return _weights(row.array(), arguments)
    return _weights(read_weights(name), arguments)


def white(dtype: np.dtype) -> int:
    """The value of white: the largest integer, or 1."""
    return int(np.iinfo(dtype).max) if dtype.kind in "iu" else 1


def _filter(name: str, given: dict[str, Any], arguments: argparse.Namespace) -> Operation:
    function, parameters = getattr(filters, name), FILTERS[name]
    for key in given:
        if key not in parameters:
            takes = ", ".join(map(option, parameters)) or "no parameters"
            raise ValueError(f"{name} has no {option(key)}; it takes {takes}")
    for key, parameter in parameters.items():
        if parameter.default is parameter.empty and key not in given:
            raise ValueError(f"{name} needs {option(key)}")
    rows, columns = arguments.stride

    def run(image: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        result = function(
            image,
            **given,
            boundary=arguments.boundary,
            channel_axis=2,
            out=np.empty(image.shape, dtype),
            backend=arguments.backend,
        )
        return np.asarray(result)[::rows, ::columns]

    smooths = name in ("box", "motion_blur") or (name == "gaussian" and not given.get("order"))
    return Operation(run, smooths)


def _weights(weights: NDArray[Any], arguments: argparse.Namespace) -> Operation:
    def run(image: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        return fc.correlate(
            image,
            weights,
            axes=(0, 1),
            boundary=arguments.boundary,
            stride=arguments.stride,
            dtype=dtype,
            backend=arguments.backend,
        )

    averages = bool(np.all(weights >= 0) and np.count_nonzero(weights) > 1)
    return Operation(run, averages, float(np.sum(weights, dtype=np.float64)))


def _matrix(weights: NDArray[Any], bias: float, arguments: argparse.Namespace) -> Operation:
    """A matrix over the channels; ``bias`` is a fraction of white."""

    def run(image: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
        matrix = weights
        if image.shape[2] == 1:  # grey is three equal channels; three equal results are grey again
            matrix = matrix.sum(axis=1, keepdims=True, dtype=matrix.dtype)
            matrix = matrix[:1] if np.ptp(matrix) == 0 else matrix
        size = (-(-n // s) for n, s in zip(image.shape[:2], arguments.stride, strict=True))
        return fc.conv2d(
            image,
            matrix[..., None, None],
            np.full(len(matrix), bias * white(image.dtype), image.dtype) if bias else None,
            arguments.stride,
            layout="NHWC",
            out=np.empty((*size, len(matrix)), dtype),
            backend=arguments.backend,
        )

    return Operation(run)


# -- weights from files and from the command line ---------------------------------------------


def read_weights(text: str) -> NDArray[Any]:
    """The weights of a file, or those that the text spells out."""
    if os.path.isfile(text):
        return _load(Path(text))
    if re.match(r"\s*[-+]?\.?\d", text):
        try:
            return parse_rows(text)
        except ValueError as error:
            raise ValueError(
                f"--kernel {text!r}: no file, and not rows of numbers: {error}"
            ) from None
    try:
        return kernels.get(text)
    except ValueError as error:
        hint = "nor is it a file; 'fastconv kernels' lists the names"
        raise ValueError(f"--kernel: {error}, {hint}") from None


def _load(path: Path) -> NDArray[Any]:
    try:
        if path.suffix.lower() != ".npy":
            return parse_rows(path.read_text(encoding="utf-8-sig"))
        with path.open("rb") as file:
            return _checked(np.atleast_2d(np.lib.format.read_array(file)))
    except UnicodeDecodeError:
        raise imageio.ImageFileError("read kernel", path, "neither .npy nor text") from None
    except (OSError, ValueError, MemoryError) as error:
        raise imageio.ImageFileError("read kernel", path, error) from error


def parse_rows(text: str) -> NDArray[Any]:
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
        return _checked(weights.astype(np.float32))


def _checked(weights: NDArray[Any]) -> NDArray[Any]:
    real = dtypes.supported(weights.dtype) and weights.dtype.kind != "c"
    if not real or weights.ndim != 2 or not weights.size:
        raise ValueError(f"not a matrix of numbers but {weights.dtype} of shape {weights.shape}")
    if not np.isfinite(weights).all():
        raise ValueError("its weights are not all finite")
    return weights
