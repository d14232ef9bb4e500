"""Microscopy: stacks of 16-bit images, differences of Gaussians, and uneven illumination."""

import numpy as np
from scipy.ndimage import gaussian_filter


def inputs(size, rng):
    stack = rng.poisson(400, (size // 8, size, size)).astype(np.uint16)
    plate = rng.normal(100, 5, (2 * size, 2 * size, 5))
    return stack, plate


def run(stack, plate):
    smooth = gaussian_filter(stack, 3)
    spots = np.empty(stack.shape, np.float32)
    for frame, target in zip(stack, spots, strict=True):
        image = frame.astype(np.float32)
        target[...] = gaussian_filter(image, 1) - gaussian_filter(image, 2.5)
    light = gaussian_filter(plate, (50, 50, 0))
    return [smooth, spots, plate / light]
