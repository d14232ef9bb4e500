"""correlate and convolve against the oracle, on every backend: where a kernel stands and walks."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc

INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "float32", "float64"]
COMPLEX = ["complex64", "complex128"]
DTYPES = ["bool", *INTEGERS, *FLOATS, *COMPLEX]
SHAPES = {1: (9,), 2: (5, 6), 3: (3, 4, 5), 4: (3, 2, 4, 3)}
TAPS = {1: (4,), 2: (3, 2), 3: (2, 3, 2), 4: (2, 1, 3, 2)}


def question(algorithm, dtype, rank):
    x = oracle.samples(SHAPES[rank], dtype)
    if "int64" in dtype:
        x >>= 12  # beyond 64 bits, Python's integers take over from every backend
    if algorithm == "direct":
        return x, oracle.small(TAPS[rank], dtype)
    return x, tuple(oracle.small((k,), dtype, seed) for seed, k in enumerate(TAPS[rank], 1))


@lru_cache
def answer(algorithm, boundary, dtype, rank):
    x, w = question(algorithm, dtype, rank)
    return oracle.correlate(x, w, boundary=boundary).everywhere()


@pytest.mark.parametrize("rank", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("algorithm", ["direct", "separable"])
def test_matrix(algorithm, boundary, dtype, rank, backend, ran):
    x, w = question(algorithm, dtype, rank)
    got = fc.correlate(x, w, boundary=boundary, algorithm=algorithm, backend=backend)
    assert got.dtype == (np.uint8 if dtype == "bool" else dtype)
    assert_close(got, answer(algorithm, boundary, dtype, rank))
    ran.only(backend, algorithm)


WALKS = [
    {"mode": "valid"},
    {"mode": "full"},
    {"mode": "full", "boundary": "mirror"},
    {"stride": 2},
    {"stride": (3, 2), "mode": "full"},
    {"stride": (1, 3), "mode": "valid"},
    {"dilation": 2},
    {"dilation": (3, 1), "boundary": "wrap"},
    {"dilation": (2, 3), "mode": "full", "stride": (3, 2)},
    {"dilation": (2, 1), "mode": "valid", "stride": 2},
    {"origin": 1, "boundary": "nearest"},
    {"origin": (-1, 0), "boundary": "symmetric", "stride": (2, 1)},
    {"boundary": ("wrap", "constant"), "cval": 2.5},
    {"boundary": ("mirror", "nearest")},
    {"axes": (1, 0)},
    {"axes": (-1, -2), "boundary": ("symmetric", "wrap"), "stride": (1, 2)},
]


@pytest.mark.parametrize("how", WALKS, ids=str)
@pytest.mark.parametrize("call", ["correlate", "convolve"])
def test_walks(call, how, backend):
    x, w = oracle.samples((8, 9), float), oracle.samples((3, 4), float)
    wanted = getattr(oracle, call)(x, w, **how).everywhere()
    assert_close(getattr(fc, call)(x, w, backend=backend, **how), wanted)
    factors = tuple(oracle.samples((k,), float) for k in (3, 4))
    wanted = getattr(oracle, call)(x, factors, **how).everywhere()
    got = getattr(fc, call)(x, factors, backend=backend, algorithm="separable", **how)
    assert_close(got, wanted)


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("mode", ["same", "valid", "full"])
def test_stride_and_dilation(mode, dilation, stride, backend):
    x, w = oracle.samples((11, 10), np.float32), oracle.samples((2, 3), np.float32)
    how = {"mode": mode, "dilation": dilation, "stride": stride, "boundary": "mirror"}
    assert_close(
        fc.correlate(x, w, backend=backend, **how), oracle.correlate(x, w, **how).everywhere()
    )
    dense = fc.correlate(x, w, backend=backend, **{**how, "stride": 1})
    np.testing.assert_array_equal(
        fc.correlate(x, w, backend=backend, **how), dense[::stride, ::stride]
    )


@pytest.mark.parametrize(
    ("shape", "taps", "axes"),
    [
        ((5, 6, 3), (3, 3), (0, 1)),
        ((5, 6, 3), (3, 2), (-3, -2)),
        ((7, 2), (3,), 0),
        ((7, 2), (3,), (0,)),
        ((4, 3, 5), (2, 3), (0, 2)),
        ((4, 3, 5), (2, 3), (2, 0)),
        ((2, 3, 4, 5), (3, 2), (1, 3)),
        ((2, 3, 4, 2, 3), (3,), 2),
        ((2, 1, 2, 5, 4), (2, 3), (-2, -1)),
        ((2, 1, 5, 4), (3,), None),
        ((5, 4), (2, 3), None),
    ],
)
def test_axes(shape, taps, axes, backend):
    x, w = oracle.samples(shape, np.float32), oracle.samples(taps, np.float32)
    how = {"axes": axes, "boundary": "symmetric"}
    assert_close(
        fc.correlate(x, w, backend=backend, **how), oracle.correlate(x, w, **how).everywhere()
    )


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 7, 11])
@pytest.mark.parametrize("call", ["correlate", "convolve"])
def test_same_is_a_crop_of_full(call, k, backend):
    x, w = oracle.samples((9,), np.int32), oracle.small((k,), np.int32)
    full = getattr(fc, call)(x, w, mode="full", backend=backend)
    same = getattr(fc, call)(x, w, mode="same", backend=backend)
    np.testing.assert_array_equal(same, full[(k - 1) // 2 :][:9])


LARGE = [
    ((1, 70_001), (1, 5)),
    ((70_001, 1), (5, 1)),
    ((67, 131), (3, 3)),
    ((259, 517), (5, 3)),
    ((259, 517), (2, 4)),
    ((131, 17), (3, 3)),
    ((131, 33), (7, 7)),
    ((700, 611), (3, 3)),
    ((700, 611), (1, 1)),
    ((64, 64), (15, 1)),
    ((64, 64), (1, 15)),
    ((40, 9), (3, 21)),
    ((9, 40), (21, 3)),
    ((3, 130, 131), (3, 3, 3)),
    ((3, 300, 301), (3, 3)),
]


@lru_cache
def large_answer(shape, taps, boundary):
    return oracle.by_taps(*large_question(shape, taps), boundary=boundary, cval=-1)


def large_question(shape, taps):
    return oracle.samples(shape, np.float32), oracle.samples(taps, np.float32)


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("boundary", ["constant", "mirror"])
@pytest.mark.parametrize(("shape", "taps"), LARGE, ids=str)
def test_every_pixel_of_larger_arrays(shape, taps, boundary, threads, backend, ran):
    x, w = large_question(shape, taps)
    last = tuple(range(-w.ndim, 0))
    how = {"axes": last, "boundary": boundary, "cval": -1, "threads": threads}
    algorithm = "direct" if w.size == 1 else "auto"
    got = fc.correlate(x, w, backend=backend, algorithm=algorithm, **how)
    assert_close(got, large_answer(shape, taps, boundary))
    ran.only(backend, "direct")


@pytest.mark.parametrize("how", WALKS, ids=str)
def test_every_pixel_of_larger_arrays_on_every_walk(how, backend):
    x, w = oracle.samples((259, 517), np.float32), oracle.samples((3, 4), np.float32)
    got = fc.correlate(x, w, backend=backend, threads=2, **how)
    assert_close(got, oracle.by_taps(x, w, **how))


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "taps"), [((700, 611), (5, 4)), ((67, 131), (31, 1)), ((9, 40), (21, 3))]
)
def test_every_pixel_of_larger_separable_arrays(shape, taps, boundary, backend, ran):
    x = oracle.samples(shape, np.float32)
    factors = tuple(oracle.samples((k,), np.float32, seed) for seed, k in enumerate(taps, 5))
    got = fc.correlate(x, factors, boundary=boundary, algorithm="separable", backend=backend)
    assert_close(got, oracle.by_taps(x, factors, boundary=boundary))
    ran.only(backend, "separable")


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float64", "complex64"])
def test_every_pixel_of_larger_arrays_of_any_dtype(dtype, backend):
    x, w = oracle.samples((259, 517), dtype), oracle.small((3, 3), dtype)
    if dtype == "int64":
        x = x >> 16
    got = fc.correlate(x, w, boundary="wrap", backend=backend, threads=3)
    assert_close(got, oracle.by_taps(x, w, boundary="wrap"))


# -- memory: any layout in, any layout out ------------------------------------------------------


def unaligned(a):
    raw = np.zeros(a.nbytes + 1, np.uint8)
    view = raw[1:].view(a.dtype).reshape(a.shape)
    view[...] = a
    return view


def read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


LAYOUTS = {
    "contiguous": np.copy,
    "fortran": np.asfortranarray,
    "every other": lambda a: np.repeat(np.repeat(a, 2, 0), 3, 1)[::2, ::3],
    "reversed": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "reversed columns": lambda a: np.ascontiguousarray(a[:, ::-1])[:, ::-1],
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "cut out": lambda a: np.pad(a, 2)[2:-2, 2:-2],
    "byte-swapped": lambda a: a.astype(a.dtype.newbyteorder()),
    "unaligned": unaligned,
    "read-only": read_only,
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32", "float64", "complex64"])
def test_layouts_of_inputs(layout, dtype, backend):
    x, w = oracle.samples((7, 9), dtype), oracle.small((3, 2), dtype)
    plain = fc.correlate(x, w, boundary="mirror", backend=backend)
    moved = LAYOUTS[layout](x), LAYOUTS[layout](w)
    before = [a.copy() for a in moved]
    np.testing.assert_array_equal(fc.correlate(*moved, boundary="mirror", backend=backend), plain)
    for after, was in zip(moved, before, strict=True):
        np.testing.assert_array_equal(after, was)


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"read-only"}))
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64", "complex128"])
def test_layouts_of_out(layout, dtype, backend):
    x, w = oracle.samples((7, 9), dtype), oracle.small((3, 2), dtype)
    plain = fc.correlate(x, w, backend=backend)
    out = LAYOUTS[layout](np.zeros_like(x))
    assert fc.correlate(x, w, out=out, backend=backend) is out
    np.testing.assert_array_equal(out, plain)


def test_out_touches_nothing_around_it(backend):
    x, w = oracle.samples((300, 301), np.float32), oracle.samples((3, 3), np.float32)
    frame = np.full((304, 305), 7, np.float32)
    fc.correlate(x, w, out=frame[2:-2, 2:-2], backend=backend, threads=2)
    np.testing.assert_array_equal(frame[2:-2, 2:-2], fc.correlate(x, w, backend=backend))
    frame[2:-2, 2:-2] = 7
    assert np.all(frame == 7)


@pytest.mark.parametrize("algorithm", ["direct", "separable"])
@pytest.mark.parametrize("shape", [(9, 8), (300, 301)])
def test_out_may_be_x(shape, algorithm, backend):
    x = oracle.samples(shape, np.float32)
    w = (np.float32([1, 2, 3]), np.float32([4, 5, 6]))
    how = {"boundary": "mirror", "algorithm": algorithm, "backend": backend}
    if algorithm == "direct":
        w = np.outer(*w)
    wanted = fc.correlate(x, w, **how)
    assert fc.correlate(x, w, out=x, **how) is x
    np.testing.assert_array_equal(x, wanted)


def test_memory_mapped_files(tmp_path, backend):
    x, w = oracle.samples((50, 60), np.float32), oracle.samples((3, 3), np.float32)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    out = np.lib.format.open_memmap(tmp_path / "y.npy", "w+", np.float32, x.shape)
    assert fc.correlate(mapped, w, out=out, backend=backend) is out
    out.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), fc.correlate(x, w, backend=backend))


def test_lists_and_scalars_are_arrays_too(backend):
    got = fc.correlate([1, 2, 3], [1, 1], backend=backend)
    assert type(got) is np.ndarray
    assert got.tolist() == [1, 3, 5]


@pytest.mark.parametrize(
    ("shape", "taps", "how", "wanted"),
    [
        ((0,), (3,), {}, (0,)),
        ((0,), (3,), {"boundary": "mirror"}, (0,)),
        ((0, 5), (3,), {"boundary": "wrap"}, (0, 5)),
        ((0, 5), (3,), {"mode": "valid"}, (0, 3)),
        ((5, 0), (3, 3), {"boundary": "nearest"}, (5, 0)),
        ((2, 0, 5), (2, 2), {"stride": 2, "axes": (1, 2)}, (2, 0, 3)),
    ],
)
def test_empty_arrays(shape, taps, how, wanted, backend):
    got = fc.correlate(
        np.zeros(shape, np.float32), np.ones(taps, np.float32), backend=backend, **how
    )
    assert got.shape == wanted
    assert got.dtype == np.float32


def test_an_empty_signal_still_has_a_constant_border(backend):
    got = fc.correlate(np.zeros(0), [1.0, 2.0, 3.0], mode="full", cval=2.0, backend=backend)
    assert got.tolist() == [12.0, 12.0]


def test_inputs_are_left_alone(backend):
    x, w = oracle.samples((6, 7), np.float32), oracle.samples((3, 3), np.float32)
    kept = x.copy(), w.copy()
    fc.convolve(x, w, boundary="wrap", backend=backend)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(w, kept[1])


@pytest.mark.parametrize("axes", [np.array([0, 1]), range(2), [0, 1]], ids=str)
def test_numbers_for_each_axis_may_come_in_any_list(axes):
    x, w = oracle.samples((4, 5, 2), float), np.ones((3, 3))
    wanted = fc.correlate(x, w, axes=(0, 1), stride=(1, 2), cval=1.0)
    got = fc.correlate(x, w, axes=axes, stride=np.array([1, 2]), cval=np.array(1))
    np.testing.assert_array_equal(got, wanted)


def test_steps_that_are_never_taken_may_be_of_any_length(backend):
    x = np.arange(5.0)
    assert fc.correlate(x, [1, 2, 1], stride=2**63, backend=backend).tolist() == [1]
    w = np.ones((1, 3))
    np.testing.assert_array_equal(
        fc.correlate(np.eye(5), w, dilation=(2**62, 1), backend=backend),
        fc.correlate(np.eye(5), w, backend=backend),
    )


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_out_may_be_a_matrix():
    out = np.asmatrix(np.zeros((3, 3)))
    assert fc.correlate(np.eye(3), np.ones((3, 3)), out=out) is out
    np.testing.assert_array_equal(out, fc.correlate(np.eye(3), np.ones((3, 3))))
