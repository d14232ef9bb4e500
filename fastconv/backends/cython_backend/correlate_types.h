/* The tiles of the compiled backend for every item type, in the vectors of the instruction set that
 * the file is compiled for. */

#include "vectors.h"

#if !defined(__clang__)
/* GCC would carry weights from one turn of a loop to the next, in the registers of sums. */
#pragma GCC optimize("no-tree-pre,no-code-hoisting")
#endif

/* Twelve sums and what feeds them fit 16 registers, and sixteen 32. */
#define VECTORS (VECTOR_BYTES == 64 ? 4 : 3)
#define MOST_ROWS 4
#define MOST_VECTORS 8
#define MOST_FEW 9
/* Unrolled squares run out of registers where products have one of their own before they are added, and
 * in Clang. */
#if VECTOR_BYTES > 16 && !defined(__clang__)
#define SQUARES 1
#else
#define SQUARES 0
#endif
/* Bytes of rows of samples that are read again before the next block of columns. */
#define NEAR 131072

/* Extents and steps of a slab, in items; `geometry/nest.py` makes them. */
typedef struct {
    int64_t rows, row_out, row_x, kh, tap_row_x, tap_row_w;
    int64_t cols, col_out, col_x, kw, tap_col_x, tap_col_w;
    int64_t last_axis;
    int64_t n_planes;
    int relu;
} nest_t;

/* Whether the order of sums matters. */
#define HALVED 1

#define T float
#define WIDE (VECTOR_BYTES / 4)
#define NARROW 4
#define NAMED(f) f##_float32
#include "correlate_widths.h"

#define T double
#define WIDE (VECTOR_BYTES / 8)
#define NARROW 2
#define NAMED(f) f##_float64
#include "correlate_widths.h"

/* Of 64 bits, in a vector: few processors multiply these in vectors. */
#if defined(__AVX512DQ__) && VECTOR_BYTES == 64
#define INTEGERS 8
#else
#define INTEGERS 1
#endif

#undef HALVED
#define HALVED 0

#define T int64_t
#define WIDE INTEGERS
#define NARROW (INTEGERS > 1 ? 2 : 1)
#define NAMED(f) f##_int64
#include "correlate_widths.h"
