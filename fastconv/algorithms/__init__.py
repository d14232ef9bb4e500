"""The algorithms by name, each one a file.  A new one is a file and a word in ``ORDER``.

`direct`, the plain sum over all taps, is last and refuses nothing.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module

from .base import Algorithm

__all__ = ["ORDER", "Algorithm", "load"]

ORDER = (
    "box",
    "separable",
    "sparse",
    "fft",
    "winograd",
    "pointwise",
    "depthwise",
    "gemm",
    "direct",
)


@cache
def load(name: str) -> Algorithm:
    """The algorithm of a name."""
    algorithm: Algorithm = import_module(f"{__name__}.{name}").algorithm
    return algorithm
