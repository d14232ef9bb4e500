"""Missing samples: zeros in their place, shares of weight, and sums over shares."""

cdef extern from "missing.h" nogil:
    int64_t drop_float(float *x, uint8_t *valid, bint nan, int64_t n)
    int64_t drop_double(double *x, uint8_t *valid, bint nan, int64_t n)
    bint deduct_float(
        float *shares, const uint8_t *valid, int64_t n, const float *w, const int64_t *starts,
        int64_t rows, int64_t width, int64_t pitch, float least
    )
    bint deduct_double(
        double *shares, const uint8_t *valid, int64_t n, const double *w, const int64_t *starts,
        int64_t rows, int64_t width, int64_t pitch, double least
    )
    void divide_float(float *out, const float *shares, float full, float least, int64_t n)
    void divide_double(double *out, const double *shares, double full, double least, int64_t n)


def drop(floating[::1] x, uint8_t[::1] valid, bint nan):
    """Put zeros in the place of missing samples and return how many there are."""
    cdef int64_t n = x.shape[0], missing = 0
    if n:
        with nogil:
            if floating is float:
                missing = drop_float(&x[0], &valid[0], nan, n)
            else:
                missing = drop_double(&x[0], &valid[0], nan, n)
    return missing


def deduct(
    floating[::1] shares,
    const uint8_t[::1] valid,
    const floating[:, ::1] w,
    const int64_t[::1] starts,
    int64_t width,
    floating least,
):
    """Subtract the weights of missing samples and return whether shares stay at least the least."""
    cdef int64_t n = valid.shape[0], rows = w.shape[0], pitch = w.shape[1]
    cdef bint kept = True
    if n and rows:
        with nogil:
            if floating is float:
                kept = deduct_float(
                    &shares[0], &valid[0], n, &w[0, 0], &starts[0], rows, width, pitch, least
                )
            else:
                kept = deduct_double(
                    &shares[0], &valid[0], n, &w[0, 0], &starts[0], rows, width, pitch, least
                )
    return kept


def divide(floating[:, :, :] out, const floating[:, :, :] shares, floating full, floating least):
    """Divide sums in place, in rows of contiguous items."""
    cdef int64_t n = out.shape[2], i, j
    if n:
        with nogil:
            for i in range(out.shape[0]):
                for j in range(out.shape[1]):
                    if floating is float:
                        divide_float(&out[i, j, 0], &shares[i, j, 0], full, least, n)
                    else:
                        divide_double(&out[i, j, 0], &shares[i, j, 0], full, least, n)
