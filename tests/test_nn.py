"""Activations, losses, layers and descent: against plain Python, differences and PyTorch."""

from __future__ import annotations

import math
import pickle

import numpy as np
import oracle
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from fastconv import nn

FLOATS = ["float64", "float32", "float16"]


def close(actual, wanted, terms=20, scale=1.0):
    """Equal but for rounding of numbers of about unit size, or of ``scale``."""
    assert_allclose(actual, wanted, rtol=0, atol=terms * scale * np.finfo(actual.dtype).eps)


def slope(function, x, step=1e-5):
    """The gradient of a number by each item of an array, by central differences."""
    out = np.empty(x.shape)
    for place in np.ndindex(x.shape):
        before = x[place]
        x[place] = before + step
        above = function()
        x[place] = before - step
        out[place] = (above - function()) / (2 * step)
        x[place] = before
    return out


def assert_slope(found, function, x):
    """The error of central differences: a third derivative of about 1, and rounding."""
    assert found.shape == x.shape
    assert_allclose(found, slope(function, x), rtol=0, atol=1e-8)


# -- activations ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, "int8", "uint16", "int64"])
def test_relu(dtype):
    x = oracle.samples((3, 4, 5), dtype)
    found = nn.relu(x)
    assert found.dtype == dtype
    assert_array_equal(found.ravel(), [max(value, 0) for value in x.ravel().tolist()])
    assert nn.relu(np.array([True, False])).dtype == np.uint8


def test_relu_keeps_nan_and_its_input():
    x = np.array([np.nan, -np.inf, np.inf, -1.0])
    with np.errstate(all="raise"):
        assert_array_equal(nn.relu(x), [np.nan, 0, np.inf, 0])
    assert x[3] == -1
    assert nn.relu(-2.0) == 0


@pytest.mark.parametrize("dtype", FLOATS)
def test_gradient_of_relu(dtype):
    x = np.array([-1.0, 0.0, 2.0, np.nan, -0.0, 3.0, -4.0])
    grads = np.array([10, 20, 30, 40, 50, -np.inf, np.inf], dtype)
    for values in (x, nn.relu(x)):
        found = nn.grad.relu(values, grads)
        assert found.dtype == dtype
        assert_array_equal(found, [0, 0, 30, 40, 0, -np.inf, 0])
    assert_array_equal(nn.grad.relu(x[::-2], grads[::-2]), nn.grad.relu(x, grads)[::-2])
    assert nn.grad.relu(np.zeros((0, 3)), np.zeros((0, 3), dtype)).shape == (0, 3)


def softmax_of(row):
    powers = [math.exp(value - max(row)) for value in row]
    return [power / math.fsum(powers) for power in powers]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scale", [1, 50, 1000])
def test_softmax(dtype, scale):
    x = (scale * oracle.samples((4, 7), dtype)).astype(dtype)
    found = nn.softmax(x)
    assert found.dtype == dtype
    close(found, [softmax_of(row) for row in x.tolist()])
    assert_array_equal(nn.softmax(x.T, axis=0), found.T)
    assert_array_equal(nn.softmax(x.T, axis=-2), found.T)
    close(found.astype("float64").sum(axis=1), 1, 10 * np.finfo(dtype).eps / np.finfo(float).eps)


def test_softmax_at_the_edges():
    inf, nan = np.inf, np.nan
    with np.errstate(all="raise"):
        assert_array_equal(nn.softmax([0.0, -inf]), [1, 0])
        assert_array_equal(
            nn.softmax([[inf, 0.0], [nan, 0.0], [-inf, -inf]]), nan * np.ones((3, 2))
        )
    assert nn.softmax(np.zeros((3, 0))).shape == (3, 0)
    assert nn.softmax(np.zeros((0, 3))).shape == (0, 3)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_gradient_of_softmax(axis):
    x, grads = oracle.samples((3, 4, 5), float), oracle.samples((3, 4, 5), float, 1)
    found = nn.grad.softmax(nn.softmax(x, axis), grads, axis)
    assert_slope(found, lambda: (grads * nn.softmax(x, axis)).sum(), x)
    single = nn.grad.softmax(nn.softmax(x, axis).astype("f4"), grads.astype("f4"), axis)
    assert single.dtype == np.float32
    close(single, found, 50)


# -- losses ---------------------------------------------------------------------------------------


def cross_entropy_of(rows, labels):
    losses = [
        max(row) + math.log(math.fsum(math.exp(v - max(row)) for v in row)) - row[label]
        for row, label in zip(rows, labels, strict=True)
    ]
    return math.fsum(losses) / len(losses)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("scale", [1, 1000])
