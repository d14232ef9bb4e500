"""Calls that differ from an earlier one in the values of weights only, as steps of training do.

All that follows from shapes, dtypes and choices is known then: what the call asks, the algorithm,
pieces and, maybe, a recording.  The new weights only have to be laid out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import lower
from .plan import Plan
from ..problem.problem import Problem
from .transposed import Transposed

__all__ = ["Alike", "find"]


class View(NamedTuple):
    """An array that lies in an argument of a call."""

    argument: int
    shape: tuple[int, ...]
    offset: int
    """In bytes."""
    strides: tuple[int, ...]

    def of(self, given: tuple[Any, ...]) -> NDArray:
        """The array in what another call was given."""
        memory = given[self.argument]
        return np.ndarray(self.shape, memory.dtype, memory, self.offset, self.strides)


class Source(NamedTuple):
    """Where the weights of a question lie."""

    problem: Problem
    w: View
    bias: View | None


class Alike(NamedTuple):
    """What was made for a call, without its weights."""

    made: Plan | Transposed
    sources: tuple[Source, ...]
    """Of all questions, in their order."""

    def again(self, given: tuple[Any, ...], lasting: bool) -> Plan | Transposed | None:
        """What would be made for the arguments of another call with the same shapes and dtypes, for
        that call alone if it is not lasting; None where that needs another look at its weights.
        """
        kernels = [w.of(given) for _, w, _ in self.sources]
        if not all(map(_allows_nothing, self.sources, kernels)):
            return None
        offsets = (bias and bias.of(given) for _, _, bias in self.sources)
        return self.made.again(iter(zip(kernels, offsets, strict=True)), lasting)


def find(
    made: Plan | Transposed,
    asked: lower.Question | lower.Transposition | Problem,
    given: tuple[Any, ...],
) -> Alike | None:
    """What other calls may share with this one; None where they share all, or values of weights
    decide more.
    """
    if isinstance(asked, Problem):
        return None
    if isinstance(asked, lower.Transposition) and asked.result.rest is not None:
        return None
    sources = []
    for problem, w, bias in _questions(asked):
        kernel = _view(w[0], given)
        offset = None if bias is None else _view(bias, given)
        if kernel is None or (offset is None) != (bias is None):
            return None
        if problem.exact or len(w) > 1 or problem.form != lower.no_form(w[0]):
            return None
        sources.append(Source(problem, kernel, offset))
    return Alike(made.bare(), tuple(sources))


def _allows_nothing(of: Source, w: NDArray) -> bool:
    """Whether a kernel surely has no form that a sum may be shorter for."""
    return lower.has_no_form(w, of.problem.x_dtype, of.problem.compute)


def _questions(
    asked: lower.Question | lower.Transposition,
) -> Iterator[lower.Question]:
    """All of them, in the order in which plans are made."""
    if isinstance(asked, lower.Question):
        yield asked
        return
    for phase in asked.phases:
        yield phase.question
    for strip in asked.strips:
        yield from _questions(strip.transposition)


def _view(array: NDArray, given: tuple[Any, ...]) -> View | None:
    """Where an array lies in the arguments, if it does."""
    for number, argument in enumerate(given):
        if type(argument) is np.ndarray and argument.dtype == array.dtype:
            offset = array.ctypes.data - argument.ctypes.data
            if argument.flags.c_contiguous and 0 <= offset < argument.nbytes:
                return View(number, array.shape, offset, array.strides)
    return None
