"""Samples as boxes of outputs read them, with zeros in the place of those that are missing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .. import backends
from ..problem.boundary import index_map, runs
from ..problem.problem import Problem
from ..run.workspace import Workspace
from .plan import Plan

__all__ = ["Box", "Samples", "empty", "has_nan", "reads"]

BLOCK_ITEMS = 1 << 16
"""Items that are looked at at once: a few arrays of them fit a core's cache."""
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
PADDED = (*FLOATS, np.dtype(np.uint8))
"""Of items that kernels of all backends lay out."""

Box = tuple[slice, ...]
"""A range along each axis of an array."""


class Samples:
    """Samples and which of them are missing: where bytes of ``valid`` are zero, which may have
    length 1 along batch axes, with ``nan`` where they are NaN, and beyond ``ignored`` axes.
    """

    def __init__(
        self,
        plan: Plan,
        x: NDArray,
        valid: NDArray[np.uint8] | None,
        nan: bool,
        ignored: frozenset[int],
    ) -> None:
        problem = plan._recipe.problem
        self._plan, self._problem, self._backend = plan, problem, backends.load(plan.backend)
        self._x, self._valid, self._nan, self._ignored = x, valid, nan, ignored
        shared = problem.order[: len(problem.batch)] if not nan else ()
        lengths = (1,) * x.ndim if valid is None else valid.shape
        self.shared = frozenset([axis for axis in shared if lengths[axis] == 1])
        """Batch axes along which samples are missing everywhere or nowhere."""

    @property
    def any_missing(self) -> bool:
        """Whether samples in the array may be missing."""
        return self._nan or self._valid is not None

    def any_missing_in(self, spans: Box) -> bool:
        """Whether any sample at ``spans``, in the array or beyond its edges, is missing."""
        place = list(spans)
        order, lead = self._problem.order, len(self._problem.batch)
        for along, axis in zip(order[lead:], self._problem.axes, strict=True):
            low, high = spans[along].start, spans[along].stop
            if low < 0 or high > axis.size:
                if along in self._ignored:
                    return True
                index = index_map(axis.boundary, low, high, axis.size)
                inside = index[index >= 0]
                low, high = (inside.min(), inside.max() + 1) if inside.size else (0, 0)
            place[along] = slice(low, high)
        if self._nan and has_nan(self._x[tuple(place)]):
            return True
        if self._valid is None:
            return False
        for along in order[:lead]:
            if self._valid.shape[along] == 1:
                place[along] = slice(None)
        return not self._valid[tuple(place)].all()

    def without(self) -> tuple[NDArray, Samples]:
        """An array with zeros in the place of missing samples, and the same samples in it."""
        if not self.any_missing:
            return self._x, self
        x = np.array(self._x, order="C")
        shape = [1 if axis in self.shared else n for axis, n in enumerate(x.shape)]
        valid = np.ones(shape, np.uint8)
        if self._valid is not None:
            valid[...] = self._valid
        self._drop(x, valid, self._nan)
        return x, Samples(self._plan, x, valid, False, self._ignored)

    def valid(self, box: Box, spans: Box, workspace: Workspace | None = None) -> NDArray[np.uint8]:
        """Which samples that a box of outputs reads, at ``spans``, are valid, but for NaN."""
        shape = [1 if i in self.shared else s.stop - s.start for i, s in enumerate(spans)]
        valid = empty(workspace, tuple(shape), np.dtype(np.uint8))
        if self._valid is None:
            valid.fill(1)
        else:
            self._pad(valid, self._valid, box, spans, 1)
        for axis in self._ignored:
            size, (low, high) = self._x.shape[axis], (spans[axis].start, spans[axis].stop)
            lead = (slice(None),) * axis
            valid[(*lead, slice(0, max(-low, 0)))] = 0
            valid[(*lead, slice(max(size - low, 0), None) if high > size else slice(0, 0))] = 0
        return valid

    def read(
        self, box: Box, spans: Box, workspace: Workspace | None = None
    ) -> tuple[NDArray, NDArray[np.uint8], int]:
        """What a box of outputs reads, with the border and zeros in the place of missing samples;
        which are valid; and how many are not.
        """
        valid = self.valid(box, spans, workspace)
        shape = tuple([span.stop - span.start for span in spans])
        x = empty(workspace, shape, self._problem.x_dtype)
        self._pad(x, self._x, box, spans, self._problem.cval)
        return x, valid, self._drop(x, valid, self._nan)

    def _pad(self, out: NDArray, values: NDArray, box: Box, spans: Box, cval: complex) -> None:
        """Lay out what a box of outputs reads."""
        if out.dtype.kind == "c":
            self._pad(out.real, values.real, box, spans, cval.real)
            self._pad(out.imag, values.imag, box, spans, cval.imag)
            return
        order, lead = self._problem.order, len(self._problem.batch)
        tables = []
        for along, axis in zip(order[lead:], self._problem.axes, strict=True):
            start, stop = spans[along].start, spans[along].stop
            tables.append(runs(axis.boundary, (start,), stop - start, axis.size))
        source, target = values.transpose(order), out.transpose(order)
        if lead:
            source = source[
                tuple([slice(None) if values.shape[a] == 1 else box[a] for a in order[:lead]])
            ]
            source = np.broadcast_to(source, target.shape[:lead] + source.shape[lead:])
        backend = self._backend if out.dtype in PADDED else backends.load("numpy")
        backend.pad(target, source, tuple(tables), cval.real)

    def _drop(self, x: NDArray, valid: NDArray[np.uint8], nan: bool) -> int:
        """Put zeros in the place of missing samples; how many bytes are zero then."""
        if x.shape == valid.shape and x.dtype in FLOATS:
            return self._backend.drop(x, valid, nan)
        if nan:
            np.logical_and(valid, x == x, out=valid.view(bool))
        missing = valid.size - int(np.count_nonzero(valid))
        if missing:
            np.copyto(x, 0, where=valid == 0)
        return missing


def reads(problem: Problem, box: Box) -> Box:
    """The coordinates that a box of outputs reads."""
    spans = list(box)
    for along, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
        spans[along] = slice(*axis.reads(box[along].start, box[along].stop))
    return tuple(spans)


def has_nan(samples: NDArray) -> bool:
    """Whether any sample is NaN."""
    if samples.ndim and samples.size > BLOCK_ITEMS and len(samples) > 1:
        step = max(BLOCK_ITEMS * len(samples) // samples.size, 1)
        return any(has_nan(samples[i : i + step]) for i in range(0, len(samples), step))
    return bool(np.isnan(samples).any())


def empty(workspace: Workspace | None, shape: tuple[int, ...], dtype: np.dtype) -> NDArray:
    """Memory for an array, its own without a workspace."""
    return np.empty(shape, dtype) if workspace is None else workspace.empty(shape, dtype)