def test_cross_entropy(dtype, scale):
    logits = (scale * oracle.samples((6, 5), dtype)).astype(dtype)
    labels = np.array([0, 4, 2, 2, 1, 3], np.uint8)
    found = nn.cross_entropy(logits, labels)
    wanted = cross_entropy_of(logits.tolist(), labels)
    assert type(found) is float
    eps = np.finfo(np.result_type(dtype, "float32")).eps
    assert math.isclose(found, wanted, rel_tol=20 * eps, abs_tol=20 * eps)


def test_cross_entropy_at_the_edges():
    assert nn.cross_entropy(np.zeros((3, 8)), [0, 1, 7]) == math.log(8)
    with np.errstate(all="raise"):
        assert nn.cross_entropy([[0.0, -np.inf]], [0]) == 0
        assert nn.cross_entropy([[0.0, -np.inf]], [1]) == np.inf
        assert nn.cross_entropy([[0.0, -1e300]], [1]) == 1e300
        assert math.isnan(nn.cross_entropy([[0.0, np.nan]], [0]))


def test_gradient_of_cross_entropy():
    logits, labels = oracle.samples((6, 5), float), [0, 4, 2, 2, 1, 3]
    before = logits.copy()
    found = nn.grad.cross_entropy(logits, labels)
    assert_array_equal(logits, before)
    assert_slope(found, lambda: nn.cross_entropy(logits, labels), logits)
    single = nn.grad.cross_entropy(logits.astype("f4"), labels)
    assert single.dtype == np.float32
    close(single, found)


# -- layers ---------------------------------------------------------------------------------------


def network(layout="NCHW", dtype="float64"):
    rng = np.random.default_rng(1)
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, groups=2, layout=layout, rng=rng, dtype=dtype),
        nn.ReLU(),
        nn.MaxPool2d(2, layout=layout),
        nn.Sequential(
            nn.Conv2d(4, 3, (2, 3), stride=(1, 2), bias=False, layout=layout, rng=rng, dtype=dtype),
            nn.ReLU(),
        ),
        nn.Flatten(),
        nn.Linear(3 * 3 * 2, 5, rng=rng, dtype=dtype),
    )


def test_gradients_of_a_network():
    x, labels = oracle.samples((2, 2, 8, 10), float), [3, 1]
    net = network()
    net.parameters[1].value[:] = [0.1, -0.2, 0.3, 0.0]

    def loss():
        return nn.cross_entropy(net(x), labels)

    loss()
    back = net.backward(nn.grad.cross_entropy(net(x), labels))
    gradients = [parameter.grad.copy() for parameter in net.parameters]
    assert len(gradients) == 5
    assert_slope(back, loss, x)
    for parameter, gradient in zip(net.parameters, gradients, strict=True):
        assert_slope(gradient, loss, parameter.value)


def test_a_second_pass_replaces_the_gradients():
    x, net = oracle.samples((2, 2, 8, 10), float), network()
    grads = np.ones(net(x).shape)
    first = [net.backward(grads), *(parameter.grad for parameter in net.parameters)]
    second = [net.backward(grads), *(parameter.grad for parameter in net.parameters)]
    for one, other in zip(first, second, strict=True):
        assert_array_equal(one, other)


def test_layouts_agree():
    x = oracle.samples((2, 2, 8, 10), float)
    first, last = (network(layout).layers[:4] for layout in ("NCHW", "NHWC"))
    first, last = nn.Sequential(*first), nn.Sequential(*last)
    maps = first(x)
    close(last(np.moveaxis(x, 1, -1)), np.moveaxis(maps, 1, -1), 100)
    back = first.backward(maps)
    close(last.backward(np.moveaxis(maps, 1, -1)), np.moveaxis(back, 1, -1), 1000)
    for one, other in zip(first.parameters, last.parameters, strict=True):
        close(other.grad, one.grad, 1000, np.abs(one.grad).max())


def test_float32_stays_float32():
    net = network(dtype="float32")
    scores = net(oracle.samples((2, 2, 8, 10), "float32"))
    back = net.backward(nn.grad.cross_entropy(scores, [0, 1]))
    nn.SGD(net.parameters, 0.1, 0.9, weight_decay=1e-4).step()
    arrays = [scores, back, *(each.grad for each in net.parameters)]
    assert {array.dtype.name for array in [*arrays, *(p.value for p in net.parameters)]} == {
        "float32"
    }


def test_parameters_are_listed_and_keep_their_places():
    net = network()
    assert [each.value.shape for each in net.parameters] == [
        (4, 1, 3, 3), (4,), (3, 4, 2, 3), (5, 18), (5,),
    ]  # fmt: skip
    assert net.parameters[0] is net.layers[0].weight
    assert net.layers[0].bias is net.parameters[1]
    assert net.layers[3].layers[0].bias is None
    assert nn.ReLU().parameters == nn.Sequential().parameters == ()
    values = [each.value for each in net.parameters]
    nn.SGD(net.parameters, 1.0, weight_decay=0.5).step()
    assert all(each.value is value for each, value in zip(net.parameters, values, strict=True))


