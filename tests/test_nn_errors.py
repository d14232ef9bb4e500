"""Wrong calls of `fastconv.nn`: each raises the right kind of error, which names the call and the
argument, what came and what is allowed.
"""

# ruff: noqa: E501 (a table)
from __future__ import annotations

import re

import numpy as np
import pytest

from fastconv import nn

X = np.arange(40.0).reshape(2, 1, 4, 5)
ONES = np.ones((2, 1, 2, 2))
SCORES = np.zeros((3, 4))
RNG = np.random.default_rng(0)
GRAD = nn.grad

# fmt: off
WRONG_CALLS = [
    # function, positional arguments, keywords, exception, words of the message
    (nn.relu, ("abc",), {}, TypeError, "relu: x", "<U3"),
    (nn.relu, (X * 1j,), {}, TypeError, "relu: x", "complex128", "real"),
    (nn.relu, (np.ma.array(X),), {}, TypeError, "relu: x", "masked"),
    (nn.softmax, ([1, 2],), {}, TypeError, "softmax: x", "int64", "float16, float32 or float64"),
    (nn.softmax, (X, 4), {}, ValueError, "softmax: axis", "4", "-4 to 3"),
    (nn.softmax, (X, 1.0), {}, TypeError, "softmax: axis", "1.0", "whole number"),
    (nn.softmax, (1.0,), {}, ValueError, "softmax: axis", "at least one axis"),
    (nn.cross_entropy, (SCORES[0], [0]), {}, ValueError, "logits", "(4,)", "(N, C)"),
    (nn.cross_entropy, (SCORES[:0], []), {}, ValueError, "logits", "(0, 4)", "not empty"),
    (nn.cross_entropy, (SCORES.astype(int), [0, 0, 0]), {}, TypeError, "logits", "int64", "float16, float32 or float64"),
    (nn.cross_entropy, (SCORES, [0, 0]), {}, ValueError, "labels", "(2,)", "(3,)"),
    (nn.cross_entropy, (SCORES, [0, 0, 4]), {}, ValueError, "labels", "4", "0 to 3"),
    (nn.cross_entropy, (SCORES, [0, -1, 0]), {}, ValueError, "labels", "-1", "0 to 3"),
    (nn.cross_entropy, (SCORES, [0.0, 1.0, 2.0]), {}, TypeError, "labels", "float64", "integers"),
    (nn.cross_entropy, (SCORES, [True, True, False]), {}, TypeError, "labels", "bool", "integers"),
    (nn.max_pool2d, (X * 1j, 2), {}, TypeError, "max_pool2d: x", "complex128", "real"),
    (nn.max_pool2d, (X[0, 0], 2), {}, ValueError, "max_pool2d: x", "(4, 5)", "'NCHW'"),
    (nn.max_pool2d, (X[..., None], 2), {}, ValueError, "max_pool2d: x", "(2, 1, 4, 5, 1)", "without N"),
    (nn.max_pool2d, (X, 0), {}, ValueError, "kernel_size", "0", "at least 1"),
    (nn.max_pool2d, (X, 2.0), {}, TypeError, "kernel_size", "2.0", "whole number"),
    (nn.max_pool2d, (X, (2, 2, 2)), {}, ValueError, "kernel_size", "(2, 2, 2)", "2"),
    (nn.max_pool2d, (X, 2, 0), {}, ValueError, "stride", "0", "at least 1"),
    (nn.max_pool2d, (X, 2, 2, -1), {}, ValueError, "padding", "-1", "at least 0"),
    (nn.max_pool2d, (X, 3, 2, 2), {}, ValueError, "padding", "2", "at most 1", "half"),
    (nn.max_pool2d, (X, 3, 2, (0, 2)), {}, ValueError, "padding", "(0, 2)", "at most 1"),
    (nn.max_pool2d, (X, 3, 2, "same"), {}, TypeError, "padding", "'same'", "whole number"),
    (nn.max_pool2d, (X, 2, 2, 0, 0), {}, ValueError, "dilation", "0", "at least 1"),
    (nn.max_pool2d, (X, 2), {"ceil_mode": 1}, TypeError, "ceil_mode", "1", "True or False"),
    (nn.max_pool2d, (X, 2), {"layout": "NWHC"}, ValueError, "layout", "'NWHC'", "'NHWC'"),
    (nn.max_pool2d, (X, (2, 6)), {}, ValueError, "5 samples along axis 3", "6"),
    (nn.max_pool2d, (X, 2), {"dilation": 4}, ValueError, "4 samples along axis 2", "5"),
    (nn.max_pool2d, (X[:, :, :0], 1), {}, ValueError, "0 samples along axis 2"),
    (nn.max_pool2d, (X[:, :, :0], 2, 2, 1), {}, ValueError, "0 samples along axis 2"),
    (nn.max_pool2d, (X, 2), {"layout": "NHWC"}, ValueError, "1 samples along axis 1"),
    (nn.avg_pool2d, (X.astype(int), 2), {}, TypeError, "avg_pool2d: x", "int64", "float16, float32 or float64"),
    (nn.avg_pool2d, (X, 2), {"count_include_pad": None}, TypeError, "count_include_pad", "None", "True or False"),
    (nn.avg_pool2d, (X, 3, 2, 2), {}, ValueError, "avg_pool2d: padding", "at most 1"),
    (GRAD.relu, (X, X[0]), {}, ValueError, "grad.relu: grad_output", "(1, 4, 5)", "(2, 1, 4, 5)"),
    (GRAD.relu, (X, X.astype(int)), {}, TypeError, "grad.relu: grad_output", "int64", "float16, float32 or float64"),
    (GRAD.relu, (X * 1j, X), {}, TypeError, "grad.relu: x", "complex128"),
    (GRAD.softmax, (X, X[0]), {}, ValueError, "grad.softmax: grad_output", "(1, 4, 5)", "(2, 1, 4, 5)"),
    (GRAD.softmax, (X, X, 9), {}, ValueError, "grad.softmax: axis", "9", "-4 to 3"),
    (GRAD.softmax, ([1], [1.0]), {}, TypeError, "grad.softmax: y", "int64"),
    (GRAD.cross_entropy, (SCORES, [0, 0, 4]), {}, ValueError, "grad.cross_entropy: labels", "4", "0 to 3"),
    (GRAD.max_pool2d, (X, X, 2), {}, ValueError, "grad.max_pool2d: grad_output", "(2, 1, 4, 5)", "(2, 1, 2, 2)"),
    (GRAD.max_pool2d, (X, ONES.astype(int), 2), {}, TypeError, "grad.max_pool2d: grad_output", "int64"),
    (GRAD.max_pool2d, (X, ONES, 6), {}, ValueError, "grad.max_pool2d: x", "4 samples along axis 2"),
    (GRAD.avg_pool2d, (4, ONES, 2), {}, TypeError, "grad.avg_pool2d: input_size", "4", "lengths"),
    (GRAD.avg_pool2d, ((4, 5), ONES, 2), {}, ValueError, "grad.avg_pool2d: input_size", "(4, 5)", "'NCHW'"),
    (GRAD.avg_pool2d, (X.shape, X, 2), {}, ValueError, "grad.avg_pool2d: grad_output", "(2, 1, 4, 5)", "(2, 1, 2, 2)"),
    (nn.Parameter, ([1, 2],), {}, TypeError, "Parameter: value", "int64"),
    (nn.Conv2d, (0, 1, 3), {"rng": RNG}, ValueError, "Conv2d: in_channels", "0", "at least 1"),
    (nn.Conv2d, (1, 2.5, 3), {"rng": RNG}, TypeError, "Conv2d: out_channels", "2.5", "whole number"),
    (nn.Conv2d, (1, 1, (3, 3, 3)), {"rng": RNG}, ValueError, "Conv2d: kernel_size", "(3, 3, 3)"),
    (nn.Conv2d, (4, 6, 3), {"groups": 4, "rng": RNG}, ValueError, "Conv2d: groups", "4", "6"),
    (nn.Conv2d, (4, 6, 3), {"groups": 3, "rng": RNG}, ValueError, "Conv2d: groups", "3", "4"),
    (nn.Conv2d, (1, 1, 3), {"rng": "0"}, TypeError, "Conv2d: rng", "'0'", "default_rng"),
    (nn.Conv2d, (1, 1, 3), {"rng": RNG, "bias": 1}, TypeError, "Conv2d: bias", "1", "True or False"),
    (nn.Conv2d, (1, 1, 3), {"rng": RNG, "dtype": int}, TypeError, "Conv2d: dtype", "int64"),
    (nn.Conv2d(1, 1, 3, rng=RNG), (X.astype(int),), {}, TypeError, "Conv2d: x", "int64"),
    (nn.Conv2d(1, 1, 3, rng=RNG).backward, (X,), {}, ValueError, "Conv2d.backward", "called"),
    (nn.Linear, (3, -1), {"rng": RNG}, ValueError, "Linear: out_features", "-1"),
    (nn.Linear, (1.0, 1), {"rng": RNG}, TypeError, "Linear: in_features", "1.0"),
    (nn.Linear, (3, 4), {"rng": -1}, ValueError, "Linear: rng", "-1", "at least 0"),
    (nn.Linear(3, 4, rng=RNG), (SCORES,), {}, ValueError, "Linear: x", "(3, 4)", "(N, 3)"),
    (nn.Linear(3, 4, rng=RNG).backward, (SCORES,), {}, ValueError, "Linear.backward", "called"),
    (nn.ReLU().backward, (SCORES,), {}, ValueError, "ReLU.backward", "called"),
    (nn.MaxPool2d(2).backward, (SCORES,), {}, ValueError, "MaxPool2d.backward", "called"),
    (nn.Flatten(), (1.0,), {}, ValueError, "Flatten: x", "()"),
    (nn.Flatten().backward, (SCORES,), {}, ValueError, "Flatten.backward", "called"),
    (nn.Sequential, ("relu",), {}, TypeError, "Sequential: layers", "'relu'", "Layer"),
    (nn.relu6, ("abc",), {}, TypeError, "relu6: x", "<U3"),
    (nn.leaky_relu, ([1],), {}, TypeError, "leaky_relu: x", "int64"),
    (nn.leaky_relu, (X, np.nan), {}, ValueError, "leaky_relu: negative_slope", "nan"),
    (nn.sigmoid, ([1],), {}, TypeError, "sigmoid: x", "int64"),
    (nn.tanh, ([1],), {}, TypeError, "tanh: x", "int64"),
    (nn.mse_loss, (SCORES, SCORES[1:]), {}, ValueError, "mse_loss: target", "(2, 4)", "(3, 4)"),
    (nn.mse_loss, (SCORES[:0], SCORES[:0]), {}, ValueError, "mse_loss: output", "(0, 4)", "not empty"),
    (GRAD.relu6, (X, X[0]), {}, ValueError, "grad.relu6: grad_output", "(1, 4, 5)"),
    (GRAD.leaky_relu, (X, X[0]), {}, ValueError, "grad.leaky_relu: grad_output", "(1, 4, 5)"),
    (GRAD.sigmoid, (X, X[0]), {}, ValueError, "grad.sigmoid: grad_output", "(1, 4, 5)"),
    (GRAD.tanh, (X, X[0]), {}, ValueError, "grad.tanh: grad_output", "(1, 4, 5)"),
    (GRAD.mse_loss, (SCORES, SCORES[1:]), {}, ValueError, "grad.mse_loss: target", "(2, 4)"),
    (nn.Conv2d, (1, 1, 3), {"padding_mode": "mirror"}, ValueError, "Conv2d: padding_mode", "'mirror'", "'reflect'"),
    (nn.Conv2d(3, 1, 3, rng=RNG), (X,), {}, ValueError, "Conv2d: x", "(2, 1, 4, 5)", "3 channels"),
    (nn.Conv1d(1, 1, 3, layout="NLC"), (X[0],), {}, ValueError, "Conv1d: x", "(1, 4, 5)", "'NLC' with 1 channels"),
    (nn.ConvTranspose2d, (4, 6, 3), {"groups": 4}, ValueError, "ConvTranspose2d: groups", "4", "6"),
    (nn.ConvTranspose2d(3, 1, 3), (X,), {}, ValueError, "ConvTranspose2d: x", "(2, 1, 4, 5)", "3 channels"),
    (nn.BatchNorm2d, (0,), {}, ValueError, "BatchNorm2d: num_features", "0"),
    (nn.BatchNorm2d(1), (X[0],), {}, ValueError, "BatchNorm2d: x", "(1, 4, 5)", "a batch", "4 axes"),
    (nn.BatchNorm1d(4), (SCORES[:1],), {}, ValueError, "BatchNorm1d: x", "(1, 4)", "eval"),
    (nn.MaxPool1d, (3, 1), {"ceil_mode": 1}, TypeError, "MaxPool1d: ceil_mode", "1"),
    (nn.AvgPool3d(2), (X,), {}, ValueError, "AvgPool3d: x", "1 samples along axis 1"),
    (nn.AdaptiveAvgPool2d, ((1, 0),), {}, ValueError, "AdaptiveAvgPool2d: output_size", "(1, 0)"),
    (nn.GlobalAvgPool(), (SCORES,), {}, ValueError, "GlobalAvgPool: x", "(3, 4)", "(N, C, ...)"),
    (nn.Pad(1, "reflect"), (X,), {}, ValueError, "Pad: boundary", "'mirror'"),
    (nn.Pad((1, 2, 3)), (X,), {}, ValueError, "Pad: padding", "(1, 2, 3)"),
    (nn.Upsample, (), {}, ValueError, "Upsample: size and scale_factor", "none"),
    (nn.Upsample, (2, 3), {}, ValueError, "Upsample: size and scale_factor", "both"),
    (nn.Upsample, (2,), {"mode": "cubic"}, ValueError, "Upsample: mode", "'cubic'", "'nearest'"),
    (nn.Upsample(scale_factor=0.1), (X,), {}, ValueError, "Upsample: scale_factor", "0.1"),
    (nn.Dropout, (1.0,), {}, ValueError, "Dropout: p", "1.0", "less than 1"),
    (nn.Flatten(3), (SCORES,), {}, ValueError, "Flatten: start_dim", "3"),
    (nn.Add, (), {}, ValueError, "Add: layers", "none"),
    (nn.Add(nn.Identity(), nn.MaxPool2d(2)), (X,), {}, ValueError, "Add: layers", "(2, 1, 2, 2)", "one shape"),
    (nn.ReLU().train, (1,), {}, TypeError, "ReLU.train: mode", "1"),
    (nn.ReLU().summary, (3,), {}, TypeError, "summary: input_shape", "3"),
    (nn.SGD, ([], 0.1), {"nesterov": True}, ValueError, "SGD: nesterov", "momentum"),
    (nn.Adam, ([],), {"betas": (0.9, 1.0)}, ValueError, "Adam: betas", "1.0"),
    (nn.Adam, ([SCORES],), {}, TypeError, "Adam: parameters", "Parameter"),
    (nn.StepLR, (nn.SGD([]), 0), {}, ValueError, "StepLR: step_size", "0"),
    (nn.LambdaLR, (3, abs), {}, TypeError, "LambdaLR: optimizer", "3", "Optimizer"),
    (nn.LambdaLR, (nn.SGD([]), 3), {}, TypeError, "LambdaLR: lr_lambda", "3", "function"),
    (nn.save_state, ("x.npz", 3), {}, TypeError, "save_state: state", "int", "mapping"),
    (nn.save_state, ("x.npz", {"a/b": X}), {}, ValueError, "save_state: state", "'a/b'"),
    (nn.SGD, (3, 0.1), {}, TypeError, "SGD: parameters", "3", "Parameter"),
    (nn.SGD, ([SCORES], 0.1), {}, TypeError, "SGD: parameters", "Parameter"),
    (nn.SGD, ([], -0.1), {}, ValueError, "SGD: lr", "-0.1", "at least 0"),
    (nn.SGD, ([], "fast"), {}, TypeError, "SGD: lr", "'fast'"),
    (nn.SGD, ([], 0.1, np.nan), {}, ValueError, "SGD: momentum", "nan"),
    (nn.SGD, ([], 0.1, 0), {"weight_decay": -1}, ValueError, "SGD: weight_decay", "-1"),
]
# fmt: on


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "kind", "words"), [(*row[:4], row[4:]) for row in WRONG_CALLS]
)
def test_wrong_calls_say_what_is_wrong(function, args, kwargs, kind, words):
    with pytest.raises(kind) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    missing = [word for word in words if not re.search(rf"(?<!\w){re.escape(word)}(?!\w)", message)]
    assert not missing, f"{missing} not in {message!r}"
    assert len(message) < 300


@pytest.mark.parametrize(
    ("layer", "x"),
    [
        (nn.Linear(4, 2, rng=RNG), SCORES),
        (nn.Flatten(), X),
        (nn.ReLU(), X),
        (nn.MaxPool2d(2), X),
        (nn.Conv2d(1, 2, 3, rng=RNG), X),
    ],
)
def test_backward_wants_the_shape_of_the_result(layer, x):
    result = layer(x)
    assert layer.backward(result).shape == x.shape
    with pytest.raises(ValueError, match="grad_output"):
        layer.backward(result[1:])


def test_every_function_is_in_the_table():
    tested = {row[0] for row in WRONG_CALLS}
    functions = [name for name in nn.__all__ if name.islower() and not name.startswith("conv")]
    elsewhere = {"grad", "freeze", "load_onnx", "load_state"}
    mine = [*functions, "Parameter", "Conv2d", "Linear", "Sequential", "SGD", "Adam"]
    assert {getattr(nn, name) for name in mine if name not in elsewhere} <= tested
    gradients = [name for name in nn.grad.__all__ if not name.startswith("conv")]
    assert {getattr(nn.grad, name) for name in gradients} <= tested
