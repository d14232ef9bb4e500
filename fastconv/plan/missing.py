"""Filters of arrays with missing samples: sums of what is there, brought back to the full weight.

A missing sample counts as zero and so takes no part in a sum.  The sum is divided by the share of
the kernel's weight that lies on valid samples.  Only boxes of outputs whose windows may have a
missing sample need that share (`shares`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lower
from ..problem import dtypes
from ..problem.boundary import index_map
from ..problem.problem import Problem
from ..run import overlap, wide
from .choose import make_plan
from .plan import Plan
from .select import selected
from .shares import Shares

__all__ = ["correlate"]


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
    spanned = lower.spanned(name, options["axes"], w, samples.ndim)
    ignored, options = lower.ignored_borders(name, options, spanned)

    def planned(**changed: Any) -> Plan:
        call = name, samples.shape, samples.dtype
        asked = {**options, **changed}
        return make_plan(
            lower.correlation, call, (w,), asked, algorithm, backend, threads, once=True
        )

    plan = planned()
    problem = plan._recipe.problem
    fill = lower.fill_value(name, said.fill, problem.dtype)
    if out is not None:
        lower.check_output(problem, samples, out)
    invalid = lower.invalid_samples(name, samples.shape, said, spanned)
    filled, valid = selected(samples, invalid, said.nan != "propagate", plan)
    shares = Shares(plan, valid, ignored, algorithm)
    restored = None
    if valid is not None and said.nan == "fill":
        restored = _centres(problem, ~valid, ignored, options["mode"])
    if not shares.boxes and restored is None:
        result = plan._run(samples, out)
        return np.ma.MaskedArray(result, np.zeros(result.shape, bool)) if said.masked else result

    reads = (samples, said.mask, said.own_mask, *plan._w)
    in_sums = shares.sums_dtype == problem.dtype
    plan = plan if in_sums else planned(dtype=shares.sums_dtype, out_dtype=None)
    if out is None:
        target, whole = None, True
    else:
        target, whole = overlap.target(out, reads)
    sums = _sums(plan, filled, target if in_sums else None)
    told = said.masked or problem.dtype.kind in "iu" or fill == fill or restored is not None
    gone = np.zeros(problem.out_shape, bool) if told else None
    for box in shares.boxes:
        shares.divide(sums, plan, filled, box, said.min_weight, gone)
    if restored is not None:
        gone |= restored
    result = dtypes.stored(sums, problem.dtype, target)
    if gone is not None:
        np.copyto(result, fill, where=gone, casting="unsafe")
    if out is not None:
        if not whole:
            np.copyto(out, result)
        result = out
    return np.ma.MaskedArray(result, gone) if said.masked else result


def _sums(plan: Plan, samples: NDArray, out: NDArray | None) -> NDArray:
    """What a plan makes of samples; Python's integers where sums may leave 64 bits."""
    problem = plan._recipe.problem
    if problem.safe is None or dtypes.largest_value(samples) <= problem.safe:
        return plan._run(samples, out)
    sums = np.empty(problem.out_shape, object)
    wide.correlate(problem, sums, samples, plan._w, None)
    return sums


def _centres(problem: Problem, invalid: NDArray, ignored: frozenset[int], mode: str) -> NDArray:
    """Whether the sample under the centre of the kernel is missing, for all outputs."""
    for along, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
        start = 0 if mode == "same" else axis.extent // 2 - axis.before
        stop = start + (axis.out - 1) * axis.stride + 1
        index = index_map(axis.boundary, start, stop, axis.size)[:: axis.stride]
        beyond = index < 0
        invalid = invalid.take(np.where(beyond, 0, index), along)
        np.moveaxis(invalid, along, -1)[..., beyond] = along in ignored
    return invalid
