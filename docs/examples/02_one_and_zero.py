"""
Telling a 1 from a 0
====================
Both digits have vertical strokes, and only the 0 has horizontal ones.  Two line detectors are
enough to tell them apart.
"""

# %%
import numpy as np

import fastconv as fc
from fastconv import kernels, viz

one = np.zeros((9, 9), np.uint8)
one[1:8, 4] = 255
zero = np.zeros((9, 9), np.uint8)
zero[2:7, [2, 6]] = 255
zero[[1, 7], 3:6] = 255
figure = viz.kernels(["line_vertical", "line_horizontal"])
figure

# %%
# Where a whole piece of a line lies under the 2s, with black on both sides, the sum is
# ``3 * 2 * 255``.
names = ("line_vertical", "line_horizontal")
maps = {
    (digit, name): fc.correlate(image, kernels.get(name), mode="valid")
    for digit, image in (("1", one), ("0", zero))
    for name in names
}
figure = viz.feature_maps(
    [one[1:-1, 1:-1], maps["1", names[0]], maps["1", names[1]],
     zero[1:-1, 1:-1], maps["0", names[0]], maps["0", names[1]]],
    titles=["a 1", "its vertical lines", "its horizontal lines",
            "a 0", "its vertical lines", "its horizontal lines"],
    columns=3,
)  # fmt: skip
figure

# %%
for key, found in maps.items():
    print(*key, int((found == 1530).sum()))
