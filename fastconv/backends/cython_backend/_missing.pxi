"""Missing samples: zeros in their place, shares of weight, and sums over shares."""

cdef extern from "missing.h" nogil:
    ctypedef struct deduct_t:
        int64_t items, samples, rows, width, pitch, most
        double least
    ctypedef struct shares_t:
        range_t axes
        double full, least
    int64_t drop_float(float *x, uint8_t *valid, bint nan, bint told, int64_t n)
    int64_t drop_double(double *x, uint8_t *valid, bint nan, bint told, int64_t n)
    bint deduct_float(
        float *shares, const uint8_t *valid, int64_t missing, const float *w,
        const int64_t *starts, const deduct_t *n
    )
    bint deduct_double(
        double *shares, const uint8_t *valid, int64_t missing, const double *w,
        const int64_t *starts, const deduct_t *n
    )
    void divide_float(float *out, const float *shares, const shares_t *n, int axis)
    void divide_double(double *out, const double *shares, const shares_t *n, int axis)
    void below_float(uint8_t *out, const float *x, const shares_t *n, int axis)
    void below_double(uint8_t *out, const double *x, const shares_t *n, int axis)

ctypedef struct drop_t:
    int64_t samples
    bint nan, told


cdef deduct_t deduct_of(const Py_buffer *shares, const Py_buffer *valid, const Py_buffer *w) noexcept:
    """Return the extents of shares, of the bytes of samples, and of weights in rows."""
    cdef deduct_t n
    n.items, n.samples = shares.shape[0], valid.len
    n.rows, n.pitch = w.shape[0], w.shape[1]
    return n


cdef void run_drop(floating *x, uint8_t *valid, int64_t *missing, const drop_t *n) noexcept nogil:
    """Put zeros in the place of missing samples and count them."""
    if floating is float:
        missing[0] = drop_float(x, valid, n.nan, n.told, n.samples)
    else:
        missing[0] = drop_double(x, valid, n.nan, n.told, n.samples)


cdef bint run_deduct(
    floating *shares, const uint8_t *valid, const int64_t *missing, const floating *w,
    const int64_t *starts, const deduct_t *n
) noexcept nogil:
    """Take the weights of missing samples from one, and return whether the shares count."""
    if floating is float:
        return deduct_float(shares, valid, missing[0], w, starts, n)
    else:
        return deduct_double(shares, valid, missing[0], w, starts, n)


cdef void run_divide(
    floating *out, const floating *shares, const int64_t *missing, const shares_t *n
) noexcept nogil:
    """Divide sums by shares, in place."""
    if missing[0] == 0:
        return
    if floating is float:
        divide_float(out, shares, n, 0)
    else:
        divide_double(out, shares, n, 0)


cdef void run_below(
    uint8_t *out, const floating *x, const int64_t *missing, const shares_t *n
) noexcept nogil:
    """Say which shares are too small."""
    if missing[0] == 0:
        return
    if floating is float:
        below_float(out, x, n, 0)
    else:
        below_double(out, x, n, 0)
