"""The share of a kernel's weight that lies on valid samples, and sums divided by it.

Programs find it (`gaps`) with weights that are made here.  Where they do not, it is one more
correlation: of zeros and ones with weights whose sum is one, or with integers where these are what
the kernel has.
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
"""Of weight, below which sums that are rounded relative to samples nearby are made again."""
REDO_TILE = 32
"""Outputs along each axis that are made again together."""
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""Shares below this are none."""
EXACT_PRODUCT = 1 << 52
"""Below this, the rounded quotient of doubles is that of the whole numbers."""
Weights = Literal["given", "weights", "magnitudes"]
"""Which weights of a kernel sums are made with."""
INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)


class Kernel:
    """The weights that shares are sums of."""

    def __init__(self, problem: Problem, w: tuple[NDArray, ...]) -> None:
        parts = [part.ravel() for part in w] if len(w) > 1 else [w[0].reshape(problem.taps)]
        self.given = tuple(parts) if problem.form.factors else _kernel(parts)
        self.rank = len(problem.axes)
        self._rows: dict[int, NDArray] = {}
        self.exact = problem.exact
        self.whole = problem.exact and problem.dtype.kind in "iu"
        """Whether the quotients are rounded to whole numbers."""
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
        """Of the share of a window without missing samples."""
        self.dtype: np.dtype = problem.compute
        """Of shares."""
        if self.exact:
            self.dtype = FLOAT64 if magnitude < EXACT_PRODUCT else INT64
        elif is_complex:
            self.dtype = np.result_type(problem.compute, np.complex64)

    def sums_dtype(self, problem: Problem) -> np.dtype:
        """Of sums that are to be divided."""
        if self.whole:
            return INT64 if self.signed else problem.compute
        if problem.dtype.kind in "fc" and problem.dtype.itemsize >= 4:
            return problem.dtype
        return np.dtype(np.result_type(problem.compute, np.complex64 if problem.complex else 0.0))

    @cached_property
    def weights(self) -> Any:
        """The weights, integers or with a sum of one."""
        if self.exact:
            return _kernel([part.astype(INT64) for part in self._parts])
        return _kernel([(part / part.sum()).astype(self.dtype) for part in self._parts])

    def rows(self, along: int) -> NDArray:
        """The weights in rows along an axis, as `gaps.Steps` reads them."""
        rows = self._rows.get(along)
        if rows is None:
            given = self.weights
            w = reduce(np.multiply.outer, given) if isinstance(given, tuple) else given
            rows = self._rows[along] = gaps.rows(w, along)
        return rows

    def floor(self, least: float) -> float:
        """The share below which nothing is left."""
        return max(least - self.tolerance, SMALLEST)

    @cached_property
    def magnitudes(self) -> Any:
        """Those of the weights, divided by their sum."""
        parts = [abs(part).astype(FLOAT64) for part in self._parts]
        return _kernel([part / part.sum() for part in parts])


def _kernel(parts: list[NDArray]) -> Any:
    """Factors, or the one array that there is."""
    return tuple(parts) if len(parts) > 1 else parts[0]


class Shares:
    """The shares of weight of a kernel."""

    def __init__(self, problem: Problem, w: tuple[NDArray, ...]) -> None:
        self.kernel = Kernel(problem, w)
        self._problem = problem
        self._filtered = problem.order[len(problem.batch) :]
        self._packed: tuple[NDArray, ...] | None = None

    def packed(self, plan: Plan) -> tuple[NDArray, ...]:
        """The packed weights of a plan for these, with a sum of one."""
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
        """Divide the sums of a box of outputs that a plan made, in place, and tell where less is
        left than the least share, or nothing.

        ``valid`` has all samples that they read.
        """
        kernel = self.kernel
        box, read = touched(self._problem, valid, outs)
        if any(part.start == part.stop for part in box):
            return
        sums, valid = sums[box], np.ascontiguousarray(valid[read])
        lost = None if lost is None else lost[box]
        of = self._planned(plan, valid, "weights", kernel.dtype, threads, "auto")
        shares = of._run(valid, None)
        magnitudes = None
        if kernel.signed and least:
            of_all = self._planned(plan, valid, "magnitudes", FLOAT64, threads, "auto")
            magnitudes = of_all._run(valid, None)
        rough = not kernel.exact and (_is_rough(plan) or _is_rough(of))
        if rough and (shares.dtype.kind == "c" or shares.min() < SMALL_SHARE):
            lengths = [shares.shape[along] for along in self._filtered]
            some = any_in_window(valid != 0, self._filtered, self._problem.axes, lengths)
            np.copyto(shares, 0, where=~some)
            np.copyto(sums, 0, where=~some)
            small = some & (abs(shares) < SMALL_SHARE)
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
            how = _divide_exactly if kernel.exact else _divide
            how(kernel, least, sums, shares, magnitudes, lost)

    def _tiles(self, small: NDArray, shape: tuple[int, ...]) -> Iterator[tuple[Box, NDArray]]:
        """Tiles of a box in which some outputs have to be made again, and which of their outputs
        that are.
        """
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
        """A plan for the sums of all windows that lie on an array, with weights of the kernel."""
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
        how = algorithm, plan.backend, threads
        w = getattr(self.kernel, of)
        return make_plan(lower.correlation, call, (w,), options, *how, once=True)


def of(plan: Plan) -> Shares:
    """The shares of weight of a plan's kernel, which the plan keeps."""
    if plan._shares is None:
        plan._shares = Shares(plan._recipe.problem, plan._w)
    shares: Shares = plan._shares
    return shares


def _within(outer: Box, inner: Box) -> Box:
    """A box that lies in another one."""
    return tuple(
        [slice(o.start + i.start, o.start + i.stop) for o, i in zip(outer, inner, strict=True)]
    )


def _is_rough(plan: Plan) -> bool:
    """Whether sums are rounded relative to more than their own terms."""
    rank = plan._recipe.problem.form.rank
    return plan.algorithm == "fft" or (plan.algorithm == "separable" and (rank or 1) > 1)


def _divide(
    kernel: Kernel,
    min_share: float,
    part: NDArray,
    shares: NDArray,
    magnitudes: NDArray | None,
    lost: NDArray | None,
) -> None:
    """Sums over shares; NaN, and marked as lost, where a share is none or less than the least."""
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
    """Integers over integers, rounded half to even if the result is to be an integer."""
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
    whole = part.astype(np.int64).astype(object) if part.dtype != object else part
    whole, weights = whole * total * np.sign(weights), abs(weights)
    quotients, rest = whole // weights, 2 * (whole % weights)
    quotients += (rest > weights) | ((rest == weights) & (quotients % 2 == 1))
    if part.dtype != object:
        quotients = np.clip(quotients, -(1 << 63), (1 << 63) - 1)
    np.copyto(part, quotients, where=~none, casting="unsafe")
