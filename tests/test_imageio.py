"""Image files: what is read as what, what each format holds, and files whole or not there."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from fastconv.cli import deepcolor, imageio
from fastconv.cli.imageio import ImageFileError, Picture

Image = pytest.importorskip("PIL.Image")
features = pytest.importorskip("PIL.features")
tifffile = pytest.importorskip("tifffile")
LOSSLESS = ("PNG", "TIFF", "BMP", "PPM")
ENDINGS = {
    "PNG": ".png", "TIFF": ".tif", "JPEG": ".jpg", "WEBP": ".webp", "JPEG2000": ".jp2",
    "AVIF": ".avif", "GIF": ".gif", "BMP": ".bmp", "PPM": ".ppm",
}  # fmt: skip
BUILT_IN = {"WEBP": "webp", "JPEG2000": "jpg_2000", "AVIF": "avif"}
HELD = [
    (name, dtype, channels)
    for name, holds in imageio.HOLDS.items()
    for dtype, counts in holds.items()
    for channels in counts
]


def smooth(channels, dtype, height=16, width=20):
    """Gradients, that even JPEG keeps; their bytes differ in every sample of 16 bits."""
    top = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else 1.0
    rows, columns = np.mgrid[0:height, 0:width] / (height + width)
    planes = [rows + columns, rows, columns, 1 - rows][:channels]
    return (np.stack(planes, axis=2) * top).astype(dtype)


def picture(samples):
    channels = samples.shape[2]
    if channels in (2, 4):
        return Picture(samples[..., :-1], samples[..., -1:])
    return Picture(samples)


def joined(found):
    return found.color if found.alpha is None else np.concatenate([found.color, found.alpha], 2)


def png(samples, color_type, extra=b""):
    """A PNG of 16-bit samples, put together by hand."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0))
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


# -- round trips --------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "dtype", "channels"), HELD)
def test_each_format_holds_what_the_table_says(name, dtype, channels, tmp_path):
    if not features.check(BUILT_IN.get(name, "zlib")):
        pytest.skip(f"this Pillow was built without {name}")
    samples = smooth(channels, dtype)
    if (name, channels) == ("GIF", 4):
        samples[..., 3] = np.where(samples[..., 3] < 128, 0, 255)  # all that GIF knows
    path = tmp_path / f"image{ENDINGS[name]}"
    imageio.check_target(path)
    imageio.write(path, picture(samples))
    if (name, dtype, channels) == ("TIFF", "uint16", 2):  # Pillow reads neither
        assert_array_equal(tifffile.imread(path), samples)
        return
    with Image.open(path) as image:
        assert image.format == name
    if (name, dtype, channels) == ("PNG", "uint16", 2):
        return  # Pillow reads no 16-bit greyscale with alpha: see below
    found = joined(imageio.read(path))
    if found.shape[2] > channels:  # WebP, GIF and AVIF have no grey of their own
        assert_array_equal(np.ptp(found[..., :3].astype(int), axis=2) <= 1, True)
        found = found[..., 2:] if channels == 2 else found[..., :1]
    assert found.dtype == dtype
    if name in LOSSLESS:
        assert_array_equal(found, samples)
    else:
        assert np.abs(found.astype(float) - samples).mean() < 0.02 * np.iinfo(dtype).max


@pytest.mark.parametrize("name", imageio.HOLDS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int32", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_what_a_format_does_not_hold_is_refused(name, dtype, channels, tmp_path):
    if channels in imageio.HOLDS[name].get(dtype, ()):
        return
    path = tmp_path / f"image{ENDINGS[name]}"
    with pytest.raises(ImageFileError, match=rf"{name} does not hold .* of {dtype} samples; "):
        imageio.write(path, picture(smooth(channels, dtype)))
    assert list(tmp_path.iterdir()) == []


def test_sixteen_bit_png_is_read_by_others_as_well(tmp_path):
    cv2 = pytest.importorskip("cv2")
    samples = smooth(4, "uint16")
    imageio.write(tmp_path / "a.png", picture(samples))
    assert_array_equal(cv2.imread(str(tmp_path / "a.png"), -1)[..., [2, 1, 0, 3]], samples)


# -- what is read as what -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "dtype", "channels"),
    [("1", "uint8", 1), ("L", "uint8", 1), ("LA", "uint8", 2), ("P", "uint8", 3),
     ("RGB", "uint8", 3), ("RGBA", "uint8", 4), ("I;16", "uint16", 1), ("CMYK", "uint8", 3),
     ("LAB", "uint8", 3), ("I", "int32", 1), ("F", "float32", 1)],
)  # fmt: skip
def test_modes(mode, dtype, channels, tmp_path):
    path = tmp_path / ("image.tif" if mode in ("CMYK", "LAB", "I", "F") else "image.png")
    Image.new(mode, (5, 4)).save(path)
    found = joined(imageio.read(path))
    assert (found.shape, found.dtype) == ((4, 5, channels), dtype)


