"""Blurs of bytes in fixed point: the definition that the kernels `blur` share.

Numbers have 16 bits, eight of them after the binary point.  Two samples at the same distance from
the middle are replaced by their mean, rounded up.  The mean along an axis is the sum of the sample
in the middle and these means, each multiplied by a 16-bit weight.  Products keep their high 16
bits: nothing overflows, and each product is too small by less than 1/256.
"""

from __future__ import annotations

from functools import lru_cache

from numpy.typing import NDArray

__all__ = ["around", "weights"]

MOST_TAPS = 33
"""The largest number of taps of a factor; errors grow with it."""
ONE = 1 << 16
NEAR_ONE = 1e-5
"""The largest difference between the sum of weights and one."""


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
    """The number to add before the fraction is truncated: a half, and the average truncation error
    of ``products`` products.
    """
    return (ONE >> 9) + products // 2
