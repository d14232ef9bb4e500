"""The loops around sums over channels: included by a module for each instruction set."""

from cython cimport floating

from ..geometry import gemm as contraction

cdef extern from "gemm_types.h" nogil:
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
        int relu
        double ceiling
    void contract_float32(
        float *out, const float *a, const float *b, const float *bias, const contract_t *n
    )
    void contract_float64(
        double *out, const double *a, const double *b, const double *bias, const contract_t *n
    )

VECTOR = VECTOR_BYTES


cdef class Contraction:
    """The product of arrays with some shapes and strides."""
    cdef Operands tables
    cdef contract_t product

    def __cinit__(self, loops, rows, runs, blocks, numbers_of_it):
        self.tables = Operands(loops, rows, runs, blocks, numbers_of_it)
        cdef const int64_t *numbers = self.tables.numbers(4)
        self.product.rows = self.tables.rows(1)
        self.product.blocks = self.tables.rows(3) - 1
        self.product.first_run = self.tables.numbers(3)
        self.product.row = <const gemm_row_t *> self.tables.numbers(1)
        self.product.run = <const run_t *> self.tables.numbers(2)
        self.product.cols = numbers[0]
        self.product.step_a = numbers[1]
        self.product.step_b = numbers[2]
        self.product.panel_b = numbers[3]
        self.product.bias_col = numbers[4]
        self.product.most_tiles = numbers[5]
        self.product.col_a = numbers[6]
        self.product.line = numbers[7]
        self.product.line_taps = numbers[8]
        self.product.ceiling = INFINITY


cdef enum:
    MOST_PRODUCTS = 256


cdef dict products = {}


cdef Contraction product_of(Operands operands, build, tuple arrays, tuple extra):
    """Return the product of arrays, cached for the same shapes and strides."""
    cdef Contraction found
    key = (build, operands.geometry(), letter(operands.arrays), extra)
    found = products.get(key)
    if found is None:
        if len(products) >= MOST_PRODUCTS:
            products.clear()
        products[key] = found = Contraction(
            *contraction.contraction(build, arrays, *extra)
        )
    return found


cdef void run_products(
    floating *out,
    const floating *a,
    const floating *b,
    const floating *bias,
    const int64_t *loop,
    Py_ssize_t loops,
    const contract_t *product,
) noexcept nogil:
    """Run the loops, and the product inside the last one."""
    cdef int64_t i
    if loops == 0:
        if floating is float:
            contract_float32(out, a, b, bias, product)
        elif floating is double:
            contract_float64(out, a, b, bias, product)
        return
    for i in range(loop[0]):
        run_products(
            out + i * loop[1], a + i * loop[2], b + i * loop[3], bias + i * loop[4],
            loop + 5, loops - 1, product,
        )
