"""A plan: one convolution, decided and ready to be run many times.

It owns the weights in the form that its algorithm wants, and says how it came to be
(``print(plan)``).  Calling it is the whole work at run time: cut into pieces, extend the pieces
that touch a border, run the kernel, store the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache, partial
from math import prod
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import algorithms, backends, config, lower
from ..problem import dtypes
from ..run import threads as parallel, workspace
from ..algorithms import rates
from ..backends.protocol import Backend
from .tiling import PRODUCTS, Pieces, cut, cut_layer
from ..problem.problem import Form, Problem
from .recorded import Repeated, run_by_hand
from .work import Numbers, Work, row_axis

__all__ = ["Candidate", "Given", "Plan", "make", "thread_count"]

Given = tuple[NDArray, NDArray | None]
"""Weights and bias of a question, as the caller has them."""
FAR = 1 << 20
"""Bytes of a result that does not stay in the nearer caches."""


class Candidate(NamedTuple):
    """What the planner thought of one algorithm."""

    algorithm: str
    seconds: float | None
    """Predicted for one thread."""
    refusal: str | None


@dataclass(frozen=True, repr=False, eq=False)
class Plan:
    """One convolution, decided: call it on an array, print it, keep it.

    Made by `plan_correlate`, `plan_conv1d`, `plan_conv2d` and `plan_conv3d`.  A plan never changes
    and may be called from many threads at once.

    Examples
    --------
    >>> import fastconv as fc
    >>> plan = fc.plan_correlate((4,), "float64", [1.0, 2.0, 1.0])
    >>> plan([1.0, 1.0, 1.0, 1.0])
    array([3., 4., 4., 3.])
    """

    problem: Problem
    backend: str
    """The name of the backend that runs it."""
    algorithm: str
    """The name of the algorithm that was chosen."""
    candidates: tuple[Candidate, ...]
    _wide: lower.Question | None
    """The question in Python's integers, which NumPy alone has, where 64 bits may not do."""
    _numbers: Numbers
    threads: int | None
    """As the call that made it said."""
    _repeated: Repeated
    """The work of all pieces."""
    _preparation: Repeated
    """Laying weights out."""
    _works: dict[tuple[np.dtype, int | None, int | None], Work] = field(default_factory=dict)
    """By what kernels read and write, and the axes of neighbours in ``x`` and ``out``."""

    def __call__(self, x: ArrayLike, out: NDArray | None = None) -> NDArray:
        """Run the plan.

        Parameters
        ----------
        x : array_like
            Of the shape and dtype that the plan was made for.
        out : ndarray, optional
            Receives the result: of the result's shape, and of any dtype that it can be rounded
            to.  It may be ``x`` itself, and otherwise must not overlap it.  (``out=`` of a call
            without a plan counts as ``dtype=``, too; a plan has its dtypes already.)

        Returns
        -------
        ndarray
            ``out``, or a new array.

        Raises
        ------
        TypeError, ValueError
            An ``x`` or ``out`` that the plan was not made for.
        """
        problem = self.problem
        recorded = self._repeated.recorded()
        if recorded is not None:
            result = self._allocate(problem.out_shape, problem.dtype) if out is None else out
            threads = thread_count(recorded.pieces, self.worth, self.threads)
            failed = recorded.recording.run(threads, self.seconds, result, x)
            if failed is not None:
                if failed:
                    by_hand, _ = self.tasks(lower.planned_array(problem, x), result)
                    for number in failed:
                        by_hand(number)
                return result
        samples = lower.planned_array(problem, x)
        if out is None:
            result = self._allocate(problem.out_shape, problem.dtype)
        else:
            lower.check_output(problem, samples, out)
            in_the_way = lower.overlaps(samples, out)
            result = np.empty(problem.out_shape, out.dtype) if in_the_way else out.view(np.ndarray)
        if result.dtype == problem.dtype:
            self._repeated.begin((result, samples), partial(self.recordable, samples, result))
        run, pieces = self.tasks(samples, result)
        threads = thread_count(pieces, self.seconds / parallel.HAND_OVER, self.threads)
        parallel.run(run, pieces, threads)
        if out is None:
            return result
        if in_the_way:
            np.copyto(out, result)
        return out

    def tasks(self, samples: NDArray, result: NDArray) -> tuple[Callable[[int], None], int]:
        """What fills a piece of ``result``, and the number of pieces, from checked arrays."""
        plan, problem = self, self.problem
        safe = problem.safe
        if self._wide and safe is not None and dtypes.largest_value(samples) > safe:
            plan = make(self._wide, "numpy", self.algorithm, self.candidates, self.threads)
        source, target = problem.view_x(samples), problem.view_out(result)
        work = plan._work(source, target)
        return partial(work.run, source, target, plan._numbers), len(work)

    def again(self, weights: Iterator[Given], lasting: bool) -> Plan:
        """The plan for the next weights, which differ in their values only; they stay the caller's
        where the plan is not lasting.
        """
        plan, (w, bias) = self if lasting else self._for_once, next(weights)
        how = plan.algorithm, plan.backend, plan.threads, plan._preparation, lasting
        return plan._with(_prepared(plan.problem, (w,), bias, *how))

    @cached_property
    def _for_once(self) -> Plan:
        """The plan of the same sums, to the bit, that takes least where weights come once."""
        problem, kernels, name = self.problem, backends.load(self.backend), "pointwise"
        seconds = {candidate.algorithm: candidate.seconds for candidate in self.candidates}[name]
        if self.algorithm != "gemm" or seconds is None or not kernels.IN_ORDER:
            return self
        weights = problem.groups * problem.out_channels * problem.in_channels
        laid_out = 2 * weights * problem.compute.itemsize * rates.of(self.backend).byte
        if problem.complex or seconds > self.seconds + laid_out + kernels.HAND_OVER:
            return self
        return replace(self, algorithm=name, _repeated=Repeated(kernels), _works={}).bare()

    def bare(self) -> Plan:
        """The plan without weights, to be made again with some."""
        _ = self.worth, self._allocate  # found out once, for all of them
        return self._with(Numbers((), np.empty(0)))

    def _with(self, numbers: Numbers) -> Plan:
        """The same plan with other numbers, and all that was found out of it, which
        `dataclasses.replace` would forget: 8 of the 60 µs that new weights cost.
        """
        plan = object.__new__(Plan)
        own = {"_numbers": numbers, "_repeated": self._repeated.again(numbers.arrays)}
        plan.__dict__.update(self.__dict__, **own)
        return plan

    def recordable(self, x: NDArray, out: NDArray) -> list[Callable[[Backend], None]] | None:
        """The pieces, for a recording with arrays that lie as these; None where they may differ
        from run to run.
        """
        problem = self.problem
        if not self.repeats:
            return None
        source, target = problem.view_x(x), problem.view_out(out)
        work = self._work(source, target)
        fill = partial(work.run, source, target, self._numbers)
        return [partial(fill, number) for number in range(len(work))]

    def fill_groups(
        self, samples: NDArray, result: NDArray, groups: slice, backend: Backend
    ) -> None:
        """Fill ``result`` by the weights of some groups, of which there are more than in the
        problem, on one thread; or have it recorded.
        """
        source, target = self.problem.view_x(samples), self.problem.view_out(result)
        work, numbers = self._work(source, target), self._numbers.of(groups)
        for number in range(len(work)):
            work.run(source, target, numbers, number, backend)

    @cached_property
    def repeats(self) -> bool:
        """Whether it makes the same calls at each run, as recordings want it."""
        return self._wide is None and algorithms.load(self.algorithm).repeats(self.problem)

    @property
    def weights(self) -> tuple[NDArray, ...]:
        """All numbers that it keeps."""
        return self._numbers.arrays

    @cached_property
    def _allocate(self) -> Callable[[tuple[int, ...], np.dtype], NDArray]:
        """What makes a new result: where channels are neighbours, panels of them fill lines of
        memory in turns.
        """
        nbytes = prod(self.problem.out_shape) * self.problem.dtype.itemsize
        by_panel = algorithms.load(self.algorithm).LAYOUT == "channels"
        return workspace.lined_up if by_panel and nbytes >= FAR else np.empty

    @cached_property
    def weight_bytes(self) -> int:
        """Bytes of the weights as the algorithm wants them."""
        return sum(w.nbytes for w in self._numbers.weights)

    @cached_property
    def seconds(self) -> float:
        """Predicted for one thread."""
        chosen = (c.seconds for c in self.candidates if c.algorithm == self.algorithm)
        return next(chosen) or 0.0

    @cached_property
    def worth(self) -> float:
        """Threads whose hand-over is worth it, once the work is recorded, if it can be."""
        hand_over = backends.load(self.backend).HAND_OVER if self.repeats else parallel.HAND_OVER
        return self.seconds / hand_over

    def _work(self, source: NDArray, target: NDArray) -> Work:
        """The work on arrays that lie as these."""
        algorithm, problem = algorithms.load(self.algorithm), self.problem
        items = algorithm.items(problem) if target.dtype == problem.dtype else problem.compute
        x_row, out_row = (
            row_axis(problem, view, algorithm.LAYOUT, items) for view in (source, target)
        )
        work = self._works.get((items, x_row, out_row))
        if work is None:
            work = self._works[items, x_row, out_row] = Work(
                self.problem,
                _pieces(self.problem, self.backend, self.algorithm, x_row is not None),
                backends.load(self.backend),
                algorithm,
                items,
                x_row,
                out_row,
            )
        return work

    def __repr__(self) -> str:
        problem = self.problem
        lines = [
            f"{problem.name} {_shape(problem.x_shape)} {problem.x_dtype}"
            f" -> {_shape(problem.out_shape)} {problem.dtype}",
            f"  kernel     {_shape(problem.taps)} taps{_form(problem.form)}",
            f"  borders    {', '.join(axis.boundary for axis in problem.axes)}",
            f"  sums in    {problem.compute}{', as pairs' if problem.complex else ''}",
            f"  backend    {self.backend} ({backends.load(self.backend).describe()})",
        ]
        tile = backends.load(self.backend).register_tile(problem.compute)
        if tile is not None:
            lines.append(f"  tiles      {_shape(tile)} outputs in registers")
        lines.append(f"  rates      {rates.describe()}")
        for candidate in self.candidates:
            chosen = "*" if candidate.algorithm == self.algorithm else " "
            if candidate.seconds is None:
                verdict = f"refuses: {candidate.refusal}"
            else:
                verdict = f"{candidate.seconds * 1e3:.3g} ms predicted on one thread"
            lines.append(f"{chosen} {candidate.algorithm:<11}{verdict}")
        in_place = problem.x_dtype == algorithms.load(self.algorithm).items(problem)
        pieces = _pieces(problem, self.backend, self.algorithm, in_place)
        threads = thread_count(len(pieces), self.worth, self.threads)
        lines.append(
            f"  pieces     {len(pieces)}, of which {pieces.copies} read a copy with its border"
        )
        lines.append(f"  threads    {threads}")
        lines.append(f"  copies     {threads * pieces.copy_bytes} bytes at a time")
        return "\n".join(lines)


