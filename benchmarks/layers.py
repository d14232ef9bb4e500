"""Compare the layers of networks with other libraries, and print a table in Markdown.

    python -m benchmarks.layers ResNet-50 --batch 8

Ours run through plans, as the others compile or reorder the weights once where they can; each takes
the layout that it is faster in, for a network is laid out once.  They take turns in one process, in
bursts with pauses between them.
"""

import argparse
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

import fastconv
from fastconv.bench import circumstances
from fastconv.peers import Call, check

from .networks import NETWORKS, Layer
from .peers import bursts

PLANS = {1: fastconv.plan_conv1d, 2: fastconv.plan_conv2d, 3: fastconv.plan_conv3d}
LAST = {1: "NLC", 2: "NHWC", 3: "NDHWC"}


def arrays(layer: Layer, batch: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return samples, weights whose sums stay near one, and a bias."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, layer.channels, *[layer.size] * layer.rank), np.float32)
    shape = (layer.filters, layer.channels // layer.groups, *[layer.taps] * layer.rank)
    w = rng.standard_normal(shape, np.float32) / np.float32(np.sqrt(np.prod(shape[1:])))
    return x, w, rng.standard_normal(layer.filters, np.float32)


def ours(layer: Layer, batch: int, backend: str) -> Iterator[tuple[str, Call]]:
    """Yield a planned call for channels first, and one for channels last."""
    x, w, bias = arrays(layer, batch)
    how: dict[str, Any] = {
        "stride": layer.stride,
        "padding": layer.padding,
        "dilation": layer.dilation,
        "groups": layer.groups,
        "backend": backend,
    }
    make = PLANS[layer.rank]
    first = make(x.shape, x.dtype, w, bias, **how)
    yield backend, partial(first, x, first(x))
    y = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    last = make(y.shape, y.dtype, w, bias, layout=LAST[layer.rank], **how)
    out = last(y)
    yield f"{backend}, last", lambda: np.moveaxis(last(y, out), -1, 1)


def pytorch(layer: Layer, batch: int) -> Iterator[tuple[str, Call]]:
    """Yield PyTorch's layer for channels first, and for channels last where it has them."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(fastconv.get_num_threads())
    x, w, bias = map(torch.from_numpy, arrays(layer, batch))
    function = getattr(torch.nn.functional, f"conv{layer.rank}d")
    how = (layer.stride, layer.padding, layer.dilation, layer.groups)

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
    x, w, bias = arrays(layer, batch)
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
    x, w, bias = arrays(layer, batch)
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


PEERS = (pytorch, onnxruntime, openvino)


def table(name: str, batch: int, backends: list[str], rounds: int, seconds: float) -> None:
    """Print a row for each layer of a network, and how much less time all of them take."""
    columns: list[str] = []
    ratios: dict[str, list[tuple[int, float]]] = {backend: [] for backend in backends}
    totals: dict[str, float] = {}
    for layer in NETWORKS[name]:
        own = [list(ours(layer, batch, backend)) for backend in backends]
        others = [pair for peer in PEERS for pair in peer(layer, batch)]
        calls = dict([pair for pairs in own for pair in pairs] + others)
        check(calls)
        times = bursts(calls, rounds, seconds)
        best = min((times[k] for k, _ in others), default=np.nan)
        mine = [min(times[k] for k, _ in pairs) for pairs in own]
        if not columns:
            columns = list(times)
            header = [name, *columns, "GFLOP/s", *(f"best peer / {b}" for b in backends)]
            print(f"| {' | '.join(header)} |\n|{'---|' * len(header)}")
        cells = [f"{1e3 * times[column]:.3g}" if column in times else "–" for column in columns]
        speed = batch * layer.operations / min(mine) / 1e9
        for backend, own_time in zip(backends, mine, strict=True):
            ratios[backend].append((layer.count, best / own_time))
        row = [f"{layer.count} × {layer}", *cells, f"{speed:.0f}"]
        row += [f"{best / t:.2f}" for t in mine]
        print(f"| {' | '.join(row)} |", flush=True)
        for k, t in times.items():
            totals[k] = totals.get(k, 0.0) + layer.count * t
    print()
    print("All layers, ms: " + ", ".join(f"{k} {1e3 * t:.3g}" for k, t in totals.items()))
    for backend, found in ratios.items():
        counts, values = np.array(found).T
        mean = np.exp(np.average(np.log(values), weights=counts))
        print(f"Geometric mean of best peer / {backend}: {mean:.2f}, least {values.min():.2f}")
    print()


def main() -> None:
    """Print the tables of the networks that are named, or of all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers")
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument("--batch", type=int, default=1, help="images; default: %(default)s")
    parser.add_argument("--backends", nargs="+", default=[*fastconv.available_backends()][:2])
    parser.add_argument("--rounds", type=int, default=4, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="a row; default: %(default)s")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.networks if name not in NETWORKS]
    if unknown:
        parser.error(f"no such network: {', '.join(unknown)}")
    print(*circumstances(fastconv.get_num_threads()), sep="; ")
    print("Milliseconds are medians; channels come first, or last where it is said.", end="\n\n")
    for name in arguments.networks or NETWORKS:
        table(name, arguments.batch, arguments.backends, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
