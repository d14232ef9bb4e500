"""Sums and checks of whole arrays."""

from cython cimport floating
from libc.math cimport INFINITY

cdef extern from "sums_types.h" nogil:
    enum:
        MAX_RANGE_AXES
    ctypedef struct sums_t:
        int64_t lengths[4]
        int64_t steps[4]
        int64_t bias
        int relu
    ctypedef struct range_axis_t:
        int64_t length, step, other
    ctypedef struct range_t:
        int axes
        range_axis_t axis[MAX_RANGE_AXES]
        double limit
    bint epilogue_float32(float *out, const float *bias, const sums_t *n)
    bint epilogue_float64(double *out, const double *bias, const sums_t *n)
    void accumulate_float32(float *out, const float *x, const range_t *n)
    void accumulate_float64(double *out, const double *x, const range_t *n)
    bint in_range_float32(const float *x, const range_t *n)
    bint in_range_float64(const double *x, const range_t *n)


cdef sums_t sums_of(const Py_buffer *out, const Py_buffer *bias) noexcept:
    """Return extents and steps of sums `(channels, *axes)`, of three axes, and of their bias."""
    cdef sums_t n
    cdef int axis
    for axis in range(4):
        n.lengths[axis] = out.shape[axis]
        n.steps[axis] = out.strides[axis] // out.itemsize
    n.bias = bias.strides[0] // bias.itemsize
    n.relu = 0
    return n


cdef bint run_epilogue(floating *out, const floating *bias, const sums_t *n) noexcept nogil:
    """Add the bias, and return whether all sums are finite before `relu`."""
    if floating is float:
        return epilogue_float32(out, bias, n)
    else:
        return epilogue_float64(out, bias, n)


cdef range_t range_of(const Py_buffer *x, const Py_buffer *other) except *:
    """Return extents and steps of one array, whose last two axes stay as they are, or of two of the
    same shape.
    """
    cdef int i, innermost, free_axes = x.ndim if other != NULL else x.ndim - 2
    cdef range_axis_t axis
    cdef range_t n
    n.axes, n.limit = 0, INFINITY
    for i in range(x.ndim, 2):
        n.axis[n.axes] = range_axis_t(1, 0, 0)
        n.axes += 1
    for i in range(x.ndim):
        axis = range_axis_t(x.shape[i], x.strides[i] // x.itemsize, 0)
        if other != NULL:
            axis.other = other.strides[i] // other.itemsize
        if i < free_axes and axis.length == 1:
            continue
        if i < free_axes and n.axes and continues(&n.axis[n.axes - 1], &axis):
            n.axes -= 1
            axis.length *= n.axis[n.axes].length
        if n.axes == MAX_RANGE_AXES:
            raise ValueError(f"sums of arrays that lie in more than {MAX_RANGE_AXES} axes")
        n.axis[n.axes] = axis
        n.axes += 1
    if other == NULL:
        return n
    if n.axes == 0:
        n.axis[0] = range_axis_t(1, 0, 0)
        n.axes = 1
    innermost = n.axes - 1
    for i in range(n.axes):
        if n.axis[i].step == 1 and n.axis[i].other == 1:
            innermost = i
    axis = n.axis[innermost]
    for i in range(innermost, n.axes - 1):
        n.axis[i] = n.axis[i + 1]
    n.axis[n.axes - 1] = axis
    return n


cdef bint continues(const range_axis_t *outer, const range_axis_t *inner) noexcept:
    """Return whether an axis is contiguous with the next item of the axis around it."""
    return (
        outer.step == inner.length * inner.step and outer.other == inner.length * inner.other
    )


cdef void run_accumulate(floating *out, const floating *x, const range_t *n) noexcept nogil:
    """Add `x` to `out`."""
    if floating is float:
        accumulate_float32(out, x, n)
    else:
        accumulate_float64(out, x, n)


cdef void run_at_most(item *out, const range_t *n, int axis) noexcept nogil:
    """Clip an array to an upper limit, in place."""
    cdef int64_t i, step = n.axis[axis].step
    cdef item most = <item> n.limit
    if axis < n.axes - 1:
        for i in range(n.axis[axis].length):
            run_at_most(out + i * step, n, axis + 1)
    elif step == 1:
        for i in range(n.axis[axis].length):
            out[i] = most if out[i] > most else out[i]
    else:
        for i in range(n.axis[axis].length):
            out[i * step] = most if out[i * step] > most else out[i * step]


cdef bint run_in_range(const floating *x, const range_t *n) noexcept nogil:
    """Return whether samples are finite and of similar magnitude."""
    if floating is float:
        return in_range_float32(x, n)
    else:
        return in_range_float64(x, n)
