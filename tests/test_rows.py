"""What `backends/_protocol.py` says of `extend` and `store`, asked of each backend directly."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from conftest import require
from numpy.lib.stride_tricks import as_strided

from fastconv import backends
from fastconv.problem.boundary import TABLE, runs

pytestmark = pytest.mark.compiled

SAMPLES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
SUMS = ["f4", "f8", "i8"]
RESULTS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
HALVES = np.arange(2**16, dtype=np.uint16).view(np.float16)


@pytest.fixture
def rows(backend):
    """Each backend in turn."""
    return backends.load(backend)


def everything(dtype, n, seed=0):
    """Numbers from all over a dtype, its extremes among them."""
    dtype, rng = np.dtype(dtype), np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, n).astype(bool)
    if dtype.kind == "f":
        numbers = rng.standard_normal(n) * 10.0 ** rng.integers(-9, 5, n)
        numbers[rng.integers(0, n, n // 5)] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0])
        return numbers.astype(dtype)
    info = np.iinfo(dtype)
    numbers = rng.integers(info.min, info.max, n, dtype, endpoint=True)
    numbers[rng.integers(0, n, n // 4)] = rng.choice([info.min, info.max, 0])
    return numbers


def extended(x, tables, cval, compute):
    """The definition: look up every item."""
    copy = np.empty((*x.shape[: -len(tables)], *(table[:, 1].sum() for table in tables)), compute)
    maps = []
    for table in tables:
        items = ([f + s * i if f >= 0 else -1 for i in range(n)] for _, n, f, s in table.tolist())
        maps.append(np.concatenate([*items]))
    for place in product(*map(range, copy.shape[-len(tables) :])):
        of = [index[i] for index, i in zip(maps, place, strict=True)]
        copy[(..., *place)] = cval if min(of) < 0 else x[(..., *of)].astype(compute)
    return copy


PAIRS = [(a, b) for a, b in product(SAMPLES, SUMS) if b != "i8" or np.dtype(a).kind != "f"]
PAIRS.append(("u1", "u1"))


@pytest.mark.parametrize(("dtype", "compute"), PAIRS)
def test_samples_keep_their_value(dtype, compute, rows):
    x = everything(dtype, 200)
    if (dtype, compute) == ("u8", "i8"):
        x = np.minimum(x, np.uint64(2**63 - 1))  # what is larger saturates
    for n in (*range(1, 40), 200):
        table = np.array([[0, n, 0, 1]])
        copy = np.empty(n, compute)
        rows.pad(copy, x[:n], (table,), 0)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(copy, x[:n].astype(compute))


def test_every_half_is_read_and_written(rows):
    copy = np.empty(HALVES.size, np.float32)
    rows.pad(copy, HALVES, (np.array([[0, HALVES.size, 0, 1]]),), 0)
    np.testing.assert_array_equal(copy, HALVES.astype(np.float32))
    np.testing.assert_array_equal(np.signbit(copy), np.signbit(HALVES))
    bits = np.arange(2**16, dtype=np.uint32) << 16
    sums = np.concatenate([bits, bits + 0x1000, bits + 0x3000, bits + 0x1001, bits + 0xFFF])
    sums = sums.view(np.float32)
    out = np.empty(sums.size, np.float16)
    rows.store(out, sums.copy())
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(out, sums.astype(np.float16))


@pytest.mark.parametrize("name", ["cython"])
def test_compiled_backends_do_not_ask_numpy(name, monkeypatch):
    require(name)
    compiled = backends.load(name)
    for function in ("pad", "store"):
        monkeypatch.setattr(backends.load("numpy"), function, None)
    table = np.array([[0, 20, 0, 1]])
    for samples, sums in (("?", "f4"), ("u1", "f4"), ("i2", "f8"), ("u2", "i8"), ("f4", "f4")):
        x, copy = everything(samples, 20), np.empty(20, sums)
        compiled.pad(copy, x, (table,), 0)
        np.testing.assert_array_equal(copy, x.astype(sums))
        out = np.empty(20, "u1")
        compiled.store(out, np.full(20, 300, sums))
        np.testing.assert_array_equal(out, 255)


@pytest.mark.parametrize("rank", range(1, 9))
def test_arrays_of_any_rank(rank, rows):
    x = everything("u1", 2**rank).reshape((2,) * rank)
    tables = tuple(np.array([[0, 1, -2, 0], [1, 2, 1, -1]]) for _ in range(min(rank, 3)))
    wanted = extended(x, tables, 5, "f4")
    copy = np.empty(wanted.shape, "f4")
    rows.pad(copy, x, tables, 5)
    np.testing.assert_array_equal(copy, wanted)
    out = np.empty(wanted.shape, "i2")
    rows.store(out, copy)
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("last", [0, 1])
@pytest.mark.parametrize("boundary", TABLE)
@pytest.mark.parametrize("dtype", ["u1", "f2", "f4", "i4"])
def test_borders_are_the_index_map(dtype, boundary, last, rows):
    x = everything(dtype, 2 * 5 * 7).reshape(2, 5, 7)
    tables = (runs(boundary, (-6,), 17, 5), runs(boundary, (-3, 2), 9, 7))
    shape = (2, 17, 18)
    copy = np.empty(shape if last else (2, 18, 17), "f4")
    copy = copy if last else copy.transpose(0, 2, 1)
    rows.pad(copy, x, tables, 3.5)
    np.testing.assert_array_equal(copy, extended(x, tables, 3.5, "f4"))


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
def test_arrays_of_any_strides_and_alignment(dtype, rows):
    table = (np.array([[0, 30, 0, 1]]), np.array([[0, 40, 0, 1]]))
    memory = everything(dtype, 70 * 90).reshape(70, 90)
    odd = np.empty(memory.nbytes + 1, np.uint8)[1:].view(np.dtype(dtype)).reshape(70, 90)
    odd[...] = memory
    repeated = as_strided(memory, (30, 90), (0, memory.itemsize))
    views = [memory[::2, ::2], memory[::-1, ::-2], memory.T, odd, repeated]
    for x in views:
        copy = np.empty((30, 40), "f4")
        rows.pad(copy, x[:30, :40], table, 0)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(copy, x[:30, :40].astype("f4"))
    for out in views[:4]:
        out = out.copy(order="A")[:30, :40]
        rows.store(out, np.full((40, 30), 7, "f4").T)
        np.testing.assert_array_equal(out, 7)


def rounded(number, dtype):
    """The definition of a store to integers, in Python's."""
    info = np.iinfo(dtype)
    if number != number:
        return 0
    if abs(number) == float("inf"):
        return info.max if number > 0 else info.min
    return min(max(round(number), info.min), info.max)


