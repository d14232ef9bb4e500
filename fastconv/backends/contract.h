/* Sums over channels for the compiled backend, a template: it is included once for each item type,
 * with
 *     T         the item type,
 *     LANES     items in a vector,
 *     NAMED(f)  the name of f for this type.
 *
 * It is a matrix product whose rows lie anywhere: out[r, c] = sum over t of a[r, t] * b[t, c].  A tile
 * is up to six rows by two vectors of columns, whose sums stay in registers; a vector of b serves all
 * rows.  The terms of a sum come in blocks, so that the two vectors of b for each term of a block stay
 * in the nearest cache for all rows.  An output's terms are summed in the order of the runs, whatever
 * tile and block it falls into.
 */

#if VECTOR_BYTES
typedef T NAMED(gemm_vec) __attribute__((vector_size(LANES * sizeof(T)), aligned(sizeof(T)), may_alias));
typedef __typeof__((NAMED(gemm_vec)){0} < (NAMED(gemm_vec)){0}) NAMED(gemm_mask);
#define POSITIVE(sum) ((VEC)(~(NAMED(gemm_mask))((sum) < 0) & (NAMED(gemm_mask))(sum)))
#else
typedef T NAMED(gemm_vec);
#define POSITIVE(sum) ((sum) < 0 ? 0 : (sum))
#endif
#define VEC NAMED(gemm_vec)
#define WIDTH (2 * LANES)

typedef struct {
    T *out[GEMM_ROWS];
    const T *a[GEMM_ROWS], *bias[GEMM_ROWS];
} NAMED(rows_t);

/* One tile.  Sums start from a bias for each row, from one for each column (`by_column`), or from what
 * `out` holds. */
static ALWAYS_INLINE void NAMED(add_products)(const NAMED(rows_t) *at, const T *b, const run_t *run,
                                              const run_t *end, const int64_t step_a, const int start,
                                              const T *by_column, const int relu, const int rows,
                                              const int vectors)
{
    const VEC zero = {0};
    VEC sum[GEMM_ROWS][2];
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++) {
            if (start == FROM_OUT) sum[r][v] = *(const VEC *)(at->out[r] + v * LANES);
            else if (start == FROM_ROWS) sum[r][v] = zero + at->bias[r][0];
            else sum[r][v] = *(const VEC *)(by_column + v * LANES);
        }
    }
    for (; run < end; run++) {
        const T *a[GEMM_ROWS];
        UNROLL
        for (int r = 0; r < rows; r++) a[r] = at->a[r] + run->a;
        int64_t place = 0;
        for (int64_t t = 0; t < run->n; t++, place += step_a, b += WIDTH) {
            VEC value[2];
            UNROLL
            for (int v = 0; v < vectors; v++) {
                value[v] = *(const VEC *)(b + v * LANES);
                LOADED_ONCE(value[v]);
            }
            UNROLL
            for (int r = 0; r < rows; r++) {
                const T factor = a[r][place];
                UNROLL
                for (int v = 0; v < vectors; v++) sum[r][v] += value[v] * factor;
            }
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++) {
        UNROLL
        for (int v = 0; v < vectors; v++)
            *(VEC *)(at->out[r] + v * LANES) = relu ? POSITIVE(sum[r][v]) : sum[r][v];
    }
}

typedef void NAMED(gemm_t)(const NAMED(rows_t) *, const T *, const run_t *, const run_t *, int64_t, int,
                           const T *, int);

#define TILE(name, rows, vectors)                                                                     \
    static void NAMED(name)(const NAMED(rows_t) *at, const T *b, const run_t *run, const run_t *end,  \
                            int64_t step_a, int start, const T *by_column, int relu)                  \
    {                                                                                                 \
        if (step_a == 1)                                                                              \
            NAMED(add_products)(at, b, run, end, 1, start, by_column, relu, rows, vectors);           \
        else                                                                                          \
            NAMED(add_products)(at, b, run, end, step_a, start, by_column, relu, rows, vectors);      \
    }
