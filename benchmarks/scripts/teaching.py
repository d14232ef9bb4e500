"""Teaching scripts: small kernels on 8-bit photographs, colour by colour."""

import sys

import numpy as np
from scipy.signal import convolve2d

BLUR = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
SHARPEN = np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]])
SOBEL = np.matrix([[1, 0, -1], [2, 0, -2], [1, 0, -1]])


def inputs(size, rng):
    y, x = np.mgrid[:size, :size]
    photo = np.stack([x * 255 // size, y * 255 // size, (x + y) * 127 // size], axis=-1)
    return ((photo + rng.integers(-20, 20, photo.shape)).clip(0, 255).astype(np.uint8),)


def per_colour(photo, kernel):
    done = [
        convolve2d(photo[:, :, c], kernel, mode="same", boundary="symm")
        for c in range(photo.shape[2])
    ]
    return np.stack(done, axis=-1).clip(0, 255).astype(np.uint8)


def run(photo):
    grey = photo.mean(axis=2).astype(int)
    gx = convolve2d(grey, SOBEL, mode="same", boundary="fill", fillvalue=0)
    gy = convolve2d(grey, SOBEL.T, mode="same", boundary="fill", fillvalue=0)
    steps = convolve2d(grey, [[-1, 1]], mode="valid")
    return [per_colour(photo, BLUR), per_colour(photo, SHARPEN), np.hypot(gx, gy), gx, gy, steps]


if __name__ == "__main__":
    for picture in run(*inputs(int(sys.argv[1]), np.random.default_rng(0))):
        print(picture.shape, picture.dtype, picture.sum())