@pytest.mark.parametrize("sums", SUMS)
@pytest.mark.parametrize("dtype", RESULTS[:8])
def test_integers_are_rounded_to_even_and_saturate(dtype, sums, rows):
    info = np.iinfo(dtype)
    near = [v + d for v in (info.min, info.max, 0, 5, -5, 2**23, 2**24) for d in (-1, 0, 1)]
    if sums != "i8":
        near += [0.5, 1.5, 2.5, -0.5, -1.5, 254.5, 255.5, 32766.5, -32768.5, 1e30, -1e30]
        near += [np.nan, np.inf, -np.inf, 0.49999997, 8388607.5, 4194303.5]
    else:
        near = [v for v in near if -(2**63) <= v < 2**63] + [2**63 - 1, -(2**63)]
    values = np.array(near * 3, sums)
    wanted = [rounded(v, dtype) for v in values.tolist()]
    for steps in (1, 2):
        out = np.empty(steps * len(values), dtype)[::steps]
        rows.store(out, values.copy())
        np.testing.assert_array_equal(out, np.array(wanted, dtype))


def wrapped(number, dtype):
    """The definition of a cast to integers, in Python's."""
    info = np.iinfo(dtype)
    return (int(number) - info.min) % (info.max - info.min + 1) + info.min


@pytest.mark.parametrize("sums", SUMS)
@pytest.mark.parametrize("dtype", ["u1", "i2", "i4", "u4", "i8", "u8"])
def test_integers_are_cast_as_in_c(dtype, sums, rows):
    largest = 2**31 if np.dtype(dtype).itemsize < 4 or dtype == "i4" else 2**63
    near = [0, 1, -1, 5, 127, 128, 255, 256, -128, -129, 300, 65535, 65536, -32769, 2**24 - 1]
    near += [largest // 2, -largest] if sums != "i8" else [2**40 + 3, -(2**62) - 5]
    if sums != "i8":
        near += [0.5, -0.5, 0.99, -0.99, 254.9, 255.5, -1.5, 300.7, -300.7, 1e-40, 70000.25]
        near += [2.0**63] if dtype == "u8" else []
    values = np.array(near * 3, sums)
    wanted = [wrapped(v, dtype) for v in values.tolist()]
    for steps in (1, 2):
        out = np.empty(steps * len(values), dtype)[::steps]
        with np.errstate(all="raise"):
            rows.cast(out, values.copy())
        np.testing.assert_array_equal(out, np.array(wanted, dtype))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_floats_keep_their_value(dtype, rows):
    for sums in ("f4", "f8"):
        values = everything(sums, 77)
        out = np.empty(77, dtype)
        rows.store(out, values.copy())
        np.testing.assert_array_equal(out, values.astype(dtype))


@pytest.mark.parametrize("n", range(1, 40))
def test_nothing_else_is_written(n, rows):
    for dtype in ("u1", "f2", "f4", "f8"):
        memory = np.full(n + 20, 77, dtype)
        rows.store(memory[10 : 10 + n], np.ones(n, "f4"))
        np.testing.assert_array_equal(memory, [77] * 10 + [1] * n + [77] * 10)
        memory = np.full(n + 20, 77, "f4")
        rows.pad(memory[10 : 10 + n], np.ones(n, dtype), (np.array([[0, n, 0, 1]]),), 0)
        np.testing.assert_array_equal(memory, [77] * 10 + [1] * n + [77] * 10)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3, 8, 9, 17, 24])
