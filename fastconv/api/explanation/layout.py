"""What an explanation shows of a large window, and its wording, for both text and HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .model import Arithmetic, WindowAxis

__all__ = ["Plane", "border_note", "geometry", "heading", "number", "planes", "rest", "shown"]

MAX_SHOWN = 11
"""Rows and columns up to which all are shown; beyond that, the first and last few."""
ENDS = 4
"""Rows or columns shown at either end if they are too many."""
MAX_PLANES = 6
"""Channels and slices of a window up to which all are shown."""
FIRST_PLANES = 3
"""Channels and slices shown if they are too many."""
MAX_LISTED = 12
"""Coordinates up to which all are listed."""


class Plane(NamedTuple):
    """One channel and slice of a window: rows and columns."""

    title: str
    """Empty if there is only one plane."""
    samples: NDArray
    weights: NDArray
    products: NDArray
    outside: NDArray[np.bool_]
    rows: WindowAxis | None
    """None for signals."""
    columns: WindowAxis


def heading(e: Arithmetic) -> str:
    """The first line: the call, the position and the result."""
    where = ", ".join(map(str, e.at))
    value = number(e.result) if e.exists else "does not exist"
    return f"{e.call}: out[{where}] {'= ' if e.exists else ''}{value}"


def planes(e: Arithmetic) -> Iterator[Plane]:
    """The channels and slices that are shown."""
    total, each = _plane_count(e)
    for place in list(np.ndindex(each))[: total if total <= MAX_PLANES else FIRST_PLANES]:
        channel, *slices = place
        words = [] if e.channel_axis is None else [f"channel {e.channels[channel]}"]
        words += [
            f"axis {a.axis} at {a.coordinates[i]}" for a, i in zip(e.axes, slices, strict=False)
        ]
        *_, columns = e.axes
        rows = e.axes[-2] if len(e.axes) > 1 else None
        beyond = any(_outside(a)[i] for a, i in zip(e.axes, slices, strict=False))
        outside = _outside(columns)[None] | beyond
        if rows is not None:
            outside = outside | _outside(rows)[:, None]
        yield Plane(
            ", ".join(words),
            np.atleast_2d(e.samples[place]),
            np.atleast_2d(e.weights[place]),
            np.atleast_2d(e.products[place]),
            outside,
            rows,
            columns,
        )


def rest(e: Arithmetic) -> str:
    """A note about planes that are not shown, and their sum."""
    total, each = _plane_count(e)
    if total <= MAX_PLANES:
        return ""
    sums = e.products.reshape(total, -1)[FIRST_PLANES:].sum()
    what = "channels" if len(each) == 1 else "channels and slices"
    return f"and {total - FIRST_PLANES} more {what}, whose products sum to {number(sums)}"


def _plane_count(e: Arithmetic) -> tuple[int, tuple[int, ...]]:
    each = e.products.shape[:-2] if len(e.axes) > 1 else e.products.shape[:1]
    return int(np.prod(each)), each


def _outside(axis: WindowAxis) -> NDArray[np.bool_]:
    coordinates = np.array(axis.coordinates)
    return (coordinates < 0) | (coordinates >= axis.size)


def shown(count: int) -> list[int | None]:
    """The rows or columns that are shown; None stands for those left out."""
    if count <= MAX_SHOWN:
        return list(range(count))
    return [*range(ENDS), None, *range(count - ENDS, count)]


def number(value: Any) -> str:
    """A number in a few digits."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, int):
        return str(value)
    return f"{value + 0.0:.6g}"  # no negative zero


def border_note(e: Arithmetic) -> str:
    """A note about marked samples, or an empty string if there are none."""
    return "beyond the edge" if any(_outside(axis).any() for axis in e.axes) else ""


def geometry(e: Arithmetic) -> Iterator[tuple[str, list[str]]]:
    """For each axis, the formula for the number of outputs, and remarks about this output."""
    for axis in e.axes:
        words = [f"{axis.size} samples"]
        words += [f"{count} {side}" for side, count in _sides(axis) if count > 0]
        room = " + ".join(words)
        room += "".join(f" - {-count} {side}" for side, count in _sides(axis) if count < 0)
        formula = (
            f"axis {axis.axis}: ({room} - window of {axis.extent}) // stride {axis.stride} + 1"
            f" = {_counted(axis.outputs, 'output')}"
        )
        yield formula, [*_remarks(axis, number(e.cval))]


def _sides(axis: WindowAxis) -> tuple[tuple[str, int], tuple[str, int]]:
    return ("before", axis.before), ("after", axis.after)


def _remarks(axis: WindowAxis, constant: str) -> Iterator[str]:
    if axis.dilation > 1:
        yield (
            f"{axis.taps} taps, {axis.dilation} samples apart, reach over "
            f"({axis.taps} - 1) * {axis.dilation} + 1 = {axis.extent}"
        )
    start = f"{axis.position} * {axis.stride}"
    if axis.before:
        start += f" {'-' if axis.before > 0 else '+'} {abs(axis.before)}"
    begins = f"output {axis.position} begins at {start} = {axis.start}"
    if not axis.exists:
        yield begins.replace("begins", "would begin") + f"; {_why_missing(axis)}"
        return
    yield f"{begins} and reads {_listed(axis.coordinates)}"
    beyond = {
        i: source
        for i, source in zip(axis.coordinates, axis.sources, strict=True)
        if not 0 <= i < axis.size
    }
    if beyond:
        yield f"boundary {axis.boundary!r}: {_supplied(beyond, constant)}"
    yield f"{_fit(axis)}; {_unread(axis)}"


def _supplied(beyond: dict[int, int | None], constant: str) -> str:
    """The samples that the border supplies at coordinates beyond the edges."""
    if None in beyond.values():
        return f"{_listed([*beyond])} {'holds' if len(beyond) == 1 else 'hold'} {constant}"
    phrases = [f"{i} is sample {source}" for i, source in beyond.items()]
    if len(phrases) > MAX_LISTED:
        phrases = [*phrases[:ENDS], "…", *phrases[-ENDS:]]
    return ", ".join(phrases)


def _why_missing(axis: WindowAxis) -> str:
    first, last = -axis.before, axis.size + axis.after - 1
    if axis.position < 0:
        return f"outputs count from 0, whose window begins at {first}"
    reached = axis.start + axis.extent - 1
    if reached > last:
        return f"its window would end at {reached}, but windows end at {last}, the last position"
    return f"outputs end with {axis.outputs - 1}"


def _fit(axis: WindowAxis) -> str:
    if axis.left_over == 0:
        return "the stride fits"
    left = _counted(axis.left_over, "position")
    return f"the stride does not fit: {left} at the end {_are(axis.left_over)} left over"


def _unread(axis: WindowAxis) -> str:
    unread = axis.unread
    if not unread:
        return "every sample is read"
    if len(unread) == 1:
        return f"no output reads sample {unread[0]}"
    return f"no output reads the {len(unread)} samples {_listed(unread)}"


def _listed(numbers: Sequence[int]) -> str:
    """Coordinates as a list, as a range if they are consecutive, or shortened if they are many."""
    if len(numbers) > 3 and list(numbers) == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} … {numbers[-1]}"
    if len(numbers) > MAX_LISTED:
        return ", ".join([*map(str, numbers[:ENDS]), "…", *map(str, numbers[-ENDS:])])
    return ", ".join(map(str, numbers))


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
