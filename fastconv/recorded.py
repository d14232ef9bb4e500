"""What was done once for some arrays, as calls of kernels and nothing else, to be done again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, cast

from numpy.typing import NDArray

from . import scratch
from .backends._protocol import Backend, Recording

__all__ = ["Piece", "Recorded", "plain", "record"]

PIECES = 256
"""Pieces that are recorded at most: what is more costs more than its calls."""

Piece = Callable[[Backend], None]


class Recorded(NamedTuple):
    """A recording and its pieces."""

    recording: Recording
    pieces: int


def record(
    backend: Backend, arrays: tuple[NDArray, ...], pieces: Sequence[Piece]
) -> Recorded | None:
    """What pieces do on a backend for a result and its inputs, if it can be recorded; nothing runs.

    Pieces call the same kernels at every run, and look at no value.  Arrays are apart: what an
    operand belongs to is told by where it begins.
    """
    if len(pieces) > PIECES:
        return None
    with scratch.apart() as room:
        recording = backend.recording(arrays, room)
        if recording is None:
            return None
        for piece in pieces:
            piece(cast(Backend, recording))
            recording.end_piece()
    return Recorded(recording, len(pieces)) if recording.end() else None


def plain(array: NDArray) -> bool:
    """Whether its items are aligned and in C order, as a recording wants them."""
    return array.flags.c_contiguous and array.flags.aligned
