"""The loops around sums of windows: included by a module for each instruction set."""

cdef extern from "boxes.h" nogil:
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


def window_sums(
    item[::1] out,
    const item[::1] x,
    const item[::1] w,
    const item[::1] bias,
    const int64_t[:, ::1] loops,
    const int64_t[:, ::1] planes,
    const int64_t[::1] tile,
    item[::1] room,
    int64_t strip,
    bint relu,
):
    cdef nest_t nest = extents(tile, planes.shape[0], relu)
    cdef int64_t slab, slabs = 1, rest, index, o, i, j, b
    cdef Py_ssize_t depth
    for depth in range(loops.shape[0]):
        slabs *= loops[depth, 0]
    with nogil:
        for slab in range(slabs):
            rest = slab
            o = i = j = b = 0
            for depth in range(loops.shape[0] - 1, -1, -1):
                index = rest % loops[depth, 0]
                rest //= loops[depth, 0]
                o += index * loops[depth, 1]
                i += index * loops[depth, 2]
                j += index * loops[depth, 3]
                b += index * loops[depth, 4]
            if item is float:
                window_sums_float32(
                    &out[o], &x[i], w[j], bias[b], &planes[0, 0], &nest, &room[0], strip
                )
            elif item is double:
                window_sums_float64(
                    &out[o], &x[i], w[j], bias[b], &planes[0, 0], &nest, &room[0], strip
                )
            else:
                window_sums_int64(
                    &out[o], &x[i], w[j], bias[b], &planes[0, 0], &nest, &room[0], strip
                )
