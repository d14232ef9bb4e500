"""The loops around sums over channels: included by a module for each instruction set."""

from cython cimport floating

from .contraction import contraction

cdef extern from "contracts.h" nogil:
    enum:
        VECTOR_BYTES
    ctypedef struct gemm_row_t:
        int64_t out, a, bias
    ctypedef struct run_t:
        int64_t a, b, n
    ctypedef struct contract_t:
        const gemm_row_t *row
        const run_t *run
        const int64_t *first_run
        int64_t rows, cols, blocks, step_a, step_b, panel_b
        int64_t bias_col, col_a, most_tiles, line, line_taps
        int accumulate, relu
    void contract_float32(
        float *out, const float *a, const float *b, const float *bias, const contract_t *n
    )
    void contract_float64(
        double *out, const double *a, const double *b, const double *bias, const contract_t *n
    )

VECTOR = VECTOR_BYTES


cdef class Contraction:
    """The product of arrays with some shapes and strides."""
    cdef const int64_t[:, ::1] loops, rows, runs
    cdef const int64_t[::1] blocks
    cdef contract_t product

    def __cinit__(self, loops, rows, runs, blocks, const int64_t[::1] numbers):
        self.loops = loops
        self.rows = rows
        self.runs = runs
        self.blocks = blocks
        self.product.rows = self.rows.shape[0]
        self.product.blocks = self.blocks.shape[0] - 1
        self.product.first_run = &self.blocks[0]
        self.product.row = <const gemm_row_t *> &self.rows[0, 0]
        self.product.run = <const run_t *> &self.runs[0, 0]
        self.product.cols = numbers[0]
        self.product.step_a = numbers[1]
        self.product.step_b = numbers[2]
        self.product.panel_b = numbers[3]
        self.product.bias_col = numbers[4]
        self.product.most_tiles = numbers[5]
        self.product.col_a = numbers[6]
        self.product.line = numbers[7]
        self.product.line_taps = numbers[8]


cdef enum:
    MOST_PRODUCTS = 256


cdef dict products = {}


def contract(build, tuple arrays, tuple extra, int a, int b, int bias, bint relu):
    """Run the product of some arrays, of which the first is `out`.

    `a`, `b` and `bias` are the places of these operands; without a bias, -1, `out` is added to.
    """
    cdef Py_buffer held[4]
    cdef int count = 0
    cdef Contraction found
    cdef contract_t product
    try:
        for array in arrays:
            PyObject_GetBuffer(array, &held[count], PyBUF_STRIDES | PyBUF_FORMAT)
            count += 1
        key = (build, geometry(held, count), letter(held), extra)
        found = products.get(key)
        if found is None:
            if len(products) >= MOST_PRODUCTS:
                products.clear()
            products[key] = found = Contraction(*contraction(build, arrays, *extra))
        product = found.product
        product.relu = relu
        product.accumulate = bias < 0
        if bias < 0:
            bias = 0
        if letter(held) == b"f":
            run_products[float](
                <float *> held[0].buf, <const float *> held[a].buf, <const float *> held[b].buf,
                <const float *> held[bias].buf, found.loops, &product,
            )
        else:
            run_products[double](
                <double *> held[0].buf, <const double *> held[a].buf,
                <const double *> held[b].buf, <const double *> held[bias].buf, found.loops,
                &product,
            )
    finally:
        while count:
            count -= 1
            PyBuffer_Release(&held[count])


cdef void run_products(
    floating *out,
    const floating *a,
    const floating *b,
    const floating *bias,
    const int64_t[:, ::1] loops,
    const contract_t *product,
) noexcept:
    with nogil:
        run_product_loops(out, a, b, bias, loops, 0, product)


cdef void run_product_loops(
    floating *out,
    const floating *a,
    const floating *b,
    const floating *bias,
    const int64_t[:, ::1] loops,
    Py_ssize_t depth,
    const contract_t *product,
) noexcept nogil:
    """Run the loops from `depth` inwards, and the product inside the last one."""
    cdef int64_t i
    if depth == loops.shape[0]:
        if floating is float:
            contract_float32(out, a, b, bias, product)
        elif floating is double:
            contract_float64(out, a, b, bias, product)
        return
    for i in range(loops[depth, 0]):
        run_product_loops(
            out + i * loops[depth, 1],
            a + i * loops[depth, 2],
            b + i * loops[depth, 3],
            bias + i * loops[depth, 4],
            loops, depth + 1, product,
        )
