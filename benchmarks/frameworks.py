"""Layers in PyTorch, onnxruntime and OpenVINO, as far as these are installed."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import fastconv

from .cases import Call
from .networks import Layer


def pytorch_step(layer: Layer, step: str, batch: int) -> Call:
    """Return PyTorch's call for one step of training, without autograd."""
    import torch

    torch.set_num_threads(fastconv.get_num_threads())
    x, w, gy = map(torch.from_numpy, (*layer.arrays(batch)[:2], layer.gradient(batch)))
    how = [[n] * layer.rank for n in (layer.stride, layer.padding, layer.dilation)]

    def backward(*wanted: bool) -> Any:
        made = torch.ops.aten.convolution_backward(
            gy, x, w, None, *how, False, [0] * layer.rank, layer.groups, [*wanted, False]
        )
        return made[0] if wanted[0] else made[1]

    if step == "forward":
        function = getattr(torch.nn.functional, f"conv{layer.rank}d")
        return partial(function, x, w, None, *how, layer.groups)
    return partial(backward, step == "input", step == "weight")


def pytorch(layer: Layer, batch: int) -> Iterator[tuple[str, Call]]:
    """Yield PyTorch's layer with channels first and, if supported, with channels last."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(fastconv.get_num_threads())
    x, w, bias = map(torch.from_numpy, layer.arrays(batch))
    function = getattr(torch.nn.functional, f"conv{layer.rank}d")
    how = tuple(layer.options.values())

    def call(x: Any, w: Any) -> Call:
        def run() -> Any:
            with torch.inference_mode():
                return function(x, w, bias, *how)

        return run

    yield "PyTorch", call(x, w)
    if layer.rank > 1:
        last = torch.channels_last if layer.rank == 2 else torch.channels_last_3d
        yield "PyTorch, last", call(x.to(memory_format=last), w.to(memory_format=last))


def onnxruntime(layer: Layer, batch: int) -> Iterator[tuple[str, Call]]:
    """Yield onnxruntime's Conv."""
    try:
        import onnx
        import onnxruntime as ort
    except ImportError:
        return
    x, w, bias = layer.arrays(batch)
    node = onnx.helper.make_node(
        "Conv",
        ["x", "w", "b"],
        ["y"],
        pads=[layer.padding] * 2 * layer.rank,
        strides=[layer.stride] * layer.rank,
        dilations=[layer.dilation] * layer.rank,
        group=layer.groups,
    )
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "layer",
        [onnx.helper.make_tensor_value_info("x", kind, x.shape)],
        [onnx.helper.make_tensor_value_info("y", kind, None)],
        [onnx.numpy_helper.from_array(w, "w"), onnx.numpy_helper.from_array(bias, "b")],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 9
    options = ort.SessionOptions()
    options.intra_op_num_threads = fastconv.get_num_threads()
    options.log_severity_level = 3
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    yield "onnxruntime", lambda: session.run(None, {"x": x})[0]


def openvino(layer: Layer, batch: int) -> Iterator[tuple[str, Call]]:
    """Yield OpenVINO's Convolution."""
    try:
        import openvino
        from openvino import opset13 as ops
    except ImportError:
        return
    x, w, bias = layer.arrays(batch)
    how = (
        [layer.stride] * layer.rank,
        [layer.padding] * layer.rank,
        [layer.padding] * layer.rank,
        [layer.dilation] * layer.rank,
    )
    samples = ops.parameter(x.shape, np.float32)
    if layer.groups == 1:
        sums = ops.convolution(samples, ops.constant(w), *how)
    else:
        grouped = w.reshape(layer.groups, -1, *w.shape[1:])
        sums = ops.group_convolution(samples, ops.constant(grouped), *how)
    offset = ops.constant(bias.reshape(1, -1, *[1] * layer.rank))
    model = openvino.Model([ops.add(sums, offset)], [samples], "layer")
    threads = {
        "INFERENCE_NUM_THREADS": fastconv.get_num_threads(),
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = openvino.Core().compile_model(model, "CPU", threads).create_infer_request()

    def call() -> Any:
        request.infer({0: x}, share_inputs=True)
        return request.get_output_tensor().data

    yield "OpenVINO", call


def planned(layer: Layer, batch: int) -> dict[str, Call]:
    """Return the calls of all libraries, with weights that are prepared in advance."""
    return dict(
        pair for library in (pytorch, onnxruntime, openvino) for pair in library(layer, batch)
    )
