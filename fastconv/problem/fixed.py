"""Weights in fixed point, for means of bytes: the definition that the kernels `blur` share.

A number of 16 bits has eight of them behind the point.  The mean along an axis is a sum of products
of 16-bit weights with the sample in the middle and with the means, rounded up, of two samples at
the same distance from it; products are cut off after their high 16 bits.  So nothing overflows, and
each product is less than 1/256 too small.
"""

from __future__ import annotations

from functools import lru_cache

from numpy.typing import NDArray

__all__ = ["around", "weights"]

MOST_TAPS = 33
"""Taps of the longest factor: errors grow with them."""
ONE = 1 << 16
NEAR_ONE = 1e-5
"""How far the sum of weights may be from one."""


def weights(factor: NDArray) -> tuple[int, ...] | None:
    """The weights of the middle of a factor and of the pairs around it, whose sum is 2**16.

    None if it is not a symmetric mean of an odd number of taps that 16 bits can represent.
    """
    return _weights(tuple(factor.ravel().tolist())) if factor.size <= MOST_TAPS else None


@lru_cache(maxsize=256)
def _weights(factor: tuple[float, ...]) -> tuple[int, ...] | None:
    half, even = divmod(len(factor) - 1, 2)
    if even or factor != factor[::-1] or min(factor) < 0 or not abs(sum(factor) - 1) <= NEAR_ONE:
        return None
    pairs = [round(2 * weight * ONE) for weight in factor[half + 1 :]]
    middle = ONE - sum(pairs)
    return (middle, *pairs) if 0 <= middle < ONE and max(pairs) < ONE else None


def around(products: int) -> int:
    """What is added to a result of so many products before its fraction is cut off: a half, and
    what they have lost on average.
    """
    return (ONE >> 9) + products // 2
