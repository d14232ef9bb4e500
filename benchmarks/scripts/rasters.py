"""Radar and rasters: complex samples, and blocks with samples that are missing."""

import numpy as np
from scipy.ndimage import convolve, gaussian_filter


def inputs(size, rng):
    phase = np.exp(1j * rng.uniform(-3, 3, (size, size)))
    raster = rng.normal(50, 10, (size, size)).astype(np.float32)
    raster[rng.random(raster.shape) < 0.1] = -9999
    return phase.astype(np.complex64), raster


def focal_mean(block, kernel, nodata):
    kernel = kernel / kernel.sum()
    valid = block != nodata
    total = convolve(np.where(valid, block, 0).astype(float), kernel, mode="constant")
    weight = convolve(valid.astype(float), kernel, mode="constant")
    return np.where(weight > 0.25, total / np.maximum(weight, 1e-9), nodata)


def run(phase, raster, block=128, margin=3):
    coherence = np.abs(gaussian_filter(phase, (5.4, 20.6)))
    y, x = np.ogrid[-margin : margin + 1, -margin : margin + 1]
    disc = (y**2 + x**2 <= margin**2).astype(float)
    means = np.empty(raster.shape)
    for top in range(0, raster.shape[0], block):
        for left in range(0, raster.shape[1], block):
            y0, x0 = max(top - margin, 0), max(left - margin, 0)
            part = raster[y0 : top + block + margin, x0 : left + block + margin]
            done = focal_mean(part, disc, -9999)[top - y0 :, left - x0 :]
            means[top : top + block, left : left + block] = done[:block, :block]
    return [coherence, means]
