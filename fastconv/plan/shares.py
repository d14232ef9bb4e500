"""The share of a kernel's weight that lies on valid samples, and sums divided by it.

A share is one more correlation: of zeros and ones with weights whose sum is one, or with integers
where these are what the kernel has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import backends, config, lower
from ..problem import dtypes
from ..problem.problem import Problem
from ..run.elementwise import elementwise
from .choose import make_plan
from .plan import Plan
from .select import without
from .touched import Box, any_in_window, boxes, padded

__all__ = ["Kernel", "Shares", "along"]

SMALL_SHARE = 1 / 64
"""Of weight, below which sums that are rounded relative to samples nearby are made again."""
REDO_TILE = 32
"""Outputs along each axis that are made again together."""
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""Shares below this are none."""
EXACT_PRODUCT = 1 << 52
"""Below this, the rounded quotient of doubles is that of the whole numbers."""
INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)


class Kernel:
    """The weights that shares are sums of."""

    def __init__(self, problem: Problem, w: tuple[NDArray, ...]) -> None:
        parts = [part.ravel() for part in w] if len(w) > 1 else [w[0].reshape(problem.taps)]
        self.given = _kernel(parts)
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

    @property
    def weights(self) -> Any:
        """The weights, integers or with a sum of one."""
        if self.exact:
            return _kernel([part.astype(INT64) for part in self._parts])
        return _kernel([(part / part.sum()).astype(self.dtype) for part in self._parts])

    @property
    def magnitudes(self) -> Any:
        """Those of the weights, divided by their sum."""
        parts = [abs(part).astype(FLOAT64) for part in self._parts]
        return _kernel([part / part.sum() for part in parts])


def _kernel(parts: list[NDArray]) -> Any:
    """Factors, or the one array that there is."""
    return tuple(parts) if len(parts) > 1 else parts[0]


class Known(NamedTuple):
    """What is known of the windows of a box of outputs."""

    shares: NDArray
    magnitudes: NDArray | None
    """Shares of the magnitudes of weights, where these have signs and it matters."""
    some: NDArray | None
    """Whether any sample is valid, where sums are rough."""
    small: NDArray | None
    """Whether the share is so small that the sum has to be made again."""


