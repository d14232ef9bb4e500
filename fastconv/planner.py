"""From a call to a plan: ask the question, choose the backend, then the algorithm that costs least.

*Can it* (``refuses``) and *should it* (``cost``) are asked of every algorithm, in order; what each
answered stays with the plan, for people to read.  A call that says the same as an earlier one, to
the last bit of its weights, gets the earlier one's plan.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Hashable
from functools import lru_cache, partial
from typing import Any

import numpy as np

from . import algorithms, config, plan, validate
from .plan import Candidate, Plan
from .problem import Problem

__all__ = ["make_plan"]

KEPT = 128
"""Plans that are remembered."""
LARGEST = 1 << 16
"""Bytes of the largest kernel whose plans are remembered."""


def make_plan(
    ask: Callable[..., validate.Question],
    *arguments: Any,
    algorithm: str,
    backend: str | None,
    threads: int | None,
    **options: Any,
) -> Plan:
    """The plan for ``ask(*arguments, **options)``."""
    chosen = config.resolve_backend(backend)
    make = partial(_make_plan, ask, arguments, options, algorithm, chosen, threads)
    try:
        said = _said((*arguments, *options.values(), algorithm, chosen, threads))
    except TypeError:
        return make()
    return _remembered(_Call((ask, said), make))


class _Call:
    """A call by what it says, and how its plan is made."""

    def __init__(self, said: Hashable, make: Callable[[], Plan]) -> None:
        self.said = said
        self.make = make

    def __hash__(self) -> int:
        return hash(self.said)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Call) and self.said == other.said


@lru_cache(maxsize=KEPT)
def _remembered(call: _Call) -> Plan:
    make = call.make
    del call.make  # it holds the caller's arrays
    return make()


def _said(value: Any) -> Hashable:
    """Something that is equal for equal arguments and no others; TypeError where there is none."""
    if value is None or type(value) in (bool, int, float, complex, str):
        return marshal.dumps(value, 2)  # tells 1 from 1.0 and True, and 0.0 from -0.0
    if type(value) in (tuple, list):
        return (type(value), *map(_said, value))
    if type(value) is np.ndarray and value.nbytes <= LARGEST and not value.dtype.hasobject:
        return value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, np.dtype | type):
        return value
    raise TypeError(f"{type(value).__name__} is not remembered")


def _make_plan(
    ask: Callable[..., validate.Question],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str,
    threads: int | None,
) -> Plan:
    question = ask(*arguments, **options)
    validate.algorithm_name(algorithm, f"{question.problem.name}: algorithm")
    if threads is not None:
        validate.thread_count(threads, f"{question.problem.name}: threads")
    config.resolve_threads(threads)  # a wrong environment is told at once, needed or not
    candidates = _candidates(question.problem, backend)
    if algorithm == "auto":
        able = (candidate for candidate in candidates if candidate.seconds is not None)
        algorithm = min(able, key=lambda candidate: candidate.seconds or 0.0).algorithm
    else:
        refusal = {candidate.algorithm: candidate.refusal for candidate in candidates}[algorithm]
        validate.not_refused(question.problem, algorithm, refusal)
    return plan.make(question, backend, algorithm, candidates, threads)


@lru_cache(maxsize=512)
def _candidates(problem: Problem, backend: str) -> tuple[Candidate, ...]:
    found = []
    for name in algorithms.ORDER:
        module = algorithms.load(name)
        refusal = module.refuses(problem)
        seconds = None if refusal else module.cost(problem, backend)
        found.append(Candidate(name, seconds, refusal))
    return tuple(found)
