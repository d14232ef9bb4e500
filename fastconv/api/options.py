"""The types of options that several calls share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from ..config import BackendName

__all__ = [
    "AlgorithmName",
    "Border",
    "Boundary",
    "Crop",
    "How",
    "Nan",
    "Options",
    "Padding",
    "PerAxis",
    "Precision",
]

Boundary = Literal["constant", "nearest", "symmetric", "mirror", "wrap"]
Border = Boundary | Literal["ignore"]
Nan = Literal["propagate", "ignore", "fill"]
AlgorithmName = Literal[
    "auto",
    "box",
    "separable",
    "sparse",
    "fft",
    "winograd",
    "pointwise",
    "depthwise",
    "gemm",
    "direct",
]
Precision = Literal["fast", "strict"]
PerAxis = int | Sequence[int]
Crop = int | Sequence[int] | Sequence[Sequence[int]]
Padding = Crop | Literal["same", "same_lower", "valid"]

How = tuple[AlgorithmName, BackendName | None, int | None]
"""The fields of `Options` as a plain tuple."""


class Options(NamedTuple):
    """How sums are computed: the keywords that fastconv adds to those of SciPy."""

    algorithm: AlgorithmName
    backend: BackendName | None
    threads: int | None
