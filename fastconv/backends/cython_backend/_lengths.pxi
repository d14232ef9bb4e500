"""Lengths of vectors: included by a module for each instruction set, after `_rows.pxi`."""

from cython cimport floating

cdef extern from "lengths.h" nogil:
    void lengths_float(float *out, const float *x, const float *y, int64_t n)
    void lengths_double(double *out, const double *x, const double *y, int64_t n)


def lengths(floating[::1] out, const floating[::1] x, const floating[::1] y):
    """Fill `out`, which may be `x` or `y`."""
    cdef int64_t n = out.shape[0]
    if n == 0:
        return
    with nogil:
        if floating is float:
            lengths_float(&out[0], &x[0], &y[0], n)
        else:
            lengths_double(&out[0], &x[0], &y[0], n)
