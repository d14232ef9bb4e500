"""A plan: one convolution, decided and ready to be run many times.

It owns the weights in the form that its algorithm wants, and says how it came to be
(``print(plan)``).  Calling it is the whole work at run time: cut into pieces, extend the pieces
that touch a border, run the kernel, store the result.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import algorithms, backends, config, dtypes, parallel, validate
from .copies import extend
from .pieces import Pieces, cut
from .problem import Problem

__all__ = ["Candidate", "Plan", "make"]


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
    _wide: validate.Question | None
    """The question in Python's integers, which NumPy alone has, where 64 bits may not do."""
    _weights: tuple[NDArray, ...]
    _bias: NDArray
    _threads: int | None

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
        samples = validate.planned_array(problem, x)
        if out is None:
            result = np.empty(problem.out_shape, problem.dtype)
        else:
            validate.check_output(problem, samples, out)
            in_the_way = validate.overlaps(samples, out)
            result = np.empty(problem.out_shape, out.dtype) if in_the_way else out.view(np.ndarray)
        plan = self
        safe = problem.safe
        if self._wide and safe is not None and dtypes.largest_value(samples) > safe:
            plan = make(self._wide, "numpy", self.algorithm, self.candidates, self._threads)
        source, target = problem.view_x(samples), problem.view_out(result)
        in_place = _can_read(plan.problem, source)
        pieces = plan._pieces_in_place if in_place else plan._pieces_copied
        fill = partial(plan._fill, pieces, source, target)
        parallel.run(fill, len(pieces), config.resolve_threads(self._threads))
        if out is None:
            return result
        if in_the_way:
            np.copyto(out, result)
        return out

    @cached_property
    def _pieces_in_place(self) -> Pieces:
        return self._cut(in_place=True)

    @cached_property
    def _pieces_copied(self) -> Pieces:
        return self._cut(in_place=False)

    def _cut(self, in_place: bool) -> Pieces:
        return cut(self.problem, algorithms.load(self.algorithm).products(self.problem), in_place)

    def _fill(self, pieces: Pieces, x: NDArray, out: NDArray, number: int) -> None:
        problem, piece = self.problem, pieces[number]
        target = out[piece.out]
        if piece.inside:
            source = x[(*piece.lead, *(slice(*span) for span in piece.reads))]
        else:
            source = extend(problem, piece, x)
        weights = tuple(w[piece.weights] for w in self._weights)
        bias = self._bias[piece.weights]
        sums = target if _can_write(problem, source, target) else _sums(problem, source, target)
        backend = backends.load(self.backend)
        run = algorithms.load(self.algorithm).run
        run(backend, sums, source, weights, bias, piece.stride, piece.dilation, problem.relu)
        if sums is not target:
            self._store(target, sums)

    def _store(self, target: NDArray, sums: NDArray) -> None:
        if not self.problem.complex:
            dtypes.store(target, sums)
            return
        parts = np.moveaxis(sums, -1 - len(self.problem.axes), 0)
        with np.errstate(all="ignore"):
            np.moveaxis(target.real, -1 - len(self.problem.axes), 0)[...] = parts[::2]
            np.moveaxis(target.imag, -1 - len(self.problem.axes), 0)[...] = parts[1::2]

    def __repr__(self) -> str:
        problem = self.problem
        lines = [
            f"{problem.name} {_shape(problem.x_shape)} {problem.x_dtype}"
            f" -> {_shape(problem.out_shape)} {problem.dtype}",
            f"  kernel     {_shape(problem.taps)} taps"
            + (", given as factors" if problem.factors else ""),
            f"  borders    {', '.join(axis.boundary for axis in problem.axes)}",
            f"  sums in    {problem.compute}{', as pairs' if problem.complex else ''}",
            f"  backend    {self.backend} ({backends.load(self.backend).describe()})",
        ]
        for candidate in self.candidates:
            chosen = "*" if candidate.algorithm == self.algorithm else " "
            if candidate.seconds is None:
                verdict = f"refuses: {candidate.refusal}"
            else:
                verdict = f"{candidate.seconds * 1e3:.3g} ms predicted on one thread"
            lines.append(f"{chosen} {candidate.algorithm:<11}{verdict}")
        in_place = problem.x_dtype == problem.compute
        pieces = self._pieces_in_place if in_place else self._pieces_copied
        threads = min(config.resolve_threads(self._threads), max(len(pieces), 1))
        lines.append(
            f"  pieces     {len(pieces)}, of which {pieces.copies} read a copy with its border"
        )
        lines.append(f"  threads    {threads}")
        lines.append(f"  copies     {threads * pieces.copy_bytes} bytes at a time")
        return "\n".join(lines)