def thread_count(pieces: int, worth: float, threads: int | None) -> int:
    """Threads that are allowed, of so many that have work and are worth their hand-over; what a
    call said of them was checked when it was planned.
    """
    if pieces == 1 or worth < 2:
        return 1
    return min(pieces, int(worth), threads or config.resolve_threads())


@lru_cache(maxsize=128)
def _pieces(problem: Problem, backend: str, algorithm: str, in_place: bool) -> Pieces:
    module, kernels = algorithms.load(algorithm), backends.load(backend)
    reads = module.IN_PLACE if in_place else "nothing"
    products, grain, layout = module.products(problem), module.grain(problem), module.LAYOUT
    finest = kernels.PIECE if module.repeats(problem) else PRODUCTS
    if layout == "rows":
        return cut(problem, products, grain, kernels, finest, reads)
    return cut_layer(problem, products, grain, kernels, finest, layout, reads)


def _shape(lengths: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in lengths)


def _form(form: Form) -> str:
    said = ", given as factors" if form.factors else f", rank {form.rank}, found"
    return (said if form.rank else "") + (", all equal" if form.uniform else "")


def make(
    question: lower.Question,
    backend: str,
    algorithm: str,
    candidates: tuple[Candidate, ...],
    threads: int | None,
) -> Plan:
    """The plan that answers a question by an algorithm on a backend."""
    problem, wide = question.problem, None
    if problem.safe is not None:
        integers = replace(problem, compute=dtypes.OBJECT, safe=None)
        w = tuple(factor.copy() for factor in question.w)
        bias = None if question.bias is None else question.bias.copy()
        wide = lower.Question(integers, w, bias)
    config.resolve_threads(threads)  # a wrong environment is told at once, needed or not
    kernels = backends.load(backend)
    given = question.w, question.bias
    preparation = Repeated(kernels)
    numbers = _prepared(problem, *given, algorithm, backend, threads, preparation, lasting=True)
    work = Repeated(kernels, numbers.arrays)
    return Plan(problem, backend, algorithm, candidates, wide, numbers, threads, work, preparation)


