"""From a call to a plan: ask the question, choose the backend, then the algorithm that costs least.

*Can it* (``refuses``) and *should it* (``cost``) are asked of every algorithm, in order; what each
answered stays with the plan, for people to read.  A call that says the same as an earlier one, to
the last bit of its weights, gets the earlier one's plan; one with other weights shares what does
not depend on them.
"""

from __future__ import annotations

import marshal
import os
from collections.abc import Callable, Hashable
from functools import lru_cache
from itertools import count
from operator import itemgetter
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .. import algorithms, backends, config, lower
from . import alike, depthwise_gradient, plan, weight_gradient
from .alike import Alike
from .depthwise_gradient import DepthwiseGradient
from .plan import Candidate, Plan
from ..problem.problem import Problem
from .transposed import Transposed, neighbours, with_neighbours
from .weight_gradient import WeightGradient

__all__ = ["make_plan", "make_transposed", "make_weight_gradient"]

KEPT = 128
"""Plans that are remembered."""
KEPT_BYTES = 1 << 26
"""Bytes of all their weights, as they came and as they are kept (spectra, maybe): but for the last
plan, older ones go first."""
LARGEST = 1 << 24
"""Bytes of the largest kernel whose plans are remembered."""
LARGE = 1 << 16
"""Bytes of a kernel above which only what comes a second time is remembered, as well as kernels of
calls that others were like but for the weights: those of training never do, and to keep them costs
a copy.
"""
HASHED = 1 << 12
"""Bytes that are hashed at most: all are compared, which is ten times as fast."""
SAMPLES = 1 << 9
"""Bytes that are hashed of more: each may have to come from far."""
ITSELF = frozenset((type(None), int, str))
"""Types whose values equal none of another type that is said as it is."""
WHOLE = frozenset((int,))
NUMBERS = frozenset((bool, float, complex))


Gradient = WeightGradient | DepthwiseGradient
Made = TypeVar("Made", Plan, Transposed, Gradient)
Asked = TypeVar("Asked", lower.Question, lower.Transposition, Problem)
Checked = tuple[str | int | tuple[int, ...] | np.dtype, ...]
"""Of arguments: names, ranks, shapes and dtypes, which say themselves what they are."""

_plans: dict[int, tuple[Any, int, Hashable]] = {}
"""By the hash of what was said, or the next number: weights that differ so little that hashes do
not tell are compared with two others at most.
"""
_choices: dict[tuple[int, ...], tuple[tuple[Any, ...], int]] = {}
"""Choices that are hashable and the number of what they say, by the names that Python has for these
objects, which keep them as long as they are here.
"""
_numbers: dict[Hashable, int] = {}
_count = count()
_large: dict[int, bool] = {}
"""Hashes of calls that are not remembered yet."""
_alike: dict[Hashable, Alike] = {}
"""By what was said, but for the values of arrays."""
_lock = Lock()


def make_plan(
    ask: Callable[..., lower.Question],
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str | None,
    threads: int | None,
    *,
    once: bool,
) -> Plan:
    """The plan for ``ask(*checked, *given, **options)``; where it is called once, before weights
    can change, it may use those of the caller.
    """
    return _remembered(_answer, ask, checked, given, options, algorithm, backend, threads, once)


def make_transposed(
    ask: Callable[..., lower.Transposition],
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str | None,
    threads: int | None,
) -> Transposed:
    """The plans for ``ask(*checked, *given, **options)``, to be called once, before weights can
    change.
    """
    return _remembered(
        _transpose, ask, checked, given, options, algorithm, backend, threads, once=True
    )


def make_weight_gradient(
    ask: Callable[..., Problem],
    checked: Checked,
    options: dict[str, Any],
    backend: str | None,
    threads: int | None,
) -> Gradient:
    """The sums for ``ask(*checked, **options)``."""
    return _remembered(_sum, ask, checked, (), options, "auto", backend, threads, once=True)


def _remembered(
    answer: Callable[[Asked, str, str, int | None], Made],
    ask: Callable[..., Asked],
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str | None,
    threads: int | None,
    once: bool,
) -> Made:
    """What was answered to the same call before, or else is now."""
    chosen = config.resolve_backend(backend)
    choices = (ask.__name__, *options.values(), algorithm, chosen, threads)
    try:
        said: tuple[Hashable, ...] = (_choices_said(choices), *checked, *map(_said, given))
    except TypeError:
        return answer(ask(*checked, *given, **options), algorithm, chosen, threads)
    first = hash(said)
    for place in (first, first + 1):
        remembered = _plans.get(place)
        if remembered is None:
            break
        if remembered[2] == said:
            return remembered[0]  # type: ignore[no-any-return]
    shapes = (said[0], *checked, *map(_shape_said, given, said[1 + len(checked) :]))
    known = _alike.get(shapes)
    nbytes = sum([value.nbytes for value in given if type(value) is np.ndarray])
    new = known is None or not once
    remember = (new and nbytes <= LARGE) or _seen_before(place)
    made: Any = None if known is None else known.again(given, lasting=remember or not once)
    if made is None:
        asked = ask(*checked, *given, **options)
        made = answer(asked, algorithm, chosen, threads)
        _keep_alike(shapes, alike.find(made, asked, given))
    if remember:
        _keep_plan(place, made, nbytes + made.weight_bytes, said)
    return made  # type: ignore[no-any-return]


