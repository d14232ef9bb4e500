/* Sums over channels for every item type; to be included after correlate_types.h. */

#include <math.h>

/* What `geometry/gemm.py` makes: an output row, with where it, its factors and its bias begin, or a bit for
 * each of its taps that is outside; a run of terms, with where they begin in `a` and `b`, and how many
 * they are. */
typedef struct {
    int64_t out, a;
    union {
        int64_t bias, outside;
    };
} gemm_row_t;
typedef struct {
    int64_t a, b, n;
} run_t;
typedef struct {
    const gemm_row_t *row;
    const run_t *run;
    const int64_t *first_run;
    int64_t rows, cols, blocks, step_a, step_b, panel_b, bias_col, col_a;
    int64_t most_tiles; /* of columns, whose terms fit a block */
    int64_t line, line_taps; /* rows and runs of an innermost axis */
    int relu;
    double ceiling; /* infinity, or what results are at most */
} contract_t;
/* Some terms for some columns, what their sums start from, and whether no others follow. */
typedef struct {
    const run_t *run, *end;
    int64_t columns;
    int start, last;
} block_t;

#define GEMM_ROWS 6
/* The most outputs of a line that share samples of depthwise sums. */
#define LINE_OUTPUTS 7
/* The least terms of a line whose depthwise sums stay in registers while they share samples. */
#define LINE_TERMS 6
/* Terms of a line that are added for all channels before the next ones. */
#define NEAR_TERMS 28
#define BLOCK_TERMS 512
/* Terms and sums of as many rows as panels come to at a time, and these rows at least. */
#define ROWS_ITEMS 65536
#define LEAST_ROWS 192
/* Samples of a product that a core's own caches have no room for. */
#define FAR_ITEMS 131072
/* Items of as many rows of channels as are filtered at a time. */
#define NEAR_ITEMS 8192
enum { FROM_OUT, FROM_ROWS, FROM_COLUMNS };

#define T float
#define LANES (VECTOR_BYTES / 4)
#define NAMED(f) f##_float32
#include "gemm.h"

#define T double
#define LANES (VECTOR_BYTES / 8)
#define NAMED(f) f##_float64
#include "gemm.h"
