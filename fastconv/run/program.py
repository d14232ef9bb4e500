"""A program: calls of kernels on named buffers, built from shapes alone.

A **buffer** is a role: the result, the samples, an array of weights, the workspace of a thread.  A
**step** is a kernel of a backend, its operands and its other arguments.  An **entry** is a list of
steps with a grid of tiles; the steps run for each tile.  From one tile to the next along an axis of
the grid, each buffer advances by a fixed number of bytes.  A program is therefore small, however
large the arrays, and no user's array is involved in building it.

Programs are built from *operands*: NumPy arrays at addresses where nothing is mapped.  The high
bits of the address name the buffer, and the low bits are the offset, so operands can be sliced,
transposed and reshaped with NumPy.  They have no items to read; ufuncs, and reshapes that would
copy, raise an error.

Some kernels return whether their results are valid (`winograd_outputs`, `epilogue`, `in_range`,
`deduct`).  Steps that are added under `redo` run only if a check since the last such steps
failed.  A check that fails without such steps after it makes `run` return False: the caller has to
find the results in another way.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import threads, workspace

__all__ = ["OUT", "TRACE", "WEIGHTS", "X2", "Builder", "Grid", "Operand", "Program", "X", "operand"]

OUT, X, X2, WEIGHTS = range(4)
"""Buffers; further arrays of weights and the workspace follow the first one."""
TRACE = bool(os.environ.get("FASTCONV_TRACE"))
"""Whether programs print their steps as they run."""

Grid = tuple[tuple[int, tuple[int, ...]], ...]
"""For each axis, the number of tiles, and the bytes by which each buffer advances per tile."""

_FIRST, _SPAN, _ORIGIN = 1 << 60, 1 << 44, 1 << 43
"""The address of the first buffer (above all real ones), the bytes of a buffer, and the offset of
its first item."""
if sys.maxsize < _FIRST:
    raise ImportError("fastconv needs a 64-bit Python")
_NO_COPY: dict[str, Any] = {"copy": False} if np.lib.NumpyVersion(np.__version__) >= "2.1.0" else {}


class Operand(np.ndarray):
    """A placeholder for an array in a buffer, with an address, a shape and strides but no items."""

    __array_ufunc__ = None  # type: ignore[assignment]

    def reshape(self, *shape: Any, **options: Any) -> Operand:
        """The same items in another shape, never a copy."""
        view: Operand = super().reshape(*shape, **_NO_COPY)  # type: ignore[assignment]
        return view

    def __repr__(self) -> str:
        return f"<operand {self.shape} {self.dtype}>"

    __str__ = __repr__


class _Addresses:
    """The address range of a buffer, for NumPy's array interface."""

    def __init__(self, buffer: int) -> None:
        address = _FIRST + buffer * _SPAN
        self.__array_interface__ = {
            "version": 3, "shape": (_SPAN - 1,), "typestr": "|u1", "data": (address, False),
        }  # fmt: skip


@cache
def _addresses(buffer: int) -> NDArray:
    return np.asarray(_Addresses(buffer))


def operand(
    buffer: int,
    shape: tuple[int, ...],
    dtype: np.dtype,
    strides: tuple[int, ...] | None = None,
    offset: int = 0,
) -> Operand:
    """An array in a buffer, in C order unless strides are given; ``offset`` is in bytes."""
    memory = _addresses(buffer)
    return Operand.__new__(Operand, shape, dtype, memory, _ORIGIN + offset, strides)


class Builder:
    """Builds a program.

    Methods named like kernels add steps.  `empty` allocates workspace as a stack.
    """

    def __init__(self, weights: int) -> None:
        self.workspace_buffer = WEIGHTS + weights
        self.workspace_bytes = 0
        """Bytes of workspace that a thread needs for a tile."""
        self.redoing = False
        """Whether steps that are added now run only if a check has failed."""
        self._used = 0

    def begin_tiles(self, grid: Grid) -> None:
        """Begin an entry.  An empty grid has one tile."""
        raise NotImplementedError

    @contextmanager
    def redo(self) -> Iterator[None]:
        """A context in which added steps run only if a check has failed."""
        self.redoing = True
        try:
            yield
        finally:
            self.redoing = False

    def mark(self) -> int:
        """The number of bytes of workspace in use."""
        return self._used

    def release(self, mark: int) -> None:
        """Free all workspace allocated since a mark: later steps may overwrite it."""
        self._used = mark

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> Operand:
        """Allocate workspace for an array in C order."""
        start = self._used
        self._used += workspace.lines_of(shape, dtype)
        self.workspace_bytes = max(self.workspace_bytes, self._used)
        return operand(self.workspace_buffer, shape, dtype, offset=start)

    def empty_like(
        self, array: NDArray, shape: Sequence[int], dtype: np.dtype | None = None
    ) -> NDArray:
        """Allocate workspace for an array whose axes have the same memory order as ``array``."""
        dtype = array.dtype if dtype is None else dtype
        if array.flags.c_contiguous:
            return self.empty(tuple(shape), dtype)
        order = sorted(range(array.ndim), key=lambda axis: -array.strides[axis])
        memory = self.empty(tuple(shape[axis] for axis in order), dtype)
        return memory.transpose([order.index(axis) for axis in range(array.ndim)])


