"""Audio noise gate: a mask of a spectrogram is smoothed by a wide pyramid."""

import numpy as np
from scipy.signal import fftconvolve


def inputs(size, rng):
    spectrogram = rng.gamma(1.0, 1.0, (size // 4 + 1, size))
    spectrogram[size // 16 : size // 12] += 3
    return (spectrogram,)


def triangle(half):
    rise = np.linspace(0, 1, half + 1, endpoint=False)[1:]
    return np.concatenate([rise, [1.0], rise[::-1]])


def run(spectrogram, frequencies=7, times=12):
    threshold = spectrogram.mean(axis=1) + 1.5 * spectrogram.std(axis=1)
    pyramid = np.outer(triangle(frequencies), triangle(times))
    pyramid /= pyramid.sum()
    mask = spectrogram > threshold[:, None]
    gain = fftconvolve(mask, pyramid, mode="same")
    soft = fftconvolve(mask * 0.8, pyramid, mode="same")
    return [spectrogram * gain, soft]
