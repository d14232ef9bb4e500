"""The operations of frozen networks.

An operation reads values and returns one.  It may overwrite a value that is not read afterwards,
and takes memory from the arena of the call.  Its only state is plans, which threads share.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ... import config, lower
from ...plan.choose import plan_for, transposed_plan_for
from ...plan.memo import Memo
from ...run.elementwise import elementwise
from .arena import Arena, Value

__all__ = [
    "Affine",
    "Convolution",
    "Dense",
    "Function",
    "Operation",
    "Rectifier",
    "Total",
    "View",
    "pooling",
]

MAX_PLANS = 16
"""Shapes of batches for which an operation caches plans."""
LAYOUTS = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


class Operation(Protocol):
    """One step of a network."""

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        """The result for some values; ``last`` marks those that are read for the last time."""
        ...


@dataclass(frozen=True)
class Rectifier:
    """Clips numbers to the range from a floor to a ceiling."""

    floor: float = 0.0
    ceiling: float = np.inf

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        (value,) = values
        if last[0] and value.is_alone:
            result = Value(value.array, value.block, value.rank)
        else:
            result = arena.empty(value.array.shape, value.array.dtype, value.rank)
            np.copyto(result.array, value.array)
        elementwise(self.apply, [result.array], config.resolve_threads())
        return result

    def apply(self, array: NDArray) -> None:
        """Clip numbers in place."""
        floor, ceiling = array.dtype.type(self.floor), array.dtype.type(self.ceiling)
        if self.ceiling == np.inf:
            np.maximum(array, floor, out=array)
        elif self.floor == -np.inf:
            np.minimum(array, ceiling, out=array)
        else:
            np.clip(array, floor, ceiling, out=array)


@dataclass(frozen=True)
class Convolution:
    """A convolution or transposed convolution, with a rectifier.

    Its results are laid out channels-last, for which kernels are faster.
    """

    weight: NDArray
    bias: NDArray | None
    rank: int
    how: dict[str, Any]
    transposed: bool = False
    rectifier: Rectifier | None = None
    _plans: Memo[Any] = field(default_factory=lambda: Memo(MAX_PLANS), compare=False)

    @property
    def channels(self) -> int:
        """Channels of the result along axis 1; 0 if the network itself is channels-last."""
        weight = self.weight
        if self.how["layout"][1] != "C":
            return 0
        return weight.shape[1] * int(self.how["groups"]) if self.transposed else len(weight)

    def scaled(self, scale: NDArray, shift: NDArray) -> Convolution:
        """The same, followed by a factor and an offset for each channel of the result."""
        weight = self.weight.astype(float)
        if self.transposed:
            groups = int(self.how["groups"])
            grouped = weight.reshape(groups, -1, *weight.shape[1:])
            factors = scale.reshape(groups, 1, -1, *[1] * self.rank)
            weight = (grouped * factors).reshape(weight.shape)
        else:
            weight *= scale.reshape(-1, *[1] * (self.rank + 1))
        bias = shift if self.bias is None else self.bias * scale + shift
        dtype = self.weight.dtype
        return replace(
            self, weight=weight.astype(dtype), bias=bias.astype(dtype), _plans=Memo(MAX_PLANS)
        )

    def rectified(self, rectifier: Rectifier) -> Convolution:
        """The same, followed by a rectifier."""
        return replace(self, rectifier=rectifier, _plans=Memo(MAX_PLANS))

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        (value,) = values
        if self.how["layout"][1] != "C":  # the channels of the network itself are last
            value, rank = Value(value.in_order), 0
        else:
            rank = self.rank
        x = value.array
        if value.rank != rank:
            x = value.in_order
            lower.maps_of(x.shape, rank, self._call)
            x = np.moveaxis(x, -rank - 1, -1)
        plan = self._plan(x)
        result = arena.empty(plan.out_shape, plan.dtype, rank)
        plan._run_into(x, result.array)
        if self.rectifier is not None and self._activation is None:
            elementwise(self.rectifier.apply, [result.array], config.resolve_threads())
        return result

    @cached_property
    def _activation(self) -> str | None:
        """The name of the rectifier as an activation of plans, if it has one."""
        for name, ceiling in lower.RECTIFIERS.items():
            if self.rectifier == Rectifier(0.0, ceiling):
                return name
        return None

    @cached_property
    def _call(self) -> str:
        """The name of the equivalent function, for error messages."""
        return f"conv{'_transpose' * self.transposed}{self.rank}d"

    def _plan(self, x: NDArray) -> Any:
        name = self._call
        backend = config.resolve_backend(None, name)
        key = x.shape, x.dtype, backend
        plan: Any = self._plans.get(key)
        if plan is None:
            options = {
                **self.how,
                "layout": LAYOUTS[self.rank],
                "activation": self._activation,
                "precision": "fast",
                "out_dtype": None,
            }
            plan = (transposed_plan_for if self.transposed else plan_for)(
                (name, self.rank, x.shape, x.dtype), (self.weight, self.bias), options, backend
            )
            self._plans.put(key, plan)
        return plan


@dataclass(frozen=True)
class Dense:
    """``x @ weight.T + bias``, with a rectifier."""

    weight: NDArray
    bias: NDArray | None
    rectifier: Rectifier | None = None
    _rows: Convolution | None = None

    @property
    def channels(self) -> int:
        """The number of features of a result."""
        return len(self.weight)

    def scaled(self, scale: NDArray, shift: NDArray) -> Dense:
        """The same, followed by a factor and an offset for each feature."""
        dtype = self.weight.dtype
        bias = shift if self.bias is None else self.bias * scale + shift
        return Dense(
            (self.weight * scale[:, None]).astype(dtype), bias.astype(dtype), self.rectifier
        )

    def rectified(self, rectifier: Rectifier) -> Dense:
        """The same, followed by a rectifier."""
        return replace(self, rectifier=rectifier)

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        x = lower.features(values[0].in_order, self.weight.shape[1], "Linear: x")
        return self._as_convolution.run(arena, [Value(x)], last)

    @property
    def _as_convolution(self) -> Convolution:
        """Samples are positions, and their numbers channels."""
        if self._rows is None:
            how = {
                "stride": 1,
                "padding": 0,
                "dilation": 1,
                "groups": 1,
                "boundary": "constant",
                "layout": "NLC",
            }
            weight = self.weight[:, :, None]
            made = Convolution(weight, self.bias, 1, how, rectifier=self.rectifier)
            object.__setattr__(self, "_rows", made)
        return self._rows  # type: ignore[return-value]


@dataclass(frozen=True)
class Affine:
    """A factor and an offset for each channel: batch normalization that was not merged."""

    scale: NDArray
    shift: NDArray

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        (value,) = values
        x = lower.normalized(value.in_order, (2, 3, 4, 5), len(self.scale), "BatchNorm: x")
        result = arena.empty(value.array.shape, x.dtype, value.rank)
        shape = (-1, *[1] * (x.ndim - 2))
        out = result.in_order
        np.multiply(x, self.scale.astype(x.dtype).reshape(shape), out=out)
        np.add(out, self.shift.astype(x.dtype).reshape(shape), out=out)
        return result


@dataclass(frozen=True)
class Total:
    """The sum of two or more values, followed by a rectifier."""

    rectifier: Rectifier | None = None

    def rectified(self, rectifier: Rectifier) -> Total:
        """The same, followed by a rectifier."""
        return replace(self, rectifier=rectifier)

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        arrays, rank = [value.array for value in values], values[0].rank
        shape, dtype = arrays[0].shape, np.result_type(*arrays)
        if any(value.rank != rank or value.array.shape != shape for value in values):
            arrays, rank = [value.in_order for value in values], 0
            shape = np.broadcast_shapes(*[array.shape for array in arrays])
        for at, (value, done) in enumerate(zip(values, last, strict=True)):
            fits = value.rank == rank and (value.array.shape, value.array.dtype) == (shape, dtype)
            if done and fits and value.is_alone and values.count(value) == 1:
                first, rest = arrays.pop(at), arrays
                result = Value(first, value.block, rank)
                break
        else:
            result, first, rest = arena.empty(shape, dtype, rank), arrays[0], arrays[1:]
            if not rest:
                np.copyto(result.array, first)
        elementwise(self._add, [result.array, first, *rest], config.resolve_threads())
        return result

    def _add(self, out: NDArray, first: NDArray, *rest: NDArray) -> None:
        for term in rest:
            np.add(first, term, out=out)
            first = out
        if self.rectifier is not None:
            self.rectifier.apply(out)


@dataclass(frozen=True)
class View:
    """A change of shape."""

    shape_of: Callable[[tuple[int, ...]], tuple[int, ...]]

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        (value,) = values
        array = value.in_order
        shape = self.shape_of(array.shape)
        if prod(shape) != array.size:
            raise ValueError(f"Reshape: shape {array.shape} cannot become {shape}")
        result = array.reshape(shape)
        return Value(result, value.block if np.may_share_memory(result, array) else None)


@dataclass(frozen=True)
class Function:
    """Any other function of arrays, such as a layer after ``eval()``."""

    call: Callable[..., NDArray]
    channels_last: Callable[..., NDArray] | None = None
    """The same for maps with their channels last."""

    def run(self, arena: Arena, values: Sequence[Value], last: Sequence[bool]) -> Value:
        rank = values[0].rank if values else 0
        if self.channels_last is not None and rank:
            return Value(self.channels_last(values[0].array), rank=rank)
        result = self.call(*[value.in_order for value in values])
        for value in values:  # a layer may return a view of what it reads
            if np.may_share_memory(result, value.array):
                return Value(result, value.block)
        return Value(result)


def pooling(layer: Any) -> Function:
    """A pooling layer, for maps with their channels in front or last."""
    first = copy(layer).eval()
    rank, found = layer._rank, layer.layout
    if found == LAYOUTS[rank]:  # the channels of the network itself are last
        return Function(first)
    last = copy(first)
    last.layout = LAYOUTS[rank]
    return Function(first, last)
