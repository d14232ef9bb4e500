"""What `fastconv.ndimage` promises beside SciPy: exact integers, memory, calls again, backends."""

from __future__ import annotations

import numpy as np
import oracle
import pytest

import fastconv as fc
from fastconv import ndimage
from fastconv.ndimage import calls


def wrapped(numbers, dtype):
    """Whole numbers as C casts them to a dtype."""
    info = np.iinfo(dtype)
    span = int(info.max) - int(info.min) + 1
    return np.array([(int(n) - int(info.min)) % span + int(info.min) for n in numbers], dtype)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "i4", "u4"])
@pytest.mark.parametrize("size", [2, 3, 5, 7, 31, 100])
def test_means_of_integers_are_exact_quotients_without_their_fraction(dtype, size, backend):
    info = np.iinfo(dtype)
    x = np.concatenate([np.full(70, info.max), np.full(70, info.min), np.arange(120)])
    x = x.astype(dtype)
    got = ndimage.uniform_filter1d(x, size, mode="nearest", backend=backend)
    padded = [int(n) for n in np.pad(x, size, mode="edge")]
    sums = [sum(padded[i - size // 2 :][:size]) for i in range(size, size + len(x))]
    wanted = [abs(s) // size * (1 if s >= 0 else -1) for s in sums]
    np.testing.assert_array_equal(got, np.array(wanted, dtype))


@pytest.mark.parametrize("output", ["u1", "i2", "u4", "i8"])
def test_means_of_long_integers_are_exact_quotients_before_they_wrap(output, backend):
    """Samples of opposite signs cancel, so that sums in floating point would be rough."""
    x = np.random.default_rng(0).integers(-(10**7), 10**7, 3000)
    x[2::3] = 3 * (x[2::3] // 3) - (x[::3] + x[1::3])  # each third window has a whole mean
    got = ndimage.uniform_filter1d(x, 3, output=output, mode="wrap", backend=backend)
    sums = x + np.roll(x, 1) + np.roll(x, -1)
    wanted = [abs(s) // 3 * (1 if s >= 0 else -1) for s in sums.tolist()]
    np.testing.assert_array_equal(got, wrapped(wanted, output))


@pytest.mark.parametrize("sigma", [0.5, 0.7, 1, 3, 8])
def test_a_constant_image_stays_constant(sigma, backend):
    for dtype, value in (("u1", 255), ("u1", 6), ("u2", 65535), ("i2", -77), ("i4", 10**9 + 7)):
        x = np.full((40, 30), value, dtype)
        np.testing.assert_array_equal(ndimage.gaussian_filter(x, sigma, backend=backend), x)


def test_integers_wrap(backend):
    x = np.array([250, 3, 200, 0, 255], np.uint8)
    how = {"mode": "constant", "backend": backend}
    for output in ("u1", "i1", "i2", "u4", "i8"):
        sums = [
            1 * a - 3 * b for a, b in zip([0, 250, 3, 200, 0], [3, 200, 0, 255, 0], strict=True)
        ]
        got = ndimage.correlate1d(x, [1, 0, -3], output=np.dtype(output), **how)
        np.testing.assert_array_equal(got, wrapped(sums, output))
    huge = np.array([2**62, 2**62 + 5, -(2**61)])
    sums = [
        4 * int(huge[0]) + 3 * int(huge[1]),
        4 * int(huge[1]) + 3 * int(huge[2]),
        4 * int(huge[2]),
    ]
    np.testing.assert_array_equal(
        ndimage.correlate1d(huge, [4, 3], origin=-1, **how), wrapped(sums, "i8")
    )


def test_fractions_are_cut_off_after_each_pass(backend):
    x = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 1]], np.uint8) * 3
    got = ndimage.uniform_filter(x, 2, mode="constant", backend=backend)
    first = np.array([[0, 3, 0], [3, 6, 3], [3, 6, 6]]) // 2
    second = (first + np.pad(first, ((0, 0), (1, 0)))[:, :-1]) // 2
    np.testing.assert_array_equal(got, second)


def test_bool_is_a_byte(backend):
    x = np.array([True, True, False, True])
    got = ndimage.correlate1d(x, [1, 1, 1], mode="constant", backend=backend)
    assert got.dtype == bool
    np.testing.assert_array_equal(got.view(np.uint8), [2, 2, 2, 1])
    assert not ndimage.uniform_filter1d(x, 4, mode="constant", backend=backend).any()


OVERLAPPING = {
    "in place": lambda memory: (memory[:-1], memory[:-1]),
    "shifted": lambda memory: (memory[:-1], memory[1:]),
    "reversed": lambda memory: (memory[:-1], memory[:-1][::-1]),
    "other columns": lambda memory: (memory[:, :-1], memory[:, 1:]),
}


@pytest.mark.parametrize("places", OVERLAPPING)
@pytest.mark.parametrize("dtype", ["f4", "f8", "u1", "c8"])
def test_output_may_share_memory_with_input(dtype, places):
    for call in (
        lambda x, **how: ndimage.correlate(x, np.arange(9).reshape(3, 3), **how),
        lambda x, **how: ndimage.convolve1d(x, [1, 2], axis=0, **how),
        lambda x, **how: ndimage.gaussian_filter(x, 1, **how),
        lambda x, **how: ndimage.uniform_filter(x, [1, 4], **how),
        lambda x, **how: ndimage.sobel(x, 0, **how),
        lambda x, **how: ndimage.laplace(x, **how),
        lambda x, **how: ndimage.gaussian_laplace(x, 1, **how),
        lambda x, **how: ndimage.generic_laplace(
            x, lambda *each: ndimage.correlate1d(each[0], [1, -2, 1], *each[1:]), **how
        ),
    ):
        memory = oracle.samples((12, 13), dtype)
        x, out = OVERLAPPING[places](memory)
        wanted = call(x.copy())
        assert call(x, output=out) is out
        np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-4)


def test_weights_may_be_the_memory_of_output():
    weights = np.array([1.0, 2.0, 3.0])
    wanted = ndimage.correlate1d(np.array([1.0, 0, 2.0]), weights.copy())
    for _ in range(3):
        w = np.array([1.0, 2.0, 3.0])
        np.testing.assert_array_equal(
            ndimage.correlate1d(np.array([1.0, 0, 2.0]), w, output=w), wanted
        )


def test_equal_calls_find_what_was_made_and_others_do_not(ran):
    x = oracle.samples((9, 8), "float64")
    calls._filters.clear()
    for _ in range(3):
        ndimage.correlate1d(x, [1, 2, 1], axis=1)
    assert len(calls._filters) == 1
    with pytest.raises(TypeError):
        ndimage.correlate1d(x, [1, 2, 1], axis=1.0)
    weights = np.array([1.0, 2.0, 1.0])
    first = ndimage.correlate1d(x, weights)
    weights[0] = 5
    assert not np.array_equal(ndimage.correlate1d(x, weights), first)
    for options in ({"axis": 0}, {"mode": "wrap"}, {"origin": 1}, {"output": "f4"}, {"threads": 1}):
        before = len(calls._filters)
        ndimage.correlate1d(x, weights, **options)
        assert len(calls._filters) == before + 1
    with pytest.warns(UserWarning, match="promoting"):
        ndimage.correlate1d(x, [1j], output=float)
    with pytest.warns(UserWarning, match="promoting"):
        ndimage.correlate1d(x, [1j], output=float)
    assert ran._backends == {fc.get_backend()}


def _variants():
    """Calls that differ in one argument each, or in how samples lie."""
    x = oracle.samples((9, 8), "float64")
    holes = np.where(x > 1, np.nan, x)
    w = np.array([1.0, 2.0, 4.0])
    mask = np.zeros((9, 8), bool)
    mask[3, 4] = True
    bytes_of = np.zeros(x.nbytes + 1, np.uint8)
    misaligned = bytes_of[1:].view(float).reshape(x.shape)
    misaligned[...] = x
    words = [{"axis": 0}, {"mode": "wrap"}, {"mode": "ignore"}, {"origin": 1}, {"output": "f4"}]
    words += [{"mask": mask}, {"mask": mask.tolist()}, {"nan": "ignore"}, {"nan": "fill"}]
    words += [{"min_weight": 0.5}, {"min_weight": 0.9, "mode": "ignore"}, {"fill_value": 7.0}]
    words += [{"mode": "constant", "cval": c} for c in (0.0, -0.0, 1, 1.0)]
    kept = np.empty(x.shape, "f4")
    calls_of = [({"input": y, "weights": w}, how) for y in (x, holes) for how in ({}, *words)]
    for y in (np.ma.array(x, mask=mask), x.astype(">f8"), misaligned, x[::-1, ::2], x.astype("i2")):
        calls_of.append(({"input": y, "weights": w}, {}))
    calls_of += [({"input": x, "weights": w.tolist()}, {}), ({"input": x, "weights": -w}, {})]
    calls_of.append(({"input": x, "weights": w}, {"output": kept}))
    return [
        lambda given=given, how=how: np.ma.filled(ndimage.correlate1d(**given, **how), 99).copy()
        for given, how in calls_of
    ]


def test_calls_in_any_order_get_their_own_results():
    variants = _variants()
    fresh = []
    for call in variants:
        fc.plan.choose.forget()
        fresh.append(call())
    random = np.random.default_rng(3)
    for _ in range(4):
        for i in random.permutation(len(variants)):
            got = variants[i]()
            assert got.dtype == fresh[i].dtype
            assert got.tobytes() == fresh[i].tobytes()


def test_derivatives_may_be_broadcast(backend):
    x = oracle.samples((6, 5), "float64")

    def derivative(samples, axis, output, mode, cval):
        if isinstance(output, np.ndarray):
            output[...] = samples
        return samples[:1, :1] * 3

    with fc.use_backend(backend):
        for _ in range(2):
            got = ndimage.generic_gradient_magnitude(x, derivative)
            np.testing.assert_allclose(got, np.hypot(x, 3 * x[0, 0]), rtol=1e-14)
            got = ndimage.generic_laplace(x, derivative)
            np.testing.assert_allclose(got, x + 3 * x[0, 0], rtol=1e-14)


def test_sequences_that_change_between_calls():
    x = oracle.samples((9, 8), "float64")
    modes, sizes = ["wrap", "nearest"], [3, 5]
    for _ in range(2):
        first = ndimage.uniform_filter(x, sizes, mode=modes)
        np.testing.assert_array_equal(first, ndimage.uniform_filter(x, (3, 5), mode=tuple(modes)))
        modes[0], sizes[0] = "mirror", 5
        second = ndimage.uniform_filter(x, sizes, mode=modes)
        np.testing.assert_array_equal(second, ndimage.uniform_filter(x, 5, mode=tuple(modes)))
        assert not np.array_equal(first, second)
        modes[0], sizes[0] = "wrap", 3


def test_the_chosen_backend_and_algorithm_run(ran, backend):
    x = oracle.samples((40, 50), "float32")
    ndimage.gaussian_filter(x, 2, algorithm="separable", backend=backend)
    ran.only(backend, "separable")
    ndimage.correlate(x, np.ones((5, 5)), algorithm="direct", backend=backend)
    ran.only(backend, "direct")
    with fc.use_backend(backend):
        ndimage.uniform_filter(x, 5, algorithm="box")
    ran.only(backend, "box")
    with pytest.raises(ValueError, match="correlate: algorithm"):
        ndimage.correlate(x, np.ones((5, 5)), algorithm="fast", backend=backend)
    with pytest.raises(ValueError, match="sobel: threads"):
        ndimage.sobel(x, threads=0, backend=backend)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("border", ["reflect", "constant"])
def test_nothing_is_read_under_a_weight_of_zero(bad, border, backend):
    x = oracle.samples((11, 12), "float64")
    x[5, 6] = bad
    cross = np.array([[0, -1, 0], [2, 0, 1], [0, 1, 0]])
    for cval in (0.0, bad):
        how = {"mode": border, "cval": cval, "backend": backend}
        got = ndimage.correlate(x, cross, **how)
        padded = np.pad(x, 1, "symmetric" if border == "reflect" else "constant")
        if border == "constant":
            padded[[0, -1]] = padded[:, [0, -1]] = cval
        with np.errstate(invalid="ignore"):
            wanted = sum(
                weight * padded[i : i + 11, j : j + 12]
                for (i, j), weight in np.ndenumerate(cross)
                if weight
            )
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
        reads = ndimage.laplace(x, **how)
        assert np.isfinite(reads[4, 5])
        assert not np.isfinite(reads[[4, 5, 5, 5, 6], [6, 5, 6, 7, 6]]).any()


@pytest.mark.parametrize("name", ["gaussian_filter", "uniform_filter"])
def test_small_arrays_have_the_bits_of_one_pass_after_the_other(name, backend):
    along = getattr(ndimage, f"{name}1d")
    for dtype in ("f4", "f8", "u1"):
        x = oracle.samples((6, 5, 4), dtype)
        wanted = x
        for axis in range(3):
            wanted = along(wanted, 2, axis=axis, mode="mirror", backend=backend)
        got = getattr(ndimage, name)(x, 2, mode="mirror", backend=backend)
        np.testing.assert_array_equal(got, wanted)


def test_single_precision_keeps_the_brightness(backend):
    x = np.arange(10_000, dtype=np.float32).reshape(100, 100)
    for sigma in (0.8, 1.0, 2.3):
        got = ndimage.gaussian_filter(x, sigma, backend=backend)
        assert abs(got.sum(dtype="f8") / x.sum(dtype="f8") - 1) < 3e-8


def test_arrays_in_any_form(backend):
    x = oracle.samples((7, 8), "float64")
    wanted = ndimage.gaussian_filter(x, 1, backend=backend)
    for form in (x.astype(">f8"), np.asfortranarray(x), x.tolist(), x[::-1][::-1]):
        got = ndimage.gaussian_filter(form, 1, backend=backend)
        assert type(got) is np.ndarray
        np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-12)
    out = np.empty((7, 8), ">f4")
    assert ndimage.gaussian_filter(x, 1, output=out, backend=backend) is out
    np.testing.assert_allclose(out, wanted, rtol=1e-5, atol=1e-5)
    for empty in (np.zeros((0, 3)), np.zeros((3, 0))):
        assert ndimage.correlate(empty, np.ones((3, 3)), mode="constant").shape == empty.shape
    assert ndimage.correlate(np.array(3.0), np.array(2.0)) == 6
    assert ndimage.laplace(np.array(3.0)) == 3


class Subclass(np.ndarray):
    """As np.memmap or np.matrix are."""


@pytest.mark.parametrize("kind", [np.ndarray, Subclass])
@pytest.mark.parametrize("taps", [3, 101, 700])
def test_a_kernel_that_changes_in_place_is_another_kernel(taps, kind):
    samples = np.arange(900.0)
    weights = np.ones(taps).view(kind)
    ones = ndimage.correlate1d(samples, weights)
    for factor in (2.0, 4.0):
        weights[...] = factor
        for _ in range(3):
            np.testing.assert_array_equal(ndimage.correlate1d(samples, weights), factor * ones)


@pytest.mark.parametrize("output", [">f4", np.dtype(">f8"), ">i2", "<f4"])
def test_a_result_has_the_byte_order_that_is_asked_for(output):
    x = oracle.samples((6, 7), "float32")
    native = ndimage.correlate1d(x, [1, 2], output=np.dtype(output).newbyteorder("="))
    for _ in range(2):
        got = ndimage.correlate1d(x, [1, 2], output=output)
        assert got.dtype == np.dtype(output)
        np.testing.assert_array_equal(got, native)


def test_a_derivative_may_return_the_same_array_every_time():
    x = oracle.samples((4, 5, 6), "float64")
    room = np.empty_like(x)

    def in_room(samples, axis, output, *beyond):
        into = output if isinstance(output, np.ndarray) else room
        return ndimage.sobel(samples, axis, into, *beyond)

    slopes = [ndimage.sobel(x, axis) for axis in range(3)]
    np.testing.assert_allclose(ndimage.generic_laplace(x, in_room), sum(slopes))
    length = np.sqrt(sum([slope**2 for slope in slopes]))
    np.testing.assert_allclose(ndimage.generic_gradient_magnitude(x, in_room), length)
