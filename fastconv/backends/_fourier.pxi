"""The Fourier transforms of the compiled backend, included by a module for each instruction set."""

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

ctypedef fused real:
    float
    double


def fourier(
    real[:, :, :] out,
    const real[:, :, :] x,
    const real[:, :, :] spectrum,
    const real[::1] twiddles,
    real[::1] buffer,
    Py_ssize_t n,
    bint forward,
    bint inverse,
):
    """Transform, and where both ways are asked for, multiply by the spectrum between them."""
    cdef Py_ssize_t size = sizeof(real)
    cdef fourier_t f = fourier_t(
        n, out.shape[2], x.shape[1], out.shape[1],
        n - x.shape[1] + out.shape[1] if forward and inverse else n,
        x.strides[0] // size, x.strides[1] // size, x.strides[2] // size,
        out.strides[0] // size, out.strides[1] // size, out.strides[2] // size,
        spectrum.strides[0] // size, spectrum.strides[1] // size, spectrum.strides[2] // size,
        forward, inverse,
    )
    with nogil:
        if real is float:
            fft_fourier_float32(
                &f, &out[0, 0, 0], &x[0, 0, 0], &spectrum[0, 0, 0], &twiddles[0], &buffer[0]
            )
        else:
            fft_fourier_float64(
                &f, &out[0, 0, 0], &x[0, 0, 0], &spectrum[0, 0, 0], &twiddles[0], &buffer[0]
            )