def test_first_weights():
    layer = nn.Conv2d(64, 128, 3, rng=np.random.default_rng(0), dtype="float64")
    again = nn.Conv2d(64, 128, 3, rng=np.random.default_rng(0), dtype="float64")
    weights = layer.weight.value
    assert_array_equal(weights, again.weight.value)
    assert abs(weights.var() * 64 * 9 / 2 - 1) < 0.02
    assert not layer.bias.value.any()
    rng = np.random.default_rng(0)
    assert not np.array_equal(
        nn.Linear(3, 4, rng=rng).weight.value, nn.Linear(3, 4, rng=rng).weight.value
    )


def test_networks_can_be_pickled():
    x, net = oracle.samples((2, 2, 8, 10), float), network()
    assert_array_equal(pickle.loads(pickle.dumps(net))(x), net(x))


def test_a_layer_of_ones_own():
    class Double(nn.Layer):
        def __call__(self, x):
            return 2 * x

        def backward(self, grad_output):
            return 2 * grad_output

    net = nn.Sequential(
        Double(), nn.Linear(2, 2, bias=False, rng=np.random.default_rng(0)), Double()
    )
    weight = net.parameters[0].value
    assert_array_equal(net(np.eye(2, dtype="f4")), 4 * weight.T)
    assert_array_equal(net.backward(np.eye(2, dtype="f4")), 4 * weight)


# -- descent --------------------------------------------------------------------------------------


def test_steps_by_hand():
    parameter = nn.Parameter(np.array([1.0, -2.0]))
    descent = nn.SGD([parameter], lr=0.5, momentum=0.5, weight_decay=0.25)
    parameter.grad = np.array([1.0, 0.0])
    descent.step()
    assert parameter.value.tolist() == [1 - 0.5 * 1.25, -2 + 0.5 * 0.5]
    parameter.grad = np.zeros(2)
    descent.step()
    # velocities 1.25 / 2 + 0.375 / 4 and -0.5 / 2 - 1.75 / 4
    assert parameter.value.tolist() == [0.375 - 0.5 * 0.71875, -1.75 + 0.5 * 0.6875]


def test_a_generator_of_parameters_is_read_once():
    net = network()
    assert nn.SGD((each for each in net.parameters), 0.1).parameters == net.parameters


# -- PyTorch --------------------------------------------------------------------------------------


def test_torch_functions(torch):
    functional = torch.nn.functional
    x, grads = oracle.samples((6, 5), float), oracle.samples((6, 5), float, 1)
    x[0, 0] = 0
    labels = np.array([0, 4, 2, 2, 1, 3])
    for ours, theirs in [
        ((nn.relu(x), nn.grad.relu(x, grads)), functional.relu),
        (
            (nn.softmax(x, 0), nn.grad.softmax(nn.softmax(x, 0), grads, 0)),
            lambda t: functional.softmax(t, 0),
        ),
    ]:
        tensor = torch.tensor(x, requires_grad=True)
        result = theirs(tensor)
        result.backward(torch.tensor(grads))
        close(ours[0], result.detach().numpy())
        close(ours[1], tensor.grad.numpy())
    tensor = torch.tensor(x, requires_grad=True)
    loss = functional.cross_entropy(tensor, torch.tensor(labels))
    loss.backward()
    close(np.float64(nn.cross_entropy(x, labels)), loss.item())
    close(nn.grad.cross_entropy(x, labels), tensor.grad.numpy())


def test_torch_learns_the_same(torch):
    net = network()
    theirs = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1, groups=2), torch.nn.ReLU(), torch.nn.MaxPool2d(2),
        torch.nn.Conv2d(4, 3, (2, 3), stride=(1, 2), bias=False), torch.nn.ReLU(),
        torch.nn.Flatten(), torch.nn.Linear(18, 5),
    ).double()  # fmt: skip
    with torch.no_grad():
        for tensor, parameter in zip(theirs.parameters(), net.parameters, strict=True):
            tensor.copy_(torch.tensor(parameter.value))
    x, labels = oracle.samples((8, 2, 8, 10), float), np.arange(8) % 5
    how = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}
    ours, descent = nn.SGD(net.parameters, **how), torch.optim.SGD(theirs.parameters(), **how)
    for _ in range(5):
        net.backward(nn.grad.cross_entropy(net(x), labels))
        ours.step()
        descent.zero_grad()
        torch.nn.functional.cross_entropy(theirs(torch.tensor(x)), torch.tensor(labels)).backward()
        descent.step()
    for tensor, parameter in zip(theirs.parameters(), net.parameters, strict=True):
        close(parameter.value, tensor.detach().numpy(), 10_000)
