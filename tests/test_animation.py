"""`fastconv.viz.animate`: what stands in which cell of which frame, and the files."""

from __future__ import annotations

import sys
from io import BytesIO

import numpy as np
import oracle
import pytest
from interpreter import printed
from pictures import assert_legible, cells, texts

import fastconv as fc

matplotlib = pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")

IMAGE = np.array([[3, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8], [9, 7, 9, 3]])
SOBEL = fc.kernels.get("sobel_x").astype(int)


def yellow(figure, name):
    """The cells of an input that the taps of the frame read."""
    patches = figure.findobj(matplotlib.patches.Rectangle)
    window = {"#ffd37a", "#fff0cf"}
    read = {
        (patch.get_x(), patch.get_y())
        for patch in patches
        if matplotlib.colors.to_hex(patch.get_facecolor()) in window
    }
    found = set()
    for text in texts(figure):
        words = (text.get_gid() or "").rsplit(" ", 2)
        x, y = text.get_position()
        if words[0] == name and (round(x - 0.5, 9), round(y - 0.52, 9)) in {
            (round(a, 9), round(b, 9)) for a, b in read
        }:
            found.add((int(words[1]), int(words[2])))
    return found


def numbers(grid, shape):
    return [[grid.get((row, column), "") for column in range(shape[1])] for row in range(shape[0])]


PADS = {"constant": {}, "nearest": {"mode": "edge"}, "symmetric": {"mode": "symmetric"}}
PADS |= {"mirror": {"mode": "reflect"}, "wrap": {"mode": "wrap"}}


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_every_frame_shows_its_output(boundary):
    animation = fc.viz.animate(IMAGE, SOBEL, boundary=boundary, stride=(2, 1))
    result = fc.correlate(IMAGE, SOBEL, boundary=boundary, stride=(2, 1))
    assert len(animation) == result.size == 8
    padded = np.pad(IMAGE, 1, **PADS[boundary])
    for number in (0, 6):
        row, column = divmod(number, 4)
        figure = animation.figure(number)
        assert numbers(cells(figure, "input"), padded.shape) == padded.astype(str).tolist()
        seen = padded[2 * row : 2 * row + 3, column : column + 3]
        assert numbers(cells(figure, "kernel"), (3, 3)) == SOBEL.astype(str).tolist()
        assert numbers(cells(figure, "products"), (3, 3)) == (seen * SOBEL).astype(str).tolist()
        outputs = [*result.ravel()[: number + 1].astype(str), *[""] * (7 - number)]
        shown = numbers(cells(figure, "output"), result.shape)
        assert [text for line in shown for text in line] == outputs
        read = {(2 * row + i, column + j) for i in range(3) for j in range(3)}
        assert yellow(figure, "input") == read
        (caption,) = [t.get_text() for t in texts(figure) if t.get_text().startswith("output[")]
        assert caption.startswith(f"output[{row}, {column}]  =  ")
        assert caption.split()[-1] == str(result[row, column])
    assert_legible(figure)


def test_a_kernel_slides_along_a_signal():
    x, w = np.array([3, 1, 4, 1, 5, 9, 2, 6]), np.array([1, 0, -2])
    animation = fc.viz.animate(x, w, stride=2, dilation=2, boundary="mirror")
    padded = np.pad(x, 2, mode="reflect")
    result = fc.correlate(x, w, stride=2, dilation=2, boundary="mirror")
    assert len(animation) == 4
    for number in range(4):
        figure = animation.figure(number)
        places = [2 * number + tap for tap in (0, 2, 4)]
        assert cells(figure, "input") == {(0, i): str(v) for i, v in enumerate(padded)}
        kernel = cells(figure, "kernel")
        assert kernel == {(0, i): str(v) for i, v in zip(places, w, strict=True)}
        products = (padded[places] * w).astype(str)
        assert cells(figure, "products") == dict(zip(kernel, products, strict=True))
        assert yellow(figure, "input") == set(kernel)
        shown = [cells(figure, f"output {i}")[0, 0] for i in range(4)]
        assert shown == [str(v) if i <= number else "" for i, v in enumerate(result)]
        assert_legible(figure)


