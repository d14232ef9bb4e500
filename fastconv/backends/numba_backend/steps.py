"""Steps: calls of machine code that know everything but where their operands are.

A call makes its step and runs it; a recording (`replay.py`) keeps the steps of a whole plan.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...run import workspace
from ..geometry import gemm as contraction, fourier
from .. import numpy_backend
from ..geometry.nest import LoopNest, flat, loop_nest
from ..geometry.sparse import sparse_nest
from ..geometry.box import window_nest
from .entry import Entry, entry

__all__ = ["Kernels", "now"]

RANK = 5
"""Axes of the arrays that `rows.py` copies."""
SHORT = 64
"""Items of a row below which it is copied together with those that follow it."""


class Kernels:
    """Kernels by the names of `_protocol.py`, which run when they are called."""

    def add(self, code: Entry, operands: tuple[NDArray, ...], *rest: Any) -> bool:
        """Take a step: machine code, where its operands begin, and what else it is told.

        Say whether its results count.
        """
        return code.run(*operands, *rest) is not False

    def leave(self, function: Callable[..., None], *arguments: Any) -> None:
        """Have NumPy do what there is no machine code for."""
        function(*arguments)

    def start(self, array: NDArray) -> NDArray:
        """Memory in one dimension, for machine code that knows how far it goes.

        `flat` says how far, and takes five microseconds where items are not neighbours.
        """
        if array.flags.c_contiguous:
            return array.reshape(-1)
        start: NDArray = array[(0,) * (array.ndim - 1)][:1]
        return start

    def correlate(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        relu: bool,
    ) -> None:
        nest = loop_nest(out, x, w, bias, stride, dilation)
        self._sum((out, x, w, bias), nest, relu)

    def correlate_sparse(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        places: NDArray[np.int64],
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        relu: bool,
    ) -> None:
        nest = sparse_nest(out, x, w, places, bias, stride, dilation)
        self._sum((out, x, w, bias), nest, relu)

    def _sum(self, arrays: tuple[NDArray, ...], nest: LoopNest, relu: bool) -> None:
        *starts, bias = arrays
        operands = *map(self.start, starts), flat(bias)
        self.add(entry("driver", bias.dtype), operands, *nest, relu)

    def box(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        size: tuple[int, ...],
        relu: bool,
    ) -> None:
        nest, strip, items = window_nest(out, x, w, bias, size)
        mark = workspace.mark()
        try:
            room = workspace.empty((items,), out.dtype)
            operands = *map(self.start, (out, x)), flat(w), flat(bias), room
            code = entry("box_bytes") if out.dtype == np.uint8 else entry("box", out.dtype)
            self.add(code, operands, *nest, strip, relu)
        finally:
            workspace.release(mark)

    def gemm(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        relu: bool,
    ) -> None:
        arrays = out, x, w, bias
        product = contraction.contraction(contraction.channels, arrays, stride, dilation)
        self._contract(arrays, product, relu)

    def pointwise(
        self, out: NDArray, x: NDArray, w: NDArray, bias: NDArray, relu: bool
    ) -> None:
        product = contraction.contraction(contraction.planes, (out, x, w, bias))
        self._contract((out, w, x, bias), product, relu)

    def weight_gradient(
        self,
        out: NDArray,
        x: NDArray,
        gradient: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
    ) -> None:
        arrays = out, x, gradient
        product = contraction.contraction(contraction.outputs, arrays, stride, dilation)
        self._contract((*arrays, _zero(out.dtype)), product, False)

    def depthwise(
        self,
        out: NDArray,
        x: NDArray,
        w: NDArray,
        bias: NDArray,
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        before: tuple[int, ...],
        relu: bool,
    ) -> None:
        arrays = out, x, w, bias
        product = contraction.contraction(contraction.taps, arrays, stride, dilation, before)
        tables = product.rows, product.runs, product.numbers
        self.add(entry("depthwise", out.dtype), tuple(map(self.start, arrays)), *tables, relu)

    def _contract(
        self, arrays: tuple[NDArray, ...], product: contraction.Contraction, relu: bool
    ) -> None:
        self.add(entry("contract", arrays[0].dtype), tuple(map(self.start, arrays)), *product, relu)

    def extend(
        self, copy: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float
    ) -> None:
        if not self._copy_items(copy, x, runs, cval):
            self.leave(numpy_backend.extend, copy, x, runs, cval)

    def store(self, out: NDArray, sums: NDArray) -> None:
        if not self._copy_items(out, sums, (), 0):
            self.leave(numpy_backend.store, out, sums)

    def _copy_items(
        self, out: NDArray, x: NDArray, runs: tuple[NDArray[np.int64], ...], cval: float
    ) -> bool:
        """Copy all items, and say whether these arrays can be done."""
        code = entry("rows", x.dtype, out.dtype)
        if code is None or len(runs) > RANK:
            return False
        if out.ndim > RANK:
            return all(self._copy_items(*parts, runs, cval) for parts in zip(out, x, strict=True))
        out, x = (a.view(np.uint16) if a.dtype == np.float16 else a for a in (out, x))
        missing = RANK - out.ndim
        tables = [_all(1)] * missing
        tables += map(_all, out.shape[: out.ndim - len(runs)])
        tables += runs
        if missing:
            out, x = out[(None,) * missing], x[(None,) * missing]
        order = [*range(RANK)]
        for array in x, out:  # what one of them has side by side comes last
            found = _neighbours(array)
            if found is not None:
                order.append(order.pop(order.index(found)))
        if order != [*range(RANK)]:
            out, x, tables = out.transpose(order), x.transpose(order), [tables[i] for i in order]
        n = out.shape[-1]
        whole = n < SHORT and order[-1] < RANK - len(runs)
        if whole and _follow(out, n) and _follow(x, n) and (tables[-2][:, 3] == 1).all():
            tables = [_all(1), *tables[:-2], tables[-2] * (n, n, n, 1)]
            out, x = (a.reshape(1, *a.shape[:-2], a.shape[-2] * n) for a in (out, x))
        self.add(code, (out, x), tuple(tables), cval)
        return True

    def transform(self, out: NDArray, x: NDArray, inverse: bool) -> None:
        n = x.shape[1] if inverse else out.shape[1]
        self._fourier((out, x, x), n, not inverse, inverse)

    def filter_columns(self, out: NDArray, x: NDArray, spectrum: NDArray) -> None:
        self._fourier((out, x, spectrum), spectrum.shape[1], True, True)

    def _fourier(self, arrays: tuple[NDArray, ...], n: int, forward: bool, inverse: bool) -> None:
        dtype = arrays[0].dtype
        mark = workspace.mark()
        try:
            room = workspace.empty(*fourier.room(n, dtype))
            twiddles = fourier.twiddles(n, dtype.name)
            self.add(entry("fft", dtype), (*arrays, twiddles, room), n, forward, inverse)
        finally:
            workspace.release(mark)

    def finish(self, out: NDArray, bias: NDArray) -> bool:
        return self.add(entry("finishing", out.dtype), (out, bias))

    def winograd_weights(self, values: NDArray, w: NDArray) -> None:
        self.add(entry("winograd", "weights"), (values, w))

    def winograd_samples(self, tiles: NDArray, x: NDArray) -> None:
        self.add(entry("winograd", "samples"), (tiles, x))

    def winograd_outputs(self, out: NDArray, tiles: NDArray, bias: NDArray, relu: bool) -> bool:
        return self.add(entry("winograd", "outputs"), (out, tiles, bias), relu)


def _neighbours(array: NDArray) -> int | None:
    """The axis of neighbouring items."""
    item, strides, shape = array.itemsize, array.strides, array.shape
    axes = (axis for axis in range(array.ndim) if strides[axis] == item and shape[axis] > 1)
    return next(axes, None)


def _follow(array: NDArray, n: int) -> bool:
    """Whether rows of so many neighbours follow each other."""
    item = array.itemsize
    return array.strides[-2:] == (n * item, item)


@cache
def _zero(dtype: np.dtype) -> NDArray:
    """What sums start from that have no bias."""
    return np.zeros(1, dtype)


@lru_cache(maxsize=4096)
def _all(n: int) -> NDArray[np.int64]:
    """The run of all items of an axis."""
    return np.array([[0, n, 0, 1]])


now = Kernels()
