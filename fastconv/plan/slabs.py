"""What all weight gradients share: sums over slabs, which are boxes of outputs.

The samples of one slab at a time are copied (unless kernels can read them in place) and summed, so
that neither memory nor rounding errors grow with the image.  Slabs depend on the problem alone, and
their sums are added in order: the bits are the same for any number of threads.
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
"""Outputs of a slab, at most, and so the length of a sum that is not split."""
SLAB_ITEMS = 1 << 18
"""Items that are copied for a slab, at most."""
PARTIAL_BYTES = 1 << 21
"""Bytes of the partial sums of all tasks, at most."""
MAX_TASKS = 64
"""Tasks, at most: enough for any number of threads."""

Box = tuple[slice, ...]
_halo = lru_cache(maxsize=1024)(Halo.of)


class Gradient:
    """How the gradient of a convolution's weights is computed."""

    def __init__(self, problem: Problem, backend: str) -> None:
        self.problem = problem
        """The convolution whose weights are differentiated."""
        self.backend = backends.load(backend)
        self._jobs: Memo[Job] = Memo(MAX_PROGRAMS)

    @property
    def seconds(self) -> float:
        """Predicted for one thread."""
        raise NotImplementedError

    def add_tiles(self, program: Any, out: NDArray, x: NDArray, gy: NDArray) -> None:
        """Add tiles that fill ``out``; ``x`` and ``gy`` are ``(images, G, channels, *axes)``."""
        raise NotImplementedError

    def _fill(self, out: NDArray, x: NDArray, gy: NDArray, threads: int | None) -> None:
        """Fill ``out``, which has the same shape and dtype in each call and is in C order."""
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
    """The samples that a region of outputs reads, in place or copied; and the distances of taps.

    ``x`` holds the images, groups and channels that are wanted.
    """
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
    """Gradients as real numbers, with contiguous channels (groups, if these have one channel)."""
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
    """Cut ``range(length)`` into at most ``parts`` about equal parts, at multiples of ``step``."""
    steps = ceil(length / step)
    parts = max(min(parts, steps), 1)
    edges = [min(steps * part // parts * step, length) for part in range(parts + 1)]
    return [slice(*edges[part : part + 2]) for part in range(parts)]


def boxes(lengths: tuple[int, ...], most: int) -> list[Box]:
    """Cut an array into boxes of about equal size, at most ``most`` items each, in C order."""
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
