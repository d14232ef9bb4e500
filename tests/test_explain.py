"""`fastconv.explain`: its numbers are those of the call, and its words say where they come from."""

from __future__ import annotations

import json
import re
from functools import partial
from itertools import product

import numpy as np
import oracle
import pytest
from tolerance import assert_close

import fastconv as fc


def explained_everywhere(explain, shape):
    """The results of all explanations, as an array."""
    found = [explain(at=at) for at in np.ndindex(shape)]
    for e in found:
        assert e.exists
        for tap in e.taps:
            assert tap.product == pytest.approx(tap.weight * tap.sample, rel=1e-6, nan_ok=True)
    return np.array([e.result for e in found]).reshape(shape)


def check(reference, result, shape, explain, **how):
    """Compare explanations of all outputs with the call's own result, and both with the oracle."""
    assert result.shape == shape
    expected = reference.everywhere()
    assert_close(explained_everywhere(explain, shape).astype(result.dtype), expected, **how)
    assert_close(result, expected, **how)


# -- the numbers ---------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
@pytest.mark.parametrize("mode", ["same", "valid", "full"])
@pytest.mark.parametrize("call", ["correlate", "convolve"])
def test_every_output_of_an_image(call, mode, boundary):
    x, w = oracle.samples((5, 6), "float64"), oracle.samples((2, 3), "float64", seed=1)
    for stride, dilation in product((1, (2, 3)), (1, (3, 2))):
        how = {"mode": mode, "boundary": boundary, "cval": 2.5, "stride": stride}
        how["dilation"] = dilation
        if mode == "same":
            how["origin"] = (-1, 1) if call == "correlate" else (1, 1)
        result = getattr(fc, call)(x, w, **how)
        explain = partial(fc.explain, x, w, call=call, **how)
        check(getattr(oracle, call)(x, w, **how), result, result.shape, explain)


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_every_rank_with_batches_and_axes(rank):
    x, w = oracle.samples((4, 5, 2, 3)[: rank + 1], "float32"), np.ones((2, 3, 2)[:rank], "f4")
    axes = (2, 0, 1)[:rank] if rank == 3 else tuple(range(rank))
    how = {"axes": axes, "boundary": "wrap", "stride": 2}
    explain = partial(fc.explain, x, w, **how)
    result = fc.correlate(x, w, **how)
    check(oracle.correlate(x, w, **how), result, result.shape, explain)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("layout", ["first", "last"])
def test_every_output_of_a_layer(rank, layout):
    x = oracle.samples((2, 4, 5, 3, 4)[: rank + 2], "float64")
    w = oracle.samples((6, 2, *(3, 2, 2)[:rank]), "float64", seed=1)
    bias = oracle.samples((6,), "float64", seed=2)
    pads = [(1, 2), (0, 1), (1, 0)][:rank]
    how = {"stride": 2, "padding": pads, "groups": 2, "dilation": 1}
    how |= {"boundary": "nearest", "activation": "relu"}
    call = f"conv{rank}d"
    expected = oracle.conv(x, w, bias, **how).everywhere()
    moved = np.moveaxis(x, 1, -1) if layout == "last" else x
    how["layout"] = {1: ("NCL", "NLC"), 2: ("NCHW", "NHWC"), 3: ("NCDHW", "NDHWC")}[rank][
        layout == "last"
    ]
    result = getattr(fc, call)(moved, w, bias, **how)
    explain = partial(fc.explain, moved, w, bias, call=call, **how)
    found = explained_everywhere(explain, result.shape)
    assert_close(np.moveaxis(found, -1, 1) if layout == "last" else found, expected)
    np.testing.assert_allclose(found, result, rtol=1e-12, atol=1e-12)
    assert (found == 0).any()
    assert (found > 0).any()
    single = fc.explain(moved[0], w, bias, at=(0,) * (rank + 1), call=call, **how)
    assert single.result == found[0].ravel()[0]


@pytest.mark.parametrize("padding", ["same", "same_lower", "valid", 2])
def test_named_paddings(padding):
    x, w = oracle.samples((1, 1, 7), "float64"), oracle.samples((1, 1, 4), "float64", seed=1)
    for stride, dilation in product((1, 2, 3), (1, 2)):
        how = {"padding": padding, "stride": stride, "dilation": dilation}
        result = fc.conv1d(x, w, **how)
        explain = partial(fc.explain, x, w, call="conv1d", **how)
        found = explained_everywhere(explain, result.shape)
        np.testing.assert_allclose(found, result, rtol=1e-12, atol=1e-12)
        (axis,) = explain(at=(0, 0, 0)).axes
        room = axis.size + axis.before + axis.after - axis.extent
        assert room // stride + 1 == result.shape[-1]
        assert axis.left_over == room % stride


