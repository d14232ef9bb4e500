"""A depthwise blur and a normalised convolution, with PyTorch."""

import numpy as np

import fastconv as fc

try:
    import torch
    from torch.nn import functional as F  # noqa: N812
except ImportError:  # the version with fastconv runs
    torch = None


def inputs(size, rng):
    x = rng.random((2, 3, size, size)).astype(np.float32)
    valid = (rng.random((2, 1, size, size)) > 0.2).astype(np.float32)
    line = np.hanning(9)[1:-1]
    kernel = np.outer(line, line) / line.sum() ** 2
    return x, valid, kernel.astype(np.float32)


def run(x, valid, kernel):
    x, valid, kernel = map(torch.from_numpy, (x, valid, kernel))
    channels, taps = x.shape[1], kernel.shape[-1]
    weights = kernel.repeat(channels, 1, 1, 1)

    def blur(image, w, groups):
        return F.conv2d(image, w, padding=taps // 2, groups=groups)

    with torch.no_grad():
        blurred = blur(x, weights, channels)
        total = blur(x * valid, weights, channels)
        return [blurred.numpy(), (total / blur(valid, weights[:1], 1)).numpy()]


def run_fastconv(x, valid, kernel):
    weights = np.broadcast_to(kernel, (x.shape[1], 1, *kernel.shape))
    how = {"axes": (2, 3), "boundary": "constant"}
    total = fc.correlate(x * valid, kernel, **how)
    return [
        fc.conv2d(x, weights, padding=kernel.shape[-1] // 2, groups=x.shape[1]),
        total / fc.correlate(valid, kernel, **how),
    ]
