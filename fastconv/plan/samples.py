"""Samples with zeros in place of missing ones, and the parts of them that boxes of outputs read."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import backends
from ..problem.boundary import runs
from ..problem.problem import Problem

__all__ = ["Box", "Samples", "reads"]

Box = tuple[slice, ...]
"""A range along each axis of an array."""


class Samples(NamedTuple):
    """Samples, and which of them are missing."""

    problem: Problem
    x: NDArray
    """The samples, with zeros in place of missing ones."""
    known: NDArray[np.uint8] | None
    """Bytes that are zero where a sample is missing, or None.  Batch axes on which they do not
    depend have length 1."""
    ignored: frozenset[int]
    """Axes beyond whose edges all samples are missing."""

    @classmethod
    def of(
        cls,
        problem: Problem,
        x: NDArray,
        valid: NDArray[np.uint8] | None,
        nan: bool,
        ignored: frozenset[int],
    ) -> Samples:
        """Replace missing samples, and NaN if ``nan`` is true, by zeros."""
        if nan:
            numbers = x == x
            if not numbers.all():
                valid = numbers.view(np.uint8) if valid is None else numbers & valid
        if valid is not None:
            x = np.where(valid, x, x.dtype.type(0))
        return cls(problem, x, valid, ignored)

    @property
    def shared(self) -> frozenset[int]:
        """Batch axes along which samples are missing everywhere or nowhere."""
        batch = self.problem.order[: len(self.problem.batch)]
        return frozenset([a for a in batch if self.known is None or self.known.shape[a] == 1])

    def valid(self, box: Box) -> NDArray[np.uint8]:
        """Which samples that a box of outputs reads are valid."""
        spans = reads(self.problem, box)
        shape = [1 if i in self.shared else s.stop - s.start for i, s in enumerate(spans)]
        valid = np.ones(shape, np.uint8)
        if self.known is not None:
            self._pad(valid, self.known, box, 1)
        for axis in self.ignored:
            size, (low, high) = self.x.shape[axis], (spans[axis].start, spans[axis].stop)
            lead = (slice(None),) * axis
            valid[(*lead, slice(0, max(-low, 0)))] = 0
            valid[(*lead, slice(max(size - low, 0), None) if high > size else slice(0, 0))] = 0
        return valid

    def read(self, box: Box) -> NDArray:
        """The samples that a box of outputs reads, with the border."""
        shape = [span.stop - span.start for span in reads(self.problem, box)]
        x = np.empty(shape, self.problem.x_dtype)
        self._pad(x, self.x, box, self.problem.cval)
        return x

    def _pad(self, out: NDArray, values: NDArray, box: Box, cval: complex) -> None:
        """Copy the values that a box of outputs reads, with the border."""
        if out.dtype.kind == "c":
            self._pad(out.real, values.real, box, cval.real)
            self._pad(out.imag, values.imag, box, cval.imag)
            return
        order, lead = self.problem.order, len(self.problem.batch)
        spans, tables = reads(self.problem, box), []
        for along, axis in zip(order[lead:], self.problem.axes, strict=True):
            start, stop = spans[along].start, spans[along].stop
            tables.append(runs(axis.boundary, (start,), stop - start, axis.size))
        source, target = values.transpose(order), out.transpose(order)
        if lead:
            source = source[
                tuple([slice(None) if values.shape[a] == 1 else box[a] for a in order[:lead]])
            ]
            source = np.broadcast_to(source, target.shape[:lead] + source.shape[lead:])
        backends.load("numpy").pad(target, source, tuple(tables), cval.real)


def reads(problem: Problem, box: Box) -> Box:
    """The range of coordinates that a box of outputs reads along each axis."""
    spans = list(box)
    for along, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
        spans[along] = slice(*axis.reads(box[along].start, box[along].stop))
    return tuple(spans)
