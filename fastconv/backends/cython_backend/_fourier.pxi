"""The Fourier transforms of the compiled backend and what follows them.

Included by a module for each instruction set.
"""

cdef extern from "ffts.h" nogil:
    ctypedef struct fourier_t:
        int64_t n, cols, rows_x, rows_out, block
        int64_t plane_x, row_x, col_x
        int64_t plane_out, row_out, col_out
        int64_t plane_s, row_s, col_s
        int forward, inverse
    void fft_fourier_float32(
        const fourier_t *f, float *out, const float *x, const float *spectrum,
        const float *twiddles, float *buffer
    )
    void fft_fourier_float64(
        const fourier_t *f, double *out, const double *x, const double *spectrum,
        const double *twiddles, double *buffer
    )
    bint finish_float32(
        float *out, int64_t rows, int64_t row, int64_t cols, int64_t col, float bias
    )
    bint finish_float64(
        double *out, int64_t rows, int64_t row, int64_t cols, int64_t col, double bias
    )

ctypedef struct sums_t:
    Py_ssize_t lengths[4]
    Py_ssize_t steps[4]
    Py_ssize_t bias
    int relu


cdef fourier_t fourier_of(
    const Py_buffer *out, const Py_buffer *x, const Py_buffer *spectrum,
    Py_ssize_t n, bint forward, bint inverse,
) noexcept:
    """Return extents and steps of a transform, or of both ways and a product between them."""
    cdef Py_ssize_t size = out.itemsize
    return fourier_t(
        n, out.shape[2], x.shape[1], out.shape[1],
        n - x.shape[1] + out.shape[1] if forward and inverse else n,
        x.strides[0] // size, x.strides[1] // size, x.strides[2] // size,
        out.strides[0] // size, out.strides[1] // size, out.strides[2] // size,
        spectrum.strides[0] // size, spectrum.strides[1] // size, spectrum.strides[2] // size,
        forward, inverse,
    )


cdef sums_t sums_of(const Py_buffer *out, const Py_buffer *bias) noexcept:
    """Return extents and steps of sums `(channels, *axes)`, of three axes, and of their bias."""
    cdef sums_t n
    cdef int axis
    for axis in range(4):
        n.lengths[axis] = out.shape[axis]
        n.steps[axis] = out.strides[axis] // out.itemsize
    n.bias = bias.strides[0] // bias.itemsize
    n.relu = 0
    return n


cdef bint run_epilogue(floating *out, const floating *bias, const sums_t *n) noexcept nogil:
    cdef Py_ssize_t channel, plane, row, col
    cdef bint finite = True
    cdef floating *to
    for channel in range(n.lengths[0]):
        for plane in range(n.lengths[1]):
            to = out + channel * n.steps[0] + plane * n.steps[1]
            if floating is float:
                finite &= finish_float32(
                    to, n.lengths[2], n.steps[2], n.lengths[3], n.steps[3], bias[channel * n.bias]
                )
            else:
                finite &= finish_float64(
                    to, n.lengths[2], n.steps[2], n.lengths[3], n.steps[3], bias[channel * n.bias]
                )
    if n.relu:
        for channel in range(n.lengths[0]):
            for plane in range(n.lengths[1]):
                for row in range(n.lengths[2]):
                    to = out + channel * n.steps[0] + plane * n.steps[1] + row * n.steps[2]
                    for col in range(n.lengths[3]):
                        if to[col * n.steps[3]] < 0:
                            to[col * n.steps[3]] = 0
    return finite
