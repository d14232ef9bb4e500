"""Structural similarity of batches of colour images, with PyTorch: depthwise convolutions."""

import numpy as np

import fastconv as fc

try:
    import torch
    from torch.nn import functional as F  # noqa: N812
except ImportError:  # the version with fastconv runs
    torch = None


def inputs(size, rng):
    first = rng.random((2, 3, size, size)).astype(np.float32)
    return first, np.clip(first + rng.normal(0, 0.1, first.shape), 0, 1).astype(np.float32)


def window(channels, taps=11, sigma=1.5):
    x = np.arange(taps) - taps // 2
    line = np.exp(-(x**2) / (2 * sigma**2))
    line /= line.sum()
    return np.tile(np.outer(line, line).astype(np.float32), (channels, 1, 1, 1))


def similarity(x, y, smooth):
    c1, c2 = 0.01**2, 0.03**2
    ux, uy = smooth(x), smooth(y)
    vx, vy, vxy = smooth(x * x) - ux * ux, smooth(y * y) - uy * uy, smooth(x * y) - ux * uy
    found = (2 * ux * uy + c1) * (2 * vxy + c2) / ((ux**2 + uy**2 + c1) * (vx + vy + c2))
    return found.mean((1, 2, 3))


def run(x, y):
    weights = torch.from_numpy(window(3))
    with torch.no_grad():
        return similarity(
            torch.from_numpy(x),
            torch.from_numpy(y),
            lambda a: F.conv2d(a, weights, padding=5, groups=3),
        ).numpy()


def run_fastconv(x, y):
    weights = window(3)
    return similarity(x, y, lambda a: fc.conv2d(a, weights, padding=5, groups=3))