@np.errstate(all="ignore")
def _prepared(
    problem: Problem,
    given: tuple[NDArray, ...],
    bias: NDArray | None,
    algorithm: str,
    backend: str,
    threads: int | None,
    preparation: Repeated,
    lasting: bool,
) -> Numbers:
    """Weights and bias in real numbers of the compute dtype; in memory of their own, if they are to
    last.
    """
    dtype, module = problem.compute, algorithms.load(algorithm)
    if problem.complex:
        dtype = np.result_type(dtype, np.complex64)
    w = tuple(factor.astype(dtype, copy=False) for factor in given)
    offset = np.zeros(given[0].shape[:2], dtype)
    if bias is not None:
        offset[...] = bias
    kernels = backends.load(backend)
    weights, pieces, filled, source = module.prepare(problem, w, kernels)
    if pieces is not None:
        seconds = 2 * sum(array.nbytes for array in filled) * rates.of(backend).byte
        worth = partial(thread_count, worth=seconds / kernels.HAND_OVER, threads=threads)
        if preparation.again(source).run(worth, seconds, filled, pieces) is None:
            by_hand = pieces()
            worth = partial(thread_count, worth=seconds / parallel.HAND_OVER, threads=threads)
            run_by_hand(by_hand, kernels, worth(len(by_hand)))
    if lasting:
        weights = tuple([_owned(array, given) for array in weights])
    return Numbers(weights, offset.view(problem.compute))


def _owned(array: NDArray, given: tuple[NDArray, ...]) -> NDArray:
    """The array, or a copy of it where that is the caller's."""
    return array.copy("K") if any(np.may_share_memory(array, each) for each in given) else array
