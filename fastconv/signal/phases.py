"""Filters that change the sampling rate, phase by phase.

Inserted zeros are never multiplied: outputs that read the same taps form a *phase*, and a phase is
a correlation with a stride.  There are three ways to compute all phases.  `Apart` has a plan for
each phase.  `Banks` has plans for many phases at once, and `Planes` filters the samples of each
residue modulo the stride as a channel.  The last two multiply some samples by zeros, and are used
only if all samples are finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import gcd, prod
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import api
from ..api.options import Options
from ..plan.plan import Plan
from ..problem.boundary import index_map
from .calls import plan_of

__all__ = ["Phases", "Run", "Signals", "filtered"]

MAX_STRETCH, MIN_SPAN = 4, 32
"""The most samples between the first and the last phase of a bank: the larger of a number per tap
of a phase, and a fixed number.  Multiplying these by zeros costs less than more banks."""
MANY_ROWS = 64
"""Banks of half as many phases cost less from this many outputs of a phase on."""
MAX_APART = 8
"""The most phases that have a plan each."""
MIN_COLUMNS = 16
"""Adjacent signals that fill the vectors of kernels."""
MAX_PLANES_PHASES, MIN_PLANES_STRIDE = 8, 3
"""The most phases, and the least stride, with which `Planes` is faster than `Banks`."""
MIN_PLANES_PRODUCTS, MAX_PLANES_BYTES = 1 << 15, 1 << 22
"""The fewest products, and the largest copy, that justify grouping samples by residues."""

Run = Callable[[NDArray], NDArray]


class Phases(NamedTuple):
    """The phases of a filter, and the number of outputs: ``rows`` of each phase."""

    taps: tuple[NDArray, ...]
    first: tuple[int, ...]
    """The sample under the first tap, for the first output of each phase."""
    stride: int
    """Samples from an output to the next one of the same phase."""
    rows: int
    length: int
    """Outputs of all phases; the last row may be incomplete."""

    @classmethod
    def of(cls, h: NDArray, up: int, down: int, length: int) -> Phases:
        """The phases of a filter ``h`` at the higher rate."""
        common = gcd(up, down)
        count = up // common
        strided = [h[phase * down % up :: up] for phase in range(count)]
        taps = tuple([own if own.size else np.zeros(1, h.dtype) for own in strided])
        first = tuple([phase * down // up for phase in range(count)])
        return cls(taps, first, down // common, -(-length // count), length)

    @property
    def longest(self) -> int:
        """Taps of the longest phase."""
        return max([own.size for own in self.taps])

    @property
    def dtype(self) -> np.dtype:
        """The dtype of taps and results."""
        return self.taps[0].dtype

    def bank(self, numbers: range) -> NDArray:
        """Phases as kernels of one length, whose first taps lie on the same sample."""
        last = self.first[numbers[-1]]
        bank = np.zeros((len(numbers), self.longest + last - self.first[numbers[0]]), self.dtype)
        for kernel, phase in zip(bank, numbers, strict=True):
            begin = last - self.first[phase]
            kernel[begin : begin + self.taps[phase].size] = self.taps[phase]
        return bank


class Signals(NamedTuple):
    """The layout of the signals to filter."""

    example: NDArray
    """An array with the shape and dtype of the signals."""
    axis: int
    """The axis of time, not negative."""
    border: str
    fill: complex
    added: int = 0
    """The number of samples that were prepended."""


def filtered(name: str, signals: Signals, phases: Phases, options: Options) -> Run:
    """The fastest function that runs all phases."""
    x, axis = signals.example, signals.axis
    count, is_last = len(phases.taps), axis == x.ndim - 1
    products = phases.rows * phases.longest * (x.size // x.shape[axis])
    by_default = options.algorithm == "auto"
    columns = prod(x.shape[axis + 1 :]) >= MIN_COLUMNS
    is_planes = by_default and _are_planes(x, phases, count * products)
    if by_default and columns and count <= MAX_APART:
        return _apart(name, signals, phases, options)
    if not is_last:
        others = [i for i in range(x.ndim) if i != axis]
        order = (*others, axis)
        back = (*range(axis), x.ndim - 1, *range(axis, x.ndim - 1))
        moved = signals._replace(example=x.transpose(order), axis=x.ndim - 1)
        on_last = filtered(name, moved, phases, options)
        return lambda x: on_last(x.transpose(order)).transpose(back)
    if count == 1 and not is_planes:
        return _apart(name, signals, phases, options)
    fast = (_planes if is_planes else _banks)(name, signals, phases, options)
    if x.dtype.kind in "biu":
        return fast
    exact = partial(_apart, name, signals, phases, options._replace(algorithm="auto"))

    def run(x: NDArray) -> NDArray:
        result = fast(x)
        return result if np.isfinite(result).all() else exact()(x)

    return run


def _are_planes(x: NDArray, phases: Phases, products: int) -> bool:
    return (
        len(phases.taps) <= MAX_PLANES_PHASES
        and phases.longest >= phases.stride >= MIN_PLANES_STRIDE
        and x.dtype.kind != "c" != phases.dtype.kind
        and products >= MIN_PLANES_PRODUCTS
        and x.size * phases.dtype.itemsize <= MAX_PLANES_BYTES
    )


def _plan(
    name: str,
    signals: Signals,
    x: NDArray,
    w: NDArray,
    order: tuple[int, ...],
    before: int,
    phases: Phases,
    options: Options,
) -> Plan:
    return plan_of(
        name,
        x,
        w,
        order,
        (before - signals.added,),
        (phases.rows,),
        phases.dtype,
        options,
        signals.border,
        signals.fill,
        phases.stride,
    )


@dataclass(frozen=True, slots=True)
class Apart:
    """A plan for each phase."""

    plans: tuple[Plan, ...]
    dtype: np.dtype
    shape: tuple[int, ...]
    """The shape of the result, with an axis of phases after that of rows."""
    axis: int
    length: int

    def __call__(self, x: NDArray) -> NDArray:
        if len(self.plans) == 1:
            return self.plans[0](x)
        before, after = self.shape[: self.axis], self.shape[self.axis + 2 :]
        result = np.empty(self.shape, self.dtype)
        by_phase = np.moveaxis(result, self.axis + 1, 0)
        for plan, own in zip(self.plans, by_phase, strict=True):
            plan(x, own)
        merged = result.reshape(*before, self.shape[self.axis] * len(self.plans), *after)
        return merged[(slice(None),) * self.axis + (slice(self.length),)]


def _apart(name: str, signals: Signals, phases: Phases, options: Options) -> Apart:
    x, axis = signals.example, signals.axis
    order = (*[i for i in range(x.ndim) if i != axis], axis)
    plans = [
        _plan(name, signals, x, taps, order, taps.size - 1 - first, phases, options)
        for taps, first in zip(phases.taps, phases.first, strict=True)
    ]
    shape = (*x.shape[:axis], phases.rows, len(plans), *x.shape[axis + 1 :])
    return Apart(tuple(plans), phases.dtype, shape, axis, phases.length)


@dataclass(frozen=True, slots=True)
class Banks:
    """Banks of phases, applied along the last axis."""

    plans: tuple[tuple[slice, Plan], ...]
    """The phases of each bank, side by side in a row of the result."""
    dtype: np.dtype
    shape: tuple[int, ...]
    """``(*batch, rows, phases)``."""
    length: int

    def __call__(self, x: NDArray) -> NDArray:
        signals = x[..., None]
        if len(self.plans) == 1:
            result = self.plans[0][1](signals)
        else:
            result = np.empty(self.shape, self.dtype)
            for phases, plan in self.plans:
                plan(signals, result[..., phases])
        return result.reshape(*self.shape[:-2], -1)[..., : self.length]


def _banks(name: str, signals: Signals, phases: Phases, options: Options) -> Banks:
    x, count = signals.example, len(phases.taps)
    order = (*range(x.ndim - 1), x.ndim, x.ndim - 1)
    span = max(MAX_STRETCH * phases.longest, MIN_SPAN) // (1 + (phases.rows >= MANY_ROWS))
    each = max(span * count // phases.stride, 1)
    plans = []
    for start in range(0, count, each):
        numbers = range(start, min(start + each, count))
        bank = phases.bank(numbers)
        before = bank.shape[-1] - 1 - phases.first[numbers[-1]]
        plan = _plan(name, signals, x[..., None], bank[None], order, before, phases, options)
        plans.append((slice(numbers.start, numbers.stop), plan))
    shape = (*x.shape[:-1], phases.rows, count)
    return Banks(tuple(plans), phases.dtype, shape, phases.length)


@dataclass(frozen=True, slots=True)
class Planes:
    """Samples along the last axis, whose residues by the stride are the channels of a layer."""

    plan: Plan
    samples: int
    """Samples of a channel."""
    stride: int
    shape: tuple[int, ...]
    """``(*batch, rows, phases)``."""
    length: int
    border: str
    fill: complex
    before: int
    """Border samples that are read before the first one."""

    def __call__(self, x: NDArray) -> NDArray:
        every = self._extended(x, self.samples * self.stride)
        channels = every.reshape(-1, self.samples, self.stride).swapaxes(1, 2).copy()
        result = np.empty((len(channels), *self.shape[-2:]), self.plan.dtype)
        self.plan(channels, result.swapaxes(1, 2))
        return result.reshape(*self.shape[:-2], -1)[..., : self.length]

    def _extended(self, x: NDArray, total: int) -> NDArray:
        """All samples that are read, border included, in the dtype of the result."""
        n, start = x.shape[-1], self.before
        every = np.empty((*x.shape[:-1], total), self.plan.dtype)
        stop = min(start + n, total)
        every[..., start:stop] = x[..., : stop - start]
        for low, high in (0, start), (stop, total):
            if self.border == "constant":
                every[..., low:high] = self.fill
            else:
                every[..., low:high] = x[..., index_map(self.border, low - start, high - start, n)]
        return every


def _planes(name: str, signals: Signals, phases: Phases, options: Options) -> Planes:
    x, _, border, fill, added = signals
    count, stride = len(phases.taps), phases.stride
    bank = phases.bank(range(count))[:, ::-1]
    taps = -(-bank.shape[-1] // stride)
    samples = phases.rows - 1 + taps
    weights = np.zeros((count, taps * stride), phases.dtype)
    weights[:, : bank.shape[-1]] = bank
    plan = api.plan_conv1d(
        (prod(x.shape[:-1]), stride, samples),
        phases.dtype,
        weights.reshape(count, taps, stride).swapaxes(1, 2),
        precision="strict",
        backend=options.backend,
        threads=options.threads,
    )
    shape = (*x.shape[:-1], phases.rows, count)
    before = phases.longest - 1 - added
    return Planes(plan, samples, stride, shape, phases.length, border, fill, before)