def test_a_layer_sums_over_its_channels():
    x = np.stack([IMAGE, IMAGE[::-1]])
    w = (
        np.arange(-4, 4).reshape(1, 2, 2, 2).repeat(2, axis=0)
        * np.array([1, -1])[:, None, None, None]
    )
    how = {"call": "conv2d", "padding": 1, "stride": 2, "activation": "relu"}
    animation = fc.viz.animate(x, w, [0, 5], channel=1, **how)
    del how["call"]
    result = fc.conv2d(x, w, np.array([0, 5]), **how)[1]
    assert len(animation) == 9
    figure = animation.figure(4)
    for channel in (0, 1):
        padded = np.pad(x[channel], 1)
        shown = numbers(cells(figure, f"input {channel}"), padded.shape)
        assert shown == padded.astype(str).tolist()
        kernel = numbers(cells(figure, f"kernel {channel}"), (2, 2))
        assert kernel == w[1, channel].astype(str).tolist()
    assert cells(figure, "output")[1, 1] == str(result[1, 1])
    (caption,) = [t.get_text() for t in texts(figure) if t.get_text().startswith("output[")]
    assert "+ bias 5" in caption
    assert f"relu: {result[1, 1]}" in caption
    assert_legible(figure)
    assert cells(animation.figure(-1), "output")[2, 2] == str(result[2, 2])


def test_captions():
    def caption(frame, *given, **how):
        figure = fc.viz.animate(*given, **how).figure(frame)
        return next(t.get_text() for t in texts(figure) if t.get_text().startswith("output["))

    assert caption(1, [3, 1, 4], [1, 0, -1]) == "output[1]  =  3 - 4  =  -1"
    assert caption(0, [0, 0], [1, 2]) == "output[0]  =  0"
    assert caption(0, [2.0], [0.5]) == "output[0]  =  1"
    x = np.array([200, 100], np.uint8)
    wide = caption(1, x, np.array([1, 1], np.uint8))
    assert wide == "output[1]  =  200 + 100  =  300,  as uint8: 255"
    many = caption(0, np.full((6, 6), 1234), np.ones((6, 6), int), mode="valid")
    assert many == "output[0, 0]  =  sum of 36 products  =  44424"


def test_convolution_flips_the_kernel():
    figure = fc.viz.animate(IMAGE, [[1, 2], [3, 4]], call="convolve").figure(0)
    assert numbers(cells(figure, "kernel, flipped"), (2, 2)) == [["4", "3"], ["2", "1"]]


def test_titles():
    def first(**how):
        return texts(fc.viz.animate([1, 2], [1], **how).figure(0))[0].get_text()

    assert first(stride=2, boundary="wrap") == "correlate, stride=2, boundary='wrap'"
    assert first(title="Hello") == "Hello"


@pytest.mark.parametrize(
    ("x", "w", "how"),
    [
        ((2, 3), (1, 1), {}),
        ((9, 2), (3, 3), {"mode": "full"}),
        ((24,), (3,), {"mode": "valid"}),
        ((1,), (1,), {}),
        ((4, 4), (4, 4), {"stride": 3}),
        ((4, 1, 5, 5), (4, 3, 3), {"call": "conv2d"}),
    ],
)
def test_pictures_are_legible(x, w, how):
    rng = np.random.default_rng(0)
    if how:
        x, w = (x[1:] if "call" in how else x), w
    samples = rng.normal(size=x) * 10.0 ** rng.integers(-3, 4, x)
    weights = rng.normal(size=w if "call" not in how else (1, x[0], 3, 3))
    animation = fc.viz.animate(samples, weights, **how)
    assert_legible(animation.figure(len(animation) - 1))


# -- files ---------------------------------------------------------------------------------------


