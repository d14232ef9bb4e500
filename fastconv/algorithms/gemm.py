"""GEMM: a matrix product of outputs and their channels, without the matrix of windows.

Samples lie with their channels last, so that all that a tap reads of an output is a run of
neighbours, wherever stride and dilation put it.  Rows of the product are outputs, columns are
output channels, and the terms of a sum are taps and channels; weights are laid out once for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property, partial, reduce
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import rates
from ..backends.protocol import Backend
from ..problem.problem import Problem, Walk
from ..plan.recorded import Piece
from . import InPlace, Layout, Prepared, costs, items, pairs

__all__ = [
    "IN_PLACE",
    "LAYOUT",
    "Panels",
    "cost",
    "grain",
    "items",
    "prepare",
    "products",
    "refuses",
    "repeats",
    "run",
    "spans",
]

LAYOUT: Layout = "channels"
IN_PLACE: InPlace = "interior"
VECTOR = 8
"""Output channels that are computed together, needed or not."""
SPAN = 1 << 16
"""Bytes of weights that are worth a piece."""
RUN = 100
"""Products that it takes to get from one stretch of neighbouring samples to the next."""


def refuses(problem: Problem) -> str | None:
    """It sums floating-point numbers of more than one channel."""
    if problem.compute.kind != "f":
        return "integers are summed in 64 bits, which few processors multiply in vectors"
    if problem.in_channels * problem.parts == 1 and problem.out_channels * problem.parts == 1:
        return "each channel of the result is made of one channel"
    return None


def products(problem: Problem) -> int:
    """One a channel and tap."""
    return problem.in_channels * prod(problem.taps) * problem.parts**2


def grain(problem: Problem) -> tuple[int, ...]:
    """Pieces of any size: no product is made twice."""
    return (1,) * len(problem.axes)


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    channels = problem.out_channels * problem.parts
    filled = -(-channels // VECTOR) * VECTOR / channels
    neighbours = problem.groups == 1 and problem.axes[-1].dilation == 1
    runs = prod(problem.taps[:-1] if neighbours else problem.taps)
    slow_products = products(problem) * filled + runs * RUN / channels
    return costs.contraction_seconds(problem, rates.of(backend), slow_products)


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """One dense kernel in panels, ``(groups, panels, *taps, channels in, channels of a panel)``."""
    panels = Panels(pairs.as_real(reduce(np.multiply, w)), backend)
    packed = (panels.packed,)
    return Prepared(
        packed, lambda: spans(panels.fill, panels.count, panels.packed.nbytes), packed, (panels.w,)
    )


def spans(fill: Callable[[slice, Backend], None], count: int, nbytes: int) -> list[Piece]:
    """What calls `fill` for all panels, which have so many bytes, some at a time."""
    parts = max(min(nbytes // SPAN, count), 1)
    edges = [count * number // parts for number in range(parts + 1)]
    return [partial(fill, slice(*edge)) for edge in pairwise(edges)]


class Panels:
    """Weights ``(groups, channels out, channels in, *taps)`` in panels, the last one padded."""

    def __init__(self, w: NDArray, backend: Backend) -> None:
        groups, out_channels, in_channels, *taps = w.shape
        self._width = backend.panel(w.dtype)
        self.count = -(-out_channels // self._width)
        self.packed = np.empty((groups, self.count, *taps, in_channels, self._width), w.dtype)
        self._backwards = tuple([axis for axis in range(-len(taps), 0) if w.strides[axis] < 0])
        self.w = np.flip(w, self._backwards) if self._backwards else w

    @cached_property
    def _by_panel(self) -> NDArray:
        """What is filled, with its axes in the order of `w`, but for the parted second one."""
        by_panel = np.moveaxis(self.packed, (-1, -2), (2, 3))
        return np.flip(by_panel, self._backwards)

    def fill(self, span: slice, backend: Backend) -> None:
        """Fill some panels."""
        width, (groups, out_channels, *others) = self._width, self.w.shape
        whole = min(span.stop, out_channels // width)
        if span.start < whole:
            some = self.w[:, span.start * width : whole * width]
            parted = some.reshape(groups, whole - span.start, width, *others)
            backend.store(self._by_panel[:, span.start : whole], parted)
        rest = out_channels - whole * width
        if whole < span.stop and rest:
            # Rest and padding are two runs of the last axis.
            runs = np.array([[0, rest, 0, 1], [rest, width - rest, -1, 1]])
            last = np.moveaxis(self.w[:, whole * width :], 1, -1)
            backend.extend(np.moveaxis(self._by_panel[:, whole], 1, -1), last, (runs,), 0)


def repeats(problem: Problem) -> bool:
    """Always: one call."""
    return True


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Sum one slab."""
    backend.gemm(out, x, weights[0], bias, walk.stride, walk.dilation, relu)
