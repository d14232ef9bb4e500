"""Networks for inference, and their optimization."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import lower
from .arena import Arena, Value
from .operations import Affine, Operation, Rectifier

__all__ = ["Frozen", "Step"]


class Step(NamedTuple):
    """An operation, with the names of the values that it reads and returns."""

    name: str
    operation: Any
    inputs: tuple[str, ...]


class Frozen:
    """A network for inference, whose weights never change.

    Made by `freeze` and `load_onnx`.  Batch normalization is folded into the convolution before it,
    and rectifiers are fused.  The first call with a shape chooses algorithms and packs weights;
    later calls reuse them, and the memory of intermediate results.  Several threads may call it at
    the same time.

    Attributes
    ----------
    inputs, outputs : tuple of str
        The names of its arguments and of its results.

    Examples
    --------
    >>> import numpy as np
    >>> from fastconv import nn
    >>> net = nn.Sequential(nn.Conv2d(3, 8, 3, rng=0), nn.BatchNorm2d(8), nn.ReLU())
    >>> fast = nn.freeze(net)
    >>> x = np.ones((1, 3, 8, 8), "float32")
    >>> bool(np.allclose(fast(x), net.eval()(x), atol=1e-6))
    True
    >>> fast
    Frozen(1 operations, from '' to '2')
    """

    def __init__(
        self,
        steps: Sequence[Step],
        inputs: Sequence[str],
        outputs: Sequence[str],
        constants: Mapping[str, NDArray],
    ) -> None:
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self._steps = tuple(_live(_merged(list(steps), self.outputs), self.outputs))
        read = {*self.outputs, *(name for step in self._steps for name in step.inputs)}
        self._constants = {name: each for name, each in constants.items() if name in read}
        self._last = _last_uses(self._steps, self.outputs)
        self._arenas: deque[Arena] = deque()

    def __call__(self, *batches: ArrayLike) -> Any:
        """The results for a batch.

        Parameters
        ----------
        *batches : array_like
            One array for each of `inputs`.

        Returns
        -------
        ndarray or tuple of ndarray
            One array for each of `outputs`: a tuple, or a single array if there is only one.

        Raises
        ------
        TypeError, ValueError
            The shape or dtype of a batch does not fit an operation; the message names it.
        """
        lower.as_many(batches, self.inputs, "Frozen")
        values = {name: Value(array) for name, array in self._constants.items()}
        for name, batch in zip(self.inputs, batches, strict=True):
            values[name] = Value(lower.array(batch, f"Frozen: {name or 'x'}"))
        given = [value.array for value in values.values()]
        try:
            arena = self._arenas.pop()
        except IndexError:
            arena = Arena()
        for step, last in zip(self._steps, self._last, strict=True):
            read = [values[name] for name in step.inputs]
            values[step.name] = step.operation.run(arena, read, last)
            for name, done in zip(step.inputs, last, strict=True):
                if done:
                    arena.release(values.pop(name))
        results: list[NDArray] = []
        for name in self.outputs:
            results.append(_own(values[name], [*given, *results]))
        for value in values.values():
            arena.release(value)
        arena.end()
        self._arenas.append(arena)
        return results[0] if len(results) == 1 else tuple(results)

    def __repr__(self) -> str:
        source, target = ", ".join(map(repr, self.inputs)), ", ".join(map(repr, self.outputs))
        return f"Frozen({len(self._steps)} operations, from {source} to {target})"


def _own(value: Value, given: Sequence[NDArray]) -> NDArray:
    """A result that shares no memory with the arena, the arguments or another result."""
    array = value.in_order
    shared = value.block is not None or any(np.may_share_memory(array, each) for each in given)
    return array.copy("C") if shared or value.rank else array


def _merged(steps: list[Step], outputs: tuple[str, ...]) -> list[Step]:
    """The steps, with normalization and rectifiers merged into the operation before them if nothing
    else reads its result.
    """
    readers: dict[str, int] = dict.fromkeys(outputs, 1)
    for step in steps:
        for name in step.inputs:
            readers[name] = readers.get(name, 0) + 1
    made: dict[str, int] = {}
    merged: list[Step] = []
    for step in steps:
        before = made.get(step.inputs[0]) if len(step.inputs) == 1 else None
        joined = None
        if before is not None and readers[step.inputs[0]] == 1:
            joined = _joined(merged[before].operation, step.operation)
        if joined is None or before is None:
            made[step.name] = len(merged)
            merged.append(step)
        else:
            made[step.name] = before
            merged[before] = Step(step.name, joined, merged[before].inputs)
    return merged


def _joined(first: Any, second: Operation) -> Operation | None:
    """One operation that replaces two consecutive ones, or None."""
    unrectified = getattr(first, "rectifier", second) is None
    joined: Operation | None = None
    if isinstance(second, Affine) and unrectified and hasattr(first, "scaled"):
        if first.channels == len(second.scale):
            joined = first.scaled(second.scale, second.shift)
    elif isinstance(second, Rectifier) and unrectified:
        joined = first.rectified(second)
    return joined


def _live(steps: list[Step], outputs: tuple[str, ...]) -> list[Step]:
    """The steps on which an output depends."""
    needed = set(outputs)
    live = []
    for step in reversed(steps):
        if step.name in needed:
            live.append(step)
            needed.update(step.inputs)
    return live[::-1]


def _last_uses(steps: Sequence[Step], outputs: tuple[str, ...]) -> tuple[tuple[bool, ...], ...]:
    """For each step and input, whether it is the last use of the value."""
    used = set(outputs)
    found = []
    for step in reversed(steps):
        last = []
        for at, name in enumerate(step.inputs):
            last.append(name not in used and name not in step.inputs[at + 1 :])
        used.update(step.inputs)
        found.append(tuple(last))
    return tuple(found[::-1])
