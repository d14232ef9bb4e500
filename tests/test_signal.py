"""`fastconv.signal` gives what `scipy.signal` gives, or what its docstring says instead."""

from __future__ import annotations

import inspect
import itertools
import warnings

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import signal
from fastconv.plan import choose

theirs = pytest.importorskip("scipy.signal")

MODES = ["full", "same", "valid"]
DTYPES = [bool, np.uint8, np.int16, np.int64, np.uint64, np.float16, np.float32, np.float64]
DTYPES += [np.complex64, np.longdouble]
SIGNATURES = [name for name in signal.__all__ if name != "sepfir2d"]
EXTENSIONS = ["constant", "wrap", "edge", "symmetric", "reflect"]
EXTENSIONS += ["smooth", "antisymmetric", "antireflect", "line"]


def samples(shape, dtype, seed=0):
    """Small numbers, with an imaginary part where there is one."""
    if np.dtype(dtype).kind in "biu":
        return oracle.samples(shape, np.int64, seed).astype(dtype)
    if np.dtype(dtype).kind == "c":
        real, imaginary = (oracle.samples(shape, np.float64, seed + i) for i in (0, 1))
        return (real + 1j * imaginary).astype(dtype)
    return oracle.samples(shape, np.float64, seed).astype(dtype)


def assert_same(got, wanted, rtol=None):
    assert got.shape == wanted.shape
    assert got.dtype == wanted.dtype
    if rtol is None:
        narrow = {2: 2e-2, 4: 1e-5, 8: 1e-5 if wanted.dtype.kind == "c" else 1e-12}
        rtol = narrow.get(wanted.dtype.itemsize, 1e-12)
    if wanted.dtype.kind in "biuO":
        np.testing.assert_array_equal(got, wanted)
    else:
        scale = float(np.abs(wanted).max()) if wanted.size else 0
        np.testing.assert_allclose(got, wanted, rtol=rtol, atol=rtol * scale)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature(name):
    """SciPy's parameters come first, by name, order and default; ours are keywords."""
    ours = inspect.signature(getattr(signal, name)).parameters.values()
    wanted = inspect.signature(getattr(theirs, name)).parameters.values()
    positional = [(p.name, p.default) for p in ours if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == [(p.name, p.default) for p in wanted]
    extra = {p.name for p in ours} - {p.name for p in wanted}
    assert extra <= {"algorithm", "backend", "threads"}


@pytest.mark.parametrize("method", ["auto", "direct", "fft"])
@pytest.mark.parametrize("name", ["convolve", "correlate"])
def test_dtypes(name, method):
    """Every pair of dtypes, as NumPy promotes them; kernels may be longer than the signal.

    SciPy's transforms round integers, NumPy's sums do not.
    """
    modes = itertools.cycle(MODES)
    for first, second in itertools.product(DTYPES, DTYPES):
        in1, in2 = samples(11, first), samples(4, second, 1)
        mode = next(modes)
        if first != second and mode != "valid":
            in1, in2 = in2, in1
        full = {"convolve": np.convolve, "correlate": np.correlate}[name](in1, in2, "full")
        start = {"full": 0, "same": (in2.size - 1) // 2, "valid": 3}[mode]
        length = {"full": 14, "same": in1.size, "valid": 8}[mode]
        got = getattr(signal, name)(in1, in2, mode, method)
        single = {np.float16, np.float32, np.complex64} & {first, second}
        assert_same(got, full[start : start + length], 2e-2 if single else None)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("large", "small"), [((9, 8), (3, 4)), ((4, 5, 6), (2, 1, 4))])
@pytest.mark.parametrize("name", ["convolve", "correlate", "fftconvolve", "oaconvolve"])
def test_ranks(name, large, small, mode):
    for dtype in np.float64, np.complex64, np.int16:
        a, b = samples(large, dtype), samples(small, dtype, 1)
        for in1, in2 in (a, b), (b, a):
            got = getattr(signal, name)(in1, in2, mode)
            assert_same(got, getattr(theirs, name)(in1, in2, mode))


@pytest.mark.parametrize("axes", [0, [-1], (0, 2), (2, 1), (-3, 1, 2)])
@pytest.mark.parametrize("name", ["fftconvolve", "oaconvolve"])
def test_other_axes_are_broadcast(name, axes):
    """Shared axes, axes of one operand and axes of the other one; each signal has its kernel."""
    filtered = {axis % 3 for axis in np.atleast_1d(axes)}
    for mode, first, second in itertools.product(MODES, (1, 3), (1, 3)):
        shapes = [
            [n if axis in filtered else batch for axis in range(3)]
            for n, batch in ((7, first), (4, second))
        ]
        shapes[1][0] = shapes[1][0] if 0 in filtered else 3
        shapes[0][0] = shapes[0][0] if 0 in filtered else 3
        a, b = samples(shapes[0], np.float64), samples(shapes[1], np.float64, 1)
        got = getattr(signal, name)(a, b, mode, axes)
        assert_same(got, getattr(theirs, name)(a, b, mode, axes))


def test_float_results():
    """Of fftconvolve: integers count as float64, and float16 as float32."""
    dtypes = [dtype for dtype in DTYPES if dtype is not np.longdouble]
    for first, second in itertools.product(dtypes, dtypes):
        a, b = samples(9, first), samples(4, second, 1)
        assert_same(signal.fftconvolve(a, b), theirs.fftconvolve(a, b), 1e-2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("boundary", ["fill", "pad", "wrap", "circular", "symm", "symmetric"])
@pytest.mark.parametrize("name", ["convolve2d", "correlate2d"])
def test_planes(name, boundary, mode):
    """Odd and even kernels, larger ones than the image, and a fill value."""
    shapes = [((7, 6), (3, 3)), ((7, 6), (2, 4)), ((3, 4), (8, 9)), ((1, 5), (3, 1))]
    for (large, small), dtype in itertools.product(shapes, (np.uint8, np.float64, np.complex128)):
        if mode == "valid" and min(large) == 1:
            continue
        a, b = samples(large, dtype), samples(small, dtype, 1)
        got = getattr(signal, name)(a, b, mode, boundary, 3)
        assert_same(got, getattr(theirs, name)(a, b, mode, boundary, 3))


@pytest.mark.parametrize("fill", [0, 2, -1, 1.5, 300, True, np.float32(2), [1.5], 2j, 1e30])
def test_fill_values(fill):
    """Cast to the dtype of the result, or refused."""
    for dtype in np.uint8, np.int64, np.float32, np.complex128:
        a, b = samples((4, 5), dtype), samples((3, 3), dtype, 1)
        try:
            with warnings.catch_warnings(action="ignore"):
                wanted = theirs.convolve2d(a, b, fillvalue=fill)
        except ValueError:
            with pytest.raises(ValueError, match="fillvalue"):
                signal.convolve2d(a, b, fillvalue=fill)
        else:
            assert_same(signal.convolve2d(a, b, fillvalue=fill), wanted)


def test_integers_wrap():
    """As NumPy's do, from the low 64 bits of the true sum, unsigned ones too."""
    for dtype in np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64:
        info = np.iinfo(dtype)
        random = np.random.default_rng(0)
        a = random.integers(info.min, info.max, 400, dtype, endpoint=True)
        b = random.integers(info.min, info.max, 300, dtype, endpoint=True)
        for method in "auto", "direct", "fft":
            assert_same(signal.convolve(a, b, method=method), np.convolve(a, b))
        plane = signal.convolve2d(a.reshape(20, 20), b[:9].reshape(3, 3), fillvalue=info.max)
        assert_same(
            plane, theirs.convolve2d(a.reshape(20, 20), b[:9].reshape(3, 3), fillvalue=info.max)
        )


@pytest.mark.parametrize("mode", EXTENSIONS)
@pytest.mark.parametrize(("up", "down"), [(1, 1), (1, 3), (2, 1), (3, 2), (4, 6), (40, 41)])
def test_upfirdn(mode, up, down):
    for length, dtype in itertools.product((1, 5, 24, 90), (np.float32, np.float64, np.complex128)):
        taps, x = samples(length, np.float32), samples((3, 17, 2), dtype, 1)
        got = signal.upfirdn(taps, x, up, down, axis=1, mode=mode)
        assert_same(got, theirs.upfirdn(taps, x, up, down, axis=1, mode=mode), 1e-4)
    x = np.arange(9)
    assert_same(
        signal.upfirdn([1, 2, 3], x, up, down, mode=mode, cval=2.5),
        theirs.upfirdn([1, 2, 3], x, up, down, mode=mode, cval=2.5),
    )


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32, np.float64, np.complex64])
def test_sepfir2d(dtype):
    image = samples((9, 12), dtype)
    hrow, hcol = [0.5, 1, -2, 1, 3], [1.0, 2.0, 4.0]
    got = signal.sepfir2d(image, hrow, hcol)
    assert_same(got, theirs.sepfir2d(image, hrow, hcol))
    assert_same(
        signal.sepfir2d(image[::2, ::-1], [1], hcol), theirs.sepfir2d(image[::2, ::-1], [1], hcol)
    )


