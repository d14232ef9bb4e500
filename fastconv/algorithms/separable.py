"""Separable: a pass with a 1-D kernel along each axis, k + k products instead of k · k.

All passes run in a tile, borders included, so no intermediate result is larger than it.
For a kernel that is a sum of several products of factors, the first pass has a channel for each
product, and the second pass sums them.

A blur of bytes runs in fixed point, along both axes at once.
"""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends.protocol import Backend
from ..problem import fixed, lowrank
from ..problem.problem import Problem, Walk
from ..run.workspace import LINE
from . import costs, rates
from .base import Algorithm, Weights, as_real, real_shape

__all__ = ["algorithm"]

BYTE = np.dtype("u1")
FIXED = 0.6
"""Relative time of a product in fixed point."""
SUMMED = 1.5
"""Relative time of a multiply-add if the rank is above 1."""
DEEP = 2
"""Relative time of volumes, where a pass reads rows that are whole planes apart."""


class Separable(Algorithm):
    """A pass along each axis."""

    name = "separable"

    def refuses(self, problem: Problem) -> str | None:
        """It needs a kernel of known, low rank."""
        if problem.form.rank is None:
            return (
                "the kernel is not known as a product, or a sum of a few products, of 1-D factors"
            )
        return None

    def macs(self, problem: Problem) -> int:
        """One for each tap of each factor."""
        return (problem.form.rank or 1) * sum(problem.taps) * problem.parts**2

    def min_tile(self, problem: Problem) -> tuple[int, ...]:
        """Much longer than the kernel, since neighbouring tiles both filter the rows they share."""
        return tuple(4 * (axis.extent - 1) // axis.stride + 1 for axis in problem.axes)

    def is_tile_invariant(self, problem: Problem, backend: Backend) -> bool:
        """See `Direct`; several products are checked, and perhaps summed directly.  Integers are
        the same in any tile.
        """
        if problem.in_fixed_point:
            return True
        single_steps = all(axis.stride == 1 for axis in problem.axes)
        return problem.form.rank == 1 and backend.sums_in_order and single_steps

    def storage(self, problem: Problem, backend: Backend) -> np.dtype:
        """Bytes for blurs in fixed point."""
        return BYTE if problem.in_fixed_point else problem.compute

    def cost(self, problem: Problem, backend: str) -> float:
        rank = problem.form.rank or 1
        slow_products = self.macs(problem) * rates.of(backend).one_row
        if rank > 1:
            slow_products *= SUMMED
        if problem.in_fixed_point:
            return costs.seconds(problem, backend, slow_products * FIXED, 1 / 4)
        passes = len(problem.axes) + rank - 1
        seconds = costs.seconds(problem, backend, slow_products, passes)
        return seconds * DEEP if len(problem.axes) > 2 else seconds

    def weights(self, problem: Problem, backend: Backend) -> tuple[Weights, ...]:
        """A factor for each axis.  A sum of products has a channel for each and the dense kernel; a
        blur in fixed point has its 16-bit weights as well.
        """
        rank, ones = problem.form.rank or 1, (1,) * len(problem.axes)
        channels = (problem.parts, problem.parts) if rank == 1 else (1, rank)
        found = [
            Weights(
                (problem.groups, *channels, *ones[:axis], k, *ones[axis + 1 :]), problem.compute
            )
            for axis, k in enumerate(problem.taps)
        ]
        if rank > 1:
            found.append(Weights(real_shape(problem), problem.compute))
        if problem.in_fixed_point:
            products = sum(k // 2 + 1 for k in problem.taps)
            found.append(Weights((1, 1, products), np.dtype("u2")))
        return tuple(found)

    def prepare(self, problem: Problem, w: tuple[NDArray, ...]) -> tuple[NDArray, ...]:
        """The factors, as given or as found."""
        if problem.form.factors:
            factors = tuple(np.ascontiguousarray(as_real(factor)) for factor in w)
            if not problem.in_fixed_point:
                return factors
            parts = [fixed.weights(factor) or () for factor in w]
            return (*factors, np.array([[[*parts[0], *parts[1]]]], np.uint16))
        rank = problem.form.rank or 1
        found = [lowrank.factors(kernel, rank) or [] for kernel in w[0]]
        tapped = [axis for axis, k in enumerate(problem.taps) if k > 1]
        stacked = []
        for axis, k in enumerate(problem.taps):
            shape = [k if i == axis else 1 for i in range(len(problem.taps))]
            factor = np.ones((problem.groups, 1, rank, *shape), w[0].dtype)
            if k > 1:
                factor[...] = 0  # groups may have fewer products
                for group, several in enumerate(found):
                    for number, product in enumerate(several):
                        factor[group, 0, number] = product[tapped.index(axis)].reshape(shape)
            stacked.append(as_real(factor))
        return (*stacked, np.ascontiguousarray(w[0])) if rank > 1 else tuple(stacked)

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
        """Filter one tile; directly if infinities of opposite products cancelled to NaN."""
        if out.dtype == BYTE:
            program.blur(out, x, weights[-1])
            return
        if problem.form.rank == 1:
            _passes(program, out, x, weights, bias, walk, problem.relu)
            return
        first, second, dense = weights
        _passes(program, out, x, (first, second.swapaxes(1, 2)), bias, walk, problem.relu)
        program.in_range(out, inf)
        with program.redo():
            program.correlate(out, x, dense, bias, walk.stride, walk.dilation, problem.relu)


def _passes(
    program: Any,
    out: NDArray,
    x: NDArray,
    weights: tuple[NDArray, ...],
    bias: NDArray,
    walk: Walk,
    relu: bool,
) -> None:
    """Filter along each axis in turn, the last one first."""
    rank = len(walk.stride)
    first = x.ndim - rank
    ones = (1,) * rank
    for position in reversed(range(rank)):
        w = weights[position]
        steps = (*ones[:position], walk.stride[position], *ones[position + 1 :])
        gaps = (*ones[:position], walk.dilation[position], *ones[position + 1 :])
        if position == 0:
            program.correlate(out, x, w, bias, steps, gaps, relu)
            return
        shape = list(x.shape)
        shape[first - 1], shape[first + position] = w.shape[1], out.shape[first + position]
        target = _between(program, x, shape)
        program.correlate(target, x, w, np.zeros(w.shape[:2], x.dtype), steps, gaps, False)
        x = target


def _between(program: Any, x: NDArray, shape: list[int]) -> NDArray:
    """Workspace in the memory order of ``x``, with rows padded to an odd number of cache lines.

    Rows a power of two apart would evict each other from the L1 cache.
    """
    if x.strides[-1] != x.itemsize or shape[-1] == 1:
        like: NDArray = program.empty_like(x, shape)
        return like
    lines = -(-shape[-1] * x.itemsize // LINE) | 1
    width = lines * LINE // x.itemsize
    padded: NDArray = program.empty((*shape[:-1], width), x.dtype)
    return padded[..., : shape[-1]]


algorithm = Separable()
