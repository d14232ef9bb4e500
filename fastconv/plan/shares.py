"""The share of a kernel's weight that lies on valid samples, and sums divided by it.

A share is one more correlation: of zeros and ones with weights whose sum is one, or with integers
where these are what the kernel has.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, reduce
from itertools import product
from math import prod, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import backends, lower
from ..algorithms import rates
from ..problem import dtypes
from ..problem.problem import Problem
from ..run.workspace import LINE, Workspace
from .choose import make_plan
from .memo import Memo
from .plan import Plan
from .samples import Box, Samples, empty, reads
from .touched import any_in_window, touched

__all__ = ["Kernel", "Known", "Shares"]

SMALL_SHARE = 1 / 64
"""Of weight, below which sums that are rounded relative to samples nearby are made again."""
REDO_TILE = 32
"""Outputs along each axis that are made again together."""
DEDUCTION = 8
"""Times as long as a product, for a weight that is taken from a share."""
LEAST_KEPT = 0.25
"""Shares below which those that were deducted from one may be too rough."""
SMALLEST = float(np.finfo(np.float32).smallest_subnormal)
"""Shares below this are none."""
MAX_PLANS = 64
"""Plans for parts of arrays that are remembered."""
EXACT_PRODUCT = 1 << 52
"""Below this, the rounded quotient of doubles is that of the whole numbers."""
Weights = Literal["given", "weights", "magnitudes"]
"""Which weights of a kernel sums are made with."""
INT64 = np.dtype(np.int64)
FLOAT64 = np.dtype(np.float64)


class Rows(NamedTuple):
    """Weights in rows, each for outputs that lie side by side in memory."""

    weights: NDArray
    """Reversed, and filled up with zeros to a multiple of a cache line."""
    starts: NDArray[np.int64]
    """Where, from a sample, the first of these outputs lies."""
    width: int
    """The weights of a row."""


class Kernel:
    """The weights that shares are sums of."""

    def __init__(self, problem: Problem, w: tuple[NDArray, ...]) -> None:
        parts = [part.ravel() for part in w] if len(w) > 1 else [w[0].reshape(problem.taps)]
        self.given = tuple(parts) if problem.form.factors else _kernel(parts)
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

    def rows(self, steps: tuple[int, ...]) -> Rows:
        """The weights in rows, for taps that are so many items apart along each axis."""
        given = self.weights
        w = reduce(np.multiply.outer, given) if isinstance(given, tuple) else given
        places = [np.arange(n) * step for n, step in zip(w.shape, steps, strict=True)]
        before: NDArray[np.int64] = reduce(np.add.outer, places)
        width = 1
        if 1 in steps:
            w, before = [np.moveaxis(array, steps.index(1), -1) for array in (w, before)]
            width = w.shape[-1]
        w, before = w.reshape(-1, width), before.reshape(-1, width)
        used = w.any(axis=1)
        line = LINE // self.dtype.itemsize
        rows = np.zeros((int(used.sum()), -(-width // line) * line), self.dtype)
        rows[:, :width] = w[used, ::-1]
        return Rows(rows, -before[used, -1], width)

    @cached_property
    def magnitudes(self) -> Any:
        """Those of the weights, divided by their sum."""
        parts = [abs(part).astype(FLOAT64) for part in self._parts]
        return _kernel([part / part.sum() for part in parts])


def _kernel(parts: list[NDArray]) -> Any:
    """Factors, or the one array that there is."""
    return tuple(parts) if len(parts) > 1 else parts[0]


class Known(NamedTuple):
    """What is known of the windows of a box of outputs."""

    box: Any
    """An index: that of all outputs whose windows have a missing sample, within the box."""
    shares: NDArray
    magnitudes: NDArray | None = None
    """Shares of the magnitudes of weights, where these have signs and it matters."""
    some: NDArray | None = None
    """Whether any sample is valid, where sums are rough."""
    small: NDArray | None = None
    """Whether the share is so small that the sum has to be made again."""


class Shares:
    """The shares of weight of a kernel, for one plan that makes its sums."""

    def __init__(self, plan: Plan, kernel: Kernel) -> None:
        self.plan = plan
        self._problem, self._kernel = plan._recipe.problem, kernel
        self._backend = backends.load(plan.backend)
        self._filtered = self._problem.order[len(self._problem.batch) :]
        self._plans: Memo[Plan] = Memo(MAX_PLANS)
        self._rows: Memo[Rows] = Memo(MAX_PLANS)

    @property
    def is_rough(self) -> bool:
        """Whether sums are rounded relative to more than their own terms."""
        return _is_rough(self.plan)

    def sums(self, x: NDArray, algorithm: str, threads: int | None) -> Plan:
        """The plan for the sums of all windows that lie on an array."""
        return self._planned(x, "given", self.plan.dtype, threads, algorithm)

    def workspace_bytes(self, spans: Box) -> int:
        """Bytes for the samples in a box, which of them are valid, and shares."""
        lengths: list[int] = [span.stop - span.start for span in spans]
        items, before = prod(lengths), LINE
        for along, axis in zip(self._filtered, self._problem.axes, strict=True):
            before += (axis.extent - 1) * prod(lengths[along + 1 :])
        of_samples: int = items * (self._problem.x_dtype.itemsize + 1)
        return of_samples + (items + before) * self._kernel.dtype.itemsize + 4 * LINE

    def divide(
        self,
        sums: NDArray,
        outs: Box,
        valid: NDArray[np.uint8],
        missing: int,
        samples: Samples,
        lost: NDArray | None,
        least: float,
        threads: int | None,
        workspace: Workspace,
        remembered: dict[Any, Known | None] | None,
    ) -> None:
        """Divide the sums of a box of outputs, in place, and tell where less is left than the least
        share, or nothing.

        ``valid`` has all samples that they read, of which so many are missing.
        """
        if remembered is None:
            known = self._find(outs, valid, missing, least, threads, workspace)
        else:
            key = tuple([(part.start, part.stop) for part in outs])
            if key not in remembered:
                remembered[key] = self._find(outs, valid, missing, least, threads, None)
            known = remembered[key]
        if known is None:
            return
        kernel, shares = self._kernel, known.shares
        sums = sums[known.box]
        lost = None if lost is None else lost[known.box]
        if known.some is not None:
            np.copyto(sums, 0, where=~known.some)
        for tile, small in self._tiles(known.small, sums.shape):
            place = tuple(
                [
                    slice(whole.start + part.start + t.start, whole.start + part.start + t.stop)
                    for whole, part, t in zip(outs, known.box, tile, strict=True)
                ]
            )
            x, _, _ = samples.read(place, reads(self._problem, place))
            again = self.sums(x, "direct", threads)._run(x, None)
            np.copyto(sums[tile], again, where=small)
        floor = max(least - kernel.tolerance, SMALLEST) if least else SMALLEST
        plain = sums.dtype == shares.dtype and sums.dtype.kind == "f"
        if kernel.exact or kernel.signed or not plain:
            with np.errstate(all="ignore"):
                how = _divide_exactly if kernel.exact else _divide
                how(kernel, least, sums, shares, known.magnitudes, lost)
            return
        if lost is not None:
            np.less(shares, floor, out=lost)
        if shares.shape != sums.shape:
            shares = np.broadcast_to(shares, sums.shape)
        self._backend.divide(sums, shares, 1 - kernel.tolerance, floor)

    def _find(
        self,
        outs: Box,
        valid: NDArray[np.uint8],
        missing: int,
        least: float,
        threads: int | None,
        workspace: Workspace | None,
    ) -> Known | None:
        kernel = self._kernel
        shares = self._deducted(valid, missing, workspace)
        if shares is not None:
            return Known((...,), shares)
        box, read = touched(self._problem, valid, outs)
        if any(part.start == part.stop for part in box):
            return None
        valid = np.ascontiguousarray(valid[read])
        plan = self._planned(valid, "weights", kernel.dtype, threads, "auto")
        shares = empty(workspace, plan.out_shape, plan.dtype)
        plan._run_into(valid, shares)
        magnitudes = some = small = None
        if kernel.signed and least:
            of = self._planned(valid, "magnitudes", FLOAT64, threads, "auto")
            magnitudes = of._run(valid, None)
        rough = not kernel.exact and (_is_rough(self.plan) or _is_rough(plan))
        if rough and (shares.dtype.kind == "c" or shares.min() < SMALL_SHARE):
            lengths = [shares.shape[along] for along in self._filtered]
            some = any_in_window(valid != 0, self._filtered, self._problem.axes, lengths)
            np.copyto(shares, 0, where=~some)
            small = some & (abs(shares) < SMALL_SHARE)
            for tile, part in self._tiles(small, shares.shape):
                place = [slice(None)] * valid.ndim
                for along, axis in zip(self._filtered, self._problem.axes, strict=True):
                    low, high = axis.reads(tile[along].start, tile[along].stop)
                    place[along] = slice(low + axis.before, high + axis.before)
                read = tuple(place)
                again = self._planned(valid[read], "weights", kernel.dtype, threads, "direct")
                np.copyto(shares[tile], again._run(valid[read], None), where=part)
        return Known(box, shares, magnitudes, some, small)

    def _deducted(
        self, valid: NDArray[np.uint8], missing: int, workspace: Workspace | None
    ) -> NDArray | None:
        """The shares of windows, by taking the weights of missing samples from one; None where
        sums find them sooner, or some are so small that this would cancel.
        """
        kernel, problem = self._kernel, self._problem
        if kernel.exact or kernel.signed:
            return None
        steps = tuple([prod(valid.shape[along + 1 :]) for along in range(valid.ndim)])
        rows = self._rows.get(steps)
        if rows is None:
            spread = zip(self._filtered, problem.axes, strict=True)
            rows = kernel.rows(tuple([steps[along] * axis.dilation for along, axis in spread]))
            self._rows.put(steps, rows)
        sums = self.plan._recipe.seconds * valid.size / problem.samples
        if missing * rows.weights.size * DEDUCTION * rates.of(self.plan.backend).product > sums:
            return None
        mark = 0 if workspace is None else workspace.mark()
        front = -int(rows.starts.min())
        length = front + valid.size + LINE // kernel.dtype.itemsize
        memory = empty(workspace, (length,), kernel.dtype)
        memory.fill(1)
        kept = self._backend.deduct(
            memory, valid.reshape(-1), rows.weights, rows.starts + front, rows.width, LEAST_KEPT
        )
        if not kept:
            if workspace is not None:
                workspace.release(mark)
            return None
        lengths = [slice(None)] * valid.ndim
        for along, axis in zip(self._filtered, problem.axes, strict=True):
            lengths[along] = slice(0, valid.shape[along] - axis.extent + 1, axis.stride)
        return memory[front : front + valid.size].reshape(valid.shape)[tuple(lengths)]

    def _tiles(
        self, small: NDArray | None, shape: tuple[int, ...]
    ) -> Iterator[tuple[Box, NDArray]]:
        """Tiles of a box in which some outputs have to be made again, and which of their outputs
        that are.
        """
        if small is None:
            return
        steps = [REDO_TILE if axis in self._filtered else n for axis, n in enumerate(shape)]
        for corner in product(*[range(0, n, s) for n, s in zip(shape, steps, strict=True)]):
            tile = tuple(
                [slice(c, min(c + s, n)) for c, s, n in zip(corner, steps, shape, strict=True)]
            )
            if small[tile].any():
                yield tile, small[tile]

    def _planned(
        self, values: NDArray, of: Weights, dtype: np.dtype, threads: int | None, algorithm: str
    ) -> Plan:
        """The plan for the sums of all windows that lie on an array, with weights of the kernel."""
        key = values.shape, values.dtype, of, threads, algorithm
        plan = self._plans.get(key)
        if plan is None:
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
            how = algorithm, self.plan.backend, threads
            w = getattr(self._kernel, of)
            plan = make_plan(lower.correlation, call, (w,), options, *how, once=True)
            self._plans.put(key, plan)
        return plan


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