DTYPES = ["bool", "uint8", "int8", "int64", "uint64", "float16", "float32", "complex64"]


@pytest.mark.parametrize("x_dtype", DTYPES)
@pytest.mark.parametrize("w_dtype", ["int8", "uint64", "float32", "complex128"])
def test_dtypes_are_rounded_and_saturate_as_in_the_call(x_dtype, w_dtype):
    x, w = oracle.samples((6,), x_dtype), oracle.samples((3,), w_dtype, seed=1)
    result = fc.correlate(x, w, boundary="mirror")
    found = [fc.explain(x, w, at=i, boundary="mirror") for i in range(6)]
    assert {e.dtype for e in found} == {result.dtype}
    check(
        oracle.correlate(x, w, boundary="mirror"),
        result,
        (6,),
        partial(fc.explain, x, w, boundary="mirror"),
        compute=np.result_type(x_dtype, w_dtype, "f4"),
    )


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float16", "int64"])
def test_the_dtype_of_the_result(dtype):
    for x, w in [([250, 3, 7], [1, 2]), ([0.5, 1.5, 300.7], [1.0, 0.0]), ([1e30, -1e30], [1.0])]:
        x, w = np.array(x), np.array(w)
        wanted = fc.correlate(x, w, dtype=dtype)
        found = [fc.explain(x, w, at=i, dtype=dtype) for i in range(len(x))]
        np.testing.assert_array_equal([e.result for e in found], wanted)
        assert {e.result.dtype for e in found} == {np.dtype(dtype)}


def test_saturation_is_a_step():
    x = np.full((3, 3), 200, np.uint8)
    e = fc.explain(x, np.ones((3, 3), np.uint8), at=(1, 1))
    assert [(s.name, int(s.value)) for s in e.steps] == [
        ("sum of products", 1800),
        ("result (uint8)", 255),
    ]


def test_factors_are_multiplied_exactly():
    factors = np.array([100, -100], np.int8), np.array([50, 3, 100], np.int8)
    x = oracle.samples((4, 4), "int8")
    result = fc.correlate(x, factors, dtype="int64")
    check(
        oracle.correlate(x, factors),
        result,
        (4, 4),
        partial(fc.explain, x, factors, dtype="int64"),
    )
    assert fc.explain(x, factors, at=(1, 1)).weights.tolist() == [
        [[5000, 300, 10000], [-5000, -300, -10000]]
    ]


def test_rectified_integers_of_any_size():
    x = np.array([[[1 << 63, 1, 1 << 62]]], np.uint64)
    w = np.array([[[1 << 40]], [[-(1 << 40)]]])
    e = [fc.explain(x, w, at=(0, k, 0), call="conv1d", activation="relu") for k in (0, 1)]
    assert [each.sum for each in e] == [1 << 103, -(1 << 103)]
    wanted = fc.conv1d(x, w, activation="relu")[0, :, 0]
    np.testing.assert_array_equal([each.result for each in e], wanted)


def test_nan_and_infinity_arrive():
    x = np.array([1.0, np.nan, 2.0, np.inf, -np.inf])
    wanted = fc.correlate(x, [1.0, 1.0])
    found = [fc.explain(x, [1.0, 1.0], at=i).result for i in range(5)]
    np.testing.assert_array_equal(found, wanted)


def test_an_axis_without_samples_holds_the_constant():
    e = fc.explain(np.ones((0, 2)), np.ones((3, 1)), at=(1, 0), mode="full", cval=4.0)
    assert (e.result, e.out_shape) == (12.0, (2, 2))


def test_an_explanation_keeps_its_numbers():
    x, w = np.arange(5.0), np.ones(3)
    e = fc.explain(x, w, at=2)
    before = str(e)
    x[:], w[:] = 0, 7
    assert str(e) == before
    assert e.weights.tolist() == [[1, 1, 1]]


# -- taps ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_taps_say_where_their_samples_come_from(boundary):
    x = np.arange(12.0).reshape(3, 4)
    w = np.arange(1.0, 16).reshape(5, 3)
    for call in ("correlate", "convolve"):
        e = fc.explain(x, w, at=(0, 3), call=call, boundary=boundary, cval=-1.0)
        assert len({tap.weight_index for tap in e.taps}) == 15
        for tap in e.taps:
            assert w[tap.weight_index] == tap.weight
            along = list(zip(tap.coordinate, x.shape, strict=True))
            folded = [oracle.source(boundary, i, n) for i, n in along]
            assert tap.source == (None if None in folded else tuple(folded))
            assert tap.sample == (-1.0 if tap.source is None else x[tap.source])
            assert tap.outside == (not all(0 <= i < n for i, n in along))
        assert sum(tap.product for tap in e.taps) == e.sum == e.result