class View(NamedTuple):
    """The location and layout of an operand."""

    buffer: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype


class Step(NamedTuple):
    """A call of a kernel."""

    kernel: str
    operands: tuple[View | NDArray, ...]
    """Views of buffers, and constant arrays."""
    rest: tuple[Any, ...]
    redo: bool


class Entry(NamedTuple):
    """Steps for a grid of tiles."""

    grid: Grid
    steps: list[Step]
    first: int
    """The number of its first tile."""
    tiles: int


class Program(Builder):
    """A program whose steps call a backend's kernels from Python."""

    def __init__(self, backend: object, weights: int) -> None:
        super().__init__(weights)
        self._backend = backend
        self._entries: list[Entry] = []
        self.tiles = 0

    def begin_tiles(self, grid: Grid) -> None:
        """Begin an entry.  An empty grid has one tile."""
        tiles = prod(count for count, _ in grid)
        self._entries.append(Entry(grid, [], self.tiles, tiles))
        self.tiles += tiles

    def __getattr__(self, kernel: str) -> Any:
        """A function that adds a step for the kernel of this name."""
        count = OPERANDS.get(kernel)
        if count is None:
            raise AttributeError(kernel)

        def add(*arguments: Any) -> None:
            views = tuple([_view(array) for array in arguments[:count]])
            step = Step(kernel, views, arguments[count:], self.redoing)
            self._entries[-1].steps.append(step)

        return add

    @property
    def steps(self) -> list[str]:
        """The kernels of all entries, in order."""
        return [step.kernel for entry in self._entries for step in entry.steps]

    def run(self, arrays: Sequence[NDArray | None], count: int, seconds: float) -> bool:
        """Run all tiles on ``count`` threads; ``arrays`` are all buffers but the workspace.

        Returns whether the results are valid.  ``seconds`` is the predicted time, which this class
        ignores.
        """
        memories = [None if array is None else _memory(array) for array in arrays]
        failed: list[int] = []

        def tile(number: int) -> None:
            block = workspace.take(self.workspace_bytes)
            try:
                if not self._run_tile(number, [*memories, (block, 0)]):
                    failed.append(number)
            finally:
                workspace.give_back(block)

        threads.run(tile, self.tiles, count)
        return not failed

    def _run_tile(self, number: int, memories: list[tuple[NDArray, int] | None]) -> bool:
        entry = next(e for e in self._entries if number < e.first + e.tiles)
        number -= entry.first
        moved = [0] * len(memories)
        for count, steps in reversed(entry.grid):
            number, index = divmod(number, count)
            if index:
                for buffer, step in enumerate(steps):
                    moved[buffer] += index * step
        failed = redone = False
        for kernel, operands, rest, redo in entry.steps:
            if redo and not failed:
                continue
            if redone and not redo:
                failed = False
            redone = redo
            made = []
            for view in operands:
                if type(view) is not View:
                    made.append(view)
                    continue
                buffer, offset, shape, strides, dtype = view
                if 0 in shape:
                    made.append(np.empty(shape, dtype))
                    continue
                memory, origin = memories[buffer]  # type: ignore[misc]
                start = origin + offset + moved[buffer]
                made.append(np.ndarray(shape, dtype, memory, start, strides))
            if getattr(self._backend, kernel)(*made, *rest) is False:
                failed = True
        return redone or not failed


OPERANDS = {
    "correlate": 4,
    "correlate_sparse": 5,
    "box": 4,
    "blur": 3,
    "gemm": 4,
    "pointwise": 4,
    "depthwise": 4,
    "weight_gradient": 3,
    "winograd_weights": 2,
    "winograd_samples": 2,
    "winograd_outputs": 3,
    "transform": 2,
    "filter_columns": 3,
    "epilogue": 2,
    "in_range": 1,
    "accumulate": 2,
    "at_most": 1,
    "drop": 3,
    "deduct": 5,
    "divide": 3,
    "below": 3,
    "pad": 2,
    "store": 2,
    "cast": 2,
}
"""The number of leading arguments of each kernel that are operands."""


def _view(array: NDArray) -> View | NDArray:
    address = array.__array_interface__["data"][0]
    if address < _FIRST:
        return array
    buffer, offset = divmod(address - _FIRST, _SPAN)
    return View(buffer, offset - _ORIGIN, array.shape, array.strides, array.dtype)


def _memory(array: NDArray) -> tuple[NDArray, int]:
    """The memory that an array spans, as bytes, and the offset of its first item in it."""
    if array.flags.c_contiguous:
        return array, 0
    low, high = np.lib.array_utils.byte_bounds(array)
    address = array.__array_interface__["data"][0]
    return np.asarray(_Bytes(array, low, high)), address - low


class _Bytes:
    """The memory between two addresses, for NumPy's array interface; keeps the array alive."""

    def __init__(self, array: NDArray, low: int, high: int) -> None:
        self.array = array
        self.__array_interface__ = {
            "version": 3, "shape": (high - low,), "typestr": "|u1",
            "data": (low, not array.flags.writeable),
        }  # fmt: skip