def test_palette_becomes_its_colours_and_its_transparency(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "plain.png")
    image.save(tmp_path / "clear.png", transparency=1)
    plain, clear = (imageio.read(tmp_path / name) for name in ("plain.png", "clear.png"))
    assert_array_equal(plain.color, [[[10, 20, 30], [40, 50, 60]]])
    assert plain.alpha is None
    assert_array_equal(clear.color, plain.color)
    assert_array_equal(clear.alpha, [[[255], [0]]])


def test_single_bits_become_black_and_white(tmp_path):
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert_array_equal(imageio.read(tmp_path / "bits.png").color, [[[255], [0]]])


@pytest.mark.parametrize("mode", ["RGB", "I;16"])
def test_orientation_of_the_camera_is_applied_once(mode, tmp_path):
    image = Image.new(mode, (3, 2))
    image.putpixel((0, 0), 200 if mode == "I;16" else (200, 0, 0))
    tags = Image.Exif()
    tags[0x0112] = 6  # the top of the scene is at the right
    image.save(tmp_path / "turned.png", exif=tags)
    found = imageio.read(tmp_path / "turned.png")
    assert found.color.shape[:2] == (3, 2)
    assert np.argwhere(found.color[..., 0]).tolist() == [[0, 1]]
    imageio.write(tmp_path / "again.png", found)
    assert_array_equal(imageio.read(tmp_path / "again.png").color, found.color)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_colour_profile_is_kept(depth, tmp_path):
    from PIL.ImageCms import ImageCmsProfile, createProfile

    profile = ImageCmsProfile(createProfile("sRGB")).tobytes()
    imageio.write(tmp_path / "a.png", Picture(smooth(3, depth), None, profile))
    assert imageio.read(tmp_path / "a.png").icc_profile == profile


def test_deep_colour_png(tmp_path):
    path = tmp_path / "deep.png"
    for channels, color_type in ((3, 2), (4, 6)):
        samples = np.random.default_rng(0).integers(0, 65536, (5, 6, channels), np.uint16)
        path.write_bytes(png(samples, color_type))
        assert_array_equal(joined(imageio.read(path)), samples)


