"""Gradients of the functions of `fastconv.nn`, from the gradient with respect to their results.

If a small change of a function's result changes the loss by ``(grad_output * change).sum()``, a
small change of its argument changes the loss by ``(gradient * change).sum()``.  The gradients of
activations, pooling and losses are with respect to the input, and have the names of the functions.
Those of `conv1d`, `conv2d` and `conv3d` are with respect to the input, the weights or the bias.
Their first arguments come in the order of ``torch.nn.grad``; the others are those of the
convolution.  For complex numbers, the factors are conjugated, as in PyTorch.
"""

from .activations import leaky_relu, relu, relu6, sigmoid, softmax, tanh
from .biases import conv1d_bias, conv2d_bias, conv3d_bias
from .inputs import conv1d_input, conv2d_input, conv3d_input
from .losses import cross_entropy, mse_loss
from .pooling import avg_pool2d, max_pool2d
from .weights import conv1d_weight, conv2d_weight, conv3d_weight

__all__ = [
    "avg_pool2d",
    "conv1d_bias",
    "conv1d_input",
    "conv1d_weight",
    "conv2d_bias",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_bias",
    "conv3d_input",
    "conv3d_weight",
    "cross_entropy",
    "leaky_relu",
    "max_pool2d",
    "mse_loss",
    "relu",
    "relu6",
    "sigmoid",
    "softmax",
    "tanh",
]
