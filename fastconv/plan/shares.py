"""The share of a kernel's weight that lies on valid samples, and the division of sums by it.

Programs compute shares (`gaps`) with weights that are prepared here.  Without a program, shares are
one more correlation: of zeros and ones with weights whose sum is one, or with the integer weights
of the kernel.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, reduce
from itertools import product
from math import prod, sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import lower
from ..problem import dtypes
from ..problem.problem import Problem
from . import gaps
from .choose import make_plan
from .plan import Plan
from .samples import Box, Samples
from .touched import any_in_window, touched

__all__ = ["Kernel", "Shares", "of"]

SMALL_SHARE = 1 / 64
"""Sums whose rounding error is relative to nearby samples are recomputed below this share."""
REDO_TILE = 32
"""Outputs along each axis of a tile that is recomputed."""
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""Shares below this count as zero."""
EXACT_PRODUCT = 1 << 52
"""Below this, the rounded quotient of doubles equals that of the integers."""
Weights = Literal["given", "weights", "magnitudes"]
"""The attribute of `Kernel` with the weights of a correlation."""
INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)


class Kernel:
    """The weights of a kernel, as shares need them."""

    def __init__(self, problem: Problem, w: tuple[NDArray, ...]) -> None:
        parts = [part.ravel() for part in w] if len(w) > 1 else [w[0].reshape(problem.taps)]
        self.given = tuple(parts) if problem.form.factors else _kernel(parts)
        self.rank = len(problem.axes)
        self._rows: dict[int, NDArray] = {}
        self.exact = problem.exact
        self.whole = problem.exact and problem.dtype.kind in "iu"
        """Whether quotients are rounded to integers."""
        is_complex = any(part.dtype.kind == "c" for part in parts)
        number = object if self.exact else np.complex128 if is_complex else np.float64
        self._parts = [part.astype(number) for part in parts]
        terms = sum([part.size for part in parts])
        eps = 0.0 if self.exact else float(np.finfo(problem.compute).eps)
        magnitude = prod([abs(part).sum() for part in self._parts])
        self.total = prod([part.sum() for part in self._parts])
        lower.check_has_weight(problem.name, self.total, magnitude, eps * terms)
        if self.exact:
            lower.check_sums_fit(problem.name, magnitude)
        self.signed = is_complex or any((part < 0).any() for part in self._parts)
        self.tolerance = eps * (8 + 2 * sqrt(terms)) * float(magnitude / abs(self.total))
        """The rounding error of the share of a window without missing samples."""
        self.dtype: np.dtype = problem.compute
        """The dtype of shares."""
        if self.exact:
            self.dtype = FLOAT64 if magnitude < EXACT_PRODUCT else INT64
        elif is_complex:
            self.dtype = np.result_type(problem.compute, np.complex64)

    def sums_dtype(self, problem: Problem) -> np.dtype:
        """The dtype of sums that are to be divided."""
        if self.whole:
            return INT64 if self.signed else problem.compute
        if problem.dtype.kind in "fc" and problem.dtype.itemsize >= 4:
            return problem.dtype
        return np.dtype(np.result_type(problem.compute, np.complex64 if problem.complex else 0.0))

    @cached_property
    def weights(self) -> Any:
        """The weights, as integers or scaled to a sum of one."""
        if self.exact:
            return _kernel([part.astype(INT64) for part in self._parts])
        return _kernel([(part / part.sum()).astype(self.dtype) for part in self._parts])

    def rows(self, along: int) -> NDArray:
        """The weights in rows along an axis, as `gaps.Steps` reads them; cached."""
        rows = self._rows.get(along)
        if rows is None:
            given = self.weights
            w = reduce(np.multiply.outer, given) if isinstance(given, tuple) else given
            rows = self._rows[along] = gaps.rows(w, along)
        return rows

    def floor(self, least: float) -> float:
        """The share below which a window has no result."""
        return max(least - self.tolerance, SMALLEST)

    @cached_property
    def magnitudes(self) -> Any:
        """The magnitudes of the weights, divided by their sum."""
        parts = [abs(part).astype(FLOAT64) for part in self._parts]
        return _kernel([part / part.sum() for part in parts])


def _kernel(parts: list[NDArray]) -> Any:
    """A tuple of factors, or the single array."""
    return tuple(parts) if len(parts) > 1 else parts[0]


