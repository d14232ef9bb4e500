"""The last step of sums, compiled for a dtype when it is first seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numba import from_dtype, types

from .on_disk import compile_kept

__all__ = ["compiled"]

# mypy: disable-error-code="no-untyped-def"


@numba.njit(nogil=True)
def row_of(items, bias):
    """Add the bias to some sums, and say whether all of them are finite."""
    finite = True
    for i in range(len(items)):
        items[i] += bias
        finite &= np.abs(items[i]) < np.inf
    return finite


def finish(out, bias):
    """Add the bias to all sums, and say whether they are finite."""
    finite = True
    for k, i, j in np.ndindex(out.shape[:3]):
        finite &= row_of(out[k, i, j], bias[k])
    return finite


def compiled(dtype: np.dtype) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items = from_dtype(dtype)
    out, bias = types.Array(items, 4, "A"), types.Array(items, 1, "A", readonly=True)
    return compile_kept(finish, types.boolean(out, bias))
