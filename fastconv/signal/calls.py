"""Calls: arguments are translated once, and equal calls reuse the plan."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import config, lower
from ..api.options import How, Options
from ..plan.choose import key_of, lasting, make_plan
from ..plan.memo import memo_of_calls
from ..plan.plan import Plan
from ..problem import dtypes
from . import plain
from .arguments import both_extend, extent

__all__ = [
    "Planned",
    "Prepared",
    "called",
    "convolution",
    "operand",
    "plan_of",
    "planned",
    "product",
]

MAX_RUNS = 4096
"""Translated calls that are cached."""
MAX_RUN_BYTES = 1 << 22
"""Bytes of all their kernels."""
MAX_KERNEL_BYTES = 1 << 15
"""Bytes of the largest kernel whose calls are cached here; for larger ones, plans are cached."""

_runs = memo_of_calls(MAX_RUNS, MAX_RUN_BYTES)

Run = Callable[[NDArray], NDArray]
"""A function from the samples of a call to its result."""


class Prepared(NamedTuple):
    """A call whose arguments are checked and translated."""

    run: Run
    samples: NDArray | None = None
    """The samples, if the run owns a copy of its kernel; None if it serves this call only."""


def called(
    prepare: Callable[..., Prepared],
    name: str,
    x: NDArray,
    w: NDArray,
    words: tuple[Any, ...],
    how: How,
    *,
    swaps: bool = False,
) -> NDArray:
    """Run the result of ``prepare(name, x, w, *words, options)``, which equal calls share.

    Calls are equal if their options are, and if they have samples of the same shape and dtype, and
    kernels with the same values.  If ``swaps``, the smaller array is the kernel.
    """
    chosen = config.resolve_backend(how[1], name)
    swapped = swaps and w.size > x.size
    kernel, samples = (x, w) if swapped else (w, x)
    key: Hashable = None
    known: Run | None = None
    if kernel.nbytes <= MAX_KERNEL_BYTES:
        shape, dtype = samples.shape, samples.dtype
        try:
            key = name, chosen, how, swapped, shape, dtype, key_of(kernel), key_of(words)
            known = _runs.get(key)
        except TypeError:
            key = None
        if known is not None:
            return known(samples)
    run, its_samples = prepare(name, x, w, *words, Options(*how))
    if its_samples is samples and key is not None:
        _runs.put(lasting(key), run, kernel.nbytes)
    return run(x if its_samples is None else its_samples)


def convolution(
    name: str,
    a: NDArray,
    b: NDArray,
    axes: Sequence[int],
    mode: str,
    dtype: np.dtype,
    options: Options,
) -> Prepared:
    """The convolution of ``a`` and ``b`` along some axes; along others, they are broadcast."""
    axes = both_extend(a, b, axes)
    if mode == "same":
        b = _middle(a, b)
    if not axes:
        return Prepared(lambda _: product(a, b).astype(dtype, copy=False))
    lengths, taps = (tuple([array.shape[axis] for axis in axes]) for array in (a, b))
    if not (dtypes.supported(a.dtype) and dtypes.supported(b.dtype)):
        _, before, outputs = extent(lengths, taps, mode, swaps=False)
        return Prepared(lambda _: plain.convolved(a, b, axes, before, outputs, dtype))
    swapped, before, outputs = extent(lengths, taps, mode, swaps=True)
    x, w = (b, a) if swapped else (a, b)
    return Prepared(_planned(name, x, w, axes, before, outputs, dtype, options), x)


def _middle(a: NDArray, b: NDArray) -> NDArray:
    """The middle of ``b`` along axes where ``a``, as long as the result, has only one sample."""
    for axis, (n, k) in enumerate(zip(a.shape, b.shape, strict=True)):
        if n == 1 < k:
            start = (k - 1) // 2
            b = b[(slice(None),) * axis + (slice(start, start + 1),)]
    return b


def product(a: NDArray, b: NDArray) -> NDArray:
    """The elementwise product, which is a convolution along no axis."""
    result: NDArray = a * b
    return result


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan, and how its samples and its result are arranged."""

    plan: Plan
    dtype: np.dtype
    shape: tuple[int, ...] = ()
    """The shape of the samples, once their axes are in order."""
    order: tuple[int, ...] = ()
    """The order of the axes; empty if they need not be moved."""
    out_shape: tuple[int, ...] = ()

    def __call__(self, x: NDArray) -> NDArray:
        """The result, in its dtype and with its axes in the order of the call."""
        x = operand(x, self.dtype)
        if not self.order:
            return self.plan(x).astype(self.dtype, copy=False)
        result = self.plan(x.transpose(self.order).reshape(self.shape))
        result = result.reshape(self.out_shape).transpose(np.argsort(self.order))
        return result.astype(self.dtype, copy=False)


def planned(plan: Plan, dtype: np.dtype) -> Run:
    """A plan with a dtype for its result, whose axes need not be moved."""
    return plan if plan.dtype == dtype else Planned(plan, dtype)


def operand(values: NDArray, dtype: np.dtype) -> NDArray:
    """An array as the engine reads it, given the dtype of the result.

    The low 64 bits of a sum are the same for signed and unsigned integers.
    """
    if dtype == np.uint64 and values.dtype == np.uint64:
        return lower.native(values).view(np.int64)
    return values


def _planned(
    name: str,
    x: NDArray,
    w: NDArray,
    axes: Sequence[int],
    before: tuple[int, ...],
    outputs: tuple[int, ...],
    dtype: np.dtype,
    options: Options,
) -> Run:
    """The plan for samples under a kernel with as many axes."""
    rank = x.ndim
    others = [axis for axis in range(rank) if axis not in axes]
    kernel = [w.shape[axis] for axis in axes]
    if w.size == prod(kernel):
        order = (*others, *axes)
        plan = plan_of(name, x, w.reshape(kernel), order, before, outputs, dtype, options)
        return planned(plan, dtype)
    batch = [axis for axis in others if w.shape[axis] == 1]
    shared = [axis for axis in others if w.shape[axis] == x.shape[axis] > 1]
    banks = [axis for axis in others if w.shape[axis] > 1 == x.shape[axis]]
    order = (*batch, *shared, *banks, *axes)
    of_batch, of_shared, samples = ([x.shape[i] for i in some] for some in (batch, shared, axes))
    of_banks = [w.shape[axis] for axis in banks]
    x = x.transpose(order).reshape(*of_batch, prod(of_shared), *samples)
    w = w.transpose(order).reshape(prod(of_shared), prod(of_banks), *kernel)
    plan = plan_of(name, x, w, tuple(range(x.ndim)), before, outputs, dtype, options)
    return Planned(plan, dtype, x.shape, order, (*of_batch, *of_shared, *of_banks, *outputs))


def plan_of(
    name: str,
    x: NDArray,
    w: NDArray,
    order: tuple[int, ...],
    before: tuple[int, ...],
    outputs: tuple[int, ...],
    dtype: np.dtype,
    options: Options,
    boundary: str = "constant",
    cval: complex = 0,
    stride: int = 1,
) -> Plan:
    """The plan for `lower.linear_convolution`."""
    x, w = operand(x, dtype), lower.native(operand(w, dtype))
    return make_plan(
        lower.linear_convolution,
        (name, x.shape, dtypes.canonical(x.dtype)),
        (w,),
        {
            "order": order,
            "before": before,
            "outputs": outputs,
            "stride": stride,
            "boundary": boundary,
            "cval": cval,
            "dtype": np.dtype(np.int64) if dtype == np.uint64 else dtype,
            "rounds": options.algorithm == "fft",
        },
        *options,
        once=True,
    )
