"""The loops around the tiles.

`geometry/nest.py` says what the numbers in `loops`, `planes` and `tile` are.
"""

from ..geometry.nest import loop_nest
from ..geometry.sparse import sparse_nest

cdef extern from "correlate_types.h" nogil:
    enum:
        MOST_ROWS
        VECTORS
        INTEGERS
    ctypedef struct nest_t:
        int64_t rows, row_out, row_x, kh, tap_row_x, tap_row_w
        int64_t cols, col_out, col_x, kw, tap_col_x, tap_col_w
        int64_t last_axis
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

TILE = MOST_ROWS, VECTORS  # rows and vectors of outputs whose sums stay in registers
INTEGER_LANES = INTEGERS  # 64-bit integers that are multiplied at a time

ctypedef fused item:
    float
    double
    int64_t


cdef class Nest:
    """The loops of arrays with some shapes and strides."""
    cdef Operands tables
    cdef nest_t tile

    def __cinit__(self, loops, planes, tile):
        self.tables = Operands(loops, planes, tile)
        cdef const int64_t *n = self.tables.numbers(2)
        self.tile = nest_t(
            n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10], n[11], n[12],
            self.tables.rows(1), False,
        )


cdef void run_loops(
    item *out,
    const item *x,
    const item *w,
    const item *bias,
    const int64_t *loop,
    Py_ssize_t loops,
    const int64_t *planes,
    const nest_t *nest,
) noexcept nogil:
    """Run the outer loops, and the tiles inside the last one."""
    cdef int64_t i
    if loops == 0:
        if item is float:
            slab_float32(out, x, w, bias[0], planes, nest)
        elif item is double:
            slab_float64(out, x, w, bias[0], planes, nest)
        else:
            slab_int64(out, x, w, bias[0], planes, nest)
        return
    for i in range(loop[0]):
        run_loops(
            out + i * loop[1], x + i * loop[2], w + i * loop[3], bias + i * loop[4],
            loop + 5, loops - 1, planes, nest,
        )
