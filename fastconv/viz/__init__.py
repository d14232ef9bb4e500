"""Pictures: the sliding window, kernels, feature maps, receptive fields and plans.

`animate` shows a convolution output by output.  The other functions return Matplotlib figures.
They do not use pyplot, so they work in threads and on servers.  Save a figure with ``savefig``, or
let a notebook show it.

``pip install 'fastconv[plot]'`` installs Matplotlib and Pillow, which are imported when the first
picture is drawn.
"""

from .animation import Animation, animate
from .maps import before_after, feature_maps, kernels
from .plans import plan
from .receptive import ReceptiveField, StackedLayer, receptive_field_sizes, receptive_fields

__all__ = [
    "Animation",
    "ReceptiveField",
    "StackedLayer",
    "animate",
    "before_after",
    "feature_maps",
    "kernels",
    "plan",
    "receptive_field_sizes",
    "receptive_fields",
]
