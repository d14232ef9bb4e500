"""Copies with conversion: samples with their border, and sums to results."""

from libc.stdint cimport INT64_MAX, INT64_MIN
from libc.string cimport memcpy

cdef extern from "copy.h" nogil:
    ctypedef void row_t(char *, const char *, int64_t, int64_t, int64_t)
    ctypedef void transpose_t(char *, const char *, int64_t, int64_t, int64_t, int64_t)
    ctypedef struct row_axis_t:
        int64_t n
        int64_t to
        int64_t source "from"
        const int64_t *runs
        int64_t n_runs
    ctypedef struct walk_t:
        const row_axis_t *axes
        int last
        row_t *row
        transpose_t *transpose
        int64_t item
        char constant[32]
    row_t *row_for(char source, char to)
    row_t *casting_row_for(char source, char to)
    transpose_t *transpose_for(char source, char to)
    void walk(const walk_t *w, int depth, char *to, const char *source)

cdef bint lay_out(
    walk_t *w,
    row_axis_t *axes,
    row_t *row,
    const Py_buffer *to,
    const Py_buffer *source,
    tuple runs,
    constant,
) except -1:
    """Prepare a copy of all items into `to`, and return whether there is a row function for it.

    The last axes of `to` are filled by `runs`, if any are given; see `boundary.runs`.
    """
    cdef const int64_t[:, ::1] table
    cdef int i, count = 0, first = to.ndim - <int> len(runs), innermost, beside = -1
    if row == NULL:
        return False
    w.row = row
    w.transpose = transpose_for(letter(source), letter(to))
    w.item = to.itemsize
    w.axes = axes
    set_constant(w, letter(to), constant)
    if to.ndim == 0:
        axes[0] = row_axis_t(1, to.itemsize, source.itemsize, NULL, 0)
        count = 1
    for i in range(to.ndim):
        if i < first and count and follows(&axes[count - 1], to, source, i):
            axes[count - 1] = row_axis_t(
                axes[count - 1].n * to.shape[i], to.strides[i], source.strides[i], NULL, 0
            )
            continue
        axes[count] = row_axis_t(to.shape[i], to.strides[i], source.strides[i], NULL, 0)
        if i >= first:
            table = runs[i - first]
            axes[count].runs = &table[0, 0]
            axes[count].n_runs = table.shape[0]
        count += 1
    w.last = innermost = count - 1
    for i in range(count):
        if axes[i].to == to.itemsize and axes[i].n > 1:
            innermost = i
    move(axes, innermost, w.last)
    for i in range(w.last):
        if axes[i].source == source.itemsize and axes[i].n > 1:
            beside = i
    if beside >= 0:
        move(axes, beside, w.last - 1)
    return True


cdef void move(row_axis_t *axes, int start, int end) noexcept:
    """Move an axis to position `end`, keeping the order of the others."""
    cdef row_axis_t moved = axes[start]
    cdef int i
    for i in range(start, end):
        axes[i] = axes[i + 1]
    axes[end] = moved


cdef bint follows(
    const row_axis_t *outer, const Py_buffer *to, const Py_buffer *source, int i
) noexcept:
    """Return whether axis `i` is contiguous with the next item of axis `outer`, in both arrays."""
    return (
        outer.to == to.shape[i] * to.strides[i]
        and outer.source == to.shape[i] * source.strides[i]
    )


cdef int set_constant(walk_t *w, char kind, value) except -1:
    """Fill a block with a number, converted to a type as by `dtypes.store`."""
    cdef int64_t whole
    cdef double number
    cdef Py_ssize_t i
    if hasattr(value, "__index__"):
        whole = min(max(value, INT64_MIN), INT64_MAX)
        row_for(b"q", kind)(w.constant, <const char *> &whole, 1, w.item, sizeof(whole))
    else:
        number = value
        row_for(b"d", kind)(w.constant, <const char *> &number, 1, w.item, sizeof(number))
    for i in range(w.item, sizeof(w.constant), w.item):
        memcpy(w.constant + i, w.constant, w.item)
    return 0
