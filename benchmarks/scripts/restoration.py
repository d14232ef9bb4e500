"""Edges as in Canny's detector, Richardson–Lucy deconvolution, and template matching."""

import numpy as np
from scipy import ndimage as ndi
from scipy.signal import convolve, fftconvolve


def inputs(size, rng):
    y, x = np.mgrid[:size, :size]
    image = ((x // 16 + y // 16) % 2) * 0.6 + 0.2 + rng.random((size, size)) * 0.05
    volume = rng.random((size // 4,) * 3) + 0.1
    return image, volume


def edges(image, sigma=1.4, low=0.1, high=0.2):
    smooth = ndi.gaussian_filter(image, sigma, mode="constant")
    dy, dx = ndi.sobel(smooth, axis=0), ndi.sobel(smooth, axis=1)
    strength = np.hypot(dy, dx)
    labels, count = ndi.label(strength > low, np.ones((3, 3)))
    strong = ndi.maximum(strength, labels, np.arange(1, count + 1)) > high
    return strength, np.concatenate([[False], strong])[labels]


def richardson_lucy(image, psf, iterations=30):
    estimate = np.full(image.shape, 0.5)
    mirrored = np.flip(psf)
    for _ in range(iterations):
        blurred = convolve(estimate, psf, mode="same") + 1e-12
        estimate = estimate * convolve(image / blurred, mirrored, mode="same")
    return estimate


def match(image, template):
    return fftconvolve(image, (template - template.mean())[::-1, ::-1], mode="valid")


def run(image, volume):
    psf = np.outer(np.hanning(9), np.hanning(9)) / np.outer(np.hanning(9), np.hanning(9)).sum()
    deep = np.ones((3, 3, 3)) / 27
    return [
        *edges(image),
        richardson_lucy(convolve(image, psf, "same"), psf),
        richardson_lucy(convolve(volume, deep, "same"), deep, iterations=5),
        match(image, image[5:22, 3:20]),
    ]