def _keep_plan(place: int, made: Any, nbytes: int, said: tuple[Hashable, ...]) -> None:
    """Remember a plan, and forget older ones that there is no room for."""
    _keep(said)
    with _lock:
        _plans.pop(place, None)
        _plans[place] = made, nbytes, said
        kept = sum(map(itemgetter(1), _plans.values()))
        while len(_plans) > KEPT or (kept > KEPT_BYTES and len(_plans) > 1):
            kept -= _plans.pop(next(iter(_plans)))[1]


def _shape_said(value: Any, said: Hashable) -> Hashable:
    """What was said of an argument, but for its values."""
    if type(value) is np.ndarray:
        return value.shape, value.dtype, value.flags.c_contiguous
    return said


def _keep_alike(shapes: Hashable, found: Alike | None) -> None:
    if found is None:
        return
    with _lock:
        _alike[shapes] = found
        if len(_alike) > KEPT:
            del _alike[next(iter(_alike))]


def _seen_before(call: int) -> bool:
    """Whether a call was made lately, by its hash."""
    with _lock:
        seen = _large.pop(call, False)
        _large[call] = True
        if len(_large) > KEPT:
            del _large[next(iter(_large))]
    return seen


def _said(value: Any) -> Hashable:
    """What differs where values do (1 from 1.0 and True, and 0.0 from -0.0)."""
    kind = type(value)
    if kind is np.ndarray and value.nbytes <= LARGEST and not value.dtype.hasobject:
        large = value.nbytes > HASHED and value.flags.c_contiguous
        return value.shape, value.dtype, _Bits(value) if large else value.tobytes()
    if kind in ITSELF or (kind is tuple and WHOLE.issuperset(map(type, value))):
        return value  # type: ignore[no-any-return]
    if isinstance(value, np.dtype):
        return value
    if kind in NUMBERS:
        return kind, marshal.dumps(value, 2)
    if isinstance(value, type):
        return type, value
    if kind is tuple or kind is list:
        return (kind, *map(_said, value))
    raise TypeError(f"{kind.__name__} is not remembered")


class _Bits:
    """The bits of a large array, told apart by all of them, and looked up by some."""

    def __init__(self, array: NDArray) -> None:
        self._bytes = array.reshape(-1).view(np.uint8)
        each = array.nbytes // SAMPLES | 1  # odd: all bytes of items have their turn
        self._hash = hash(self._bytes[::each].tobytes())

    def keep(self) -> None:
        """Stay as they are now, whatever becomes of the array."""
        self._bytes = self._bytes.copy()

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Bits):
            return NotImplemented
        ours, theirs = self._bytes, other._bytes
        words = len(ours) // 8 * 8
        return (
            len(ours) == len(theirs)
            and np.array_equal(ours[:words].view(np.uint64), theirs[:words].view(np.uint64))
            and np.array_equal(ours[words:], theirs[words:])
        )


def _keep(said: tuple[Any, ...]) -> None:
    """Make what was said independent of the arrays of the call."""
    for part in said:
        if type(part) is tuple:
            _keep(part)
        elif type(part) is _Bits:
            part.keep()


def _choices_said(choices: tuple[Any, ...]) -> int:
    """A number for what they say: the same as long as it is remembered, and never another one's."""
    names = tuple(map(id, choices))
    known = _choices.get(names)
    if known is not None:
        return known[1]
    said = _said(choices)
    with _lock:
        if len(_numbers) >= KEPT:
            _numbers.clear()
        number = _numbers.setdefault(said, next(_count))
        if len(_choices) >= KEPT:
            _choices.clear()
        if _is_hashable(choices):
            _choices[names] = choices, number
    return number


def _is_hashable(choices: tuple[Any, ...]) -> bool:
    """Whether they cannot change."""
    try:
        hash(choices)
    except TypeError:  # a list
        return False
    return True


def _forget() -> None:
    """A forked child may have been born while another thread held the lock."""
    global _lock
    _lock = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _transpose(
    asked: lower.Transposition, algorithm: str, backend: str, threads: int | None
) -> Transposed:
    block, phases = None, asked.phases
    if algorithm in ("auto", "depthwise"):
        block = neighbours(asked, backends.load(backend))
    if block is not None:
        phases = tuple(with_neighbours(phase, block) for phase in phases)
    plans = ((phase.out, _answer(phase.question, algorithm, backend, threads)) for phase in phases)
    strips = (
        (_transpose(strip.transposition, algorithm, backend, threads), strip.runs)
        for strip in asked.strips
    )
    return Transposed.of(asked.result, tuple(plans), tuple(strips), threads, block)


def _sum(problem: Problem, algorithm: str, backend: str, threads: int | None) -> Gradient:
    if threads is not None:
        lower.thread_count(threads, f"{problem.name}: threads")
    if depthwise_gradient.takes(problem):
        return depthwise_gradient.make(problem, backend, threads)
    return weight_gradient.make(problem, backend, threads)


def _answer(question: lower.Question, algorithm: str, backend: str, threads: int | None) -> Plan:
    lower.algorithm_name(algorithm, f"{question.problem.name}: algorithm")
    if threads is not None:
        lower.thread_count(threads, f"{question.problem.name}: threads")
    candidates = _candidates(question.problem, backend)
    if algorithm == "auto":
        able = (candidate for candidate in candidates if candidate.seconds is not None)
        algorithm = min(able, key=lambda candidate: candidate.seconds or 0.0).algorithm
    else:
        refusal = {candidate.algorithm: candidate.refusal for candidate in candidates}[algorithm]
        lower.not_refused(question.problem, algorithm, refusal)
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
