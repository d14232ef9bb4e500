"""The numbers that `fastconv explore` sends: feature maps, the arithmetic of a cell, and images."""

from __future__ import annotations

import io
import json
import sys
import zlib

import numpy as np
import oracle
import pytest
from exploring import LINE, asked, map_of, sent, serving
from numpy.testing import assert_allclose, assert_array_equal

from fastconv.cli.explore import pictures
from fastconv.cli.imageio import Picture


@pytest.fixture(scope="module")
def explorer():
    with serving() as running:
        yield running


# -- that the numbers are right -----------------------------------------------------------------


def by_hand(x, layer):
    """A feature map in plain loops."""
    weights = np.array(layer["kernel"], float) / layer.get("divisor", 1)
    padding, dilation = layer.get("padding", 0), layer.get("dilation", 1)
    if padding == "full":
        padding = [(dilation * (size - 1),) * 2 for size in weights.shape]
    expected = oracle.conv(
        np.asarray(x, float)[None, None],
        (weights[::-1, ::-1] if layer.get("flip") else weights)[None, None],
        [layer.get("bias", 0.0)],
        layer.get("stride", 1),
        padding,
        dilation,
        boundary=layer.get("boundary", "constant"),
        activation="relu" if layer.get("relu") else None,
    )
    return expected.everywhere().values[0, 0].astype(float)


LAYERS = [
    {"kernel": LINE},
    {"kernel": LINE, "relu": True, "padding": 1, "boundary": "mirror"},
    {"kernel": [[1, 2, 3], [4, 5, 6]], "flip": True, "padding": 2, "boundary": "wrap", "stride": 2},
    {"kernel": [[1, 2], [4, 5]], "divisor": 3, "bias": -0.5, "dilation": 2, "padding": "full"},
    {"kernel": [[1, -2, 1]], "padding": 3, "boundary": "nearest", "stride": 3},
    {"kernel": [[2]], "padding": 1, "boundary": "symmetric", "relu": True, "bias": 4},
]


@pytest.mark.parametrize("layer", LAYERS)
def test_maps_agree_with_plain_loops(explorer, layer, backend):
    answer = asked(explorer, layers=[layer], backend=backend)
    x = pictures.GRIDS["a smiley"]
    assert_array_equal(map_of(answer, 0), x)
    assert_allclose(map_of(answer, 1), by_hand(x, layer), rtol=1e-6)
    assert answer["maps"][1]["plan"].startswith(f"{backend}, ")


