"""The gradients of `conv1d`, `conv2d` and `conv3d`, from the gradient of their result.

The first arguments come in the order of ``torch.nn.grad``, the others are those of the convolution.
Where a loss changes by ``(grad_output * change).sum()`` as the result of the convolution changes,
it changes by ``(gradient * change).sum()`` as the input, the weights or the bias do: the gradients
are the convolution's adjoints.  Those of complex numbers have conjugated factors, as PyTorch's.
"""

from .biases import conv1d_bias, conv2d_bias, conv3d_bias
from .inputs import conv1d_input, conv2d_input, conv3d_input
from .weights import conv1d_weight, conv2d_weight, conv3d_weight

__all__ = [
    "conv1d_bias",
    "conv1d_input",
    "conv1d_weight",
    "conv2d_bias",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_bias",
    "conv3d_input",
    "conv3d_weight",
]
