"""GEMM: a matrix product of outputs and their channels, without the matrix of windows.

Samples lie with their channels last, so that all that a tap reads of an output is a run of
neighbours, wherever stride and dilation put it.  Rows of the product are outputs, columns are
output channels, and the terms of a sum are taps and channels; weights are laid out once for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from .. import parallel, rates
from ..backends._protocol import Backend
from ..problem import Problem
from . import Layout, costs, pairs

__all__ = [
    "IN_PLACE",
    "LAYOUT",
    "by_spans",
    "cost",
    "grain",
    "pack",
    "prepare",
    "products",
    "refuses",
    "repeats",
    "run",
]

LAYOUT: Layout = "channels"
IN_PLACE = True
VECTOR = 8
"""Output channels that are computed together, needed or not."""
SPAN = 1 << 18
"""Bytes of weights that are worth a thread."""
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


def prepare(
    problem: Problem, w: tuple[NDArray, ...], backend: Backend, threads: int
) -> tuple[NDArray, ...]:
    """One dense kernel in panels, ``(groups, panels, *taps, channels in, channels of a panel)``."""
    return (pack(pairs.as_real(reduce(np.multiply, w)), backend, threads),)


def pack(w: NDArray, backend: Backend, threads: int) -> NDArray:
    """Weights ``(groups, channels out, channels in, *taps)`` in panels, the last one padded."""
    groups, out_channels, in_channels, *taps = w.shape
    width = backend.panel(w.dtype)
    whole, rest = divmod(out_channels, width)
    packed = np.empty((groups, whole + bool(rest), *taps, in_channels, width), w.dtype)
    by_panel = np.moveaxis(packed, (-1, -2), (2, 3))
    for axis in range(-len(taps), 0):
        if w.strides[axis] < 0:  # taps that are flipped are read as they lie
            w, by_panel = np.flip(w, axis), np.flip(by_panel, axis)
    if whole:
        full = w[:, : whole * width].reshape(groups, whole, width, in_channels, *taps)
        by_spans(lambda span: backend.store(by_panel[:, span], full[:, span]), full, threads)
    if rest:
        by_panel[:, whole, :rest] = w[:, whole * width :]
        by_panel[:, whole, rest:] = 0
    return packed


def by_spans(task: Callable[[slice], None], panels: NDArray, threads: int) -> None:
    """Call ``task`` for spans of panels, on threads where that is worth it."""
    count = panels.shape[1]
    parts = min(panels.nbytes // SPAN, count) if threads > 1 else 1
    if parts <= 1:
        task(slice(0, count))
        return
    edges = [count * number // parts for number in range(parts + 1)]
    parallel.run(lambda number: task(slice(edges[number], edges[number + 1])), parts, threads)


def repeats(problem: Problem) -> bool:
    """Always: one call."""
    return True


def run(
    backend: Backend,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    relu: bool,
) -> None:
    """Sum one slab."""
    backend.contract_channels(out, x, weights[0], bias, stride, dilation, relu)
