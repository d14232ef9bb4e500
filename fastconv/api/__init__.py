"""The public calls.  Each is lowered to a problem (`lower`) and run by a plan (`plan`).

Two families share one engine: `correlate` and `convolve` for signals, images and volumes, and
`conv1d`, `conv2d` and `conv3d`, with their transposes, for layers of neural networks.
"""

from .banks import correlate_bank
from .borders import translate_boundary
from .explanation import Explanation, explain
from .image_plans import plan_convolve, plan_correlate
from .images import convolve, correlate
from .layer_plans import plan_conv1d, plan_conv2d, plan_conv3d
from .layers import conv1d, conv2d, conv3d
from .options import AlgorithmName, Boundary
from .transposed import conv_transpose1d, conv_transpose2d, conv_transpose3d
from .transposed_plans import (
    plan_conv_transpose1d,
    plan_conv_transpose2d,
    plan_conv_transpose3d,
)

__all__ = [
    "AlgorithmName",
    "Boundary",
    "Explanation",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolve",
    "correlate",
    "correlate_bank",
    "explain",
    "plan_conv1d",
    "plan_conv2d",
    "plan_conv3d",
    "plan_conv_transpose1d",
    "plan_conv_transpose2d",
    "plan_conv_transpose3d",
    "plan_convolve",
    "plan_correlate",
    "translate_boundary",
]
