"""The named kernels: each against a statement of its own, and each doing what its sentence claims.

The statements below build the weights from smaller parts (factors, identities, rotations) or ask
what they answer to constants, slopes, lines and single points; none repeats the table.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastconv as fc
from fastconv import kernels

ONES = np.ones((3, 3))
POINT = np.zeros((3, 3))
POINT[1, 1] = 1
RISE = np.array([-1, 0, 1])
BINOMIAL_3 = np.array([1, 2, 1])
BINOMIAL_5 = np.convolve(BINOMIAL_3, BINOMIAL_3)
LINE = np.array([-1, 2, -1])
GAUSSIAN_5 = np.outer(BINOMIAL_5, BINOMIAL_5) / 256
POINT_5 = np.pad(POINT, 1)
SECOND_DIFFERENCE = np.array([1, -2, 1])
ALONG_ROWS = np.outer([0, 1, 0], SECOND_DIFFERENCE)
FARID_SMOOTH = np.array([0.037659, 0.249153, 0.426375, 0.249153, 0.037659])
FARID_SLOPE = np.array([-0.109604, -0.276691, 0, 0.276691, 0.109604])

STATEMENTS = {
    "identity": POINT,
    "box_blur": ONES / 9,
    "box_blur_5x5": np.ones((5, 5)) / 25,
    "gaussian_blur": np.outer(BINOMIAL_3, BINOMIAL_3) / 16,
    "gaussian_blur_5x5": GAUSSIAN_5,
    "motion_blur": np.ones((1, 9)) / 9,
    "sharpen": POINT - (ALONG_ROWS + ALONG_ROWS.T),
    "unsharp_5x5": POINT_5 + (POINT_5 - GAUSSIAN_5),
    "ridge": -(ALONG_ROWS + ALONG_ROWS.T),
    "edge_detect": 9 * POINT - ONES,
    "laplace": ALONG_ROWS + ALONG_ROWS.T,
    "laplace_diagonal": ALONG_ROWS + ALONG_ROWS.T + np.eye(3) + np.eye(3)[::-1] - 6 * POINT,
    "sobel_x": np.outer(BINOMIAL_3, RISE),
    "sobel_y": np.outer(RISE, BINOMIAL_3),
    "prewitt_x": np.outer([1, 1, 1], RISE),
    "prewitt_y": np.outer(RISE, [1, 1, 1]),
    "scharr_x": np.outer([3, 10, 3], RISE),
    "scharr_y": np.outer(RISE, [3, 10, 3]),
    "roberts_x": np.diag([1, -1]),
    "roberts_y": np.diag([1, -1])[:, ::-1],
    "farid_x": np.outer(FARID_SMOOTH, FARID_SLOPE),
    "farid_y": np.outer(FARID_SLOPE, FARID_SMOOTH),
    "line_vertical": np.outer([1, 1, 1], LINE),
    "line_horizontal": np.outer(LINE, [1, 1, 1]),
    "line_diagonal_down": 3 * np.eye(3) - ONES,
    "line_diagonal_up": 3 * np.eye(3)[::-1] - ONES,
    "sepia": [[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]],
    "invert": -np.eye(3),
    "grayscale": [[0.299, 0.587, 0.114]],
}

# What a kernel answers at a pixel of value 0 to: an image of ones, a slope to the right, a slope
# downwards. A blur leaves all of them alone, an edge detector sees none or its own slope.
LEAVES_ALONE, BLIND = (1, 0, 0), (0, 0, 0)
FARID_GAIN = 2 * (2 * 0.109604 + 0.276691) * FARID_SMOOTH.sum()
ANSWERS = {
    "identity": LEAVES_ALONE,
    "box_blur": LEAVES_ALONE,
    "box_blur_5x5": LEAVES_ALONE,
    "gaussian_blur": LEAVES_ALONE,
    "gaussian_blur_5x5": LEAVES_ALONE,
    "motion_blur": LEAVES_ALONE,
    "sharpen": LEAVES_ALONE,
    "unsharp_5x5": LEAVES_ALONE,
    "emboss": (1, 6, 6),
    "ridge": BLIND,
    "edge_detect": BLIND,
    "laplace": BLIND,
    "laplace_diagonal": BLIND,
    "edge_enhance": (0, 1, 0),
    "sobel_x": (0, 8, 0),
    "sobel_y": (0, 0, 8),
    "prewitt_x": (0, 6, 0),
    "prewitt_y": (0, 0, 6),
    "scharr_x": (0, 32, 0),
    "scharr_y": (0, 0, 32),
    "roberts_x": (0, -1, -1),
    "roberts_y": (0, 1, -1),
    "farid_x": (0, FARID_GAIN, 0),
    "farid_y": (0, 0, FARID_GAIN),
    "kirsch_n": (0, 0, -24),
    "kirsch_ne": (0, 16, -16),
    "kirsch_e": (0, 24, 0),
    "kirsch_se": (0, 16, 16),
    "kirsch_s": (0, 0, 24),
    "kirsch_sw": (0, -16, 16),
    "kirsch_w": (0, -24, 0),
    "kirsch_nw": (0, -16, -16),
    "line_vertical": BLIND,
    "line_horizontal": BLIND,
    "line_diagonal_down": BLIND,
    "line_diagonal_up": BLIND,
}
COMPASS = {
    "n": (-1, 0), "ne": (-1, 1), "e": (0, 1), "se": (1, 1),
    "s": (1, 0), "sw": (1, -1), "w": (0, -1), "nw": (-1, -1),
}  # fmt: skip
LINES = {
    "line_vertical": POINT + np.outer([1, 0, 1], [0, 1, 0]),
    "line_horizontal": POINT + np.outer([0, 1, 0], [1, 0, 1]),
    "line_diagonal_down": np.eye(3),
    "line_diagonal_up": np.eye(3)[::-1],
}
COLOR = ["sepia", "invert", "grayscale"]


def answer(name, image):
    """The output of a kernel at the middle of a 9×9 image."""
    return fc.correlate(np.asarray(image, float), kernels.get(name, float))[4, 4]


@pytest.mark.parametrize("name", STATEMENTS)
def test_weights(name):
    assert_allclose(kernels.get(name, float), STATEMENTS[name], rtol=0, atol=1e-15)


def test_weights_that_only_their_authors_explain():
    weights = kernels.get("emboss")
    assert_array_equal(weights + np.rot90(weights, 2), 2 * POINT)  # odd, but for the image itself
    assert_array_equal(weights, weights.T)
    assert_array_equal(weights[0], [-2, -1, 0])
    assert np.argwhere(kernels.get("edge_enhance")).tolist() == [[1, 0], [1, 1]]


def test_every_kernel_is_tested():
    spatial = [name for name in kernels.names() if kernels.info(name).kind == "spatial"]
    assert sorted(spatial) == sorted(ANSWERS)
    assert sorted(kernels.names()) == sorted([*spatial, *COLOR])


@pytest.mark.parametrize("name", ANSWERS)
def test_answers_to_constants_and_slopes(name):
    down, right = np.mgrid[-4:5, -4:5]
    found = [answer(name, image) for image in (np.ones((9, 9)), right, down)]
    assert_allclose(found, ANSWERS[name], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ANSWERS)
def test_answer_to_one_bright_pixel_is_the_kernel_turned_by_half(name):
    weights = kernels.get(name)
    assert_array_equal(fc.correlate([[1]], weights, mode="full"), np.rot90(weights, 2))
    assert_array_equal(fc.convolve([[1]], weights, mode="full"), weights)


@pytest.mark.parametrize(
    ("name", "factors"),
    [
        ("gaussian_blur", (BINOMIAL_3 / 4, BINOMIAL_3 / 4)),
        ("sobel_x", (BINOMIAL_3, RISE)),
        ("scharr_y", (RISE, np.array([3, 10, 3]))),
        ("line_vertical", (np.array([1, 1, 1]), LINE)),
        ("farid_x", (FARID_SMOOTH, FARID_SLOPE)),
    ],
)
def test_factors_multiply_out(name, factors, backend):
    image = oracle.samples((8, 9), "float64")
    whole = fc.correlate(image, kernels.get(name, float), boundary="mirror", backend=backend)
    factored = fc.correlate(image, factors, boundary="mirror", backend=backend)
    assert_allclose(whole, factored, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", sorted(n for n in ANSWERS if n.endswith("_x")))
def test_x_and_y_are_one_kernel_lying_and_standing(name):
    along_x, along_y = kernels.get(name, float), kernels.get(name[:-1] + "y", float)
    if name == "roberts_x":
        assert_array_equal(along_y, np.rot90(along_x, -1))
    else:
        assert_array_equal(along_y, along_x.T)


@pytest.mark.parametrize("name", ["gaussian_blur", "gaussian_blur_5x5"])
def test_gaussian_blurs_have_the_sigma_that_they_claim(name):
    weights = kernels.get(name, float)
    distance = np.arange(len(weights)) - len(weights) // 2
    sigma = np.sqrt((weights.sum(axis=0) * distance**2).sum())
    assert f"sigma {sigma:.1g}" in kernels.info(name).summary


def test_kirsch_kernels_are_one_ring_turned_by_eighths():
    ring = [(0, 0), (0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0)]
    for turn, direction in enumerate(COMPASS):
        weights = kernels.get(f"kirsch_{direction}")
        bright = np.roll([5, 5, 5, -3, -3, -3, -3, -3], turn)
        assert [weights[cell] for cell in ring] == bright.tolist()
        assert weights[1, 1] == 0


@pytest.mark.parametrize("direction", COMPASS)
def test_kirsch_points_to_the_bright_side(direction):
    down, right = np.mgrid[-4:5, -4:5]
    towards = COMPASS[direction]
    image = (down * towards[0] + right * towards[1]) > 0
    found = {other: answer(f"kirsch_{other}", image) for other in COMPASS}
    assert max(found, key=found.get) == direction
    assert found[direction] == 15


@pytest.mark.parametrize("name", LINES)
def test_line_detectors_prefer_their_own_line(name):
    image = np.pad(LINES[name], 3, mode="constant")
    found = {other: answer(other, image) for other in LINES}
    assert found.pop(name) == 6
    assert max(found.values()) == 0


def test_emboss_lights_the_upper_left_slope():
    block = np.zeros((12, 12))
    block[4:8, 4:8] = 1
    relief = fc.correlate(block, kernels.get("emboss")) - block
    assert relief[3, 3] > 0
    assert relief[8, 8] < 0
    assert_array_equal(relief[5:7, 5:7], 0)


def test_sharpen_adds_the_ridges(backend):
    image = oracle.small((7, 8), "int8")
    by = {n: fc.correlate(image, kernels.get(n), backend=backend) for n in ("sharpen", "ridge")}
    assert_array_equal(by["sharpen"], np.int64(image) + by["ridge"])


def test_colour_matrices(backend):
    pixel = np.float32([[[1.0, 0.5, 0.0]]])

    def mixed(name):
        row = kernels.info(name)
        weights = row.array()[..., None, None]
        bias = np.full(len(weights), row.bias, np.float32)
        return fc.conv2d(pixel, weights, bias, layout="NHWC", backend=backend).ravel()

    assert_allclose(mixed("invert"), [0.0, 0.5, 1.0])
    assert_allclose(mixed("grayscale"), [0.299 + 0.587 / 2], rtol=1e-6)
    assert_allclose(mixed("sepia"), [0.7775, 0.692, 0.539], rtol=1e-6)
    assert kernels.get("grayscale", float).sum() == pytest.approx(1)  # white stays white
    assert {kernels.info(name).kind for name in COLOR} == {"color"}


# -- the table as a whole -----------------------------------------------------------------------


def test_names_are_those_promised_and_each_is_one_row():
    promised = """identity ridge edge_detect sharpen box_blur box_blur_5x5 gaussian_blur
        gaussian_blur_5x5 unsharp_5x5 emboss edge_enhance line_vertical line_horizontal
        line_diagonal_down line_diagonal_up sobel_x sobel_y prewitt_x prewitt_y scharr_x scharr_y
        roberts_x roberts_y laplace kirsch_n kirsch_ne kirsch_e kirsch_se kirsch_s kirsch_sw
        kirsch_w kirsch_nw sepia invert grayscale"""
    assert not set(promised.split()) - set(kernels.names())
    assert kernels.names() == tuple(row.name for row in kernels._ROWS)
    assert len(set(kernels.names())) == len(kernels.names())


@pytest.mark.parametrize("name", kernels.names())
def test_each_row_tells_what_it_does_and_where_it_is_from(name):
    row = kernels.info(name)
    assert row.summary.endswith(".")
    assert len(row.summary) > 15
    assert len(row.source) > 5
    assert row.array().ndim == 2
    assert_array_equal(row.array(float), np.array(row.weights) / row.divisor)


@pytest.mark.parametrize("name", kernels.names())
def test_get_gives_a_new_array(name):
    untouched = kernels.get(name, float)
    kernels.get(name, float)[...] = 99
    kernels.get(name)[...] = 99
    assert_array_equal(kernels.get(name, float), untouched)


def test_the_table_cannot_be_written_to():
    row = kernels.info("sharpen")
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.weights = ()
    with pytest.raises(TypeError, match="does not support item assignment"):
        row.weights[1][1] = 9


def test_dtypes():
    assert kernels.get("sobel_x").dtype == np.int8
    assert kernels.get("box_blur").dtype == np.float32
    assert kernels.get("sobel_x", "float32").dtype == np.float32
    assert kernels.get("sobel_x", np.int64).dtype == np.int64
    assert kernels.get("box_blur", np.float64)[0, 0] == 1 / 9
    pixels = np.full((4, 4), 200, np.uint8)
    assert fc.correlate(pixels, kernels.get("sobel_x"), boundary="nearest").dtype == np.int16


@pytest.mark.parametrize(
    ("name", "dtype", "why"),
    [
        ("box_blur", "int32", "fractions"),
        ("sobel_x", "uint8", "signed whole numbers"),
        ("sobel_x", bool, "signed whole numbers"),
    ],
)
def test_a_dtype_that_cannot_hold_the_numbers_is_refused(name, dtype, why):
    with pytest.raises(TypeError, match=f"dtype: got {np.dtype(dtype)}.*'{name}' holds {why}"):
        kernels.get(name, dtype)


@pytest.mark.parametrize("ask", [kernels.get, kernels.info])
def test_wrong_names(ask):
    with pytest.raises(ValueError, match=r"'sharpn' \(did you mean sharpen\?\)"):
        ask("sharpn")
    with pytest.raises(ValueError, match=r"'sobel' \(did you mean sobel_[xy] or sobel_[xy]\?\)"):
        ask("sobel")
    with pytest.raises(ValueError, match=r"no kernel is named 'zzz'$"):
        ask("zzz")
    with pytest.raises(ValueError, match=r"no kernel is named 3$"):
        ask(3)


def test_pictures():
    assert kernels.picture([[-4, 0, 4], [-1, 2, 1]]) == "≡≡ ·· ██\n-- ▒▒ ░░"
    assert kernels.picture([[-4, 0, 4], [-1, 2, 1]], ascii_only=True) == "%% .. ##\n-- ** ++"
    assert kernels.picture(np.zeros((1, 2))) == "·· ··"