def test_sepfir2d_with_long_filters():
    """SciPy reads beyond the image there."""
    image, taps = samples((3, 4), np.float64), samples(11, np.float64, 1)
    wanted = fc.convolve(image, taps[:, None] * taps, boundary="symmetric")
    assert_same(signal.sepfir2d(image, taps, taps), wanted)


def test_backends(backend):
    """One kernel, a bank and a rate; what the engine makes of such problems is tested elsewhere."""
    image, kernel, taps = (samples(n, np.float64, i) for i, n in enumerate([(9, 8), (3, 4), 5]))
    stack = samples((2, 1, 9), np.float64), samples((2, 3, 4), np.float64, 1)
    calls = [("convolve", image, kernel), ("fftconvolve", *stack, "same", 2)]
    calls += [("upfirdn", taps, image, 3, 2)]
    for name, *arguments in calls:
        got = getattr(signal, name)(*arguments, backend=backend)
        assert_same(got, getattr(theirs, name)(*arguments))


def test_nan_stays_in_its_window():
    x, taps = np.ones(3000), np.ones(200)
    x[1000] = np.nan
    for function in signal.fftconvolve, signal.oaconvolve, signal.convolve:
        assert np.flatnonzero(np.isnan(function(x, taps))).tolist() == [*range(1000, 1200)]
    with pytest.warns(RuntimeWarning, match="Use of fft convolution"):
        signal.convolve(x, taps, method="fft")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        signal.convolve(x, taps)


