"""The public calls.  Each asks a question (`validate`) and runs its plan (`planner`).

Two families share one engine: `correlate` and `convolve` for signals, images and volumes, and
`conv1d`, `conv2d` and `conv3d`, with their transposes, for layers of neural networks.
"""

from .images import convolve, correlate, plan_correlate
from .layers import conv1d, conv2d, conv3d, plan_conv1d, plan_conv2d, plan_conv3d
from .transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolve",
    "correlate",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "plan_correlate",
]
