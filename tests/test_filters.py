"""Filters against the oracle: each linear one is a sum of dense kernels, written down here anew."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from functools import reduce

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc
from benchmarks import cases
from benchmarks.peers import peers
from fastconv import filters, kernels
from fastconv.cli.peers import check
from fastconv.lower import UNSPECIFIED

DTYPES = ["bool", "uint8", "int16", "int32", "uint64", "float16", "float32", "float64", "complex64"]
SHAPES = {1: (13,), 2: (9, 11), 3: (5, 6, 7)}


def outer(*factors):
    return reduce(np.multiply.outer, map(np.asarray, factors))


def bell(sigma, radius=None, order=0):
    """A Gaussian, or its derivative by x, as correlation weights."""
    radius = int(4 * sigma + 0.5) if radius is None else radius
    places = range(-radius, radius + 1)
    heights = [math.exp(-(x**2) / (2 * sigma**2)) for x in places]
    s = sigma**2
    factor = {
        0: lambda x: 1.0,
        1: lambda x: x / s,
        2: lambda x: x**2 / s**2 - 1 / s,
        3: lambda x: x**3 / s**3 - 3 * x / s**2,
    }[order]
    return np.array([factor(x) * h / sum(heights) for x, h in zip(places, heights, strict=True)])


def point(rank):
    return outer(*[[0.0, 1.0, 0.0]] * rank)


def along_each(rank, along, across):
    """The product of factors with ``along`` on one axis and ``across`` on the others, for each."""
    return [outer(*[along if i == axis else across for i in range(rank)]) for axis in range(rank)]


def operator(across):
    return lambda rank: [along_each(rank, [-1, 0, 1], across)[-1]]


def aslant():
    """Five points on a diagonal, one pixel apart: each counts for four pixels."""
    c = math.sqrt(0.5)
    weights = np.zeros((5, 5))
    for t in range(-2, 3):
        y, x = 2 - t * c, 2 + t * c
        for i in range(5):
            for j in range(5):
                weights[i, j] += max(1 - abs(y - i), 0) * max(1 - abs(x - j), 0) / 5
    return weights


# name: arguments, and the kernels whose results add up to that of the filter, for any rank
ANY_RANK = {
    "gaussian": ((1.1,), {}, lambda rank: [outer(*[bell(1.1)] * rank)]),
    "gaussian of order 3": (
        (0.8,), {"order": 3}, lambda rank: [outer(*[bell(0.8, None, 3)] * rank)],
    ),
    "box": ((3,), {}, lambda rank: [outer(*[[1 / 3] * 3] * rank)]),
    "box of even size": ((4,), {}, lambda rank: [outer(*[[1 / 4] * 4] * rank)]),
    "sobel": ((), {"axis": -1}, operator([1, 2, 1])),
    "prewitt": ((), {"axis": -1}, operator([1, 1, 1])),
    "scharr": ((), {"axis": -1}, operator([3, 10, 3])),
    "laplace": ((), {}, lambda rank: along_each(rank, [1, -2, 1], [0, 1, 0])),
    "gaussian_laplace": ((0.9,), {}, lambda rank: along_each(rank, bell(0.9, None, 2), bell(0.9))),
    "difference_of_gaussians": (
        (0.5, 1.0), {}, lambda rank: [outer(*[bell(0.5)] * rank), -outer(*[bell(1.0)] * rank)],
    ),
    "unsharp_mask": (
        (0.7, 1.5), {}, lambda rank: [2.5 * point(rank), -1.5 * outer(*[bell(0.7)] * rank)],
    ),
}  # fmt: skip
PLANE = {
    "motion_blur": ((4,), {}, [np.array([[1, 2, 2, 2, 1]]) / 8]),
    "motion_blur upright": ((3, 90), {}, [np.array([[1 / 3]] * 3)]),
    "motion_blur aslant": ((5, 45.0), {}, [aslant()]),
    "sharpen": ((), {}, [np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])]),
    "sharpen more": ((2.5,), {}, [np.array([[0, -2.5, 0], [-2.5, 11, -2.5], [0, -2.5, 0]])]),
    "emboss": ((), {}, [np.array([[-2, -1, 0], [-1, 1, 1], [0, 1, 2]])]),
    "edge_detect": ((), {}, [np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]])]),
    "edge_enhance": ((), {}, [np.array([[0, 0, 0], [-1, 1, 0], [0, 0, 0]])]),
}
LINEAR = PLANE | {name: (args, how, parts(2)) for name, (args, how, parts) in ANY_RANK.items()}
MAGNITUDES = {
    "sobel": along_each(2, [-1, 0, 1], [1, 2, 1]),
    "prewitt": along_each(2, [-1, 0, 1], [1, 1, 1]),
    "scharr": along_each(2, [-1, 0, 1], [3, 10, 3]),
    "roberts": [np.array([[1, 0], [0, -1]]), np.array([[0, 1], [-1, 0]])],
}
DERIVATIVES = {"gaussian of order 3", "sobel", "prewitt", "scharr", "roberts", "laplace",
               "gaussian_laplace", "difference_of_gaussians", "edge_detect",
               "edge_enhance"}  # fmt: skip
CALLS = {name: (args, how) for name, (args, how, _) in LINEAR.items()}
CALLS |= {f"{name} magnitude": ((), {}) for name in MAGNITUDES}


def filtered(name, x, **how):
    args, own = CALLS[name]
    return getattr(filters, name.split()[0])(x, *args, **own, **how)


def result_dtype(name, dtype):
    kind = np.dtype(dtype).kind
    if kind in "fc":
        return np.dtype(dtype)
    derives = name in DERIVATIVES or name.endswith("magnitude")
    return np.dtype("float32" if derives else "uint8" if kind == "b" else dtype)


def precision(dtype):
    return "float64" if dtype in ("int32", "uint64", "float64") else "float32"


def expected(x, parts, **how):
    """The sum of what some kernels give, with the magnitudes and terms of all of them."""
    sums = [oracle.by_taps(x, part, **how) for part in parts]
    return oracle.Expected(
        sum(one.values for one in sums),
        sum(one.magnitude for one in sums),
        sum(one.terms for one in sums),
    )


def assert_filtered(got, wanted, dtype, bound=0.0):
    """Floats within rounding; integers the nearest ones, but for sums near a half, or no farther
    than ``bound`` from it.
    """
    if got.dtype.kind == "f" or got.dtype.kind == "c":
        assert_close(got, wanted, compute=precision(dtype))
        return
    limits = np.iinfo(got.dtype)
    exact = np.clip(wanted.values, float(limits.min), float(limits.max))
    slack = np.finfo(precision(dtype)).eps * (wanted.terms + 4) * wanted.magnitude
    assert np.all(np.abs(got.astype(float) - exact) <= 0.5 + bound + slack)


# -- values -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", LINEAR)
def test_linear_filters(name, dtype, backend):
    x = oracle.samples(SHAPES[2], dtype)
    for boundary in oracle.BOUNDARIES:
        got = filtered(name, x, boundary=boundary, cval=1, backend=backend)
        assert got.dtype == result_dtype(name, dtype)
        wanted = expected(x, LINEAR[name][2], boundary=boundary, cval=1)
        in_fixed_point = name == "gaussian" and got.dtype == np.uint8
        assert_filtered(got, wanted, dtype, 0.1 if in_fixed_point else 0.0)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("name", ANY_RANK)
def test_signals_and_volumes(name, rank, dtype, backend):
    x = oracle.samples(SHAPES[rank], dtype)
    for boundary in oracle.BOUNDARIES:
        got = filtered(name, x, boundary=boundary, backend=backend)
        assert_filtered(got, expected(x, ANY_RANK[name][2](rank), boundary=boundary), dtype)


@pytest.mark.parametrize("dtype", DTYPES[:-1])
@pytest.mark.parametrize("name", MAGNITUDES)
def test_gradient_magnitudes(name, dtype, backend):
    x = oracle.samples(SHAPES[2], dtype)
    for boundary in oracle.BOUNDARIES:
        got = filtered(f"{name} magnitude", x, boundary=boundary, cval=1, backend=backend)
        assert got.dtype == result_dtype(f"{name} magnitude", dtype)
        parts = [oracle.by_taps(x, part, boundary=boundary, cval=1) for part in MAGNITUDES[name]]
        wanted = np.hypot(*(part.values for part in parts))
        magnitude = sum(part.magnitude for part in parts)
        both = oracle.Expected(wanted, magnitude, 2 * parts[0].terms)
        assert_close(got, both, compute=precision(dtype))


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr"])
def test_the_magnitude_is_the_length_of_the_gradient(name, rank, backend):
    x = oracle.samples(SHAPES[rank], "float64")
    call = getattr(filters, name)
    slopes = [call(x, axis=axis, backend=backend) for axis in range(rank)]
    length = np.sqrt(sum(slope**2 for slope in slopes))
    np.testing.assert_allclose(call(x, backend=backend), length, rtol=8 * np.finfo(float).eps)


@pytest.mark.parametrize("scale", [1e-30, 1e-22, 1.0, 1e22, 1e30])
def test_magnitudes_of_tiny_and_of_huge_samples(scale):
    x = oracle.samples((40, 50), "float32")
    plain = filters.sobel(x.astype("float64"))
    got = filters.sobel((x * np.float32(scale)).astype("float32"))
    np.testing.assert_allclose(got / scale, plain, rtol=1e-5, atol=1e-5)
    assert filters.sobel(np.zeros((40, 50), "float32")).max() == 0


def test_a_nan_stays_near():
    x = oracle.samples((40, 50), "float32")
    x[20, 20] = np.nan
    near = np.zeros(x.shape, bool)
    near[19:22, 19:22] = True
    np.testing.assert_array_equal(np.isnan(filters.sobel(x)), near)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4, 7])
def test_gaussian_factors_are_derivatives_of_one_another(order):
    """On samples of a polynomial, the n-th derivative of a wide Gaussian is almost that of it."""
    x = np.polynomial.Polynomial([0, 0, 0, 0, 0, 0, 0, 1e-6])(np.arange(-60.0, 61.0))
    wanted = np.polynomial.Polynomial([0, 0, 0, 0, 0, 0, 0, 1e-6]).deriv(order)
    blurred = filters.gaussian(x, 3.0, order=order, truncate=10.0)
    plain = filters.gaussian(wanted(np.arange(-60.0, 61.0)), 3.0, truncate=10.0)
    np.testing.assert_allclose(blurred[40:80], plain[40:80], rtol=1e-6, atol=1e-6 * np.ptp(plain))


# -- what every filter has ------------------------------------------------------------------------


@pytest.mark.parametrize("channel_axis", [0, 1, 2, -1, -3])
@pytest.mark.parametrize("name", CALLS)
def test_channels_are_filtered_one_by_one(name, channel_axis):
    planes = oracle.samples((4, 9, 11), "float32")
    x = np.moveaxis(planes, 0, channel_axis)
    how = {"axis": 0 if channel_axis % 3 else 1} if "axis" in CALLS[name][1] else {}
    call = getattr(filters, name.split()[0])
    args, own = CALLS[name]
    got = call(x, *args, **own | how, channel_axis=channel_axis)
    alone = [call(plane, *args, **own | ({"axis": 0} if how else {})) for plane in planes]
    wanted = np.stack(alone, axis=channel_axis)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", CALLS)
def test_flat_images_stay_flat(name):
    derives = name in DERIVATIVES or name.endswith("magnitude")
    for boundary in oracle.BOUNDARIES[1:]:
        for level in (0, 1, 77, 255):
            flat = np.full((9, 11), level, np.uint8)
            wanted = 0 if derives else flat
            if name == "gaussian_laplace":  # a sampled second derivative that is cut off
                wanted = level * 2 * bell(0.9, None, 2).sum()
            got = filtered(name, flat, boundary=boundary)
            atol = 100 * np.finfo(np.float32).eps * level if derives else 0
            np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=atol)


@pytest.mark.parametrize("name", CALLS)
def test_filters_move_with_the_image(name):
    x = oracle.samples((9, 11), "float64")
    moved = filtered(name, np.roll(x, (2, -3), (0, 1)), boundary="wrap")
    wanted = np.roll(filtered(name, x, boundary="wrap"), (2, -3), (0, 1))
    np.testing.assert_allclose(moved, wanted, rtol=0, atol=1e-13 * np.abs(wanted).max())


@pytest.mark.parametrize("name", LINEAR)
def test_linear_filters_are_linear(name):
    x, y = (oracle.samples((9, 11), "float64", seed) for seed in (0, 1))
    got = filtered(name, 2 * x - 3 * y)
    wanted = 2 * filtered(name, x) - 3 * filtered(name, y)
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())


@pytest.mark.parametrize("name", LINEAR)
def test_a_spot_shows_the_kernel(name):
    spot = np.zeros((31, 31))
    spot[15, 15] = 1
    wanted = np.zeros((31, 31))
    for part in LINEAR[name][2]:
        height, width = part.shape
        top, left = 15 - (height - 1) // 2, 15 - (width - 1) // 2
        wanted[top : top + height, left : left + width] += part[::-1, ::-1]
    np.testing.assert_allclose(filtered(name, spot), wanted, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_out(name, dtype):
    x = oracle.samples((9, 11), dtype)
    wanted, exact = filtered(name, x), filtered(name, x.astype("float64"))
    for receiver in (wanted.dtype, "float64", "int16"):
        out = np.zeros((11, 9), receiver).T
        assert filtered(name, x, out=out) is out
        if out.dtype == wanted.dtype:
            np.testing.assert_array_equal(out, wanted)
        else:
            atol = 0.51 if out.dtype.kind == "i" else 1e-5 * np.abs(exact).max()
            np.testing.assert_allclose(out, exact, rtol=0, atol=atol)
    if wanted.dtype == x.dtype:
        assert filtered(name, x, out=x) is x
        np.testing.assert_array_equal(x, wanted)


@pytest.mark.parametrize("name", CALLS)
def test_the_same_bits_for_any_number_of_threads(name):
    x = oracle.samples((300, 511), "float32")
    one = filtered(name, x, threads=1)
    np.testing.assert_array_equal(filtered(name, x, threads=3), one)
    if "magnitude" not in name:
        near = expected(x, LINEAR[name][2], boundary="symmetric")
        assert_close(one, near)


@pytest.mark.parametrize("name", CALLS)
def test_images_of_no_pixels_and_of_any_strides(name):
    for shape in ((0, 5), (5, 0)):
        assert filtered(name, np.zeros(shape, np.uint8)).shape == shape
    assert filtered(name, np.ones((1, 1))).shape == (1, 1)
    wide = oracle.samples((18, 22), "float64")
    x = wide[::-2, ::2]
    x.flags.writeable = False
    got = filtered(name, x)
    np.testing.assert_allclose(got, filtered(name, x.copy()), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["gaussian", "box", "sobel", "difference_of_gaussians"])
@pytest.mark.parametrize("algorithm", ["direct", "separable"])
def test_factors_reach_the_engine(name, algorithm, backend, ran):
    filtered(name, oracle.samples((9, 11), "float32"), algorithm=algorithm, backend=backend)
    ran.only(backend, algorithm)


def test_filters_share_their_keywords():
    shared = ["boundary", "cval", "channel_axis", "out", "algorithm", "backend", "threads"]
    defaults = ["symmetric", 0.0, UNSPECIFIED, None, "auto", None, None]
    for name in set(filters.__all__) - {"sepia", "grayscale", "invert", "local_moments", "Moments"}:
        parameters = inspect.signature(getattr(filters, name)).parameters
        assert next(iter(parameters)) == "image"
        blurs = name in ("box", "gaussian", "motion_blur")
        missing = ["nan", "mask", "min_weight", "fill_value"]
        assert (
            list(parameters)[-11:] == [*shared[:4], *missing, *shared[4:]]
            if blurs
            else (list(parameters)[-7:] == shared)
        )
        assert [parameters[keyword].default for keyword in shared] == defaults


# -- parameters ----------------------------------------------------------------------------------


def test_sigma_zero_leaves_an_axis_alone():
    x = oracle.samples((9, 11), "float32")
    np.testing.assert_array_equal(filters.gaussian(x, 0), x)
    got = filters.gaussian(x, (0, 1.5), order=(1, 0), boundary=("wrap", "mirror"))
    wanted = oracle.by_taps(x, bell(1.5), axes=1, boundary="mirror")
    assert_close(got, wanted)
    np.testing.assert_array_equal(filters.gaussian_laplace(x, 0), 0 * x)
    np.testing.assert_array_equal(filters.unsharp_mask(x, 0), x)
    assert filters.gaussian(np.ones(3, np.uint8), 0, order=1).dtype == np.uint8


def test_one_sigma_order_radius_and_size_an_axis():
    x = oracle.samples((9, 11), "float64")
    got = filters.gaussian(x, (0.5, 2.0), order=(2, 1), radius=(3, 4), boundary="nearest")
    kernel = outer(bell(0.5, 3, 2), bell(2.0, 4, 1))
    assert_close(got, oracle.by_taps(x, kernel, boundary="nearest"))
    got = filters.box(x, [1, 5])
    assert_close(got, oracle.by_taps(x, np.full((1, 5), 1 / 5), boundary="symmetric"))
    one, two = (filters.gaussian(x, sigma, truncate=2) for sigma in ((0.5, 1), (0.8, 1.6)))
    got = filters.difference_of_gaussians(x, (0.5, 1), truncate=2)
    np.testing.assert_allclose(got, one - two, rtol=0, atol=1e-15)


def test_named_kernels_are_the_ones_of_the_table():
    x = oracle.samples((9, 11), "uint8")
    table = {"sharpen": (), "emboss": (), "edge_detect": (), "edge_enhance": (), "laplace": ()}
    for name, args in (table | {"motion_blur": (9,)}).items():
        got = getattr(filters, name)(x, *args, out=np.zeros(x.shape, np.int16))
        w = kernels.get(name)
        np.testing.assert_array_equal(
            got, fc.correlate(x, w, boundary="symmetric", dtype=np.int16), err_msg=name
        )
    for name in ("sobel", "prewitt", "scharr"):
        for axis, way in ((0, "y"), (1, "x")):
            got = getattr(filters, name)(x, axis=axis)
            w = kernels.get(f"{name}_{way}")
            np.testing.assert_array_equal(got, fc.correlate(x, w, boundary="symmetric"))


@pytest.mark.parametrize("angle", [0, 30, 45, 90, 123.4, 180, -90])
@pytest.mark.parametrize("length", [1, 2, 5, 8])
def test_motion_blur_keeps_the_light_and_points_where_it_says(length, angle):
    spot = np.zeros((21, 21))
    spot[10, 10] = 1
    trail = filters.motion_blur(spot, length, angle)
    assert trail.min() >= 0
    np.testing.assert_allclose(trail.sum(), 1, rtol=1e-14)
    np.testing.assert_allclose(trail, trail[::-1, ::-1], rtol=0, atol=1e-15)
    rows, columns = np.mgrid[10:-11:-1, -10:11]
    across = columns * np.sin(np.deg2rad(angle)) - rows * np.cos(np.deg2rad(angle))
    along = columns * np.cos(np.deg2rad(angle)) + rows * np.sin(np.deg2rad(angle))
    assert np.abs(across[trail > 1e-9]).max(initial=0) < math.sqrt(2)
    assert np.abs(along[trail > 1e-9]).max(initial=0) < (length - 1) / 2 + math.sqrt(2)


def test_wide_integers_stay_exact_where_weights_are_whole():
    big = np.array([[2**60, 2**60 + 1, 2**60]] * 3)
    np.testing.assert_array_equal(filters.sharpen(big)[1], [2**60 - 1, 2**60 + 3, 2**60 - 1])
    out = np.zeros((3, 3), np.int64)
    filters.sobel(big, axis=1, out=out)
    np.testing.assert_array_equal(out, [[4, 0, -4]] * 3)


@pytest.mark.parametrize("name", cases.names("filters", "box"))
def test_benchmarked_filters_agree_on_all_backends_and_with_other_libraries(name, backend):
    case = replace(cases.CASES[name], x=(257, 131))
    calls = {name: case.call(name) for name in ("numpy", backend)} | peers(case)
    check(calls)
    assert case.function.removeprefix("filters.") in filters.__all__
