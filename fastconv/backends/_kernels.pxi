"""The loops around the tiles: one body, included by a module for each instruction set.

`loop_nest.py` says what the numbers in `loops`, `planes` and `tile` are.
"""

from libc.stdint cimport int64_t

cdef extern from "tiles.h" nogil:
    ctypedef struct nest_t:
        int64_t rows, row_out, row_x, kh, tap_row_x, tap_row_w
        int64_t cols, col_out, col_x, kw, tap_col_x, tap_col_w
        int64_t n_planes
        int relu
    void slab_float32(
        float *out, const float *x, const float *w, float bias, const int64_t *planes,
        const nest_t *n
    )
    void slab_float64(
        double *out, const double *x, const double *w, double bias, const int64_t *planes,
        const nest_t *n
    )
    void slab_int64(
        int64_t *out, const int64_t *x, const int64_t *w, int64_t bias, const int64_t *planes,
        const nest_t *n
    )

ctypedef fused item:
    float
    double
    int64_t


def correlate(
    item[::1] out,
    const item[::1] x,
    const item[::1] w,
    const item[::1] bias,
    const int64_t[:, ::1] loops,
    const int64_t[:, ::1] planes,
    const int64_t[::1] tile,
    bint relu,
):
    cdef nest_t nest = nest_t(
        tile[0], tile[1], tile[2], tile[3], tile[4], tile[5],
        tile[6], tile[7], tile[8], tile[9], tile[10], tile[11],
        planes.shape[0], relu,
    )
    with nogil:
        run_loops(&out[0], &x[0], &w[0], &bias[0], loops, 0, &planes[0, 0], &nest)


cdef void run_loops(
    item *out,
    const item *x,
    const item *w,
    const item *bias,
    const int64_t[:, ::1] loops,
    Py_ssize_t depth,
    const int64_t *planes,
    const nest_t *nest,
) noexcept nogil:
    """Run the outer loops from `depth` inwards, and the tiles inside the last one."""
    cdef int64_t i
    if depth == loops.shape[0]:
        if item is float:
            slab_float32(out, x, w, bias[0], planes, nest)
        elif item is double:
            slab_float64(out, x, w, bias[0], planes, nest)
        else:
            slab_int64(out, x, w, bias[0], planes, nest)
        return
    for i in range(loops[depth, 0]):
        run_loops(
            out + i * loops[depth, 1],
            x + i * loops[depth, 2],
            w + i * loops[depth, 3],
            bias + i * loops[depth, 4],
            loops, depth + 1, planes, nest,
        )
