"""Structural similarity of two images, with a 7-wide box and with a Gaussian of 11 taps."""

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter


def inputs(size, rng):
    y, x = np.mgrid[:size, :size]
    first = 127 + 60 * np.sin(x / 9) + 50 * np.cos(y / 7)
    return first, np.clip(first + rng.normal(0, 12, first.shape), 0, 255)


def similarity(x, y, smooth, margin, unbias=1.0):
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    ux, uy = smooth(x), smooth(y)
    vx = unbias * (smooth(x * x) - ux * ux)
    vy = unbias * (smooth(y * y) - uy * uy)
    vxy = unbias * (smooth(x * y) - ux * uy)
    numerator = (2 * ux * uy + c1) * (2 * vxy + c2)
    found = numerator / ((ux**2 + uy**2 + c1) * (vx + vy + c2))
    return found[margin:-margin, margin:-margin].mean(), found


def run(x, y):
    box = similarity(x, y, lambda a: uniform_filter(a, size=7), 3, unbias=49 / 48)
    wide = similarity(x, y, lambda a: gaussian_filter(a, 1.5, truncate=3.5), 5)
    return [*box, *wide]
