"""
Colour: one filter, three channels
==================================
A filter of a layer sees red, green and blue at once: 32×32×3 pixels and 3×3×3 weights make one
feature map of 30×30.
"""

# %%
import numpy as np
from skimage import data

import fastconv as fc
from fastconv import viz

photo = (data.astronaut()[60:188:4, 170:298:4] / 255).astype("float32")
photo.shape

# %%
# This filter likes red and dislikes green and blue.
weights = np.zeros((1, 3, 3, 3), "float32")  # filters, channels, rows, columns
weights[0, 0], weights[0, 1:] = 2 / 9, -1 / 9
figure = viz.kernels(weights)
figure

# %%
feature_map = fc.conv2d(photo, weights, layout="NHWC")
print(feature_map.shape)
figure = viz.before_after(photo, feature_map[..., 0], titles=("32×32×3", "30×30×1: how red it is"))
figure

# %%
# It is the sum of three cross-correlations, one for each channel.
by_channel = sum(fc.correlate(photo[..., c], weights[0, c], mode="valid") for c in range(3))
print(np.allclose(feature_map[..., 0], by_channel, atol=1e-6))
