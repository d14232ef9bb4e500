"""Memory for intermediate results, reused as soon as they are no longer needed."""

from __future__ import annotations

from math import prod
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...run import workspace

__all__ = ["Arena", "Block", "Value"]

MAX_WASTE = 4
"""The largest ratio of a block to a result in it."""
SIZE = attrgetter("size")


class Block:
    """A block of memory, and the number of results in it."""

    __slots__ = ("memory", "needed", "size", "users")

    def __init__(self, size: int) -> None:
        self.size = size
        self.memory: NDArray = workspace.aligned((size,), np.dtype(np.uint8))
        self.users = 0
        self.needed = True
        """Whether the current call has used it."""


class Value:
    """A result, and the block that holds it."""

    __slots__ = ("array", "block", "rank")

    def __init__(self, array: NDArray, block: Block | None = None, rank: int = 0) -> None:
        self.array = array
        self.block = block
        """None for an array that the arena does not own."""
        self.rank = rank
        """The number of filtered axes if the array is channels-last, otherwise 0."""
        if block is not None:
            block.users += 1

    @property
    def in_order(self) -> NDArray:
        """A view of the array with channels before the filtered axes."""
        return np.moveaxis(self.array, -1, -self.rank - 1) if self.rank else self.array

    @property
    def is_alone(self) -> bool:
        """Whether it is the only result in its block."""
        return self.block is not None and self.block.users == 1


class Arena:
    """The memory of one call; calls use it one after the other."""

    def __init__(self) -> None:
        self._free: list[Block] = []

    def empty(self, shape: tuple[int, ...], dtype: np.dtype, rank: int = 0) -> Value:
        """An array in the smallest block that is free and large enough, or in a new one."""
        nbytes = prod(shape) * dtype.itemsize
        fitting = [each for each in self._free if nbytes <= each.size <= MAX_WASTE * nbytes]
        if fitting:
            block = min(fitting, key=SIZE)
            self._free.remove(block)
            block.needed = True
        else:
            block = Block(nbytes)
        array: Any = np.ndarray(shape, dtype, block.memory)
        return Value(array, block, rank)

    def release(self, value: Value) -> None:
        """Mark a result as no longer needed."""
        block = value.block
        if block is not None:
            block.users -= 1
            if not block.users:
                self._free.append(block)

    def end(self) -> None:
        """Free blocks that the last call did not use, as batches may have become smaller."""
        self._free = [block for block in self._free if block.needed]
        for block in self._free:
            block.needed = False
