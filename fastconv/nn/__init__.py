"""Small neural networks: layers, gradients and optimizers, built on NumPy and fastconv.

There are functions, whose gradients are in `fastconv.nn.grad`, and layers, which store what their
gradients need.  There is no graph and no tracing: `Sequential` calls its layers in order, and
backpropagates through them in reverse order.

>>> import numpy as np
>>> from fastconv import nn
>>> rng = np.random.default_rng(0)
>>> images = rng.standard_normal((200, 1, 6, 6))
>>> labels = (images.mean(axis=(1, 2, 3)) > 0).astype(int)
>>> net = nn.Sequential(
...     nn.Conv2d(1, 4, 3, rng=rng), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
...     nn.Linear(16, 2, rng=rng),
... )
>>> descent = nn.SGD(net.parameters, lr=0.1, momentum=0.9)
>>> for _ in range(100):
...     scores = net(images)
...     back = net.backward(nn.grad.cross_entropy(scores, labels))
...     descent.step()
>>> nn.cross_entropy(net(images), labels) < 0.1
True
"""

from ..api import conv1d, conv2d, conv3d, conv_transpose1d, conv_transpose2d, conv_transpose3d
from . import grad
from .activations import leaky_relu, relu, relu6, sigmoid, softmax, tanh
from .files import load_state, save_state
from .frozen.freeze import freeze
from .frozen.network import Frozen
from .losses import cross_entropy, mse_loss
from .modules.activation import LeakyReLU, ReLU, ReLU6, Sigmoid, Softmax, Tanh
from .modules.adaptive import AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d, GlobalAvgPool
from .modules.base import Layer, Parameter
from .modules.containers import Add, Identity, Sequential
from .modules.convolution import Conv1d, Conv2d, Conv3d
from .modules.linear import Linear
from .modules.normalization import BatchNorm1d, BatchNorm2d, BatchNorm3d
from .modules.pooling import AvgPool1d, AvgPool2d, AvgPool3d, MaxPool1d, MaxPool2d, MaxPool3d
from .modules.shaping import Dropout, Flatten, Pad, Upsample
from .modules.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from .onnx import load_onnx
from .optim import SGD, Adam, Optimizer
from .pooling import avg_pool2d, max_pool2d
from .schedules import CosineAnnealingLR, ExponentialLR, LambdaLR, MultiStepLR, StepLR

__all__ = [
    "SGD",
    "Adam",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "Add",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineAnnealingLR",
    "Dropout",
    "ExponentialLR",
    "Flatten",
    "Frozen",
    "GlobalAvgPool",
    "Identity",
    "LambdaLR",
    "Layer",
    "LeakyReLU",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MultiStepLR",
    "Optimizer",
    "Pad",
    "Parameter",
    "ReLU",
    "ReLU6",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "StepLR",
    "Tanh",
    "Upsample",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "freeze",
    "grad",
    "leaky_relu",
    "load_onnx",
    "load_state",
    "max_pool2d",
    "mse_loss",
    "relu",
    "relu6",
    "save_state",
    "sigmoid",
    "softmax",
    "tanh",
]
