"""Pictures that explain: a window that slides, kernels, feature maps, receptive fields, plans.

`animate` shows how a convolution comes about, output by output.  All other functions return figures
of Matplotlib, made without pyplot, so that they draw anywhere: save them with ``savefig``, or let a
notebook show them.

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
