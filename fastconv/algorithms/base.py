"""What an algorithm is: a way to do some problems, by the kernels of any backend."""

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
    """An array of weights as an algorithm reads it: groups first, then output channels or panels
    of them.  In memory it is in C order.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    panel: int = 1
    """Real output channels for each index of the second axis."""
    last: bool = False
    """Groups are last in memory."""


class Algorithm:
    """*Can it* (`refuses`) and *should it* (`cost`) are apart; what it does is a program."""

    name: ClassVar[str]
    layout: ClassVar[Layout] = "rows"
    """What is contiguous in what it reads and writes: rows of samples (or the colours of a pixel),
    whole planes of samples, or the channels of a sample."""
    in_place: ClassVar[InPlace] = "interior"
    """What of an array it reads in place, where that has the storage dtype: the interior, apart
    from the borders; the edges, too, if zeros lie beyond them; or nothing."""

    def refuses(self, problem: Problem) -> str | None:
        """Why it cannot do the problem, in a sentence, or None if it can."""
        raise NotImplementedError

    def macs(self, problem: Problem) -> int:
        """Multiply-adds of real numbers for one sample of the output."""
        return problem.in_channels * prod(problem.taps) * problem.parts**2

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """Outputs along each filtered axis that a tile should have at least."""
        return (1,) * len(problem.axes)

    def is_tile_invariant(self, problem: Problem, backend: Backend) -> bool:
        """Whether results have the same bits however outputs are cut into tiles: no check redoes a
        tile, and no transform depends on where a tile begins.
        """
        return False

    def storage(self, problem: Problem, backend: Backend) -> np.dtype:
        """The dtype of what it reads."""
        return problem.compute

    def results(self, problem: Problem, backend: Backend) -> np.dtype:
        """The dtype of what it writes."""
        return self.storage(problem, backend)

    def cost(self, problem: Problem, backend: str) -> float:
        """Predicted seconds on one thread, from measured rates."""
        raise NotImplementedError

    def least_cost(self, problem: Problem, backend: str) -> float:
        """Seconds that it takes at least, where that is seen much sooner than what it costs."""
        return 0

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """The arrays of weights that it reads."""
        return (Weights(real_shape(problem), problem.compute),)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray | None, ...]:
        """Arrays of weights, or None for those that a program packs from the first of them; if that
        is None as well, it packs them from the dense kernel.

        ``w`` is the kernel, (groups, channels out, channels in, *taps), or its factors, in the
        compute dtype.  What is already as it should be is not copied.
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
        """Add the steps for one tile; every position that is read lies inside ``x``, but for
        "edges".
        """
        raise NotImplementedError


def dense(w: tuple[NDArray, ...]) -> NDArray:
    """The kernel, of which ``w`` may be the factors."""
    return reduce(np.multiply, w)


def real_shape(problem: Problem) -> tuple[int, ...]:
    parts = problem.parts
    channels = problem.out_channels * parts, problem.in_channels * parts
    return (problem.groups, *channels, *problem.taps)


def as_real(w: NDArray) -> NDArray:
    """Complex weights as real ones between pairs of channels, ``[[re, -im], [im, re]]``."""
    if w.dtype.kind != "c":
        return w
    return _interleave(_interleave(w.real, w.imag, 1), _interleave(-w.imag, w.real, 1), 2)


def _interleave(first: NDArray, second: NDArray, axis: int) -> NDArray:
    """``first[0], second[0], first[1], second[1], …`` along an axis."""
    pairs = np.stack((first, second), axis=axis + 1)
    return pairs.reshape(*first.shape[:axis], -1, *first.shape[axis + 1 :])
