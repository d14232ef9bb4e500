"""``fastconv animate``: what it takes as input, and what it writes."""

from __future__ import annotations

import os

import numpy as np
import pytest
from command import fails, run

import fastconv as fc
from fastconv.cli import animate
from fastconv.viz.canvas import pixels

pytestmark = pytest.mark.usefixtures("folder")
pytest.importorskip("matplotlib")
Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def asked(monkeypatch):
    """The arguments of the calls of `fastconv.viz.animate`, whose results are not drawn."""
    calls = []
    original = fc.viz.animate

    def spy(*given, **how):
        calls.append((given, how))
        return original(*given, **how)

    monkeypatch.setattr(animate.viz, "animate", spy)
    monkeypatch.setattr(fc.viz.Animation, "save", lambda self, file, name: file.write(b"drawn"))
    return calls


def test_a_gif_is_written():
    status, out, err = run(
        "animate", "3x4", "-k", "sobel_x", "--stride", "3,1", "-o", "a.gif", "--fps", "5"
    )
    assert (status, err, out) == (0, "", "# 4 frames: a.gif\n")
    with Image.open("a.gif") as picture:
        assert (picture.format, picture.n_frames, picture.info["duration"]) == ("GIF", 4, 200)
    assert os.listdir() == ["a.gif"]


def test_an_animated_png_is_written():
    assert run("animate", "1 2 3", "-k", "1 1", "-o", "a.png")[0] == 0
    with Image.open("a.png") as picture:
        assert (picture.format, picture.n_frames) == ("PNG", 3)


def test_one_output_is_drawn():
    status, out, _ = run("animate", "-k", "laplace", "-o", "a.png", "--at", "1,2")
    assert (status, out) == (0, "# 1 frame: a.png\n")
    with Image.open("a.png") as picture:
        assert getattr(picture, "n_frames", 1) == 1
        drawn = np.asarray(picture.convert("RGB"))
    x = np.random.default_rng(0).integers(0, 10, (6, 6))
    figure = fc.viz.animate(x, fc.kernels.get("laplace").astype(int)).figure(8)
    np.testing.assert_array_equal(drawn, pixels(figure))


TWICE = ["--stride", "2", "--dilation", "2,1"]
PLAIN = [
    (["1 2 3; 4 5 6", "-k", "1 2; 3 4"], [[1, 2, 3], [4, 5, 6]], [[1, 2], [3, 4]]),
    (["1,2,3", "-k", "-1,1"], [1, 2, 3], [-1, 1]),
    (["7", "-k", "1 1"], (7,), [1, 1]),
    (["-k", "1 0 1"], (8,), [1, 0, 1]),
    (["-k", "1 0; 0 1"], (6, 6), [[1, 0], [0, 1]]),
    (["2x3", "-k", "1 1"], (2, 3), [[1, 1]]),
]
OPTIONS = [
    ([], "correlate", {}),
    (["--mode", "full"], "correlate", {"mode": "full"}),
    (["--convolve", "--boundary", "wrap"], "convolve", {"boundary": "wrap"}),
    (TWICE, "correlate", {"stride": 2, "dilation": (2, 1)}),
    (["--padding", "0", *TWICE], "conv2d", {"padding": 0, "stride": 2, "dilation": (2, 1)}),
]


@pytest.mark.parametrize(("words", "x", "w"), PLAIN)
def test_inputs_and_kernels(words, x, w, asked):
    assert run("animate", *words, "-o", "a.gif")[0] == 0
    ((samples, weights), how) = asked[0]
    assert how == {"call": "correlate", "fps": 2.0}
    assert samples.shape == x if isinstance(x, tuple) else samples.tolist() == x
    assert weights.tolist() == w
    rank = samples.ndim
    assert run("animate", *words, "-o", "a.gif", "--padding", "1", "--stride", "3")[0] == 0
    ((samples, weights), how) = asked[1]
    assert how == {"call": f"conv{rank}d", "fps": 2.0, "stride": 3, "padding": 1}
    assert weights.tolist() == [[w]]
    assert samples.ndim == rank + 1


@pytest.mark.parametrize(("words", "call", "options"), OPTIONS)
def test_options_become_keywords(words, call, options, asked):
    assert run("animate", "5x5", "-k", "emboss", *words, "-o", "a.gif")[0] == 0
    assert asked[0][1] == {"call": call, "fps": 2.0, **options}


def test_image_files_are_averaged(asked):
    pixels = np.arange(24 * 48, dtype=np.uint32).reshape(24, 48).astype(np.uint8)
    Image.fromarray(pixels).save("large.png")
    Image.fromarray(pixels[:3, :4]).save("small.png")
    status, out, _ = run("animate", "large.png", "-k", "sharpen", "--stride", "6", "-o", "a.gif")
    assert (status, out) == (
        0,
        "# large.png: 48x24 pixels averaged to 12x6\n# 2 frames: a.gif\n",
    )
    means = pixels.reshape(6, 4, 12, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(asked[0][0][0], means, atol=0.5)
    Image.fromarray(np.stack([pixels] * 3, -1)[:3, :4]).save("small.png")
    assert run("animate", "small.png", "-k", "sharpen", "-o", "a.gif")[1] == "# 12 frames: a.gif\n"
    np.testing.assert_array_equal(asked[1][0][0], pixels[:3, :4])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["foo", "-k", "emboss", "-o", "a.gif"], "'foo': no image file, no size such as 6x6, and"),
        (["5", "-k", "emboss", "-o", "a.gif"], "a signal needs a kernel of one row"),
        (["-k", "sepia", "-o", "a.gif"], "--kernel 'sepia' mixes colours"),
        (["-k", "nothing", "-o", "a.gif"], "--kernel: "),
        (["-k", "emboss", "-o", "a.jpg"], "a.jpg: the suffix has to be one of .gif, .png, .apng"),
        (["-k", "emboss", "-o", "no/a.gif"], "cannot write no/a.gif"),
        (["-k", "emboss", "-o", "a.gif", "--at", "1,1"], "a.gif: --at draws one frame, as .png"),
        (["-k", "emboss", "-o", "a.png", "--at", "6,0"], "outputs lie from (0, 0) to (5, 5)"),
        (["-k", "emboss", "-o", "a.png", "--at", "1"], "outputs lie from (0, 0) to (5, 5)"),
        (["-k", "emboss", "-o", "a.gif", "--padding", "1", "--convolve"], "--padding goes with"),
        (["30x3", "-k", "emboss", "-o", "a.gif"], "animate: 32 samples along axis 0"),
        (["-k", "emboss", "-o", "a.gif", "--fps", "0"], "animate: fps: got 0"),
    ],
)  # fmt: skip
def test_wrong_arguments(words, message):
    assert message in fails("animate", *words)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("option", "value"),
    [("--padding", "-1"), ("--at", "a"), ("--stride", "0"), ("--mode", "half"), ("--fps", "nan")],
)
def test_options_that_cannot_be_parsed(option, value):
    words = ("animate", "-k", "emboss", "-o", "a.gif", f"{option}={value}")
    assert option in fails(*words, command="fastconv animate")
