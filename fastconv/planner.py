"""From a question to a plan: choose the backend, then the algorithm that costs least.

*Can it* (``refuses``) and *should it* (``cost``) are asked of every algorithm, in order; what each
answered stays with the plan, for people to read.
"""

from __future__ import annotations

from functools import lru_cache

from . import algorithms, config, plan, validate
from .plan import Candidate, Plan
from .problem import Problem

__all__ = ["make_plan"]


def make_plan(
    question: validate.Question,
    algorithm: str = "auto",
    backend: str | None = None,
    threads: int | None = None,
) -> Plan:
    """Decide how a question is answered."""
    validate.algorithm_name(algorithm, f"{question.problem.name}: algorithm")
    if threads is not None:
        validate.thread_count(threads, f"{question.problem.name}: threads")
    chosen_backend = config.resolve_backend(backend)
    candidates = _candidates(question.problem, chosen_backend)
    if algorithm == "auto":
        able = (candidate for candidate in candidates if candidate.seconds is not None)
        algorithm = min(able, key=lambda candidate: candidate.seconds or 0.0).algorithm
    else:
        refusal = {candidate.algorithm: candidate.refusal for candidate in candidates}[algorithm]
        validate.not_refused(question.problem, algorithm, refusal)
    return plan.make(question, chosen_backend, algorithm, candidates, threads)


@lru_cache(maxsize=512)
def _candidates(problem: Problem, backend: str) -> tuple[Candidate, ...]:
    found = []
    for name in algorithms.ORDER:
        module = algorithms.load(name)
        refusal = module.refuses(problem)
        seconds = None if refusal else module.cost(problem, backend)
        found.append(Candidate(name, seconds, refusal))
    return tuple(found)
