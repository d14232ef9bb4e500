"""`fastconv.viz`: what its figures show, read from their artists."""

from __future__ import annotations

import sys
from itertools import pairwise

import numpy as np
import pytest
from pictures import assert_legible, texts

import fastconv as fc
from fastconv.viz import StackedLayer

matplotlib = pytest.importorskip("matplotlib")
viz = fc.viz


def image(ax):
    (found,) = ax.images
    return found


def words(ax):
    return [text.get_text() for text in ax.texts]


# -- kernels -------------------------------------------------------------------------------------


def test_kernels_by_name_with_their_numbers():
    names = ["sobel_x", "laplace", "gaussian_blur"]
    figure = viz.kernels(names)
    assert [ax.get_title() for ax in figure.axes] == names
    for ax, name in zip(figure.axes, names, strict=True):
        kernel = fc.kernels.get(name)
        np.testing.assert_array_equal(image(ax).get_array(), kernel)
        assert [float(word) for word in words(ax)] == pytest.approx(kernel.ravel(), rel=5e-3)
        limit = np.abs(kernel).max()
        assert image(ax).get_clim() == (-limit, limit)
    assert_legible(figure)


def test_signs_have_colours():
    (ax,) = viz.kernels([[-1.0, 0.0, 1.0]]).axes
    blue, white, orange = image(ax).cmap(image(ax).norm([-1.0, 0.0, 1.0]))[:, :3]
    assert blue[2] > 2 * blue[0]
    np.testing.assert_allclose(white, 1, atol=0.01)
    assert orange[0] > 2 * orange[2]


def test_filters_of_a_layer_have_rows_and_columns():
    w = np.random.default_rng(0).normal(size=(2, 3, 3, 3))
    figure = viz.kernels(w, shared=True)
    titles = [f"filter {k}, channel {c}" for k in range(2) for c in range(3)]
    assert [ax.get_title() for ax in figure.axes] == titles
    rows = {ax.get_subplotspec().rowspan.start for ax in figure.axes[:3]}
    assert rows == {0}
    assert {image(ax).get_clim() for ax in figure.axes} == {(-np.abs(w).max(), np.abs(w).max())}
    assert_legible(figure)


@pytest.mark.parametrize(
    ("w", "titles"),
    [
        ([1, 2, 1], [""]),
        (np.ones((2, 3, 2)), ["kernel 0", "kernel 1"]),
        (np.ones((2, 1, 3, 2)), ["filter 0", "filter 1"]),
        ({"a": [[1.0]], "b": np.zeros((2, 2))}, ["a", "b"]),
        ("emboss", ["emboss"]),
        (np.full((3, 3), np.nan), [""]),
    ],
)
def test_kinds_of_kernels(w, titles):
    figure = viz.kernels(w)
    assert [ax.get_title() for ax in figure.axes] == titles
    assert_legible(figure)


def test_large_kernels_have_no_numbers():
    assert len(words(viz.kernels(np.ones((11, 11))).axes[0])) == 121
    assert words(viz.kernels(np.ones((12, 3))).axes[0]) == []


def test_axes_of_the_caller_are_used():
    figure = matplotlib.figure.Figure()
    left, right = figure.subplots(1, 2)
    assert viz.kernels("laplace", ax=right) is figure
    assert viz.receptive_fields([3, 3], ax=left) is figure
    assert len(right.images) == 1
    plan = fc.plan_correlate((9,), "f4", [1.0, 2.0])
    assert viz.plan(plan, ax=figure.add_subplot()) is figure


# -- feature maps --------------------------------------------------------------------------------


def test_feature_maps_show_their_numbers():
    maps = np.random.default_rng(0).normal(size=(5, 8, 9))
    figure = viz.feature_maps(maps, titles=list("abcde"), columns=3)
    for ax, values, title in zip(figure.axes, maps, "abcde", strict=True):
        np.testing.assert_array_equal(image(ax).get_array(), values)
        assert ax.get_title() == title
        low, high = (float(word) for word in ax.get_xlabel().split(" … "))
        assert (low, high) == pytest.approx((values.min(), values.max()), rel=5e-3)
        low, high = image(ax).get_clim()
        assert low == -high
    columns = {ax.get_subplotspec().colspan.start for ax in figure.axes}
    assert columns == {0, 1, 2}
    assert_legible(figure)


def test_maps_without_negative_numbers_are_grey():
    maps = np.maximum(np.random.default_rng(0).normal(size=(2, 20, 20)), 0)
    own, shared = viz.feature_maps(maps[None]), viz.feature_maps(maps, shared=True)
    assert {image(ax).cmap.name for ax in own.axes} == {"gray"}
    limits = [image(ax).get_clim() for ax in own.axes]
    assert limits == [(0, pytest.approx(np.quantile(each, 0.99))) for each in maps]
    assert len({image(ax).get_clim() for ax in shared.axes}) == 1


