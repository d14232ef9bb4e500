"""Every layer: its result and gradients against PyTorch, its gradients against differences, what it
says of itself, and what it refuses.
"""

from __future__ import annotations

import copy
import re

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastconv import nn

HOW = {"rng": 0, "dtype": "float64"}
SHAPES = {1: (2, 4, 7), 2: (2, 4, 7, 6), 3: (2, 4, 4, 5, 4)}


def conv(rank, transposed, *args, **options):
    return getattr(nn, f"Conv{'Transpose' * transposed}{rank}d")(*args, **options, **HOW)


def ranked(name, *args, **options):
    return {rank: getattr(nn, f"{name}{rank}d")(*args, **options) for rank in (1, 2, 3)}


def cases():
    """Layers in double precision, and the shape of a batch."""
    padding_modes = ["zeros", "reflect", "replicate", "circular", "symmetric"]
    for mode in padding_modes:
        layer = conv(1, False, 4, 6, 3, 2, (2,), 2, 2, padding_mode=mode)
        yield f"Conv1d {mode}", layer, (2, 4, 9)
    for rank, shape in SHAPES.items():
        yield f"Conv{rank}d", conv(rank, False, 4, 6, 3, 2, 1, groups=2), shape
        yield f"ConvTranspose{rank}d", conv(rank, True, 4, 6, 3, 2, 1, 1, 2), shape
        yield f"BatchNorm{rank}d", getattr(nn, f"BatchNorm{rank}d")(4, dtype="float64"), shape
    yield "ConvTranspose2d dilated", conv(2, True, 4, 2, 2, 1, 0, (1, 2), dilation=3), SHAPES[2]
    yield "ConvTranspose2d cropped", conv(2, True, 4, 2, 3, 2, ((1, 0), (0, 2)), 1), SHAPES[2]
    yield "ConvTranspose2d tiny", conv(2, True, 4, 2, 1, 3, output_padding=2), SHAPES[2]
    yield "BatchNorm1d of features", nn.BatchNorm1d(5, dtype="float64"), (6, 5)
    yield "BatchNorm2d plain", nn.BatchNorm2d(4, affine=False, dtype="float64"), SHAPES[2]
    for name, options in {
        "MaxPool": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        "AvgPool": {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
        "AdaptiveAvgPool": {"output_size": 3},
    }.items():
        for rank, layer in ranked(name, **options).items():
            yield f"{name}{rank}d", layer, SHAPES[rank]
    yield "AvgPool2d without padding", nn.AvgPool2d(3, 1, 1, count_include_pad=False), SHAPES[2]
    yield "GlobalAvgPool", nn.GlobalAvgPool(), SHAPES[2]
    for border in ("constant", "nearest", "symmetric", "mirror", "wrap"):
        yield f"Pad {border}", nn.Pad(((5, 2), (0, 3)), border, 1.5), SHAPES[2]
    yield "Pad cut", nn.Pad(1), SHAPES[3]
    for mode in ("nearest", "bilinear"):
        yield f"Upsample {mode}", nn.Upsample(scale_factor=(2, 1.5), mode=mode), SHAPES[2]
        yield f"Upsample to a size {mode}", nn.Upsample((5, 11), mode=mode), SHAPES[2]
    yield "Upsample corners", nn.Upsample((1, 11), None, "bilinear", True), SHAPES[2]
    for name in ("ReLU", "ReLU6", "LeakyReLU", "Sigmoid", "Tanh", "Softmax", "Flatten"):
        yield name, getattr(nn, name)(), (3, 5)
    yield "Softmax of channels", nn.Softmax(1), SHAPES[1]
    yield "Flatten some", nn.Flatten(2), SHAPES[2]
    yield "Linear", nn.Linear(5, 4, **HOW), (3, 5)
    yield "Add", nn.Add(conv(2, False, 4, 4, 3, 1, 1), nn.ReLU(), nn.Identity()), SHAPES[2]


CASES = [pytest.param(*rest, id=name) for name, *rest in cases()]


def batch(shape):
    return 2 * oracle.samples(shape, "float64")


def loss_and_slopes(layer, x, weights):
    """A function that sums the result with weights, and its gradients as the layer has them."""
    layer(x)
    by_batch = layer.backward(weights)
    return lambda: (layer(x) * weights).sum(), [
        (x, by_batch), *((each.value, each.grad.copy()) for each in layer.parameters)
    ]  # fmt: skip


@pytest.mark.parametrize(("layer", "shape"), CASES)
def test_gradients_are_slopes(layer, shape):
    layer, x, rng = copy.deepcopy(layer), batch(shape), np.random.default_rng(2)
    for each in layer.parameters:
        each.value += rng.normal(size=each.value.shape) / 4
    loss, slopes = loss_and_slopes(layer, x, rng.normal(size=layer(x).shape))
    for array, found in slopes:
        assert found.shape == array.shape
        direction = rng.normal(size=array.shape)
        start, step = array.copy(), 1e-6
        array[...] = start + step * direction
        above = loss()
        array[...] = start - step * direction
        slope = (above - loss()) / (2 * step)
        array[...] = start
        assert abs(slope - (found * direction).sum()) < 1e-7 * max(np.abs(found).sum(), 1)


def test_a_wrong_gradient_is_seen():
    class Wrong(nn.Tanh):
        def backward(self, grad_output):
            return 1.01 * super().backward(grad_output)

    with pytest.raises(AssertionError):
        test_gradients_are_slopes(Wrong(), (3, 5))


@pytest.mark.parametrize(("layer", "shape"), CASES)
def test_parameter_gradients_are_those_of_backward(layer, shape):
    layer, x = copy.deepcopy(layer), batch(shape)
    y = layer(x)
    layer.backward(y)
    wanted = [each.grad for each in layer.parameters]
    layer.parameter_gradients(y)
    for each, grad in zip(layer.parameters, wanted, strict=True):
        assert_array_equal(each.grad, grad)


@pytest.mark.parametrize(("layer", "shape"), CASES)
def test_evaluation_keeps_nothing(layer, shape):
    layer, x = copy.deepcopy(layer).eval(), batch(shape)
    before = copy.deepcopy(vars(layer))
    layer(x)
    assert repr(vars(layer)) == repr(before)
    if type(layer) is not nn.Add:
        with pytest.raises(ValueError, match="backward"):
            layer.backward(layer(x))


# -- PyTorch --------------------------------------------------------------------------------------


def theirs_of(torch, layer):
    """PyTorch's layer, from what ours says of itself."""
    text = repr(layer)
    if isinstance(layer, nn.Upsample):
        return torch.nn.Upsample(layer.size, layer.scale_factor, layer.mode, layer.align_corners)
    if isinstance(layer, nn.Softmax):
        return torch.nn.Softmax(layer.dim)
    return eval(text, {name: getattr(torch.nn, name, None) for name in nn.__all__}).double()


UNKNOWN = re.compile("symmetric|Pad|Add|Global|cropped")


@pytest.mark.parametrize(
    ("layer", "shape"), [case for case in CASES if not UNKNOWN.search(case.id)]
)
def test_torch_agrees(layer, shape):
    torch = pytest.importorskip("torch")
    layer, x = copy.deepcopy(layer), batch(shape)
    theirs = theirs_of(torch, layer)
    layer.load_state_dict({**layer.state_dict(), **theirs.state_dict()})
    for training in (True, False, True):
        layer.train(training)
        theirs.train(training)
        tensor = torch.tensor(x, requires_grad=True)
        wanted = theirs(tensor)
        y = layer(x)
        assert y.shape == tuple(wanted.shape)
        assert_allclose(y, wanted.detach().numpy(), rtol=0, atol=1e-12)
    wanted.backward(torch.tensor(y))
    assert_allclose(layer.backward(y), tensor.grad.numpy(), rtol=0, atol=1e-11)
    for ours, parameter in zip(layer.parameters, theirs.parameters(), strict=True):
        assert_allclose(ours.grad, parameter.grad.numpy(), rtol=0, atol=1e-10)
    state, wanted = layer.state_dict(), theirs.state_dict()
    assert list(state) == list(wanted)
    for name, array in state.items():
        assert_allclose(array, wanted[name].numpy(), rtol=1e-6, atol=1e-12)


# -- batch normalization, dropout -----------------------------------------------------------------


def test_batch_normalization_by_hand():
    layer = nn.BatchNorm1d(1, eps=0.0, dtype="float64")
    y = layer([[1.0], [3.0]])
    assert_array_equal(y, [[-1.0], [1.0]])
    assert layer.running_mean == [0.2]  # a tenth of the mean 2
    assert layer.running_var == [1.1]  # nine tenths of 1 and a tenth of 2
    assert_allclose(layer.eval()([[0.2]]), [[0.0]], atol=1e-16)
    even = nn.BatchNorm1d(1, momentum=None, dtype="float64")
    for value in (1.0, 3.0, 8.0):
        even([[value], [value]])
    assert_allclose(even.running_mean, [4.0])


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_batch_normalization_far_from_zero(dtype):
    x = (1000 + oracle.samples((4, 3, 5, 5), "float64")).astype(dtype)
    y = nn.BatchNorm2d(3)(x).astype("float64")
    assert y.dtype == "float64"
    assert_allclose(y.mean(axis=(0, 2, 3)), 0, atol=1e-3)
    assert_allclose(y.var(axis=(0, 2, 3)), 1, atol=1e-2)


def test_dropout():
    layer, x = nn.Dropout(0.25, rng=0), np.ones((100, 100), "float32")
    y = layer(x)
    assert y.dtype == np.float32
    assert set(np.unique(y)) == {np.float32(0), np.float32(1) / np.float32(0.75)}
    assert abs((y == 0).mean() - 0.25) < 0.02
    assert_array_equal(layer.backward(x), y)
    assert not np.array_equal(layer(x), y)
    assert_array_equal(nn.Dropout(0.25, rng=0)(x), y)
    assert layer.eval()(x) is x


# -- parts and words ------------------------------------------------------------------------------


def residual():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1, bias=False, rng=0), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Add(nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1, rng=1), nn.Dropout(rng=2)), nn.Identity()),
        nn.GlobalAvgPool(), nn.Flatten(), nn.Linear(4, 10, rng=3),
    )  # fmt: skip