class Shares:
    """The shares of the outputs of one call, or of all calls with the same valid samples."""

    def __init__(
        self,
        plan: Plan,
        kernel: Kernel,
        valid: NDArray | None,
        ignored: frozenset[int],
        min_share: float,
    ) -> None:
        self._plan, self._problem, self._kernel = plan, plan._recipe.problem, kernel
        self._min_share = min_share
        self.filtered = self._problem.order[len(self._problem.batch) :]
        self._edges = [along in ignored for along in self.filtered]
        self._known: dict[tuple[tuple[int, int], ...], Known] = {}
        self.boxes: list[Box] = []
        """Of outputs whose windows may have a missing sample."""
        if 0 in self._problem.out_shape or (valid is None and not any(self._edges)):
            return
        self.boxes = boxes(valid, self.filtered, self._problem.axes, self._edges)
        if valid is None:
            lengths = [1] * len(self._problem.x_shape)
            for along, axis in zip(self.filtered, self._problem.axes, strict=True):
                lengths[along] = axis.size
            valid = np.ones(lengths, bool)
        self._valid = valid

    @property
    def whole(self) -> bool:
        """Whether all sums are better made without missing samples, not those of boxes again."""
        return _is_rough(self._plan) or self.boxes == [_whole(self._problem)]

    def sums_of(self, samples: NDArray, box: Box) -> NDArray:
        """The sums of a box, by the plan's algorithm."""
        return self._sums_of(samples, box, self._plan.algorithm)

    def _sums_of(self, samples: NDArray, box: Box, algorithm: str) -> NDArray:
        valid = self._read(self._valid, box, True)
        filled = without(self._read(samples, box, self._problem.cval), valid, self._plan)
        return self._sums(filled, self._kernel.given, self._plan.dtype, algorithm)

    def divide(self, sums: NDArray, samples: NDArray, box: Box, lost: NDArray | None) -> None:
        """Divide the sums of a box, in place, and tell where nothing is left."""
        kernel, least = self._kernel, self._min_share
        key = tuple([(part.start, part.stop) for part in box])
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._find(box)
        shares = known.shares
        if known.some is not None:
            np.copyto(sums, 0, where=~known.some)
        for tile, outs, small in self._tiles(box, known.small):
            np.copyto(sums[tile], self._sums_of(samples, outs, "direct"), where=small)
        floor = max(least - kernel.tolerance, SMALLEST) if least else SMALLEST
        plain = sums.dtype == shares.dtype and sums.dtype.kind == "f"
        if kernel.exact or kernel.signed or not plain:
            with np.errstate(all="ignore"):
                how = _divide_exactly if kernel.exact else _divide
                how(kernel, least, sums, shares, known.magnitudes, lost)
            return
        backend, full = backends.load(self._plan.backend), 1 - kernel.tolerance

        def divide(out: NDArray, of: NDArray) -> None:
            backend.divide(out, of, full, floor)

        if lost is not None:
            np.less(shares, floor, out=lost)
        elementwise(divide, (sums, shares), config.resolve_threads(self._plan._threads))

    def _find(self, box: Box) -> Known:
        kernel = self._kernel
        valid = self._read(self._valid, box, True)
        plan = self._planned(valid.shape, np.dtype(np.uint8), kernel.weights, kernel.dtype)
        shares = plan._run(valid.view(np.uint8), None)
        magnitudes = some = small = None
        if kernel.signed and self._min_share:
            magnitudes = self._sums(valid, kernel.magnitudes, FLOAT64)
        rough = not kernel.exact and (_is_rough(self._plan) or _is_rough(plan))
        if rough and (shares.dtype.kind == "c" or shares.min() < SMALL_SHARE):
            lengths = [part.stop - part.start for part in box]
            some = any_in_window(valid, self.filtered, self._problem.axes, lengths)
            np.copyto(shares, 0, where=~some)
            small = some & (abs(shares) < SMALL_SHARE)
            for tile, outs, part in self._tiles(box, small):
                read = self._read(self._valid, outs, True)
                again = self._sums(read, kernel.weights, kernel.dtype, "direct")
                np.copyto(shares[tile], again, where=part)
        return Known(shares, magnitudes, some, small)

    def _tiles(self, box: Box, small: NDArray | None) -> Iterator[tuple[Box, Box, NDArray]]:
        """Tiles of a box in which some outputs have to be made again, as an index of the box and as
        a box of outputs, and which of their outputs that are.
        """
        if small is None:
            return
        lengths = [part.stop - part.start for part in box]
        for corner in product(*[range(0, n, REDO_TILE) for n in lengths]):
            stops = [min(c + REDO_TILE, n) for c, n in zip(corner, lengths, strict=True)]
            tile = along(self.filtered, tuple(map(slice, corner, stops)), small.ndim)
            if small[tile].any():
                first = [part.start for part in box]
                outs = [slice(a + b, a + c) for a, b, c in zip(first, corner, stops, strict=True)]
                yield tile, tuple(outs), small[tile]

    def _read(self, values: NDArray, box: Box, outside: complex) -> NDArray:
        """What a box of outputs reads, with zeros beyond edges that are ignored."""
        beyond = [0 if edge else outside for edge in self._edges]
        order = sorted(range(len(box)), key=self._edges.__getitem__)
        return padded(
            values,
            [self.filtered[i] for i in order],
            [self._problem.axes[i] for i in order],
            tuple([box[i] for i in order]),
            [beyond[i] for i in order],
        )

    def _sums(self, values: NDArray, w: Any, dtype: np.dtype, algorithm: str = "auto") -> NDArray:
        """The sums of all windows that lie on an array."""
        if values.dtype.kind == "b":
            values = values.view(np.uint8)
        return self._planned(values.shape, values.dtype, w, dtype, algorithm)._run(values, None)

    def _planned(
        self,
        shape: tuple[int, ...],
        of: np.dtype,
        w: Any,
        dtype: np.dtype,
        algorithm: str = "auto",
    ) -> Plan:
        axes, plan = self._problem.axes, self._plan
        options = {
            "flip": False,
            "axes": self.filtered,
            "mode": "valid",
            "boundary": "constant",
            "cval": 0,
            "origin": 0,
            "stride": tuple([axis.stride for axis in axes]),
            "dilation": tuple([axis.dilation for axis in axes]),
            "out_dtype": None,
            "dtype": dtype,
        }
        call = self._problem.name, shape, of
        how = algorithm, plan.backend, plan._threads
        return make_plan(lower.correlation, call, (w,), options, *how, once=True)


def _whole(problem: Problem) -> Box:
    """All outputs."""
    return tuple([slice(0, axis.out) for axis in problem.axes])


def along(filtered: Sequence[int], box: Box, rank: int) -> Box:
    """A box as an index of an array."""
    where = [slice(None)] * rank
    for along, part in zip(filtered, box, strict=True):
        where[along] = part
    return tuple(where)


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