@pytest.mark.parametrize("value", [0, 7, -3, np.nan])
def test_flat_maps(value):
    figure = viz.feature_maps(np.full((4, 4), value, float))
    low, high = image(figure.axes[0]).get_clim()
    assert low < high


def test_an_image_before_and_after():
    rng = np.random.default_rng(0)
    photo, kernel = rng.integers(0, 256, (8, 12, 3), np.uint8), fc.kernels.get("sobel_x")
    edges = fc.correlate(photo[..., 0].astype(float), kernel)
    figure = viz.before_after(photo, edges, kernel=kernel, titles=("photo", "edges"))
    first, middle, last = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["photo", "kernel", "edges"]
    np.testing.assert_array_equal(image(first).get_array(), photo)
    np.testing.assert_array_equal(image(middle).get_array(), kernel)
    np.testing.assert_array_equal(image(last).get_array(), edges)
    assert_legible(figure)
    plain = viz.before_after(photo / 255 + 0.5, photo[..., 1])
    assert len(plain.axes) == 2
    assert image(plain.axes[0]).get_array().max() == 1


# -- receptive fields ----------------------------------------------------------------------------

STACKS = [
    [(3, 1, 1)],
    [(3, 1, 1), (2, 2), (3, 1, 1), (2, 2)],
    [(5, 2, 2), (3, 1, 0, 2), 3],
    [(1, 3), (4, 1, 2, 3)],
]