def _shape(lengths: tuple[int, ...]) -> str:
    return "x".join(str(n) for n in lengths)


def make(
    question: validate.Question,
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
        wide = validate.Question(integers, w, bias)
    with np.errstate(all="ignore"):
        weights, offset = _prepare(question, algorithms.load(algorithm))
    return Plan(problem, backend, algorithm, candidates, wide, weights, offset, threads)


def _prepare(
    question: validate.Question, module: algorithms.Algorithm
) -> tuple[tuple[NDArray, ...], NDArray]:
    """Weights and bias in real numbers of the compute dtype."""
    problem = question.problem
    bias = question.bias
    if bias is None:
        bias = np.zeros((problem.groups, problem.out_channels), problem.compute)
    if not problem.complex:
        w = tuple(factor.astype(problem.compute, order="C") for factor in question.w)
        return module.prepare(problem, w), bias.astype(problem.compute, order="C")
    dtype = np.result_type(problem.compute, np.complex64)
    weights = module.prepare(problem, tuple(factor.astype(dtype) for factor in question.w))
    return tuple(_as_real(w) for w in weights), _interleave(
        bias.real, bias.imag, 1, problem.compute
    )


def _as_real(w: NDArray) -> NDArray:
    """Complex weights as real ones between pairs of channels: ``[[re, -im], [im, re]]``."""
    real = _interleave(w.real, w.imag, 1, w.real.dtype)
    imaginary = _interleave(-w.imag, w.real, 1, w.real.dtype)
    return _interleave(real, imaginary, 2, w.real.dtype)


def _interleave(first: NDArray, second: NDArray, axis: int, dtype: np.dtype) -> NDArray:
    """``first[0], second[0], first[1], second[1], …`` along an axis."""
    pairs = np.stack((first, second), axis=axis + 1)
    shape = (*first.shape[:axis], 2 * first.shape[axis], *first.shape[axis + 1 :])
    return np.ascontiguousarray(pairs.reshape(shape), dtype)


def _sums(problem: Problem, source: NDArray, target: NDArray) -> NDArray:
    """Room for the sums of a piece, laid out like what it reads."""
    rank = len(problem.axes)
    shape = list(target.shape)
    shape[-1 - rank] *= problem.parts
    return np.empty_like(source, shape=shape)


def _can_read(problem: Problem, x: NDArray) -> bool:
    """Kernels read ``x`` itself where its numbers are those of the sums and lie in rows."""
    return not problem.complex and x.dtype == problem.compute and _row_axis(problem, x) is not None


def _can_write(problem: Problem, source: NDArray, target: NDArray) -> bool:
    """Kernels write the result itself where it is of the sums' dtype and lies as the source."""
    if problem.complex or target.dtype != problem.compute:
        return False
    row_axis = _row_axis(problem, target)
    return row_axis is not None and row_axis == _row_axis(problem, source)


def _row_axis(problem: Problem, view: NDArray) -> int | None:
    """The axis of neighbouring items, if kernels can run along it: the last one, or a batch axis
    that the last one steps over (the colours of a pixel).
    """
    item = view.itemsize
    if not view.flags.aligned or any(s < 0 or s % item for s in view.strides):
        return None
    last = view.ndim - 1
    if view.strides[last] == item:
        return last
    if problem.axes[-1].stride == 1:
        for axis in range(len(problem.batch)):
            if view.strides[axis] == item and view.strides[last] == item * view.shape[axis]:
                return axis
    return None
