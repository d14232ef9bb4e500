"""Samples without those that are missing, and sums over shares of weight."""

cdef extern from "missing.h" nogil:
    bint select_float(float *out, const float *x, uint8_t *valid, int64_t n, bint nan)
    bint select_double(double *out, const double *x, uint8_t *valid, int64_t n, bint nan)
    void divide_float(float *out, const float *shares, float full, float least, int64_t n)
    void divide_double(double *out, const double *shares, double full, double least, int64_t n)


def select(floating[::1] out, const floating[::1] x, uint8_t[::1] valid, bint nan):
    """Fill `out`; return whether all samples are valid."""
    cdef int64_t n = out.shape[0]
    cdef bint every = True
    if n:
        with nogil:
            if floating is float:
                every = select_float(&out[0], &x[0], &valid[0], n, nan)
            else:
                every = select_double(&out[0], &x[0], &valid[0], n, nan)
    return every


def divide(floating[::1] out, const floating[::1] shares, floating full, floating least):
    """Divide sums in place."""
    cdef int64_t n = out.shape[0]
    if n:
        with nogil:
            if floating is float:
                divide_float(&out[0], &shares[0], full, least, n)
            else:
                divide_double(&out[0], &shares[0], full, least, n)