def test_rows_change_places_with_columns(channels, dtype, rows):
    runs = (
        np.array([[0, 2, -2, 0], [2, 19, 0, 1], [21, 1, -1, 0]]),
        np.array([[0, 5, 4, -1], [5, 33, 0, 1], [38, 4, 30, -1]]),
    )
    x = everything(dtype, channels * 19 * 33).reshape(channels, 19, 33)
    wanted = extended(x, runs, 7, dtype)
    memory = np.full((*wanted.shape[1:], channels + 2), 5, dtype)
    rows.pad(memory[..., 1:-1].transpose(2, 0, 1), x, runs, 7)
    np.testing.assert_array_equal(memory[..., 1:-1], wanted.transpose(1, 2, 0))
    assert (memory[..., [0, -1]] == 5).all()
    out = np.empty(wanted.shape, dtype)
    rows.store(out, memory[..., 1:-1].transpose(2, 0, 1))
    np.testing.assert_array_equal(out, wanted)


@pytest.mark.parametrize("pixels", range(1, 14))
@pytest.mark.parametrize("channels", [2, 3, 4])
def test_planes_become_pixels(channels, pixels, rows):
    x = everything(np.dtype("f4"), channels * pixels).reshape(channels, 1, pixels)
    memory = np.full(channels * pixels + 8, 5, "f4")
    copy = memory[4:-4].reshape(1, pixels, channels).transpose(2, 0, 1)
    rows.store(copy, x)
    np.testing.assert_array_equal(copy, x)
    assert (memory[:4] == 5).all()
    assert (memory[-4:] == 5).all()
