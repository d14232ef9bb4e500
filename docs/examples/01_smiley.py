"""
A detector on a smiley
======================
Ink times ink is one, and every other product is zero: the feature map counts the cells in which
both the detector and the face have ink.
"""

# %%
import numpy as np

import fastconv as fc

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
fc.correlate(smiley, detector, mode="valid")