def dependence(stack, size, output):
    """The samples on which an output depends, found by changing each of them."""
    found = []
    for sample in range(size):
        x = np.zeros((1, size))
        x[0, sample] = 1
        for layer in stack:
            given = layer if isinstance(layer, tuple) else (layer,)
            kernel, stride, padding, dilation = (*given, *(1, 0, 1)[len(given) - 1 :])
            w = np.ones((1, 1, kernel))
            x = fc.conv1d(x, w, None, stride, padding, dilation)
        if x[0, output] != 0:
            found.append(sample)
    return found, x.shape[1]


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_receptive_fields_are_what_outputs_depend_on(stack):
    size, field = 40, viz.receptive_field_sizes(stack)[-1]
    _, count = dependence(stack, size, 0)
    for output in (0, count // 2, count - 1):
        found, _ = dependence(stack, size, output)
        first, last = field.span(output)
        assert last - first + 1 == field.size
        assert first == field.start + output * field.jump
        inside = [i for i in found if first <= i <= last]
        assert inside == found
        if first >= 0 and last < size:
            assert (found[0], found[-1]) == (first, last)


def colored(figure, level, color):
    found = set()
    for patch in figure.findobj(matplotlib.patches.Rectangle):
        name = (patch.get_gid() or "").split()
        same = matplotlib.colors.to_hex(patch.get_facecolor()) == color
        if same and name[:2] == ["level", str(level)]:
            found.add(int(name[3]))
    return found


@pytest.mark.parametrize("stack", STACKS, ids=str)
def test_a_pyramid_marks_what_the_output_depends_on(stack):
    found, count = dependence(stack, 36, 1)
    figure = viz.receptive_fields(stack, size=36, at=1)
    assert colored(figure, 0, "#ffd37a") == set(found)
    assert colored(figure, len(stack), "#5cc2a0") == {1}
    shown = [text.get_text() for text in texts(figure)]
    for field in viz.receptive_field_sizes(stack):
        assert f"field {field.size}, jump {field.jump}" in shown
    assert "36 samples" in shown
    assert len(colored(figure, len(stack), "#eef2f7")) == count - 1
    assert_legible(figure)


def test_fields_on_an_image_are_nested_frames():
    stack = [StackedLayer(3, 1, 1, name="conv"), StackedLayer(2, 2, name="pool"), (3, 1, 1)]
    figure = viz.receptive_fields(stack, image=np.ones((40, 50)), at=(9, 12))
    (ax,) = figure.axes
    frames = [(p.get_x() + 0.5, p.get_y() + 0.5, p.get_width()) for p in ax.patches]
    last = viz.receptive_field_sizes(stack)[-1]
    assert frames[-1] == (last.span(12)[0], last.span(9)[0], last.size) == (21, 15, 8)
    for (x, y, size), (outer_x, outer_y, outer) in pairwise(frames):
        assert outer_x <= x
        assert outer_y <= y
        assert x + size <= outer_x + outer
        assert y + size <= outer_y + outer
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["conv: 3×3, jump 1", "pool: 4×4, jump 2", "layer 3: 8×8, jump 2"]
    assert_legible(figure)
    assert_legible(viz.receptive_fields(stack, image=np.ones((20, 90, 3))))


# -- plans ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["auto", "direct"])
def test_a_plan_shows_what_it_prints(name):
    w = np.random.default_rng(0).normal(size=(9, 9))
    plan = fc.plan_correlate((512, 512), "f4", w.astype("f4"), algorithm=name)
    figure = viz.plan(plan)
    (ax,) = figure.axes
    shown = dict(zip([t.get_text() for t in ax.get_yticklabels()], words(ax), strict=True))
    for line in str(plan).splitlines():
        algorithm, _, verdict = line[2:].partition(" ")
        if algorithm not in shown:
            continue
        verdict = verdict.strip()
        if verdict.startswith("refuses: "):
            assert shown[algorithm] == verdict
        else:
            time = verdict.removesuffix(" ms predicted on one thread")
            chosen = ", chosen" if algorithm == plan.algorithm else ""
            assert shown[algorithm] == f" {time} ms{chosen}"
    lengths = [patch.get_x() + patch.get_width() for patch in ax.patches]
    assert lengths == sorted(lengths)
    orange = [p for p in ax.patches if matplotlib.colors.to_hex(p.get_facecolor()) == "#e69f00"]
    assert len(orange) == 1
    assert ax.get_title(loc="left").startswith("correlate 512x512 float32 -> 512x512 float32")
    assert_legible(figure)


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: viz.kernels("nothing"), ValueError, "nothing"),
        (lambda: viz.kernels(np.ones((2, 0))), ValueError, "kernels: w: got shape"),
        (lambda: viz.kernels(np.ones((101, 2, 2))), ValueError, "kernels: w: got 101 pictures"),
        (lambda: viz.kernels([1j]), TypeError, "kernels: w: got dtype complex"),
        (lambda: viz.kernels("emboss", columns=0), ValueError, "kernels: columns"),
        (lambda: viz.kernels(["emboss", "laplace"], ax="ax"), ValueError, "kernels: ax"),
        (lambda: viz.feature_maps(np.ones((2, 3, 4, 5))), ValueError, "feature_maps: maps"),
        (lambda: viz.feature_maps(np.ones((2, 4, 5)), titles=["a"]), ValueError, "1 titles"),
        (lambda: viz.before_after(np.ones(3), np.ones((3, 3))), ValueError, "before_after: before"),
        (lambda: viz.before_after(np.ones((3, 3)), np.ones((3, 3, 4))), ValueError, ": after: got"),
        (lambda: viz.plan("plan"), TypeError, "plan: plan: got str"),
        (lambda: viz.receptive_fields([]), ValueError, "receptive_fields: layers"),
        (lambda: viz.receptive_fields([0]), ValueError, "layers[0]: kernel: got 0"),
        (lambda: viz.receptive_fields([(3, 1, -1)]), ValueError, "layers[0]: padding: got -1"),
        (
            lambda: viz.receptive_fields([(1, 2, 3, 4, 5)]),
            ValueError,
            "receptive_fields: layers[0]",
        ),
        (lambda: viz.receptive_fields([5], size=4), ValueError, "a layer would have no output"),
        (lambda: viz.receptive_fields([5], size=65), ValueError, "allowed is up to 64"),
        (lambda: viz.receptive_fields([5], size=9, at=5), ValueError, "allowed is 0 to 4"),
        (lambda: viz.receptive_fields([5], image=np.ones((2, 9))), ValueError, "fields: image"),
    ],
)
def test_wrong_calls(call, kind, message):
    with pytest.raises(kind) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: viz.kernels("laplace"),
        lambda: viz.feature_maps(np.ones((2, 2))),
        lambda: viz.before_after(np.ones((2, 2)), np.ones((2, 2))),
        lambda: viz.receptive_fields([3]),
        lambda: viz.plan(fc.plan_correlate((3,), "f4", [1.0])),
    ],
)
def test_without_matplotlib(draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"Matplotlib is not installed: pip install"):
        draw()


def test_overlapping_texts_are_found():
    figure = matplotlib.figure.Figure()
    figure.text(0.5, 0.5, "one")
    assert_legible(figure)
    figure.text(0.51, 0.5, "two")
    with pytest.raises(AssertionError, match="'one' covers 'two'"):
        assert_legible(figure)
    figure.texts[1].set_position((0.99, 0.1))
    with pytest.raises(AssertionError, match="'two' is cut off on the right"):
        assert_legible(figure)