@pytest.mark.parametrize("byte_order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [3, 4])
def test_deep_colour_tiff(channels, compression, byte_order, tmp_path):
    samples = np.random.default_rng(0).integers(0, 65536, (5, 6, channels), np.uint16)
    path = tmp_path / "deep.tif"
    how = {"extrasamples": ["unassalpha"]} if channels == 4 else {}
    how |= {"photometric": "rgb", "compression": compression, "byteorder": byte_order}
    tifffile.imwrite(path, samples, **how)
    assert_array_equal(joined(imageio.read(path)), samples)


def refused(path):
    with pytest.raises(ImageFileError) as caught:
        imageio.read(path)
    message = str(caught.value)
    assert message.startswith(f"cannot read {path}: ")
    return message


def test_depth_that_pillow_would_cut_is_refused(tmp_path):
    path = tmp_path / "deep"
    clear = b"\0\0\0\x02tRNS\0\x07"
    clear += struct.pack(">I", zlib.crc32(clear[4:]))
    path.write_bytes(png(smooth(2, "uint16"), 4))
    assert "16-bit colour is read only from PNG" in refused(path)
    path.write_bytes(png(smooth(1, "uint16"), 0, clear))
    assert "transparent" in refused(path)
    path.write_bytes(b"P6 2 1 65535\n" + bytes(12))
    assert "16-bit colour is read only from PNG" in refused(path)
    planes = np.moveaxis(smooth(3, "uint16"), 2, 0)
    tifffile.imwrite(path, planes, photometric="rgb", planarconfig="separate")
    assert "16-bit colour is read only from PNG" in refused(path)


def test_unsigned_32_bit_samples_are_read_as_far_as_they_fit(tmp_path):
    path = tmp_path / "long.tif"
    for top, fits in ((2**31 - 1, True), (2**31, False)):
        tifffile.imwrite(path, np.array([[0, top]], np.uint32))
        if fits:
            assert_array_equal(imageio.read(path).color.ravel(), [0, top])
        else:
            assert "above 2147483647" in refused(path)


def test_a_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("1", (100, 100)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    assert "decompression bomb" in refused(tmp_path / "bomb.png")


@pytest.mark.parametrize(("allowed", "meanwhile"), [(None, 50), (40, 50), (101, 51)])
def test_the_limit_of_the_process_changes_only_to_allow_more(
    allowed, meanwhile, tmp_path, monkeypatch
):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    limits, film = [], imageio._film
    monkeypatch.setattr(
        imageio, "_film", lambda *args: (limits.append(Image.MAX_IMAGE_PIXELS), film(*args))[1]
    )
    Image.new("L", (5, 8)).save(tmp_path / "small.png")
    imageio.read_frames(tmp_path / "small.png", allowed)
    assert (limits, Image.MAX_IMAGE_PIXELS) == ([meanwhile], 50)


def test_the_first_frame_is_read_without_counting_the_others(tmp_path, monkeypatch):
    from PIL.GifImagePlugin import GifImageFile

    Image.new("L", (5, 8)).save(tmp_path / "one.gif")
    monkeypatch.setattr(GifImageFile, "n_frames", property(lambda _: 1 / 0))
    assert imageio.read(tmp_path / "one.gif").color.shape[:2] == (8, 5)
    with pytest.raises(ImageFileError, match="division by zero"):
        imageio.read_frames(tmp_path / "one.gif")


def test_broken_files(tmp_path):
    path = tmp_path / "broken.png"
    assert "No such file" in refused(path)
    assert refused(tmp_path)
    path.write_bytes(b"")
    assert "not an image" in refused(path)
    path.write_bytes(b"no image at all")
    assert "not an image" in refused(path)
    Image.effect_noise((64, 64), 50).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "truncated" in refused(path) or "broken" in refused(path)


# -- whole or not there -------------------------------------------------------------------------


def test_targets_that_cannot_be(tmp_path, monkeypatch):
    def complaint(path):
        with pytest.raises(ImageFileError) as caught:
            imageio.check_target(path)
        return str(caught.value).removeprefix(f"cannot write {path}: ")

    (tmp_path / "there.png").touch()
    assert complaint(tmp_path) == "it is a directory"
    assert complaint(tmp_path / "none" / "a.png") == f"there is no directory {tmp_path / 'none'}"
    assert complaint(tmp_path / "a.xyz").startswith("the suffix '.xyz' is none of PNG, TIFF")
    assert complaint(tmp_path / "a").startswith("the suffix '' is none of PNG, TIFF")
    monkeypatch.setattr(imageio.os, "access", lambda path, mode: False)
    assert complaint(tmp_path / "there.png") == "it is write-protected"
    monkeypatch.delitem(Image.SAVE, "TIFF")
    assert complaint(tmp_path / "a.tif") == "this Pillow was built without TIFF"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
@pytest.mark.parametrize("old", [None, b"what was there"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_a_failure_in_the_middle_of_writing_leaves_no_trace(
    dtype, old, error, tmp_path, monkeypatch
):
    def half(file):
        file.write(b"half a fi")
        raise error

    monkeypatch.setattr(Image.Image, "save", lambda self, file, **how: half(file))
    monkeypatch.setattr(deepcolor, "write_png", lambda file, samples, profile: half(file))
    path = tmp_path / "out.png"
    if old is not None:
        path.write_bytes(old)
    with pytest.raises((ImageFileError, KeyboardInterrupt)) as caught:
        imageio.write(path, Picture(smooth(3, dtype)))
    if isinstance(error, OSError):
        assert str(caught.value) == f"cannot write {path}: No space left on device"
    assert [p.name for p in tmp_path.iterdir()] == ([] if old is None else ["out.png"])
    assert old is None or path.read_bytes() == old


def test_a_failure_to_move_into_place_leaves_no_trace(tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(imageio.os, "replace", refuse)
    with pytest.raises(ImageFileError, match="Permission denied"):
        imageio.write(tmp_path / "out.png", Picture(smooth(1, "uint8")))
    assert list(tmp_path.iterdir()) == []


def test_the_file_appears_only_when_whole(tmp_path):
    path = tmp_path / "out.png"
    with imageio.replacing(path) as file:
        file.write(b"first half, ")
        assert not path.exists()
        file.write(b"second half")
    assert path.read_bytes() == b"first half, second half"


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither")
def test_replacing_keeps_permissions_and_links(tmp_path):
    real, link = tmp_path / "real.png", tmp_path / "link.png"
    real.touch(mode=0o600)
    link.symlink_to(real)
    imageio.write(link, Picture(smooth(1, "uint8")))
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o600
    assert imageio.read(real).color.shape == (16, 20, 1)


def test_directories(tmp_path):
    imageio.make_directory(tmp_path / "new")
    imageio.make_directory(tmp_path / "new")
    assert (tmp_path / "new").is_dir()
    (tmp_path / "file").touch()
    with pytest.raises(ImageFileError, match=r"cannot write into .*file: it is not a directory"):
        imageio.make_directory(tmp_path / "file")
    with pytest.raises(ImageFileError, match=r"cannot make directory .*deep: "):
        imageio.make_directory(tmp_path / "none" / "deep")
