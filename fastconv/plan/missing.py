"""Filters of arrays with missing samples: sums of what is there, brought back to the full weight.

A missing sample counts as zero and so takes no part in a sum.  The sum is divided by the share of
the kernel's weight that lies on valid samples (`shares`).  This is done strip by strip, so that
what lies between samples and results stays in a cache.
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
from ..run.workspace import Workspace
from .choose import make_plan
from .memo import Memo, memo_of_calls
from .plan import Plan
from .samples import Samples, has_nan, reads
from .shares import Kernel, Known, Shares
from .touched import edges, strips

__all__ = ["MissingPlan", "correlate"]


STRIP_BYTES = 1 << 20
"""Bytes of outputs that are made at once: some arrays of as many items fit a cache."""
MAX_KERNELS, MAX_KERNEL_BYTES = 64, 1 << 20
"""Kernels whose shares are remembered, and bytes of their weights."""

_shares: Memo[Shares] = memo_of_calls(MAX_KERNELS, MAX_KERNEL_BYTES)
"""By plans, which are one where kernels have the same weights."""


class MissingPlan(Plan):
    """A plan of a filter of arrays with missing samples: call it on arrays.

    Made by `plan_correlate` and `plan_convolve`.  A plan never changes and may be called from many
    threads at once.  It can be copied and pickled.  Where only `mask` tells what is missing, the
    shares of weight that lie on valid samples are summed at the first call.

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

    __slots__ = (
        "_arguments",
        "_fill",
        "_ignored",
        "_known",
        "_said",
        "_shares",
        "_spanned",
        "_valid",
    )

    def __init__(
        self,
        call: tuple[str, tuple[int, ...], np.dtype],
        w: ArrayLike | tuple[NDArray, ...],
        options: dict[str, Any],
        said: lower.Missing,
        choices: tuple[str, str | None, int | None],
        *,
        once: bool = False,
    ) -> None:
        name, shape, _ = call
        if not once:  # arrays may change
            w, said = copy.deepcopy((w, said))
        self._arguments = call, w, options, said, choices
        w = lower.kernel(name, w)
        self._spanned = lower.spanned(name, options["axes"], w, len(shape))
        self._ignored, options = lower.ignored_borders(name, options, self._spanned)
        plan = make_plan(lower.correlation, call, (w,), options, *choices, once=once)
        super().__init__(plan._recipe, plan._packed, plan._threads, plan._w, plan._bias)
        problem = plan._recipe.problem
        self._fill = lower.fill_value(name, said.fill, problem.dtype)
        key, shares = plan, _shares.get(plan)
        if shares is None:
            kernel = Kernel(problem, plan._w)
            sums = kernel.sums_dtype(problem)
            if sums != problem.dtype:
                options = {**options, "dtype": sums, "out_dtype": None}
                plan = make_plan(lower.correlation, call, (w,), options, *choices, once=once)
            shares = Shares(plan, kernel)
            _shares.put(key, shares, plan._nbytes)
        self._shares = shares
        self._said = said
        invalid = lower.invalid_samples(name, shape, said, self._spanned)
        self._valid = None if invalid is None else np.logical_not(invalid).view(np.uint8)
        self._known: dict[Any, Known | None] | None = None if once else {}

    def __repr__(self) -> str:
        said = f"nan={self._said.nan!r}" + ("" if self._said.mask is None else ", with a mask")
        return f"{super().__repr__()}\n  missing    {said}"

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
        said = self._said.of(x)
        samples = lower.planned_array(self._recipe.problem, said.plain(x))
        return self._filter(samples, out, said)

    def _filter(self, samples: NDArray, out: NDArray | None, said: lower.Missing) -> NDArray:
        """Run it on samples of the planned shape and dtype, whose own mask is in ``said``."""
        problem = self._recipe.problem
        if out is not None:
            lower.check_output(problem, out)
        valid = self._valid
        if said.own_mask is not None and said.own_mask.any():
            own = np.logical_not(np.broadcast_to(said.own_mask, problem.x_shape)).view(np.uint8)
            valid = own if valid is None else valid & own
        nan = said.nan != "propagate" and samples.dtype.kind in "fc" and has_nan(samples)
        given = Samples(self._shares.plan, samples, valid, nan, self._ignored)
        restored = None
        beyond_edges = self._ignored and self._arguments[2]["mode"] != "same"
        if said.nan == "fill" and (given.any_missing or beyond_edges):
            invalid = np.zeros(samples.shape, bool)
            if valid is not None:
                invalid |= valid == 0
            if nan:
                invalid |= np.isnan(samples)
            restored = self._centres(invalid)
        if out is None:
            target, whole = None, True
        else:
            target, whole = overlap.target(out, (samples, valid, *self._w))
        told = said.masked or problem.dtype.kind in "iu" or self._fill == self._fill
        told = told or restored is not None
        gone = np.zeros(problem.out_shape, bool) if told else None
        told_before = said.nan == "propagate" and valid is self._valid
        known = self._known if told_before else None
        result = self._divided(given, samples, target, gone, known)
        if gone is not None:
            if restored is not None:
                gone |= restored
            np.copyto(result, self._fill, where=gone, casting="unsafe")
        if out is not None:
            if not whole:
                np.copyto(out, result)
            result = out
        return result if gone is None or not said.masked else _masked(result, gone)

    def _divided(
        self,
        given: Samples,
        samples: NDArray,
        out: NDArray | None,
        gone: NDArray | None,
        known: dict[Any, Known | None] | None,
    ) -> NDArray:
        """Sums over shares, and where there are none; ``known`` remembers the shares."""
        problem, shares = self._recipe.problem, self._shares
        plan = shares.plan
        boxes, inner = edges(problem, self._ignored)
        if given.any_missing:
            boxes.append(inner)
        items = STRIP_BYTES // problem.compute.itemsize
        boxes = [part for box in boxes for part in strips(box, given.shared, items)]
        if not boxes:
            return self._run(samples, out)
        is_wide = problem.safe is not None and dtypes.largest_value(samples) > problem.safe
        at_once = is_wide or not given.any_missing or shares.is_rough or plan.algorithm == "box"
        if at_once:
            filled, given = given.without()
            if is_wide:
                sums = np.empty(problem.out_shape, object)
                wide.correlate(problem, sums, filled, self._w, None)
            else:
                in_place = out is not None and out.dtype == plan.dtype
                sums = plan._run(filled, out if in_place else None)
        else:
            hit = [box for box in boxes if given.any_missing_in(reads(problem, box))]
            if 2 * len(hit) < len(boxes):
                sums, boxes = self._run(samples, out), hit
            else:
                sums = np.empty(problem.out_shape, problem.dtype) if out is None else out
        count = config.resolve_threads(self._threads)
        inside = 1 if len(boxes) >= count else count
        least = self._said.min_weight

        def strip(number: int) -> None:
            box = boxes[number]
            spans = reads(problem, box)
            part = items = sums[box]
            workspace = Workspace(shares.workspace_bytes(spans))
            try:
                if at_once:
                    valid = given.valid(box, spans, workspace)
                    missing = valid.size - int(np.count_nonzero(valid))
                else:
                    x, valid, missing = given.read(box, spans, workspace)
                    if not part.flags.c_contiguous or part.dtype != plan.dtype:
                        items = np.empty(part.shape, plan.dtype)
                    shares.sums(x, plan.algorithm, inside)._run_into(x, items)
                if missing:
                    lost = None if gone is None else gone[box]
                    shares.divide(
                        items, box, valid, missing, given, lost, least, inside, workspace, known
                    )
                if items is not part:
                    dtypes.store(part, items)
            finally:
                workspace.give_back()

        threads.run(strip, len(boxes), count)
        return dtypes.stored(sums, problem.dtype, out) if at_once else sums

    def _centres(self, invalid: NDArray) -> NDArray:
        """Whether the sample under the centre of the kernel is missing, for all outputs."""
        problem = self._recipe.problem
        same = self._arguments[2]["mode"] == "same"
        for place, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
            start = 0 if same else axis.extent // 2 - axis.before
            stop = start + (axis.out - 1) * axis.stride + 1
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
    said: lower.Missing,
    algorithm: str,
    backend: str | None,
    threads: int | None,
    out: NDArray | None,
) -> NDArray:
    """``lower.correlation(name, …, **options)`` of samples of which some are missing.

    ``options["boundary"]`` may be "ignore", for all axes or some.  The result is a masked array
    where the samples came as one.
    """
    call, choices = (name, samples.shape, samples.dtype), (algorithm, backend, threads)
    return MissingPlan(call, w, options, said, choices, once=True)._filter(samples, out, said)


def _masked(result: NDArray, gone: NDArray) -> NDArray:
    masked: NDArray = np.ma.MaskedArray(result, gone)
    return masked
