"""What filters of arrays with missing samples must give, in plain loops; and what is missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracle
from oracle import Expected


def expected(
    x: Any, invalid: Any, w: Any, *, boundary: Any = "constant", cval: Any = 0, **how: Any
) -> Expected:
    """Sums over valid samples, times the sum of all weights over that of the valid ones.

    The loops ask for the positions of samples; 0 stands for the constant.
    """
    x, invalid = np.asarray(x), np.broadcast_to(invalid, np.shape(x))
    ignored = [name == "ignore" for name in np.atleast_1d(boundary)]
    plain = ["constant" if name == "ignore" else name for name in np.atleast_1d(boundary)]
    places = np.arange(1, x.size + 1).reshape(x.shape)
    asked = oracle.correlate(places, w, boundary=plain[0] if len(plain) == 1 else plain, **how)
    values = np.empty(asked.shape, object)
    magnitude = np.zeros(asked.shape)
    flat, gone = oracle.numbers(x).ravel(), invalid.ravel()
    for point in np.ndindex(asked.shape):
        total = valid = size = held = 0
        for weight, place in asked.products(point):
            total += weight
            size += abs(weight)
            if place:
                outside, sample = gone[place - 1], flat[place - 1]
            else:
                outside, sample = any(ignored), cval
            if not outside:
                valid += weight
                held += weight * sample
                magnitude[point] += abs(weight) * abs(sample)
        if abs(valid) < 1e-12 * size:
            values[point] = None
            magnitude[point] = 0
        else:
            values[point] = held if valid == total else _quotient(held * total, valid)
            magnitude[point] *= abs(total / valid)
    return Expected(values, magnitude, 2 * asked.terms + 20)


def _quotient(a: Any, b: Any) -> Any:
    """A fraction; of whole numbers, the whole number nearest to it, halves to even."""
    if isinstance(a, int) and isinstance(b, int):
        a, b = (a, b) if b > 0 else (-a, -b)
        low, rest = divmod(a, b)
        return low + (2 * rest > b or (2 * rest == b and low % 2 == 1))
    return a / b


def filled(wanted: Expected, value: Any) -> Expected:
    """The same with a value where there is no result."""
    values = np.where(np.equal(wanted.values, None), value, wanted.values)
    return Expected(values, wanted.magnitude, wanted.terms)


def holes(shape: tuple[int, ...], share: float = 0.15, seed: int = 3) -> np.ndarray:
    """Scattered places, and a block larger than the smaller kernels."""
    missing = np.random.default_rng(seed).random(shape) < share
    missing[tuple(slice(1, 1 + min(6, n - 1)) for n in shape)] = True
    return missing


def with_nan(x: np.ndarray, missing: np.ndarray) -> np.ndarray:
    x = x.copy()
    x[np.broadcast_to(missing, x.shape)] = np.nan
    return x
