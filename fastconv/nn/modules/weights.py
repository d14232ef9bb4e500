"""Initial weights of layers."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from ... import lower
from .base import Parameter

__all__ = ["Rng", "biases", "he_normal"]

Rng: TypeAlias = "np.random.Generator | int | None"


def he_normal(name: str, shape: Sequence[int], terms: int, rng: Rng, dtype: DTypeLike) -> Parameter:
    """Random weights that preserve the variance through a ReLU, on average (He et al. 2015)."""
    source = lower.generator(rng, f"{name}: rng")
    wanted = lower.float_dtype(dtype, f"{name}: dtype")
    weights = source.standard_normal(shape) * sqrt(2 / terms)
    return Parameter(weights.astype(wanted))


def biases(name: str, wanted: object, count: int, weight: Parameter) -> Parameter | None:
    """A bias of zeros, or None if there is none."""
    if not lower.flag(wanted, f"{name}: bias"):
        return None
    return Parameter(np.zeros(count, weight.value.dtype))