def test_names_as_in_torch():
    assert list(residual().state_dict()) == [
        "0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var",
        "1.num_batches_tracked", "3.0.0.weight", "3.0.0.bias", "6.weight", "6.bias",
    ]  # fmt: skip
    assert list(residual().named_parameters())[:2] == ["0.weight", "1.weight"]


def test_repr_and_summary():
    net = residual()
    assert repr(net).splitlines()[:6] == [
        "Sequential(",
        "  (0): Conv2d(1, 4, 3, padding=1, bias=False)",
        "  (1): BatchNorm2d(4)",
        "  (2): ReLU()",
        "  (3): Add(",
        "    (0): Sequential(",
    ]
    assert repr(net[0].weight) == "Parameter(shape=(4, 1, 3, 3), dtype=float32)"
    before = net.state_dict()
    lines = net.summary((2, 1, 8, 8)).splitlines()
    words = [line.split() for line in lines]
    assert words[2][-6:] == ["(2,", "4,", "8,", "8)", "36", "4,608"]
    assert words[-1] == ["total", "242", "23,120"]
    assert any("3: Add" in line for line in lines)
    for name, array in net.state_dict().items():
        assert_array_equal(array, before[name])
    assert nn.ReLU().summary((2, 3)).splitlines()[2].split() == [
        "0:",
        "ReLU()",
        "(2,",
        "3)",
        "0",
        "0",
    ]


