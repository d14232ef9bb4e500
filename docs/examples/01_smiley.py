"""
A detector on a smiley
======================
Ink times ink is one, and every other product is zero: the feature map counts the cells in which
both the detector and the face have ink.
"""

# %%
import numpy as np

import fastconv as fc
from fastconv import viz

smiley = np.array(
    [
        [0, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 0, 1, 0],
        [0, 0, 1, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
    ]
)
detector = np.array([[1, 0, 0], [0, 1, 1], [0, 0, 0]])
animation = viz.animate(smiley, detector, mode="valid", fps=3)
animation

# %%
# The detector has three cells of ink.  A 3 means that all of them match: the left corner of the
# smile.
fc.correlate(smiley, detector, mode="valid")

# %%
# One number of it, step by step:
print(fc.explain(smiley, detector, at=(4, 1), mode="valid"))
