"""Magnitudes of vectors from their components."""

from cython cimport floating

cdef extern from "magnitude.h" nogil:
    void magnitude_float(float *out, const float *x, const float *y, int64_t n)
    void magnitude_double(double *out, const double *x, const double *y, int64_t n)


def magnitude(floating[::1] out, const floating[::1] x, const floating[::1] y):
    """Fill `out`, which may be `x` or `y`."""
    cdef int64_t n = out.shape[0]
    if n == 0:
        return
    with nogil:
        if floating is float:
            magnitude_float(&out[0], &x[0], &y[0], n)
        else:
            magnitude_double(&out[0], &x[0], &y[0], n)
