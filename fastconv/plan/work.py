"""The work of a plan: copy what a piece reads, run the algorithm, store the result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..run import workspace
from ..algorithms import Algorithm, Layout
from ..backends.protocol import Backend
from .tiling import Piece, Pieces
from ..problem.problem import Problem

__all__ = ["Numbers", "Work", "row_axis"]

KEPT = 1024
"""Pieces of a work that are remembered: making one costs more than starting it."""


class Numbers(NamedTuple):
    """Weights as an algorithm wants them, and the bias, in memory of their own."""

    weights: tuple[NDArray, ...]
    """Groups first, then output channels or panels of them."""
    bias: NDArray
    """``(groups, channels out)``, in real numbers."""

    def of(self, groups: slice) -> Numbers:
        """Those of some groups."""
        return Numbers(tuple([w[groups] for w in self.weights]), self.bias[groups])

    @property
    def arrays(self) -> tuple[NDArray, ...]:
        """All of them."""
        return *self.weights, self.bias


class Part(NamedTuple):
    """A piece, and where its sums go."""

    piece: Piece
    writes: bool
    """The sums go to the result itself, which is of their dtype and lies as the source."""


@dataclass(frozen=True)
class Work:
    """All pieces of a problem, for arrays that lie in one way."""

    problem: Problem
    pieces: Pieces
    backend: Backend
    algorithm: Algorithm
    items: np.dtype
    """What kernels read and write."""
    x_row: int | None
    """The axis of neighbouring items in ``x``, where kernels can read it."""
    out_row: int | None
    """The axis of neighbouring items in ``out``, where kernels can write it."""
    _parts: dict[int, Part] = field(default_factory=dict, init=False)

    def __len__(self) -> int:
        return len(self.pieces)

    def run(
        self,
        x: NDArray,
        out: NDArray,
        numbers: Numbers,
        number: int,
        recorder: Backend | None = None,
    ) -> None:
        """Fill a piece of ``out`` from ``x``, both with canonical axes; or have it recorded."""
        problem, backend = self.problem, recorder or self.backend
        piece, writes = self._parts.get(number) or self._part(number)
        weights = tuple([w[piece.weights] for w in numbers.weights])
        bias = numbers.bias[piece.bias]
        source, target = x[piece.reads], out[piece.out]
        mark = workspace.mark()
        try:
            if piece.copy is not None:
                source = piece.copy.made(backend, source, self.items)
            sums = target if writes else self._sums(source, target)
            self.algorithm.run(backend, sums, source, weights, bias, piece.walk, problem.relu)
            if sums is not target:
                self._store(backend, target, sums)
        finally:
            workspace.release(mark)

    def _part(self, number: int) -> Part:
        piece = self.pieces[number]
        source_row = self.x_row if piece.copy is None else piece.copy.row_axis
        part = Part(
            piece,
            writes=self.out_row is not None and self.out_row == source_row,
        )
        if number < KEPT:
            self._parts[number] = part
        return part

    def _sums(self, source: NDArray, target: NDArray) -> NDArray:
        """Room for the sums, laid out like the source."""
        shape = list(target.shape)
        rank = len(self.problem.axes)
        shape[-1 - rank] *= self.problem.parts
        if self.algorithm.LAYOUT != "channels":
            return workspace.empty_like(source, shape)
        *batch, groups, channels = shape[:-rank]
        room = workspace.empty((*batch, *shape[-rank:], groups, channels), source.dtype)
        lead, end = len(batch), len(shape)
        return room.transpose(*range(lead), end - 2, end - 1, *range(lead, end - 2))

    def _store(self, backend: Backend, target: NDArray, sums: NDArray) -> None:
        store = backend.store
        if not self.problem.complex:
            store(target, sums)
            return
        channels = -1 - len(self.problem.axes)
        parts = np.moveaxis(sums, channels, 0)
        store(np.moveaxis(target.real, channels, 0), parts[::2])
        store(np.moveaxis(target.imag, channels, 0), parts[1::2])


def row_axis(problem: Problem, view: NDArray, layout: Layout, items: np.dtype) -> int | None:
    """The axis of neighbouring items, if kernels can run along it: that of channels where the
    layout asks for it, or else the last one or, for rows, a batch axis that the last one steps over
    (the colours of a pixel).

    None, too, where the items are not those that they take.
    """
    flags = view.flags
    if view.dtype != items or problem.complex or not flags.aligned:
        return None
    if flags.c_contiguous and layout != "channels":
        return view.ndim - 1
    item, strides = view.itemsize, view.strides
    for stride in strides:
        if stride < 0 or stride % item:
            return None
    last = len(strides) - 1
    if layout == "channels":
        channels = last - len(problem.axes)
        neighbours = channels if view.shape[channels] > 1 else channels - 1
        return channels if strides[neighbours] == item else None
    if strides[last] == item:
        return last
    if layout == "rows" and problem.axes[-1].stride == 1:
        for axis in range(len(problem.batch)):
            if strides[axis] == item and strides[last] == item * view.shape[axis]:
                return axis
    return None