def test_same_size(explorer):
    answer = asked(explorer, layers=[{"kernel": LINE, "padding": "same"}])
    assert_array_equal(
        map_of(answer, 1), by_hand(pictures.GRIDS["a smiley"], LAYERS[0] | {"padding": 1})
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_the_arithmetic_of_every_cell_adds_up(explorer, layer):
    x = pictures.GRIDS["a smiley"]
    expected = by_hand(x, layer)
    for row, column in np.ndindex(expected.shape):
        cell = asked(explorer, layers=[layer], at=[0, row, column], maps=False)["cell"]
        assert cell["at"] == [0, row, column]
        window, weights = np.array(cell["window"]), np.array(cell["weights"])
        assert_array_equal(cell["products"], window * weights)
        assert_allclose(cell["sum"], np.sum(cell["products"]), rtol=1e-12, atol=1e-12)
        assert_allclose(cell["biased"], cell["sum"] + layer.get("bias", 0), rtol=1e-12, atol=1e-12)
        assert_allclose(cell["result"], expected[row, column], rtol=1e-12, atol=1e-12)
        for r, c in np.ndindex(window.shape):
            source = cell["from_rows"][r], cell["from_columns"][c]
            assert window[r, c] == (0 if None in source else x[source[0]][source[1]])


def test_two_layers(explorer):
    first, second = LAYERS[1], {"kernel": [[1, 1], [1, 1]], "stride": 2}
    answer = asked(explorer, layers=[first, second], at=[1, 1, 2])
    x = pictures.GRIDS["a smiley"]
    middle = by_hand(x, first)
    expected = by_hand(middle, second)
    assert_allclose(map_of(answer, 1), middle)
    assert_allclose(map_of(answer, 2), expected)
    assert_allclose(answer["cell"]["window"], middle[2:4, 4:6])
    assert answer["cell"]["result"] == expected[1, 2]
    assert answer["cell"]["reads"] == [[1, 2, 3, 4], [3, 4, 5, 6]]


def test_a_receptive_field_is_what_changes_the_output(explorer):
    layers = [
        LAYERS[2] | {"flip": False, "relu": False},
        {"kernel": LINE, "dilation": 2, "padding": 2},
    ]
    x = np.zeros((7, 7))
    reads = asked(explorer, layers=layers, at=[1, 0, 1])["cell"]["reads"]
    for row, column in np.ndindex(x.shape):
        x[row, column] = 1
        changed = by_hand(by_hand(x, layers[0]), layers[1])[0, 1] != 0
        assert not changed or (row in reads[0] and column in reads[1]), (row, column)
        x[row, column] = 0
    assert 0 < len(reads[0]) < 7


def test_weights_are_fractions_where_they_were_typed_so(explorer):
    layer = {"kernel": [[1, -2], [0, 0.5]], "divisor": 16}
    assert asked(explorer, layers=[layer])["cell"]["fractions"] == [
        ["1/16", "-2/16"],
        ["0", "0.5/16"],
    ]
    flipped = asked(explorer, layers=[layer | {"flip": True}])["cell"]["fractions"]
    assert flipped == [["0.5/16", "0"], ["-2/16", "1/16"]]
    assert asked(explorer)["cell"]["fractions"] is None


def test_a_cell_outside_moves_inside(explorer):
    assert asked(explorer, at=[7, -3, 10**9])["cell"]["at"] == [0, 0, 4]
    answer = asked(explorer, maps=False)
    assert set(answer) == {"cell"}


def test_the_geometry_of_a_map(explorer):
    layer = {"kernel": LINE, "padding": 1, "boundary": "mirror", "stride": 4}
    rows, columns = asked(explorer, layers=[layer], values=[[1, 2, 3, 4, 5]] * 7)["maps"][1]["axes"]
    assert (columns["before"], columns["after"], columns["sources"]) == (
        1,
        1,
        [1, 0, 1, 2, 3, 4, 3],
    )
    assert (rows["unread"], rows["left_over"], columns["unread"]) == ([2, 6], 2, [2])


def test_the_program_computes_the_same(explorer):
    for layers in [[layer] for layer in LAYERS] + [[LAYERS[1], LAYERS[4]]]:
        answer = asked(explorer, layers=layers, backend="numpy")
        names: dict[str, object] = {}
        exec(answer["code"].replace("print", "str"), names)
        last = names["y2" if len(layers) > 1 else "y"]
        assert_allclose(map_of(answer, len(layers)), last, rtol=1e-6)


# -- pictures -----------------------------------------------------------------------------------


def png(array, kind="PNG"):
    image = pytest.importorskip("PIL.Image")
    file = io.BytesIO()
    image.fromarray(np.asarray(array, np.uint8)).save(file, kind)
    return file.getvalue()


def loaded(explorer, data, name="in.png"):
    pytest.importorskip("PIL.Image")
    status, _, answer = sent(explorer, "POST", "image", data, {"X-File-Name": name})
    return status, json.loads(answer)


def seen(explorer, data):
    """The input that a loaded image becomes."""
    status, answer = loaded(explorer, data)
    assert status == 200, answer
    return map_of(asked(explorer, input=answer, layers=[{"kernel": [[1]]}]), 0)


def test_images_become_grey(explorer):
    colours = np.zeros((2, 3, 3))
    colours[0, 0], colours[0, 1], colours[1, 2] = (255, 0, 0), (0, 0, 255), 255
    assert_array_equal(seen(explorer, png(colours)), [[76, 29, 0], [0, 0, 255]])
    clear = np.zeros((1, 2, 4))
    clear[0, 1, 3] = 51
    assert_array_equal(seen(explorer, png(clear)), [[255, 204]])


def test_large_images_are_reduced(explorer):
    grey = np.repeat(np.repeat(np.arange(200).reshape(10, 20), 30, 0), 30, 1)
    found = seen(explorer, png(grey, "PPM"))
    assert found.shape == (100, 200)
    assert_array_equal(found[::10, ::10], np.arange(200).reshape(10, 20))
    assert seen(explorer, png(np.zeros((1, 5000)))).shape == (1, 250)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_deep_images_span_black_to_white(dtype):
    samples = np.array([[0, 1], [2, 4]]).astype(dtype)[..., None]
    if dtype == "uint16":
        samples *= 16383
    grey = pictures.prepared(Picture(samples))
    assert_array_equal(grey, [[0, 64], [127, 255]] if dtype == "uint16" else [[0, 64], [128, 255]])


@pytest.mark.parametrize("data", [b"", b"no image", b"GIF89a" + bytes(20), "half"])
def test_what_is_no_image_is_refused(explorer, data):
    if data == "half":
        data = png(oracle.samples((50, 50), "uint8"))[:1200]
    status, answer = loaded(explorer, data, "%C3%BC.png")
    assert (status, answer["field"]) == (400, "input")
    assert answer["error"].startswith("cannot read ü.png: ")


def test_a_program_is_not_run(explorer):
    buffer = io.BytesIO()
    pytest.importorskip("PIL.Image").new("L", (3, 3)).save(buffer, "EPS")
    status, _, answer = sent(explorer, "POST", "image", buffer.getvalue())
    assert (status, b"EPS is a program" in answer) == (400, True)


def test_images_need_pillow(explorer, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    status, _, answer = sent(explorer, "POST", "image", b"?")
    assert (status, json.loads(answer)["field"]) == (400, "input")
    assert "pip install 'fastconv[image]'" in json.loads(answer)["error"]


def test_pixels_are_bounded(explorer, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_PIXELS", 24)
    assert loaded(explorer, png(np.zeros((4, 6))))[0] == 200
    status, answer = loaded(explorer, png(np.zeros((5, 5))), "in.png")
    assert (status, answer["error"]) == (400, "in.png: has 5×5 pixels, allowed are 24 at most")


def test_a_bomb_is_refused_before_it_is_decoded(explorer):
    bomb = bytearray(png(np.zeros((1, 1))))
    bomb[16:24] = (60000).to_bytes(4, "big") * 2
    bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
    status, answer = loaded(explorer, bytes(bomb), "bomb.png")
    assert (status, answer["field"]) == (400, "input")


def test_old_images_are_forgotten(explorer):
    first = loaded(explorer, png(np.zeros((2, 2))))[1]
    for _ in range(pictures.MAX_LOADED):
        last = loaded(explorer, png(np.zeros((2, 2))))[1]
    identity = [{"kernel": [[1]]}]
    assert asked(explorer, input=last, layers=identity)["maps"][0]["rows"] == 2
    assert "load it again" in asked(explorer, 400, input=first, layers=identity)["error"]


def test_the_photograph(explorer):
    pytest.importorskip("skimage")
    answer = asked(explorer, input={"picture": "photograph"}, at=[0, 100, 100])
    x = map_of(answer, 0)
    assert x.shape == (256, 256)
    assert (x.min(), x.max()) == (0, 255)
    assert_array_equal(np.array(answer["cell"]["window"]), x[100:103, 100:103])
