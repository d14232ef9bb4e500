"""Sums and checks of whole arrays, of any rank and strides."""

from libc.math cimport INFINITY, fabs, isfinite

cdef enum:
    MOST_RANGE_AXES = 8
    BLOCK = 16

ctypedef struct range_t:
    int axes
    Py_ssize_t lengths[MOST_RANGE_AXES]
    Py_ssize_t steps[MOST_RANGE_AXES]
    Py_ssize_t others[MOST_RANGE_AXES]
    double limit


cdef range_t range_of(const Py_buffer *x, const Py_buffer *other) except *:
    """Return extents and steps of one array or two of the same shape, with at least two axes."""
    cdef range_t n
    cdef int axis, missing = max(2 - x.ndim, 0)
    n.axes = x.ndim + missing
    if n.axes > MOST_RANGE_AXES:
        raise ValueError("too many axes")
    for axis in range(missing):
        n.lengths[axis], n.steps[axis], n.others[axis] = 1, 0, 0
    for axis in range(x.ndim):
        n.lengths[axis + missing] = x.shape[axis]
        n.steps[axis + missing] = x.strides[axis] // x.itemsize
        n.others[axis + missing] = other.strides[axis] // x.itemsize if other != NULL else 0
    return n


cdef void run_accumulate(floating *out, const floating *x, const range_t *n) noexcept nogil:
    """Add `x` to `out`."""
    cdef range_t inner
    cdef Py_ssize_t i
    if n.axes == 1:
        for i in range(n.lengths[0]):
            out[i * n.steps[0]] += x[i * n.others[0]]
        return
    inner.axes = n.axes - 1
    for i in range(inner.axes):
        inner.lengths[i], inner.steps[i] = n.lengths[i + 1], n.steps[i + 1]
        inner.others[i] = n.others[i + 1]
    for i in range(n.lengths[0]):
        run_accumulate(out + i * n.steps[0], x + i * n.others[0], &inner)


ctypedef struct extremes_t:
    double largest, least_block
    bint zeros


cdef void measure(const floating *x, const range_t *n, int axis, extremes_t *found) noexcept nogil:
    """Note the largest magnitude, and the least one that a block has; NaN becomes infinity."""
    cdef Py_ssize_t i, j, row, col, rows, cols
    cdef double most, value
    if axis < n.axes - 2:
        for i in range(n.lengths[axis]):
            measure(x + i * n.steps[axis], n, axis + 1, found)
        return
    rows, cols = n.lengths[axis], n.lengths[axis + 1]
    for row from 0 <= row < rows by BLOCK:
        for col from 0 <= col < cols by BLOCK:
            most = 0
            for i in range(row, min(row + BLOCK, rows)):
                for j in range(col, min(col + BLOCK, cols)):
                    value = fabs(x[i * n.steps[axis] + j * n.steps[axis + 1]])
                    if not value <= most:
                        most = value
            if not isfinite(most) or not isfinite(found.largest):
                found.largest = INFINITY
                return
            found.largest = max(found.largest, most)
            if most == 0:
                found.zeros = True
            else:
                found.least_block = min(found.least_block, most)


cdef bint run_in_range(const floating *x, const range_t *n) noexcept nogil:
    """Return whether samples are finite and alike in magnitude."""
    cdef extremes_t found = extremes_t(0, INFINITY, False)
    measure(x, n, 0, &found)
    if not isfinite(found.largest):
        return False
    if found.zeros and found.largest > n.limit * n.limit:
        return False
    return found.least_block >= found.largest / n.limit
