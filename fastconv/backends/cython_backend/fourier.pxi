"""Fourier transforms of columns: passes of a few rows each, in place.

A pass splits every block of `length` rows into `radix` blocks: block k holds the frequencies
congruent to k modulo `radix`, after a multiplication by twiddle factors.  The inverse runs the same
passes in reverse, with conjugate roots.
"""

from functools import lru_cache

from ..geometry.fourier import quarter_turn

cdef enum:
    MAX_RADIX = 8


@lru_cache(maxsize=64)
def roots_of_one(n, dtype, inverse):
    """Return the powers of exp(-2πi / n), or of its conjugate, as real and imaginary parts."""
    turns = np.arange(n) / n
    sign = 1 if inverse else -1
    return np.exp(sign * 2j * np.pi * turns).view(np.float64).reshape(n, 2).astype(dtype)


def transform_rows(z, inverse):
    """Transform all columns of complex numbers `(2, n, columns)` in place."""
    n = z.shape[1]
    lengths = [n]
    while lengths[len(lengths) - 1] > MAX_RADIX:
        lengths.append(lengths[len(lengths) - 1] // 4)
    roots = roots_of_one(n, z.dtype.char, inverse)
    for length in reversed(lengths) if inverse else lengths:
        fourier_pass(z, roots, length, 4 if length > MAX_RADIX else length, inverse)


def fourier_pass(
    floating[:, :, ::1] z,
    const floating[:, ::1] roots,
    Py_ssize_t length,
    Py_ssize_t radix,
    bint inverse,
):
    """Split blocks of rows, or join them for the inverse."""
    cdef Py_ssize_t n = z.shape[1], span = length // radix
    cdef Py_ssize_t block, j, col, a, b, frequency, place, turn
    cdef floating re[MAX_RADIX]
    cdef floating im[MAX_RADIX]
    with nogil:
        for block in range(n // length):
            for j in range(span):
                for col in range(z.shape[2]):
                    for a in range(radix):
                        re[a] = im[a] = 0
                        for b in range(radix):
                            frequency, place = (b, a) if inverse else (a, b)
                            turn = frequency * (place * (n // radix) + j * (n // length)) % n
                            re[a] += (
                                z[0, block * length + b * span + j, col] * roots[turn, 0]
                                - z[1, block * length + b * span + j, col] * roots[turn, 1]
                            )
                            im[a] += (
                                z[0, block * length + b * span + j, col] * roots[turn, 1]
                                + z[1, block * length + b * span + j, col] * roots[turn, 0]
                            )
                    for a in range(radix):
                        z[0, block * length + a * span + j, col] = re[a]
                        z[1, block * length + a * span + j, col] = im[a]


def multiply_rows(floating[:, :, ::1] z, const floating[:, :, :] spectrum):
    """Multiply complex numbers by a spectrum in place."""
    cdef Py_ssize_t row, col
    cdef floating re, im
    with nogil:
        for row in range(z.shape[1]):
            for col in range(z.shape[2]):
                re, im = z[0, row, col], z[1, row, col]
                z[0, row, col] = re * spectrum[0, row, col] - im * spectrum[1, row, col]
                z[1, row, col] = re * spectrum[1, row, col] + im * spectrum[0, row, col]


def turn_rows(z, inverse):
    """Multiply the rows of a negacyclic transform by their factors, in place."""
    turns = quarter_turn(z.shape[1])
    factors = np.stack((turns.real, -turns.imag if inverse else turns.imag)).astype(z.dtype)
    multiply_rows(z, np.broadcast_to(factors[..., None], z.shape))


def transform(out, x, inverse, negacyclic=False):
    z = np.zeros((2, x.shape[1] if inverse else out.shape[1], x.shape[2]), x.dtype)
    z[:, :x.shape[1]] = x
    if negacyclic and not inverse:
        turn_rows(z, False)
    transform_rows(z, inverse)
    if negacyclic and inverse:
        turn_rows(z, True)
    out[...] = z[:, :out.shape[1]]


def filter_columns(out, x, spectrum, negacyclic=False):
    n, outputs = spectrum.shape[1], out.shape[1]
    step = n - x.shape[1] + outputs
    z = np.empty((2, n, x.shape[2]), x.dtype)
    for start in range(0, outputs, step):
        samples, sums = x[:, start:start + n], out[:, start:start + step]
        z[:, :samples.shape[1]] = samples
        z[:, samples.shape[1]:] = 0
        if negacyclic:
            turn_rows(z, False)
        transform_rows(z, False)
        multiply_rows(z, spectrum)
        transform_rows(z, True)
        if negacyclic:
            turn_rows(z, True)
        sums[...] = z[:, :sums.shape[1]]
