"""Filters of arrays with missing samples: sums of valid samples, divided by their share of weight.

A missing sample counts as zero and so does not contribute to a sum.  The sum is divided by the
share of the kernel's weight that lies on valid samples.  Programs do this tile by tile (`gaps`).
Exact integers, complex numbers, weights of both signs and transforms are handled array by array
(`shares`).
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import config, lower
from ..problem import dtypes
from ..problem.boundary import index_map
from ..run import overlap, threads, wide
from . import gaps, shares
from .choose import make_plan
from .plan import Plan
from .samples import Samples
from .touched import edges, strips

__all__ = ["MissingPlan", "correlate"]

STRIP_ITEMS = 1 << 16
"""Outputs that are divided at once: a few arrays of this size fit a cache."""


class MissingPlan(Plan):
    """A plan of a filter of arrays with missing samples: call it on arrays.

    Made by `plan_correlate` and `plan_convolve`.  A plan never changes and may be called from many
    threads at once.  It can be copied and pickled.

    Attributes
    ----------
    out_shape : tuple of int
        The shape of the result.
    dtype : dtype
        The dtype of the result.
    algorithm : str
        The algorithm that was chosen for the sums.
    backend : str
        The backend that runs it.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_correlate((4,), "float64", [1.0, 1.0, 1.0], mask=[False, True, False, False])
    >>> plan([1.0, 7.0, 4.0, 5.0])
    array([ 1.5,  7.5, 13.5,  9. ])
    """

    __slots__ = ("_arguments", "_fill", "_ignored", "_rules", "_spanned", "_sums", "_valid")

    def __init__(
        self,
        call: tuple[str, tuple[int, ...], np.dtype],
        w: ArrayLike | tuple[NDArray, ...],
        options: dict[str, Any],
        rules: lower.Missing,
        choices: tuple[str, str | None, int | None],
        *,
        once: bool = False,
    ) -> None:
        name, shape, _ = call
        if not once:  # arrays may change
            w, rules = copy.deepcopy((w, rules))
        self._arguments = call, w, options, rules, choices
        w = lower.kernel(name, w)
        self._spanned = lower.spanned(name, options["axes"], w, len(shape))
        self._ignored, options = lower.ignored_borders(name, options, self._spanned)
        plan = make_plan(lower.correlation, call, (w,), options, *choices, once=once)
        super().__init__(plan._recipe, plan._packed, plan._threads, plan._w, plan._bias)
        problem = plan._recipe.problem
        self._fill = lower.fill_value(name, rules.fill, problem.dtype)
        self._shares = shares.of(plan)
        self._sums = plan
        if not self._is_program:
            sums = self._shares.kernel.sums_dtype(problem)
            if sums != problem.dtype:
                options = {**options, "dtype": sums, "out_dtype": None}
                self._sums = make_plan(lower.correlation, call, (w,), options, *choices, once=once)
        self._rules = rules
        invalid = lower.invalid_samples(name, shape, rules, self._spanned)
        self._valid = None if invalid is None else np.logical_not(invalid).view(np.uint8)

    def __repr__(self) -> str:
        text = f"nan={self._rules.nan!r}" + ("" if self._rules.mask is None else ", with a mask")
        return f"{super().__repr__()}\n  missing    {text}"

    def __reduce__(self) -> tuple[Any, ...]:
        return MissingPlan, self._arguments

    def __call__(self, x: ArrayLike, out: NDArray | None = None) -> NDArray:
        """Run the plan.

        Parameters
        ----------
        x : array_like
            Of the shape and dtype that the plan was made for.
        out : ndarray, optional
            Receives the result: of the result's shape, and of any dtype that it can be rounded to.
            It may share memory with `x`: the result then goes through a temporary array.

        Returns
        -------
        ndarray
            `out`, or a new array; a masked array if `x` is one.

        Raises
        ------
        TypeError, ValueError
            An `x` or `out` that the plan was not made for.  `out` is untouched.
        """
        rules = self._rules.of(x)
        samples = lower.planned_array(self._recipe.problem, rules.plain(x))
        return self._filter(samples, out, rules)

    def _filter(self, samples: NDArray, out: NDArray | None, rules: lower.Missing) -> NDArray:
        """Filter samples of the planned shape and dtype; ``rules`` has their own mask."""
        problem = self._recipe.problem
        if out is not None:
            lower.check_output(problem, out)
        valid = self._valid
        if rules.own_mask is not None and rules.own_mask.any():
            own = np.logical_not(np.broadcast_to(rules.own_mask, problem.x_shape)).view(np.uint8)
            valid = own if valid is None else valid & own
        nan = rules.nan != "propagate" and samples.dtype.kind in "fc"
        restored = self._restored(samples, valid) if rules.nan == "fill" else None
        if out is None:
            target, direct = None, True
        else:
            target, direct = overlap.target(out, (samples, valid, *self._w))
        lost = None
        if rules.masked or problem.dtype.kind in "iu" or self._fill == self._fill:
            lost = np.zeros(problem.out_shape, bool)
        if not (nan or valid is not None or self._ignored):
            result = self._run(samples, target)
        elif self._is_program:
            result = self._divided(samples, valid, nan, target, lost)
        else:
            result = self._divided_apart(samples, valid, nan, target, lost)
        if lost is not None and restored is not None:
            lost |= restored
        filled = restored if lost is None else lost
        if filled is not None:
            np.copyto(result, self._fill, where=filled, casting="unsafe")
        if out is not None:
            if not direct:
                np.copyto(out, result)
            result = out
        return result if lost is None or not rules.masked else _masked(result, lost)

    @property
    def _is_program(self) -> bool:
        """Whether a program handles the missing samples."""
        return not self._shares.kernel.signed and gaps.takes(self._recipe, self._ignored)

    def _divided(
        self,
        samples: NDArray,
        valid: NDArray | None,
        nan: bool,
        out: NDArray | None,
        lost: NDArray | None,
    ) -> NDArray:
        """Divide sums by shares in a program, and mark lost outputs."""
        recipe, kernel = self._recipe, self._shares.kernel
        if valid is not None:
            valid = np.broadcast_to(valid, samples.shape)
        lost_bytes = None if lost is None else lost.view(np.uint8)
        least = kernel.floor(self._rules.min_weight)
        conditions = gaps.Gaps(nan, bool(self._ignored), 1 - kernel.tolerance, least)
        result = recipe.new_result() if out is None else out
        job, axes = gaps.job(recipe, conditions, result, samples, valid, lost_bytes)
        rows = [kernel.rows(along) if along in axes else None for along in range(kernel.rank + 1)]
        share_weights = self._shares.packed(self)
        given = result, samples, valid, *self._packed.arrays, *share_weights, *rows, lost_bytes
        job.run(given, self._threads)
        return result

    def _divided_apart(
        self,
        samples: NDArray,
        valid: NDArray | None,
        nan: bool,
        out: NDArray | None,
        lost: NDArray | None,
    ) -> NDArray:
        """Divide sums by shares array by array, and mark lost outputs."""
        problem, plan = self._recipe.problem, self._sums
        boxes, inner = edges(problem, self._ignored)
        given = Samples.of(problem, samples, valid, nan, self._ignored)
        if given.known is not None:
            boxes.append(inner)
        boxes = [part for box in boxes for part in strips(box, given.shared, STRIP_ITEMS)]
        if not boxes:
            return self._run(samples, out)
        if problem.safe is not None and dtypes.largest_value(samples) > problem.safe:
            sums = np.empty(problem.out_shape, object)
            wide.correlate(problem, sums, given.x, self._w, None)
        else:
            in_place = out is not None and out.dtype == plan.dtype
            sums = plan._run(given.x, out if in_place else None)
        count = config.resolve_threads(self._threads)
        inside = 1 if len(boxes) >= count else count
        least = self._rules.min_weight

        def strip(number: int) -> None:
            box = boxes[number]
            valid = given.valid(box)
            if not valid.all():
                lost_part = None if lost is None else lost[box]
                self._shares.divide(plan, sums[box], box, valid, given, lost_part, least, inside)

        threads.run(strip, len(boxes), count)
        return dtypes.stored(sums, problem.dtype, out)

    def _restored(self, samples: NDArray, valid: NDArray | None) -> NDArray | None:
        """Whether the sample under the centre of the kernel is missing, for all outputs; None if
        none is.
        """
        invalid = np.isnan(samples) if samples.dtype.kind in "fc" else np.zeros(samples.shape, bool)
        if valid is not None:
            invalid |= valid == 0
        beyond_edges = self._ignored and self._arguments[2]["mode"] != "same"
        return self._centres(invalid) if beyond_edges or invalid.any() else None

    def _centres(self, invalid: NDArray) -> NDArray:
        """Whether the sample under the centre of the kernel is missing, for all outputs."""
        problem = self._recipe.problem
        same = self._arguments[2]["mode"] == "same"
        for place, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
            start = 0 if same else axis.extent // 2 - axis.before
            stop = start + (axis.out - 1) * axis.stride + 1
            if same and axis.stride == 1:
                continue
            index = index_map(axis.boundary, start, stop, axis.size)[:: axis.stride]
            beyond = index < 0
            invalid = invalid.take(np.where(beyond, 0, index), place)
            np.moveaxis(invalid, place, -1)[..., beyond] = place in self._ignored
        return invalid


def correlate(
    name: str,
    samples: NDArray,
    w: ArrayLike | tuple[NDArray, ...],
    options: dict[str, Any],
    rules: lower.Missing,
    algorithm: str,
    backend: str | None,
    threads: int | None,
    out: NDArray | None,
) -> NDArray:
    """``lower.correlation(name, …, **options)`` of samples, some of which are missing.

    ``options["boundary"]`` may be "ignore", for all axes or some.  The result is a masked array
    if the samples are.
    """
    call, choices = (name, samples.shape, samples.dtype), (algorithm, backend, threads)
    return MissingPlan(call, w, options, rules, choices, once=True)._filter(samples, out, rules)


def _masked(result: NDArray, lost: NDArray) -> NDArray:
    masked: NDArray = np.ma.MaskedArray(result, lost)
    return masked
