"""ONNX's own tests of Conv and ConvTranspose, with operators that call fastconv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import fastconv as fc

from .packages import package

onnx = package("onnx")
reference = package("onnx.reference")
node = package("onnx.backend.test.case.node")
loader = package("onnx.backend.test.loader")
for operator in "conv", "convtranspose":
    package(f"onnx.backend.test.case.node.{operator}")  # which lists its tests

CONV = {1: fc.conv1d, 2: fc.conv2d, 3: fc.conv3d}
TRANSPOSE = {1: fc.conv_transpose1d, 2: fc.conv_transpose2d, 3: fc.conv_transpose3d}
PADDINGS = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}


def pairs(pads, rank):
    """ONNX lists all samples before, then all samples after."""
    return [(pads[i], pads[i + rank]) for i in range(rank)] if pads else 0


class Conv(reference.op_run.OpRun):
    op_domain = ""
    served = 0

    def _run(
        self,
        x,
        w,
        bias=None,
        auto_pad=None,
        dilations=None,
        group=None,
        kernel_shape=None,
        pads=None,
        strides=None,
    ):
        Conv.served += 1
        rank = w.ndim - 2
        padding = PADDINGS.get(auto_pad) or pairs(pads, rank)
        options = {"stride": strides or 1, "dilation": dilations or 1, "groups": group or 1}
        return (CONV[rank](x, w, bias, padding=padding, **options),)


class ConvTranspose(reference.op_run.OpRun):
    op_domain = ""
    served = 0

    def _run(
        self,
        x,
        w,
        bias=None,
        auto_pad=None,
        dilations=None,
        group=None,
        kernel_shape=None,
        output_padding=None,
        output_shape=None,
        pads=None,
        strides=None,
    ):
        ConvTranspose.served += 1
        rank = w.ndim - 2
        strides, dilations = strides or [1] * rank, dilations or [1] * rank
        output_padding = list(output_padding or [0] * rank)
        padding = pairs(pads, rank)
        if auto_pad in ("SAME_UPPER", "SAME_LOWER") and not output_shape:
            output_shape = [n * step for n, step in zip(x.shape[2:], strides, strict=True)]
        if output_shape:
            padding = []
            for i, wanted in enumerate(output_shape):
                extent = (w.shape[2 + i] - 1) * dilations[i] + 1
                size = (x.shape[2 + i] - 1) * strides[i] + extent + output_padding[i]
                output_padding[i] += max(wanted - size, 0)
                size = max(size, wanted)
                small, large = (size - wanted) // 2, (size - wanted + 1) // 2
                padding.append((small, large) if auto_pad == "SAME_UPPER" else (large, small))
        options = {"stride": strides, "dilation": dilations, "groups": group or 1}
        options |= {"padding": padding, "output_padding": output_padding}
        return (TRANSPOSE[rank](x, w, bias, **options),)


NODES = [
    case
    for case in node._NodeTestCases
    if {n.op_type for n in case.model.graph.node} <= {"Conv", "ConvTranspose"}
]
FILES = [
    case
    for kind in ("pytorch-converted", "pytorch-operator")
    for case in loader.load_model_tests(kind=kind)
    if "conv" in case.name.lower()
]


def test_all_cases_are_found():
    """As many as onnx 1.16 to 1.23 have, or more."""
    assert len(NODES) >= 17
    assert len(FILES) >= 30


def check(model, inputs, outputs, rtol, atol):
    served = Conv.served + ConvTranspose.served
    session = reference.ReferenceEvaluator(model, new_ops=[Conv, ConvTranspose])
    constants = {tensor.name for tensor in model.graph.initializer}
    names = [name for name in session.input_names if name not in constants]
    got = session.run(None, dict(zip(names, inputs, strict=True)))
    assert Conv.served + ConvTranspose.served > served
    for result, wanted in zip(got, outputs, strict=True):
        assert result.dtype == wanted.dtype
        np.testing.assert_allclose(result, wanted, rtol=rtol, atol=atol)


@pytest.mark.parametrize("case", NODES, ids=lambda case: case.name)
def test_node(case):
    for inputs, outputs in case.data_sets:
        check(case.model, inputs, outputs, case.rtol, case.atol)


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.name)
def test_file(case):
    folder = Path(case.model_dir)
    sets = sorted(folder.glob("test_data_set_*"))
    assert sets
    for data in sets:
        inputs, outputs = (
            [
                onnx.numpy_helper.to_array(onnx.load_tensor(str(file)))
                for file in sorted(data.glob(f"{direction}_*.pb"))
            ]
            for direction in ("input", "output")
        )
        model = onnx.load(str(folder / "model.onnx"))
        check(model, inputs, outputs, case.rtol, max(case.atol, 1e-6))
