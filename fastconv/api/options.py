"""The types of options that several calls share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

__all__ = ["AlgorithmName", "Border", "Boundary", "Crop", "Nan", "Padding", "PerAxis", "Precision"]

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
