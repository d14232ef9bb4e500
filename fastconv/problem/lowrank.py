"""Low-rank kernels: a dense kernel as a sum of a few products of 1-D factors, if it is one.

The product through the largest weight (its row times its column, divided by it) is subtracted until
only rounding errors are left.  A row of zeros stays zero in such products, and if one product is
enough, each weight is accurate to a few units in the last place.
"""

from __future__ import annotations

from functools import reduce
from math import gcd, hypot, prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST", "Product", "factors"]

MOST = 3
"""Products of a kernel, at most."""
SLACK = 4
"""Safety factor on the bound of a determinant above which a kernel is not of low rank."""
GROWTH = 2
"""Largest ratio of the magnitudes of several products to those of the weights they sum up to."""

Product = tuple[NDArray, ...]
"""One 1-D factor for each axis with more than one tap."""


@np.errstate(all="ignore")
def factors(w: NDArray, most: int = MOST) -> list[Product] | None:
    """Up to ``most`` products that sum up to the kernel, or None if there are none.

    ``w`` has axes with more than one tap.  Its dtype is float32, float64, int64 or object, and the
    factors have the same.  For integers, only one exact product of integers is looked for.  For
    floats, a weight and the sum ``t`` of its products differ by at most
    ``eps * sum(w.shape) * sum(abs(t))``; one product of whole numbers is exact.  More than one
    product is looked for only in two dimensions.
    """
    w = w.squeeze()
    if _is_surely_not(w):
        return None
    if w.dtype.kind != "f":
        found = _whole_product(w.astype(object))
        return None if found is None else [tuple(f.astype(w.dtype) for f in found)]
    if not np.all(np.isfinite(w)):
        return None
    wide = w.astype(np.float64)
    if np.all(wide == np.rint(wide)) and np.abs(wide).max() <= 2**53:
        found = _whole_product(wide)
        if found is not None:
            return [tuple(f.astype(w.dtype) for f in found)]
    return _products(wide, most if w.ndim == 2 else 1, w.dtype)


def _is_surely_not(w: NDArray) -> bool:
    """A cheap test whether 4×4 of the weights already rule out a sum of `MOST` products.

    The determinant of such a sum is zero up to the errors that `factors` allows: for each of four
    rows, at most ``2 * error`` times the lengths of the three other rows.
    """
    if w.ndim < 2 or min(w.shape[:2]) < MOST + 1:
        return False
    plane = w if w.ndim == 2 else w.reshape(*w.shape[:2], -1)[..., 0]
    down, across = (w.shape[0] - 1) // MOST, (w.shape[1] - 1) // MOST
    picked = plane[: MOST * down + 1 : down, : MOST * across + 1 : across].tolist()
    determinant = abs(_determinant(picked))
    if w.dtype.kind != "f":
        return bool(determinant)
    error = float(np.finfo(w.dtype).eps) * sum(w.shape) * GROWTH * float(np.abs(w).sum())
    length = max([hypot(*row) for row in picked])
    bound = length + error
    return determinant > SLACK * 8 * error * bound * bound * bound


def _determinant(rows: list[list[float]]) -> float:
    """The determinant of 4×4 numbers, from the 2×2 ones of the upper and the lower half."""
    (a, b, c, d), (e, f, g, h), (i, j, k, m), (n, o, p, q) = rows
    return (
        (a * f - b * e) * (k * q - m * p)
        - (a * g - c * e) * (j * q - m * o)
        + (a * h - d * e) * (j * p - k * o)
        + (b * g - c * f) * (i * q - m * n)
        - (b * h - d * f) * (i * p - k * n)
        + (c * h - d * g) * (i * o - j * n)
    )


def _products(w: NDArray, most: int, dtype: np.dtype) -> list[Product] | None:
    found: list[Product] = []
    rest, magnitude = w, np.zeros_like(w)
    allowed = float(np.finfo(dtype).eps) * sum(w.shape)
    for _ in range(most):
        found.append(tuple(f.astype(dtype) for f in _rounded_product(rest)))
        term = _outer(tuple(f.astype(np.float64) for f in found[-1]))
        rest, magnitude = rest - term, magnitude + np.abs(term)
        if np.all(np.abs(rest) <= allowed * magnitude):
            return found if _is_safe(w, found, magnitude) else None
    return None


def _rounded_product(w: NDArray) -> Product:
    """Floating-point factors of the product through the largest weight.

    The magnitudes of each factor but the first sum up to less than one, so that filtering with it
    cannot overflow.
    """
    lines, peak = _through_peak(w)
    others = [line / peak for line in lines[1:]]
    sizes = [int(np.frexp(np.abs(line).sum())[1]) for line in others]
    scaled = (np.ldexp(line, -size) for line, size in zip(others, sizes, strict=True))
    return (np.ldexp(lines[0], sum(sizes)), *scaled)


def _is_safe(w: NDArray, found: list[Product], magnitude: NDArray) -> bool:
    """Whether one product is zero exactly where the weights are, or several hardly cancel."""
    if len(found) > 1:
        return bool(magnitude.sum() <= GROWTH * np.abs(w).sum())
    return np.array_equal(_outer(tuple(f != 0 for f in found[0])), w != 0)


def _whole_product(w: NDArray) -> Product | None:
    """Factors of whole numbers, all but the first without a common divisor."""
    lines, peak = _through_peak(w)
    if peak == 0:
        return lines
    divisors = [gcd(*map(int, line)) for line in lines[1:]]
    others = [line // divisor for line, divisor in zip(lines[1:], divisors, strict=True)]
    at_peak = prod(int(peak) // divisor for divisor in divisors)
    product = (lines[0] // at_peak, *others)
    return product if np.array_equal(_outer(product), w) else None


def _through_peak(w: NDArray) -> tuple[Product, float]:
    """The lines of weights along all axes through the largest weight, and that weight."""
    peak = np.unravel_index(int(np.argmax(np.abs(w))), w.shape)
    rank = range(w.ndim)
    lines = (tuple(slice(None) if i == axis else peak[i] for i in rank) for axis in rank)
    return tuple(w[line] for line in lines), w[peak]


def _outer(product: Product) -> NDArray:
    """The outer product of the factors."""
    return reduce(np.multiply.outer, product)
