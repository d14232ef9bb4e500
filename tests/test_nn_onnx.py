"""Networks for inference: frozen layers, and models of ONNX as onnxruntime computes them."""

from __future__ import annotations

import threading

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastconv as fc
from benchmarks import onnx_models
from fastconv import nn
from fastconv.run import elementwise

# -- frozen layers --------------------------------------------------------------------------------


def trained(rank=2, dtype="float32"):
    """A network of every kind of layer that folds or rectifies, with statistics of its own."""
    conv, transposed = getattr(nn, f"Conv{rank}d"), getattr(nn, f"ConvTranspose{rank}d")
    norm, how = getattr(nn, f"BatchNorm{rank}d"), {"dtype": dtype}
    net = nn.Sequential(
        conv(4, 8, 3, 2, 1, groups=2, rng=0, **how), norm(8, **how), nn.ReLU6(),
        nn.Add(
            nn.Sequential(conv(8, 8, 1, bias=False, rng=1, **how), norm(8, **how)),
            nn.Identity(),
            nn.Sequential(nn.Dropout(), nn.Tanh()),
        ),
        nn.ReLU(), norm(8, **how),
        transposed(8, 6, 2, 2, groups=2, rng=2, **how), norm(6, **how), nn.ReLU(),
        nn.GlobalAvgPool(), nn.Flatten(),
        nn.Linear(6, 5, rng=3, **how), nn.BatchNorm1d(5, **how), nn.ReLU(), nn.Softmax(),
    )  # fmt: skip
    for seed in range(5):
        net(3 * oracle.samples((4, 4, *[9] * rank), dtype, seed))
    return net.eval()


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_frozen_networks_give_the_same(rank, backend):
    with fc.use_backend(backend):
        net = trained(rank)
        frozen, before = nn.freeze(net), net.state_dict()
        for count in (1, 3, 1):
            x = oracle.samples((count, 4, *[9 + count] * rank), "float32")
            kept = x.copy()
            y = frozen(x)
            assert_allclose(y, net(x), rtol=0, atol=1e-5)
            again = frozen(x)
            assert_array_equal(again, y)
            assert not np.may_share_memory(again, y)
            assert_array_equal(x, kept)
        for name, array in net.state_dict().items():
            assert_array_equal(array, before[name])
        for each in net.parameters:
            each.value[...] = 0
        assert_array_equal(frozen(x), y)
    assert "Frozen(10 operations" in repr(frozen)


def test_results_stay_what_they_were():
    """Memory is used again for intermediate results, never for those that were returned."""
    net = nn.freeze(nn.Sequential(nn.Conv2d(1, 2, 3, rng=0), nn.Flatten()))
    x = oracle.samples((2, 1, 5, 5), "float32")
    first = net(x)
    kept = first.copy()
    net(-x)
    assert_array_equal(first, kept)
    doubled = nn.freeze(nn.Add(nn.Identity(), nn.ReLU(), nn.Identity()))
    assert_array_equal(doubled(x), x + np.maximum(x, 0) + x)
    for same in (nn.Sequential(), nn.Sequential(nn.Pad(0)), nn.Sequential(nn.Flatten(3))):
        assert_array_equal(nn.freeze(same)(x), x)
        assert not np.may_share_memory(nn.freeze(same)(x), x)


