"""Conv and ConvTranspose of ONNX, as onnxruntime computes them where it is installed."""

from __future__ import annotations

import itertools

import numpy as np
import oracle
import pytest

import fastconv as fc

CONV = {1: fc.conv1d, 2: fc.conv2d, 3: fc.conv3d}
TRANSPOSE = {1: fc.conv_transpose1d, 2: fc.conv_transpose2d, 3: fc.conv_transpose3d}
SIZES = {1: (11,), 2: (9, 8), 3: (5, 6, 4)}


def answer(operator, x, w, bias, **attributes):
    """What onnxruntime says."""
    onnx = pytest.importorskip("onnx")
    ort = pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node(operator, ["x", "w", "b"], ["y"], **attributes)
    inputs = [
        helper.make_tensor_value_info(name, kind, array.shape)
        for name, array in zip("xwb", (x, w, bias), strict=True)
    ]
    output = helper.make_tensor_value_info("y", kind, None)
    model = helper.make_model(
        helper.make_graph([node], "one", inputs, [output]),
        opset_imports=[helper.make_opsetid("", 17)],
    )
    model.ir_version = 9
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x, "w": w, "b": bias})[0]


def assert_same(got, wanted):
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("rank", CONV)
def test_conv(rank, stride, dilation, groups, backend):
    x = oracle.samples((2, 4, *SIZES[rank]), np.float32)
    w = oracle.samples((6, 4 // groups, *(3, 2, 1)[:rank]), np.float32, 1)
    bias = oracle.samples((6,), np.float32, 2)
    how = {"strides": [stride] * rank, "dilations": [dilation] * rank, "group": groups}
    options = {"stride": stride, "dilation": dilation, "groups": groups, "backend": backend}
    paddings = {
        "NOTSET": [(1, 2), (0, 1), (2, 0)][:rank],
        "SAME_UPPER": "same",
        "SAME_LOWER": "same_lower",
        "VALID": "valid",
    }
    for auto_pad, padding in paddings.items():
        pads = {"auto_pad": auto_pad}
        if auto_pad == "NOTSET":
            pads["pads"] = [*(a for a, _ in padding), *(b for _, b in padding)]
        elif auto_pad != "VALID" and dilation > 1:
            continue  # onnxruntime takes no dilation into account there
        wanted = answer("Conv", x, w, bias, **how, **pads)
        assert_same(CONV[rank](x, w, bias, padding=padding, **options), wanted)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("rank", TRANSPOSE)
def test_conv_transpose(rank, stride, dilation, groups, backend):
    x = oracle.samples((2, 4, *SIZES[rank]), np.float32)
    w = oracle.samples((4, 6 // groups, *(3, 2, 2)[:rank]), np.float32, 1)
    bias = oracle.samples((6,), np.float32, 2)
    how = {"strides": [stride] * rank, "dilations": [dilation] * rank, "group": groups}
    options = {"stride": stride, "dilation": dilation, "groups": groups, "backend": backend}
    pads, beyond = [(1, 0), (0, 1), (1, 1)][:rank], range(stride)
    for padding, extra in itertools.product([pads, [(0, 0)] * rank], beyond):
        wanted = answer(
            "ConvTranspose",
            x,
            w,
            bias,
            pads=[*(a for a, _ in padding), *(b for _, b in padding)],
            output_padding=[extra] * rank,
            **how,
        )
        got = TRANSPOSE[rank](x, w, bias, padding=padding, output_padding=extra, **options)
        assert_same(got, wanted)
