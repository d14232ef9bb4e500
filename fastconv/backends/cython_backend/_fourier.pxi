"""Fourier transforms, and products between two of them."""

cdef extern from "fourier_types.h" nogil:
    ctypedef struct fourier_t:
        int64_t n, cols, rows_x, rows_out, block
        int64_t plane_x, row_x, col_x
        int64_t plane_out, row_out, col_out
        int64_t plane_s, row_s, col_s
        int forward, inverse, negacyclic
    void fft_fourier_float32(
        const fourier_t *f, float *out, const float *x, const float *spectrum,
        const float *twiddles, float *buffer
    )
    void fft_fourier_float64(
        const fourier_t *f, double *out, const double *x, const double *spectrum,
        const double *twiddles, double *buffer
    )


cdef fourier_t fourier_of(
    const Py_buffer *out, const Py_buffer *x, const Py_buffer *spectrum,
    Py_ssize_t n, bint forward, bint inverse, bint negacyclic,
) noexcept:
    """Return extents and steps of a transform, or of a forward and inverse one with a product."""
    cdef Py_ssize_t size = out.itemsize
    return fourier_t(
        n, out.shape[2], x.shape[1], out.shape[1],
        n - x.shape[1] + out.shape[1] if forward and inverse else n,
        x.strides[0] // size, x.strides[1] // size, x.strides[2] // size,
        out.strides[0] // size, out.strides[1] // size, out.strides[2] // size,
        spectrum.strides[0] // size, spectrum.strides[1] // size, spectrum.strides[2] // size,
        forward, inverse, negacyclic,
    )
