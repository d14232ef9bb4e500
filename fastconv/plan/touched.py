"""Which outputs see a missing sample: a few boxes that cover them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from ..problem.boundary import index_map
from ..problem.problem import Axis

__all__ = ["Box", "any_in_window", "boxes", "padded"]

TILE = 64
"""Outputs along an axis that are looked at as one."""
BLOCK = 16
"""Samples along an axis that are looked at as one."""
DENSE = 0.6
"""The share of touched tiles in a box that makes it worth no further cut."""
MAX_BOXES = 24
"""Boxes that cost less than the sums that they save."""

Box = tuple[slice, ...]
"""A range along each filtered axis."""


def padded(
    values: NDArray,
    filtered: Sequence[int],
    axes: Sequence[Axis],
    box: Box,
    beyond: Sequence[complex],
) -> NDArray:
    """All that a box of outputs reads, laid out, with ``beyond`` outside the axes whose border is
    constant.  In corners, the last of these axes counts.
    """
    for along, axis, part, value in zip(filtered, axes, box, beyond, strict=True):
        low, high = axis.reads(part.start, part.stop)
        first = min(max(low, 0), axis.size)
        last = max(min(high, axis.size), first)
        pieces = [values[(*(slice(None),) * along, slice(first, last))]]
        for start, stop in ((low, min(high, 0)), (max(low, axis.size), high)):
            if start >= stop:
                continue
            if axis.boundary == "constant":
                shape = list(values.shape)
                shape[along] = stop - start
                piece = np.full(shape, value, values.dtype)
            else:
                piece = values.take(index_map(axis.boundary, start, stop, axis.size), along)
            pieces.insert(0 if start < 0 else len(pieces), piece)
        values = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, along)
    return values


def any_in_window(
    values: NDArray, filtered: Sequence[int], axes: Sequence[Axis], outs: Sequence[int]
) -> NDArray:
    """Whether any value in the window of an output is true, by doubling the width."""
    for along, axis, count in zip(filtered, axes, outs, strict=True):
        lead = (slice(None),) * along
        width = 1
        while width < axis.taps:
            step = min(width, axis.taps - width)
            shift = step * axis.dilation
            stop = values.shape[along] - shift
            values = values[(*lead, slice(0, stop))] | values[(*lead, slice(shift, None))]
            width += step
        values = values[(*lead, slice(0, (count - 1) * axis.stride + 1, axis.stride))]
    return values


def boxes(
    valid: NDArray | None,
    filtered: Sequence[int],
    axes: Sequence[Axis],
    edges: Sequence[bool],
) -> list[Box]:
    """Disjoint boxes that cover all outputs whose window has a missing sample.

    ``valid`` tells samples apart.  Along axes with ``edges``, what lies outside the array is
    missing as well.
    """
    whole = tuple([slice(0, axis.out) for axis in axes])
    found, inner = [], list(whole)
    for i, axis in enumerate(axes):
        if edges[i]:
            start, stop = axis.interior
            if start == stop:
                return [whole]
            for low, high in ((0, start), (stop, axis.out)):
                if low < high:
                    found.append((*inner[:i], slice(low, high), *inner[i + 1 :]))
            inner[i] = slice(start, stop)
    if valid is not None:
        found += _holes(valid, filtered, axes, tuple(inner))
    area = sum([prod([part.stop - part.start for part in box]) for box in found])
    if len(found) > MAX_BOXES or area > DENSE * prod([axis.out for axis in axes]):
        return [whole]
    return found


def _holes(valid: NDArray, filtered: Sequence[int], axes: Sequence[Axis], inner: Box) -> list[Box]:
    """Boxes of outputs, among those of a box, that read a missing sample."""
    batch = tuple([axis for axis in range(valid.ndim) if axis not in filtered])
    if batch:
        valid = np.logical_and.reduce(valid, axis=batch, keepdims=True)
    for along in filtered:
        valid = _all_in_blocks(valid, along)
    cuts = [[*range(p.start, p.stop, TILE), p.stop] for p in inner]
    for along, axis, cut in zip(filtered, axes, cuts, strict=True):
        bounds: list[int] = []
        for start, stop in pairwise(cut):
            low, high = axis.reads(start, stop)
            if low < 0 or high > axis.size:
                index = index_map(axis.boundary, low, high, axis.size)
                inside = index[index >= 0]
                low, high = (inside.min(), inside.max() + 1) if inside.size else (0, 1)
            bounds += [low // BLOCK, -(-high // BLOCK)]
        lead = (slice(None),) * along
        one_more = np.concatenate([valid, valid[(*lead, slice(0, 1))]], along)
        valid = np.logical_and.reduceat(one_more, bounds, along)[(*lead, slice(None, None, 2))]
    tiles = ~valid.squeeze(batch).transpose(np.argsort(np.argsort(filtered)))
    return [
        tuple([slice(cut[p.start], cut[p.stop]) for cut, p in zip(cuts, part, strict=True)])
        for part in _cover(tiles, (0,) * tiles.ndim)
    ]


def _all_in_blocks(values: NDArray, along: int) -> NDArray:
    """Whether all of `BLOCK` values that follow each other are true."""
    lead, count = (slice(None),) * along, values.shape[along] // BLOCK
    shape = *values.shape[:along], count, BLOCK, *values.shape[along + 1 :]
    blocks = values[(*lead, slice(0, count * BLOCK))].reshape(shape)
    full: NDArray = np.logical_and.reduce(blocks, axis=along + 1)
    rest = values[(*lead, slice(count * BLOCK, None))]
    if not rest.shape[along]:
        return full
    return np.concatenate([full, np.logical_and.reduce(rest, axis=along, keepdims=True)], along)


def _cover(tiles: NDArray, origin: tuple[int, ...]) -> Iterator[Box]:
    """Boxes that cover all true values, most of whose values are true."""
    places = np.nonzero(tiles)
    if not places[0].size:
        return
    low = [int(place.min()) for place in places]
    high = [int(place.max()) + 1 for place in places]
    tiles = tiles[tuple(map(slice, low, high))]
    origin = tuple([a + b for a, b in zip(origin, low, strict=True)])
    if places[0].size >= DENSE * tiles.size:
        yield tuple([slice(a, a + n) for a, n in zip(origin, tiles.shape, strict=True)])
        return
    longest = int(np.argmax(tiles.shape))
    middle = tiles.shape[longest] // 2
    lead = (slice(None),) * longest
    yield from _cover(tiles[(*lead, slice(0, middle))], origin)
    beyond = list(origin)
    beyond[longest] += middle
    yield from _cover(tiles[(*lead, slice(middle, None))], tuple(beyond))
