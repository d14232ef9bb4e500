"""The magnitude of vectors, from their components."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np
from numpy.typing import NDArray

__all__ = ["magnitude"]


@np.errstate(all="ignore")
def magnitude(out: NDArray, parts: Sequence[NDArray]) -> None:
    squares: NDArray = np.square(parts[0])
    for part in parts[1:]:
        squares += np.square(part)
    roots = np.sqrt(squares)
    floats = np.finfo(squares.dtype)
    lost = ~((squares > floats.tiny / floats.eps**2) & (squares < np.inf))
    if lost.any():
        roots[lost] = reduce(np.hypot, (part[lost] for part in parts), roots.dtype.type(0))
    np.copyto(out, roots)
