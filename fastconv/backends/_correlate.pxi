"""The loops around the tiles.

`loop_nest.py` says what the numbers in `loops`, `planes` and `tile` are.
"""

from .loop_nest import loop_nest

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

cdef enum:
    KEPT = 4096


cdef class Nest:
    """The loops of arrays with some shapes and strides."""
    cdef const int64_t[:, ::1] loops, planes
    cdef nest_t tile

    def __cinit__(self, loops, planes, const int64_t[::1] tile):
        self.loops = loops
        self.planes = planes
        self.tile = extents(tile, self.planes.shape[0], False)


cdef nest_t extents(const int64_t[::1] tile, Py_ssize_t planes, bint relu) noexcept:
    """Return the extents and steps of a tile as the C code reads them."""
    return nest_t(
        tile[0], tile[1], tile[2], tile[3], tile[4], tile[5],
        tile[6], tile[7], tile[8], tile[9], tile[10], tile[11],
        planes, relu,
    )


cdef dict nests = {}


def correlate(out, x, w, bias, tuple stride, tuple dilation, bint relu):
    """Run the hot loop; `_protocol.py` says what it does."""
    cdef Py_buffer arrays[4]
    cdef int held = 0
    cdef Nest nest
    cdef nest_t tile
    try:
        for operand in (out, x, w, bias):
            PyObject_GetBuffer(operand, &arrays[held], PyBUF_STRIDES | PyBUF_FORMAT)
            held += 1
        key = (geometry(arrays, 4), letter(arrays), stride, dilation)
        nest = nests.get(key)
        if nest is None:
            if len(nests) >= KEPT:
                nests.clear()
            nests[key] = nest = Nest(*loop_nest(out, x, w, bias, stride, dilation))
        tile = nest.tile
        tile.relu = relu
        if letter(arrays) == b"f":
            run_nest[float](arrays, nest.loops, nest.planes, &tile)
        elif letter(arrays) == b"d":
            run_nest[double](arrays, nest.loops, nest.planes, &tile)
        else:
            run_nest[int64_t](arrays, nest.loops, nest.planes, &tile)
    finally:
        while held:
            held -= 1
            PyBuffer_Release(&arrays[held])


cdef bytes geometry(const Py_buffer *arrays, int operands):
    """Return the shapes and strides of operands, in one row."""
    cdef Py_ssize_t numbers[8 * MOST_AXES]
    cdef int count = 0, operand, axis
    for operand in range(operands):
        for axis in range(arrays[operand].ndim):
            numbers[count] = arrays[operand].shape[axis]
            numbers[count + 1] = arrays[operand].strides[axis]
            count += 2
    return (<const char *> numbers)[:count * sizeof(Py_ssize_t)]


cdef void run_nest(
    const Py_buffer *arrays,
    const int64_t[:, ::1] loops,
    const int64_t[:, ::1] planes,
    const nest_t *tile,
    const item *_=NULL,
) noexcept:
    with nogil:
        run_loops(
            <item *> arrays[0].buf, <const item *> arrays[1].buf, <const item *> arrays[2].buf,
            <const item *> arrays[3].buf, loops, 0, &planes[0, 0], tile,
        )


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
