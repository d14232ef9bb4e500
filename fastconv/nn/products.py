"""Matrix products as convolutions with one tap.

NumPy's products run on the threads of a BLAS library.  They spin between products, and their number
may change the bits of results.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..plan.repeated import Repeated

__all__ = ["columns", "rows"]

MIN_COLUMNS = 4
"""The fewest rows of ``a`` that fill vectors when they become columns."""
OPTIONS = {
    "stride": 1,
    "padding": 0,
    "dilation": 1,
    "groups": 1,
    "boundary": "constant",
    "activation": None,
    "precision": "strict",
    "out_dtype": None,
}
_rows = Repeated("Linear", 1, layout="NLC", **OPTIONS)
_columns = Repeated("Linear", 1, layout="NCL", **OPTIONS)


def rows(a: NDArray, b: NDArray, bias: NDArray | None = None) -> NDArray:
    """``a @ b.T + bias``: each row of ``a`` is a position, each row of ``b`` a filter.

    If there are more filters than positions, transposing the positions and the result is cheaper
    than packing the filters.
    """
    if MIN_COLUMNS <= len(a) < len(b):
        products = _columns(np.ascontiguousarray(a.T), b[:, :, None], bias)
        return np.ascontiguousarray(products.T)
    return _rows(a, b[:, :, None], bias)


def columns(a: NDArray, b: NDArray) -> NDArray:
    """``a @ b``: each column of ``b`` is a position, each row of ``a`` a filter."""
    return _columns(b, a[:, :, None])
