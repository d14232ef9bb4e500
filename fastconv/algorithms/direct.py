"""Direct: the definition.  Every output is the sum over all taps of weight times sample."""

from __future__ import annotations

from math import prod
from typing import Any

from numpy.typing import NDArray

from ..problem.problem import Problem, Walk
from . import costs, rates
from .base import Algorithm

__all__ = ["algorithm"]

APART = 2
"""Times that a product takes where outputs read every second sample."""
ONE_BY_ONE = 4
"""Times that a product takes where outputs read samples that are farther apart."""
START = 40
"""Products that a tap of a row costs to begin with."""
ALONE = 1.5
"""Times that a product takes where rows of outputs read no rows together."""
BEGUN_ALONE = 5
"""Times that beginning takes there."""


class Direct(Algorithm):
    """The plain sum."""

    name = "direct"

    def refuses(self, problem: Problem) -> None:
        """Never: every problem has a definition."""

    def cost(self, problem: Problem, backend: str) -> float:
        """A stride leaves vectors empty, every row begins with all taps, and the channels of a
        pixel have to be parted.
        """
        each, last = self.macs(problem), problem.axes[-1]
        rows = problem.outputs // max(last.out, 1)
        starts = rows * prod(problem.taps) * min(last.stride, 2)
        apart: float = 1 if last.stride == 1 else APART if last.stride == 2 else ONE_BY_ONE
        if [axis for axis in problem.axes[:-1] if axis.taps > 1 and axis.dilation > axis.stride]:
            apart *= ALONE
            starts *= BEGUN_ALONE
        begun = starts * START * rates.of(backend).product
        return costs.seconds(problem, backend, each * apart, costs.row_passes(problem)) + begun

    def is_tile_invariant(self, problem: Problem) -> bool:
        """Outputs that step over samples are vectors along their longest axis, whose taps may be
        summed in another order.
        """
        return all(axis.stride == 1 for axis in problem.axes)

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
        program.correlate(out, x, weights[0], bias, walk.stride, walk.dilation, problem.relu)


algorithm = Direct()