def test_files_hold_all_frames(tmp_path):
    animation = fc.viz.animate([1, 2, 3], [1, 1], fps=4)
    pixels = [*animation.frames()]
    for suffix in ("gif", "png", "apng"):
        file = tmp_path / f"a.{suffix}"
        animation.save(file)
        with Image.open(file) as opened:
            assert opened.n_frames == 3
            assert opened.size == pixels[0].shape[1::-1]
            assert opened.info["loop"] == 0
            for number, frame in enumerate(pixels):
                opened.seek(number)
                assert opened.info["duration"] == (250 if number < 2 else 750)
                found = np.asarray(opened.convert("RGB")).astype(int)
                most, mean = (0, 0) if suffix != "gif" else (80, 0.05)
                assert np.abs(found - frame).max() <= most
                assert np.abs(found - frame).mean() <= mean


def test_equal_animations_are_equal_bytes():
    written = []
    for _ in range(2):
        animation = fc.viz.animate([[1, 2]], [[1, -2]])
        for name in ("gif", "apng"):
            file = BytesIO()
            animation.save(file, name)
            written.append(file.getvalue())
    assert written[:2] == written[2:]


def test_one_frame_is_an_animation():
    file = BytesIO()
    fc.viz.animate([1], [2]).save(file, "gif")
    with Image.open(file) as opened:
        assert getattr(opened, "n_frames", 1) == 1


def test_notebooks_show_the_gif():
    html = fc.viz.animate([1, 2], [1])._repr_html_()
    assert html.startswith('<img alt="sliding window" src="data:image/gif;base64,R0lGOD')


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "w", "how", "words"),
    [
        ((17, 17), (3, 3), {}, "289 outputs, with a frame for each; allowed is 1 to 256"),
        ((30,), (3,), {"stride": 2}, "32 samples along axis 0, those of the border included"),
        ((3, 3), (3,), {}, "animate: x: got shape (3, 3)"),
        ((3, 3, 3), (2, 2, 2), {}, "animate: x: got shape (3, 3, 3)"),
        ((1, 1, 5), (1, 1, 3), {"call": "conv1d"}, "or one example of a layer"),
        ((5, 9), (1, 5, 3), {"call": "conv1d"}, "animate: w: got 5 channels"),
        ((1, 9), (2, 1, 3), {"call": "conv1d", "channel": 2}, "animate: channel"),
        ((9,), (3,), {"fps": 0}, "animate: fps"),
        ((9,), (3,), {"call": "conv3d"}, "animate: call"),
        ((9,), (3,), {"boundary": "reflect"}, "animate: boundary"),
        ((9,), (3,), {"stride": 0}, "animate: stride"),
        ((0,), (3,), {}, "0 outputs"),
    ],
)
def test_what_cannot_be_shown_is_refused(x, w, how, words):
    with pytest.raises(ValueError, match=r"^animate: ") as caught:
        fc.viz.animate(np.ones(x), np.ones(w), **how)
    assert words in str(caught.value)


def test_wrong_frames_and_files(tmp_path):
    animation = fc.viz.animate([1, 2], [1])
    with pytest.raises(ValueError, match=r"frame: got 2, allowed is -2 to 1"):
        animation.figure(2)
    with pytest.raises(ValueError, match=r"save: file: got '.jpg', allowed is .gif, .png, .apng"):
        animation.save(tmp_path / "a.jpg")
    with pytest.raises(ValueError, match="save: file"):
        animation.save(BytesIO())
    with pytest.raises(ValueError, match="save: format"):
        animation.save(BytesIO(), "mp4")
    assert not [*tmp_path.iterdir()]


def test_without_matplotlib(monkeypatch):
    animation = fc.viz.animate([1, 2], [1])  # needs none
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"pip install 'fastconv\[plot\]'"):
        animation.figure(0)


def test_pyplot_is_not_touched():
    code = (
        "import sys, fastconv as fc\n"
        "before = [name for name in sys.modules if 'matplotlib' in name]\n"
        "fc.viz.animate([1, 2], [1])._repr_html_(); fc.viz.kernels('laplace')\n"
        "print(before, 'matplotlib.figure' in sys.modules, 'matplotlib.pyplot' in sys.modules)"
    )
    assert printed(code).split() == ["[]", "True", "False"]
