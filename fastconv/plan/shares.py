"""The share of a kernel's weight that lies on valid samples, and sums divided by it.

A share is one more correlation: of zeros and ones with weights whose sum is one, or with integers
where these are what the kernel has.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import backends, lower
from ..problem import dtypes
from ..problem.problem import Problem
from .choose import make_plan
from .plan import Plan
from .select import in_blocks
from .touched import Box, any_in_window, boxes, padded

__all__ = ["Shares"]

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
        is_complex = any(part.dtype.kind == "c" for part in parts)
        number = object if self.exact else np.complex128 if is_complex else np.float64
        self._parts = [part.astype(number) for part in parts]
        terms = sum([part.size for part in parts])
        eps = 0.0 if self.exact else float(np.finfo(problem.compute).eps)
        magnitude = prod([abs(part).sum() for part in self._parts])
        self.total = prod([part.sum() for part in self._parts])
        lower.check_has_weight(problem.name, self.total, magnitude, eps * terms)
        self.signed = is_complex or any((part < 0).any() for part in self._parts)
        self.tolerance = eps * (8 + 2 * sqrt(terms)) * float(magnitude / abs(self.total))
        """Of the share of a window without missing samples."""
        self.dtype: np.dtype = problem.compute
        """Of shares."""
        if self.exact:
            self.dtype = FLOAT64 if magnitude < EXACT_PRODUCT else INT64
        elif is_complex:
            self.dtype = np.result_type(problem.compute, np.complex64)

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


class Shares:
    """The shares of the outputs of one call."""

    def __init__(
        self, plan: Plan, valid: NDArray | None, ignored: frozenset[int], algorithm: str
    ) -> None:
        problem = plan._recipe.problem
        self._problem, self._kernel = problem, Kernel(problem, plan._w)
        self._algorithm = "direct" if algorithm == "direct" else "auto"
        self._backend, self._threads = plan.backend, plan._threads
        self._filtered = problem.order[len(problem.batch) :]
        edges = self._edges = [along in ignored for along in self._filtered]
        self.boxes: list[Box] = []
        """Of outputs whose windows may have a missing sample."""
        if 0 in problem.out_shape or (valid is None and not any(edges)):
            return
        self.boxes = boxes(valid, self._filtered, problem.axes, edges)
        if valid is None:
            lengths = [1] * len(problem.x_shape)
            for along, axis in zip(self._filtered, problem.axes, strict=True):
                lengths[along] = axis.size
            valid = np.ones(lengths, bool)
        self._valid = valid

    def _read(self, values: NDArray, box: Box) -> NDArray:
        """What a box of outputs reads; where axes meet beyond the array, missing ones prevail."""
        outside = 1 if values.dtype.kind == "b" else self._problem.cval
        beyond = [0 if edge else outside for edge in self._edges]
        order = sorted(range(len(box)), key=self._edges.__getitem__)
        return padded(
            values,
            [self._filtered[i] for i in order],
            [self._problem.axes[i] for i in order],
            tuple([box[i] for i in order]),
            [beyond[i] for i in order],
        )

    @property
    def sums_dtype(self) -> np.dtype:
        """Of sums that are to be divided."""
        problem = self._problem
        if problem.exact:
            return INT64 if self._kernel.signed else problem.compute
        if problem.dtype.kind in "fc" and problem.dtype.itemsize >= 4:
            return problem.dtype
        return np.dtype(np.result_type(problem.compute, np.complex64 if problem.complex else 0.0))

    def divide(
        self,
        sums: NDArray,
        plan: Plan,
        samples: NDArray,
        box: Box,
        min_share: float,
        gone: NDArray | None,
    ) -> None:
        """Divide the sums of a box, in place, and tell where nothing is left.

        ``plan`` made them of ``samples``, which have zeros in the place of missing ones.
        """
        kernel = self._kernel
        where = _along(self._filtered, box, sums.ndim)
        valid = self._read(self._valid, box)
        shares = self._of(valid, kernel.weights, kernel.dtype)
        magnitudes = None
        if kernel.signed and min_share:
            magnitudes = self._of(valid, kernel.magnitudes, FLOAT64)
        part = sums[where]
        lost = None if gone is None else gone[where]
        if not kernel.exact and (_is_rough(plan) or _is_rough(self._last)):
            self._redo(part, shares, valid, samples, box, plan)
        least = max(min_share - kernel.tolerance, SMALLEST) if min_share else SMALLEST
        plain = not kernel.signed and part.dtype == shares.dtype and part.dtype.kind == "f"
        if plain and not kernel.exact:
            backend, full = backends.load(plan.backend), 1 - kernel.tolerance

            def divide(out: NDArray, of: NDArray) -> None:
                backend.divide(out, of, full, least)

            if lost is not None:
                np.less(shares, least, out=lost)
            items = np.ascontiguousarray(part)
            in_blocks(divide, (items, shares), self._threads)
            if items is not part:
                part[...] = items
            return
        with np.errstate(all="ignore"):
            how = _divide_exactly if kernel.exact else _divide
            how(kernel, min_share, part, shares, magnitudes, lost)

    def _of(self, values: NDArray, w: Any, dtype: np.dtype, algorithm: str = "") -> NDArray:
        """The sums of all windows that lie on an array."""
        problem = self._problem
        if values.dtype.kind == "b":
            values = values.view(np.uint8)
        options = {
            "flip": False,
            "axes": self._filtered,
            "mode": "valid",
            "boundary": "constant",
            "cval": 0,
            "origin": 0,
            "stride": tuple([axis.stride for axis in problem.axes]),
            "dilation": tuple([axis.dilation for axis in problem.axes]),
            "out_dtype": None,
            "dtype": dtype,
        }
        self._last = make_plan(
            lower.correlation,
            (problem.name, values.shape, values.dtype),
            (w,),
            options,
            algorithm or self._algorithm,
            self._backend,
            self._threads,
            once=True,
        )
        return self._last._run(values, None)

    def _redo(
        self,
        part: NDArray,
        shares: NDArray,
        valid: NDArray,
        samples: NDArray,
        box: Box,
        plan: Plan,
    ) -> None:
        """Sum directly what is small against the samples nearby that it was rounded with."""
        kernel, axes = self._kernel, self._problem.axes
        lengths = [p.stop - p.start for p in box]
        if shares.dtype.kind == "f" and shares.min() >= SMALL_SHARE:
            return
        some = any_in_window(valid, self._filtered, axes, lengths)
        np.copyto(shares, 0, where=~some)
        np.copyto(part, 0, where=~some)
        small = some & (abs(shares) < SMALL_SHARE)
        for corner in product(*[range(0, n, REDO_TILE) for n in lengths]):
            tile = tuple(
                [slice(c, min(c + REDO_TILE, n)) for c, n in zip(corner, lengths, strict=True)]
            )
            where = _along(self._filtered, tile, part.ndim)
            if not small[where].any():
                continue
            outs = tuple(
                [slice(a.start + p.start, a.stop + p.start) for a, p in zip(tile, box, strict=True)]
            )
            again = self._of(self._read(self._valid, outs), kernel.weights, kernel.dtype, "direct")
            np.copyto(shares[where], again, where=small[where])
            again = self._of(self._read(samples, outs), kernel.given, part.dtype, "direct")
            np.copyto(part[where], again, where=small[where])


def _along(filtered: Sequence[int], box: Box, rank: int) -> Box:
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
    np.copyto(shares, 1, where=near)
    np.copyto(shares, np.nan, where=none)
    np.divide(part, shares, out=part, casting="unsafe")
    if lost is not None:
        lost[...] = none


def _divide_exactly(
    kernel: Kernel,
    min_share: float,
    part: NDArray,
    shares: NDArray,
    magnitudes: NDArray | None,
    lost: NDArray,
) -> None:
    """Integers over integers, rounded half to even."""
    none = shares == 0
    if magnitudes is not None:
        none |= magnitudes < min_share * (1 - 1e-12)
    elif min_share:
        none |= shares < min_share * kernel.total * (1 - 1e-12)
    lost[...] = none
    total = kernel.total
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