TILE(gemm_1x1, 1, 1) TILE(gemm_2x1, 2, 1) TILE(gemm_3x1, 3, 1)
TILE(gemm_4x1, 4, 1) TILE(gemm_5x1, 5, 1) TILE(gemm_6x1, 6, 1)
TILE(gemm_1x2, 1, 2) TILE(gemm_2x2, 2, 2) TILE(gemm_3x2, 3, 2)
TILE(gemm_4x2, 4, 2) TILE(gemm_5x2, 5, 2) TILE(gemm_6x2, 6, 2)
#undef TILE

static NAMED(gemm_t) *const NAMED(gemm)[2][GEMM_ROWS] = {
    {NAMED(gemm_1x1), NAMED(gemm_2x1), NAMED(gemm_3x1), NAMED(gemm_4x1), NAMED(gemm_5x1),
     NAMED(gemm_6x1)},
    {NAMED(gemm_1x2), NAMED(gemm_2x2), NAMED(gemm_3x2), NAMED(gemm_4x2), NAMED(gemm_5x2),
     NAMED(gemm_6x2)},
};

/* The terms of a block for some columns, in the order of the runs; columns that miss are zeros. */
static void NAMED(pack)(T *packed, const T *b, const run_t *run, const run_t *end, int64_t step_b,
                        int64_t columns)
{
    for (; run < end; run++) {
        const T *from = b + run->b;
        for (int64_t t = 0; t < run->n; t++, from += step_b, packed += WIDTH) {
            if (columns == WIDTH) {
                for (int v = 0; v < 2; v++)
                    *(VEC *)(packed + v * LANES) = *(const VEC *)(from + v * LANES);
                continue;
            }
            for (int64_t c = 0; c < WIDTH; c++) packed[c] = c < columns ? from[c] : 0;
        }
    }
}

/* All rows of some columns, for a block of terms. */
static void NAMED(contract_rows)(T *out, const T *a, const T *b, const T *bias, const contract_t *n,
                                 const run_t *run, const run_t *end, int start, const T *by_column,
                                 int relu, int64_t columns)
{
    const int64_t tiles = (n->rows + GEMM_ROWS - 1) / GEMM_ROWS;
    const int partial = columns % LANES != 0;
    T edge[GEMM_ROWS * WIDTH];
    for (int64_t tile = 0; tile < tiles; tile++) {
        const int64_t first = n->rows * tile / tiles, rows = n->rows * (tile + 1) / tiles - first;
        const gemm_row_t *row = n->row + first;
        NAMED(rows_t) at;
        for (int64_t r = 0; r < rows; r++) {
            at.out[r] = partial ? edge + r * WIDTH : out + row[r].out;
            at.a[r] = a + row[r].a;
            at.bias[r] = bias + row[r].bias;
            if (partial && start == FROM_OUT)
                memcpy(at.out[r], out + row[r].out, columns * sizeof(T));
        }
        NAMED(gemm)[columns > LANES][rows - 1](&at, b, run, end, n->step_a, start, by_column, relu);
        if (partial)
            for (int64_t r = 0; r < rows; r++)
                memcpy(out + row[r].out, at.out[r], columns * sizeof(T));
    }
}

static void NAMED(contract)(T *out, const T *a, const T *b, const T *bias, const contract_t *n)
{
    T packed[BLOCK_TERMS * WIDTH], by_column[WIDTH];
    int64_t columns;
    for (int64_t col = 0; col < n->cols; col += columns) {
        columns = n->cols - col < WIDTH ? n->cols - col : WIDTH;
        const T *panel = n->panel_b ? b + col / WIDTH * n->panel_b : b + col;
        for (int64_t c = 0; c < WIDTH; c++)
            by_column[c] = n->bias_col && c < columns ? bias[col + c] : 0;
        for (int64_t block = 0; block < n->blocks; block++) {
            const run_t *run = n->run + n->first_run[block], *end = n->run + n->first_run[block + 1];
            const T *terms = panel + run->b;
            if (!n->panel_b) {
                NAMED(pack)(packed, panel, run, end, n->step_b, columns);
                terms = packed;
            }
            const int first = n->accumulate ? FROM_OUT : n->bias_col ? FROM_COLUMNS : FROM_ROWS;
            NAMED(contract_rows)(out + col, a, terms, bias, n, run, end, block ? FROM_OUT : first,
                                 by_column, n->relu && block == n->blocks - 1, columns);
        }
    }
}

#undef POSITIVE
#undef VEC
#undef WIDTH
#undef LANES
#undef NAMED
#undef T
