"""Fourier transforms: NumPy's, with frequencies in the order of the compiled backends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..geometry.fourier import order, quarter_turn

__all__ = ["filter_columns", "transform"]


@np.errstate(all="ignore")
def transform(out: NDArray, x: NDArray, inverse: bool, negacyclic: bool = False) -> None:
    n = x.shape[1] if inverse else out.shape[1]
    turns = _turns(n, x.dtype, negacyclic)
    if inverse:
        spectrum = np.empty((n, x.shape[2]), np.result_type(x, np.complex64))
        spectrum[order(n)] = _join(x)
        _split(out, np.fft.ifft(spectrum, axis=0, norm="forward") * turns.conj())
    else:
        _split(out, np.fft.fft(_join(x) * turns[: x.shape[1]], n, axis=0)[order(n)])


@np.errstate(all="ignore")
def filter_columns(out: NDArray, x: NDArray, spectrum: NDArray, negacyclic: bool = False) -> None:
    n, outputs = spectrum.shape[1], out.shape[1]
    step = n - x.shape[1] + outputs
    turns = _turns(n, x.dtype, negacyclic)
    factors = np.empty_like(_join(spectrum))
    factors[order(n)] = _join(spectrum)
    for start in range(0, outputs, step):
        samples = _join(x[:, start : start + n])
        block = np.fft.fft(samples * turns[: len(samples)], n, axis=0)
        block *= factors
        block = np.fft.ifft(block, axis=0, norm="forward") * turns.conj()
        _split(out[:, start : start + step], block)


def _turns(n: int, dtype: np.dtype, negacyclic: bool) -> NDArray:
    """The factors of rows."""
    turns = quarter_turn(n) if negacyclic else np.ones(n)
    return turns[:, None].astype(np.result_type(dtype, np.complex64))


def _join(planes: NDArray) -> NDArray:
    """Complex numbers of a real and an imaginary plane."""
    joined = np.empty(planes.shape[1:], np.result_type(planes, np.complex64))
    joined.real, joined.imag = planes
    return joined


def _split(planes: NDArray, values: NDArray) -> None:
    """The first rows of complex numbers, as a real and an imaginary plane."""
    planes[0], planes[1] = values.real[: planes.shape[1]], values.imag[: planes.shape[1]]
