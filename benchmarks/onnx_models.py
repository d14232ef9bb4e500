"""Models of ONNX with random weights, shaped like well-known networks."""

from __future__ import annotations

from typing import Any

import numpy as np


class Maker:
    """Adds nodes to a graph."""

    def __init__(self, onnx: Any, opset: int = 17) -> None:
        self.onnx, self.opset = onnx, opset
        self.rng = np.random.default_rng(0)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, array: Any, dtype: Any = None) -> str:
        name = f"c{len(self.constants)}"
        array = np.asarray(array, dtype)
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        name = f"t{len(self.nodes)}"
        results = [name, *(f"{name}.{n}" for n in range(1, outputs))]
        made = self.onnx.helper.make_node(
            kind, list(inputs), results, f"{kind} {name}", **attributes
        )
        self.nodes.append(made)
        return name

    def normal(self, *shape: int, mean: float = 0.0, spread: float = 0.1) -> str:
        return self.constant(mean + spread * self.rng.standard_normal(shape), "float32")

    def conv(self, x: str, channels: int, filters: int, taps: int, stride: int = 1, group: int = 1):
        terms = channels // group * taps * taps
        weight = self.normal(filters, channels // group, taps, taps, spread=(2 / terms) ** 0.5)
        y = self.node(
            "Conv", x, weight, kernel_shape=[taps] * 2, strides=[stride] * 2, group=group,
            pads=[(taps - 1) // 2] * 4, dilations=[1, 1],
        )  # fmt: skip
        statistics = [self.normal(filters, mean=mean) for mean in (1, 0, 0)]
        variance = self.constant(1 + 0.1 * self.rng.random(filters), "float32")
        return self.node("BatchNormalization", y, *statistics, variance, epsilon=1e-5)

    def gemm(self, x: str, features: int, classes: int) -> str:
        weight = self.normal(classes, features, spread=0.05)
        return self.node("Gemm", x, weight, self.normal(classes), transB=1)

    def model(self, shape: tuple[Any, ...], *results: str) -> Any:
        helper, kind = self.onnx.helper, self.onnx.TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes, "net", [helper.make_tensor_value_info("x", kind, shape)],
            [helper.make_tensor_value_info(name, kind, None) for name in results], self.constants,
        )  # fmt: skip
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 8
        return model


def mobilenet_v2(onnx: Any, size: int = 224, width: float = 1.0) -> Any:
    """Inverted residuals: expand, filter each channel, project."""
    m = Maker(onnx)
    low, high = m.constant(0, "float32"), m.constant(6, "float32")

    def channels(count: int) -> int:
        return max(8, int(count * width + 4) // 8 * 8)

    def relu6(x: str) -> str:
        return m.node("Clip", x, low, high)

    before = channels(32)
    x = relu6(m.conv("x", 3, before, 3, 2))
    for factor, count, times, first in [
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2),
        (6, 320, 1, 1),
    ]:  # fmt: skip
        for stride in (first, *[1] * (times - 1)):
            after, inside, y = channels(count), before * factor, x
            if factor > 1:
                y = relu6(m.conv(y, before, inside, 1))
            y = relu6(m.conv(y, inside, inside, 3, stride, inside))
            y = m.conv(y, inside, after, 1)
            x = m.node("Add", x, y) if stride == 1 and before == after else y
            before = after
    last = channels(1280)
    x = m.node("GlobalAveragePool", relu6(m.conv(x, before, last, 1)))
    return m.model((1, 3, size, size), m.gemm(m.node("Flatten", x, axis=1), last, 1000))


def resnet18(onnx: Any, size: int = 224, width: int = 64) -> Any:
    """Residual blocks of two 3×3 convolutions."""
    m = Maker(onnx)
    x = m.node("Relu", m.conv("x", 3, width, 7, 2))
    x = m.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    before = width
    for stage in range(4):
        after = width << stage
        for stride in (min(stage, 1) + 1, 1):
            y = m.conv(m.node("Relu", m.conv(x, before, after, 3, stride)), after, after, 3)
            skipped = m.conv(x, before, after, 1, stride) if stride > 1 else x
            x, before = m.node("Relu", m.node("Add", y, skipped)), after
    x = m.node("Reshape", m.node("GlobalAveragePool", x), m.constant([0, -1], "int64"))
    return m.model((1, 3, size, size), m.gemm(x, before, 1000))