def test_taps_of_a_layer_name_channels():
    x, w = np.arange(40.0).reshape(1, 4, 10), np.arange(16.0).reshape(4, 2, 2)
    e = fc.explain(x, w, at=(0, 3, 4), call="conv1d", groups=2, stride=2)
    assert [tap.weight_index for tap in e.taps] == [(3, 0, 0), (3, 0, 1), (3, 1, 0), (3, 1, 1)]
    assert [tap.coordinate for tap in e.taps] == [(0, 2, 8), (0, 2, 9), (0, 3, 8), (0, 3, 9)]
    assert all(x[tap.source] == tap.sample and not tap.outside for tap in e.taps)
    assert list(e.channels) == [2, 3]


# -- strides -------------------------------------------------------------------------------------


@pytest.mark.parametrize("boundary", oracle.BOUNDARIES)
def test_samples_that_no_output_reads(boundary):
    for n, k, stride, dilation in product((1, 7, 12), (1, 2, 5), (1, 3, 4), (1, 2, 9)):
        how = {"boundary": boundary, "stride": stride, "dilation": dilation}
        reads = fc.explain(np.ones(n), np.ones(k), at=0, **how).axes[0]
        read = set()
        for at in range(reads.outputs):
            read |= set(fc.explain(np.ones(n), np.ones(k), at=at, **how).axes[0].sources)
        assert set(reads.unread) == set(range(n)) - read


def test_what_the_stride_leaves_over():
    x, w = np.ones((1, 1, 8, 9)), np.ones((1, 1, 3, 3))
    rows, columns = fc.explain(x, w, at=(0, 0, 0, 0), call="conv2d", stride=(2, 3)).axes
    assert (rows.left_over, rows.unread) == (1, (7,))
    assert (columns.left_over, columns.unread) == (0, ())
    gaps = fc.explain(np.ones(7), np.ones(2), at=0, stride=3, mode="valid")
    assert gaps.axes[0].unread == (2, 5, 6)
    assert "no output reads the 3 samples 2, 5, 6" in str(gaps)
    assert "the stride does not fit: 2 positions at the end are left over" in str(gaps)


# -- positions that do not exist -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ((0, 0, 3, 0), "output 3 would begin at 3 * 2 - 1 = 5; its window would end at 7, but"),
        ((0, 0, 0, -1), "output -1 would begin at -1 * 2 - 1 = -3; outputs count from 0"),
    ],
)
def test_a_position_that_does_not_exist_is_explained(at, words):
    x, w = np.ones((1, 1, 5, 5)), np.ones((1, 1, 3, 3))
    e = fc.explain(x, w, [1.0], at=at, call="conv2d", stride=2, padding=1)
    assert (e.exists, e.result, e.sum, e.bias, e.taps) == (False, None, None, None, ())
    assert e.samples.size == e.products.size == 0
    text = str(e)
    assert text.startswith(f"conv2d: out[{', '.join(map(str, at))}] does not exist")
    assert words in text
    assert "(5 samples + 1 before + 1 after - window of 3) // stride 2 + 1 = 3 outputs" in text
    assert "does not exist" in e._repr_html_()
    assert not e.to_dict()["exists"]


def test_the_last_output_of_same_and_its_neighbour():
    for n, k, stride in product((5, 6), (2, 3, 4), (1, 2, 3)):
        count = len(fc.correlate(np.ones(n), np.ones(k), stride=stride))
        assert fc.explain(np.ones(n), np.ones(k), at=count - 1, stride=stride).exists
        assert not fc.explain(np.ones(n), np.ones(k), at=count, stride=stride).exists


# -- text, HTML, plain data ----------------------------------------------------------------------


def test_text_of_an_image():
    x = np.arange(30).reshape(5, 6)
    e = fc.explain(x, [[0, 1, 0], [1, -4, 1], [0, 1, 0]], at=(0, 5), boundary="nearest")
    assert (
        str(e)
        == repr(e)
        == """\
correlate: out[0, 5] = 5

window                kernel     products
      4    5     6
-1   (4)  (5)   (5)   0   1  0   0    5  0
 0    4    5    (5)   1  -4  1   4  -20  5
 1   10   11   (11)   0   1  0   0   11  0
( ): beyond the edge

sum of products  5
result (int64)   5

axis 0: (5 samples + 1 before + 1 after - window of 3) // stride 1 + 1 = 5 outputs
  output 0 begins at 0 * 1 - 1 = -1 and reads -1, 0, 1
  boundary 'nearest': -1 is sample 0
  the stride fits; every sample is read
axis 1: (6 samples + 1 before + 1 after - window of 3) // stride 1 + 1 = 6 outputs
  output 5 begins at 5 * 1 - 1 = 4 and reads 4, 5, 6
  boundary 'nearest': 6 is sample 5
  the stride fits; every sample is read"""
    )


