"""From a call to a plan: lower it, choose the backend and the algorithm, pack the weights.

There are two caches.  A recipe depends on shapes, dtypes and choices alone, and is cached by its
problem.  A plan is cached by all arguments but the samples, and is reused only if the weights are
equal bit by bit.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Hashable
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from numpy.typing import NDArray

from .. import algorithms, config, lower
from ..algorithms import rates
from ..problem.problem import Problem
from . import candidates, depthwise_gradient, weight_gradient
from .candidates import recipe_of
from .memo import Memo, forget, memo_of_calls
from .plan import Plan
from .recipe import Packed, Recipe
from .transposed import TransposedPlan, recipe_of_phases

__all__ = [
    "cheapest_for_once",
    "forget",
    "key_of",
    "lasting",
    "make_plan",
    "make_transposed",
    "make_weight_gradient",
    "plan_for",
    "transposed_plan_for",
]

MAX_PLANS = 4096
"""Plans that are cached."""
MAX_PLAN_BYTES = 1 << 26
"""Bytes of the weights of all cached plans, as given and as packed (spectra, for instance)."""
MAX_KERNEL_BYTES = 1 << 24
"""Bytes of the largest kernel whose plans are cached."""
LARGE_BYTES = 1 << 16
"""Bytes of a kernel above which a plan is cached only for its second call.  Caching copies the
kernel, and the kernels of a training loop never come a second time."""
HASHED_BYTES = 1 << 12
"""Bytes of the largest array that is hashed whole.  Comparisons are ten times as fast, and always
cover all bytes."""
SAMPLED_BYTES = 1 << 9
"""Bytes of a larger array that are hashed: each may be a cache miss."""
AS_THEY_ARE = frozenset((type(None), int, str))
"""Types whose values serve as keys: none equals a value of another type in a key."""
NUMBERS = frozenset((bool, float, complex))
PLAIN = AS_THEY_ARE | NUMBERS

Gradient = weight_gradient.WeightGradient | depthwise_gradient.DepthwiseGradient
Checked = tuple[Any, ...]
"""The first arguments of a lowering: names, ranks, shapes and dtypes, all hashable."""

_plans: Memo[Any] = memo_of_calls(MAX_PLANS, MAX_PLAN_BYTES)
_weights: Memo[_Weights] = memo_of_calls(MAX_PLANS, MAX_PLAN_BYTES)
"""Kernels, shared by plans for samples of different shapes."""
_seen: Memo[bool] = memo_of_calls(MAX_PLANS)
"""Hashes of earlier calls with large kernels."""


class _Weights:
    """A lowered kernel, and its packed forms for plans of any shape."""

    def __init__(self, kernel: lower.Kernel, lasting: bool) -> None:
        w, bias, self.problem = kernel
        self.w = tuple([factor.copy() for factor in w]) if lasting else w
        self.bias = bias.copy() if lasting and bias is not None else bias
        self._packed: WeakValueDictionary[Hashable, Packed] = WeakValueDictionary()

    def packed(self, recipe: Recipe, threads: int | None) -> Packed:
        """The weights, packed for a recipe.

        The packed form depends on the strides of the problem as well: an axis with a single output
        has stride 1, and an algorithm may then place its tiles along that axis.
        """
        strides = tuple([axis.stride for axis in recipe.problem.axes])
        form = recipe.algorithm.name, recipe.backend_name, recipe.weights, strides
        packed = self._packed.get(form)
        if packed is None:
            packed = self._packed[form] = recipe.pack(self.w, self.bias, threads)
        return packed


def make_plan(
    lowered: Callable[..., lower.Kernel],
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str | None,
    threads: int | None,
    *,
    once: bool,
) -> Plan:
    """The plan for ``lowered(*checked, *given, **options)``.

    The last but one item of ``checked`` is the shape of the samples; whatever does not depend on it
    is cached for all shapes.  ``once`` promises that the plan runs a single time, before the caller
    can change the weights, so that they need no copy.
    """
    chosen = config.resolve_backend(backend, checked[0])
    key = _key(lowered.__name__, checked, given, options, algorithm, chosen, threads)
    known: Plan | None = None if key is None else _plans.get(key)
    if known is not None:
        return known
    pattern = None
    if once and key is not None and lowered is lower.convolution:
        pattern = _pattern_key(key, given)
    key, nbytes = _worth_keeping(key, given, pattern)
    if key is None and pattern is not None:
        _check_choices(checked[0], algorithm, threads)
        return _plan_of_pattern(pattern, checked, given, options, algorithm, chosen, threads)
    lasts = key is not None or not once
    *words, x_shape, x_dtype = checked
    of_kernel = None if key is None else (key[0], *words, len(x_shape), x_dtype)
    weights = None if key is None else _weights.get(of_kernel)
    if weights is None:
        weights = _Weights(lowered(*checked, *given, **options), lasts)
        if key is not None:
            _weights.put(of_kernel, weights, sum([factor.nbytes for factor in weights.w]))
    problem = weights.problem(x_shape)
    _check_choices(checked[0], algorithm, threads)
    recipe = recipe_of(problem, algorithm, chosen)
    if not lasts:
        recipe = _recipe_for_once(recipe, weights.w)
    plan = Plan(recipe, weights.packed(recipe, threads), threads, weights.w, weights.bias)
    if key is not None:
        _plans.put(key, plan, nbytes + plan._nbytes)
    return plan


def _plan_of_pattern(
    pattern: Hashable,
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str,
    threads: int | None,
) -> Plan:
    """The plan of a layer for one call.  The recipe depends on the shapes and dtypes in the pattern
    and, for kernels with one channel in and out, on the form of the weights.
    """
    key = pattern, algorithm, backend
    recipe: Recipe | None = candidates.recipes.get(key)
    if recipe is None:
        w, bias, lowered = lower.convolution(*checked, *given, **options)
        recipe = _recipe_for_once(recipe_of(lowered(checked[-2]), algorithm, backend), w)
        candidates.recipes.put(key, recipe)
    else:
        w, bias, problem = lower.with_weights(recipe.problem, *given)
        if problem is not recipe.problem:
            recipe = recipe_of(problem, algorithm, backend)
    return Plan(recipe, recipe.pack(w, bias, threads), threads, w, bias)


def plan_for(
    checked: tuple[Any, ...], given: tuple[Any, ...], options: dict[str, Any], backend: str
) -> Plan:
    """A plan for ``lower.convolution(*checked, *given, **options)`` that is not cached.

    It refers to the caller's weights, which must not change.
    """
    *_, x_shape, _ = checked
    w, bias, problem = lower.convolution(*checked, *given, **options)
    recipe = recipe_of(problem(x_shape), "auto", backend)
    return Plan(recipe, recipe.pack(w, bias, None), None, w, bias)._for_many_calls()


def transposed_plan_for(
    checked: tuple[Any, ...], given: tuple[Any, ...], options: dict[str, Any], backend: str
) -> TransposedPlan:
    """A plan for a transposed convolution that is not cached: see `plan_for`."""
    lowered = lower.transposition(*checked, *given, **options)
    recipe = recipe_of_phases(lowered, "auto", backend)
    return TransposedPlan.of(recipe, lowered, None, lasting=True)


def cheapest_for_once(problem: Problem, w: tuple[NDArray, ...], backend: str) -> Recipe:
    """The fastest recipe for a problem whose weights, of the form of ``w``, are used once."""
    return _recipe_for_once(recipe_of(problem, "auto", backend), w)


def make_transposed(
    lowered: Callable[..., lower.Transposition],
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    algorithm: str,
    backend: str | None,
    threads: int | None,
    *,
    once: bool = True,
) -> TransposedPlan:
    """The plan for a transposed convolution: see `make_plan`."""
    chosen = config.resolve_backend(backend, checked[0])
    key = _key(lowered.__name__, checked, given, options, algorithm, chosen, threads)
    known: TransposedPlan | None = None if key is None else _plans.get(key)
    if known is not None:
        return known
    pattern_key = None
    biased = any(bias is not None for bias in given[1:])  # fills outputs that no tap reaches
    if key is not None and not biased:
        pattern_key = _pattern_key(key, given)
    pattern: lower.Transposition | None = candidates.recipes.get(pattern_key)
    if pattern is not None:
        transposition = pattern.with_weights(*given)
    else:
        transposition = lowered(*checked, *given, **options)
        if pattern_key is not None:
            candidates.recipes.put(pattern_key, transposition.without_weights())
    key, nbytes = _worth_keeping(key, given, pattern_key if once else None)
    _check_choices(checked[0], algorithm, threads)
    recipe = recipe_of_phases(transposition, algorithm, chosen)
    plan = TransposedPlan.of(recipe, transposition, threads, lasting=key is not None or not once)
    if key is not None:
        _plans.put(key, plan, nbytes + plan._nbytes)
    return plan


def make_weight_gradient(
    lowered: Callable[..., Problem],
    checked: Checked,
    options: dict[str, Any],
    backend: str | None,
    threads: int | None,
) -> Gradient:
    """The weight gradient of the convolution ``lowered(*checked, **options)``."""
    chosen = config.resolve_backend(backend, str(checked[0]))
    key = lowered.__name__, checked, key_of(tuple(options.values())), chosen
    gradient: Gradient | None = candidates.recipes.get(key)
    if gradient is None:
        problem = lowered(*checked, **options)
        if depthwise_gradient.takes(problem):
            gradient = depthwise_gradient.DepthwiseGradient(problem, chosen)
        else:
            gradient = weight_gradient.WeightGradient(problem, chosen)
        candidates.recipes.put(key, gradient)
    if threads is not None:
        lower.thread_count(threads, f"{gradient.problem.name}: threads")
    return gradient


def _key(
    call: str,
    checked: Checked,
    given: tuple[Any, ...],
    options: dict[str, Any],
    *choices: str | int | None,
) -> tuple[Any, ...] | None:
    """The key under which a call is cached, or None if an argument cannot be part of a key.

    Its first item, the name of the call, options and weights, does not depend on the samples.
    """
    try:
        call_and_weights = (call, key_of(tuple(options.values())), *map(key_of, given))
    except TypeError:
        return None
    return call_and_weights, checked, choices


def _pattern_key(key: tuple[Any, ...], given: tuple[Any, ...]) -> Hashable:
    """The key of a layer without the values of its weights, which training changes in each call.

    None if planning depends on these values, or if lowering would copy the arrays.
    """
    (call, options, *_), checked, _ = key
    arrays: list[Hashable] = []
    for array in given:
        if array is None:
            arrays.append(None)
            continue
        if type(array) is not np.ndarray or array.dtype.kind != "f":
            return None
        if not array.dtype.isnative or not array.flags.aligned:
            return None
        arrays.append((array.shape, array.dtype))
    return call, options, checked, *arrays


def _worth_keeping(
    key: tuple[Any, ...] | None, given: tuple[Any, ...], pattern: Hashable = None
) -> tuple[tuple[Any, ...] | None, int]:
    """The key under which to cache a plan, or None if it is not cached; and the kernel's bytes.

    The key holds no array of the caller.  Plans of large kernels, and of layers whose pattern makes
    them cheap to plan again, are cached at the second call only.
    """
    nbytes = sum(map(_bytes, given))
    once = nbytes > LARGE_BYTES or pattern is not None
    if key is None or (once and not _seen_before(hash(key[0]))):
        return None, nbytes
    return (key if nbytes <= HASHED_BYTES else lasting(key)), nbytes


def _check_choices(name: str, algorithm: str, threads: int | None) -> None:
    """Raise an error unless ``algorithm`` and ``threads`` are valid."""
    lower.algorithm_name(algorithm, f"{name}: algorithm")
    if threads is not None:
        lower.thread_count(threads, f"{name}: threads")
    config.resolve_threads(threads)  # raises for a wrong environment even if one thread suffices


def _recipe_for_once(recipe: Recipe, w: tuple[NDArray, ...]) -> Recipe:
    """The fastest recipe with the same bits in its result, for weights that are used once."""
    problem, backend = recipe.problem, recipe.backend
    if recipe.algorithm.name != "gemm" or problem.complex or not backend.sums_in_order:
        return recipe
    pointwise = algorithms.load("pointwise")
    if pointwise.refuses(problem) is not None:
        return recipe
    packing = 2 * w[0].size * problem.compute.itemsize
    packing_seconds = packing * rates.of(recipe.backend_name).byte
    seconds = pointwise.cost(problem, recipe.backend_name)
    if seconds > recipe.seconds + packing_seconds + backend.hand_over_seconds:
        return recipe
    return recipe_of(problem, "pointwise", recipe.backend_name)


def _seen_before(call: int) -> bool:
    """Whether a recent call had this hash."""
    seen = _seen.get(call) is not None
    _seen.put(call, True)
    return seen


def _bytes(value: Any) -> int:
    """Bytes of a kernel, or of its factors or rows."""
    if type(value) in (tuple, list):
        return sum(map(_bytes, value))
    return value.nbytes if type(value) is np.ndarray else 0


def key_of(value: Any) -> Hashable:
    """A hashable stand-in for a value, which tells 1 from 1.0 and True, and 0.0 from -0.0."""
    kind = type(value)
    if kind in AS_THEY_ARE:
        return value  # type: ignore[no-any-return]
    if kind is tuple or kind is list:
        if PLAIN.issuperset(map(type, value)):
            return kind, marshal.dumps(value, 2)
        return (kind, *[each if type(each) in AS_THEY_ARE else key_of(each) for each in value])
    if kind is np.ndarray and value.nbytes <= MAX_KERNEL_BYTES and not value.dtype.hasobject:
        large = value.nbytes > HASHED_BYTES and value.flags.c_contiguous
        return value.shape, value.dtype, _Bits(value) if large else value.tobytes()
    if isinstance(value, np.dtype):
        return value
    if kind in NUMBERS:
        return kind, marshal.dumps(value, 2)
    if isinstance(value, type):
        return type, value
    if isinstance(value, np.generic):
        return value.dtype, value.tobytes()
    raise TypeError(f"{kind.__name__} cannot be part of a key")


class _Bits:
    """The bits of a large array as a key: the hash covers a sample of them, equality all."""

    def __init__(self, array: NDArray) -> None:
        self._bytes = array.reshape(-1).view(np.uint8)
        step = array.nbytes // SAMPLED_BYTES | 1  # odd, so that it meets every byte of an item
        self._hash = hash(self._bytes[::step].tobytes())

    def lasting(self) -> _Bits:
        """The same key, with a copy of the array."""
        kept = object.__new__(_Bits)
        kept._bytes, kept._hash = self._bytes.copy(), self._hash
        return kept

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Bits):
            return NotImplemented
        ours, theirs = self._bytes, other._bytes
        words = len(ours) // 8 * 8
        return (
            len(ours) == len(theirs)
            and bool((ours[:words].view(np.uint64) == theirs[:words].view(np.uint64)).all())
            and ours[words:].tobytes() == theirs[words:].tobytes()
        )


def lasting(key: Any) -> Any:
    """A key that does not change with the arrays of the call."""
    if type(key) is tuple:
        return tuple([lasting(part) for part in key])
    return key.lasting() if type(key) is _Bits else key  # type: ignore[no-any-return]
