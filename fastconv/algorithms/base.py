"""The base class of algorithms: ways to solve some problems with the kernels of any backend."""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk

__all__ = ["Algorithm", "InPlace", "Layout", "Weights", "as_real", "dense", "real_shape"]

Layout = Literal["rows", "planes", "channels"]
InPlace = Literal["nothing", "interior", "edges"]


class Weights(NamedTuple):
    """An array of packed weights.  Its first axis is groups, its second output channels or panels
    of them, and it is in C order in memory unless ``last``.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    panel: int = 1
    """Real output channels for each index of the second axis."""
    last: bool = False
    """Whether groups are the last axis in memory, instead of the first."""


class Algorithm:
    """A way to solve problems.

    `refuses` tells whether it can solve a problem, and `cost` how long it would take; `run` adds
    its steps to a program.
    """

    name: ClassVar[str]
    layout: ClassVar[Layout] = "rows"
    """What is contiguous in the arrays that it reads and writes: rows of samples (or the colours of
    a pixel), whole planes of samples, or the channels of a sample."""
    in_place: ClassVar[InPlace] = "interior"
    """Which outputs can read an array of the storage dtype in place: those whose windows lie inside
    it ("interior"), also those at edges if the border is zero ("edges"), or none ("nothing")."""

    def refuses(self, problem: Problem) -> str | None:
        """The reason why it cannot solve the problem, as a sentence, or None if it can."""
        raise NotImplementedError

    def macs(self, problem: Problem) -> int:
        """Multiply-adds of real numbers for one output."""
        return problem.in_channels * prod(problem.taps) * problem.parts**2

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """The smallest sensible tile, as outputs along each filtered axis."""
        return (1,) * len(problem.axes)

    def is_tile_invariant(self, problem: Problem, backend: Backend) -> bool:
        """Whether results have the same bits for any tiling.

        If so, no check redoes a tile, and no sum depends on where a tile begins.
        """
        return False

    def storage(self, problem: Problem, backend: Backend) -> np.dtype:
        """The dtype of the samples that it reads."""
        return problem.compute

    def results(self, problem: Problem, backend: Backend) -> np.dtype:
        """The dtype of the outputs that it writes."""
        return self.storage(problem, backend)

    def cost(self, problem: Problem, backend: str) -> float:
        """Predicted seconds on one thread, from measured rates."""
        raise NotImplementedError

    def least_cost(self, problem: Problem, backend: str) -> float:
        """A lower bound of `cost` that is cheap to compute."""
        return 0

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The arrays of packed weights that it reads."""
        return (Weights(real_shape(problem), problem.compute),)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray | None, ...]:
        """The arrays of packed weights, with None for those that `pack` fills.

        `pack` fills them from the first array or, if that is None, from the dense kernel.  ``w`` is
        the kernel, ``(groups, channels out, channels in, *taps)``, or its factors, in the compute
        dtype.  Arrays that need no change are not copied.
        """
        return (np.ascontiguousarray(as_real(dense(w))),)

    def pack(self, program: Any, problem: Problem, packed: tuple[NDArray, ...], w: NDArray) -> None:
        """Add the steps that fill packed arrays from real, dense weights of any strides."""

    def run(
        self,
        program: Any,
        problem: Problem,
        out: NDArray,
        x: NDArray,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        walk: Walk,
    ) -> None:
        """Add the steps for one tile.

        All windows lie inside ``x``, unless `in_place` is "edges".
        """
        raise NotImplementedError


def dense(w: tuple[NDArray, ...]) -> NDArray:
    """The dense kernel, from itself or from its factors."""
    return reduce(np.multiply, w)


def real_shape(problem: Problem) -> tuple[int, ...]:
    """The shape of the dense kernel as real numbers (see `as_real`)."""
    parts = problem.parts
    channels = problem.out_channels * parts, problem.in_channels * parts
    return (problem.groups, *channels, *problem.taps)


def as_real(w: NDArray) -> NDArray:
    """Complex weights as real ones, ``[[re, -im], [im, re]]``, between pairs of real channels."""
    if w.dtype.kind != "c":
        return w
    return _interleave(_interleave(w.real, w.imag, 1), _interleave(-w.imag, w.real, 1), 2)


def _interleave(first: NDArray, second: NDArray, axis: int) -> NDArray:
    """``first[0], second[0], first[1], second[1], …`` along an axis."""
    pairs = np.stack((first, second), axis=axis + 1)
    return pairs.reshape(*first.shape[:axis], -1, *first.shape[axis + 1 :])