class Shares:
    """Divides sums by the shares of a kernel's weight that lie on valid samples."""

    def __init__(self, problem: Problem, w: tuple[NDArray, ...]) -> None:
        self.kernel = Kernel(problem, w)
        self._problem = problem
        self._filtered = problem.order[len(problem.batch) :]
        self._packed: tuple[NDArray, ...] | None = None

    def packed(self, plan: Plan) -> tuple[NDArray, ...]:
        """The packed weights of a plan, scaled to a sum of one."""
        if self._packed is None:
            first, *others = plan._packed.arrays[:-1]
            scaled = (first / float(self.kernel.total)).astype(first.dtype)
            self._packed = scaled, *others
        return self._packed

    def divide(
        self,
        plan: Plan,
        sums: NDArray,
        outs: Box,
        valid: NDArray[np.uint8],
        samples: Samples,
        lost: NDArray | None,
        least: float,
        threads: int | None,
    ) -> None:
        """Divide a plan's sums for a box of outputs in place.

        ``valid`` covers all samples that they read.  ``lost`` is set where a share is zero or below
        ``least``.
        """
        kernel = self.kernel
        box, read = touched(self._problem, valid, outs)
        if any(part.start == part.stop for part in box):
            return
        sums, valid = sums[box], np.ascontiguousarray(valid[read])
        lost = None if lost is None else lost[box]
        summed = self._planned(plan, valid, "weights", kernel.dtype, threads, "auto")
        shares = summed._run(valid, None)
        magnitudes = None
        if kernel.signed and least:
            all_summed = self._planned(plan, valid, "magnitudes", FLOAT64, threads, "auto")
            magnitudes = all_summed._run(valid, None)
        rough = not kernel.exact and any(gaps.is_rough(each._recipe) for each in (plan, summed))
        if rough and (shares.dtype.kind == "c" or shares.min() < SMALL_SHARE):
            lengths = [shares.shape[along] for along in self._filtered]
            reached = any_in_window(valid != 0, self._filtered, self._problem.axes, lengths)
            np.copyto(shares, 0, where=~reached)
            np.copyto(sums, 0, where=~reached)
            small = reached & (abs(shares) < SMALL_SHARE)
            for tile, part in self._tiles(small, sums.shape):
                x = samples.read(_within(outs, _within(box, tile)))
                again = self._planned(plan, x, "given", plan.dtype, threads, "direct")
                np.copyto(sums[tile], again._run(x, None), where=part)
            for tile, part in self._tiles(small, shares.shape):
                place = [slice(None)] * valid.ndim
                for along, axis in zip(self._filtered, self._problem.axes, strict=True):
                    low, high = axis.reads(tile[along].start, tile[along].stop)
                    place[along] = slice(low + axis.before, high + axis.before)
                x = valid[tuple(place)]
                again = self._planned(plan, x, "weights", kernel.dtype, threads, "direct")
                np.copyto(shares[tile], again._run(x, None), where=part)
        with np.errstate(all="ignore"):
            divide = _divide_exactly if kernel.exact else _divide
            divide(kernel, least, sums, shares, magnitudes, lost)

    def _tiles(self, small: NDArray, shape: tuple[int, ...]) -> Iterator[tuple[Box, NDArray]]:
        """Tiles of a box that contain small shares, with the mask of these in each tile."""
        steps = [REDO_TILE if axis in self._filtered else n for axis, n in enumerate(shape)]
        for corner in product(*[range(0, n, s) for n, s in zip(shape, steps, strict=True)]):
            tile = tuple(
                [slice(c, min(c + s, n)) for c, s, n in zip(corner, steps, shape, strict=True)]
            )
            if small[tile].any():
                yield tile, small[tile]

    def _planned(
        self,
        plan: Plan,
        values: NDArray,
        of: Weights,
        dtype: np.dtype,
        threads: int | None,
        algorithm: str,
    ) -> Plan:
        """A plan that sums all windows within an array with weights of the kernel."""
        axes = self._problem.axes
        options = {
            "flip": False,
            "axes": self._filtered,
            "mode": "valid",
            "boundary": "constant",
            "cval": 0,
            "origin": 0,
            "stride": tuple([axis.stride for axis in axes]),
            "dilation": tuple([axis.dilation for axis in axes]),
            "out_dtype": None,
            "dtype": dtype,
        }
        call = self._problem.name, values.shape, values.dtype
        choices = algorithm, plan.backend, threads
        w = getattr(self.kernel, of)
        return make_plan(lower.correlation, call, (w,), options, *choices, once=True)


def of(plan: Plan) -> Shares:
    """The `Shares` of a plan's kernel, kept by the plan."""
    if plan._shares is None:
        plan._shares = Shares(plan._recipe.problem, plan._w)
    shares: Shares = plan._shares
    return shares


def _within(outer: Box, inner: Box) -> Box:
    """A box relative to another one, in absolute coordinates."""
    return tuple(
        [slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)]
    )


def _divide(
    kernel: Kernel,
    min_share: float,
    part: NDArray,
    shares: NDArray,
    magnitudes: NDArray | None,
    lost: NDArray | None,
) -> None:
    """Divide sums by shares; NaN, and marked in ``lost``, where a share is zero or too small."""
    near = abs(shares - 1) <= kernel.tolerance
    none = abs(shares) <= kernel.tolerance if kernel.signed else shares <= 0
    if min_share:
        none |= (shares if magnitudes is None else magnitudes) < min_share - kernel.tolerance
    divisors = np.where(near, 1, shares)
    divisors[none] = np.nan
    np.divide(part, divisors, out=part, casting="unsafe")
    if lost is not None:
        lost[...] = none


def _divide_exactly(
    kernel: Kernel,
    min_share: float,
    part: NDArray,
    shares: NDArray,
    magnitudes: NDArray | None,
    lost: NDArray | None,
) -> None:
    """Divide integers by integers, rounding half to even if the result is an integer."""
    none = shares == 0
    if magnitudes is not None:
        none |= magnitudes < min_share * (1 - 1e-12)
    elif min_share:
        none |= shares < min_share * kernel.total * (1 - 1e-12)
    if lost is not None:
        lost[...] = none
    total = kernel.total
    if not kernel.whole:
        np.multiply(part, total / np.where(none, np.nan, shares), out=part, casting="unsafe")
        return
    bound = dtypes.largest_value(part) * abs(total)
    if bound < EXACT_PRODUCT and shares.dtype.kind == "f":
        quotients = np.rint(part.astype(FLOAT64) * float(total) / shares)
        np.copyto(part, quotients, where=~none, casting="unsafe")
        return
    weights = np.where(none, 1, shares).astype(np.int64).astype(object)
    numerators = part.astype(np.int64).astype(object) if part.dtype != object else part
    numerators, weights = numerators * total * np.sign(weights), abs(weights)
    quotients, rest = numerators // weights, 2 * (numerators % weights)
    quotients += (rest > weights) | ((rest == weights) & (quotients % 2 == 1))
    if part.dtype != object:
        quotients = np.clip(quotients, -(1 << 63), (1 << 63) - 1)
    np.copyto(part, quotients, where=~none, casting="unsafe")
