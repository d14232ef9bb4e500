"""Matrix products as convolutions with one tap.

NumPy's products run on the threads of a BLAS library, which spin between products, and whose bits
may depend on their number.
"""

from __future__ import annotations

from numpy.typing import NDArray

from ..api import conv1d

__all__ = ["columns", "rows"]


def rows(a: NDArray, b: NDArray, bias: NDArray | None = None) -> NDArray:
    """``a @ b.T + bias``: each row of ``a`` is a position, each row of ``b`` a filter."""
    return conv1d(a, b[:, :, None], bias, layout="NLC", precision="strict")


def columns(a: NDArray, b: NDArray) -> NDArray:
    """``a @ b``: each column of ``b`` is a position, each row of ``a`` a filter."""
    return conv1d(b, a[:, :, None], precision="strict")