def test_sums_of_large_maps_are_taken_in_blocks(monkeypatch):
    branches = [nn.Conv2d(3, 5, 3, padding=1, rng=seed) for seed in (1, 2)]
    tail = nn.Sequential(nn.Conv2d(5, 4, 1, rng=3), nn.ReLU6())
    net = nn.Sequential(nn.Add(*branches), nn.ReLU(), tail)
    x = oracle.samples((2, 3, 6, 7), "float32")
    wanted = net(x)
    monkeypatch.setattr(elementwise, "BLOCK_ITEMS", 11)
    monkeypatch.setattr(elementwise, "MIN_THREAD_ITEMS", 20)
    fast = nn.freeze(net)
    for _ in range(2):
        assert_allclose(fast(x), wanted, atol=1e-6)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_maps_in_any_order(layout):
    """Channels move behind the maps inside; pooling, sums and flattening see to it."""
    how = {"layout": layout}
    net = nn.Sequential(
        nn.Conv2d(4, 6, 3, rng=0, **how), nn.MaxPool2d(3, 2, 1, **how), nn.ReLU(),
        nn.Add(nn.AvgPool2d(2, 1, **how), nn.Conv2d(6, 6, 2, rng=1, **how)), nn.LeakyReLU(),
        nn.Add(nn.Conv2d(6, 6, 1, rng=1, **how), nn.Pad(0)), nn.Flatten(), nn.Linear(96, 3, rng=2),
    ).eval()  # fmt: skip
    x = oracle.samples((3, 4, 12, 12), "float32")
    x = x if layout == "NCHW" else np.moveaxis(x, 1, -1)
    for part in (net, net[:2], net[:4], net[:6]):
        wanted, found = part(x), nn.freeze(part)(x)
        assert found.flags.c_contiguous
        assert_allclose(found, wanted, rtol=0, atol=1e-5)


def test_memory_does_not_grow_with_the_sizes_of_batches():
    net = nn.freeze(nn.Sequential(*(nn.Conv2d(1, 1, 3, 1, 1, rng=n) for n in range(4))))
    for size in range(8, 40):
        net(np.ones((1, 1, size, size), "float32"))
    (arena,) = net._arenas
    assert sum(block.size for block in arena._free) <= 3 * 39 * 39 * 4


def test_threads_share_a_frozen_network():
    net, errors = nn.freeze(trained()), []
    batches = [oracle.samples((n, 4, 8 + n, 9), "float32") for n in (1, 2, 3)]
    wanted = [net(x) for x in batches]

    def work(number):
        for step in range(20):
            which = (number + step) % 3
            if not np.array_equal(net(batches[which]), wanted[which]):
                errors.append(which)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not errors


def test_a_normalization_that_is_read_twice_stays():
    conv = nn.Sequential(nn.Conv2d(2, 2, 1, rng=0), nn.Add(nn.BatchNorm2d(2), nn.ReLU()))
    x = oracle.samples((2, 2, 4, 4), "float32")
    conv(x)
    assert_allclose(nn.freeze(conv)(x), conv.eval()(x), atol=1e-6)
    with pytest.raises(ValueError, match="BatchNorm2d has no running statistics"):
        nn.freeze(nn.Sequential(nn.BatchNorm2d(2, track_running_stats=False)))
    with pytest.raises(TypeError, match="freeze: net"):
        nn.freeze(3)
    with pytest.raises(TypeError, match="got 2 arrays, allowed is 1"):
        nn.freeze(conv)(x, x)
    with pytest.raises(ValueError, match=r"conv2d: .*3 channels"):
        nn.freeze(conv)(x[:, [0, 1, 1]])


def test_a_result_that_a_sum_reads_more_than_once():
    same = nn.Add(nn.Identity(), nn.Identity(), nn.Identity())
    net = nn.Sequential(nn.Conv2d(4, 3, 3, rng=0), same).eval()
    x = oracle.samples((2, 4, 7, 8), "float32")
    assert_allclose(nn.freeze(net)(x), net(x), rtol=0, atol=1e-5)


def test_normalization_behind_channels_that_are_last():
    """It is of axis 1, a filtered one here, even where that is as long as the channels."""
    net = nn.Sequential(nn.Conv2d(2, 4, 3, layout="NHWC", rng=0), nn.BatchNorm2d(4))
    x = oracle.samples((3, 6, 7, 2), "float32")
    net(x)
    assert_allclose(nn.freeze(net)(x), net.eval()(x), rtol=0, atol=1e-5)


class DoubledConv(nn.Conv2d):
    def __call__(self, x):
        return 2 * super().__call__(x)


class DoubledSequential(nn.Sequential):
    def __call__(self, x):
        return 2 * super().__call__(x)


class TripledReLU(nn.ReLU):
    def _forward(self, x):
        y, kept = super()._forward(x)
        return 3 * y, kept


class Pool(nn.MaxPool2d):
    def __init__(self):
        super().__init__(2)


