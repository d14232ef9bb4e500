"""Fourier transforms: NumPy's, with frequencies in the order of the compiled backends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry.fourier import order, quarter_turn

__all__ = ["filter_columns", "transform"]


@np.errstate(all="ignore")
def transform(out: NDArray, x: NDArray, inverse: bool, negacyclic: bool = False) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    if inverse:
        spectrum = np.empty((n, x.shape[2]), np.result_type(x, np.complex64))
        spectrum[order(n)] = _join(x)
        _split(out, _backward(spectrum, negacyclic))
    else:
        _split(out, _forward(x, n, negacyclic)[order(n)])


@np.errstate(all="ignore")
def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray, negacyclic: bool = False) -> None:
    n, outputs = spectrum.shape[1], out.shape[1]
    step = n - x.shape[1] + outputs
    factors = np.empty_like(_join(spectrum))
    factors[order(n)] = _join(spectrum)
    for start in range(0, outputs, step):
        block = _forward(x[:, start : start + n], n, negacyclic)
        block *= factors
        _split(out[:, start : start + step], _backward(block, negacyclic))


def _forward(x: NDArray, n: int, negacyclic: bool) -> NDArray:
    """The spectrum of ``x``, padded with zeros to ``n`` rows."""
    samples = _join(x)
    if negacyclic:
        samples *= _turns(n, samples.dtype)[: len(samples)]
    return np.fft.fft(samples, n, axis=0)


def _backward(spectrum: NDArray, negacyclic: bool) -> NDArray:
    """The inverse transform, times its length."""
    samples = np.fft.ifft(spectrum, axis=0, norm="forward")
    if negacyclic:
        samples *= _turns(len(samples), samples.dtype).conj()
    return samples


def _turns(n: int, dtype: np.dtype) -> NDArray:
    """The factors of rows in a negacyclic transform."""
    return quarter_turn(n)[:, None].astype(dtype)


def _join(planes: NDArray) -> NDArray:
    """Complex numbers from a real and an imaginary plane."""
    joined = np.empty(planes.shape[1:], np.result_type(planes, np.complex64))
    joined.real, joined.imag = planes
    return joined


def _split(planes: NDArray, values: NDArray) -> None:
    """Write the first rows of complex numbers to a real and an imaginary plane."""
    planes[0], planes[1] = values.real[: planes.shape[1]], values.imag[: planes.shape[1]]