def test_training_reaches_all_layers():
    net = residual()
    assert net.eval() is net
    assert not any(each.training for each in net[3].layers)
    assert net.train()[1].training


def test_states_are_copies_and_fit_as_a_whole():
    net, other = residual(), residual()
    state = net.state_dict()
    state["0.weight"] += 1
    assert not np.array_equal(state["0.weight"], net[0].weight.value)
    place = other[0].weight.value
    other.load_state_dict(state)
    assert other[0].weight.value is place
    assert_array_equal(place, state["0.weight"])
    for wrong in (
        {name: array for name, array in state.items() if name != "6.bias"},
        {**state, "7.bias": np.zeros(3)},
        {**state, "6.bias": np.zeros(3)},
        {**state, "6.bias": np.zeros(10, complex)},
    ):
        before = net.state_dict()
        with pytest.raises((ValueError, TypeError), match=r"load_state_dict: state.*[67]\.bias"):
            net.load_state_dict(wrong)
        assert all(np.array_equal(before[name], array) for name, array in net.state_dict().items())


def test_seeds():
    first, again, other = (nn.Linear(3, 4, rng=seed).weight.value for seed in (5, 5, 6))
    assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert not np.array_equal(nn.Linear(3, 4).weight.value, nn.Linear(3, 4).weight.value)