def test_objects_and_extended_precision():
    a, b = np.array([1, 2, 3], object), np.array([10**30, 1], object)
    assert signal.convolve(a, b).tolist() == np.convolve(a, b).tolist()
    assert signal.convolve([[10**30, 1]], [[2], [3]]).tolist() == [
        [2 * 10**30, 2],
        [3 * 10**30, 3],
    ]
    x = samples((6, 7), np.longdouble) / 3
    for boundary, mode in itertools.product(("fill", "wrap", "symm"), MODES):
        w = samples((3, 2), np.clongdouble, 1)
        got = signal.convolve2d(x, w, mode, boundary, 1j)
        assert_same(got, theirs.convolve2d(x, w, mode, boundary, 1j), 1e-17)
    for refused in (lambda: signal.upfirdn([1.0], x), lambda: signal.sepfir2d(x, [1.0], [1.0])):
        with pytest.raises(TypeError, match="at most complex128"):
            refused()


WRONG = [
    ("convolve", ([1], 2)),
    ("convolve", ([[1]], [1])),
    ("convolve", ([], [1])),
    ("convolve", ([1], [])),
    ("convolve", ([1], [1], "spam")),
    ("convolve", ([1], [1], "full", "spam")),
    ("convolve", (np.ones((2, 3)), np.ones((3, 2)), "valid")),
    ("correlate", ([1], [[1]])),
    ("correlate", ([1], [1], 0)),
    ("fftconvolve", ([1], 2)),
    ("fftconvolve", ([1], [2], "chips")),
    ("fftconvolve", ([1], [2], "full", [])),
    ("fftconvolve", ([1], [2], "full", [1.0])),
    ("fftconvolve", ([1], [2], "full", 1)),
    ("fftconvolve", ([1], [2], "full", [0, 0])),
    ("fftconvolve", (np.ones((2, 3)), np.ones((3, 2)), "full", 1)),
    ("oaconvolve", (np.ones((2, 3)), np.ones((3, 2)), "valid")),
    ("convolve2d", ([1], [1])),
    ("convolve2d", ([[1]], [[1]], "spam")),
    ("convolve2d", ([[1]], [[1]], "same", "reflect")),
    ("convolve2d", ([[1]], [[1, 2]], "full", "fill", [])),
    ("convolve2d", ([[1]], [[1, 2]], "full", "fill", "x")),
    ("correlate2d", (np.ones((2, 3)), np.ones((3, 2)), "valid")),
    ("correlation_lags", (3, 2, "spam")),
    ("sepfir2d", (np.ones((4, 4)), [1.0, 2.0], [1.0])),
    ("sepfir2d", (np.ones((4, 4)), [[1.0]], [1.0])),
    ("sepfir2d", (np.ones(4), [1.0], [1.0])),
    ("sepfir2d", (np.ones((4, 4), np.float32), np.ones(3), np.ones(3))),
    ("upfirdn", ([], [1])),
    ("upfirdn", ([[1]], [1])),
    ("upfirdn", ([1], [1], 0)),
    ("upfirdn", ([1], [1], 1, 0)),
    ("upfirdn", ([1], [1], 1, 1, 3)),
    ("upfirdn", ([1], [1], 1, 1, -1, "spam")),
    ("upfirdn", ([1], [1], 1, 1, -1, "constant", 1j)),
]


