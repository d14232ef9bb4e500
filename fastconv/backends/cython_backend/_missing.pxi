"""Missing samples: zeros in their place, shares of weight, and sums over shares."""

cdef extern from "missing.h" nogil:
    ctypedef struct deduct_t:
        int64_t items, samples, rows, width, pitch, most
        double least
    ctypedef struct shares_t:
        range_t axes
        int64_t items
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
    void divide_float(
        float *out, const float *shares, int64_t missing, const shares_t *n, int axis
    )
    void divide_double(
        double *out, const double *shares, int64_t missing, const shares_t *n, int axis
    )
    void below_float(uint8_t *out, const float *x, const shares_t *n, int axis)
    void below_double(uint8_t *out, const double *x, const shares_t *n, int axis)

ctypedef struct drop_t:
    int64_t samples
    bint nan, told


cdef deduct_t deduct_of(
    const Py_buffer *shares, const Py_buffer *valid, const Py_buffer *w
) noexcept:
    """Return the extents of shares, of the bytes of samples, and of weights in rows."""
    cdef deduct_t n
    n.items, n.samples = shares.shape[0], valid.len
    n.rows, n.pitch = w.shape[0], w.shape[1]
    return n


cdef void run_drop(char kind, char *const *at, const drop_t *n) noexcept nogil:
    """Put zeros in the place of missing samples and count them."""
    cdef int64_t *missing = <int64_t *> at[2]
    if kind == b"f":
        missing[0] = drop_float(<float *> at[0], <uint8_t *> at[1], n.nan, n.told, n.samples)
    else:
        missing[0] = drop_double(<double *> at[0], <uint8_t *> at[1], n.nan, n.told, n.samples)


cdef bint run_deduct(char kind, char *const *at, const deduct_t *n) noexcept nogil:
    """Take the weights of missing samples from one, and return whether the shares count."""
    cdef const uint8_t *valid = <const uint8_t *> at[1]
    cdef int64_t missing = (<const int64_t *> at[2])[0]
    cdef const int64_t *starts = <const int64_t *> at[4]
    if kind == b"f":
        return deduct_float(<float *> at[0], valid, missing, <const float *> at[3], starts, n)
    return deduct_double(<double *> at[0], valid, missing, <const double *> at[3], starts, n)


cdef void run_divide(char kind, char *const *at, const shares_t *n) noexcept nogil:
    """Divide sums by shares, in place."""
    cdef int64_t missing = (<const int64_t *> at[2])[0]
    if missing == 0:
        return
    if kind == b"f":
        divide_float(<float *> at[0], <const float *> at[1], missing, n, 0)
    else:
        divide_double(<double *> at[0], <const double *> at[1], missing, n, 0)


cdef void run_below(char kind, char *const *at, const shares_t *n) noexcept nogil:
    """Say which shares are too small."""
    if (<const int64_t *> at[2])[0] == 0:
        return
    if kind == b"f":
        below_float(<uint8_t *> at[0], <const float *> at[1], n, 0)
    else:
        below_double(<uint8_t *> at[0], <const double *> at[1], n, 0)
