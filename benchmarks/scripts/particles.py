"""Particle tracking: a band pass that finds bright spots, in place and with integers."""

import numpy as np
from scipy.ndimage import correlate1d, uniform_filter1d


def inputs(size, rng):
    y, x = np.mgrid[:size, :size]
    frames = []
    for _ in range(4):
        frame = rng.poisson(200, (size, size)).astype(float)
        for cy, cx in rng.uniform(0, size, (size // 8, 2)):
            frame += 900 * np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / 8)
        frames.append(frame.astype(np.uint16))
    return (frames,)


def bandpass(frame, noise=1.0, diameter=11, threshold=20):
    background = frame.copy()
    for axis in range(frame.ndim):
        uniform_filter1d(background, diameter, axis, output=background, mode="nearest")
    radius = int(4 * noise + 0.5)
    weights = np.exp(-(np.arange(-radius, radius + 1) ** 2) / (2 * noise**2))
    weights /= weights.sum()
    smooth = frame.astype(float)
    for axis in range(frame.ndim):
        correlate1d(smooth, weights, axis, output=smooth, mode="constant", cval=0.0)
    smooth -= background
    return np.where(smooth >= threshold, smooth, 0)


def run(frames):
    return [bandpass(frame) for frame in frames]
