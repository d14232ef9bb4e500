"""Pixel classification: features of one image at many scales, from a pool of threads."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from scipy import ndimage as ndi


def inputs(size, rng):
    image = ndi.zoom(rng.random((size // 8, size // 8)), 8, order=1)
    return ((image + rng.normal(0, 0.05, image.shape)).astype(np.float32),)


def features(image, sigma):
    smooth = ndi.gaussian_filter(image, sigma)
    edges = np.hypot(ndi.sobel(smooth, axis=0), ndi.sobel(smooth, axis=1))
    yy = ndi.gaussian_filter(image, sigma, order=(2, 0))
    xy = ndi.gaussian_filter(image, sigma, order=(1, 1))
    xx = ndi.gaussian_filter(image, sigma, order=(0, 2))
    middle, root = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    return np.stack([smooth, edges, middle + root, middle - root], axis=-1)


def run(image):
    sigmas = [0.5 * 2**k for k in range(6)]
    with ThreadPoolExecutor() as pool:
        return np.concatenate(list(pool.map(lambda s: features(image, s), sigmas)), axis=-1)
