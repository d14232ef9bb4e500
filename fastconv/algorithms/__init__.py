"""The algorithms by name.  To add one, write a file and add its name to ``ORDER``.

The last one, `direct`, is the plain sum over all taps and refuses nothing.
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
    """The algorithm with the given name."""
    algorithm: Algorithm = import_module(f"{__name__}.{name}").algorithm
    return algorithm
