"""The loops around the tiles, compiled for a dtype when it is first seen.

``loop_nest.py`` says what the numbers in ``loops``, ``planes`` and ``nest`` are.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numba
from numba import types

from .tile import ROWS, VECTOR_BYTES, VECTORS, Frozen, make_tile

__all__ = ["compiled"]

NARROW_BYTES = 16


def make_slab(vector_bytes: int, vectors: int, frozen: Frozen = ()) -> Any:
    """A function for Numba that fills the rows and columns of a slab, at least a vector of them.

    The last tiles of a row and of a column reach back over outputs that are already right, and
    write the same again.
    """
    tile = make_tile(vector_bytes, ROWS, vectors, frozen)
    row = make_tile(vector_bytes, 1, vectors)
    column = make_tile(vector_bytes, ROWS, 1)
    vector = make_tile(vector_bytes, 1, 1)

    @numba.njit(nogil=True)
    def slab(out, o, x, i, w, j, bias, planes, nest, relu):  # type: ignore[no-untyped-def]
        rows, row_out, row_x, kh, step = nest[0], nest[1], nest[2], nest[3], nest[4]
        cols, col_out, col_x = nest[6], nest[7], nest[8]
        shared = kh == 1 or row_x == step
        if kh == 1:
            step = row_x
        height = ROWS if shared and rows >= ROWS else 1
        lanes = max(1, vector_bytes // out.itemsize)
        width = vectors * lanes
        whole = cols - cols % width if vectors > 1 else 0
        for top in range(0, rows, height):
            r = min(top, rows - height)
            for c in range(0, whole, width):
                to, at = o + r * row_out + c * col_out, i + r * row_x + c * col_x
                if height == 1:
                    row(out, to, x, at, w, j, bias, planes, nest, step, relu)
                else:
                    tile(out, to, x, at, w, j, bias, planes, nest, step, relu)
            for left in range(whole, cols, lanes):
                c = min(left, cols - lanes)
                to, at = o + r * row_out + c * col_out, i + r * row_x + c * col_x
                if height == 1:
                    vector(out, to, x, at, w, j, bias, planes, nest, step, relu)
                else:
                    column(out, to, x, at, w, j, bias, planes, nest, step, relu)

    return slab


wide_slab = make_slab(VECTOR_BYTES, VECTORS, frozen=((3, 3), (5, 5)))
narrow_slab = make_slab(NARROW_BYTES, 1)
single_slab = make_slab(0, VECTORS)


def correlate(out, x, w, bias, loops, planes, nest, relu):  # type: ignore[no-untyped-def]
    """Run the outer loops, and a slab inside the last one."""
    slabs = 1
    for extent in loops[:, 0]:
        slabs *= extent
    in_rows = nest[7] == 1 and nest[8] == 1
    cols = nest[6]
    for slab in range(slabs):
        o = i = j = b = 0
        rest = slab
        for depth in range(len(loops) - 1, -1, -1):
            index = rest % loops[depth, 0]
            rest //= loops[depth, 0]
            o += index * loops[depth, 1]
            i += index * loops[depth, 2]
            j += index * loops[depth, 3]
            b += index * loops[depth, 4]
        if in_rows and cols * out.itemsize >= VECTOR_BYTES:
            wide_slab(out, o, x, i, w, j, bias[b], planes, nest, relu)
        elif in_rows and cols * out.itemsize >= NARROW_BYTES:
            narrow_slab(out, o, x, i, w, j, bias[b], planes, nest, relu)
        else:
            single_slab(out, o, x, i, w, j, bias[b], planes, nest, relu)


@cache
def compiled(dtype: str) -> Callable[..., Any]:
    """The machine code for a dtype: from disk, or compiled now and left there."""
    items = getattr(types, dtype)

    def array(of: Any, ndim: int, readonly: bool = True) -> Any:
        return types.Array(of, ndim, "C", readonly=readonly)

    operand, numbers, table = array(items, 1), array(types.int64, 1), array(types.int64, 2)
    signature = types.void(
        array(items, 1, readonly=False), operand, operand, operand, table, table, numbers,
        types.boolean,
    )  # fmt: skip
    try:
        return _compile(signature, cache=True)
    except (RuntimeError, OSError):  # no folder to keep it in, or no room
        return _compile(signature, cache=False)


def _compile(signature: Any, cache: bool) -> Callable[..., Any]:
    function: Callable[..., Any] = numba.njit([signature], nogil=True, cache=cache)(correlate)
    return function
