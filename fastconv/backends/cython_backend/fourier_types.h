/* The Fourier transforms of the compiled backend for both float types. */

#include "vectors.h"

/* Extents and steps of a transform, in items: `cols` columns of n items, of which x has rows_x and
 * out takes rows_out, `block` at a time. */
typedef struct {
    int64_t n, cols, rows_x, rows_out, block;
    int64_t plane_x, row_x, col_x;
    int64_t plane_out, row_out, col_out;
    int64_t plane_s, row_s, col_s;
    int forward, inverse, negacyclic;
} fourier_t;

#define T float
#define LANES (VECTOR_BYTES / 4)
#define QUAD 4
#define PLACE int32_t
#define NAME(f) fft_##f##_float32
#include "fourier.h"

#define T double
#define LANES (VECTOR_BYTES / 8)
#define QUAD 2
#define PLACE int64_t
#define NAME(f) fft_##f##_float64
#include "fourier.h"