@pytest.mark.parametrize(("name", "arguments"), WRONG)
def test_wrong_arguments(name, arguments):
    """What SciPy refuses is refused with the same type of exception, and with some explanation."""
    with pytest.raises(Exception) as wanted:  # noqa: PT011
        getattr(theirs, name)(*arguments)
    with pytest.raises(wanted.type, match=r"\w{3}"):
        getattr(signal, name)(*arguments)


def test_unknown_algorithms_are_refused():
    with pytest.raises(ValueError, match="fftconvolve: algorithm"):
        signal.fftconvolve([1.0, 2.0], [3.0, 4.0], algorithm="spam")
    with pytest.raises(ValueError, match="convolve2d: backend"):
        signal.convolve2d(np.eye(2), np.eye(2), backend="spam")


def test_scalars_and_empty_arrays():
    assert signal.convolve(3, 4) == 12
    assert signal.correlate(2j, 3j) == 6
    assert signal.fftconvolve(3, 4) == 12
    for name in "fftconvolve", "oaconvolve":
        for a, b in ([], []), ([5, 6], []), ([], [7]), (np.ones((0, 2)), np.ones((1, 2))):
            assert_same(getattr(signal, name)(a, b), np.array([]))
    assert_same(signal.convolve([], [1.0, 2.0], "same"), np.array([]))
    assert_same(signal.convolve2d(np.ones((0, 3)), np.ones((2, 2)), "same"), np.ones((0, 3)))
    assert_same(signal.upfirdn([1.0, 2.0], np.ones((0, 3))), np.ones((0, 4)))
    assert signal.upfirdn([1.0, 10.0], [5.0], mode="line").tolist() == [55.0, 55.0]


@pytest.mark.parametrize("mode", MODES)
def test_lags(mode):
    for n, k in itertools.product(range(1, 7), range(1, 7)):
        wanted = theirs.correlation_lags(n, k, mode)
        assert_same(signal.correlation_lags(n, k, mode), wanted)


def test_method_is_that_of_the_plan():
    short, long = np.ones(30), np.ones(100_000)
    assert signal.choose_conv_method(short, short) == "direct"
    assert signal.choose_conv_method(long, np.random.default_rng(0).random(20_000)) == "fft"
    assert signal.choose_conv_method([2**51], [2**51]) == "direct"
    assert signal.choose_conv_method(3, 4) == "direct"
    method, times = signal.choose_conv_method(short, short, measure=True)
    assert sorted(times) == ["direct", "fft"]
    assert times[method] == min(times.values())


def test_repeated_calls_follow_their_arguments():
    """A remembered call is found by its kernel's values, never by the array that held them."""
    image, kernel = samples((6, 7), np.float64), samples((3, 3), np.float64, 1)
    for step in range(4):
        kernel[1, 1] = step
        for mode in "same", "full", "same":
            got = signal.convolve2d(image + step, kernel, mode)
            assert_same(got, theirs.convolve2d(image + step, kernel, mode))
        swapped = signal.convolve(kernel, image, "valid")
        assert_same(swapped, theirs.convolve(kernel, image, "valid"))
    words = [("fill", 0), ("fill", 0.0), ("fill", 1), ("fill", 1.5), ("wrap", 1), ("symm", 0)]
    for boundary, fill in words + words[::-1]:
        got = signal.convolve2d(image, kernel, "same", boundary, fill)
        assert_same(got, theirs.convolve2d(image, kernel, "same", boundary, fill))
    integers = image.astype(np.int64)
    for samples_of_both in (image, integers, image.astype(np.float32), integers[::-1, ::2]):
        got = signal.correlate(samples_of_both, kernel[:2, :2])
        assert_same(got, theirs.correlate(samples_of_both, kernel[:2, :2]), 1e-5)
    choose.forget()
    assert_same(signal.convolve2d(image, kernel), theirs.convolve2d(image, kernel))


def test_inputs_are_left_alone():
    image, kernel = samples((6, 7), ">i4"), samples((7, 8), ">f8", 1)
    before = image.copy(), kernel.copy()
    image.flags.writeable = kernel.flags.writeable = False
    for name, mode in itertools.product(("convolve", "correlate2d", "fftconvolve"), MODES):
        got = getattr(signal, name)(image, kernel, mode)
        assert_same(got, getattr(theirs, name)(image, kernel, mode).astype(got.dtype))
        assert not np.may_share_memory(got, image)
    np.testing.assert_array_equal(image, before[0])
    np.testing.assert_array_equal(kernel, before[1])
    one = np.ones(1)
    assert not np.may_share_memory(signal.convolve(image[0], one), image)


def test_the_checker_sees_a_difference():
    for wrong in np.array([1.0, 2.1]), np.array([1, 2]), np.array([[1.0, 2.0]]):
        with pytest.raises(AssertionError):
            assert_same(wrong, np.array([1.0, 2.0]))
