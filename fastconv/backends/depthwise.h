/* Sums over taps where every channel has its own, for the compiled backend, a template: it is included
 * once for each item type, before contract.h, with
 *     T         the item type,
 *     LANES     items in a vector,
 *     NAMED(f)  the name of f for this type.
 *
 * Channels are neighbours and become the columns of a product as in contract.h, but samples are read
 * in vectors of them, too, and a run is a tap.  The last vectors reach back over channels that are done, and write the same
 * again.
 */

#if VECTOR_BYTES
typedef T NAMED(deep_vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef __typeof__((NAMED(deep_vec)){0} < (NAMED(deep_vec)){0}) NAMED(deep_mask);
#define POSITIVE(sum) ((VEC)(~(NAMED(deep_mask))((sum) < 0) & (NAMED(deep_mask))(sum)))
#else
typedef T NAMED(deep_vec);
#define POSITIVE(sum) ((sum) < 0 ? 0 : (sum))
#endif
#define VEC NAMED(deep_vec)

static ALWAYS_INLINE void NAMED(add_taps_of_channels)(T *out, const T *x, const T *w, const T *bias,
                                                      const contract_t *n, int64_t tiles,
                                                      const gemm_row_t *row, const int rows,
                                                      const int vectors)
{
    const run_t *end = n->run + n->first_run[n->blocks];
    for (; tiles; tiles--, row += rows) {
        VEC sum[GEMM_ROWS][2];
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++) sum[r][v] = *(const VEC *)(bias + v * LANES);
        }
        const T *from[GEMM_ROWS];
        UNROLL
        for (int r = 0; r < rows; r++) from[r] = x + row[r].a;
        for (const run_t *tap = n->run; tap < end; tap++) {
            UNROLL
            for (int v = 0; v < vectors; v++) {
                VEC weight = *(const VEC *)(w + tap->b + v * LANES);
                LOADED_ONCE(weight);
                UNROLL
                for (int r = 0; r < rows; r++)
                    sum[r][v] += *(const VEC *)(from[r] + tap->a + v * LANES) * weight;
            }
        }
        UNROLL
        for (int r = 0; r < rows; r++) {
            UNROLL
            for (int v = 0; v < vectors; v++)
                *(VEC *)(out + row[r].out + v * LANES) = n->relu ? POSITIVE(sum[r][v]) : sum[r][v];
        }
    }
}

static void NAMED(some_rows)(T *out, const T *x, const T *w, const T *bias, const contract_t *n,
                             const gemm_row_t *row, const int64_t rows)
{
    const int64_t tiles = rows / GEMM_ROWS, rest = rows % GEMM_ROWS;
    const gemm_row_t *last = row + tiles * GEMM_ROWS;
    int64_t col = 0;
    for (; col + 2 * LANES <= n->cols; col += 2 * LANES) {
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, tiles, row, GEMM_ROWS, 2);
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, rest, last, 1, 2);
    }
    while (col < n->cols && n->cols >= LANES) {
        if (col + LANES > n->cols) col = n->cols - LANES;
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, tiles, row, GEMM_ROWS, 1);
        NAMED(add_taps_of_channels)(out + col, x + col, w + col, bias + col, n, rest, last, 1, 1);
        col += LANES;
    }
    for (; col < n->cols; col++) {
        for (int64_t r = 0; r < rows; r++) {
            T sum = bias[col];
            for (const run_t *tap = n->run; tap < n->run + n->first_run[n->blocks]; tap++)
                sum += x[col + row[r].a + tap->a] * w[col + tap->b];
            out[col + row[r].out] = n->relu && sum < 0 ? 0 : sum;
        }
    }
}

/* All rows, some at a time, so that the samples of their taps stay near for all channels. */
static void NAMED(taps_of_channels)(T *out, const T *x, const T *w, const T *bias, const contract_t *n)
{
    int64_t some = NEAR_ITEMS / n->cols / GEMM_ROWS * GEMM_ROWS;
    if (some < GEMM_ROWS) some = GEMM_ROWS;
    for (int64_t row = 0; row < n->rows; row += some)
        NAMED(some_rows)(out, x, w, bias, n, n->row + row, n->rows - row < some ? n->rows - row : some);
}

#undef POSITIVE
#undef VEC
