"""What the gradients of weights have in common: sums over slabs, which are boxes of outputs.

What a slab reads is copied, unless it already lies as kernels want it, so that neither memory nor
errors grow with the image.  How the work is cut depends on the problem alone, and what slabs add up
to is added in their order: the bits are the same for any number of threads.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import ceil, prod
from typing import Any

from numpy.typing import NDArray

from .. import backends
from ..algorithms.base import Layout
from ..problem.problem import Problem
from ..run.program import OUT, X2, X, operand
from .halo import Halo
from .job import Job
from .memo import Memo
from .recipe import MAX_PROGRAMS, contiguous_axis, layouts, operand_like

__all__ = [
    "MAX_TASKS",
    "PARTIAL_BYTES",
    "SLAB",
    "SLAB_ITEMS",
    "Box",
    "Gradient",
    "boxes",
    "gradients_of",
    "samples_of",
    "spans",
]

SLAB = 1 << 12
"""Outputs of a slab at most: so many products are summed one after the other."""
SLAB_ITEMS = 1 << 18
"""Items that are copied for a slab."""
PARTIAL_BYTES = 1 << 21
"""Bytes of sums that are kept apart at a time."""
MAX_TASKS = 64
"""Tasks that are enough for any number of threads."""

Box = tuple[slice, ...]
_halo = lru_cache(maxsize=1024)(Halo.of)


class Gradient:
    """The gradient of a convolution's weights, decided."""

    def __init__(self, problem: Problem, backend: str) -> None:
        self.problem = problem
        """The convolution."""
        self.backend = backends.load(backend)
        self._jobs: Memo[Job] = Memo(MAX_PROGRAMS)

    @property
    def seconds(self) -> float:
        """Predicted for one thread."""
        raise NotImplementedError

    def add_tiles(self, program: Any, out: NDArray, x: NDArray, gy: NDArray) -> None:
        """Add what fills ``out`` from samples and gradients, ``(images, G, channels, *axes)``."""
        raise NotImplementedError

    def _fill(self, out: NDArray, x: NDArray, gy: NDArray, threads: int | None) -> None:
        """Fill an array that lies the same in each call."""
        key = layouts(x, gy)
        job = self._jobs.get(key)
        if job is None:
            problem, program = self.problem, self.backend.program(0)
            images, canonical = prod(problem.batch), len(problem.batch)
            samples = problem.view_x(operand_like(X, x))
            gradients = problem.view_out(operand_like(X2, gy))
            self.add_tiles(
                program,
                operand(OUT, out.shape, out.dtype),
                samples.reshape(images, *samples.shape[canonical:]),
                gradients.reshape(images, *gradients.shape[canonical:]),
            )
            job = Job.of(program, self.seconds, self.backend.hand_over_seconds)
            self._jobs.put(key, job)
        job.run((out, x, gy), threads)


def samples_of(
    program: Any, problem: Problem, x: NDArray, region: Box, layout: Layout
) -> tuple[NDArray, tuple[int, ...]]:
    """What outputs read of some images, groups and channels, and the distances of its taps."""
    axes = problem.axes
    inside = all(axis.interior == (0, axis.out) for axis in axes)
    if inside and contiguous_axis(problem, x, layout, problem.compute) is not None:
        reads = [slice(*a.reads(s.start, s.stop)) for a, s in zip(axes, region, strict=True)]
        place: Any = (..., *reads)
        return x[place], tuple([axis.dilation for axis in axes])
    ends = tuple([(span.start, span.stop) for span in region])
    last = None if layout == "channels" else x.ndim - 1
    halo = _halo(problem, x.shape[: -len(axes)], ends, last)
    return halo.padded(program, x, problem.compute), halo.dilation


def gradients_of(program: Any, problem: Problem, gy: NDArray) -> NDArray:
    """Gradients with contiguous channels, or groups of one channel, in real numbers."""
    if contiguous_axis(problem, gy, "channels", problem.compute) is not None:
        return gy
    images, groups, channels, *lengths = gy.shape
    last = len(lengths) + 1
    shape = (images, *lengths, groups, channels, problem.parts)
    copy: NDArray = program.empty(shape, problem.compute)
    copy = copy.transpose(0, last, last + 1, last + 2, *range(1, last))
    program.store(copy[:, :, :, 0], gy.real if problem.complex else gy)
    if problem.complex:
        program.store(copy[:, :, :, 1], gy.imag)
    return copy.reshape(images, groups, channels * problem.parts, *lengths)


def spans(length: int, parts: int, step: int) -> list[slice]:
    """About equal parts that end at multiples of a step."""
    steps = ceil(length / step)
    parts = max(min(parts, steps), 1)
    edges = [min(steps * part // parts * step, length) for part in range(parts + 1)]
    return [slice(*edges[part : part + 2]) for part in range(parts)]


def boxes(lengths: tuple[int, ...], most: int) -> list[Box]:
    """Boxes of about equally many items, at most so many, that are everything, in order."""
    steps = []
    for n in reversed(lengths):
        step = max(min(n, most), 1)
        steps.append(ceil(n / ceil(n / step)))
        most //= step
    spans = [
        [slice(start, min(start + step, n)) for start in range(0, n, step)]
        for n, step in zip(lengths, reversed(steps), strict=True)
    ]
    return list(product(*spans))
