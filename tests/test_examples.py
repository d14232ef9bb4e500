"""The examples that the project grew from, on every backend: `docs/guide/worked-examples.md` tells
them in words.  The numbers here come from a pencil, from slices, or from the plain loops of `slid`.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastconv as fc
from fastconv import kernels

SMILEY = np.array(
    [[0, 0, 0, 0, 0, 0, 0],
     [0, 1, 0, 0, 0, 1, 0],
     [0, 0, 0, 0, 0, 0, 0],
     [0, 0, 0, 1, 0, 0, 0],
     [0, 1, 0, 0, 0, 1, 0],
     [0, 0, 1, 1, 1, 0, 0],
     [0, 0, 0, 0, 0, 0, 0]]
)  # fmt: skip
CORNER_OF_A_SMILE = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
DTYPES = ["uint8", "int64", "float32", "float64"]


def slid(image, kernel, stride=1):
    """Lay the kernel on each place where it fits, multiply cell by cell, and add up."""
    height, width = kernel.shape
    tops = range(0, image.shape[0] - height + 1, stride)
    lefts = range(0, image.shape[1] - width + 1, stride)
    return np.array(
        [
            [
                sum(
                    kernel[row, column].item() * image[top + row, left + column].item()
                    for row in range(height)
                    for column in range(width)
                )
                for left in lefts
            ]
            for top in tops
        ]
    )


def strokes(rows, columns, shape=(9, 9)):
    digit = np.zeros(shape, np.uint8)
    digit[rows, columns] = 255
    return digit


def one():
    return strokes(slice(1, 8), 4)


def zero():
    return strokes(slice(2, 7), [2, 6]) + strokes([[1], [7]], [3, 4, 5])


# -- one image, one kernel ----------------------------------------------------------------------


def test_five_by_five_and_three_by_three(backend):
    image = np.array([[1, 2, 0, 1, 3], [0, 1, 2, 2, 1], [3, 1, 0, 1, 2], [2, 0, 1, 3, 0],
                      [1, 1, 2, 0, 1]])  # fmt: skip
    kernel = np.array([[1, 0, 1], [0, 2, 0], [1, 0, 1]])
    by_hand = [[6, 9, 9], [7, 6, 6], [6, 5, 11]]
    assert_array_equal(slid(image, kernel), by_hand)
    assert_array_equal(fc.correlate(image, kernel, mode="valid", backend=backend), by_hand)
    layer = fc.conv2d(image[None, None], kernel[None, None], backend=backend)
    assert_array_equal(layer, [[by_hand]])


@pytest.mark.parametrize("dtype", DTYPES)
def test_smiley_counts_matching_cells(dtype, backend):
    face, detector = SMILEY.astype(dtype), CORNER_OF_A_SMILE.astype(dtype)
    found = fc.correlate(face, detector, mode="valid", backend=backend)
    cells = [
        [int((SMILEY[r : r + 3, c : c + 3] & CORNER_OF_A_SMILE).sum()) for c in range(5)]
        for r in range(5)
    ]
    assert found.dtype == dtype
    assert_array_equal(found, cells)
    assert_array_equal(found[4], [1, 3, 2, 1, 0])
    assert np.argwhere(found == 3).tolist() == [[4, 1]]


def test_line_detectors_tell_a_drawn_one_from_a_drawn_zero(backend):
    upright, lying = kernels.get("line_vertical"), kernels.get("line_horizontal")
    assert (int((one() > 0).sum()), int((zero() > 0).sum())) == (7, 16)

    def pieces(digit, detector):
        found = fc.correlate(digit, detector, mode="valid", backend=backend)
        assert found.shape == (7, 7)
        assert_array_equal(found, slid(digit, detector))
        return int((found == 3 * 2 * 255).sum())

    assert (pieces(one(), upright), pieces(one(), lying)) == (5, 0)
    assert (pieces(zero(), upright), pieces(zero(), lying)) == (6, 2)


def test_one_is_answered_by_its_stroke_and_its_ends(backend):
    found = fc.correlate(one(), kernels.get("line_vertical"), mode="valid", backend=backend)
    assert_array_equal(found[:, 3], [1020, 1530, 1530, 1530, 1530, 1530, 1020])
    assert_array_equal(found[:, 2], found[:, 3] // -2)
    assert_array_equal(found[:, [0, 1, 5, 6]], 0)


# -- the formula --------------------------------------------------------------------------------


def test_the_sum_over_tau_is_numpy_convolve(backend):
    f, g = [1.0, 2.0, 3.0], [0.0, 0.5, 0.5]
    by_hand = [0.0, 0.5, 1.5, 2.5, 1.5]
    assert_array_equal(fc.convolve(f, g, mode="full", backend=backend), by_hand)
    assert_array_equal(np.convolve(f, g), by_hand)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 3), (3, 5), (7, 2), (2, 8), (64, 9)])
@pytest.mark.parametrize("mode", ["full", "same", "valid"])
def test_numpy_convolve_in_every_mode(mode, n, k, backend):
    rng = np.random.default_rng(n * k)
    f, g = rng.integers(-9, 10, n), rng.integers(-9, 10, k)
    if k > n:  # NumPy exchanges the two; fastconv keeps the signal a signal
        f, g = g, f
    sums = [
        sum(int(f[tau]) * int(g[t - tau]) for tau in range(len(f)) if 0 <= t - tau < len(g))
        for t in range(n + k - 1)
    ]
    found = fc.convolve(f, g, mode=mode, backend=backend)
    assert_array_equal(found, np.convolve(f, g, mode))
    if mode == "full":
        assert_array_equal(found, sums)


def test_convolution_turns_an_asymmetric_kernel_and_correlation_does_not(backend):
    spike = [0, 0, 1, 0, 0]
    assert fc.convolve(spike, [1, 2, 3], backend=backend).tolist() == [0, 1, 2, 3, 0]
    assert fc.correlate(spike, [1, 2, 3], backend=backend).tolist() == [0, 3, 2, 1, 0]
    kernel = np.array([[0, 1, 2], [1, 1, 0], [0, 3, 0]])
    turned = np.array([[0, 3, 0], [0, 1, 1], [2, 1, 0]])
    convolved = fc.convolve(SMILEY, kernel, mode="valid", backend=backend)
    assert_array_equal(convolved, slid(SMILEY, turned))
    assert not np.array_equal(convolved, slid(SMILEY, kernel))
    blur = kernels.get("gaussian_blur", float)
    assert_array_equal(
        fc.convolve(SMILEY, blur, backend=backend), fc.correlate(SMILEY, blur, backend=backend)
    )


# -- sizes --------------------------------------------------------------------------------------


def test_stride_two_that_fits_and_one_that_does_not(backend):
    signal = [1, 0, 2, 0, 3, 0, 4]
    how = {"mode": "valid", "stride": 2, "backend": backend}
    assert fc.correlate(signal, [1, 1, 1], **how).tolist() == [3, 5, 7]
    for left_over in (0, 1000):
        assert fc.correlate([*signal, left_over], [1, 1, 1], **how).tolist() == [3, 5, 7]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("n", [5, 6, 7, 8])
def test_what_does_not_fit_is_left_over_at_the_end(n, stride, backend):
    image = np.random.default_rng(n).integers(-9, 10, (n, n))
    kernel = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 9]])
    found = fc.correlate(image, kernel, mode="valid", stride=stride, backend=backend)
    assert found.shape == ((n - 3) // stride + 1,) * 2
    assert_array_equal(found, slid(image, kernel, stride))
    layer = fc.conv2d(image[None], kernel[None, None], stride=stride, backend=backend)
    assert_array_equal(layer[0], found)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_padding_keeps_the_size(k, backend):
    image = np.random.default_rng(k).integers(-9, 10, (1, 6, 7))
    kernel = np.arange(1, k * k + 1).reshape(k, k)
    found = fc.conv2d(image, kernel[None, None], padding="same", backend=backend)
    before, after = (k - 1) // 2, k // 2
    assert found.shape == (1, 6, 7)
    assert_array_equal(found[0], slid(np.pad(image[0], (before, after)), kernel))
    halves = fc.conv2d(image, kernel[None, None], stride=2, padding="same", backend=backend)
    assert halves.shape == (1, 3, 4)


def test_padding_of_one_around_ones(backend):
    x, w = np.ones((1, 5, 5)), np.ones((1, 1, 3, 3))
    found = fc.conv2d(x, w, padding=1, backend=backend)[0]
    assert_array_equal(found[0], [4, 6, 6, 6, 4])
    assert_array_equal(found[2], [6, 9, 9, 9, 6])
    assert_array_equal(fc.conv2d(x, w, padding=1, boundary="nearest", backend=backend), 9 * x)


@pytest.mark.parametrize(
    ("boundary", "by_hand"),
    [
        ("constant", [30, 60, 90, 70]),
        ("nearest", [40, 60, 90, 110]),
        ("symmetric", [40, 60, 90, 110]),
        ("mirror", [50, 60, 90, 100]),
        ("wrap", [70, 60, 90, 80]),
    ],
)
def test_borders(boundary, by_hand, backend):
    found = fc.correlate([10, 20, 30, 40], [1, 1, 1], boundary=boundary, backend=backend)
    assert found.tolist() == by_hand


# -- channels -----------------------------------------------------------------------------------


@pytest.fixture
def photo():
    """32×32×3, whole numbers in floats, so that sums are exact in any order."""
    return np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.float32)


def test_one_filter_over_three_channels_makes_one_map(photo, backend):
    one_filter = np.random.default_rng(1).integers(-9, 10, (3, 3, 3)).astype(np.float32)
    w = np.moveaxis(one_filter, -1, 0)[None]
    found = fc.conv2d(photo, w, layout="NHWC", backend=backend)
    assert found.shape == (30, 30, 1)
    products = [
        [(photo[r : r + 3, c : c + 3] * one_filter).sum() for c in range(30)] for r in range(30)
    ]
    assert_array_equal(found[..., 0], products)


@pytest.mark.parametrize("n", [1, 6, 16])
def test_n_filters_make_n_maps_in_both_layouts(n, photo, backend):
    filters = np.random.default_rng(n).integers(-9, 10, (n, 3, 5, 5)).astype(np.float32)
    last = fc.conv2d(photo, filters, layout="NHWC", backend=backend)
    assert last.shape == (28, 28, n)
    first = fc.conv2d(np.moveaxis(photo, -1, 0), filters, backend=backend)
    assert first.shape == (n, 28, 28)
    assert_array_equal(np.moveaxis(first, 0, -1), last)
    assert_array_equal(last[..., -1], sum(slid(photo[..., c], filters[-1, c]) for c in range(3)))
    for k in range(n):
        alone = fc.conv2d(photo, filters[k : k + 1], layout="NHWC", backend=backend)
        assert_array_equal(alone[..., 0], last[..., k])
    batch = fc.conv2d(np.stack([photo, photo[::-1]]), filters, layout="NHWC", backend=backend)
    assert batch.shape == (2, 28, 28, n)
    assert_array_equal(batch[0], last)


# -- layers -------------------------------------------------------------------------------------


def test_feature_map_then_relu(backend):
    edge = np.float32([[0, 0, 9, 9, 0, 0]] * 3)
    towards_bright = np.float32([[-1, 1]])
    found = fc.correlate(edge, towards_bright, mode="valid", backend=backend)
    assert_array_equal(found, [[0, 9, 0, -9, 0]] * 3)
    x, w = edge[None], towards_bright[None, None]
    kept = fc.conv2d(x, w, activation="relu", backend=backend)
    assert_array_equal(kept[0], [[0, 9, 0, 0, 0]] * 3)
    strong = fc.conv2d(x, w, np.float32([-5]), activation="relu", backend=backend)
    assert_array_equal(strong[0], [[0, 4, 0, 0, 0]] * 3)


def corner_map(letter, backend):
    """Two layers: upright and lying lines, then a place with both."""
    lines = [kernels.get("line_vertical"), kernels.get("line_horizontal")]
    first = np.stack(lines)[:, None].astype(np.float32)
    maps = fc.conv2d(letter[None], first, activation="relu", backend=backend)
    second = np.zeros((1, 2, 3, 3), np.float32)
    second[0, 0, :2, 1] = 1
    second[0, 1, 1, 1:] = 1
    bias = np.float32([-12])
    return maps, fc.conv2d(maps, second, bias, activation="relu", backend=backend)


def letter_l():
    letter = np.zeros((9, 9), np.float32)
    letter[1:7, 2] = letter[6, 2:8] = 1
    return letter


def test_two_layers_find_the_corner_of_a_letter(backend):
    maps, corner = corner_map(letter_l(), backend)
    assert (maps.shape, corner.shape) == ((2, 7, 7), (1, 5, 5))
    upright = slid(letter_l(), kernels.get("line_vertical"))
    lying = slid(letter_l(), kernels.get("line_horizontal"))
    assert_array_equal(maps, np.maximum([upright, lying], 0))
    by_hand = np.zeros((5, 5))
    by_hand[4, 0] = 5 + 3 + 3 + 5 - 12
    assert_array_equal(corner[0], by_hand)


def test_two_layers_see_five_by_five_pixels(backend):
    rng = np.random.default_rng(0)
    letter = rng.random((9, 9), np.float32)
    first, second = np.ones((2, 1, 3, 3), np.float32), np.ones((1, 2, 3, 3), np.float32)

    def middle(image):
        maps = fc.conv2d(image[None], first, activation="relu", backend=backend)
        return fc.conv2d(maps, second, backend=backend)[0, 2, 2]

    seen = np.zeros((9, 9), bool)
    for place in np.ndindex(9, 9):
        touched = letter.copy()
        touched[place] += 1
        seen[place] = middle(touched) != middle(letter)
    inside = np.zeros((9, 9), bool)
    inside[2:7, 2:7] = True
    assert_array_equal(seen, inside)


def test_without_relu_two_layers_are_one(backend):
    a, b = np.array([[0, 1], [2, 3]]), np.array([[1, -1], [0, 4]])

    def layer(image, kernel):
        return fc.correlate(image, kernel, mode="valid", backend=backend)

    whole = fc.convolve(a, b, mode="full", backend=backend)
    assert_array_equal(whole, [[0, 1, -1], [2, 1, 1], [0, 8, 12]])
    assert_array_equal(layer(layer(SMILEY, a), b), layer(SMILEY, whole))
    negative = layer(np.maximum(layer(SMILEY, -a), 0), b)
    assert not np.array_equal(negative, layer(SMILEY, -whole))


def test_plans_give_the_same_maps(backend):
    plan = fc.plan_correlate((7, 7), SMILEY.dtype, CORNER_OF_A_SMILE, mode="valid", backend=backend)
    assert_array_equal(plan(SMILEY), slid(SMILEY, CORNER_OF_A_SMILE))
    assert_allclose(plan(2 * SMILEY), 2 * slid(SMILEY, CORNER_OF_A_SMILE))
