"""
Stacked layers and ReLU
=======================
The first layer finds lines.  The second one sees both of its feature maps, and finds the corner of
an L, where a vertical and a horizontal line meet.
"""

# %%
import numpy as np

import fastconv as fc
from fastconv import kernels, viz

letter = np.zeros((9, 9), np.float32)
letter[1:7, 2] = letter[6, 2:8] = 1
lines = np.stack([kernels.get(name, "float32") for name in ("line_vertical", "line_horizontal")])
maps = fc.conv2d(letter[None], lines[:, None])
kept = np.maximum(maps, 0)  # ReLU
figure = viz.feature_maps(
    [letter[1:-1, 1:-1], maps[0], kept[0], letter[1:-1, 1:-1], maps[1], kept[1]],
    titles=["an L", "vertical lines", "after ReLU", "an L", "horizontal lines", "after ReLU"],
    columns=3,
)
figure

# %%
# The second layer has one filter of 2×3×3: a line that goes up from the centre, and one that goes
# right.  With a bias of -12, one alone is not enough.
corner = np.zeros((1, 2, 3, 3), np.float32)
corner[0, 0, :2, 1] = corner[0, 1, 1, 1:] = 1
found = fc.conv2d(kept, corner, bias=np.float32([-12]), activation="relu")
figure = viz.feature_maps(found, titles=["the corner"])
figure

# %%
# Each number of the last map depends on 5×5 pixels of the letter, its receptive field.
figure = viz.receptive_fields([3, 3], size=9, at=2)
figure
