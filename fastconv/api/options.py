"""The types of options that several calls take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

__all__ = ["AlgorithmName", "Boundary", "PerAxis", "Precision"]

Boundary = Literal["constant", "nearest", "symmetric", "mirror", "wrap"]
PerAxis = int | Sequence[int]
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