@pytest.mark.parametrize(
    "layer",
    [
        DoubledConv(3, 3, 3, rng=1),
        DoubledSequential(nn.Conv2d(3, 3, 1, rng=1), nn.ReLU()),
        TripledReLU(),
        Pool(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_layers_that_extend_others_are_called_as_they_are(layer):
    net = nn.Sequential(nn.Conv2d(2, 3, 3, rng=0), layer).eval()
    x = oracle.samples((1, 2, 8, 8), "float32")
    assert_allclose(nn.freeze(net)(x), net(x), rtol=0, atol=1e-5)


# -- onnxruntime ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def onnx():
    pytest.importorskip("onnxruntime")
    return pytest.importorskip("onnx")


def compare(model, *batches, atol=1e-5):
    import onnxruntime

    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    net = nn.load_onnx(data)
    for x in batches:
        wanted = session.run(None, {"x": x})
        found = net(x)
        for y, theirs in zip(found if len(wanted) > 1 else [found], wanted, strict=True):
            assert y.shape == theirs.shape
            assert_allclose(y, theirs, rtol=0, atol=atol * max(np.abs(theirs).max(), 1))
    return net


@pytest.mark.parametrize(
    ("network", "width", "operations"), [("mobilenet_v2", 0.25, 66), ("resnet18", 8, 32)]
)
def test_networks(onnx, network, width, operations, tmp_path):
    model = getattr(onnx_models, network)(onnx, 64, width)
    x = oracle.samples((1, 3, 64, 64), "float32")
    net = compare(model, x)
    assert repr(net).startswith(f"Frozen({operations} operations, from 'x'")
    (tmp_path / "net.onnx").write_bytes(model.SerializeToString())
    for source in (model, tmp_path / "net.onnx", str(tmp_path / "net.onnx")):
        assert_array_equal(nn.load_onnx(source)(x), net(x))


IMAGE = (2, 4, 7, 8)
WINDOWS = {"kernel_shape": [3, 2], "strides": [2, 2], "ceil_mode": 1}
NODES = {
    "MaxPool": [({**WINDOWS, "pads": [1, 1, 1, 1]}, []), ({**WINDOWS, "dilations": [2, 1]}, [])],
    "AveragePool": [
        ({**WINDOWS, "pads": [1, 1, 1, 1]}, []),
        ({**WINDOWS, "pads": [1, 1, 1, 1], "count_include_pad": 1}, []),
        ({"kernel_shape": [2, 2], "auto_pad": "VALID"}, []),
    ],
    "Clip": [({}, [("float32", -0.5)]), ({}, [None, ("float32", 0.5)]), ({}, [])],
    "LeakyRelu": [({"alpha": 0.25}, []), ({}, [])],
    "Sigmoid": [({}, [])], "Tanh": [({}, [])], "Relu": [({}, [])], "Identity": [({}, [])],
    "Softmax": [({"axis": 1}, []), ({}, [])],
    "Flatten": [({"axis": axis}, []) for axis in (0, 1, 2, -1)],
    "Reshape": [({}, [("int64", [0, -1, 2])])],
    "ReduceMean": [({"axes": [2, 3]}, []), ({"axes": [-1], "keepdims": 0}, []), ({}, [])],
    "Add": [({}, [("float32", [[[1.5]], [[2]], [[3]], [[4]]])])],
    "Sum": [({}, [])],
    "Concat": [({"axis": 1}, [("float32", np.ones(IMAGE))])],
    "Unsqueeze": [({}, [("int64", [1])])],
    "Dropout": [({}, [])],
    "Pad": [
        ({"mode": mode}, [("int64", [0, 0, 1, 2, 0, 0, 3, 0]), ("float32", 2.5)])
        for mode in ("constant", "reflect", "edge")
    ],
    "Resize": [
        (how, [None, ("float32", [1, 1, 2, 1.5])])
        for how in (
            {"mode": "nearest", "coordinate_transformation_mode": "asymmetric",
             "nearest_mode": "floor"},
            {"mode": "linear"},
            {"mode": "linear", "coordinate_transformation_mode": "align_corners"},
        )
    ],
    "ConvTranspose": [
        ({"strides": [2, 2], "pads": [1, 0, 0, 1], "output_padding": [1, 0], "group": 2},
         [("float32", oracle.samples((4, 3, 3, 2), "float32")), ("float32", np.arange(6))]),
    ],
    "Conv": [
        ({"auto_pad": "SAME_UPPER", "strides": [2, 2]},
         [("float32", oracle.samples((3, 4, 3, 2), "float32"))]),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "attributes", "constants"),
    [(kind, *case) for kind, cases in NODES.items() for case in cases],
)
def test_operators(onnx, kind, attributes, constants):
    m = onnx_models.Maker(onnx)
    inputs = ["" if each is None else m.constant(each[1], each[0]) for each in constants]
    y = m.node(kind, "x", *inputs, **attributes)
    compare(m.model(IMAGE, y), 2 * oracle.samples(IMAGE, "float32"))


def test_axes_that_are_listed_but_none(onnx):
    m = onnx_models.Maker(onnx, 18)
    y = m.node("ReduceMean", "x", m.constant(np.zeros(0), "int64"))
    compare(m.model(IMAGE, y), oracle.samples(IMAGE, "float32"))


def test_a_sum_of_the_same(onnx):
    m = onnx_models.Maker(onnx)
    a = m.node("Relu", "x")
    compare(m.model(IMAGE, m.node("Sum", a, a, a)), oracle.samples(IMAGE, "float32"))


def test_results_share_no_memory(onnx):
    m = onnx_models.Maker(onnx)
    a = m.node("Sigmoid", "x")
    net = compare(m.model(IMAGE, a, m.node("Flatten", a)), oracle.samples(IMAGE, "float32"))
    first, second = net(np.zeros(IMAGE, "float32"))
    first[...] = 7
    assert_array_equal(second, 0.5)


NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
PYTORCH = {"coordinate_transformation_mode": "pytorch_half_pixel", "mode": "linear"}


def test_sizes_that_fit_no_batch(onnx):
    """A file has sizes for all axes, but only those behind the channels are resized."""
    for how, size, words in (
        (NEAREST, [3, 4, 7, 8], "would resize the first two axes"),
        (PYTORCH, [2, 4, 1, 8], "to a single sample, with 'pytorch_half_pixel'"),
    ):
        m = onnx_models.Maker(onnx)
        region = m.constant(np.zeros(0), "float32")
        y = m.node("Resize", "x", region, "", m.constant(size, "int64"), **how)
        net = nn.load_onnx(m.model(IMAGE, y))
        with pytest.raises(ValueError, match=words):
            net(np.zeros(IMAGE, "float32"))
        fitting = np.zeros((size[0], *IMAGE[1:2], 1, 8), "float32")
        assert net(fitting).shape == tuple(size)


def test_shapes_that_a_graph_computes(onnx):
    """``x.view(x.size(0), -1)`` as PyTorch once wrote it, and constants as nodes."""
    m = onnx_models.Maker(onnx, 11)
    value = onnx.numpy_helper.from_array(np.array(0))
    first = m.node("Gather", m.node("Shape", "x"), m.node("Constant", value=value), axis=0)
    first = m.node("Unsqueeze", first, axes=[0])
    shape = m.node("Concat", first, m.constant([-1], "int64"), axis=0)
    flat = m.node("Reshape", "x", shape)
    weight = m.node("Identity", m.normal(56 * 4, 3))
    y = m.node("MatMul", flat, weight)
    compare(m.model(("n", *IMAGE[1:]), y, flat), *(np.ones((n, *IMAGE[1:]), "f4") for n in (1, 5)))


def test_torch_writes_what_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    pytest.importorskip("onnx")
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.LeakyReLU(),
        torch.nn.Upsample(scale_factor=2), torch.nn.MaxPool2d(3, 2, 1), torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(4, 6, 1), torch.nn.ReLU6(), torch.nn.Flatten(), torch.nn.Linear(96, 5),
    ).eval()  # fmt: skip
    x = torch.tensor(oracle.samples((2, 3, 8, 8), "float32"))
    path = tmp_path / "net.onnx"
    try:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.onnx.export(theirs, (x,), path, dynamo=False, input_names=["x"])
    except (ImportError, RuntimeError, TypeError) as error:
        pytest.skip(f"this PyTorch does not export: {error}")
    assert_allclose(nn.load_onnx(path)(x.numpy()), theirs(x).detach().numpy(), atol=1e-5)


# -- what is refused ------------------------------------------------------------------------------

REFUSED = [
    ("LSTM", {}, [], "LSTM 'LSTM t0': this operator is not supported"),
    ("MaxPool", {"kernel_shape": [2, 2], "pads": [0, 0, 1, 1]}, [], "pads that differ"),
    ("MaxPool", {"kernel_shape": [2, 2], "storage_order": 1}, [], "indices are not supported"),
    ("Gemm", {}, [], "it has no input 1"),
    ("Gemm", {"transA": 1}, [np.eye(3)], "transA"),
    ("Gemm", {}, [np.eye(3), np.ones((3, 1))], "not those of a linear layer"),
    ("Pad", {}, [np.zeros(8, int), np.ones(1), np.arange(4)], "axes are not supported"),
    ("Conv", {"strides": [1, 1]}, ["x"], "its input 'x' is not a constant"),
    ("Conv", {"kernel_shape": [2, 2]}, [np.ones((3, 4, 3, 3))], "kernel_shape differs"),
    ("Conv", {"auto_pad": "ODD"}, [np.ones((3, 4, 3, 3))], "auto_pad is 'ODD'"),
    ("Relu", {"alpha": 0.5}, [], "attribute 'alpha' is not supported"),
    ("Resize", {"mode": "cubic"}, [np.zeros(0), np.ones(4)], "mode 'cubic'"),
    ("Pad", {}, [np.ones(8, int)], "only axes behind the channels"),
    ("Add", {}, ["nothing"], "a node reads 'nothing'"),
]


@pytest.mark.parametrize(("kind", "attributes", "inputs", "words"), REFUSED)
def test_what_is_not_supported_is_named(onnx, kind, attributes, inputs, words):
    m = onnx_models.Maker(onnx)
    names = [each if isinstance(each, str) else m.constant(each) for each in inputs]
    model = m.model(IMAGE, m.node(kind, "x", *names, **attributes))
    with pytest.raises(ValueError, match="load_onnx: ") as caught:
        nn.load_onnx(model.SerializeToString())
    assert words in str(caught.value)


def test_damaged_models_are_refused(onnx):
    m = onnx_models.Maker(onnx)
    data = m.model(IMAGE, m.gemm(m.node("Flatten", "x"), 224, 3)).SerializeToString()
    refused = 0
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(data), 300).tolist():
        for wrong in (data[:at], data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]):
            try:
                nn.load_onnx(wrong)
            except ValueError as error:
                assert str(error).startswith("load_onnx: ")  # noqa: PT017
                refused += 1
    assert refused > 150
    for wrong in (b"", b"\xff" * 20, b"not a model", np.random.default_rng(1).bytes(500)):
        with pytest.raises(ValueError, match="load_onnx: not a model of ONNX"):
            nn.load_onnx(wrong)
    with pytest.raises(TypeError, match="load_onnx: model"):
        nn.load_onnx(3)


@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "FLOAT16", "INT64", "INT32", "INT8", "BOOL"])
@pytest.mark.parametrize("raw", [True, False])
def test_numbers_of_all_kinds(onnx, kind, raw):
    number = getattr(onnx.TensorProto, kind)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(number)
    array = np.array([[1, 0, 3], [4, 5, 6]]).astype(dtype) * dtype.type(-1 if kind != "BOOL" else 1)
    values = array.tobytes() if raw else array.ravel()
    tensor = onnx.helper.make_tensor("c", number, array.shape, values, raw=raw)
    m = onnx_models.Maker(onnx)
    model = m.model(IMAGE, m.node("Constant", value=tensor))
    net = nn.load_onnx(model)
    assert_array_equal(net(np.zeros(IMAGE)), array)


def test_weights_in_other_files_are_refused(onnx):
    m = onnx_models.Maker(onnx)
    y = m.gemm(m.node("Flatten", "x"), 224, 3)
    tensor = m.constants[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    with pytest.raises(ValueError, match="is in another file"):
        nn.load_onnx(m.model(IMAGE, y))
