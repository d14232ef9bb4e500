"""The loops around sums of windows."""

from libc.stdint cimport uint8_t, uint16_t

from ..geometry.box import window_nest

cdef extern from "box_types.h" nogil:
    void window_sums_float32(
        float *out, const float *x, float w, float bias, const int64_t *planes,
        const nest_t *n, float *room, int64_t strip
    )
    void window_sums_float64(
        double *out, const double *x, double w, double bias, const int64_t *planes,
        const nest_t *n, double *room, int64_t strip
    )
    void window_sums_int64(
        int64_t *out, const int64_t *x, int64_t w, int64_t bias, const int64_t *planes,
        const nest_t *n, int64_t *room, int64_t strip
    )
    void window_sums_uint8(
        uint8_t *out, const uint8_t *x, float w, float bias, const int64_t *planes,
        const nest_t *n, char *room, int64_t strip
    )
    void window_sums_uint16(
        uint16_t *out, const uint16_t *x, float w, float bias, const int64_t *planes,
        const nest_t *n, char *room, int64_t strip
    )

ctypedef fused narrow:
    uint8_t
    uint16_t

ctypedef struct windows_t:
    nest_t tile
    int64_t strip  # columns that are summed at a time


cdef void run_windows(
    item *out,
    const item *x,
    const item *w,
    const item *bias,
    item *room,
    const int64_t *loop,
    Py_ssize_t loops,
    const int64_t *planes,
    const windows_t *windows,
) noexcept nogil:
    """Run the outer loops, and the sums of a slab inside the last one."""
    cdef const nest_t *tile = &windows.tile
    cdef int64_t i
    if loops == 0:
        if item is float:
            window_sums_float32(out, x, w[0], bias[0], planes, tile, room, windows.strip)
        elif item is double:
            window_sums_float64(out, x, w[0], bias[0], planes, tile, room, windows.strip)
        else:
            window_sums_int64(out, x, w[0], bias[0], planes, tile, room, windows.strip)
        return
    for i in range(loop[0]):
        run_windows(
            out + i * loop[1], x + i * loop[2], w + i * loop[3], bias + i * loop[4], room,
            loop + 5, loops - 1, planes, windows,
        )


cdef void run_narrow_windows(
    narrow *out,
    const narrow *x,
    const float *w,
    const float *bias,
    char *room,
    const int64_t *loop,
    Py_ssize_t loops,
    const int64_t *planes,
    const windows_t *windows,
) noexcept nogil:
    """Run them for small integers, whose weights are floats."""
    cdef int64_t i
    if loops == 0:
        if narrow is uint8_t:
            window_sums_uint8(out, x, w[0], bias[0], planes, &windows.tile, room, windows.strip)
        else:
            window_sums_uint16(out, x, w[0], bias[0], planes, &windows.tile, room, windows.strip)
        return
    for i in range(loop[0]):
        run_narrow_windows(
            out + i * loop[1], x + i * loop[2], w + i * loop[3], bias + i * loop[4], room,
            loop + 5, loops - 1, planes, windows,
        )
