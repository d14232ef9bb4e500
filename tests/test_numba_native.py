"""Machine code that is called without Python: what it is told, and what is made of its troubles."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import require

import fastconv as fc

numba = pytest.importorskip("numba")

from fastconv.backends.numba_backend import headers, native, replay, team  # noqa: E402
from fastconv.backends.numba_backend.entry import Entry  # noqa: E402


@pytest.fixture(autouse=True, scope="module")
def backend():
    with fc.use_backend(require("numba")):
        yield


def entry(function, *signature):
    """The way into a function that is compiled for one signature."""
    compiled = numba.njit([signature[-1](*signature[:-1])], nogil=True)(function)
    (overload,) = compiled.overloads.values()
    return Entry(overload.entry_point, overload)


def ran(code, arguments, places, starts, steps=1):
    """What comes of a piece that calls machine code."""
    words = np.array(native.words_of(code, arguments, places), np.int64)
    calls = np.array([native.caller(code), words.ctypes.data] * steps, np.int64)
    ends = np.array([0, steps], np.int64)
    memories = [0, *starts, 0]
    size = team.room_for(len(memories), 0)
    head = [0, 0, 1, size, ends.ctypes.data, calls.ctypes.data, 0, len(memories)]
    job = np.array([*head, *memories, 0], np.int64)
    room = np.empty(size, np.uint8)
    team.run(job.ctypes.data, room.ctypes.data, 1, 0.0)
    assert bool(job[team.OUTCOME]) == bool(job[-1])
    return job[-1]


def scale(out, x, tables, factor, shift, negate, small):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            value = x[i, j] * factor + shift + tables[1][0, i] + small
            out[i, j] = -value if negate else value


@pytest.mark.parametrize("negate", [False, True])
def test_arguments_arrive(negate):
    types = numba.types
    kinds = (
        types.Array(types.float32, 2, "A"),
        types.Array(types.float32, 2, "A", readonly=True),
        types.UniTuple(types.Array(types.int64, 2, "C", readonly=True), 2),
        types.float32,
        types.int64,
        types.boolean,
        types.int8,
    )
    code = entry(scale, *kinds, types.void)
    memory, source = np.zeros((9, 14), "f4"), np.arange(48, dtype="f4").reshape(6, 8)
    tables = np.array([[7, 7, 7]]), np.array([[100, 200, 300]])
    rest = tables, 0.1, -5, negate, -3
    for out, x in (
        (memory[2:8:2, 1:9:2], source[::-2, ::2]),
        (memory[3:, 5:].T[:3, :4], source[1:4, 3:7]),
    ):
        out[...] = 0
        untouched = memory.copy()
        wanted = np.zeros_like(out)
        code.run(wanted, x, *rest)
        offset = out.ctypes.data - memory.ctypes.data
        places = {0: (1, offset), 1: (2, x.ctypes.data - source.ctypes.data)}
        starts = memory.ctypes.data, source.ctypes.data
        assert ran(code, [out, x, *rest], places, starts) == native.COUNTS
        np.testing.assert_array_equal(out, wanted)
        assert (wanted != 0).all()
        out[...] = 0
        np.testing.assert_array_equal(memory, untouched)


def positive(out):
    return out[0] > 0


def broken(out):
    if out[0] > 0:
        raise ValueError
    out[0] = 1


def test_what_came_of_a_step():
    kind = numba.types.Array(numba.types.float64, 1, "C")
    code = entry(positive, kind, numba.types.boolean)
    for value, outcome in ((1.0, native.COUNTS), (-1.0, 1)):
        assert ran(code, [np.array([value])], {}, ()) == outcome
    code = entry(broken, kind, numba.types.void)
    assert ran(code, [np.zeros(1)], {}, ()) == native.COUNTS
    assert ran(code, [np.zeros(1)], {}, (), steps=2) == native.FAILED


def test_machine_code_that_gives_up_raises():
    code = entry(broken, numba.types.Array(numba.types.float64, 1, "C"), numba.types.void)
    out, room = np.zeros(1), np.zeros(64, np.uint8)
    recording = replay.Recording((out,), (), room)
    recording.add(code, (out,))
    recording.end_piece()
    assert recording.end()
    assert recording.run(1, 0.0, out) == []
    with pytest.raises(MemoryError):
        recording.run(1, 0.0, out)


def looked_at(expected, *arrays):
    """Where arrays begin that lie as the expected ones; None if they do not."""
    job = np.arange(100, 100 + team.STARTS + 1 + len(arrays) + 5)
    memory = np.empty(job.nbytes, np.uint8)
    absent = (0,) * (headers.MOST - len(arrays))
    words = headers.expected(expected)
    if headers.begin()(memory, job, words, *map(id, arrays), *absent) == 0:
        return None
    written, first = memory.view(np.int64), team.STARTS + 1
    starts = written[first : first + len(arrays)].tolist()
    job[first : first + len(arrays)] = starts
    np.testing.assert_array_equal(written, job)
    return starts


def test_arrays_are_told_by_where_they_begin():
    whole = np.zeros((4, 5, 6), "f4")
    for array in (whole, whole[::-1, 1:], whole.T[2], whole[1, 2, 3, ...], whole[:0]):
        assert looked_at((array,), array) == [array.ctypes.data]
        others = array.copy(), np.zeros(3), np.ones((2, 2), "u1")[:, 1:]
        assert looked_at(others, *others) == [other.ctypes.data for other in others]


def test_arrays_must_lie_as_expected():
    out, x = np.zeros((3, 4), "f4"), np.zeros((5, 6), "f8")
    assert looked_at((out, x), out, x) is not None
    for other in (
        out[:2],
        out[:, :3],
        out.T,
        out.ravel(),
        out[None],
        np.zeros((3, 5), "f4")[:, 1:],
    ):
        assert looked_at((out, x), other, x) is None
        assert looked_at((x, out), x, other) is None
    askew = np.zeros(5 * 6 * 8 + 1, "u1")[1:].view("f8").reshape(5, 6)
    assert looked_at((out, x), out, askew) is None
    out.flags.writeable = False
    assert looked_at((out, x), out, x) is None
    assert looked_at((x, out), x, out) is not None


def test_the_first_array_shares_no_memory_with_others():
    memory = np.zeros(30)
    first, second, third = memory[:10], memory[10:20], memory[20:]
    assert looked_at((first,) * 3, second, first, third) is not None
    assert looked_at((first,) * 3, second, third, third) is not None
    for start in (1, 9, 11, 19):
        assert looked_at((first,) * 3, second, memory[start : start + 10], third) is None
        assert looked_at((first,) * 3, second, third, memory[start : start + 10]) is None
