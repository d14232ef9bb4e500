"""The command line: what it prints, what it writes, and one line for every mistake."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import oracle
import pytest
from command import Terminal, fails, run
from numpy.testing import assert_array_equal
from tolerance import stored_as

import fastconv as fc
from fastconv import kernels
from fastconv.cli import apply, imageio

Image = pytest.importorskip("PIL.Image")
SOBEL = "-1 0 1; -2 0 2; -1 0 1"


def drawn(shape, dtype="uint8", seed=0):
    return oracle.samples(shape, dtype, seed)


def save(name, samples):
    """Write an image file, by Pillow alone where it can."""
    if samples.dtype == np.uint16 and samples.ndim == 3:
        imageio.write(Path(name), imageio.Picture(samples))
    else:
        Image.fromarray(samples).save(name)
    return name


def opened(name):
    with Image.open(name) as image:
        return np.asarray(image)


def filtered(samples, weights, boundary="nearest", stride=1, scale=1, offset=0):
    """What `fastconv apply` must make of ``(H, W)`` or ``(H, W, C)``, by plain loops."""
    sums = oracle.correlate(samples, weights, axes=(0, 1), boundary=boundary, stride=stride)
    return stored_as(sums.everywhere().values * scale + offset, samples.dtype)


# -- fastconv apply: what is written ------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 9), (7, 9, 3)])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_apply_filters_grey_and_colour_in_both_depths(dtype, shape, backend, folder):
    samples = drawn(shape, dtype)
    save("in.png", samples)
    words = ("apply", "in.png", "--kernel", "sharpen", "-o", "out.png", "--backend", backend)
    assert run(*words) == (0, "", "")
    wanted = filtered(samples, [[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
    found = imageio.read(folder / "out.png")
    assert found.color.dtype == dtype
    assert_array_equal(found.color.reshape(shape), wanted)


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_apply_filters_tiff_of_32_bits(dtype, folder):
    samples = drawn((5, 6), dtype)
    save("in.tif", samples)
    assert run("apply", "in.tif", "-k", SOBEL, "-o", "out.tif")[0] == 0
    weights = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    np.testing.assert_allclose(opened("out.tif"), filtered(samples, weights), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernel", ["sharpen", "sepia", "grayscale"])
@pytest.mark.parametrize("channels", [2, 4])
def test_apply_leaves_alpha_alone(channels, kernel, folder):
    samples = drawn((6, 7, channels))
    save("in.png", samples)
    assert run("apply", "in.png", "-k", kernel, "-o", "out.png") == (0, "", "")
    assert_array_equal(opened("out.png")[..., -1], samples[..., -1])
    assert run("apply", "in.png", "-k", kernel, "-o", "few.png", "--stride", "2,3")[0] == 0
    assert_array_equal(opened("few.png"), opened("out.png")[::2, ::3])


def test_apply_filters_the_colours_of_a_palette(folder):
    samples = drawn((6, 7, 3)) // 64 * 64
    indexed = Image.fromarray(samples).quantize(256)
    indexed.save("in.png")
    assert run("apply", "in.png", "-k", "box_blur", "-o", "out.png") == (0, "", "")
    colours = np.asarray(indexed.convert("RGB"))
    assert_array_equal(opened("out.png"), filtered(colours, kernels.get("box_blur", float)))


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_apply_boundary(boundary, folder):
    samples = drawn((5, 6))
    save("in.png", samples)
    words = ("apply", "in.png", "-k", "1 2 3; 4 -5 6", "-o", "out.png", "--boundary", boundary)
    assert run(*words, "--scale", "0.25")[0] == 0
    wanted = filtered(samples, [[1, 2, 3], [4, -5, 6]], boundary, scale=0.25)
    assert_array_equal(opened("out.png"), wanted)


@pytest.mark.parametrize(("text", "stride"), [("2", (2, 2)), ("3,2", (3, 2))])
def test_apply_stride(text, stride, folder):
    samples = drawn((8, 9, 3))
    save("in.png", samples)
    assert run("apply", "in.png", "-k", "emboss", "-o", "out.png", "--stride", text)[0] == 0
    wanted = filtered(samples, [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], stride=stride)
    assert_array_equal(opened("out.png"), wanted)


def test_apply_scale_and_offset(folder):
    samples = drawn((6, 7))
    save("in.png", samples)
    words = ("apply", "in.png", "-k", SOBEL, "-o", "out.png")
    assert run(*words, "--scale", "-.5", "--offset", "0.5")[0] == 0
    weights = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert_array_equal(opened("out.png"), filtered(samples, weights, scale=-0.5, offset=127.5))
    assert run("apply", "in.png", "-k", "invert", "-o", "out.png", "--scale", "0.5")[0] == 0
    assert_array_equal(opened("out.png"), stored_as((255 - np.int64(samples)) / 2, np.dtype("u1")))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_apply_colour_matrices(dtype, folder):
    samples = drawn((5, 6, 3), dtype)
    white = np.iinfo(dtype).max
    save("in.png", samples)
    for name in ("sepia", "invert", "grayscale"):
        assert run("apply", "in.png", "-k", name, "-o", f"{name}.png") == (0, "", "")
    assert_array_equal(imageio.read(Path("invert.png")).color, white - samples)
    tolerance = 1 if dtype == "uint16" else 0  # sums in float32 lie this close to a half
    grey = imageio.read(Path("grayscale.png")).color[..., 0]
    wanted = np.rint(samples @ np.array([0.299, 0.587, 0.114]))
    assert np.abs(grey - wanted).max() <= tolerance
    matrix = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
    sepia = imageio.read(Path("sepia.png")).color
    assert np.abs(sepia - np.rint(np.minimum(samples @ matrix.T, white))).max() <= tolerance


def test_apply_colour_matrices_to_grey(folder):
    samples = drawn((5, 6))
    save("in.png", samples)
    for name in ("sepia", "invert", "grayscale"):
        assert run("apply", "in.png", "-k", name, "-o", f"{name}.png") == (0, "", "")
    assert_array_equal(opened("invert.png"), 255 - samples)
    assert_array_equal(opened("grayscale.png"), samples)
    brown = np.rint(np.minimum(samples[..., None] * [1.351, 1.203, 0.937], 255))
    assert_array_equal(opened("sepia.png"), brown)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.txt", b"# a comment\n1 2 1\n\n0, 0, 0  # the middle\n-1 -2 -1\n"),
        ("rows.csv", b"\xef\xbb\xbf1,2,1\r\n0,0,0\r\n-1,-2,-1\r\n"),
        ("rows.kernel", b"1 2 1; 0 0 0; -1 -2 -1"),
    ],
)
def test_apply_kernel_from_text_file(name, content, folder):
    samples = drawn((5, 6))
    save("in.png", samples)
    Path(name).write_bytes(content)
    assert run("apply", "in.png", "-k", name, "-o", "out.png") == (0, "", "")
    assert_array_equal(opened("out.png"), filtered(samples, [[1, 2, 1], [0, 0, 0], [-1, -2, -1]]))


@pytest.mark.parametrize("dtype", ["float64", "float32", "int8", "bool"])
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_apply_kernel_from_npy_file(shape, dtype, folder):
    samples = drawn((5, 6))
    save("in.png", samples)
    weights = np.ones(shape, dtype)
    np.save("ones.npy", weights)
    assert run("apply", "in.png", "-k", "ones.npy", "-o", "out.png") == (0, "", "")
    assert_array_equal(opened("out.png"), filtered(samples, np.atleast_2d(weights).astype(int)))


def test_apply_kernel_of_fractions_and_of_one_number(folder):
    samples = drawn((5, 6))
    save("in.png", samples)
    assert run("apply", "in.png", "-k", ".25 .5 .25", "-o", "out.png")[0] == 0
    assert_array_equal(opened("out.png"), filtered(samples, [[0.25, 0.5, 0.25]]))
    assert run("apply", "in.png", "-k", "-1", "-o", "out.png", "--offset", "1")[0] == 0
    assert_array_equal(opened("out.png"), 255 - samples)


def test_apply_name_goes_before_a_file_of_that_name(folder):
    samples = drawn((5, 6))
    save("in.png", samples)
    Path("identity").write_text("0")
    assert run("apply", "in.png", "-k", "identity", "-o", "out.png")[0] == 0
    assert_array_equal(opened("out.png"), samples)


def test_apply_writes_into_a_directory(folder):
    save("one.png", drawn((5, 6)))
    save("two.bmp", drawn((5, 6)))
    Path("there").mkdir()
    assert run("apply", "one.png", "-k", "identity", "-o", "there") == (0, "", "")
    assert run("apply", "one.png", "-k", "identity", "-o", "new/") == (0, "", "")
    assert run("apply", "one.png", "two.bmp", "-k", "identity", "-o", "both") == (0, "", "")
    found = sorted(p.as_posix() for p in Path().glob("*/*"))
    assert found == ["both/one.png", "both/two.bmp", "new/one.png", "there/one.png"]


def test_apply_overwrites_and_converts(folder):
    samples = drawn((5, 6, 3))
    save("in.png", samples)
    Path("out.tif").write_bytes(b"something old")
    assert run("apply", "in.png", "-k", "identity", "-o", "out.tif") == (0, "", "")
    assert_array_equal(opened("out.tif"), samples)


# -- fastconv apply: mistakes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kernel", "line"),
    [
        ("sharpn", "--kernel: no kernel is named 'sharpn' (did you mean sharpen?), nor is it a"),
        ("zzz.npy", "--kernel: no kernel is named 'zzz.npy', nor is it a file; 'fastconv kernels'"),
        ("", "--kernel: no kernel is named '', nor is it a file"),
        ("1 2; 3", "--kernel '1 2; 3': no file, and not rows of numbers: row 2 has 1 numbers, row"),
        ("1 x 1", "--kernel '1 x 1': no file, and not rows of numbers: could not convert string"),
        ("1 nan", "--kernel '1 nan': no file, and not rows of numbers: its weights are not all fi"),
        ("1e39", "--kernel '1e39': no file, and not rows of numbers: its weights are not all fin"),
        ("bytes", "cannot read kernel bytes: neither .npy nor text"),
        ("empty", "cannot read kernel empty: it holds no numbers"),
        ("bad.npy", "cannot read kernel bad.npy: "),
        ("object.npy", "cannot read kernel object.npy: Object arrays cannot be loaded"),
        ("complex.npy", "cannot read kernel complex.npy: not a matrix of numbers but complex128"),
        ("cube.npy", "cannot read kernel cube.npy: not a matrix of numbers but float64 of shape"),
        ("none.npy", "cannot read kernel none.npy: not a matrix of numbers but float64 of shape"),
    ],
)
def test_wrong_kernels(kernel, line, folder):
    save("in.png", drawn((5, 6)))
    Path("bytes").write_bytes(b"\x93\xff\xfe")
    Path("empty").write_text("# nothing\n")
    Path("bad.npy").write_bytes(b"\x93NUMPY")
    np.save("object.npy", np.array([[None]]))
    np.save("complex.npy", np.ones((3, 3), complex))
    np.save("cube.npy", np.ones((3, 3, 3)))
    np.save("none.npy", np.ones((3, 0)))
    assert fails("apply", "in.png", "-k", kernel, "-o", "out.png").startswith(line)
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--boundary", "reflect"], "correlate: boundary: 'reflect' has two meanings"),
        (["--boundary", "zero"], "correlate: boundary: got 'zero', allowed is 'constant'"),
        (["--backend", "cuda"], "backend: got 'cuda', allowed is 'cython', 'numba', 'numpy'"),
    ],
)
@pytest.mark.parametrize("kernel", ["sharpen", "sepia"])
def test_wrong_choices(kernel, words, line, folder):
    save("in.png", drawn((5, 6)))
    assert fails("apply", "in.png", "-k", kernel, "-o", "out.png", *words).startswith(line)
    assert not Path("out.png").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--stride", "0"], "argument --stride: got '0', not whole numbers of at least 1"),
        (["--stride", "1,2,3"], "argument --stride: got '1,2,3', not whole numbers"),
        (["--scale", "nan"], "argument --scale: got 'nan', not a finite number"),
        (["--offset", "much"], "argument --offset: got 'much', not a finite number"),
        (["--sharper"], "unrecognized arguments: --sharper"),
    ],
)
def test_words_that_cannot_be_parsed(words, line):
    given = ("apply", "in.png", "-k", "sharpen", "-o", "out.png", *words)
    command = "fastconv" if words == ["--sharper"] else "fastconv apply"
    complaint = fails(*given, command=command)
    assert complaint.startswith(line)
    assert complaint.endswith(f"; see {command} --help")


def test_missing_words():
    assert "IMAGE, -k/--kernel, -o/--output" in fails("apply", command="fastconv apply")
    assert "invalid choice: 'blur'" in fails("blur")


def test_files_that_cannot_be_read(folder):
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    save("whole.png", drawn((50, 60)))
    whole = Path("whole.png").read_bytes()
    Path("half.png").write_bytes(whole[: len(whole) // 2])
    for name in ("missing.png", "broken.png", "half.png"):
        line = fails("apply", name, "-k", "sharpen", "-o", "out.png")
        assert line.startswith(f"cannot read {name}: ")
    assert sorted(os.listdir()) == ["broken.png", "half.png", "whole.png"]


def test_files_that_cannot_be_written(folder):
    save("in.png", drawn((5, 6, 4)))
    Path("file").touch()

    def line(output, *images):
        return fails("apply", "in.png", *images, "-k", "sharpen", "-o", output)

    assert line("none/out.png") == "cannot write none/out.png: there is no directory none"
    assert line("out.xyz").startswith("cannot write out.xyz: the suffix '.xyz' is none of PNG")
    assert line("out.jpg").startswith("cannot write out.jpg: JPEG does not hold RGB with alpha of")
    assert line("file", "other.png") == "cannot write into file: it is not a directory"
    assert line("none/deep", "other.png").startswith("cannot make directory none/deep: ")
    assert line("in.png") == "in.png is both the image and the output; choose another output"
    assert line(".") == "in.png is both the image and the output; choose another output"
    assert line("out.png", "b.png") == "2 images need a directory as output, not out.png"
    assert line("out", "deep/in.png") == "two of the images would have the same name in out"
    assert sorted(os.listdir()) == ["file", "in.png"]


def test_one_bad_image_does_not_stop_the_others(folder):
    for name in ("a.png", "c.png"):
        save(name, drawn((5, 6)))
    status, out, err = run("apply", "a.png", "b.png", "c.png", "-k", "identity", "-o", "out")
    assert (status, out) == (2, "")
    assert err == "fastconv: cannot read b.png: No such file or directory\n"
    assert sorted(os.listdir("out")) == ["a.png", "c.png"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_stop_in_the_middle_of_writing_leaves_no_trace(error, folder, monkeypatch):
    save("in.png", drawn((5, 6)))
    Path("out.png").write_bytes(b"what was there")

    def half(image, file, **how):
        file.write(b"half a fi")
        raise error

    monkeypatch.setattr(Image.Image, "save", half)
    status, out, err = run("apply", "in.png", "-k", "sharpen", "-o", "out.png")
    if isinstance(error, KeyboardInterrupt):
        assert (status, out, err) == (130, "", "")
    else:
        assert (status, out) == (2, "")
        assert err == "fastconv: cannot write out.png: No space left on device\n"
    assert sorted(os.listdir()) == ["in.png", "out.png"]
    assert Path("out.png").read_bytes() == b"what was there"


def test_an_image_too_large_for_memory(folder, monkeypatch):
    save("in.png", drawn((5, 6)))

    def refuse(*arguments, **keywords):
        raise MemoryError

    monkeypatch.setattr(apply, "_applied", refuse)
    assert fails("apply", "in.png", "-k", "sharpen", "-o", "out.png") == "MemoryError"
    assert os.listdir() == ["in.png"]


@pytest.mark.parametrize(
    ("package", "words", "cure"),
    [
        ("PIL", ["apply", "in.png", "-k", "sharpen", "-o", "out.png"], "'fastconv[image]'"),
        ("PIL", ["demo"], "'fastconv[image]'"),
        ("skimage", ["demo"], "'fastconv[demo]'"),
    ],
)
def test_a_missing_package_is_told_with_its_cure(package, words, cure, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    assert fails(*words).endswith(f" is not installed: pip install {cure}")


def test_a_backend_that_cannot_run_is_told(folder, monkeypatch):
    save("in.png", drawn((5, 6)))
    monkeypatch.setattr(fc.config.backends, "unavailable", lambda name: "no numba here")
    line = fails("apply", "in.png", "-k", "sharpen", "-o", "out.png", "--backend", "numba")
    assert line == "backend 'numba' is not available: no numba here"


def test_a_wrong_environment_variable_is_told(folder, own_choice):
    save("in.png", drawn((5, 6)))
    own_choice.setenv("FASTCONV_BACKEND", "fastest")
    line = fails("apply", "in.png", "-k", "sharpen", "-o", "out.png")
    assert line.startswith("FASTCONV_BACKEND: got 'fastest', allowed is 'cython'")


def test_a_stride_beyond_the_image_leaves_one_pixel(folder):
    save("in.png", drawn((5, 6)))
    words = ("apply", "in.png", "-k", "sharpen", "-o", "out.png", "--stride", "9" * 20)
    assert run(*words) == (0, "", "")
    assert opened("out.png").shape == (1, 1)


@pytest.mark.parametrize("error", [OverflowError, TypeError, ValueError, ZeroDivisionError])
def test_what_fastconv_says_of_arguments_is_told(error, folder, monkeypatch):
    save("in.png", drawn((5, 6)))

    def refuse(*args, **how):
        raise error("no such\nthing")

    monkeypatch.setattr(fc, "correlate", refuse)
    assert fails("apply", "in.png", "-k", "sharpen", "-o", "out.png") == "no such thing"


# -- progress -----------------------------------------------------------------------------------


def test_progress_is_drawn_for_several_images_on_a_terminal(folder, monkeypatch):
    for name in ("a.png", "b.png", "c.png"):
        save(name, drawn((5, 6)))
    monkeypatch.setenv("COLUMNS", "60")
    images = ("a.png", "no.png", "c.png")
    status, out, shown = run("apply", *images, "-k", "identity", "-o", "out", stderr=Terminal())
    assert (status, out) == (2, "")
    assert [f"{n}/3" in shown for n in (0, 1, 2)] == [True] * 3
    assert "[##########                    ] 1/3" in shown
    clean = "\r" + " " * 59 + "\r"
    assert f"{clean}fastconv: cannot read no.png: No such file or directory\n" in shown
    assert shown.endswith(clean)


def test_no_progress_for_one_image_or_without_a_terminal(folder, monkeypatch):
    for name in ("a.png", "b.png"):
        save(name, drawn((5, 6)))
    assert run("apply", "a.png", "b.png", "-k", "identity", "-o", "out") == (0, "", "")
    status, _, shown = run("apply", "a.png", "-k", "identity", "-o", "out", stderr=Terminal())
    assert (status, shown.strip()) == (0, "")


# -- as a process -------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has another error for it")
def test_module_and_closed_pipe():
    command = [sys.executable, "-X", "utf8", "-m", "fastconv", "kernels"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe) as process:
        process.stdout.close()  # as head does, only sooner
        assert process.stderr.read() == b""
    assert process.returncode == 141


def test_commands_import_no_more_than_they_need():
    code = (
        "import sys; from fastconv.cli.main import main; main(['kernels']);"
        "print(sorted({'PIL', 'numba', 'skimage', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", code], capture_output=True, check=True
    )
    assert found.stdout.splitlines()[-1] == b"[]"
