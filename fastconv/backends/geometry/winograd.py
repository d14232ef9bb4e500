"""The matrices of Winograd's convolution with three taps, for tiles of 4 and of 2 outputs.

Along one axis, ``SAMPLES[m]`` evaluates the m + 2 samples of a tile at its points, ``WEIGHTS[m]``
evaluates three weights, and ``OUTPUTS[m]`` makes m outputs from their products.  The points are 0,
1, -1 (and 2, -2) and infinity.  ``TILES`` maps the number of points of a tile to its outputs, down
and across; the last ones are lines along one axis.
"""

from __future__ import annotations

import numpy as np

__all__ = ["BLOCK", "OUTPUTS", "SAMPLES", "TILES", "WEIGHTS"]

BLOCK = 3
"""Taps along each axis that are evaluated together."""
TILES = {36: (4, 4), 16: (2, 2), 6: (4, 1), 4: (2, 1)}

SAMPLES = {
    4: np.array(
        [
            [4, 0, -5, 0, 1, 0],
            [0, -4, -4, 1, 1, 0],
            [0, 4, -4, -1, 1, 0],
            [0, -2, -1, 2, 1, 0],
            [0, 2, -1, -2, 1, 0],
            [0, 4, 0, -5, 0, 1],
        ],
        np.float32,
    ),
    2: np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.float32),
}
WEIGHTS = {
    4: np.array(
        [
            [1 / 4, 0, 0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0, 0, 1],
        ]
    ),
    2: np.array([[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]]),
}
OUTPUTS = {
    4: np.array(
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]],
        np.float32,
    ),
    2: np.array([[1, 1, 1, 0], [0, 1, -1, -1]], np.float32),
}
