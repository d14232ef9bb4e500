"""The algorithms by name, each one a file.  A new one is a file and a word in ``ORDER``.

An algorithm is a module with eight functions and two facts.  *Can it* and *should it* are apart:

``refuses(problem)``
    why it cannot solve the problem, in a sentence, or None if it can;
``products(problem)``
    how many products of real numbers it makes for one sample of the output;
``LAYOUT``
    what is laid out last in what it reads and writes: "rows" of samples (or the colours of a
    pixel), whole "planes" of samples, or the "channels" of a sample;
``IN_PLACE``
    what of an array is read in place, where its items are what it reads: its "interior", apart
    from the borders; its "edges", too, if zeros lie beyond them; or "nothing";
``grain(problem)``
    outputs along each filtered axis that a piece of work should have at least;
``items(problem)``
    the dtype of what it reads and writes;
``cost(problem, backend)``
    the seconds that it would take on one thread, from measured constants (:mod:`.costs`);
``prepare(problem, w, backend)``
    the weights, which come as the caller has them, as ``run`` wants them, in real numbers, once a
    plan: groups first, then output channels or, with the layout "channels", panels of them;
``repeats(problem)``
    whether every run makes the same calls of kernels that recordings take, and does nothing else
    as long as all sums are finite, so that they can be recorded;
``run(backend, out, x, weights, bias, walk, relu)``
    one slab, by a backend's kernels, with every position inside ``x``, but for "edges".

``direct``, the plain sum over all taps, is last and refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Literal, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from ..plan.recorded import Piece

__all__ = ["ORDER", "Algorithm", "InPlace", "Layout", "Prepared", "items", "load"]

Layout = Literal["rows", "planes", "channels"]
InPlace = Literal["nothing", "interior", "edges"]
ORDER = (
    "box",
    "separable",
    "sparse",
    "fft",
    "winograd",
    "pointwise",
    "depthwise",
    "gemm",
    "direct",
)


class Prepared(NamedTuple):
    """Weights as an algorithm wants them."""

    weights: tuple[NDArray, ...]
    pieces: Callable[[], Sequence[Piece]] | None = None
    """What fills them, if that is still to be done, by kernels that recordings take."""
    filled: tuple[NDArray, ...] = ()
    """Memory that pieces fill, in C order."""
    source: tuple[NDArray, ...] = ()
    """What pieces read."""


class Algorithm(Protocol):
    """What an algorithm's module has."""

    LAYOUT: Layout
    IN_PLACE: InPlace

    def refuses(self, problem: Problem) -> str | None: ...

    def products(self, problem: Problem) -> int: ...

    def grain(self, problem: Problem) -> tuple[int, ...]: ...

    def items(self, problem: Problem) -> np.dtype: ...

    def cost(self, problem: Problem, backend: str) -> float: ...

    def prepare(self, problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared: ...

    def repeats(self, problem: Problem) -> bool: ...

    def run(
        self,
        backend: Backend,
        out: NDArray,
        x: NDArray,
        weights: tuple[NDArray, ...],
        bias: NDArray,
        walk: Walk,
        relu: bool,
    ) -> None: ...


def items(problem: Problem) -> np.dtype:
    """Those of the sums, for all algorithms that say nothing else."""
    return problem.compute


@cache
def load(name: str) -> Algorithm:
    """The module of an algorithm."""
    return cast(Algorithm, import_module(f"{__name__}.{name}"))
