"""Box: where all weights are equal, sums of windows, which cost about the same at any size.

Each sample is weighted once, before any sum, so that nothing overflows that would not in the plain
sum, and NaN and infinities meet the weight.  No sum has anything subtracted from it: it neither
drifts nor remembers a NaN that its window has left behind.  Images of bytes that stay bytes need
none of that: their sums are exact, and are weighted in the end.
"""

from __future__ import annotations

from functools import reduce
from math import prod

import numpy as np
from numpy.typing import NDArray

from . import rates
from ..run import workspace
from ..backends.protocol import Backend
from ..backends.geometry.box import MOST_BYTES
from ..problem.problem import Problem, Walk
from . import InPlace, Layout, Prepared, costs

__all__ = [
    "IN_PLACE",
    "LAYOUT",
    "cost",
    "grain",
    "items",
    "prepare",
    "products",
    "refuses",
    "repeats",
    "run",
]

LAYOUT: Layout = "rows"
IN_PLACE: InPlace = "interior"

FUSED = 2
"""Axes that a kernel sums along at once."""
BYTE, MOST = np.dtype("u1"), 255


def refuses(problem: Problem) -> str | None:
    """It needs equal weights, side by side."""
    if not problem.form.uniform:
        return "the weights of the kernel are not all equal, for one channel in and one out"
    if problem.complex:
        return "it does not sum complex numbers"
    if any(axis.stride > 1 or axis.dilation > 1 for axis in problem.axes):
        return "it takes no strides and no dilation"
    return None


def products(problem: Problem) -> int:
    """One."""
    return 1


def grain(problem: Problem) -> tuple[int, ...]:
    """Pieces much longer than a window, for neighbours sum the rows between them twice."""
    return tuple(4 * axis.taps - 3 for axis in problem.axes)


def items(problem: Problem) -> np.dtype:
    """Bytes where samples and results are, which kernels sum exactly; or else those of the sums."""
    *down, _ = problem.taps
    exact = problem.x_dtype == problem.dtype == BYTE and problem.compute == np.float32
    fit = sum(k > 1 for k in problem.taps) <= FUSED and prod(down) <= MOST_BYTES
    beyond = any(axis.boundary == "constant" for axis in problem.axes)
    border = not beyond or problem.cval in range(1 + MOST)
    return BYTE if exact and fit and border else problem.compute


def cost(problem: Problem, backend: str) -> float:
    """Seconds on one thread."""
    passes = costs.row_passes(problem) + max(0, sum(k > 1 for k in problem.taps) - FUSED)
    itemsize = items(problem).itemsize
    share = itemsize / problem.compute.itemsize
    rows = sum(k.bit_length() for k in problem.taps) * prod(problem.canonical_out)
    additions = rows * itemsize / 4 * rates.of(backend).addition
    return costs.seconds(problem, backend, 0, passes * share) + additions


def prepare(problem: Problem, w: tuple[NDArray, ...], backend: Backend) -> Prepared:
    """The weight of each group, the product of the first weights of its factors."""
    first = (factor.reshape(len(factor), 1, -1)[..., 0] for factor in w)
    return Prepared((np.ascontiguousarray(reduce(np.multiply, first)),))


def repeats(problem: Problem) -> bool:
    """Always: a call for each pass."""
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
    """Sum the windows of one slab, along the last two axes at once."""
    rank = len(walk.stride)
    (weight,) = weights
    size = [n - outputs + 1 for n, outputs in zip(x.shape[-rank:], out.shape[-rank:], strict=True)]
    tapped = [axis for axis, k in enumerate(size) if k > 1]
    for axis in tapped[:-FUSED]:
        shape = list(x.shape)
        shape[axis - rank] = out.shape[axis - rank]
        sums = workspace.empty_like(x, shape)
        window = tuple(k if i == axis else 1 for i, k in enumerate(size))
        backend.box(sums, x, weight, np.zeros_like(bias), window, False)
        x, weight, size[axis] = sums, np.ones_like(weight), 1
    backend.box(out, x, weight, bias, tuple(size), relu)