def test_text_of_a_layer():
    x, w = np.ones((1, 2, 4)), np.array([[[1.0, 0.5]] * 2])
    text = str(fc.explain(x, w, [-4.0], at=(0, 0, 1), call="conv1d", activation="relu"))
    for words in (
        "channel 0:\ncoordinate  1    2\nsample      1    1\n"
        "weight      1  0.5\nproduct     1  0.5",
        "sum of products          3\nbias                    -4\nsum of products + bias  -1\n"
        "relu: max(0, sum)        0\nresult (float64)         0",
    ):
        assert words in text


def test_a_flipped_kernel_is_called_so():
    text = str(fc.explain(np.ones((3, 3)), [[1, 2], [3, 4]], at=(1, 1), call="convolve"))
    assert "kernel, flipped" in text
    assert re.search(r"4 +3 +4 +3\n.*2 +1 +2 +1\n", text)


def test_large_windows_are_abridged_and_still_complete():
    x, w = oracle.samples((1, 32, 40, 40), "float32"), oracle.samples((1, 32, 21, 21), "float32")
    e = fc.explain(x, w, at=(0, 0, 5, 5), call="conv2d")
    text, html = str(e), e._repr_html_()
    assert len(text.splitlines()) < 60
    assert max(map(len, text.splitlines())) < 300
    assert len(html) < 60_000
    shown = e.products[:3].sum()
    assert len(e.taps) == 32 * 21 * 21
    left = re.search(r"and 29 more channels, whose products sum to (\S+)", text)
    assert float(left[1]) + shown == pytest.approx(e.sum, rel=1e-4)
    one_line = fc.explain(np.arange(1000.0), np.ones(301), at=500)
    assert max(map(len, str(one_line).splitlines())) < 120
    assert "reads 350 … 650" in str(one_line)


def test_html_is_escaped_and_complete():
    e = fc.explain(np.arange(4), [1, 0, -1], at=0, boundary="constant")
    html = e._repr_html_()
    assert html.count("<table") == html.count("</table>") == 4
    assert "<script" not in html
    assert "boundary &#x27;constant&#x27;" in html
    assert re.findall(r'<td class="(\w+)">(-?\d+)</td>', html) == [
        ("outside", "0"),
        ("minus", "-1"),
    ]


def test_plain_data_goes_through_json():
    x = np.array([1.0, np.inf, 2.0], "f4")
    e = fc.explain(x, np.array([1.0, 2.0, 3.0], "f4"), at=0, boundary="symmetric")
    data = json.loads(json.dumps(e.to_dict(), allow_nan=False))
    assert data["result"] == data["sum"] == "inf"
    assert data["at"] == [0]
    assert [tap["product"] for tap in data["taps"]] == [1.0, 2.0, "inf"]
    assert data["axes"][0]["coordinates"] == [-1, 0, 1]
    assert data["axes"][0]["sources"] == [0, 0, 1]
    assert data["text"] == str(e)
    json.dumps(fc.explain(x, [1j], at=0).to_dict(), allow_nan=False)
    json.dumps(fc.explain([1 << 62], [4], at=0, dtype="f8").to_dict(), allow_nan=False)


# -- wrong calls ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ({"at": 0}, ValueError, "explain: at: got 0, allowed is 2 whole numbers"),
        ({"at": (0, 0, 0)}, ValueError, "explain: at"),
        ({"at": (0.5, 0)}, TypeError, "explain: at: got 0.5, allowed is a whole number"),
        ({"call": "conv_transpose2d"}, ValueError, "explain: call: got 'conv_transpose2d'"),
        ({"call": fc.correlate}, TypeError, "explain: call"),
        ({"padding": 1}, TypeError, "explain: got padding=, allowed is a keyword that changes"),
        ({"bias": [1.0]}, TypeError, "explain: bias"),
        ({"stride": 0}, ValueError, "explain: stride"),
        ({"boundary": "reflect"}, ValueError, "'reflect' has two meanings"),
        ({"axes": (0, 0)}, ValueError, "explain: axes"),
        ({"call": "conv2d"}, ValueError, "explain: x: got shape"),
    ],
)
def test_wrong_calls(how, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        fc.explain(np.ones((4, 4)), np.ones((3, 3)), **{"at": (0, 0), **how})


def test_other_axes_have_no_windows():
    x, w = np.ones((2, 3, 5)), np.ones((4, 3, 3))
    for at in ((2, 0, 0), (0, 4, 0), (-1, 0, 0)):
        with pytest.raises(ValueError, match=r"allowed is 0 to \d along axis \d"):
            fc.explain(x, w, at=at, call="conv1d")
