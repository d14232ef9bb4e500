"""``fastconv apply``: filters and their parameters, frames, transparency, how files are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest
from command import fails, run
from numpy.testing import assert_allclose, assert_array_equal

import fastconv as fc
from fastconv.cli import imageio
from fastconv.cli.imageio import Film, Picture
from fastconv.cli.operation import FILTERS

pytestmark = pytest.mark.usefixtures("folder")
Image = pytest.importorskip("PIL.Image")
tifffile = pytest.importorskip("tifffile")
BLUR = np.full((3, 3), 1 / 9)


def drawn(*shape, dtype="uint8", seed=0):
    return oracle.samples(shape, dtype, seed)


def save(name, *frames, **timing):
    pictures = [
        Picture(frame[..., :-1], frame[..., -1:]) if frame.shape[2] in (2, 4) else Picture(frame)
        for frame in frames
    ]
    imageio.write_frames(Path(name), Film(pictures, timing))


def frames(name):
    """Colour and alpha of each frame."""
    film = imageio.read_frames(Path(name))
    return [
        one.color if one.alpha is None else np.concatenate([one.color, one.alpha], 2)
        for one in film.frames
    ]


def apply(*words):
    assert run("apply", *words) == (0, "", "")


# -- filters and their parameters ---------------------------------------------------------------

GIVEN = {
    "box": (["--size", "3,5"], {"size": (3, 5)}),
    "difference_of_gaussians": (["--low-sigma", "1", "--high-sigma", "2.5"], None),
    "gaussian": (["--sigma", "2", "--truncate", "3"], {"sigma": 2, "truncate": 3}),
    "gaussian_laplace": (["--sigma", "1.5"], {"sigma": 1.5}),
    "motion_blur": (["--length", "5", "--angle", "-30"], {"length": 5, "angle": -30}),
    "sharpen": (["--amount", "0.5"], {"amount": 0.5}),
    "sobel": (["--axis", "0"], {"axis": 0}),
    "unsharp_mask": (["--radius", "2", "--amount", "3"], {"radius": 2, "amount": 3}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_there(name):
    words, given = GIVEN.get(name, ([], {}))
    given = {"low_sigma": 1, "high_sigma": 2.5} if given is None else given
    needs = [key for key, one in FILTERS[name].items() if one.default is one.empty]
    if set(needs) - set(given):
        pytest.fail(f"GIVEN lacks {name}")
    image = drawn(12, 13, 3)
    save("in.png", image)
    apply("in.png", "-k", name, *words, "-o", "out.png", "--stride", "2")
    wanted = getattr(fc.filters, name)(
        image, **given, channel_axis=2, **({} if name in ("invert", "sepia", "grayscale") else
        {"boundary": "nearest", "out": np.empty(image.shape, np.uint8)})
    )  # fmt: skip
    found = frames("out.png")[0]
    assert_array_equal(found, wanted.reshape(12, 13, -1)[::2, ::2])


def test_filters_use_the_border_that_is_asked_for():
    image = drawn(9, 10, 1)
    save("in.png", image)
    apply("in.png", "-k", "gaussian", "--sigma", "2", "--boundary", "wrap", "-o", "out.png")
    wanted = fc.filters.gaussian(image, 2, boundary="wrap", channel_axis=2)
    assert_array_equal(frames("out.png")[0], wanted)


def test_negative_results_need_an_offset():
    image = drawn(9, 10, 1)
    save("in.png", image)
    apply(
        "in.png", "-k", "sobel", "--axis", "1", "--scale", ".25", "--offset", "0.5", "-o", "o.png"
    )
    slope = fc.filters.sobel(image, axis=1, boundary="nearest", channel_axis=2).astype(float)
    assert_allclose(frames("o.png")[0], np.clip(slope / 4 + 127.5, 0, 255), atol=0.51)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["gaussian"], "gaussian needs --sigma"),
        (["box", "--sigma", "2"], "box has no --sigma; it takes --size"),
        (["roberts", "--sigma", "2"], "roberts has no --sigma; it takes no parameters"),
        (["sobel_x", "--axis", "0"], "--axis is for filters, but --kernel"),
        (["gaussian", "--sigma", "-1"], "gaussian: sigma"),
        (["box", "--size", "2.5"], "box: size"),
    ],
)
def test_wrong_parameters(words, line):
    save("in.png", drawn(5, 6, 1))
    assert fails("apply", "in.png", "-k", *words, "-o", "out.png").startswith(line)
    assert not Path("out.png").exists()


@pytest.mark.parametrize("text", ["-1,0,1", "-1 0 1", "-.5 1", "-1"])
@pytest.mark.parametrize("option", ["-k", "--kernel"])
def test_kernels_may_begin_with_a_minus(option, text):
    image = drawn(5, 6, 1)
    save("in.png", image)
    apply("in.png", option, text, "-o", "out.png", "--offset", "1")
    weights = [[float(word) for word in text.replace(",", " ").split()]]
    sums = oracle.correlate(image, weights, axes=(0, 1), boundary="nearest").everywhere().values
    sums = sums.astype(float)
    assert_array_equal(frames("out.png")[0], np.rint(np.clip(sums + 255, 0, 255)))


# -- frames -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif"])
def test_all_frames_are_filtered_and_keep_their_times(suffix):
    flat = [np.full((8, 9, 3), value, np.uint8) for value in (0, 100, 200)]  # GIF keeps so few
    timing = {} if suffix == ".tif" else {"duration": [100, 50, 200], "loop": 3}
    save(f"in{suffix}", *flat, **timing)
    apply(f"in{suffix}", "-k", "invert", "-o", f"out{suffix}")
    for found, image in zip(frames(f"out{suffix}"), flat, strict=True):
        assert np.abs(found[..., :3].astype(int) - (255 - image)).max() <= 1
    assert imageio.read_frames(Path(f"out{suffix}")).timing == timing


def test_pages_of_any_size_and_depth():
    deep = [drawn(5, 6, 3, dtype="uint16"), drawn(7, 4, 3, dtype="uint16", seed=1)]
    save("in.tif", *deep)
    apply("in.tif", "-k", "identity", "-o", "out.tif")
    for found, page in zip(frames("out.tif"), deep, strict=True):
        assert_array_equal(found, page)
    assert_array_equal(tifffile.imread("out.tif", key=1), deep[1])


def test_pages_become_deep_later():
    pages = [drawn(5, 6, 3), drawn(5, 6, 1, dtype="float32"), drawn(5, 6, 3, dtype="uint16")]
    save("in.tif", *pages)
    for found, page in zip(frames("in.tif"), pages, strict=True):
        assert_array_equal(found, page)
        assert found.dtype == page.dtype


def test_an_image_for_those_who_show_no_animation_takes_no_time():
    shown = [Image.fromarray(drawn(8, 9, 3, seed=seed)) for seed in range(3)]
    times = {"duration": [50, 60], "default_image": True}
    shown[0].save("in.png", save_all=True, append_images=shown[1:], **times)
    apply("in.png", "-k", "identity", "-o", "out.png")
    timing = imageio.read_frames(Path("out.png")).timing
    assert timing == {"duration": [0, 50, 60], "default_image": True, "loop": 0}


def test_a_hole_in_an_animation_stays_one():
    clear = np.full((6, 7, 4), 255, np.uint8)
    clear[2:4, 2:5, 3] = 0
    full = np.full((6, 7, 4), [10, 20, 30, 255], np.uint8)
    save("in.gif", full, clear, duration=[40, 40])
    apply("in.gif", "-k", "identity", "-o", "out.gif")
    assert_array_equal(frames("out.gif")[1][..., 3], clear[..., 3])


def test_what_holds_one_frame_refuses_more():
    save("in.gif", *(np.full((5, 6, 3), value, np.uint8) for value in (0, 100)))
    line = fails("apply", "in.gif", "-k", "identity", "-o", "out.jpg")
    assert line.endswith("JPEG does not hold 2 frames of uint8 samples; TIFF, GIF, WEBP, PNG can")
    save("deep.tif", drawn(5, 6, 3, dtype="uint16"), drawn(5, 6, 3, dtype="uint16"))
    line = fails("apply", "deep.tif", "-k", "identity", "-o", "out.png")
    assert line.endswith("PNG does not hold 2 frames of uint16 samples; TIFF can")
    save("sizes.tif", drawn(5, 6, 3), drawn(6, 6, 3))
    line = fails("apply", "sizes.tif", "-k", "identity", "-o", "out.gif")
    assert line == "cannot write out.gif: GIF needs frames of one size; TIFF does not"
    assert not list(Path().glob("out*"))


# -- transparency -------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [["box_blur"], ["box", "--size", "3"], ["1 1 1; 1 1 1; 1 1 1"]])
@pytest.mark.parametrize("channels", [2, 4])
def test_blurs_weight_colours_by_alpha(channels, kernel):
    image = drawn(8, 9, channels)
    image[:4, :, -1] = 0
    save("in.png", image)
    scale = ["--scale", str(1 / 9)] if kernel[0].startswith("1") else []
    apply("in.png", "-k", *kernel, *scale, "-o", "out.png")
    color, opacity = image[..., :-1].astype(float), image[..., -1:] / 255

    def mean(values):
        sums = oracle.correlate(values, BLUR, axes=(0, 1), boundary="nearest")
        return sums.everywhere().values.astype(float)

    with np.errstate(invalid="ignore"):
        wanted = np.nan_to_num(mean(color * opacity) / mean(opacity))
    found = frames("out.png")[0]
    assert_allclose(found[..., :-1], wanted, atol=0.51)
    assert_allclose(found[..., -1:], mean(opacity) * 255, atol=0.51)


def test_the_colour_of_what_cannot_be_seen_is_not_spread():
    image = np.full((9, 9, 4), [255, 0, 0, 255], np.uint8)
    image[:, 5:] = [0, 255, 0, 0]
    save("in.png", image)
    apply("in.png", "-k", "gaussian", "--sigma", "1", "-o", "out.png")
    found = frames("out.png")[0]
    seen = found[..., 3] > 0
    assert_array_equal(found[seen][:, :3], np.broadcast_to([255, 0, 0], (seen.sum(), 3)))


def test_an_opaque_image_is_blurred_as_one_without_alpha():
    image = drawn(8, 9, 3)
    save("plain.png", image)
    save("alpha.png", np.concatenate([image, np.full((8, 9, 1), 255, np.uint8)], 2))
    for name in ("plain", "alpha"):
        apply(f"{name}.png", "-k", "gaussian", "--sigma", "1", "-o", f"{name}-out.png")
    assert_array_equal(frames("alpha-out.png")[0][..., :3], frames("plain-out.png")[0])


# -- how files are written ----------------------------------------------------------------------


def test_quality():
    save("in.png", drawn(64, 64, 3))
    sizes = []
    for quality in ("10", "95", "100"):
        apply("in.png", "-k", "identity", "-o", "out.jpg", "--quality", quality)
        sizes.append(Path("out.jpg").stat().st_size)
    assert sizes == sorted(set(sizes))
    apply("in.png", "-k", "identity", "-o", "usual.jpg")
    assert Path("usual.jpg").stat().st_size == sizes[1]
    line = fails("apply", "in.png", "-k", "identity", "-o", "a.jpg", "--quality", "0",
                 command="fastconv apply")  # fmt: skip
    assert line.startswith("argument --quality: got '0', not a whole number from 1 to 100")


@pytest.mark.parametrize("count", [1, 2])
def test_lossless_webp_stays_lossless(count):
    images = [drawn(16, 17, 3, seed=seed) for seed in range(count)]
    first, *rest = map(Image.fromarray, images)
    first.save("in.webp", lossless=True, save_all=bool(rest), append_images=rest)
    first.save("lossy.webp", quality=50, save_all=bool(rest), append_images=rest)
    assert imageio.read_frames(Path("in.webp")).lossless
    assert not imageio.read_frames(Path("lossy.webp")).lossless
    apply("in.webp", "-k", "identity", "-o", "out.webp")
    for found, image in zip(frames("out.webp"), images, strict=True):
        assert_array_equal(found, image)
    apply("in.webp", "-k", "identity", "-o", "small.webp", "--quality", "30")
    assert Path("small.webp").stat().st_size < Path("out.webp").stat().st_size / 2


def test_pixels_are_counted_over_all_frames(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    pages = [drawn(6, 10, 1, seed=seed) for seed in range(2)]
    save("one.tif", pages[0])
    save("two.tif", *pages)
    apply("one.tif", "-k", "identity", "-o", "out.tif")
    line = fails("apply", "two.tif", "-k", "identity", "-o", "out.tif")
    assert line == (
        "cannot read two.tif: more than 100 pixels could be a decompression bomb; "
        "--max-pixels allows more"
    )
    apply("two.tif", "-k", "identity", "-o", "out.tif", "--max-pixels", "120")
    assert len(frames("one.tif")) == 1
    assert "more than 119 pixels" in fails(
        "apply", "two.tif", "-k", "identity", "-o", "out.tif", "--max-pixels", "119"
    )
    assert Image.MAX_IMAGE_PIXELS == 50


def test_deep_tiff_needs_tifffile(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    save("in.png", drawn(5, 6, 3, dtype="uint16"))
    line = fails("apply", "in.png", "-k", "identity", "-o", "out.tif")
    assert line.endswith("16-bit colour in TIFF needs tifffile: pip install 'fastconv[tiff]'")
    assert not Path("out.tif").exists()


def test_filters_are_listed():
    _, out, _ = run("kernels")
    assert "\ngaussian --sigma X [--order X] [--truncate X] [--radius X]\n    " in out
    assert run("kernels", "box")[1].startswith("box --size X\n")
