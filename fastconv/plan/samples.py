"""Samples with zeros in the place of those that are missing, as boxes of outputs read them."""

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
    """Samples, and which of them are missing: where bytes are zero, and beyond some axes."""

    problem: Problem
    x: NDArray
    """With zeros where a sample is missing."""
    known: NDArray[np.uint8] | None
    """Has length 1 along batch axes on which it does not depend; None if no sample is missing."""
    ignored: frozenset[int]

    @classmethod
    def of(
        cls,
        problem: Problem,
        x: NDArray,
        valid: NDArray[np.uint8] | None,
        nan: bool,
        ignored: frozenset[int],
    ) -> Samples:
        """Samples, of which NaN are missing as well, if that is asked for."""
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
        """What a box of outputs reads, with the border."""
        shape = [span.stop - span.start for span in reads(self.problem, box)]
        x = np.empty(shape, self.problem.x_dtype)
        self._pad(x, self.x, box, self.problem.cval)
        return x

    def _pad(self, out: NDArray, values: NDArray, box: Box, cval: complex) -> None:
        """Lay out what a box of outputs reads."""
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
    """The coordinates that a box of outputs reads."""
    spans = list(box)
    for along, axis in zip(problem.order[len(problem.batch) :], problem.axes, strict=True):
        spans[along] = slice(*axis.reads(box[along].start, box[along].stop))
    return tuple(spans)
