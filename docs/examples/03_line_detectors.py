"""
Rivers: lines in a photograph
=============================
Four 3×3 kernels look for bright lines that are vertical, horizontal or diagonal.  On a photograph
of a retina, whose vessels branch like a river, each of them lights up where the vessels run its
way.
"""

# %%
import numpy as np
from skimage import data

import fastconv as fc
from fastconv import kernels, viz

names = ("line_vertical", "line_horizontal", "line_diagonal_down", "line_diagonal_up")
figure = viz.kernels(names)
figure

# %%
# Vessels are dark, so the photograph is inverted.  It is halved, so that a vessel is about as wide
# as a kernel.
photo = data.retina()
green = fc.filters.invert(photo[..., 1]).astype("float32") / 255
small = fc.filters.gaussian(green, 1.5)[::2, ::2]
river = small[150:400, 330:580]
weights = np.stack([kernels.get(name, "float32") for name in names])[:, None]
maps = fc.conv2d(river[None], weights, padding=1, boundary="nearest", activation="relu")
figure = viz.feature_maps(
    [river, *maps], titles=["the river", *(name.replace("_", " ") for name in names)], columns=3
)
figure

# %%
# Stacked, the four maps are one array with a channel for each direction, which a second layer can
# combine: where any direction responds, there is a vessel.
anywhere = fc.conv2d(maps, np.ones((1, 4, 3, 3), "float32"), padding=1)
figure = viz.before_after(river, anywhere[0], titles=("the river", "lines of any direction"))
figure
