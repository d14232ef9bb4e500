"""The choice of an algorithm: the cheapest (`cost`) of those that do not refuse (`refuses`)."""

from __future__ import annotations

from typing import NamedTuple

from .. import algorithms, lower
from ..algorithms import rates
from ..problem.problem import Problem
from .memo import memo_of_calls
from .recipe import Recipe

__all__ = ["Candidate", "candidates", "recipe_of", "recipes"]

MAX_RECIPES = 4096
"""Recipes that are cached."""
MIN_CHOICE_SECONDS = 2e-6
"""Predicted seconds of the direct algorithm below which no other algorithm is considered."""

recipes = memo_of_calls(MAX_RECIPES)
"""Recipes and other results of planning, which do not depend on weights."""


class Candidate(NamedTuple):
    """An algorithm with its predicted time, or the reason for its refusal."""

    algorithm: str
    seconds: float | None
    """Predicted for one thread, or None if the algorithm refuses the problem."""
    refusal: str | None


def recipe_of(problem: Problem, algorithm: str, backend: str) -> Recipe:
    """The recipe for a problem by an algorithm, or by the cheapest one for ``"auto"``.

    Raises
    ------
    ValueError
        The algorithm refuses the problem.
    """
    key = problem, algorithm, backend
    recipe: Recipe | None = recipes.get(key)
    if recipe is None:
        if algorithm == "auto":
            name, seconds = _cheapest(problem, backend)
        else:
            name, chosen = algorithm, algorithms.load(algorithm)
            lower.not_refused(problem, algorithm, chosen.refuses(problem))
            seconds = chosen.cost(problem, backend)
        recipe = Recipe(problem, name, backend, seconds)
        recipes.put(key, recipe)
    return recipe


def _cheapest(problem: Problem, backend: str) -> tuple[str, float]:
    """The cheapest algorithm and its predicted seconds.

    If direct sums are so short that a choice would cost more than it saves, they are it.
    """
    if problem.in_fixed_point:  # results are the same in images of all sizes
        return "separable", algorithms.load("separable").cost(problem, backend)
    direct = algorithms.load("direct").cost(problem, backend)
    if direct - rates.of(backend).call < MIN_CHOICE_SECONDS:
        return "direct", direct
    cheapest, least = "direct", direct
    for name in algorithms.ORDER:
        algorithm = algorithms.load(name)
        if (
            name != "direct"
            and algorithm.refuses(problem) is None
            and algorithm.least_cost(problem, backend) < least
        ):
            seconds = algorithm.cost(problem, backend)
            if seconds < least:
                cheapest, least = name, seconds
    return cheapest, least


def candidates(problem: Problem, backend: str) -> tuple[Candidate, ...]:
    """All algorithms, with their predicted times or refusals for a problem."""
    found = []
    for name in algorithms.ORDER:
        algorithm = algorithms.load(name)
        refusal = algorithm.refuses(problem)
        seconds = None if refusal else algorithm.cost(problem, backend)
        found.append(Candidate(name, seconds, refusal))
    return tuple(found)
