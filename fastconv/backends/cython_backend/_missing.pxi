"""Samples without those that are missing, and sums over shares of weight."""

cdef extern from "missing.h" nogil:
    void select_float(float *out, const float *x, const uint8_t *valid, int64_t n)
    void select_double(double *out, const double *x, const uint8_t *valid, int64_t n)
    void divide_float(float *out, const float *shares, float full, float least, int64_t n)
    void divide_double(double *out, const double *shares, double full, double least, int64_t n)


def select(floating[::1] out, const floating[::1] x, const uint8_t[::1] valid):
    """Fill `out`."""
    cdef int64_t n = out.shape[0]
    if n:
        with nogil:
            if floating is float:
                select_float(&out[0], &x[0], &valid[0], n)
            else:
                select_double(&out[0], &x[0], &valid[0], n)


def divide(floating[::1] out, const floating[::1] shares, floating full, floating least):
    """Divide sums in place."""
    cdef int64_t n = out.shape[0]
    if n:
        with nogil:
            if floating is float:
                divide_float(&out[0], &shares[0], full, least, n)
            else:
                divide_double(&out[0], &shares[0], full, least, n)
