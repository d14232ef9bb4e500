"""Fourier transforms: NumPy's, with frequencies in the order of the compiled backends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry.fourier import order

__all__ = ["filter_columns", "transform"]


@np.errstate(all="ignore")
def transform(out: NDArray, x: NDArray, inverse: bool) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    if inverse:
        spectrum = np.empty((n, x.shape[2]), np.result_type(x, np.complex64))
        spectrum[order(n)] = _join(x)
        _split(out, np.fft.ifft(spectrum, axis=0, norm="forward"))
    else:
        _split(out, np.fft.fft(_join(x), n, axis=0)[order(n)])


@np.errstate(all="ignore")
def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray) -> None:
    n, outputs = spectrum.shape[1], out.shape[1]
    step = n - x.shape[1] + outputs
    factors = np.empty_like(_join(spectrum))
    factors[order(n)] = _join(spectrum)
    for start in range(0, outputs, step):
        block = np.fft.fft(_join(x[:, start : start + n]), n, axis=0)
        block *= factors
        _split(out[:, start : start + step], np.fft.ifft(block, axis=0, norm="forward"))


def _join(planes: NDArray) -> NDArray:
    """Complex numbers of a real and an imaginary plane."""
    joined = np.empty(planes.shape[1:], np.result_type(planes, np.complex64))
    joined.real, joined.imag = planes
    return joined


def _split(planes: NDArray, values: NDArray) -> None:
    """The first rows of complex numbers, as a real and an imaginary plane."""
    planes[0], planes[1] = values.real[: planes.shape[1]], values.imag[: planes.shape[1]]
