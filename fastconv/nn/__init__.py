"""Small neural networks: layers, their gradients, and gradient descent, in NumPy and convolutions.

There are functions, whose gradients are in `fastconv.nn.grad`, and layers, which keep what their
gradients need.  There is no graph and no tracing: `Sequential` calls its layers in order, and goes
back the same way.

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
from .activations import relu, softmax
from .layers import Conv2d, Flatten, Layer, Linear, MaxPool2d, Parameter, ReLU, Sequential
from .losses import cross_entropy
from .optim import SGD
from .pooling import avg_pool2d, max_pool2d

__all__ = [
    "SGD",
    "Conv2d",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool2d",
    "Parameter",
    "ReLU",
    "Sequential",
    "avg_pool2d",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "grad",
    "max_pool2d",
    "relu",
    "softmax",
]
